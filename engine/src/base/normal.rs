//! Standard normal noise, `ln N(z; 0, 1) = −z²/2 − ln √(2π)` a coordinate.
//!
//! Coordinate `d` is the inverse CDF of noise word `d`; [`crate::noise::normal`] states its tail.

use super::{Base, draw_each, score_each};
use crate::distribution::Draws;
use crate::kernel::{Lanes, Sum};
#[cfg(feature = "model")]
use crate::model::{BasePart, Faults, Source, Sources};
use crate::noise::{Noise, normal};
use crate::simd::Simd;

/// ln √(2π).
const LN_SQRT_2PI: f32 = 0.918_938_5;

/// Independent standard normal coordinates.
#[derive(Clone, Copy, Debug, Default)]
pub struct Normal;

impl Base for Normal {
    #[inline(always)]
    fn draw<L: Lanes, N: Noise>(&self, lanes: L, draws: &mut Draws<L, N>, z: &mut [L::V]) {
        let e = lanes.e();
        draw_each(
            lanes,
            draws,
            z,
            #[inline(always)]
            |word| normal(e, word),
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
            |x| e.sub(e.mul(e.mul(x, x), e.splat(-0.5)), e.splat(LN_SQRT_2PI)),
        );
    }
}

/// `{"kind": "normal"}`.
#[cfg(feature = "model")]
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NormalSpec {}

#[cfg(feature = "model")]
impl BasePart for NormalSpec {
    type Built<'a> = Normal;

    fn check(&self, _: usize, _: &mut Faults) {}

    fn build<'a>(&'a self, _: usize, _: &'a [f32]) -> Normal {
        Normal
    }

    fn source(&self, _: usize, _: &mut Sources) -> Source {
        Source::plain("engine::base::Normal")
    }
}
