//! z = F⁻¹(Σ w F(u)) with u = exp(a) x + b: distribution functions of mixtures.
//!
//! Forward it is the engine's own map, which leaves ln w, exp(a) and b. Backward, with p = F′,
//! ψ = (ln p)′, P = Σ w exp(a) p(u), f′ = (1 − ε) P / p(z), and for each component
//! π = w exp(a) p(u) / P and q = f′ π / exp(a):
//!
//! | with respect to | z | ln P |
//! |---|---|---|
//! | u | q | π ψ(u) |
//! | a | q exp(a) x | π (1 + ψ(u) exp(a) x) |
//! | ln w | ± (1 − ε) w T(u) / p(z) | π |
//! | x | f′ | Σ π exp(a) ψ(u) |
//!
//! where T is the tail that z lies in, − the upper one (either would do: weights add up to one). As
//! ln f′ = ln P − ln p(z) and a constant, a gradient is h = g − c ψ(z) times the first and c times the second,
//! where g = dy for density. Sampling is the inverse: the gradient of z is
//! s = (dy + c (Σ π exp(a) ψ(u) − ψ(z) f′)) / f′ by the implicit function theorem, and the parameters' are as
//! above with g = −s. A logit's gradient is that of ln w less w times the sum of all, which is that of a
//! component that has all the weight.

use std::borrow::Cow;

use pushforward::math::{exp, tanh};
use pushforward::simd::Simd;
use pushforward::univariate::mixture_cdf::{
    AnyCdf, Cdf, LEAST_TAIL, LN_ROOT_TAU, MAX_LOG_SCALE, MAX_LOGIT, MAX_STEPS, MET, MILLS,
    MILLS_SCALE, MixtureCdf, QUANTILE_STEPS, ROOT_TAU,
};
use pushforward::univariate::{MixtureCdfSpec, Univariate};

use super::{
    Arguments, Direction, LOG_1P, Map, Parameters, SQUASH, arguments, constants, sides, through,
};

fn kernel(spec: MixtureCdfSpec) -> MixtureCdf<AnyCdf> {
    let MixtureCdfSpec { cdf, components, spread, shrink } = spec;
    MixtureCdf::new(cdf, components, spread, shrink).expect("validated when the model was built")
}

/// Between these a scale is not cut at its bound.
fn uncut() -> [f32; 2] {
    let bound = MAX_LOG_SCALE.exp();
    [1.001 / bound, 0.999 * bound]
}

/// ψ.
#[inline(always)]
fn score<S: Simd>(s: S, cdf: AnyCdf, u: S::F) -> S::F {
    let zero = s.splat(0.0);
    match cdf {
        AnyCdf::Logistic => s.sub(zero, tanh(s, s.mul(u, s.splat(0.5)))),
        AnyCdf::Normal => s.sub(zero, u),
    }
}

impl Map for MixtureCdfSpec {
    #[inline(always)]
    fn forward<S: Simd>(
        self,
        s: S,
        direction: Direction,
        x: S::F,
        p: &mut Parameters<'_, S>,
    ) -> (S::F, S::F) {
        kernel(self).apply(s, direction, x, p)
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
        let (zero, n, map) = (s.splat(0.0), self.components, kernel(self));
        let [x, z] = sides(direction, ends);
        let left = s.splat(1.0 - self.shrink);
        let [lower, upper, density] = map.logs(s, x, p);
        let right = s.lt(upper, lower);
        let [_, _, own] = self.cdf.logs(s, z);
        let slope = s.mul(left, exp(s, s.sub(density, own)));
        let bend = score(s, self.cdf, z);
        // Σ π exp(a) ψ(u).
        let mut along = zero;
        for k in 0..n {
            let u = map.argument(s, x, k, p);
            let [_, _, log] = self.cdf.logs(s, u);
            let scale = p.get(n + k);
            let share = s.mul(scale, exp(s, s.sub(s.add(p.get(k), log), density)));
            along = s.add(along, s.mul(s.mul(share, scale), score(s, self.cdf, u)));
        }
        let log_x = s.sub(along, s.mul(bend, slope));
        let [g, dx] = through(s, direction, dy, slope, s.mul(c, log_x));
        let h = s.sub(g, s.mul(c, bend));
        // What a share of z's tail adds to z.
        let beyond = |log| {
            let beyond = s.mul(left, exp(s, s.sub(log, own)));
            s.select(right, s.sub(zero, beyond), beyond)
        };
        let total = s.add(s.mul(h, beyond(s.select(right, upper, lower))), c);
        let [least, most] = uncut();
        let (least, most) = (s.splat(least), s.splat(most));
        for k in 0..n {
            let u = map.argument(s, x, k, p);
            let [below, above, log] = self.cdf.logs(s, u);
            let (weight, scale) = (p.get(k), p.get(n + k));
            let part = exp(s, s.sub(s.add(weight, log), density));
            let share = s.mul(c, s.mul(scale, part));
            let through = s.mul(h, s.mul(slope, part));
            let du = s.add(through, s.mul(share, score(s, self.cdf, u)));
            let da = s.add(s.mul(du, s.mul(scale, x)), share);
            let da = s.select(s.lt(scale, most), da, zero);
            let tail = s.add(weight, s.select(right, above, below));
            let dw = s.add(s.mul(h, beyond(tail)), share);
            p.set(k, s.sub(dw, s.mul(exp(s, weight), total)));
            p.set(n + k, s.select(s.lt(least, scale), da, zero));
            p.set(2 * n + k, du);
        }
        dx
    }

    fn arguments(self) -> Arguments {
        arguments! {
            normal: self.cdf == AnyCdf::Normal,
            components: self.components,
            spread: self.spread,
            shrink: self.shrink,
        }
    }

    fn sources(self) -> Vec<Cow<'static, str>> {
        let [least, most] = uncut();
        let shared = constants![
            FAR = self.cdf.far(),
            LEAST_SCALE = least,
            LEAST_TAIL,
            LN_2 = std::f32::consts::LN_2,
            LN_ROOT_TAU,
            MAX_LOGIT,
            MAX_LOG_SCALE,
            MAX_STEPS,
            MET,
            MILLS_SCALE,
            MILLS_TERMS = MILLS.len(),
            MOST_SCALE = most,
            QUANTILE_STEPS,
            ROOT_TAU,
        ];
        let mills = MILLS.map(|c| format!("{c:?}f")).join(", ");
        let mills = format!("const MILLS = array<f32, {}>({mills});\n", MILLS.len());
        let text = include_str!("mixture_cdf.wgsl").into();
        vec![SQUASH.into(), LOG_1P.into(), shared, mills.into(), text]
    }
}
