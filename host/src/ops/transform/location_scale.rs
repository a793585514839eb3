//! A scale a = g(r) and a shift t: z = a x + t, or x = a z + t, as the map says.
//!
//! Forward it is the engine's own map. Backward, with l = ln a, y what came out of v, and σ = 1 where the
//! scale multiplies in the direction of density, else −1 (so that ln |dz/dx| = σ l):
//!
//! | direction | dv | dt | dl |
//! |---|---|---|---|
//! | it multiplies | dy a | dy | dy a v + σ c |
//! | it divides | dy / a | −dy / a | −dy y + σ c |
//!
//! and dr = dl l′(r), where l′ is 1 for `exp`, (1 + |r|/B)⁻² for `soft_exp`, σ(r)/a for `softplus` and
//! p (1 − p)/a with p = σ(r + 2) for `sigmoid`, −σ(−r − 2) for `over_sigmoid`; 0 where a raw scale or a scale is cut. Nothing is kept.

use std::borrow::Cow;

use pushforward::math::sigmoid;
use pushforward::simd::Simd;
use pushforward::univariate::Univariate;
use pushforward::univariate::location_scale::{
    LocationScale, LocationScaleSpec, MAX_RAW, SIGMOID_SHIFT, ScaleMap, ScaleSpec,
};
use pushforward::univariate::soft_clip::soft_bound;

use super::{Arguments, Direction, LOG_1P, LOGISTIC, Map, Parameters, arguments, soft_clip_share};

/// dl/dr.
#[inline(always)]
fn log_slope<S: Simd>(s: S, map: ScaleSpec, raw: S::F, scale: S::F) -> S::F {
    let (zero, one) = (s.splat(0.0), s.splat(1.0));
    let size = s.select(s.lt(raw, zero), s.sub(zero, raw), raw);
    let far = |slope| s.select(s.lt(s.splat(-MAX_RAW), raw), slope, zero);
    match map {
        ScaleSpec::Exp => s.select(s.lt(size, s.splat(MAX_RAW)), one, zero),
        ScaleSpec::SoftExp { least } => {
            let share = soft_clip_share(s, raw, soft_bound(least));
            s.div(one, s.mul(share, share))
        }
        ScaleSpec::Softplus { most, .. } => {
            let slope = far(s.div(sigmoid(s, raw), scale));
            s.select(s.lt(scale, s.splat(most)), slope, zero)
        }
        ScaleSpec::Sigmoid { .. } => {
            let p = sigmoid(s, s.add(raw, s.splat(SIGMOID_SHIFT)));
            far(s.div(s.mul(p, s.sub(one, p)), scale))
        }
        ScaleSpec::OverSigmoid => {
            let p = sigmoid(s, s.sub(s.splat(-SIGMOID_SHIFT), raw));
            far(s.sub(zero, p))
        }
    }
}

impl Map for LocationScaleSpec {
    #[inline(always)]
    fn forward<S: Simd>(
        self,
        s: S,
        direction: Direction,
        x: S::F,
        p: &mut Parameters<'_, S>,
    ) -> (S::F, S::F) {
        LocationScale::new(self.scale.build(), self.multiplies).apply(s, direction, x, p)
    }

    #[inline(always)]
    fn backward<S: Simd>(
        self,
        s: S,
        direction: Direction,
        [x, y]: [S::F; 2],
        c: S::F,
        dy: S::F,
        p: &mut Parameters<'_, S>,
    ) -> S::F {
        let zero = s.splat(0.0);
        let raw = p.get(0);
        let (scale, _) = self.scale.build().scale(s, raw);
        let c = match self.multiplies {
            Direction::Density => c,
            Direction::Sampling => s.sub(zero, c),
        };
        let (dx, dt, dl) = if direction == self.multiplies {
            let dx = s.mul(dy, scale);
            (dx, dy, s.mul(dx, x))
        } else {
            let dx = s.div(dy, scale);
            (dx, s.sub(zero, dx), s.sub(zero, s.mul(dy, y)))
        };
        p.set(0, s.mul(s.add(dl, c), log_slope(s, self.scale, raw, scale)));
        p.set(1, dt);
        dx
    }

    fn arguments(self) -> Arguments {
        let (function, bound, least) = match self.scale {
            ScaleSpec::Exp => (0usize, MAX_RAW, 0.0),
            ScaleSpec::SoftExp { least } => (1, soft_bound(least), 0.0),
            ScaleSpec::Softplus { least, most } => (2, most, least),
            ScaleSpec::Sigmoid { least } => (3, 0.0, least),
            ScaleSpec::OverSigmoid => (4, 0.0, 0.0),
        };
        let multiplies = self.multiplies == Direction::Density;
        arguments! { function: function, bound: bound, least: least, multiplies: multiplies }
    }

    fn sources(self) -> Vec<Cow<'static, str>> {
        vec![LOG_1P.into(), LOGISTIC.into(), include_str!("location_scale.wgsl").into()]
    }
}
