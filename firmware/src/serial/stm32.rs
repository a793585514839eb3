//! The UARTs of ST's STM32, of two generations.
//!
//! Both divide the clock of their bus by a whole number: 16 MHz / 139 are 115,108 bits a second on an STM32F4 as it
//! starts, 64 MHz / 556 are as many on an STM32H7, 0.08 % less than asked for; the ring that makes the megahertz is
//! good for 1 %.

use pushforward_wire::device::Serial;

use crate::registers::Registers;

/// Where a generation has its registers, as offsets, and what turns it on.
#[derive(Debug)]
pub struct Layout {
    state: usize,
    receive: usize,
    send: usize,
    divisor: usize,
    control: usize,
    /// Where a lost byte is forgotten, where reading the next one does not do it.
    forget: Option<usize>,
    on: u32,
}

/// The first generation: STM32F1, F2, F4, L1.
pub const FIRST: Layout = Layout {
    state: 0x00,
    receive: 0x04,
    send: 0x04,
    divisor: 0x08,
    control: 0x0c,
    forget: None,
    on: 1 << 13 | 1 << 3 | 1 << 2,
};

/// Later ones with a queue of bytes: STM32H7, G0, G4, L4+, U5.
pub const QUEUED: Layout = Layout {
    state: 0x1c,
    receive: 0x24,
    send: 0x28,
    divisor: 0x0c,
    control: 0x00,
    forget: Some(0x20),
    on: 1 << 29 | 1 << 3 | 1 << 2 | 1,
};

/// Bits of the state.
const LOST: u32 = 1 << 3;
const RECEIVED: u32 = 1 << 5;
const ROOM: u32 = 1 << 7;

/// Offsets of a port's registers, two bits and four bits a pin.
const MODES: usize = 0x00;
const PULLS: usize = 0x0c;
const FUNCTIONS: usize = 0x20;
/// The function of a pin that is an UART's: 1, 2 or 3.
const UART: u32 = 7;

/// A UART that is on.
pub struct Uart {
    registers: Registers<u32>,
    layout: &'static Layout,
}

impl Uart {
    /// Turns on the UART whose registers are at `base`, with so many clocks a bit.
    ///
    /// # Safety
    /// They are, their clock is on, and nothing else uses them as long as this value lives.
    pub unsafe fn at(base: usize, layout: &'static Layout, divisor: u32) -> Self {
        // SAFETY: the caller's.
        let mut registers = unsafe { Registers::at(base) };
        registers.set(layout.divisor, divisor);
        registers.set(layout.control, layout.on);
        Self { registers, layout }
    }
}

/// Turns on devices by the chip's clocks (RCC), whose registers are at `base`: by a bit in a register for each.
///
/// # Safety
/// They are, and nothing else uses them.
pub unsafe fn turn_on(base: usize, devices: [(usize, u32); 2]) {
    // SAFETY: the caller's.
    let mut clocks = unsafe { Registers::<u32>::at(base) };
    for (register, bit) in devices {
        clocks.change(register, 0, bit);
        // Reading it waits until the clock runs.
        clocks.get(register);
    }
}

/// Gives pins of the port whose registers are at `base` to UART 1, 2 or 3, pulled up.
///
/// # Safety
/// They are, their clock is on, and nothing else uses the pins.
pub unsafe fn connect(base: usize, pins: [u32; 2]) {
    // SAFETY: the caller's.
    let mut port = unsafe { Registers::<u32>::at(base) };
    for pin in pins {
        let (two, four) = (pin.wrapping_mul(2), pin.wrapping_mul(4));
        let half = if pin < 8 { 0 } else { 4 };
        port.change(FUNCTIONS + half, 15u32.wrapping_shl(four), UART.wrapping_shl(four));
        port.change(PULLS, 3u32.wrapping_shl(two), 1u32.wrapping_shl(two));
        port.change(MODES, 3u32.wrapping_shl(two), 2u32.wrapping_shl(two));
    }
}

impl Serial for Uart {
    fn read(&mut self) -> Option<u8> {
        let state = self.registers.get(self.layout.state);
        if state & LOST != 0
            && let Some(forget) = self.layout.forget
        {
            self.registers.set(forget, LOST);
        }
        (state & RECEIVED != 0).then(|| self.registers.get(self.layout.receive) as u8)
    }

    fn write(&mut self, byte: u8) -> bool {
        let room = self.registers.get(self.layout.state) & ROOM != 0;
        if room {
            self.registers.set(self.layout.send, byte.into());
        }
        room
    }
}
