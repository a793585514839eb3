//! Raspberry Pi's Pico, an RP2040: a Cortex-M0+, at the 6 MHz or so of the ring that it starts with; with a line at the
//! 12 MHz of its crystal.
//!
//! Built, and not run: nobody has tried it on a board yet.

pub use crate::rtt::{command_line, exit, write};

use crate::entropy::ring;
use crate::measure::Clock;
use crate::serial::pl011::{RP2040, Uart};

/// SysTick counts the core's cycles.
pub const CLOCK: Clock = Clock { counts: "cycles", per_tick: (1, 1) };

/// What the chip's loader reads first, to reach the rest of the flash.
#[unsafe(link_section = ".boot2")]
#[used]
static BOOT2: [u8; 256] = rp2040_boot2::BOOT_LOADER_W25Q080;

/// UART 0, at 115,200 baud on the pins GP0 (send) and GP1 (receive), where a debug probe's serial port goes.
pub fn serial() -> Uart {
    // SAFETY: it is an RP2040 with a crystal of 12 MHz, and nothing else uses these.
    unsafe { Uart::at(&RP2040) }
}

/// A word of the chip's ring.
pub fn entropy() -> u64 {
    // SAFETY: it has its registers there.
    unsafe { ring::read(0x4006_0000) }
}
