//! Uniform noise on an interval, `ln p(z) = −ln 2B` a coordinate where `|z| ≤ B`, and `−∞` beyond.
//!
//! Coordinate `d` is made of noise word `d`: the top bit is its sign and the other 31, as an integer
//! `v`, its magnitude `B (v + ½)/2³¹`. That is 2³² points of equal probability, symmetric about zero,
//! each rounded to an `f32` no farther out than `B`.
//!
//! Splines carry it to any density on the box [−B, B]^D: those with linear tails leave the box in
//! place if they are no wider.

#[cfg(feature = "model")]
use alloc::format;

use super::{Base, draw_each, score_each, within};
use crate::distribution::Draws;
use crate::kernel::{Lanes, Sum};
use crate::math;
#[cfg(feature = "model")]
use crate::model::{BasePart, Faults, Source, Sources, Support};
use crate::noise::Noise;
use crate::simd::{Scalar, Simd};
use crate::univariate::rational_quadratic::{MAX_BOUND, MIN_BOUND};

/// Independent coordinates, uniform on `[-bound, bound]`.
#[derive(Clone, Copy, Debug)]
pub struct Uniform {
    bound: f32,
    log_density: f32,
}

impl Uniform {
    /// On `[-bound, bound]`; `None` unless the bound is one that a spline may have, from
    /// [`MIN_BOUND`] to [`MAX_BOUND`].
    pub fn new(bound: f32) -> Option<Self> {
        (MIN_BOUND..=MAX_BOUND).contains(&bound).then(|| Self::trusted(bound, log_density(bound)))
    }

    /// With the logarithm of a coordinate's density, both checked before, by `model!` or when the
    /// model was read. Others give wrong values and no panic.
    #[doc(hidden)]
    pub const fn trusted(bound: f32, log_density: f32) -> Self {
        Self { bound, log_density }
    }
}

/// `−ln 2B`.
fn log_density(bound: f32) -> f32 {
    -math::ln(Scalar, 2.0 * bound)
}

impl Base for Uniform {
    #[inline(always)]
    fn draw<L: Lanes, N: Noise>(&self, lanes: L, draws: &mut Draws<L, N>, z: &mut [L::V]) {
        let e = lanes.e();
        let unit = e.splat(self.bound / 2_147_483_648.0);
        draw_each(
            lanes,
            draws,
            z,
            #[inline(always)]
            |word| {
                let magnitude = e.i32_to_float(e.and(word, e.splat_u(0x7fff_ffff)));
                let magnitude = e.mul(e.add(magnitude, e.splat(0.5)), unit);
                let sign = e.and(word, e.splat_u(0x8000_0000));
                e.from_bits(e.or(e.bits(magnitude), sign))
            },
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
            |x| within(e, self.bound, x, e.splat(self.log_density)),
        );
    }
}

/// `{"kind": "uniform", "bound": B}`: no tensors.
#[cfg(feature = "model")]
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UniformSpec {
    /// Each coordinate lies in `[-bound, bound]`.
    pub bound: f32,
}

#[cfg(feature = "model")]
impl BasePart for UniformSpec {
    type Built<'a> = Uniform;

    fn check(&self, _: usize, faults: &mut Faults) {
        if Uniform::new(self.bound).is_none() {
            faults.wrong("bound", self.bound, format!("{MIN_BOUND} to {MAX_BOUND}"));
        }
    }

    fn support(&self) -> Support {
        Support::Interval { bound: self.bound }
    }

    fn build<'a>(&'a self, _: usize, _: &'a [f32]) -> Uniform {
        Uniform::trusted(self.bound, log_density(self.bound))
    }

    fn source(&self, _: usize, sources: &mut Sources) -> Source {
        sources.code("uniform", 1);
        sources.table(2);
        let (bound, log_density) = (self.bound, log_density(self.bound));
        Source {
            ty: "engine::base::Uniform".into(),
            value: format!("engine::base::Uniform::trusted({bound:?}, {log_density:?})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::draw_row;
    use super::*;
    use crate::noise::Stream;
    use std::vec::Vec;

    fn draw(bound: f32, noise: &mut impl Noise, dim: usize) -> (Vec<f32>, f32) {
        draw_row(Uniform::new(bound).unwrap(), noise, 0, dim)
    }

    /// The same word again and again.
    struct Word(u32);
    impl Noise for Word {
        fn words<S: Simd>(&mut self, s: S, _: u64, _: u32) -> [S::U; 2] {
            [s.splat_u(self.0); 2]
        }
    }

    #[test]
    fn bounds_that_make_no_interval_are_refused() {
        for bound in [f32::NAN, 0.0, -1.0, 1e-40, 2e4, f32::INFINITY] {
            assert!(Uniform::new(bound).is_none(), "{bound}");
        }
    }

    #[test]
    fn draws_reach_the_bounds_and_no_farther() {
        for bound in [MIN_BOUND, 0.7, 3.0, core::f32::consts::PI, MAX_BOUND] {
            for (word, expected) in [
                (0, bound / 4_294_967_296.0),
                (0x7fff_ffff, bound),
                (0x8000_0000, -bound / 4_294_967_296.0),
                (u32::MAX, -bound),
                (0x4000_0000, bound / 2.0),
            ] {
                let (z, log_prob) = draw(bound, &mut Word(word), 3);
                assert_eq!(z, [expected; 3], "{bound} {word:#x}");
                let exact = -3.0 * (2.0 * f64::from(bound)).ln();
                let error = (f64::from(log_prob) - exact).abs();
                assert!(error <= 2e-7 * (1.0 + exact.abs()), "{bound}: {log_prob} {exact}");
            }
        }
    }

    #[test]
    fn draws_are_uniform() {
        const CELLS: usize = 50;
        let (n, mut counts) = (1 << 18, [0.0; CELLS]);
        for z in draw(2.0, &mut Stream::new(3), n).0 {
            let cell = (f64::from(z) / 4.0 + 0.5) * CELLS as f64;
            counts[(cell as usize).min(CELLS - 1)] += 1.0;
        }
        let expected = n as f64 / CELLS as f64;
        let chi2: f64 = counts.iter().map(|c: &f64| (c - expected).powi(2) / expected).sum();
        // Of 49 degrees of freedom: beyond 94.0 once in 10⁴ seeds.
        assert!(chi2 < 94.0, "{chi2}");
    }
}
