//! One lane in plain Rust: the oracle that every other level must equal bit for bit.

use super::{Kernel, Level, Simd};

/// The level that every CPU has.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scalar;

/// `a · b + c` with one rounding, by integer-free `f64` arithmetic.
///
/// The product of two 24-bit significands is exact in `f64`; the sum is rounded *to odd* there,
/// after which the rounding to `f32` is the correct one (Boldo & Melquiond, 2008: 53 ≥ 2·24 + 2).
#[inline(always)]
pub fn fma(a: f32, b: f32, c: f32) -> f32 {
    let p = f64::from(a) * f64::from(b);
    let c = f64::from(c);
    let s = p + c;
    // Knuth's TwoSum: `e` is exactly what the rounding of `s` lost; NaN where `s` is not finite.
    let t = s - p;
    let e = (p - (s - t)) + (c - t);
    // Truncate `s` (it was rounded away from zero where the signs differ), then set its last bit.
    let inexact = u64::from(e.abs() > 0.0);
    let away = (s.to_bits() ^ e.to_bits()) >> 63 & inexact;
    f64::from_bits((s.to_bits() - away) | inexact) as f32
}

impl Simd for Scalar {
    type F = f32;
    type U = u32;
    type M = bool;
    type Array = [f32; 1];
    type One = Self;
    const LANES: usize = 1;
    const LEVEL: Level = Level::Scalar;

    #[inline(never)]
    fn vectorize<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.run(self)
    }
    #[inline(always)]
    fn one(self) -> Self {
        self
    }
    #[inline(always)]
    fn splat(self, x: f32) -> f32 {
        x
    }
    #[inline(always)]
    fn splat_u(self, x: u32) -> u32 {
        x
    }
    #[inline(always)]
    fn lane_numbers(self) -> u32 {
        0
    }
    #[inline(always)]
    fn array(x: f32) -> Self::Array {
        [x; 1]
    }
    #[inline(always)]
    fn load(self, a: &[f32; 1]) -> f32 {
        a[0]
    }
    #[inline(always)]
    fn store(self, x: f32, a: &mut [f32; 1]) {
        a[0] = x;
    }
    #[inline(always)]
    fn chunks(xs: &[f32]) -> (&[[f32; 1]], &[f32]) {
        xs.as_chunks()
    }
    #[inline(always)]
    fn chunks_mut(xs: &mut [f32]) -> (&mut [[f32; 1]], &mut [f32]) {
        xs.as_chunks_mut()
    }
    #[inline(always)]
    fn add(self, a: f32, b: f32) -> f32 {
        a + b
    }
    #[inline(always)]
    fn sub(self, a: f32, b: f32) -> f32 {
        a - b
    }
    #[inline(always)]
    fn mul(self, a: f32, b: f32) -> f32 {
        a * b
    }
    #[inline(always)]
    fn div(self, a: f32, b: f32) -> f32 {
        a / b
    }
    #[inline(always)]
    fn sqrt(self, x: f32) -> f32 {
        #[cfg(cortex_m_fpu)]
        return super::thumb::sqrt(x);
        #[cfg(feature = "std")]
        return x.sqrt();
        // `core` has none; libm's is correctly rounded too.
        #[cfg(not(any(feature = "std", cortex_m_fpu)))]
        libm::sqrtf(x)
    }
    #[inline(always)]
    fn mul_add(self, a: f32, b: f32, c: f32) -> f32 {
        fma(a, b, c)
    }
    #[inline(always)]
    fn lt(self, a: f32, b: f32) -> bool {
        a < b
    }
    #[inline(always)]
    fn select(self, mask: bool, yes: f32, no: f32) -> f32 {
        if mask { yes } else { no }
    }
    #[inline(always)]
    fn bits(self, x: f32) -> u32 {
        x.to_bits()
    }
    #[inline(always)]
    fn from_bits(self, x: u32) -> f32 {
        f32::from_bits(x)
    }
    #[inline(always)]
    fn trunc_to_i32(self, x: f32) -> u32 {
        (x as i32) as u32
    }
    #[inline(always)]
    fn i32_to_float(self, x: u32) -> f32 {
        (x as i32) as f32
    }
    #[inline(always)]
    fn mul_u(self, a: u32, b: u32) -> u32 {
        a.wrapping_mul(b)
    }
    #[inline(always)]
    fn add_u(self, a: u32, b: u32) -> u32 {
        a.wrapping_add(b)
    }
    #[inline(always)]
    fn sub_u(self, a: u32, b: u32) -> u32 {
        a.wrapping_sub(b)
    }
    #[inline(always)]
    fn xor(self, a: u32, b: u32) -> u32 {
        a ^ b
    }
    #[inline(always)]
    fn and(self, a: u32, b: u32) -> u32 {
        a & b
    }
    #[inline(always)]
    fn or(self, a: u32, b: u32) -> u32 {
        a | b
    }
    #[inline(always)]
    fn shl<const N: u32>(self, a: u32) -> u32 {
        a << N
    }
    #[inline(always)]
    fn shr<const N: u32>(self, a: u32) -> u32 {
        a >> N
    }
    #[inline(always)]
    fn lt_u(self, a: u32, b: u32) -> bool {
        a < b
    }
    #[inline(always)]
    fn from_words(self, mut f: impl FnMut() -> u32) -> u32 {
        f()
    }
    #[inline(always)]
    fn load_first(self, xs: &[f32]) -> f32 {
        xs.first().copied().unwrap_or(0.0)
    }
    #[inline(always)]
    fn store_first(self, x: f32, xs: &mut [f32]) {
        if let Some(to) = xs.first_mut() {
            *to = x;
        }
    }
}
