//! The UART of Espressif's ESP32-C3, at the speed that the chip's loader leaves it at: 115,200 baud, of the crystal of
//! 40 MHz, on the pins of the board's USB bridge.

use pushforward_wire::device::Serial;

use crate::registers::Registers;

/// A UART that is on.
pub struct Uart {
    registers: Registers<u32>,
}

/// Offsets of registers.
const DATA: usize = 0x00;
const STATE: usize = 0x1c;
/// Bytes that a queue holds.
const QUEUE: u32 = 128;

impl Uart {
    /// The UART whose registers are at `base`.
    ///
    /// # Safety
    /// They are, and nothing else uses them as long as this value lives.
    pub unsafe fn at(base: usize) -> Self {
        // SAFETY: the caller's.
        Self { registers: unsafe { Registers::at(base) } }
    }
}

impl Serial for Uart {
    fn read(&mut self) -> Option<u8> {
        // The ten lowest bits are how many bytes wait.
        (self.registers.get(STATE) & 0x3ff != 0).then(|| self.registers.get(DATA) as u8)
    }

    fn write(&mut self, byte: u8) -> bool {
        // So are ten higher ones, of those to be sent.
        let room = self.registers.get(STATE) >> 16 & 0x3ff < QUEUE - 2;
        if room {
            self.registers.set(DATA, byte.into());
        }
        room
    }
}
