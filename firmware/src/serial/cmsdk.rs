//! The UART of Arm's Cortex-M System Design Kit, which the MPS2 and MPS3 boards have.

use core::ptr;

use pushforward_wire::device::Serial;

/// A UART that is on.
pub struct Uart {
    base: usize,
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
        let mut this = Self { base };
        this.set(DIVISOR, divisor);
        this.set(CONTROL, ON);
        this
    }

    fn get(&self, register: usize) -> u32 {
        let at = ptr::with_exposed_provenance::<u32>(self.base.wrapping_add(register));
        // SAFETY: whoever made this value said that the registers are there.
        unsafe { at.read_volatile() }
    }

    fn set(&mut self, register: usize, value: u32) {
        let at = ptr::with_exposed_provenance_mut::<u32>(self.base.wrapping_add(register));
        // SAFETY: as for `get`.
        unsafe { at.write_volatile(value) }
    }
}

impl Serial for Uart {
    fn read(&mut self) -> Option<u8> {
        (self.get(STATE) & RECEIVE_FULL != 0).then(|| self.get(DATA) as u8)
    }

    fn write(&mut self, byte: u8) -> bool {
        let room = self.get(STATE) & SEND_FULL == 0;
        if room {
            self.set(DATA, byte.into());
        }
        room
    }
}
