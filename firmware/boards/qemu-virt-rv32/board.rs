//! QEMU's machine `virt` with one 32-bit hart, whose `time` ticks at 10 MHz.

pub use crate::semihosting::{command_line, exit, write};

use crate::measure::Clock;

/// The register `time` counts instructions.
///
/// An instruction lasts 64 ns (`-icount shift=6`), a tick 100 ns. `instret` has no fixed meaning: some
/// versions of QEMU count nanoseconds in it.
pub const CLOCK: Clock = Clock { counts: "instructions", per_tick: (25, 16) };
