//! Serial lines, without waiting: one small driver for each kind of UART that a board may have.
//!
//! A driver takes no interrupts: between two polls a byte waits in the UART, which holds one (CMSDK, the STM32F4),
//! six (Nordic), sixteen (16550, the STM32H7), 32 (PL011) or 128 (ESP32-C3) and loses what comes on top. An emulator
//! holds the line instead; on a real one the host asks again.
//!
//! A board's line is 115,200 baud. Where a driver is not told a divisor, its module says where the rate comes from.

#[allow(unsafe_code)]
pub mod cmsdk;
#[allow(unsafe_code)]
pub mod esp32c3;
#[allow(unsafe_code)]
pub mod nrf;
#[allow(unsafe_code)]
pub mod ns16550;
#[allow(unsafe_code)]
pub mod pl011;
#[allow(unsafe_code)]
pub mod stm32;
