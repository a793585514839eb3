//! The MPS2 board with the AN385 image, as QEMU emulates it: a Cortex-M3 at 25 MHz.

pub use crate::semihosting::{command_line, exit, write};

use crate::measure::Clock;

/// SysTick counts instructions.
///
/// The arithmetic is that of `qemu-mps2-an386`: 64 ns an instruction, 40 ns a tick.
pub const CLOCK: Clock = Clock { counts: "instructions", per_tick: (5, 8) };
