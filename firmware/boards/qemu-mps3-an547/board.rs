//! The MPS3 board with the AN547 image, as QEMU emulates it: a Cortex-M55 at 32 MHz.

pub use crate::entropy::none as entropy;
pub use crate::semihosting::{command_line, exit, write};

use crate::measure::Clock;
use crate::serial::cmsdk::Uart;

/// SysTick counts instructions.
///
/// An instruction lasts 64 ns (`-icount shift=6`), a tick of 32 MHz 31.25 ns.
pub const CLOCK: Clock = Clock { counts: "instructions", per_tick: (125, 256) };

/// UART 0, at 115,200 baud, by its secure address.
pub fn serial() -> Uart {
    // SAFETY: the board's first UART has its registers there, and nothing else uses it.
    unsafe { Uart::at(0x5930_3000, 278) }
}
