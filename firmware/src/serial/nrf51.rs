//! The UART of Nordic's nRF51, which the micro:bit has.

use core::ptr;

use pushforward_wire::device::Serial;

/// A UART that is on.
pub struct Uart {
    base: usize,
    /// A byte is on its way.
    sending: bool,
}

/// Offsets of registers.
const START_RECEIVING: usize = 0x000;
const START_SENDING: usize = 0x008;
const RECEIVED: usize = 0x108;
const SENT: usize = 0x11c;
const ENABLE: usize = 0x500;
const PIN_SEND: usize = 0x50c;
const PIN_RECEIVE: usize = 0x514;
const RECEIVE: usize = 0x518;
const SEND: usize = 0x51c;
const BAUD: usize = 0x524;

impl Uart {
    /// Turns on the UART whose registers are at `base`, at 115,200 baud on these pins.
    ///
    /// # Safety
    /// They are, and nothing else uses them or the pins as long as this value lives.
    pub unsafe fn at(base: usize, send: u32, receive: u32) -> Self {
        let mut this = Self { base, sending: false };
        for (register, value) in [
            (PIN_SEND, send),
            (PIN_RECEIVE, receive),
            (BAUD, 0x01d7_e000),
            (ENABLE, 4),
            (RECEIVED, 0),
            (SENT, 0),
            (START_RECEIVING, 1),
            (START_SENDING, 1),
        ] {
            this.set(register, value);
        }
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
        if self.get(RECEIVED) == 0 {
            return None;
        }
        // First, for taking a byte says whether there are more.
        self.set(RECEIVED, 0);
        Some(self.get(RECEIVE) as u8)
    }

    fn write(&mut self, byte: u8) -> bool {
        if self.sending && self.get(SENT) == 0 {
            return false;
        }
        self.set(SENT, 0);
        self.sending = true;
        self.set(SEND, byte.into());
        true
    }
}
