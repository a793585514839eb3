//! The ESP32-C3's generator. While its radio is off, what is in it is how two of its clocks drift apart; so it is read
//! often.

use super::stir;
use crate::registers::Registers;

/// Words that are read.
const WORDS: u32 = 256;

/// A word of the generator whose register is at `address`.
///
/// # Safety
/// It is.
pub unsafe fn read(address: usize) -> u64 {
    // SAFETY: the caller's.
    let register = unsafe { Registers::<u32>::at(address) };
    (0..WORDS).fold(0, |bits, _| stir(bits, register.get(0)))
}
