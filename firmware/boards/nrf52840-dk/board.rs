//! Nordic's nRF52840-DK: a Cortex-M4F at 64 MHz.
//!
//! Built, and not run: nobody has tried it on a board yet.

pub use crate::rtt::{command_line, exit, write};

use crate::measure::Clock;

/// SysTick counts the core's cycles.
pub const CLOCK: Clock = Clock { counts: "cycles", per_tick: (1, 1) };
