//! Raspberry Pi's Pico 2, an RP2350: a Cortex-M33, at the speed of the ring that it starts with; with a line at the
//! 12 MHz of its crystal.
//!
//! Built, and not run: nobody has tried it on a board yet.

pub use crate::rtt::{command_line, exit, write};

use crate::entropy::trng;
use crate::measure::Clock;
use crate::serial::pl011::{RP2350, Uart};

/// SysTick counts the core's cycles.
pub const CLOCK: Clock = Clock { counts: "cycles", per_tick: (1, 1) };

/// The mark of an image: a program for a secure Arm core of an RP2350, and no further block.
#[unsafe(link_section = ".start_block")]
#[used]
static IMAGE: [u32; 5] = [0xffff_ded3, 0x1021_0142, 0x0000_01ff, 0, 0xab12_3579];

/// UART 0, at 115,200 baud on the pins GP0 (send) and GP1 (receive), where a debug probe's serial port goes.
pub fn serial() -> Uart {
    // SAFETY: it is an RP2350 with a crystal of 12 MHz, and nothing else uses these.
    unsafe { Uart::at(&RP2350) }
}

/// A word of the chip's generator.
pub fn entropy() -> u64 {
    // SAFETY: it has its registers there, `serial` has taken it out of reset, and nothing else uses it.
    unsafe { trng::read(0x400f_0000) }
}
