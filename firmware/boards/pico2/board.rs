//! Raspberry Pi's Pico 2, an RP2350: a Cortex-M33, at the speed of the ring that it starts with.
//!
//! Built, and not run: nobody has tried it on a board yet.

pub use crate::rtt::{command_line, exit, write};

use crate::measure::Clock;

/// SysTick counts the core's cycles.
pub const CLOCK: Clock = Clock { counts: "cycles", per_tick: (1, 1) };

/// The mark of an image: a program for a secure Arm core of an RP2350, and no further block.
#[unsafe(link_section = ".start_block")]
#[used]
static IMAGE: [u32; 5] = [0xffff_ded3, 0x1021_0142, 0x0000_01ff, 0, 0xab12_3579];
