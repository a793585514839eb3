//! Arm's PL011, as the RP2040 and the RP2350 have it.
//!
//! These chips start on a ring of anything from 2 to 12 MHz, of which no baud rate can be made. So the crystal of
//! 12 MHz is started, and becomes the clock of the core and of the UART: 12 MHz / (16 · 6 33⁄64) are 115,108 bits a
//! second, 0.08 % less than asked for. The ring goes on, for the random bits that it gives.

use pushforward_wire::device::Serial;

use crate::registers::Registers;

/// Where a chip has what a line needs.
#[derive(Debug)]
pub struct Chip {
    uart: usize,
    resets: usize,
    clocks: usize,
    crystal: usize,
    /// What pins are for, and how they are driven.
    pins: usize,
    pads: usize,
    /// Bits of the resets: of the UART, of `pins`, of `pads`, and of what gives random words.
    held: u32,
}

/// Raspberry Pi's RP2040.
pub const RP2040: Chip = Chip {
    uart: 0x4003_4000,
    resets: 0x4000_c000,
    clocks: 0x4000_8000,
    crystal: 0x4002_4000,
    pins: 0x4001_4000,
    pads: 0x4001_c000,
    held: 1 << 22 | 1 << 5 | 1 << 8,
};

/// Raspberry Pi's RP2350.
pub const RP2350: Chip = Chip {
    uart: 0x4007_0000,
    resets: 0x4002_0000,
    clocks: 0x4001_0000,
    crystal: 0x4004_8000,
    pins: 0x4002_8000,
    pads: 0x4003_8000,
    held: 1 << 26 | 1 << 6 | 1 << 9 | 1 << 25,
};

/// Offsets of the UART's registers.
const DATA: usize = 0x00;
const STATE: usize = 0x18;
const WHOLE: usize = 0x24;
const FRACTION: usize = 0x28;
const FORMAT: usize = 0x2c;
const CONTROL: usize = 0x30;
/// Bits of `STATE`.
const NONE_RECEIVED: u32 = 1 << 4;
const SEND_FULL: u32 = 1 << 5;

/// A UART that is on.
pub struct Uart {
    registers: Registers<u32>,
}

/// Takes devices of a chip out of reset; whether they came.
fn release(chip: &Chip, bits: u32) -> bool {
    // SAFETY: whoever called `Uart::at` said that the chip is there.
    let mut resets = unsafe { Registers::<u32>::at(chip.resets) };
    resets.change(0x0, bits, 0);
    resets.wait(0x8, |done| done & bits == bits)
}

/// Lets the core and the UART run on the crystal.
fn start_crystal(chip: &Chip) {
    // SAFETY: as for `release`.
    let (mut crystal, mut clocks) =
        unsafe { (Registers::<u32>::at(chip.crystal), Registers::<u32>::at(chip.clocks)) };
    // A millisecond to start, in units of 256 clocks; then 1 to 15 MHz, on.
    crystal.set(0x0c, 47);
    crystal.set(0x00, 0x00fa_baa0);
    if crystal.wait(0x04, |state| state >> 31 == 1) {
        // The reference, from which the core's clock comes, is the crystal.
        clocks.set(0x30, 2);
        clocks.wait(0x38, |selected| selected == 1 << 2);
    }
    // The UART's clock is the core's, on.
    clocks.set(0x48, 1 << 11);
}

impl Uart {
    /// Turns on UART 0 at 115,200 baud, on pins 0 (send) and 1 (receive).
    ///
    /// # Safety
    /// The chip is this one, with a crystal of 12 MHz, and nothing else uses the UART, the pins or the clocks as long
    /// as this value lives.
    pub unsafe fn at(chip: &Chip) -> Self {
        start_crystal(chip);
        release(chip, chip.held);
        // SAFETY: the caller's.
        let (mut registers, mut pins, mut pads) = unsafe {
            (
                Registers::at(chip.uart),
                Registers::<u32>::at(chip.pins),
                Registers::<u32>::at(chip.pads),
            )
        };
        for (pad, pin) in [(0x04, 0x04), (0x08, 0x0c)] {
            // An input too, pulled up (bits 6 and 3), and on an RP2350 not cut off (bit 8).
            pads.change(pad, 1 << 8 | 1 << 7 | 1 << 2, 1 << 6 | 1 << 3);
            // The UART's.
            pins.set(pin, 2);
        }
        // Eight bits, with queues; both directions on.
        for (register, value) in
            [(WHOLE, 6), (FRACTION, 33), (FORMAT, 0b111 << 4), (CONTROL, 0x301)]
        {
            registers.set(register, value);
        }
        Self { registers }
    }
}

impl Serial for Uart {
    fn read(&mut self) -> Option<u8> {
        (self.registers.get(STATE) & NONE_RECEIVED == 0).then(|| self.registers.get(DATA) as u8)
    }

    fn write(&mut self, byte: u8) -> bool {
        let room = self.registers.get(STATE) & SEND_FULL == 0;
        if room {
            self.registers.set(DATA, byte.into());
        }
        room
    }
}
