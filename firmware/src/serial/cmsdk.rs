//! The UART of Arm's Cortex-M System Design Kit, which the MPS2 and MPS3 boards have.

use core::ptr;

use pushforward_wire::device::Serial;

/// A UART that is on.
pub struct Uart {
    registers: *mut Registers,
}

#[repr(C)]
struct Registers {
    data: u32,
    state: u32,
    control: u32,
    interrupts: u32,
    divisor: u32,
}

/// Bits of `state`.
const SEND_FULL: u32 = 1;
const RECEIVE_FULL: u32 = 1 << 1;
/// Bits of `control`: both directions on.
const ON: u32 = 0b11;
/// Clocks a bit: 115,200 baud at 25 MHz.
const DIVISOR: u32 = 217;

impl Uart {
    /// Turns on the UART whose registers are at `address`.
    ///
    /// # Safety
    /// They are, and nothing else uses them as long as this value lives.
    pub unsafe fn at(address: usize) -> Self {
        let registers = ptr::with_exposed_provenance_mut::<Registers>(address);
        // SAFETY: the caller's.
        unsafe {
            (&raw mut (*registers).divisor).write_volatile(DIVISOR);
            (&raw mut (*registers).control).write_volatile(ON);
        }
        Self { registers }
    }

    fn state(&self) -> u32 {
        // SAFETY: whoever made this value said that the registers are there.
        unsafe { (&raw const (*self.registers).state).read_volatile() }
    }
}

impl Serial for Uart {
    fn read(&mut self) -> Option<u8> {
        if self.state() & RECEIVE_FULL == 0 {
            return None;
        }
        // SAFETY: as for `state`.
        Some(unsafe { (&raw const (*self.registers).data).read_volatile() } as u8)
    }

    fn write(&mut self, byte: u8) -> bool {
        let room = self.state() & SEND_FULL == 0;
        if room {
            // SAFETY: as for `state`.
            unsafe { (&raw mut (*self.registers).data).write_volatile(byte.into()) };
        }
        room
    }
}
