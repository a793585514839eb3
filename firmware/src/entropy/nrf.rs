//! The generator of Nordic's nRF51 and nRF52: thermal noise, one byte at a time.

use crate::registers::Registers;

/// Offsets of registers.
const START: usize = 0x000;
const STOP: usize = 0x004;
const READY: usize = 0x100;
const CORRECTION: usize = 0x504;
const VALUE: usize = 0x508;

/// Eight bytes of the generator whose registers are at `base`, corrected for bias.
///
/// # Safety
/// They are, and nothing else uses them.
pub unsafe fn read(base: usize) -> u64 {
    // SAFETY: the caller's.
    let mut registers = unsafe { Registers::<u32>::at(base) };
    registers.set(CORRECTION, 1);
    registers.set(READY, 0);
    registers.set(START, 1);
    let bits = (0..8).try_fold(0, |bits, _| {
        let ready = registers.wait(READY, |ready| ready != 0);
        registers.set(READY, 0);
        ready.then(|| bits << 8 | u64::from(registers.get(VALUE)))
    });
    registers.set(STOP, 1);
    bits.unwrap_or(0)
}
