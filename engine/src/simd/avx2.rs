//! Eight lanes: AVX2 with fused multiply-add (2013 and later).

use core::arch::x86_64::*;

use super::Simd;

level! {
    /// Proof that this CPU has AVX2 and FMA.
    Avx2: 8 lanes with "avx2,fma", if detected!("avx2", "fma");
    type F = __m256;
    type U = __m256i;
    type M = __m256;
    fn splat(x: f32) -> F = _mm256_set1_ps(x);
    fn splat_u(x: u32) -> U = _mm256_set1_epi32(x as i32);
    fn lane_numbers() -> U = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    fn load(a: &Array) -> F = _mm256_loadu_ps(a.as_ptr());
    fn store(x: F, a: &mut Array) = _mm256_storeu_ps(a.as_mut_ptr(), x);
    fn add(a: F, b: F) -> F = _mm256_add_ps(a, b);
    fn sub(a: F, b: F) -> F = _mm256_sub_ps(a, b);
    fn mul(a: F, b: F) -> F = _mm256_mul_ps(a, b);
    fn div(a: F, b: F) -> F = _mm256_div_ps(a, b);
    fn sqrt(x: F) -> F = _mm256_sqrt_ps(x);
    fn mul_add(a: F, b: F, c: F) -> F = _mm256_fmadd_ps(a, b, c);
    fn lt(a: F, b: F) -> M = _mm256_cmp_ps::<_CMP_LT_OQ>(a, b);
    fn select(mask: M, yes: F, no: F) -> F = _mm256_blendv_ps(no, yes, mask);
    fn interleave(a: F, b: F) -> [F; 2] = {
        let (low, high) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
        [
            _mm256_permute2f128_ps::<0x20>(low, high),
            _mm256_permute2f128_ps::<0x31>(low, high),
        ]
    };
    fn bits(x: F) -> U = _mm256_castps_si256(x);
    fn from_bits(x: U) -> F = _mm256_castsi256_ps(x);
    fn trunc_to_i32(x: F) -> U = _mm256_cvttps_epi32(x);
    fn i32_to_float(x: U) -> F = _mm256_cvtepi32_ps(x);
    fn mul_u(a: U, b: U) -> U = _mm256_mullo_epi32(a, b);
    fn add_u(a: U, b: U) -> U = _mm256_add_epi32(a, b);
    fn sub_u(a: U, b: U) -> U = _mm256_sub_epi32(a, b);
    fn xor(a: U, b: U) -> U = _mm256_xor_si256(a, b);
    fn and(a: U, b: U) -> U = _mm256_and_si256(a, b);
    fn or(a: U, b: U) -> U = _mm256_or_si256(a, b);
    fn shl<const N: u32>(a: U) -> U = _mm256_sll_epi32(a, _mm_cvtsi32_si128(N as i32));
    fn shr<const N: u32>(a: U) -> U = _mm256_srl_epi32(a, _mm_cvtsi32_si128(N as i32));
    fn lt_u(a: U, b: U) -> M = {
        let top = _mm256_set1_epi32(i32::MIN);
        let less = _mm256_cmpgt_epi32(_mm256_xor_si256(b, top), _mm256_xor_si256(a, top));
        _mm256_castsi256_ps(less)
    };
    also {
        const DOT: bool = true;
        #[inline(always)]
        fn dot(self, a: U, b: U, c: U) -> U {
            proven!(_mm256_add_epi32(_mm256_madd_epi16(a, b), c))
        }
        #[inline(always)]
        fn load_first(self, xs: &[f32]) -> F {
            if let Some(a) = Self::chunks(xs).0.first() {
                return self.load(a);
            }
            // SAFETY: the token proves the CPU features; lanes beyond the slice are not read.
            unsafe { _mm256_maskload_ps(xs.as_ptr(), first(self, xs.len())) }
        }
        #[inline(always)]
        fn store_first(self, x: F, xs: &mut [f32]) {
            if let Some(a) = Self::chunks_mut(xs).0.first_mut() {
                return self.store(x, a);
            }
            // SAFETY: the token proves the CPU features; lanes beyond the slice are not written.
            unsafe { _mm256_maskstore_ps(xs.as_mut_ptr(), first(self, xs.len()), x) }
        }
    }
}

/// All bits set in the first `n` lanes.
#[inline(always)]
fn first(s: Avx2, n: usize) -> U {
    proven!(_mm256_cmpgt_epi32(_mm256_set1_epi32(n.min(8) as i32), s.lane_numbers()))
}
