//! The MPS2 board with the AN386 image, as QEMU emulates it: a Cortex-M4F at 25 MHz.

pub use crate::semihosting::{command_line, exit, write};

use crate::measure::Clock;

/// SysTick counts instructions.
///
/// QEMU runs with `-icount shift=6`: an instruction lasts 2^6 = 64 ns of virtual time. The clock of
/// 25 MHz ticks every 40 ns, so a tick is 40/64 = 5/8 of an instruction, exactly.
pub const CLOCK: Clock = Clock { counts: "instructions", per_tick: (5, 8) };
