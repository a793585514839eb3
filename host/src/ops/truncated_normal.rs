//! The base of a flow on a box: independent normal coordinates that are cut off at both ends.
//!
//! ln p(z) = Σ (ln p(0) − z²/2); that data lie in the box is checked before a training starts. Coordinate d of a
//! sample is made of word d of its stream as the engine does it.

use std::borrow::Cow;

use pushforward::base::TruncatedNormal;
use pushforward::simd::{Level, Simd};

use super::base::{Base, Density, Quantile};
use super::{Arguments, Context, arguments};

impl Quantile for TruncatedNormal {
    #[inline(always)]
    fn value<S: Simd>(&self, s: S, word: S::U) -> S::F {
        TruncatedNormal::value(self, s, word)
    }
}

impl Density for TruncatedNormal {
    fn draw(&self, base: &Base, context: &mut Context<'_>) {
        base.draw_quantiles(context, *self);
    }

    fn add_log_prob(&self, _: Level, z: &[f32], log_q: &mut [f32]) {
        let [.., log_density] = self.parts();
        for (l, z) in log_q.iter_mut().zip(z) {
            *l += log_density - 0.5 * z * z;
        }
    }

    fn backward(&self, c: f32, z: f32) -> f32 {
        -c * z
    }

    fn text(&self) -> Vec<Cow<'static, str>> {
        let own = include_str!("truncated_normal.wgsl");
        vec![include_str!("normal_quantile.wgsl").into(), own.into()]
    }

    fn arguments(&self) -> Arguments {
        let [left, beyond, log_density] = self.parts();
        arguments! { bound: self.bound(), left: left, beyond: beyond, log_density: log_density }
    }
}
