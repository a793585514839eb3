//! The MPS3 board with the AN547 image, as QEMU emulates it: a Cortex-M55 at 32 MHz.

pub use crate::semihosting::{command_line, exit, write};

/// Instructions per SysTick tick, as numerator and denominator.
///
/// An instruction lasts 64 ns (`-icount shift=6`), a tick of 32 MHz 31.25 ns.
pub const INSTRUCTIONS_PER_TICK: (u64, u64) = (125, 256);
