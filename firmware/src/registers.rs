//! The registers of a device, words of `W` in memory.

use core::marker::PhantomData;
use core::ops::{BitAnd, BitOr, Not};
use core::ptr;

/// Registers from an address on.
pub struct Registers<W> {
    base: usize,
    word: PhantomData<W>,
}

/// Looks at a state that a device is to reach before it is given up: a second at most, on the slowest of them.
const PATIENCE: u32 = 1 << 20;

impl<W: Copy> Registers<W> {
    /// Those at `base`.
    ///
    /// # Safety
    /// They are there, aligned to their words, and nothing else uses them as long as this value lives.
    pub unsafe fn at(base: usize) -> Self {
        Self { base, word: PhantomData }
    }

    /// Reads the register `offset` bytes on.
    pub fn get(&self, offset: usize) -> W {
        let at = ptr::with_exposed_provenance::<W>(self.base.wrapping_add(offset));
        // SAFETY: whoever made this value said that the registers are there.
        unsafe { at.read_volatile() }
    }

    /// Writes the register `offset` bytes on.
    pub fn set(&mut self, offset: usize, value: W) {
        let at = ptr::with_exposed_provenance_mut::<W>(self.base.wrapping_add(offset));
        // SAFETY: as for `get`.
        unsafe { at.write_volatile(value) }
    }

    /// Clears bits of the register `offset` bytes on, and sets others.
    pub fn change(&mut self, offset: usize, clear: W, set: W)
    where
        W: BitAnd<Output = W> + BitOr<Output = W> + Not<Output = W>,
    {
        self.set(offset, self.get(offset) & !clear | set);
    }

    /// Waits until the register `offset` bytes on satisfies `reached`; whether it ever did.
    pub fn wait(&self, offset: usize, reached: impl Fn(W) -> bool) -> bool {
        (0..PATIENCE).any(|_| reached(self.get(offset)))
    }
}
