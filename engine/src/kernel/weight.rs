//! Weights as they are stored, and slices of them without a panic path.

#[cfg(cortex_m_fpu)]
use crate::simd::thumb;

/// A stored weight; widening to `f32` is exact.
pub trait Weight: Copy + core::fmt::Debug + Send + Sync + 'static {
    /// Bytes of one weight in flash.
    const BYTES: usize;
    /// The value as `f32`.
    fn widen(self) -> f32;
    /// [`Lanes::rectangle`](super::Lanes::rectangle) of one sample, walked by pointers.
    #[cfg(cortex_m_fpu)]
    fn rectangle_thumb<A: super::Arith>(weights: &[Self], x: &[f32], acc: &mut [f32]);
    /// The same at a level of one lane, where integers have kernels of their own: whether they have.
    #[inline(always)]
    fn rectangle_of_integers(_: &[Self], _: &[f32], _: &mut [f32]) -> bool {
        false
    }
    /// Whether it is an integer of at most 16 bits, as then are the inputs that it is multiplied by.
    const SHORT: bool = false;
    /// Two such as the halves of a word, this one below.
    #[inline(always)]
    fn pair(self, _: Self) -> u32 {
        0
    }
    /// [`Lanes::leaky`](super::Lanes::leaky) of one sample.
    #[cfg(cortex_m_fpu)]
    fn leaky_thumb(slopes: &[Self], units: &mut [f32]);
    /// Widens a run of weights, several at once where the hardware can.
    #[inline(always)]
    fn widen_all(from: &[Self], to: &mut [f32]) {
        for (to, w) in to.iter_mut().zip(from) {
            *to = w.widen();
        }
    }
}

impl Weight for f32 {
    const BYTES: usize = 4;
    #[inline(always)]
    fn widen(self) -> f32 {
        self
    }
    #[cfg(cortex_m_fpu)]
    #[inline(always)]
    fn rectangle_thumb<A: super::Arith>(weights: &[f32], x: &[f32], acc: &mut [f32]) {
        thumb::rectangle::<A>(weights, x, acc);
    }
    #[cfg(cortex_m_fpu)]
    #[inline(always)]
    fn leaky_thumb(slopes: &[f32], units: &mut [f32]) {
        thumb::leaky(slopes, units);
    }
    #[cfg(cortex_m_fpu)]
    #[inline(always)]
    fn widen_all(from: &[f32], to: &mut [f32]) {
        thumb::copy(from, to);
    }
}

impl Weight for half::f16 {
    const BYTES: usize = 2;
    /// Exact, subnormals included: the significand is moved into place and the exponent's bias
    /// changed by one multiplication by a power of two.
    #[inline(always)]
    fn widen(self) -> f32 {
        let bits = u32::from(self.to_bits());
        let magnitude = (bits & 0x7fff) << 13;
        let special = if magnitude >= 0x0f80_0000 { 0x7000_0000 } else { 0 };
        // 2^112 undoes the difference of the exponent biases (127 - 15).
        let x = f32::from_bits(magnitude | special) * f32::from_bits((127 + 112) << 23);
        f32::from_bits(x.to_bits() | (bits & 0x8000) << 16)
    }
    #[cfg(cortex_m_fpu)]
    #[inline(always)]
    fn rectangle_thumb<A: super::Arith>(weights: &[Self], x: &[f32], acc: &mut [f32]) {
        thumb::rectangle_16::<A>(weights, x, acc);
    }
    #[cfg(cortex_m_fpu)]
    #[inline(always)]
    fn leaky_thumb(slopes: &[Self], units: &mut [f32]) {
        thumb::leaky_16(slopes, units);
    }
    #[cfg(cortex_m_fpu)]
    #[inline(always)]
    fn widen_all(from: &[Self], to: &mut [f32]) {
        thumb::widen(from, to);
    }
}

/// The first `n` elements and the rest; fewer when there are fewer.
///
/// Lengths are checked when a model is built, so "fewer" never happens; this form has no panic
/// path for the linker to keep.
#[inline(always)]
pub fn take<T>(xs: &[T], n: usize) -> (&[T], &[T]) {
    xs.split_at_checked(n).unwrap_or((xs, &[]))
}

/// [`take`] for mutable slices.
#[inline(always)]
pub fn take_mut<T>(xs: &mut [T], n: usize) -> (&mut [T], &mut [T]) {
    let n = n.min(xs.len());
    xs.split_at_mut_checked(n).unwrap_or_default()
}

/// Takes the next `n` off a slice; fewer when there are fewer.
#[inline(always)]
pub fn next<'a, T>(rest: &mut &'a [T], n: usize) -> &'a [T] {
    let (now, later) = take(rest, n);
    *rest = later;
    now
}
