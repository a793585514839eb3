//! The registers of a device, words of `W` in memory.

use core::marker::PhantomData;
use core::ptr;

/// Registers from an address on.
pub(super) struct Registers<W> {
    base: usize,
    word: PhantomData<W>,
}

impl<W: Copy> Registers<W> {
    /// Those at `base`.
    ///
    /// # Safety
    /// They are there, aligned to their words, and nothing else uses them as long as this value lives.
    pub(super) unsafe fn at(base: usize) -> Self {
        Self { base, word: PhantomData }
    }

    /// Reads the register `offset` bytes on.
    pub(super) fn get(&self, offset: usize) -> W {
        let at = ptr::with_exposed_provenance::<W>(self.base.wrapping_add(offset));
        // SAFETY: whoever made this value said that the registers are there.
        unsafe { at.read_volatile() }
    }

    /// Writes the register `offset` bytes on.
    pub(super) fn set(&mut self, offset: usize, value: W) {
        let at = ptr::with_exposed_provenance_mut::<W>(self.base.wrapping_add(offset));
        // SAFETY: as for `get`.
        unsafe { at.write_volatile(value) }
    }
}
