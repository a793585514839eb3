//! Arm's TRNG, as the RP2350 has it: a ring oscillator with checks of its own.

use super::stir;
use crate::registers::Registers;

/// Offsets of registers.
const CLEAR: usize = 0x108;
const VALID: usize = 0x110;
const WORDS: usize = 0x114;
const ENABLE: usize = 0x12c;
const PERIOD: usize = 0x130;
/// Clocks between two samples; 192 bits take four times as many samples, 64 ms at 12 MHz.
const CLOCKS: u32 = 1000;

/// A word of the generator whose registers are at `base`.
///
/// # Safety
/// They are, it is out of reset, and nothing else uses them.
pub unsafe fn read(base: usize) -> u64 {
    // SAFETY: the caller's.
    let mut registers = unsafe { Registers::<u32>::at(base) };
    registers.set(ENABLE, 0);
    registers.set(PERIOD, CLOCKS);
    registers.set(CLEAR, u32::MAX);
    registers.set(ENABLE, 1);
    let bits = registers.wait(VALID, |valid| valid & 1 != 0).then(|| {
        (0..6).fold(0, |bits, word: usize| stir(bits, registers.get(WORDS.wrapping_add(4 * word))))
    });
    registers.set(ENABLE, 0);
    bits.unwrap_or(0)
}
