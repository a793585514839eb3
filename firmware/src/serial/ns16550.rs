//! The 16550 and what behaves like it, with registers of one byte.

use core::ptr;

use pushforward_wire::device::Serial;

/// A UART that is on.
pub struct Uart {
    base: usize,
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
        let mut this = Self { base };
        for (register, value) in [(INTERRUPTS, 0), (FORMAT, 0b11), (QUEUES, 0b111)] {
            this.set(register, value);
        }
        this
    }

    fn get(&self, register: usize) -> u8 {
        let at = ptr::with_exposed_provenance::<u8>(self.base.wrapping_add(register));
        // SAFETY: whoever made this value said that the registers are there.
        unsafe { at.read_volatile() }
    }

    fn set(&mut self, register: usize, value: u8) {
        let at = ptr::with_exposed_provenance_mut::<u8>(self.base.wrapping_add(register));
        // SAFETY: as for `get`.
        unsafe { at.write_volatile(value) }
    }
}

impl Serial for Uart {
    fn read(&mut self) -> Option<u8> {
        (self.get(STATE) & RECEIVED != 0).then(|| self.get(DATA))
    }

    fn write(&mut self, byte: u8) -> bool {
        let room = self.get(STATE) & SENT != 0;
        if room {
            self.set(DATA, byte);
        }
        room
    }
}
