//! A cubic over a quadratic about a centre: data x to noise z = x (a + w)/(1 + w) with w = β x², both
//! measured from the centre m.
//!
//! Forward it is the engine's own map. Backward, with q = 1/(1 + w), L = ln f′ and
//!
//! ```text
//! f′ = (1 − σ) w q (w + 3) q + σ ((w − 3) q)²,     a = 9σ
//! L_w = (2w + 3 − a) q²/f′ − 2q,                   L_x = 2 β x L_w
//! ```
//!
//! | with respect to | z | L |
//! |---|---|---|
//! | x | f′ | L_x |
//! | a | x q | (1 − w) q²/f′ |
//! | β | x³ (1 − a) q² | x² L_w |
//! | m | 1 − f′ | −L_x |
//!
//! A gradient is g times the first and c times the second, where g = dy for density. Sampling is the
//! inverse: the gradient of z is h = (dy + c L_x)/f′ by the implicit function theorem, and the
//! parameters' are as above with g = −h. Nothing is kept: all comes back from x and the parameters.

use std::borrow::Cow;

use pushforward::math::{sigmoid, softplus};
use pushforward::simd::Simd;
use pushforward::univariate::cubic_rational::{MIN_SHARE, SHARE_SHIFT};
use pushforward::univariate::rational_quadratic::{DERIVATIVE_SHIFT, MIN_DERIVATIVE};
use pushforward::univariate::{CubicRational, CubicRationalSpec, Univariate};

use super::{
    Arguments, Direction, LOGISTIC, Map, Parameters, arguments, constants, sides, through,
};

impl Map for CubicRationalSpec {
    #[inline(always)]
    fn forward<S: Simd>(
        self,
        s: S,
        direction: Direction,
        x: S::F,
        p: &mut Parameters<'_, S>,
    ) -> (S::F, S::F) {
        CubicRational.apply(s, direction, x, p)
    }

    #[inline(always)]
    fn backward<S: Simd>(
        self,
        s: S,
        direction: Direction,
        ends: [S::F; 2],
        c: S::F,
        dy: S::F,
        p: &mut Parameters<'_, S>,
    ) -> S::F {
        let (zero, one, three) = (s.splat(0.0), s.splat(1.0), s.splat(3.0));
        let (floor, range) = (s.splat(MIN_SHARE), s.splat(1.0 - 2.0 * MIN_SHARE));
        let raw = s.add(p.get(0), s.splat(SHARE_SHIFT));
        let (yes, no) = (sigmoid(s, raw), sigmoid(s, s.sub(zero, raw)));
        let (share, rest) = (s.add(floor, s.mul(range, yes)), s.add(floor, s.mul(range, no)));
        let raw = s.add(p.get(1), s.splat(DERIVATIVE_SHIFT));
        let beta = s.add(s.splat(MIN_DERIVATIVE), softplus(s, raw));
        let a = s.mul(s.splat(9.0), share);
        let [data, _] = sides(direction, ends);
        let x = s.sub(data, p.get(2));
        let square = s.mul(x, x);
        let w = s.mul(beta, square);
        let q = s.div(one, s.add(one, w));
        let difference = s.mul(s.sub(w, three), q);
        let sum = s.mul(s.mul(w, q), s.mul(s.add(w, three), q));
        let slope = s.add(s.mul(rest, sum), s.mul(share, s.mul(difference, difference)));
        let per = s.div(s.mul(q, q), slope);
        let log_w = {
            let steep = s.add(s.add(w, w), s.sub(three, a));
            s.sub(s.mul(steep, per), s.add(q, q))
        };
        let log_x = s.mul(s.mul(s.add(beta, beta), x), log_w);
        let [g, dx] = through(s, direction, dy, slope, s.mul(c, log_x));
        let xq = s.mul(x, q);
        let both = |value: S::F, log: S::F| s.add(s.mul(g, value), s.mul(c, log));
        let da = both(xq, s.mul(s.sub(one, w), per));
        let bend = s.mul(s.mul(square, xq), s.mul(s.sub(one, a), q));
        let d_beta = both(bend, s.mul(square, log_w));
        let dm = both(s.sub(one, slope), s.sub(zero, log_x));
        let steep = s.mul(s.mul(s.splat(9.0), range), s.mul(yes, no));
        p.set(0, s.mul(da, steep));
        p.set(1, s.mul(d_beta, sigmoid(s, raw)));
        p.set(2, dm);
        dx
    }

    fn arguments(self) -> Arguments {
        arguments! {}
    }

    fn sources(self) -> Vec<Cow<'static, str>> {
        let shared = constants![MIN_SHARE, SHARE_SHIFT, MIN_DERIVATIVE, DERIVATIVE_SHIFT];
        vec![shared, LOGISTIC.into(), include_str!("cubic_rational.wgsl").into()]
    }
}
