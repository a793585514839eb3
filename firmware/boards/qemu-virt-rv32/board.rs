//! QEMU's machine `virt` with one 32-bit hart, whose `time` ticks at 10 MHz.

pub use crate::entropy::none as entropy;
pub use crate::semihosting::{command_line, exit, write};

use crate::measure::Clock;
use crate::serial::ns16550::Uart;

/// The register `time` counts instructions.
///
/// An instruction lasts 64 ns (`-icount shift=6`), a tick 100 ns. `instret` has no fixed meaning: some
/// versions of QEMU count nanoseconds in it.
pub const CLOCK: Clock = Clock { counts: "instructions", per_tick: (25, 16) };

/// The UART.
pub fn serial() -> Uart {
    // SAFETY: the board's first UART has its registers there, and nothing else uses it.
    unsafe { Uart::at(0x1000_0000) }
}
