//! The UART of Arm's Cortex-M System Design Kit, which the MPS2 and MPS3 boards have.

use pushforward_wire::device::Serial;

use crate::registers::Registers;

/// A UART that is on.
pub struct Uart {
    registers: Registers<u32>,
}

/// Offsets of registers.
const DATA: usize = 0x00;
const STATE: usize = 0x04;
const CONTROL: usize = 0x08;
const DIVISOR: usize = 0x10;
/// Bits of `STATE`.
const SEND_FULL: u32 = 1;
const RECEIVE_FULL: u32 = 1 << 1;
/// Bits of `CONTROL`: both directions on.
const ON: u32 = 0b11;

impl Uart {
    /// Turns on the UART whose registers are at `base`, with so many clocks a bit.
    ///
    /// # Safety
    /// They are, and nothing else uses them as long as this value lives.
    pub unsafe fn at(base: usize, divisor: u32) -> Self {
        // SAFETY: the caller's.
        let mut registers = unsafe { Registers::at(base) };
        registers.set(DIVISOR, divisor);
        registers.set(CONTROL, ON);
        Self { registers }
    }
}

impl Serial for Uart {
    fn read(&mut self) -> Option<u8> {
        (self.registers.get(STATE) & RECEIVE_FULL != 0).then(|| self.registers.get(DATA) as u8)
    }

    fn write(&mut self, byte: u8) -> bool {
        let room = self.registers.get(STATE) & SEND_FULL == 0;
        if room {
            self.registers.set(DATA, byte.into());
        }
        room
    }
}
