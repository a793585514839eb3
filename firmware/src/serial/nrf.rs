//! The UART of Nordic's nRF51, which the micro:bit has, and which the nRF52840 has beside its newer one.
//!
//! It divides 16 MHz: `0x01d7_e000 / 2^32` of them are 115,203 bits a second, of which the chip makes 115,942, 0.6 %
//! more than asked for. The 16 MHz are the crystal's, which is started here: the ring that the chip starts with may be
//! several percent off.

use pushforward_wire::device::Serial;

use crate::registers::Registers;

/// A UART that is on.
pub struct Uart {
    registers: Registers<u32>,
    /// A byte is on its way.
    sending: bool,
}

/// The chip's clock and its first port of pins.
const CLOCK: usize = 0x4000_0000;
const PINS: usize = 0x5000_0000;
/// Offsets of their registers.
const START_CRYSTAL: usize = 0x000;
const SET_HIGH: usize = 0x508;
const PIN: usize = 0x700;
/// What a pin is: an output, or an input that is pulled up.
const OUTPUT: u32 = 0b11;
const INPUT: u32 = 0b1100;

/// Offsets of the UART's registers.
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
    /// Turns on the UART whose registers are at `base`, at 115,200 baud on these pins of the first port.
    ///
    /// # Safety
    /// They are, on such a chip, and nothing else uses them, the pins or the clock as long as this value lives.
    pub unsafe fn at(base: usize, send: u32, receive: u32) -> Self {
        // SAFETY: the caller's.
        let (mut registers, mut clock, mut pins) =
            unsafe { (Registers::at(base), Registers::<u32>::at(CLOCK), Registers::at(PINS)) };
        clock.set(START_CRYSTAL, 1);
        pins.set(SET_HIGH, 1u32.wrapping_shl(send));
        for (pin, kind) in [(send, OUTPUT), (receive, INPUT)] {
            pins.set(PIN.wrapping_add(4 * pin as usize), kind);
        }
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
