//! {marker}
//!
//! Memory that C points to: checked, and seen as slices.

use core::ffi::c_int;
use core::slice;

// What functions return, as the header has it.
pub(crate) const OK: c_int = 0;
pub(crate) const NOT_FINITE: c_int = 1;
pub(crate) const DIFFERENT: c_int = 2;
pub(crate) const NULL: c_int = -1;
pub(crate) const ALIGNMENT: c_int = -2;
pub(crate) const LENGTH: c_int = -3;
pub(crate) const OVERLAP: c_int = -4;
pub(crate) const SCRATCH: c_int = -5;
pub(crate) const CONTEXTS: c_int = -6;

/// Numbers, or rows of them: any bits are a value.
pub(crate) trait Plain {}
impl Plain for f32 {}
impl Plain for i8 {}
impl Plain for u8 {}
impl Plain for u16 {}
impl<T: Plain, const N: usize> Plain for [T; N] {}

/// `len` values at a pointer that is not null and aligned, and less than half of the address space.
pub(crate) struct Memory<T> {
    pointer: *mut T,
    len: usize,
    span: Span,
}

/// The first address and the one after the last.
pub(crate) type Span = [usize; 2];

impl<T: Plain> Memory<T> {
    /// No values.
    pub(crate) const fn none() -> Self {
        Self { pointer: core::ptr::dangling_mut(), len: 0, span: [0; 2] }
    }

    /// Checks a pointer to `len` values, `None` for more than can be counted; of none it may be null.
    pub(crate) fn new(pointer: *mut T, len: Option<usize>) -> Result<Self, c_int> {
        let len = len.ok_or(LENGTH)?;
        if len == 0 {
            return Ok(Self::none());
        }
        if pointer.is_null() {
            return Err(NULL);
        }
        if !pointer.is_aligned() {
            return Err(ALIGNMENT);
        }
        let bytes = len.checked_mul(size_of::<T>()).filter(|bytes| *bytes <= isize::MAX as usize);
        let start = pointer.addr();
        let end = bytes.and_then(|bytes| start.checked_add(bytes)).ok_or(LENGTH)?;
        Ok(Self { pointer, len, span: [start, end] })
    }

    /// Where it is.
    pub(crate) fn span(&self) -> Span {
        self.span
    }

    /// The values.
    ///
    /// # Safety
    /// The memory is there, initialised, and not written while the slice is in use.
    pub(crate) unsafe fn read<'a>(self) -> &'a [T] {
        // SAFETY: checked above, or the caller's.
        unsafe { slice::from_raw_parts(self.pointer, self.len) }
    }

    /// The values to write, all zero: C need not have initialised them, and a reference asks for it.
    ///
    /// # Safety
    /// The memory is there, and nothing else reads or writes it while the slice is in use.
    pub(crate) unsafe fn write<'a>(self) -> &'a mut [T] {
        // SAFETY: checked above, or the caller's; zeros are values of every `Plain`.
        unsafe {
            self.pointer.write_bytes(0, self.len);
            slice::from_raw_parts_mut(self.pointer, self.len)
        }
    }
}

/// Checks that what is written overlaps nothing.
pub(crate) fn disjoint(written: &[Span], read: &[Span]) -> Result<(), c_int> {
    for (i, [start, end]) in written.iter().enumerate() {
        let mut others = written.iter().skip(i + 1).chain(read);
        if others.any(|[other_start, other_end]| start < other_end && other_start < end) {
            return Err(OVERLAP);
        }
    }
    Ok(())
}
