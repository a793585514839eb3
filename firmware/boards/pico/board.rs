//! Raspberry Pi's Pico, an RP2040: a Cortex-M0+, at the 6 MHz or so of the ring that it starts with.
//!
//! Built, and not run: nobody has tried it on a board yet.

pub use crate::rtt::{command_line, exit, write};

use crate::measure::Clock;

/// SysTick counts the core's cycles.
pub const CLOCK: Clock = Clock { counts: "cycles", per_tick: (1, 1) };

/// What the chip's loader reads first, to reach the rest of the flash.
#[unsafe(link_section = ".boot2")]
#[used]
static BOOT2: [u8; 256] = rp2040_boot2::BOOT_LOADER_W25Q080;
