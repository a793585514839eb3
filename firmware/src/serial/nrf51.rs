//! The UART of Nordic's nRF51, which the micro:bit has.

use pushforward_wire::device::Serial;

use super::registers::Registers;

/// A UART that is on.
pub struct Uart {
    registers: Registers<u32>,
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
        // SAFETY: the caller's.
        let mut registers = unsafe { Registers::at(base) };
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
            registers.set(register, value);
        }
        Self { registers, sending: false }
    }
}

impl Serial for Uart {
    fn read(&mut self) -> Option<u8> {
        if self.registers.get(RECEIVED) == 0 {
            return None;
        }
        // First, for taking a byte says whether there are more.
        self.registers.set(RECEIVED, 0);
        Some(self.registers.get(RECEIVE) as u8)
    }

    fn write(&mut self, byte: u8) -> bool {
        if self.sending && self.registers.get(SENT) == 0 {
            return false;
        }
        self.registers.set(SENT, 0);
        self.sending = true;
        self.registers.set(SEND, byte.into());
        true
    }
}
