//! Elementary functions with the same bits on every CPU.
//!
//! A system's `expf` differs between C libraries and versions, and none comes in vectors, so a
//! sampler that called it would draw different samples on different machines. Each function here
//! is one body, generic over [`Simd`], of plain additions, multiplications, divisions and integer
//! operations, each rounded once: never a fused multiply-add, whichever arithmetic the model has.
//! There are no branches, only selections.
//!
//! The errors below are the largest over *all* 2³² inputs, in units in the last place of the
//! exact result (`tests/math.rs` walks them); the IEEE 754 special cases hold: infinities,
//! subnormal inputs and results, signed zeros. A NaN gives a NaN, of unspecified payload.
//!
//! | function     | worst error (ulp) |
//! |--------------|-------------------|
//! | [`exp`]      | 0.99              |
//! | [`ln`]       | 0.86              |
//! | [`log1p`]    | 1.44              |
//! | [`tanh`]     | 2.50              |
//! | [`sigmoid`]  | 2.41              |
//! | [`softplus`] | 1.71              |
//!
//! Where an argument is reduced already there is [`sin_reduced`], to 1.92 ulp on its domain; angles in
//! half turns, where a reduction is exact, have [`cos_sin_pi`], to 2.20 ulp.
//!
//! Methods: argument reduction after Cody & Waite, *Software Manual for the Elementary Functions*
//! (1980); the polynomials are minimax fits of our own (`tests/reference/fit_math.py`); `log1p`
//! corrects the rounding of `1 + x` with Knuth's two-sum, and `tanh` is a quotient of `e^x - 1`,
//! as in W. Kahan's and fdlibm's versions.

use crate::simd::Simd;

/// Adding 1.5·2²³ leaves a float whose low bits are the nearest integer; exact for |x| < 2²².
const ROUND: f32 = 12_582_912.0;
/// ln 2 in 16 bits, so that its product with an 8-bit exponent is exact.
const LN2_HIGH: f32 = 0.693_145_75;
/// ln 2 less [`LN2_HIGH`].
const LN2_LOW: f32 = 1.428_606_8e-6;
/// (e^r - 1 - r)/r² on |r| ≤ ln(2)/2.
const EXP: [f32; 5] = [0.49999994, 0.16666521, 0.041668266, 0.008368684, 0.0013820946];
/// (ln(1+f) - f + f²/2)/f³ on √½ ≤ 1+f ≤ √2.
const LN: [f32; 8] = [
    0.3333333,
    -0.2500082,
    0.20001242,
    -0.1662341,
    0.14201586,
    -0.13159598,
    0.12762143,
    -0.07636362,
];
/// The bits of √½, where [`ln`] cuts a binade.
const SQRT_HALF: u32 = 0x3f35_04f3;
/// (sin r − r)/r³ as a polynomial in r², on |r| ≤ π/2.
const SIN: [f32; 4] = [-0.1666666, 0.008333069, -0.00019809777, 2.6060957e-6];
const ONE: u32 = 0x3f80_0000;
const SIGN: u32 = 0x8000_0000;

/// `c[0] + c[1]·x + …`, by Horner's rule.
#[inline(always)]
pub(crate) fn polynomial<S: Simd, const N: usize>(s: S, x: S::F, c: [f32; N]) -> S::F {
    let mut terms = c.into_iter().rev();
    let mut y = s.splat(terms.next().unwrap_or(0.0));
    for a in terms {
        y = s.add(s.mul(y, x), s.splat(a));
    }
    y
}

/// The nearest integer of |x| < 2²², of two the even one.
#[inline(always)]
pub(crate) fn round<S: Simd>(s: S, x: S::F) -> S::F {
    s.sub(s.add(x, s.splat(ROUND)), s.splat(ROUND))
}

/// The magnitude.
#[inline(always)]
pub(crate) fn abs<S: Simd>(s: S, x: S::F) -> S::F {
    s.from_bits(s.and(s.bits(x), s.splat_u(!SIGN)))
}

/// `x`, or `least` where that is more.
#[inline(always)]
pub(crate) fn at_least<S: Simd>(s: S, x: S::F, least: f32) -> S::F {
    let least = s.splat(least);
    s.select(s.lt(least, x), x, least)
}

/// `x`, or `most` where that is less.
#[inline(always)]
pub(crate) fn at_most<S: Simd>(s: S, x: S::F, most: f32) -> S::F {
    let most = s.splat(most);
    s.select(s.lt(x, most), x, most)
}

/// `sign` of one number on a magnitude that has none.
#[inline(always)]
pub(crate) fn with_sign<S: Simd>(s: S, magnitude: S::F, sign: S::F) -> S::F {
    s.from_bits(s.or(s.bits(magnitude), s.and(s.bits(sign), s.splat_u(SIGN))))
}

#[inline(always)]
fn negative_abs<S: Simd>(s: S, x: S::F) -> S::F {
    s.from_bits(s.or(s.bits(x), s.splat_u(SIGN)))
}

/// `x = n·ln 2 + r`: a word whose low bits are `n`, and `e^r - 1`; for |x| < 2²¹.
#[inline(always)]
fn reduce_exp<S: Simd>(s: S, x: S::F) -> (S::U, S::F) {
    let shifted = s.add(s.mul(x, s.splat(core::f32::consts::LOG2_E)), s.splat(ROUND));
    let n = s.sub(shifted, s.splat(ROUND));
    let r = s.sub(s.sub(x, s.mul(n, s.splat(LN2_HIGH))), s.mul(n, s.splat(LN2_LOW)));
    let square = s.mul(r, r);
    (s.bits(shifted), s.add(r, s.mul(square, polynomial(s, r, EXP))))
}

/// `e^x` to 0.99 ulp. Overflows to infinity above 88.72283 and vanishes below -103.97207, at the
/// very floats where the exact value rounded does; subnormal below -87.33654.
///
/// ```
/// use pushforward::{math::exp, simd::Scalar};
/// assert_eq!(exp(Scalar, 1.0), core::f32::consts::E);
/// ```
#[inline(always)]
pub fn exp<S: Simd>(s: S, x: S::F) -> S::F {
    let (low, high) = (s.splat(-104.0), s.splat(89.0));
    let x = s.select(s.lt(high, x), high, x);
    let x = s.select(s.lt(x, low), low, x);
    let (n, y) = reduce_exp(s, x);
    // 2^n in two normal factors: the first product is exact, so a subnormal is rounded once.
    let biased = s.add_u(n, s.splat_u(254u32.wrapping_sub(ROUND.to_bits())));
    let half = s.shr::<1>(biased);
    let first = s.from_bits(s.shl::<23>(half));
    let second = s.from_bits(s.shl::<23>(s.sub_u(biased, half)));
    s.mul(s.mul(s.add(y, s.splat(1.0)), first), second)
}

/// `e^x` for `x ≤ 0`, but not below `e^−87`: what a softmax needs, in fewer operations.
#[inline(always)]
pub(crate) fn exp_nonpositive<S: Simd>(s: S, x: S::F) -> S::F {
    let low = s.splat(-87.0);
    let (n, y) = reduce_exp(s, s.select(s.lt(x, low), low, x));
    let scale = s.from_bits(s.add_u(s.shl::<23>(n), s.splat_u(ONE)));
    s.add(scale, s.mul(scale, y))
}

/// ln of `m·2^k` for `f = m - 1` in [√½ - 1, √2 - 1] and a float `k`.
#[inline(always)]
fn ln_reduced<S: Simd>(s: S, f: S::F, k: S::F) -> S::F {
    let square = s.mul(f, f);
    let cubic = s.mul(s.mul(square, f), polynomial(s, f, LN));
    let small = s.add(cubic, s.mul(k, s.splat(LN2_LOW)));
    let small = s.sub(small, s.mul(square, s.splat(0.5)));
    s.add(s.add(f, small), s.mul(k, s.splat(LN2_HIGH)))
}

/// `x = m·2^k` with √½ ≤ m < √2 for a normal positive `x`: `m` and the word `k + 127`.
#[inline(always)]
fn split<S: Simd>(s: S, x: S::F) -> (S::F, S::U) {
    let shifted = s.add_u(s.bits(x), s.splat_u(ONE - SQRT_HALF));
    let fraction = s.and(shifted, s.splat_u(0x007f_ffff));
    (s.from_bits(s.add_u(fraction, s.splat_u(SQRT_HALF))), s.shr::<23>(shifted))
}

/// ln of a normal, positive, finite number.
#[inline(always)]
pub(crate) fn ln_normal<S: Simd>(s: S, x: S::F) -> S::F {
    let (m, k) = split(s, x);
    ln_reduced(s, s.sub(m, s.splat(1.0)), s.sub(s.i32_to_float(k), s.splat(127.0)))
}

/// The natural logarithm, to 0.86 ulp: -∞ at ±0, NaN below.
///
/// ```
/// use pushforward::{math::ln, simd::Scalar};
/// assert_eq!(ln(Scalar, 1.0), 0.0);
/// assert_eq!(ln(Scalar, 0.0), f32::NEG_INFINITY);
/// ```
#[inline(always)]
pub fn ln<S: Simd>(s: S, x: S::F) -> S::F {
    let subnormal = s.lt(x, s.splat(f32::MIN_POSITIVE));
    let scaled = s.select(subnormal, s.mul(x, s.splat(33_554_432.0)), x);
    let bias = s.select(subnormal, s.splat(152.0), s.splat(127.0));
    let (m, k) = split(s, scaled);
    let y = ln_reduced(s, s.sub(m, s.splat(1.0)), s.sub(s.i32_to_float(k), bias));
    // Infinity and NaN are their own logarithms.
    let y = s.select(s.lt(x, s.splat(f32::INFINITY)), y, x);
    let zero = s.splat(0.0);
    let pole = s.select(s.lt(x, zero), s.splat(f32::NAN), s.splat(f32::NEG_INFINITY));
    s.select(s.lt(x, s.splat(f32::from_bits(1))), pole, y)
}

/// `ln(1 + x)` for finite `x > -1`.
#[inline(always)]
fn log1p_finite<S: Simd>(s: S, x: S::F) -> S::F {
    let one = s.splat(1.0);
    let u = s.add(x, one);
    // Two-sum: 1 + x = u + rest exactly.
    let v = s.sub(u, one);
    let rest = s.add(s.sub(x, v), s.sub(one, s.sub(u, v)));
    let (m, k) = split(s, u);
    // 2^(1-k), zero where 2^k is the largest and the rest is nothing to it.
    let scale = s.from_bits(s.shl::<23>(s.sub_u(s.splat_u(255), k)));
    let rest = s.mul(s.mul(rest, scale), s.splat(0.5));
    let f = s.add(s.sub(m, one), rest);
    ln_reduced(s, f, s.sub(s.i32_to_float(k), s.splat(127.0)))
}

/// `ln(1 + x)`, to 1.44 ulp, with full relative precision near zero: -∞ at -1, NaN below.
///
/// ```
/// use pushforward::{math::log1p, simd::Scalar};
/// assert_eq!(log1p(Scalar, 1e-20), 1e-20);
/// ```
#[inline(always)]
pub fn log1p<S: Simd>(s: S, x: S::F) -> S::F {
    let y = log1p_finite(s, x);
    let y = s.select(s.lt(x, s.splat(f32::INFINITY)), y, x);
    // Below 2^-25 the result is x, which keeps the sign of zero.
    let tiny = s.lt(s.splat(-2.980_232_2e-8), negative_abs(s, x));
    let y = s.select(tiny, x, y);
    let minus_one = s.splat(-1.0);
    let pole = s.select(s.lt(x, minus_one), s.splat(f32::NAN), s.splat(f32::NEG_INFINITY));
    s.select(s.lt(x, s.splat(-0.999_999_94)), pole, y)
}

/// The hyperbolic tangent, to 2.50 ulp: exactly odd, ±1 beyond ±9.02.
///
/// ```
/// use pushforward::{math::tanh, simd::Scalar};
/// assert_eq!(tanh(Scalar, -1e-30), -1e-30);
/// assert_eq!(tanh(Scalar, 20.0), 1.0);
/// ```
#[inline(always)]
pub fn tanh<S: Simd>(s: S, x: S::F) -> S::F {
    // With d = 1 - e^(-2|x|), tanh|x| = d/(2 - d); d is accurate near zero because e^r - 1 is.
    let low = s.splat(-20.0);
    let y = s.mul(negative_abs(s, x), s.splat(2.0));
    let y = s.select(s.lt(y, low), low, y);
    let (n, y) = reduce_exp(s, y);
    let scale = s.from_bits(s.add_u(s.shl::<23>(n), s.splat_u(ONE)));
    let d = s.sub(s.sub(s.splat(1.0), scale), s.mul(scale, y));
    let magnitude = s.div(d, s.sub(s.splat(2.0), d));
    s.from_bits(s.or(s.bits(magnitude), s.and(s.bits(x), s.splat_u(SIGN))))
}

/// `1/(1 + e^-x)`, to 2.41 ulp, relative in the left tail too, down to underflow.
///
/// ```
/// use pushforward::{math::sigmoid, simd::Scalar};
/// assert_eq!(sigmoid(Scalar, 0.0), 0.5);
/// assert!(sigmoid(Scalar, -100.0) > 0.0);
/// ```
#[inline(always)]
pub fn sigmoid<S: Simd>(s: S, x: S::F) -> S::F {
    let one = s.splat(1.0);
    let e = exp(s, negative_abs(s, x));
    s.div(s.select(s.lt(x, s.splat(0.0)), e, one), s.add(e, one))
}

/// `ln(1 + e^x)`, to 1.71 ulp, relative in the left tail too, down to underflow.
///
/// `-softplus(-x)` is the logarithm of [`sigmoid`]`(x)`.
///
/// ```
/// use pushforward::{math::softplus, simd::Scalar};
/// assert_eq!(softplus(Scalar, 100.0), 100.0);
/// assert!(softplus(Scalar, -100.0) > 0.0);
/// ```
#[inline(always)]
pub fn softplus<S: Simd>(s: S, x: S::F) -> S::F {
    let zero = s.splat(0.0);
    let e = exp(s, negative_abs(s, x));
    s.add(s.select(s.lt(x, zero), zero, x), log1p_finite(s, e))
}

/// The sine of |x| ≤ π/2, to 1.92 ulp there and exactly odd, but that of −0 is 0; beyond, of no use.
///
/// ```
/// use pushforward::{math::sin_reduced, simd::Scalar};
/// assert_eq!(sin_reduced(Scalar, -1e-20), -1e-20);
/// assert_eq!(sin_reduced(Scalar, core::f32::consts::FRAC_PI_2), 1.0);
/// ```
#[inline(always)]
pub fn sin_reduced<S: Simd>(s: S, x: S::F) -> S::F {
    let square = s.mul(x, x);
    s.add(x, s.mul(s.mul(x, square), polynomial(s, square, SIN)))
}

/// `cos(π x)` and `sin(π x)`, to 2.20 and 2.14 ulp for |x| ≤ 2²²; beyond, 1 and 0. Both have the period 2 to
/// the bit, where `x` and `x + 2` are floats.
///
/// ```
/// use pushforward::{math::cos_sin_pi, simd::Scalar};
/// assert_eq!(cos_sin_pi(Scalar, 0.5), [0.0, 1.0]);
/// assert_eq!(cos_sin_pi(Scalar, -1.0), cos_sin_pi(Scalar, 1.0));
/// ```
#[inline(always)]
pub fn cos_sin_pi<S: Simd>(s: S, x: S::F) -> [S::F; 2] {
    let (low, high) = (s.splat(-4_194_304.0), s.splat(4_194_304.0));
    let x = s.select(s.lt(high, x), high, x);
    let x = s.select(s.lt(x, low), low, x);
    let half = s.splat(0.5);
    let turns = s.sub(s.add(s.mul(x, half), s.splat(ROUND)), s.splat(ROUND));
    let x = s.sub(x, s.add(turns, turns));
    let size = abs(s, x);
    let other = s.sub(s.splat(1.0), size);
    let pi = s.splat(core::f32::consts::PI);
    let cosine = sin_reduced(s, s.mul(s.sub(half, size), pi));
    let near = s.select(s.lt(half, size), other, size);
    [cosine, with_sign(s, sin_reduced(s, s.mul(near, pi)), x)]
}
