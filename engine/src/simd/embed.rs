//! Weights embedded in a binary as bytes, seen as floats without a copy.

/// The element of 16-bit weights.
pub use half::f16;

/// `BYTES` bytes of little-endian weights, aligned to 16 so that vector loads of a
/// microcontroller's bus and of a server's cache line start on a boundary.
#[repr(C, align(16))]
#[derive(Debug)]
pub struct Embedded<const BYTES: usize>([u8; BYTES]);

impl<const BYTES: usize> Embedded<BYTES> {
    /// Takes the bytes of a `b"…"` literal or of `include_bytes!`.
    pub const fn new(bytes: [u8; BYTES]) -> Self {
        const { assert!(cfg!(target_endian = "little"), "embedded weights are little-endian") };
        Self(bytes)
    }

    /// The bytes as 32-bit floats; a trailing part of a float is dropped.
    pub const fn as_f32(&self) -> &[f32] {
        // SAFETY: the pointer is non-null and aligned to 16 ≥ 4 (`repr(align)`), the length covers
        // only whole floats inside the array, every bit pattern is an f32, and the borrow of
        // `self` keeps it immutable and alive.
        unsafe { core::slice::from_raw_parts(self.0.as_ptr().cast(), BYTES / 4) }
    }

    /// The bytes as 16-bit floats; a trailing odd byte is dropped.
    pub const fn as_f16(&self) -> &[half::f16] {
        // SAFETY: as in `as_f32`, with 16 ≥ 2; `half::f16` is a transparent `u16`.
        unsafe { core::slice::from_raw_parts(self.0.as_ptr().cast(), BYTES / 2) }
    }
}

/// The bytes of words, in the order of a little-endian machine; none on a big-endian one.
#[doc(hidden)]
pub const fn bytes(words: &[f32]) -> &[i8] {
    if cfg!(target_endian = "big") {
        return &[];
    }
    // SAFETY: the pointer is non-null and aligned to 4 ≥ 1, the length is that of the words, every bit
    // pattern is an i8, and the borrow of the words keeps them immutable and alive.
    unsafe { core::slice::from_raw_parts(words.as_ptr().cast(), size_of_val(words)) }
}

/// `len` of these weights, from `start` on; fewer where there are fewer.
#[doc(hidden)]
pub const fn part<T>(weights: &[T], start: usize, len: usize) -> &[T] {
    let rest = match weights.split_at_checked(start) {
        Some((_, rest)) => rest,
        None => &[],
    };
    match rest.split_at_checked(len) {
        Some((part, _)) => part,
        None => rest,
    }
}
