//! The RP2040's ring oscillator, a bit of whose phase can be read. Such bits are worth something where the core runs on
//! the crystal, as it does once a line is open, and little each: many make a word.

use super::stir;
use crate::registers::Registers;

/// Where a bit is.
const BIT: usize = 0x1c;
/// Bits that are read, 32 of them for each of the result's.
const BITS: u32 = 2048;

/// A word of the ring whose registers are at `base`.
///
/// # Safety
/// They are.
pub unsafe fn read(base: usize) -> u64 {
    // SAFETY: the caller's.
    let registers = unsafe { Registers::<u32>::at(base) };
    (0..BITS).fold(0, |bits, _| stir(bits, registers.get(BIT)))
}
