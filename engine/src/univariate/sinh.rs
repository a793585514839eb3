//! A scale, a shift and a scale between a sinh and its inverse: a smooth map of the whole line that
//! bends in the middle and is a shift far out.
//!
//! One of the analytic bijections of the library bijx: `sinh` in place of knots. Both directions are
//! closed forms, the inverse being a map of the same kind.
//!
//! ```text
//! z = f(x) = asinh(exp(μ) (exp(ν) sinh x + β))                f(x) → x ± (μ + ν) as x → ±∞
//! x = f⁻¹(z): the same with −ν, −μ, −β for μ, ν, β
//! f′ = exp(μ + ν) cosh x / cosh z
//! P = 3 parameters, each made u = B tanh(raw / B): μ, ν, β
//! ```
//!
//! All parameters zero is the identity, up to roundings.
//!
//! # Without overflow
//! `sinh x` overflows beyond 88, where the map itself is a shift. With `k = max(|x| + ν, 0)`,
//! `M = μ + k` and `t = tanh |x|` (so that `sinh |x| = exp(|x|) t/(1 + t)`, accurate near 0),
//!
//! ```text
//! d = min(|x| + ν, 0),   r = ± exp(d) t/(1 + t) + β exp(−k),   s = exp(M) r = sinh z
//! M < 40:  |z| = log1p(|s| + s²/(1 + √(1 + s²)))
//! else:    |z| = M + ln(|r| + √(r² + exp(−2M)))
//! ln f′ = d + log1p(exp(−2|x|)) − ln 2 − ½ ln(r² + exp(−2M))
//! ```
//!
//! in which no exponential overflows, large `x` does not enter `ln f′` as a difference, and only the
//! sum of `sinh x` and the shift cancels, as in an affine map. Operations are plain in both
//! arithmetics. Over 10⁵ points each with bounds of 1, 3 and 8, a round trip misses `x` by 1.7·10⁻⁷,
//! three roundings, of what a rounding of either side costs.

#[cfg(feature = "model")]
use alloc::format;

use super::{Parameters, Univariate};
use crate::math::{abs, exp, ln, log1p, tanh, with_sign};
#[cfg(feature = "model")]
use crate::model::{Faults, Source, Sources};
use crate::simd::Simd;

/// Least bound of the parameters: far below it `1 / B` overflows.
pub const MIN_SINH_BOUND: f32 = 1.0 / 1024.0;
/// Largest bound of the parameters: exp(4B) and its square are numbers.
pub const MAX_SINH_BOUND: f32 = 8.0;

/// A scale, a shift and a scale between a sinh and its inverse; see the module.
#[derive(Clone, Copy, Debug)]
pub struct Sinh {
    bound: f32,
    inverse: f32,
}

impl Sinh {
    /// With parameters in `(−bound, bound)`; `None` unless it is from [`MIN_SINH_BOUND`] to
    /// [`MAX_SINH_BOUND`].
    pub const fn new(bound: f32) -> Option<Self> {
        if bound >= MIN_SINH_BOUND && bound <= MAX_SINH_BOUND {
            Some(Self { bound, inverse: 1.0 / bound })
        } else {
            None
        }
    }

    /// [`Univariate::parameters`], for constants.
    pub const PARAMETERS: usize = 3;

    /// μ, ν and β.
    #[inline(always)]
    fn bounded<S: Simd>(&self, s: S, parameters: &impl Parameters<S>) -> [S::F; 3] {
        let mut all = [s.splat(0.0); 3];
        for (p, value) in all.iter_mut().enumerate() {
            let u = tanh(s, s.mul(parameters.get(p), s.splat(self.inverse)));
            *value = s.mul(s.splat(self.bound), u);
        }
        all
    }
}

/// The value and the logarithm of the slope.
#[inline(always)]
fn map<S: Simd>(s: S, x: S::F, [mu, nu, beta]: [S::F; 3]) -> (S::F, S::F) {
    let (zero, one, far) = (s.splat(0.0), s.splat(1.0), s.splat(40.0));
    let size = abs(s, x);
    let level = s.add(size, nu);
    let small = s.lt(level, zero);
    let (k, d) = (s.select(small, zero, level), s.select(small, level, zero));
    let m = s.add(mu, k);
    let t = tanh(s, size);
    let part = s.mul(exp(s, d), s.div(t, s.add(one, t)));
    let r = s.add(with_sign(s, part, x), s.mul(beta, exp(s, s.sub(zero, k))));
    let square = s.mul(r, r);
    let rest = exp(s, s.mul(s.splat(-2.0), m));
    let root = s.sqrt(s.add(square, rest));

    let near = s.lt(m, far);
    let sinh = s.mul(exp(s, s.select(near, m, far)), abs(s, r));
    let bend = s.mul(sinh, sinh);
    let bend = s.div(bend, s.add(one, s.sqrt(s.add(one, bend))));
    let close = log1p(s, s.add(sinh, bend));
    let away = s.add(m, ln(s, s.add(abs(s, r), root)));
    let value = with_sign(s, s.select(near, close, away), r);

    let cosh = log1p(s, exp(s, s.mul(s.splat(-2.0), size)));
    let slope = s.sub(s.add(d, s.sub(cosh, s.splat(core::f32::consts::LN_2))), ln(s, root));
    (value, slope)
}

impl Univariate for Sinh {
    #[inline(always)]
    fn parameters(&self) -> usize {
        Self::PARAMETERS
    }

    #[inline(always)]
    fn density<S: Simd>(&self, s: S, x: S::F, parameters: &mut impl Parameters<S>) -> (S::F, S::F) {
        map(s, x, self.bounded(s, parameters))
    }

    #[inline(always)]
    fn sampling<S: Simd>(
        &self,
        s: S,
        z: S::F,
        parameters: &mut impl Parameters<S>,
    ) -> (S::F, S::F) {
        let zero = s.splat(0.0);
        let [mu, nu, beta] = self.bounded(s, parameters);
        let inverse = [s.sub(zero, nu), s.sub(zero, mu), s.sub(zero, beta)];
        let (x, slope) = map(s, z, inverse);
        (x, s.sub(zero, slope))
    }
}

/// `{"kind": "sinh", "bound": B}`.
#[cfg(feature = "model")]
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SinhSpec {
    /// Bound of each parameter.
    pub bound: f32,
}

#[cfg(feature = "model")]
impl crate::model::UnivariatePart for SinhSpec {
    type Built = Sinh;

    fn check(&self, faults: &mut Faults) {
        if Sinh::new(self.bound).is_none() {
            faults.wrong("bound", self.bound, format!("{MIN_SINH_BOUND} to {MAX_SINH_BOUND}"));
        }
    }

    fn parameters(&self) -> usize {
        Sinh::PARAMETERS
    }

    fn build(&self) -> Option<Sinh> {
        Sinh::new(self.bound)
    }

    fn source(&self, sources: &mut Sources) -> Source {
        sources.code("univariate sinh", 6);
        sources.table(2);
        let ty = "engine::univariate::Sinh";
        Source::checked(ty, format!("{ty}::new({:?})", self.bound))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bijection::Direction::{self, Density, Sampling};
    use crate::noise::{block, normal};
    use crate::simd::Scalar;

    fn at(bound: f32, raw: [f32; 3], direction: Direction, value: f32) -> (f32, f32) {
        Sinh::new(bound).unwrap().apply(Scalar, direction, value, &mut { raw })
    }

    #[test]
    fn nothing_overflows() {
        for bound in [f32::NAN, 0.0, 9e-4, 8.1, f32::INFINITY] {
            assert!(Sinh::new(bound).is_none(), "{bound}");
        }
        let sizes = [0.0, -1e-30, 0.3, -50.0, 1e10, -f32::MAX, f32::MAX];
        let raws = sizes.iter().flat_map(|a| sizes.iter().map(move |b| (*a, *b)));
        for (a, b) in raws {
            for bound in [MIN_SINH_BOUND, 1.0, MAX_SINH_BOUND] {
                for raw in [[a, b, 0.0], [a, b, f32::MAX], [b, a, -f32::MAX]] {
                    for value in [0.0, 1e-30, -0.5, 6.0, -40.0, 88.0, -1e4, 1e30, 3e38] {
                        for direction in [Sampling, Density] {
                            let (new, slope) = at(bound, raw, direction, value);
                            let text = format!("{bound} {raw:?} {value} {direction:?}");
                            assert!(new.is_finite(), "{text}: {new}");
                            assert!(slope.abs() <= 4.0 * bound + 1e-5, "{text}: {slope}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn zero_is_the_identity_and_tails_are_shifts() {
        for x in [0.0, 1e-20, -1e-3, 0.7, -3.0, 25.0, -1e4, 1e20] {
            let (z, slope) = at(3.0, [0.0; 3], Density, x);
            assert!((z - x).abs() <= 3e-7 * x.abs(), "{x}: {z}");
            assert!(slope.abs() < 1e-6, "{x}: {slope}");
        }
        let (z, slope) = at(8.0, [1.0, -3.0, 2.0], Density, 1e4);
        let shift = 8.0 * (f64::tanh(1.0 / 8.0) - f64::tanh(3.0 / 8.0));
        assert!((f64::from(z) - 1e4 - shift).abs() < 2e-3 && slope.abs() < 1e-6, "{z} {slope}");
    }

    /// What a round trip loses, of what a rounding of either side's sinh costs.
    #[test]
    fn directions_undo_each_other() {
        for (bound, spread) in [(1.0, 1.0), (3.0, 2.0), (8.0, 4.0)] {
            let mut worst = [0.0f64; 2];
            for i in 0..100_000 {
                let noise = |k: u32| normal(Scalar, block([i, k], [9, 9])[0]);
                let raw = [0, 1, 2].map(|k| spread * noise(k));
                let x = 3.0 * noise(3);
                let (z, slope) = at(bound, raw, Density, x);
                let (back, slope_back) = at(bound, raw, Sampling, z);
                let [mu, beta] = [raw[0], raw[2]].map(|r| f64::from(bound * (r / bound).tanh()));
                let (x, z, steep) = (f64::from(x), f64::from(z), f64::from(slope).exp());
                // z in roundings: its own, and those of the two terms under the outer scale.
                let lost =
                    1.0 + z.abs() + steep * (1.0 + x.abs()) + beta.abs() * mu.exp() / z.cosh();
                worst[0] = worst[0].max((f64::from(back) - x).abs() * steep / lost);
                worst[1] =
                    worst[1].max(f64::from(slope - slope_back).abs() * steep.min(1.0) / lost);
            }
            let [back, slope] = worst;
            println!("bound {bound}, spread {spread}: {back:.1e}, ln f′ {slope:.1e}");
            assert!(back < 4e-7 && slope < 4e-7, "bound {bound}: {back:e}, {slope:e}");
        }
    }
}
