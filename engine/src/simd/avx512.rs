//! Sixteen lanes: AVX-512 F, DQ and BW, which came together.

use core::arch::x86_64::*;

level! {
    /// Proof that this CPU has AVX-512 F, DQ and BW.
    Avx512: 16 lanes with "avx512f,avx512dq,avx512bw",
        if detected!("avx512f", "avx512dq", "avx512bw");
    type F = __m512;
    type U = __m512i;
    type M = __mmask16;
    fn splat(x: f32) -> F = _mm512_set1_ps(x);
    fn splat_u(x: u32) -> U = _mm512_set1_epi32(x as i32);
    fn lane_numbers() -> U =
        _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    fn load(a: &Array) -> F = _mm512_loadu_ps(a.as_ptr());
    fn store(x: F, a: &mut Array) = _mm512_storeu_ps(a.as_mut_ptr(), x);
    fn add(a: F, b: F) -> F = _mm512_add_ps(a, b);
    fn sub(a: F, b: F) -> F = _mm512_sub_ps(a, b);
    fn mul(a: F, b: F) -> F = _mm512_mul_ps(a, b);
    fn div(a: F, b: F) -> F = _mm512_div_ps(a, b);
    fn sqrt(x: F) -> F = _mm512_sqrt_ps(x);
    fn mul_add(a: F, b: F, c: F) -> F = _mm512_fmadd_ps(a, b, c);
    fn lt(a: F, b: F) -> M = _mm512_cmp_ps_mask::<_CMP_LT_OQ>(a, b);
    fn select(mask: M, yes: F, no: F) -> F = _mm512_mask_blend_ps(mask, no, yes);
    fn interleave(a: F, b: F) -> [F; 2] = {
        let first = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        let second = _mm512_add_epi32(first, _mm512_set1_epi32(8));
        [_mm512_permutex2var_ps(a, first, b), _mm512_permutex2var_ps(a, second, b)]
    };
    fn bits(x: F) -> U = _mm512_castps_si512(x);
    fn from_bits(x: U) -> F = _mm512_castsi512_ps(x);
    fn trunc_to_i32(x: F) -> U = _mm512_cvttps_epi32(x);
    fn i32_to_float(x: U) -> F = _mm512_cvtepi32_ps(x);
    fn mul_u(a: U, b: U) -> U = _mm512_mullo_epi32(a, b);
    fn add_u(a: U, b: U) -> U = _mm512_add_epi32(a, b);
    fn sub_u(a: U, b: U) -> U = _mm512_sub_epi32(a, b);
    fn xor(a: U, b: U) -> U = _mm512_xor_si512(a, b);
    fn and(a: U, b: U) -> U = _mm512_and_si512(a, b);
    fn or(a: U, b: U) -> U = _mm512_or_si512(a, b);
    fn shl<const N: u32>(a: U) -> U = _mm512_slli_epi32::<N>(a);
    fn shr<const N: u32>(a: U) -> U = _mm512_srli_epi32::<N>(a);
    fn lt_u(a: U, b: U) -> M = _mm512_cmplt_epu32_mask(a, b);
    also {
        const DOT: bool = true;
        #[inline(always)]
        fn dot(self, a: U, b: U, c: U) -> U {
            proven!(_mm512_add_epi32(_mm512_madd_epi16(a, b), c))
        }
        #[inline(always)]
        fn load_first(self, xs: &[f32]) -> F {
            // SAFETY: the token proves the CPU features; lanes beyond the slice are not read.
            unsafe { _mm512_maskz_loadu_ps(first(xs.len()), xs.as_ptr()) }
        }
        #[inline(always)]
        fn store_first(self, x: F, xs: &mut [f32]) {
            // SAFETY: the token proves the CPU features; lanes beyond the slice are not written.
            unsafe { _mm512_mask_storeu_ps(xs.as_mut_ptr(), first(xs.len()), x) }
        }
    }
}

/// The first `n` lanes.
#[inline(always)]
fn first(n: usize) -> __mmask16 {
    (0xffff_u32 >> 16_usize.saturating_sub(n)) as __mmask16
}
