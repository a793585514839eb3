//! The base of a flow: independent standard normal coordinates.
//!
//! ln N(z) = −½ Σ z² − (D/2) ln 2π. Coordinate d of a sample is made of word d of its stream by the
//! engine's inverse distribution function.

use std::borrow::Cow;

use pushforward::base::Normal;
use pushforward::noise::normal;
use pushforward::simd::{Level, Simd};

use super::base::{Base, Density, Quantile};
use super::{Arguments, Context, HALF_LN_TAU, arguments};

impl Quantile for Normal {
    #[inline(always)]
    fn value<S: Simd>(&self, s: S, word: S::U) -> S::F {
        normal(s, word)
    }
}

impl Density for Normal {
    fn draw(&self, base: &Base, context: &mut Context<'_>) {
        base.draw_quantiles(context, *self);
    }

    fn add_log_prob(&self, _: Level, z: &[f32], log_q: &mut [f32]) {
        for (l, z) in log_q.iter_mut().zip(z) {
            *l -= 0.5 * z * z + HALF_LN_TAU;
        }
    }

    fn backward(&self, c: f32, z: f32) -> f32 {
        -c * z
    }

    fn text(&self) -> Vec<Cow<'static, str>> {
        vec![include_str!("normal_quantile.wgsl").into(), include_str!("gaussian.wgsl").into()]
    }

    fn arguments(&self) -> Arguments {
        arguments! {}
    }
}
