//! The 16550 and what behaves like it, with registers of one byte.

use pushforward_wire::device::Serial;

use crate::registers::Registers;

/// A UART that is on.
pub struct Uart {
    registers: Registers<u8>,
}

/// Offsets of registers.
const DATA: usize = 0;
const INTERRUPTS: usize = 1;
const QUEUES: usize = 2;
const FORMAT: usize = 3;
const STATE: usize = 5;
/// Bits of `STATE`.
const RECEIVED: u8 = 1;
const SENT: u8 = 1 << 5;

impl Uart {
    /// Turns on the UART whose registers are at `base`, at the speed that it has, without parity.
    ///
    /// # Safety
    /// They are, and nothing else uses them as long as this value lives.
    pub unsafe fn at(base: usize) -> Self {
        // SAFETY: the caller's.
        let mut registers = unsafe { Registers::at(base) };
        for (register, value) in [(INTERRUPTS, 0), (FORMAT, 0b11), (QUEUES, 0b111)] {
            registers.set(register, value);
        }
        Self { registers }
    }
}

impl Serial for Uart {
    fn read(&mut self) -> Option<u8> {
        (self.registers.get(STATE) & RECEIVED != 0).then(|| self.registers.get(DATA))
    }

    fn write(&mut self, byte: u8) -> bool {
        let room = self.registers.get(STATE) & SENT != 0;
        if room {
            self.registers.set(DATA, byte);
        }
        room
    }
}
