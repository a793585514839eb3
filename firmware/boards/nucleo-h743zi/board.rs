//! ST's Nucleo-H743ZI, an STM32H743ZI: a Cortex-M7, at the 64 MHz that it starts with, its caches off.
//!
//! Built, and not run: nobody has tried it on a board yet.

pub use crate::rtt::{command_line, exit, write};

use crate::measure::Clock;

/// SysTick counts the core's cycles.
pub const CLOCK: Clock = Clock { counts: "cycles", per_tick: (1, 1) };
