//! Distribution functions that a mixture is made of, in logarithms, so that no tail underflows.

use core::fmt::Debug;

use crate::math::{abs, exp, ln, log1p, polynomial, softplus};
#[cfg(feature = "model")]
use crate::simd::Kernel;
use crate::simd::Simd;

/// A symmetric distribution function `F`.
pub trait Cdf: Copy + Debug + Send + Sync + 'static {
    /// `ln F(u)`, `ln (1 − F(u))` and `ln F′(u)`.
    fn logs<S: Simd>(self, s: S, u: S::F) -> [S::F; 3];
    /// Arguments beyond it are taken as this: no logarithm overflows, and none that is multiplied by exp(20).
    fn far(self) -> f32;
    /// The `u ≥ 0` whose `ln (1 − F(u))` is this, at most ln ½.
    fn quantile<S: Simd>(self, s: S, tail: S::F) -> S::F;
}

/// The logistic distribution, `F(u) = 1 / (1 + e⁻ᵘ)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Logistic;

/// The normal distribution, `F = Φ`: its upper tail is `Φ(−t) = M(t) exp(−t²/2)`, with Mills' ratio as a
/// polynomial in `v = 1/(1 + 0.35 t)`, to 2·10⁻⁷ for all t ≥ 0. A quantile is four of Newton's steps down from
/// `√(−2 ln 2Φ(−u))`, which is never less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Normal;

/// What `v` is made of.
pub const MILLS_SCALE: f32 = 0.35;
/// `M / v`, the lowest coefficient first (`tests/reference/fit_math.py`).
pub const MILLS: [f32; 11] = [
    0.1396298,
    0.13962965,
    0.122541904,
    0.087914445,
    0.047610275,
    -0.025502698,
    0.063051425,
    -0.21675527,
    0.22806172,
    -0.104746655,
    0.018565401,
];
/// Newton's steps of a normal quantile.
pub const QUANTILE_STEPS: usize = 4;
/// ln √(2π).
pub const LN_ROOT_TAU: f32 = 0.918_938_5;
/// √(2π).
pub const ROOT_TAU: f32 = 2.506_628_3;

/// `Φ(−t) exp(t²/2)`.
#[inline(always)]
fn mills<S: Simd>(s: S, t: S::F) -> S::F {
    let one = s.splat(1.0);
    let v = s.div(one, s.add(one, s.mul(t, s.splat(MILLS_SCALE))));
    s.mul(v, polynomial(s, v, MILLS))
}

/// The two tails of `u`, of which this is that beyond `|u|` and the other.
#[inline(always)]
fn tails<S: Simd>(s: S, u: S::F, [small, large]: [S::F; 2]) -> [S::F; 2] {
    let negative = s.lt(u, s.splat(0.0));
    [s.select(negative, small, large), s.select(negative, large, small)]
}

impl Cdf for Logistic {
    #[inline(always)]
    fn far(self) -> f32 {
        1e28
    }

    #[inline(always)]
    fn logs<S: Simd>(self, s: S, u: S::F) -> [S::F; 3] {
        let size = s.sub(s.splat(0.0), abs(s, u));
        let bend = softplus(s, size);
        let (small, large) = (s.sub(size, bend), s.sub(s.splat(0.0), bend));
        let [lower, upper] = tails(s, u, [small, large]);
        [lower, upper, s.sub(small, bend)]
    }

    #[inline(always)]
    fn quantile<S: Simd>(self, s: S, tail: S::F) -> S::F {
        let zero = s.splat(0.0);
        let u = s.sub(log1p(s, s.sub(zero, exp(s, tail))), tail);
        s.select(s.lt(zero, u), u, zero)
    }
}

impl Cdf for Normal {
    #[inline(always)]
    fn far(self) -> f32 {
        1e19
    }

    #[inline(always)]
    fn logs<S: Simd>(self, s: S, u: S::F) -> [S::F; 3] {
        let size = abs(s, u);
        let square = s.mul(s.mul(size, size), s.splat(-0.5));
        let small = s.add(square, ln(s, mills(s, size)));
        let large = log1p(s, s.sub(s.splat(0.0), exp(s, small)));
        let [lower, upper] = tails(s, u, [small, large]);
        [lower, upper, s.sub(square, s.splat(LN_ROOT_TAU))]
    }

    #[inline(always)]
    fn quantile<S: Simd>(self, s: S, tail: S::F) -> S::F {
        let zero = s.splat(0.0);
        let beyond = s.sub(s.splat(-core::f32::consts::LN_2), tail);
        let beyond = s.select(s.lt(zero, beyond), beyond, zero);
        let mut u = s.sqrt(s.add(beyond, beyond));
        for _ in 0..QUANTILE_STEPS {
            let ratio = mills(s, u);
            let found = s.add(s.mul(s.mul(u, u), s.splat(-0.5)), ln(s, ratio));
            let step = s.mul(s.sub(found, tail), s.mul(ratio, s.splat(ROOT_TAU)));
            let next = s.add(u, step);
            u = s.select(s.lt(zero, next), next, zero);
        }
        u
    }
}

/// Which distribution function, in files.
#[cfg(feature = "model")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AnyCdf {
    /// [`Logistic`]
    Logistic,
    /// [`Normal`]
    Normal,
}

/// Each is a function of its own, as a model that is read at run time has a copy of what calls it for every
/// way to hold parameters.
#[cfg(feature = "model")]
impl Cdf for AnyCdf {
    #[inline(always)]
    fn far(self) -> f32 {
        match self {
            Self::Logistic => Logistic.far(),
            Self::Normal => Normal.far(),
        }
    }

    #[inline(always)]
    fn logs<S: Simd>(self, s: S, u: S::F) -> [S::F; 3] {
        s.vectorize(Logs { cdf: self, s, u })
    }

    #[inline(always)]
    fn quantile<S: Simd>(self, s: S, tail: S::F) -> S::F {
        s.vectorize(Quantile { cdf: self, s, tail })
    }
}

#[cfg(feature = "model")]
struct Logs<S: Simd> {
    cdf: AnyCdf,
    s: S,
    u: S::F,
}

#[cfg(feature = "model")]
impl<S: Simd> Kernel for Logs<S> {
    type Output = [S::F; 3];
    #[inline(always)]
    fn run<Level: Simd>(self, _: Level) -> Self::Output {
        match self.cdf {
            AnyCdf::Logistic => Logistic.logs(self.s, self.u),
            AnyCdf::Normal => Normal.logs(self.s, self.u),
        }
    }
}

#[cfg(feature = "model")]
struct Quantile<S: Simd> {
    cdf: AnyCdf,
    s: S,
    tail: S::F,
}

#[cfg(feature = "model")]
impl<S: Simd> Kernel for Quantile<S> {
    type Output = S::F;
    #[inline(always)]
    fn run<Level: Simd>(self, _: Level) -> Self::Output {
        match self.cdf {
            AnyCdf::Logistic => Logistic.quantile(self.s, self.tail),
            AnyCdf::Normal => Normal.quantile(self.s, self.tail),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Scalar;

    /// Upper tail and density of the normal distribution, in logarithms.
    fn normal(u: f64) -> [f64; 2] {
        let density = -0.5 * u * u - f64::from(LN_ROOT_TAU);
        // Beyond the least number, the asymptotic series.
        let tail = match u < 30.0 {
            true => libm::log(0.5 * libm::erfc(u * core::f64::consts::FRAC_1_SQRT_2)),
            false => density - u.ln() + (-1.0 / (u * u)).ln_1p(),
        };
        [tail, density]
    }

    fn logistic(u: f64) -> [f64; 2] {
        let bend = |u: f64| u.max(0.0) + (-u.abs()).exp().ln_1p();
        [-bend(u), -bend(u) - bend(-u)]
    }

    #[test]
    fn tails_and_densities_hold_far_out() {
        let mut worst = [0.0f64; 4];
        for i in -4000..=4000 {
            let u = 0.01 * i as f32 + 1e-3;
            for (k, (cdf, exact)) in
                [(AnyCdf::Logistic, logistic as fn(f64) -> [f64; 2]), (AnyCdf::Normal, normal)]
                    .into_iter()
                    .enumerate()
            {
                let [lower, upper, density] = cdf.logs(Scalar, u).map(f64::from);
                let ([beyond, log], [before, _]) = (exact(u.into()), exact((-u).into()));
                for (found, exact) in [(lower, before), (upper, beyond), (density, log)] {
                    worst[k] = worst[k].max((found - exact).abs() / (1.0 + exact.abs()));
                }
                if u >= 0.0 {
                    let back = f64::from(cdf.quantile(Scalar, upper as f32));
                    let off = (back - f64::from(u)).abs() / (1.0 + f64::from(u));
                    worst[2 + k] = worst[2 + k].max(off);
                }
            }
        }
        println!(
            "logs {:.1e} {:.1e}, quantiles {:.1e} {:.1e}",
            worst[0], worst[1], worst[2], worst[3]
        );
        assert!(worst.iter().all(|worst| *worst < 4e-7), "{worst:?}");
    }

    #[test]
    fn nothing_overflows() {
        for u in [0.0f32, 1e-30, 1.0, 1e5, 1e15] {
            for cdf in [AnyCdf::Logistic, AnyCdf::Normal] {
                for u in [u, -u] {
                    let logs = cdf.logs(Scalar, u);
                    assert!(logs.iter().all(|log| log.is_finite()), "{cdf:?} {u}: {logs:?}");
                }
                let back = cdf.quantile(Scalar, cdf.logs(Scalar, u)[1]);
                assert!((back - u).abs() <= 4e-7 * (1.0 + u), "{cdf:?} {u}: {back}");
            }
        }
    }
}
