//! The BBC micro:bit, as QEMU emulates it: a Cortex-M0 at 16 MHz.
//!
//! The chip itself has no SysTick; QEMU's has.

pub use crate::semihosting::{command_line, exit, write};

use crate::measure::Clock;

/// SysTick counts instructions.
///
/// An instruction lasts 64 ns (`-icount shift=6`), a tick of 16 MHz 62.5 ns.
pub const CLOCK: Clock = Clock { counts: "instructions", per_tick: (125, 128) };
