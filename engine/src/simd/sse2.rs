//! Four lanes: SSE2, which every x86-64 CPU has. The fused multiply-add is emulated.

use core::arch::x86_64::*;

level! {
    /// Proof that this CPU has SSE2.
    Sse2: 4 lanes with "sse2", if true;
    type F = __m128;
    type U = __m128i;
    type M = __m128;
    fn splat(x: f32) -> F = _mm_set1_ps(x);
    fn splat_u(x: u32) -> U = _mm_set1_epi32(x as i32);
    fn lane_numbers() -> U = _mm_setr_epi32(0, 1, 2, 3);
    fn load(a: &Array) -> F = _mm_loadu_ps(a.as_ptr());
    fn store(x: F, a: &mut Array) = _mm_storeu_ps(a.as_mut_ptr(), x);
    fn add(a: F, b: F) -> F = _mm_add_ps(a, b);
    fn sub(a: F, b: F) -> F = _mm_sub_ps(a, b);
    fn mul(a: F, b: F) -> F = _mm_mul_ps(a, b);
    fn div(a: F, b: F) -> F = _mm_div_ps(a, b);
    fn sqrt(x: F) -> F = _mm_sqrt_ps(x);
    fn mul_add(a: F, b: F, c: F) -> F = fma(a, b, c);
    fn lt(a: F, b: F) -> M = _mm_cmplt_ps(a, b);
    fn select(mask: M, yes: F, no: F) -> F =
        _mm_or_ps(_mm_and_ps(mask, yes), _mm_andnot_ps(mask, no));
    fn bits(x: F) -> U = _mm_castps_si128(x);
    fn from_bits(x: U) -> F = _mm_castsi128_ps(x);
    fn trunc_to_i32(x: F) -> U = _mm_cvttps_epi32(x);
    fn i32_to_float(x: U) -> F = _mm_cvtepi32_ps(x);
    fn mul_u(a: U, b: U) -> U = {
        // Products of the even lanes and of the odd ones, 64 bits each.
        let even = _mm_mul_epu32(a, b);
        let odd = _mm_mul_epu32(_mm_srli_epi64::<32>(a), _mm_srli_epi64::<32>(b));
        let (even, odd) = (_mm_shuffle_epi32::<0b1000>(even), _mm_shuffle_epi32::<0b1000>(odd));
        _mm_unpacklo_epi32(even, odd)
    };
    fn add_u(a: U, b: U) -> U = _mm_add_epi32(a, b);
    fn sub_u(a: U, b: U) -> U = _mm_sub_epi32(a, b);
    fn xor(a: U, b: U) -> U = _mm_xor_si128(a, b);
    fn and(a: U, b: U) -> U = _mm_and_si128(a, b);
    fn or(a: U, b: U) -> U = _mm_or_si128(a, b);
    fn shl<const N: u32>(a: U) -> U = _mm_sll_epi32(a, _mm_cvtsi32_si128(N as i32));
    fn shr<const N: u32>(a: U) -> U = _mm_srl_epi32(a, _mm_cvtsi32_si128(N as i32));
    fn lt_u(a: U, b: U) -> M = {
        let top = _mm_set1_epi32(i32::MIN);
        _mm_castsi128_ps(_mm_cmplt_epi32(_mm_xor_si128(a, top), _mm_xor_si128(b, top)))
    };
    also {
        const DOT: bool = true;
        #[inline(always)]
        fn dot(self, a: U, b: U, c: U) -> U {
            proven!(_mm_add_epi32(_mm_madd_epi16(a, b), c))
        }
    }
}

/// Four times [`fma`](super::fma).
#[inline]
#[target_feature(enable = "sse2")]
fn fma(a: F, b: F, c: F) -> F {
    let [a, b, c] = [a, b, c].map(|x| [_mm_cvtps_pd(x), _mm_cvtps_pd(_mm_movehl_ps(x, x))]);
    let p = [_mm_mul_pd(a[0], b[0]), _mm_mul_pd(a[1], b[1])];
    let mut s = [_mm_add_pd(p[0], c[0]), _mm_add_pd(p[1], c[1])];
    // Rounding twice is wrong only where the first result is half-way between two floats, and then
    // its 28 low bits are zeros.
    let low = _mm_shuffle_ps::<0b10_00_10_00>(_mm_castpd_ps(s[0]), _mm_castpd_ps(s[1]));
    let low = _mm_and_si128(_mm_castps_si128(low), _mm_set1_epi32(0x0fff_ffff));
    if _mm_movemask_epi8(_mm_cmpeq_epi32(low, _mm_setzero_si128())) != 0 {
        s = [to_odd(p[0], c[0], s[0]), to_odd(p[1], c[1], s[1])];
    }
    _mm_movelh_ps(_mm_cvtpd_ps(s[0]), _mm_cvtpd_ps(s[1]))
}

/// `s = p + c` rounded to odd: truncated, and its last bit set where that was inexact.
#[inline]
#[target_feature(enable = "sse2")]
fn to_odd(p: __m128d, c: __m128d, s: __m128d) -> __m128d {
    // Knuth's TwoSum: `e` is exactly what the rounding of `s` lost; NaN where `s` is not finite.
    let t = _mm_sub_pd(s, p);
    let e = _mm_add_pd(_mm_sub_pd(p, _mm_sub_pd(s, t)), _mm_sub_pd(c, t));
    let magnitude = _mm_andnot_pd(_mm_set1_pd(-0.0), e);
    let inexact = _mm_srli_epi64::<63>(_mm_castpd_si128(_mm_cmplt_pd(_mm_setzero_pd(), magnitude)));
    // Away from zero it was rounded where the signs differ.
    let away = _mm_and_si128(_mm_srli_epi64::<63>(_mm_castpd_si128(_mm_xor_pd(s, e))), inexact);
    _mm_castsi128_pd(_mm_or_si128(_mm_sub_epi64(_mm_castpd_si128(s), away), inexact))
}
