//! The MPS2 board with the AN500 image, as QEMU emulates it: a Cortex-M7 at 25 MHz.

pub use crate::entropy::none as entropy;
pub use crate::semihosting::{command_line, exit, write};

use crate::measure::Clock;
use crate::serial::cmsdk::Uart;

/// SysTick counts instructions.
///
/// The arithmetic is that of `qemu-mps2-an386`: 64 ns an instruction, 40 ns a tick.
pub const CLOCK: Clock = Clock { counts: "instructions", per_tick: (5, 8) };

/// UART 0, at 115,200 baud.
pub fn serial() -> Uart {
    // SAFETY: the board's first UART has its registers there, and nothing else uses it.
    unsafe { Uart::at(0x4000_4000, 217) }
}
