//! Serial lines, without waiting: one small driver for each kind of UART that a board may have.
//!
//! A driver takes no interrupts: between two polls a byte waits in the UART, which holds one (CMSDK), six
//! (nRF51) or sixteen (16550) and loses what comes on top. An emulator holds the line instead; on a real one
//! the host asks again.

#[allow(unsafe_code)]
pub mod cmsdk;
#[allow(unsafe_code)]
pub mod nrf51;
#[allow(unsafe_code)]
pub mod ns16550;
#[allow(unsafe_code)]
mod registers;
