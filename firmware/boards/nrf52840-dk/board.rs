//! Nordic's nRF52840-DK: a Cortex-M4F at 64 MHz.
//!
//! Built, and not run: nobody has tried it on a board yet.

pub use crate::rtt::{command_line, exit, write};

use crate::entropy::nrf;
use crate::measure::Clock;
use crate::serial::nrf::Uart;

/// SysTick counts the core's cycles.
pub const CLOCK: Clock = Clock { counts: "cycles", per_tick: (1, 1) };

/// The chip's older UART, at 115,200 baud on the pins P0.06 and P0.08, where the debug probe has its serial port.
pub fn serial() -> Uart {
    // SAFETY: it has its registers there, and nothing else uses it, the pins or the clock.
    unsafe { Uart::at(0x4000_2000, 6, 8) }
}

/// Eight bytes of the chip's generator.
pub fn entropy() -> u64 {
    // SAFETY: it has its registers there, and nothing else uses it.
    unsafe { nrf::read(0x4000_d000) }
}
