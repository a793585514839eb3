//! ST's Nucleo-H743ZI, an STM32H743ZI: a Cortex-M7, at the 64 MHz that it starts with, its caches off.
//!
//! Built, and not run: nobody has tried it on a board yet.

pub use crate::rtt::{command_line, exit, write};

use crate::entropy;
use crate::measure::Clock;
use crate::registers::Registers;
use crate::serial::stm32::{self, Uart};

/// SysTick counts the core's cycles.
pub const CLOCK: Clock = Clock { counts: "cycles", per_tick: (1, 1) };

/// The chip's clocks (RCC), and what turns on port D, USART 3, the generator of random words, and its 48 MHz, which
/// say when they run.
const CLOCKS: usize = 0x5802_4400;
const PORT_ON: (usize, u32) = (0xe0, 1 << 3);
const UART_ON: (usize, u32) = (0xe8, 1 << 18);
const RANDOM_ON: (usize, u32) = (0xdc, 1 << 6);
const START_48_MHZ: (usize, u32) = (0x00, 1 << 12);
const HAVE_48_MHZ: u32 = 1 << 13;

/// USART 3 on the pins PD8 and PD9, where the debug probe has its serial port, at 64 MHz / 556 = 115,108 baud.
pub fn serial() -> Uart {
    // SAFETY: the clocks, port D and USART 3 have their registers there, and nothing else uses them.
    unsafe {
        stm32::turn_on(CLOCKS, [PORT_ON, UART_ON]);
        stm32::connect(0x5802_0c00, [8, 9]);
        Uart::at(0x4000_4800, &stm32::QUEUED, 556)
    }
}

/// Two words of the chip's generator.
pub fn entropy() -> u64 {
    // SAFETY: the clocks and the generator have their registers there, and nothing else uses them.
    unsafe {
        let mut clocks = Registers::<u32>::at(CLOCKS);
        clocks.change(START_48_MHZ.0, 0, START_48_MHZ.1);
        if !clocks.wait(START_48_MHZ.0, |state| state & HAVE_48_MHZ != 0) {
            return entropy::none();
        }
        clocks.change(RANDOM_ON.0, 0, RANDOM_ON.1);
        clocks.get(RANDOM_ON.0);
        entropy::stm32::read(0x4802_1800)
    }
}
