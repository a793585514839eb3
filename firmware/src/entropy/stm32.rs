//! The generator of ST's STM32 that have one; its clock of 48 MHz is the board's to turn on.

use crate::registers::Registers;

/// Offsets of registers.
const CONTROL: usize = 0x00;
const STATE: usize = 0x04;
const DATA: usize = 0x08;
/// Bits of `STATE`: a word is there; the clock or the noise is at fault, or was.
const READY: u32 = 1;
const FAULTS: u32 = 1 << 1 | 1 << 2 | 1 << 5 | 1 << 6;

/// Two words of the generator whose registers are at `base`.
///
/// # Safety
/// They are, their clocks are on, and nothing else uses them.
pub unsafe fn read(base: usize) -> u64 {
    // SAFETY: the caller's.
    let mut registers = unsafe { Registers::<u32>::at(base) };
    // Off, which forgets faults, and on.
    registers.set(CONTROL, 0);
    registers.set(STATE, 0);
    registers.set(CONTROL, 1 << 2);
    let bits = (0..2).try_fold(0, |bits, _| {
        let ready = registers.wait(STATE, |state| state & READY != 0);
        let sound = registers.get(STATE) & FAULTS == 0;
        (ready && sound).then(|| bits << 32 | u64::from(registers.get(DATA)))
    });
    bits.unwrap_or(0)
}
