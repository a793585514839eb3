//! The MPS2 board with the AN500 image, as QEMU emulates it: a Cortex-M7 at 25 MHz.

pub use crate::semihosting::{command_line, exit, write};
use crate::serial::cmsdk::Uart;

/// Instructions per SysTick tick, as numerator and denominator.
///
/// The arithmetic is that of `qemu-mps2-an386`: 64 ns an instruction, 40 ns a tick.
pub const INSTRUCTIONS_PER_TICK: (u64, u64) = (5, 8);

/// UART 0, at 115,200 baud.
#[allow(unsafe_code)]
pub fn serial() -> Uart {
    // SAFETY: the board's first UART has its registers there, and nothing else uses it.
    unsafe { Uart::at(0x4000_4000, 217) }
}
