//! A scale, a shift and a scale between a sinh and its inverse: data x to noise
//! z = asinh(e^μ (e^ν sinh x + β)), with μ, ν, β = B tanh(raw/B).
//!
//! Forward it is the engine's own map. Backward, with T = tanh x, U = tanh z,
//! f′ = e^(μ+ν) cosh x / cosh z and L = ln f′:
//!
//! | with respect to | z | L |
//! |---|---|---|
//! | x | f′ | T − U f′ |
//! | μ | U | 1 − U² |
//! | ν | f′ T | 1 − U f′ T |
//! | β | e^μ / cosh z | −U e^μ / cosh z |
//!
//! A gradient is g times the first and c times the second, where g = dy for density. Sampling is the
//! inverse: the gradient of z is h = (dy + c (T − U f′))/f′ by the implicit function theorem, and the
//! parameters' are as above with g = −h. Nothing is kept: all comes back from x, z and the parameters.

use std::borrow::Cow;

use pushforward::math::{exp, log1p, tanh};
use pushforward::simd::Simd;
use pushforward::univariate::{Sinh, SinhSpec, Univariate};

use super::{Arguments, Direction, LOG_1P, Map, Parameters, SQUASH, arguments, sides, through};

/// ln cosh, but for ln 2.
#[inline(always)]
fn log_cosh<S: Simd>(s: S, x: S::F) -> S::F {
    let minus = s.sub(s.splat(0.0), x);
    let size = s.select(s.lt(x, s.splat(0.0)), minus, x);
    s.add(size, log1p(s, exp(s, s.mul(s.splat(-2.0), size))))
}

impl Map for SinhSpec {
    #[inline(always)]
    fn forward<S: Simd>(
        self,
        s: S,
        direction: Direction,
        x: S::F,
        p: &mut Parameters<'_, S>,
    ) -> (S::F, S::F) {
        let map = Sinh::new(self.bound).expect("validated when the model was built");
        map.apply(s, direction, x, p)
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
        let (zero, one) = (s.splat(0.0), s.splat(1.0));
        let [x, z] = sides(direction, ends);
        let mut squashed = [zero; 3];
        for (r, u) in squashed.iter_mut().enumerate() {
            *u = tanh(s, s.mul(p.get(r), s.splat(1.0 / self.bound)));
        }
        let [mu, nu] = [squashed[0], squashed[1]].map(
            #[inline(always)]
            |u| s.mul(s.splat(self.bound), u),
        );
        let (t, u) = (tanh(s, x), tanh(s, z));
        let (over, under) = (log_cosh(s, x), log_cosh(s, z));
        let slope = exp(s, s.add(s.add(mu, nu), s.sub(over, under)));
        let log_x = s.sub(t, s.mul(u, slope));
        let [g, dx] = through(s, direction, dy, slope, s.mul(c, log_x));
        // ln cosh is a half of what log_cosh is the logarithm of.
        let beta = s.mul(s.splat(2.0), exp(s, s.sub(mu, under)));
        let along = s.mul(slope, t);
        let values = [u, along, beta];
        let logs =
            [s.sub(one, s.mul(u, u)), s.sub(one, s.mul(u, along)), s.sub(zero, s.mul(u, beta))];
        for (r, squashed) in squashed.iter().enumerate() {
            let d = s.add(s.mul(g, values[r]), s.mul(c, logs[r]));
            p.set(r, s.mul(d, s.sub(one, s.mul(*squashed, *squashed))));
        }
        dx
    }

    fn arguments(self) -> Arguments {
        arguments! { bound: self.bound }
    }

    fn sources(self) -> Vec<Cow<'static, str>> {
        vec![SQUASH.into(), LOG_1P.into(), include_str!("sinh.wgsl").into()]
    }
}
