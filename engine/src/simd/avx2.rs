//! Eight lanes: AVX2 with fused multiply-add (2013 and later).

use core::arch::x86_64::*;

use super::{Kernel, Level, Simd};

/// Proof that this CPU has AVX2 and FMA.
#[derive(Clone, Copy, Debug)]
pub struct Avx2(());

impl Avx2 {
    /// The token, if this CPU has the level.
    #[inline]
    pub fn new() -> Option<Self> {
        #[cfg(feature = "std")]
        let has = std::arch::is_x86_feature_detected!("avx2")
            && std::arch::is_x86_feature_detected!("fma");
        #[cfg(not(feature = "std"))]
        let has = cfg!(all(target_feature = "avx2", target_feature = "fma"));
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

impl Simd for Avx2 {
    type F = __m256;
    type U = __m256i;
    type M = __m256;
    type Array = [f32; 8];
    const LANES: usize = 8;
    const LEVEL: Level = Level::Avx2;

    #[inline(always)]
    fn vectorize<K: Kernel>(self, kernel: K) -> K::Output {
        #[inline(never)]
        #[target_feature(enable = "avx2,fma")]
        fn with_features<K: Kernel>(s: Avx2, kernel: K) -> K::Output {
            kernel.run(s)
        }
        // SAFETY: the token proves that the CPU has the features the function is compiled for.
        unsafe { with_features(self, kernel) }
    }
    #[inline(always)]
    fn splat(self, x: f32) -> Self::F {
        proven!(_mm256_set1_ps(x))
    }
    #[inline(always)]
    fn splat_u(self, x: u32) -> Self::U {
        proven!(_mm256_set1_epi32(x as i32))
    }
    #[inline(always)]
    fn lane_numbers(self) -> Self::U {
        proven!(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))
    }
    #[inline(always)]
    fn array(x: f32) -> Self::Array {
        [x; 8]
    }
    #[inline(always)]
    fn load(self, a: &Self::Array) -> Self::F {
        proven!(_mm256_loadu_ps(a.as_ptr()))
    }
    #[inline(always)]
    fn store(self, x: Self::F, a: &mut Self::Array) {
        proven!(_mm256_storeu_ps(a.as_mut_ptr(), x))
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
        proven!(_mm256_add_ps(a, b))
    }
    #[inline(always)]
    fn sub(self, a: Self::F, b: Self::F) -> Self::F {
        proven!(_mm256_sub_ps(a, b))
    }
    #[inline(always)]
    fn mul(self, a: Self::F, b: Self::F) -> Self::F {
        proven!(_mm256_mul_ps(a, b))
    }
    #[inline(always)]
    fn div(self, a: Self::F, b: Self::F) -> Self::F {
        proven!(_mm256_div_ps(a, b))
    }
    #[inline(always)]
    fn sqrt(self, x: Self::F) -> Self::F {
        proven!(_mm256_sqrt_ps(x))
    }
    #[inline(always)]
    fn mul_add(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        proven!(_mm256_fmadd_ps(a, b, c))
    }
    #[inline(always)]
    fn lt(self, a: Self::F, b: Self::F) -> Self::M {
        proven!(_mm256_cmp_ps::<_CMP_LT_OQ>(a, b))
    }
    #[inline(always)]
    fn select(self, mask: Self::M, yes: Self::F, no: Self::F) -> Self::F {
        proven!(_mm256_blendv_ps(no, yes, mask))
    }
    #[inline(always)]
    fn bits(self, x: Self::F) -> Self::U {
        proven!(_mm256_castps_si256(x))
    }
    #[inline(always)]
    fn from_bits(self, x: Self::U) -> Self::F {
        proven!(_mm256_castsi256_ps(x))
    }
    #[inline(always)]
    fn trunc_to_i32(self, x: Self::F) -> Self::U {
        proven!(_mm256_cvttps_epi32(x))
    }
    #[inline(always)]
    fn i32_to_float(self, x: Self::U) -> Self::F {
        proven!(_mm256_cvtepi32_ps(x))
    }
    #[inline(always)]
    fn add_u(self, a: Self::U, b: Self::U) -> Self::U {
        proven!(_mm256_add_epi32(a, b))
    }
    #[inline(always)]
    fn sub_u(self, a: Self::U, b: Self::U) -> Self::U {
        proven!(_mm256_sub_epi32(a, b))
    }
    #[inline(always)]
    fn xor(self, a: Self::U, b: Self::U) -> Self::U {
        proven!(_mm256_xor_si256(a, b))
    }
    #[inline(always)]
    fn and(self, a: Self::U, b: Self::U) -> Self::U {
        proven!(_mm256_and_si256(a, b))
    }
    #[inline(always)]
    fn or(self, a: Self::U, b: Self::U) -> Self::U {
        proven!(_mm256_or_si256(a, b))
    }
    #[inline(always)]
    fn shl<const N: u32>(self, a: Self::U) -> Self::U {
        proven!(_mm256_sll_epi32(a, _mm_cvtsi32_si128(N as i32)))
    }
    #[inline(always)]
    fn shr<const N: u32>(self, a: Self::U) -> Self::U {
        proven!(_mm256_srl_epi32(a, _mm_cvtsi32_si128(N as i32)))
    }
    #[inline(always)]
    fn lt_u(self, a: Self::U, b: Self::U) -> Self::M {
        proven!({
            let top = _mm256_set1_epi32(i32::MIN);
            let less = _mm256_cmpgt_epi32(_mm256_xor_si256(b, top), _mm256_xor_si256(a, top));
            _mm256_castsi256_ps(less)
        })
    }
    #[inline(always)]
    fn from_words(self, mut f: impl FnMut() -> u32) -> Self::U {
        let mut words = [0; 8];
        for w in &mut words {
            *w = f();
        }
        proven!(_mm256_loadu_si256(words.as_ptr().cast()))
    }
    #[inline(always)]
    fn load_part<const W: usize>(self, row: &[f32; W], j: usize) -> Self::F {
        match row.as_chunks().0.get(j) {
            Some(a) => self.load(a),
            None => {
                let mut a = [0.0; 8];
                for (to, from) in a.iter_mut().zip(row.iter().skip(8 * j)) {
                    *to = *from;
                }
                self.load(&a)
            }
        }
    }
}
