//! Standard normal noise cut off, `ln p(z) = −z²/2 − ln √(2π) − ln c` a coordinate where `|z| ≤ B`, and `−∞`
//! beyond, with `c = 2Φ(B) − 1` what is left of the normal distribution.
//!
//! For data in a box whose middle is likelier than its walls: box splines carry it to any density there.
//!
//! Coordinate `d` is made of noise word `d` as that of [`normal`](super::normal) is, of the quantiles that are
//! left: a tail of `p` becomes one of `½ (1 − c) + c p`, and the part `1 − 2p` between it and its mirror image
//! one of `c (1 − 2p)`.

#[cfg(feature = "model")]
use alloc::format;

use super::{Base, draw_each, score_each, within};
use crate::distribution::Draws;
use crate::kernel::{Lanes, Sum};
#[cfg(feature = "model")]
use crate::model::{BasePart, Faults, Source, Sources, Support};
use crate::noise::{Noise, normal_parts, normal_quantile};
use crate::simd::Simd;
use crate::univariate::rational_quadratic::MIN_BOUND;

/// Largest bound: beyond it nothing is cut off that 32 bits would show.
pub const MAX_BOUND: f32 = 8.0;

/// Independent coordinates in `[-bound, bound]`; see the module.
#[derive(Clone, Copy, Debug)]
pub struct TruncatedNormal {
    bound: f32,
    left: f32,
    beyond: f32,
    log_density: f32,
}

impl TruncatedNormal {
    /// In `[-bound, bound]`; `None` unless that is from [`MIN_BOUND`] to [`MAX_BOUND`].
    pub fn new(bound: f32) -> Option<Self> {
        (MIN_BOUND..=MAX_BOUND).contains(&bound).then(|| {
            let at = f64::from(bound) * core::f64::consts::FRAC_1_SQRT_2;
            let left = libm::erf(at);
            let log_density = -0.5 * libm::log(core::f64::consts::TAU) - libm::log(left);
            let beyond = 2.0 * libm::erfc(at);
            Self::trusted(bound, [left as f32, beyond as f32, log_density as f32])
        })
    }

    /// With what [`TruncatedNormal::new`] finds for the bound: c, `2 (1 − c)` and ln p(0). Others give wrong
    /// values and no panic.
    #[doc(hidden)]
    pub const fn trusted(bound: f32, [left, beyond, log_density]: [f32; 3]) -> Self {
        Self { bound, left, beyond, log_density }
    }

    /// B.
    pub fn bound(&self) -> f32 {
        self.bound
    }

    /// c, `2 (1 − c)` and ln p(0).
    pub fn parts(&self) -> [f32; 3] {
        [self.left, self.beyond, self.log_density]
    }

    /// The value of a word.
    #[inline(always)]
    pub fn value<S: Simd>(&self, s: S, word: S::U) -> S::F {
        let left = s.splat(self.left);
        let [tail, centre] = normal_parts(s, word);
        let tail = s.add(s.splat(self.beyond), s.mul(left, tail));
        let x = normal_quantile(s, [tail, s.mul(left, centre)]);
        let x = s.select(s.lt(s.splat(self.bound), x), s.splat(self.bound), x);
        s.from_bits(s.or(s.bits(x), s.and(word, s.splat_u(0x8000_0000))))
    }
}

impl Base for TruncatedNormal {
    #[inline(always)]
    fn draw<L: Lanes, N: Noise>(&self, lanes: L, draws: &mut Draws<L, N>, z: &mut [L::V]) {
        let e = lanes.e();
        draw_each(
            lanes,
            draws,
            z,
            #[inline(always)]
            |word| self.value(e, word),
        );
    }

    #[inline(always)]
    fn log_prob<L: Lanes>(&self, lanes: L, z: &[L::V], log_prob: &mut Sum<L::V>) {
        let e = lanes.e();
        score_each(
            lanes,
            z,
            log_prob,
            #[inline(always)]
            |x| {
                let square = e.mul(e.mul(x, x), e.splat(-0.5));
                within(e, self.bound, x, e.add(square, e.splat(self.log_density)))
            },
        );
    }
}

/// `{"kind": "truncated_normal", "bound": B}`: no tensors.
#[cfg(feature = "model")]
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TruncatedNormalSpec {
    /// Each coordinate lies in `[-bound, bound]`.
    pub bound: f32,
}

#[cfg(feature = "model")]
impl TruncatedNormalSpec {
    /// Its kernel; for a bound that `check` refuses, one that is never run.
    pub fn kernel(&self) -> TruncatedNormal {
        let wrong = TruncatedNormal::trusted(self.bound, [0.0; 3]);
        TruncatedNormal::new(self.bound).unwrap_or(wrong)
    }
}

#[cfg(feature = "model")]
impl BasePart for TruncatedNormalSpec {
    type Built<'a> = TruncatedNormal;

    fn check(&self, _: usize, faults: &mut Faults) {
        if TruncatedNormal::new(self.bound).is_none() {
            faults.wrong("bound", self.bound, format!("{MIN_BOUND} to {MAX_BOUND}"));
        }
    }

    fn support(&self) -> Support {
        Support::Interval { bound: self.bound }
    }

    fn build<'a>(&'a self, _: usize, _: &'a [f32]) -> TruncatedNormal {
        self.kernel()
    }

    fn source(&self, _: usize, sources: &mut Sources) -> Source {
        sources.code("truncated normal", 1);
        sources.table(4);
        let (bound, parts) = (self.bound, self.kernel().parts());
        let ty = "engine::base::TruncatedNormal";
        Source { ty: ty.into(), value: format!("{ty}::trusted({bound:?}, {parts:?})") }
    }
}

#[cfg(test)]
mod tests {
    use super::super::draw_row;
    use super::*;
    use crate::kernel::{Plain, Single};
    use crate::noise::Stream;
    use crate::simd::Scalar;
    use std::vec::Vec;

    #[test]
    fn bounds_that_cut_nothing_or_all_are_refused() {
        for bound in [f32::NAN, 0.0, -1.0, 1e-4, 8.1, f32::INFINITY] {
            assert!(TruncatedNormal::new(bound).is_none(), "{bound}");
        }
    }

    #[test]
    fn words_are_quantiles_up_to_the_bound() {
        for bound in [MIN_BOUND, 0.25, 1.0, 3.0, MAX_BOUND] {
            let base = TruncatedNormal::new(bound).unwrap();
            let left = libm::erf(f64::from(bound) / 2f64.sqrt());
            for word in [0u32, 1, 1000, 1 << 20, 1 << 29, 1 << 30, 0x6fff_ffff, 0x7fff_ffff] {
                let x = base.value(Scalar, word);
                assert_eq!(base.value(Scalar, word | 1 << 31), -x);
                assert!((0.0..=bound).contains(&x), "{bound}: {x}");
                let part = 1.0 - (2.0 * f64::from(word) + 1.0) / 4_294_967_296.0;
                let found = libm::erf(f64::from(x) / 2f64.sqrt()) / left;
                assert!((found - part).abs() < 4e-7, "{bound} {word}: {found} {part}");
            }
        }
    }

    #[test]
    fn draws_have_the_density_that_is_told() {
        const CELLS: usize = 40;
        for bound in [0.5f32, 1.7, 4.0] {
            let base = TruncatedNormal::new(bound).unwrap();
            let (z, _) = draw_row(base, &mut Stream::new(6), 0, 1 << 17);
            let n = z.len() as f64;
            let mut counts = [0.0; CELLS];
            for z in &z {
                let cell = (z / bound * 0.5 + 0.5) * CELLS as f32;
                counts[(cell as usize).min(CELLS - 1)] += 1.0;
            }
            let ln_p = |z: f32| {
                let lanes = Single::<Scalar, Plain>::new(Scalar);
                let mut sum = Sum::zero(lanes);
                base.log_prob(lanes, &[[[z]]], &mut sum);
                let [[ln_p]] = sum.value(lanes);
                f64::from(ln_p)
            };
            let chi2: f64 = (0..CELLS)
                .map(|cell| {
                    let at = |i: usize| {
                        let place = (cell * 16 + i) as f32 + 0.5;
                        ln_p(bound * (place / (8 * CELLS) as f32 - 1.0)).exp()
                    };
                    let mean = (0..16).map(at).sum::<f64>() / 16.0;
                    let expected = n * mean * f64::from(2.0 * bound) / CELLS as f64;
                    (counts[cell] - expected) * (counts[cell] - expected) / expected
                })
                .sum();
            // Of 39 degrees of freedom: beyond 79.7 once in 10⁴ seeds; ends have few draws.
            assert!(chi2 < 85.0, "{bound}: {chi2}");
            let beyond = f32::from_bits(bound.to_bits() + 1);
            let all: Vec<f64> = [beyond, -beyond, f32::MAX].map(ln_p).into();
            assert!(all.iter().all(|ln_p| !ln_p.is_finite()) && ln_p(bound).is_finite());
        }
    }
}
