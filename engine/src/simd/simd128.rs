//! Four lanes: WebAssembly's `simd128`, where the module was compiled with it (there is nothing to
//! detect at run time). The fused multiply-add is emulated: `relaxed-simd` has one whose rounding
//! is the browser's choice.

use core::arch::wasm32::*;

level! {
    /// Proof that this module has `simd128`.
    Simd128: 4 lanes with "simd128", if true;
    type F = v128;
    type U = v128;
    type M = v128;
    fn splat(x: f32) -> F = f32x4_splat(x);
    fn splat_u(x: u32) -> U = u32x4_splat(x);
    fn lane_numbers() -> U = u32x4(0, 1, 2, 3);
    fn load(a: &Array) -> F = v128_load(a.as_ptr().cast());
    fn store(x: F, a: &mut Array) = v128_store(a.as_mut_ptr().cast(), x);
    fn add(a: F, b: F) -> F = f32x4_add(a, b);
    fn sub(a: F, b: F) -> F = f32x4_sub(a, b);
    fn mul(a: F, b: F) -> F = f32x4_mul(a, b);
    fn div(a: F, b: F) -> F = f32x4_div(a, b);
    fn sqrt(x: F) -> F = f32x4_sqrt(x);
    fn mul_add(a: F, b: F, c: F) -> F = fma(a, b, c);
    fn lt(a: F, b: F) -> M = f32x4_lt(a, b);
    fn select(mask: M, yes: F, no: F) -> F = v128_bitselect(yes, no, mask);
    fn bits(x: F) -> U = x;
    fn from_bits(x: U) -> F = x;
    fn trunc_to_i32(x: F) -> U = i32x4_trunc_sat_f32x4(x);
    fn i32_to_float(x: U) -> F = f32x4_convert_i32x4(x);
    fn mul_u(a: U, b: U) -> U = u32x4_mul(a, b);
    fn add_u(a: U, b: U) -> U = u32x4_add(a, b);
    fn sub_u(a: U, b: U) -> U = u32x4_sub(a, b);
    fn xor(a: U, b: U) -> U = v128_xor(a, b);
    fn and(a: U, b: U) -> U = v128_and(a, b);
    fn or(a: U, b: U) -> U = v128_or(a, b);
    fn shl<const N: u32>(a: U) -> U = u32x4_shl(a, N);
    fn shr<const N: u32>(a: U) -> U = u32x4_shr(a, N);
    fn lt_u(a: U, b: U) -> M = u32x4_lt(a, b);
    also {
        const DOT: bool = true;
        #[inline(always)]
        fn dot(self, a: U, b: U, c: U) -> U {
            proven!(i32x4_add(i32x4_dot_i16x8(a, b), c))
        }
    }
}

/// Four times [`fma`](super::fma).
#[inline]
#[target_feature(enable = "simd128")]
fn fma(a: F, b: F, c: F) -> F {
    let [a, b, c] = [a, b, c].map(|x| {
        let high = u32x4_shuffle::<2, 3, 2, 3>(x, x);
        [f64x2_promote_low_f32x4(x), f64x2_promote_low_f32x4(high)]
    });
    let p = [f64x2_mul(a[0], b[0]), f64x2_mul(a[1], b[1])];
    let mut s = [f64x2_add(p[0], c[0]), f64x2_add(p[1], c[1])];
    // Rounding twice is wrong only where the first result is half-way between two floats, and then
    // its 28 low bits are zeros.
    let low = v128_and(u32x4_shuffle::<0, 2, 4, 6>(s[0], s[1]), u32x4_splat(0x0fff_ffff));
    if !u32x4_all_true(low) {
        s = [to_odd(p[0], c[0], s[0]), to_odd(p[1], c[1], s[1])];
    }
    u32x4_shuffle::<0, 1, 4, 5>(f32x4_demote_f64x2_zero(s[0]), f32x4_demote_f64x2_zero(s[1]))
}

/// `s = p + c` rounded to odd: truncated, and its last bit set where that was inexact.
#[inline]
#[target_feature(enable = "simd128")]
fn to_odd(p: v128, c: v128, s: v128) -> v128 {
    // Knuth's TwoSum: `e` is exactly what the rounding of `s` lost; NaN where `s` is not finite.
    let t = f64x2_sub(s, p);
    let e = f64x2_add(f64x2_sub(p, f64x2_sub(s, t)), f64x2_sub(c, t));
    let inexact = u64x2_shr(f64x2_gt(f64x2_abs(e), f64x2_splat(0.0)), 63);
    // Away from zero it was rounded where the signs differ.
    let away = v128_and(u64x2_shr(v128_xor(s, e), 63), inexact);
    v128_or(u64x2_sub(s, away), inexact)
}
