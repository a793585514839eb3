//! Sixteen lanes: AVX-512 F and DQ.

use core::arch::x86_64::*;

use super::{Kernel, Level, Simd};

/// Proof that this CPU has AVX-512 F and DQ.
#[derive(Clone, Copy, Debug)]
pub struct Avx512(());

impl Avx512 {
    /// The token, if this CPU has the level.
    #[inline]
    pub fn new() -> Option<Self> {
        #[cfg(feature = "std")]
        let has = std::arch::is_x86_feature_detected!("avx512f")
            && std::arch::is_x86_feature_detected!("avx512dq");
        #[cfg(not(feature = "std"))]
        let has = cfg!(all(target_feature = "avx512f", target_feature = "avx512dq"));
        has.then_some(Self(()))
    }
}

/// Each operation below is an intrinsic of the features that the token in `self` proves.
macro_rules! proven {
    ($e:expr) => {{
        // SAFETY: the intrinsic needs only the CPU features whose presence `self` proves, and it
        // touches no memory but the array behind a reference of exactly its width.
        #[allow(unused_unsafe)]
        unsafe {
            $e
        }
    }};
}

impl Simd for Avx512 {
    type F = __m512;
    type U = __m512i;
    type M = __mmask16;
    type Array = [f32; 16];
    const LANES: usize = 16;
    const LEVEL: Level = Level::Avx512;

    #[inline(always)]
    fn vectorize<K: Kernel>(self, kernel: K) -> K::Output {
        #[inline(never)]
        #[target_feature(enable = "avx512f,avx512dq")]
        fn with_features<K: Kernel>(s: Avx512, kernel: K) -> K::Output {
            kernel.run(s)
        }
        // SAFETY: the token proves that the CPU has the features the function is compiled for.
        unsafe { with_features(self, kernel) }
    }
    #[inline(always)]
    fn splat(self, x: f32) -> Self::F {
        proven!(_mm512_set1_ps(x))
    }
    #[inline(always)]
    fn splat_u(self, x: u32) -> Self::U {
        proven!(_mm512_set1_epi32(x as i32))
    }
    #[inline(always)]
    fn lane_numbers(self) -> Self::U {
        proven!(_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15))
    }
    #[inline(always)]
    fn array(x: f32) -> Self::Array {
        [x; 16]
    }
    #[inline(always)]
    fn load(self, a: &Self::Array) -> Self::F {
        proven!(_mm512_loadu_ps(a.as_ptr()))
    }
    #[inline(always)]
    fn store(self, x: Self::F, a: &mut Self::Array) {
        proven!(_mm512_storeu_ps(a.as_mut_ptr(), x))
    }
    #[inline(always)]
    fn chunks(xs: &[f32]) -> (&[Self::Array], &[f32]) {
        xs.as_chunks()
    }
    #[inline(always)]
    fn chunks_mut(xs: &mut [f32]) -> (&mut [Self::Array], &mut [f32]) {
        xs.as_chunks_mut()
    }
    #[inline(always)]
    fn add(self, a: Self::F, b: Self::F) -> Self::F {
        proven!(_mm512_add_ps(a, b))
    }
    #[inline(always)]
    fn sub(self, a: Self::F, b: Self::F) -> Self::F {
        proven!(_mm512_sub_ps(a, b))
    }
    #[inline(always)]
    fn mul(self, a: Self::F, b: Self::F) -> Self::F {
        proven!(_mm512_mul_ps(a, b))
    }
    #[inline(always)]
    fn div(self, a: Self::F, b: Self::F) -> Self::F {
        proven!(_mm512_div_ps(a, b))
    }
    #[inline(always)]
    fn sqrt(self, x: Self::F) -> Self::F {
        proven!(_mm512_sqrt_ps(x))
    }
    #[inline(always)]
    fn mul_add(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        proven!(_mm512_fmadd_ps(a, b, c))
    }
    #[inline(always)]
    fn lt(self, a: Self::F, b: Self::F) -> Self::M {
        proven!(_mm512_cmp_ps_mask::<_CMP_LT_OQ>(a, b))
    }
    #[inline(always)]
    fn select(self, mask: Self::M, yes: Self::F, no: Self::F) -> Self::F {
        proven!(_mm512_mask_blend_ps(mask, no, yes))
    }
    #[inline(always)]
    fn bits(self, x: Self::F) -> Self::U {
        proven!(_mm512_castps_si512(x))
    }
    #[inline(always)]
    fn from_bits(self, x: Self::U) -> Self::F {
        proven!(_mm512_castsi512_ps(x))
    }
    #[inline(always)]
    fn trunc_to_i32(self, x: Self::F) -> Self::U {
        proven!(_mm512_cvttps_epi32(x))
    }
    #[inline(always)]
    fn i32_to_float(self, x: Self::U) -> Self::F {
        proven!(_mm512_cvtepi32_ps(x))
    }
    #[inline(always)]
    fn add_u(self, a: Self::U, b: Self::U) -> Self::U {
        proven!(_mm512_add_epi32(a, b))
    }
    #[inline(always)]
    fn sub_u(self, a: Self::U, b: Self::U) -> Self::U {
        proven!(_mm512_sub_epi32(a, b))
    }
    #[inline(always)]
    fn xor(self, a: Self::U, b: Self::U) -> Self::U {
        proven!(_mm512_xor_si512(a, b))
    }
    #[inline(always)]
    fn and(self, a: Self::U, b: Self::U) -> Self::U {
        proven!(_mm512_and_si512(a, b))
    }
    #[inline(always)]
    fn or(self, a: Self::U, b: Self::U) -> Self::U {
        proven!(_mm512_or_si512(a, b))
    }
    #[inline(always)]
    fn shl<const N: u32>(self, a: Self::U) -> Self::U {
        proven!(_mm512_slli_epi32::<N>(a))
    }
    #[inline(always)]
    fn shr<const N: u32>(self, a: Self::U) -> Self::U {
        proven!(_mm512_srli_epi32::<N>(a))
    }
    #[inline(always)]
    fn lt_u(self, a: Self::U, b: Self::U) -> Self::M {
        proven!(_mm512_cmplt_epu32_mask(a, b))
    }
    #[inline(always)]
    fn from_words(self, mut f: impl FnMut() -> u32) -> Self::U {
        let mut words = [0; 16];
        for w in &mut words {
            *w = f();
        }
        proven!(_mm512_loadu_epi32(words.as_ptr().cast()))
    }
    #[inline(always)]
    fn load_part<const W: usize>(self, row: &[f32; W], j: usize) -> Self::F {
        match row.as_chunks().0.get(j) {
            Some(a) => self.load(a),
            None => {
                let left = row.len().saturating_sub(16 * j) as u32;
                let mask = ((1u32 << left) - 1) as __mmask16;
                // SAFETY: as in `proven!`; masked-out lanes are not read, and `left` < 16 floats
                // from `16 j` on (clamped into the row) lie inside it.
                unsafe { _mm512_maskz_loadu_ps(mask, row.as_ptr().add((16 * j).min(W))) }
            }
        }
    }
}
