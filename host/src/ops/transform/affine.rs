//! The affine univariate: noise z to data x = z eˢ + t (Dinh et al., arXiv:1605.08803).
//!
//! Its two parameters are a raw log-scale r and the shift t; s = b tanh(r/b) keeps |s| below the
//! bound b. ln |dz/dx| = −s, so with c the derivative of the loss with respect to ln q:
//!
//! | direction | value | dx, dt | ds |
//! |---|---|---|---|
//! | sampling | y = x eˢ + t | dx = dy eˢ, dt = dy | dy x eˢ − c |
//! | density  | y = (x − t) e⁻ˢ | dx = dy e⁻ˢ, dt = −dx | −dy y − c |
//!
//! and dr = ds (1 − tanh²(r/b)). What it keeps is tanh(r/b) and e^±ˢ.

use std::borrow::Cow;

use pushforward::math::{exp, tanh};
use pushforward::simd::Simd;
use pushforward::univariate::AffineSpec;

use super::{Arguments, Direction, Map, Parameters, SQUASH, arguments};

impl Map for AffineSpec {
    #[inline(always)]
    fn forward<S: Simd>(
        self,
        s: S,
        direction: Direction,
        x: S::F,
        p: &mut Parameters<'_, S>,
    ) -> (S::F, S::F) {
        let bound = self.log_scale_bound;
        let u = tanh(s, s.mul(p.get(0), s.splat(1.0 / bound)));
        let (log_scale, shift) = (s.mul(s.splat(bound), u), p.get(1));
        let inverse = s.sub(s.splat(0.0), log_scale);
        let (factor, value) = match direction {
            Direction::Sampling => {
                let factor = exp(s, log_scale);
                (factor, s.add(s.mul(x, factor), shift))
            }
            Direction::Density => {
                let factor = exp(s, inverse);
                (factor, s.mul(s.sub(x, shift), factor))
            }
        };
        p.set(0, u);
        p.set(1, factor);
        (value, inverse)
    }

    /// dr and dt come in the parameters' places.
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
        let (u, factor) = (p.get(0), p.get(1));
        let dx = s.mul(dy, factor);
        let (ds, dt) = match direction {
            Direction::Sampling => (s.mul(dx, x), dy),
            Direction::Density => (s.sub(zero, s.mul(dy, y)), s.sub(zero, dx)),
        };
        p.set(0, s.mul(s.sub(ds, c), s.sub(s.splat(1.0), s.mul(u, u))));
        p.set(1, dt);
        dx
    }

    fn arguments(self) -> Arguments {
        arguments! { bound: self.log_scale_bound }
    }

    fn sources(self) -> Vec<Cow<'static, str>> {
        vec![SQUASH.into(), include_str!("affine.wgsl").into()]
    }
}
