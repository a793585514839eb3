//! ST's Nucleo-F446RE, an STM32F446RE: a Cortex-M4F, at the 16 MHz that it starts with.
//!
//! Built, and not run: nobody has tried it on a board yet.

pub use crate::entropy::none as entropy;
pub use crate::rtt::{command_line, exit, write};

use crate::measure::Clock;
use crate::serial::stm32::{self, Uart};

/// SysTick counts the core's cycles.
pub const CLOCK: Clock = Clock { counts: "cycles", per_tick: (1, 1) };

/// The chip's clocks (RCC), and what turns on port A and USART 2.
const CLOCKS: usize = 0x4002_3800;
const PORT_ON: (usize, u32) = (0x30, 1);
const UART_ON: (usize, u32) = (0x40, 1 << 17);

/// USART 2 on the pins PA2 and PA3, where the debug probe has its serial port, at 16 MHz / 139 = 115,108 baud.
pub fn serial() -> Uart {
    // SAFETY: the clocks, port A and USART 2 have their registers there, and nothing else uses them.
    unsafe {
        stm32::turn_on(CLOCKS, [PORT_ON, UART_ON]);
        stm32::connect(0x4002_0000, [2, 3]);
        Uart::at(0x4000_4400, &stm32::FIRST, 139)
    }
}
