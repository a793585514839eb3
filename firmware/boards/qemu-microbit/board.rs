//! The BBC micro:bit, as QEMU emulates it: a Cortex-M0 at 16 MHz.
//!
//! The chip itself has no SysTick; QEMU's has.

pub use crate::semihosting::{command_line, exit, write};

use crate::entropy::nrf;
use crate::measure::Clock;
use crate::serial::nrf::Uart;

/// SysTick counts instructions.
///
/// An instruction lasts 64 ns (`-icount shift=6`), a tick of 16 MHz 62.5 ns.
pub const CLOCK: Clock = Clock { counts: "instructions", per_tick: (125, 128) };

/// The UART, at 115,200 baud on the pins that the USB chip is on.
pub fn serial() -> Uart {
    // SAFETY: the board's first UART has its registers there, and nothing else uses it.
    unsafe { Uart::at(0x4000_2000, 24, 25) }
}

/// Eight bytes of the chip's generator.
pub fn entropy() -> u64 {
    // SAFETY: it has its registers there, and nothing else uses it.
    unsafe { nrf::read(0x4000_d000) }
}
