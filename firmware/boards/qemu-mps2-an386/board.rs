//! The MPS2 board with the AN386 image, as QEMU emulates it: a Cortex-M4F at 25 MHz.

pub use crate::entropy::none as entropy;
pub use crate::semihosting::{command_line, exit, write};

use crate::measure::Clock;
use crate::serial::cmsdk::Uart;

/// SysTick counts instructions.
///
/// QEMU runs with `-icount shift=6`: an instruction lasts 2^6 = 64 ns of virtual time. The clock of
/// 25 MHz ticks every 40 ns, so a tick is 40/64 = 5/8 of an instruction, exactly.
pub const CLOCK: Clock = Clock { counts: "instructions", per_tick: (5, 8) };

/// UART 0, at 115,200 baud.
pub fn serial() -> Uart {
    // SAFETY: the board's first UART has its registers there, and nothing else uses it.
    unsafe { Uart::at(0x4000_4000, 217) }
}
