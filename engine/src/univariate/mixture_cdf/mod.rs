//! The distribution function of a mixture, and the quantile of one of its components: flows that make any
//! distribution Gaussian, or logistic, coordinate by coordinate.
//!
//! ```text
//! z = f(x) = F⁻¹( Σ w_k F(u_k) ),   u_k = exp(a_k) x + b_k + c_k
//! ln f′ = ln Σ w_k exp(a_k) F′(u_k) − ln F′(z)
//! P = 3K parameters: K logits of w, K log-scales a (in ±20), K shifts b
//! ```
//!
//! With F the normal distribution function this is the map of Gaussianisation flows (Meng et al. 2020,
//! arXiv:2003.01941; zuko's `GaussianizationTransform`, whose weights are equal); with the logistic one that of
//! Flow++ (Ho et al. 2019, arXiv:1902.00275). The constants `c_k` lie evenly from −`spread` to `spread`:
//! components that start alike have the same gradients and would stay alike. One component is an affine map.
//!
//! Tails are kept as logarithms, and of both tails the smaller is used, so a value far out is as good as one in
//! the middle: `f(x)` misses by `10⁻⁶ (1 + |z|)` at most in the tests below. Arguments end at [`Cdf::far`], and what
//! is nearer to that than to 0 counts as infinite, either way.
//!
//! zuko moves all of it towards one half, `p → ½ + (1 − ε) (p − ½)` with ε = 10⁻⁶: `shrink`. Its map reaches
//! `|z| < 4.9` only, so its density adds up to 1 − ε. Without `shrink` the map is one of the whole line.
//!
//! # The inverse is no closed form
//! `x = f⁻¹(z)` lies between the least and the largest of `(z − b_k − c_k) / exp(a_k)`, where all components
//! agree. From the middle of that bracket Newton's steps go towards it, each within what is left of the bracket,
//! which is halved where a step would leave it or not gain; a vector's lanes end one by one, so a sample has
//! the same bits at every level. The end is where the tail's logarithm is met to its last digits, and at most
//! [`MAX_STEPS`] steps: a drawn x is within the bracket, and `|f(x) − z| ≤` [`TOLERANCE`] `(1 + |z|)`. So
//! likelihoods are as exact as those of other maps, and draws are not (and take three to five times as long); `model!` compiles
//! such a model's likelihood only (`sampling = "none"`).

mod cdf;

#[cfg(feature = "model")]
use alloc::format;

#[cfg(feature = "model")]
pub use cdf::AnyCdf;
pub use cdf::{Cdf, LN_ROOT_TAU, Logistic, MILLS, MILLS_SCALE, Normal, QUANTILE_STEPS, ROOT_TAU};

use super::{Parameters, Univariate};
use crate::math::{abs, at_least, at_most, exp, ln, log1p, with_sign};
#[cfg(feature = "model")]
use crate::model::{Faults, Source, Sources};
use crate::simd::{Scalar, Simd};

/// Most components.
pub const MAX_COMPONENTS: usize = 64;
/// Log-scales beyond it are taken as this.
pub const MAX_LOG_SCALE: f32 = 20.0;
/// Logits beyond it are taken as this.
pub const MAX_LOGIT: f32 = 1e28;
/// Largest `spread`.
pub const MAX_SPREAD: f32 = 8.0;
/// Least and largest `shrink`, but for none, which is 0.
pub const SHRINKS: [f32; 2] = [1e-7, 1e-2];
/// Most steps of the inverse.
pub const MAX_STEPS: usize = 64;
/// How far `f(x)` of a drawn x is from z at most, of `1 + |z|`.
pub const TOLERANCE: f32 = 1e-6;
/// The tail's logarithm is met when it is nearer than this, of `1 + |ln tail|`.
pub const MET: f32 = 1.2e-7;
/// Of the probability that `shrink` leaves beyond the map's end, a draw there takes this much.
pub const LEAST_TAIL: f32 = 1.0 / 1024.0;

/// The distribution function of a mixture and a quantile; see the module.
#[derive(Clone, Copy, Debug)]
pub struct MixtureCdf<C> {
    cdf: C,
    components: usize,
    spread: f32,
    shrink: f32,
}

/// `ln Σ w exp(t)`, term by term.
#[derive(Clone, Copy)]
struct LogSum<S: Simd> {
    most: S::F,
    sum: S::F,
}

impl<S: Simd> LogSum<S> {
    #[inline(always)]
    fn new(s: S) -> Self {
        Self { most: s.splat(f32::NEG_INFINITY), sum: s.splat(0.0) }
    }

    #[inline(always)]
    fn add(&mut self, s: S, log: S::F, weight: S::F) {
        let more = s.sub(log, self.most);
        let greater = s.lt(s.splat(0.0), more);
        let share = exp(s, s.sub(s.splat(0.0), abs(s, more)));
        let (old, new) =
            (s.select(greater, share, s.splat(1.0)), s.select(greater, s.splat(1.0), share));
        self.sum = s.add(s.mul(self.sum, old), s.mul(weight, new));
        self.most = s.select(greater, log, self.most);
    }

    #[inline(always)]
    fn value(self, s: S) -> S::F {
        s.add(self.most, ln(s, self.sum))
    }
}

/// Within ±`most`.
#[inline(always)]
fn within<S: Simd>(s: S, x: S::F, most: f32) -> S::F {
    at_least(s, at_most(s, x, most), -most)
}

impl<C: Cdf> MixtureCdf<C> {
    /// With so many components, from 1 to [`MAX_COMPONENTS`], that start from −`spread` to `spread`, from 0 to
    /// [`MAX_SPREAD`]; `shrink` is 0 or one of [`SHRINKS`]. `None` unless all are.
    pub const fn new(cdf: C, components: usize, spread: f32, shrink: f32) -> Option<Self> {
        let [least, most] = SHRINKS;
        let shrinks = shrink == 0.0 || (shrink >= least && shrink <= most);
        let counted = components >= 1 && components <= MAX_COMPONENTS;
        if counted && spread >= 0.0 && spread <= MAX_SPREAD && shrinks {
            Some(Self { cdf, components, spread, shrink })
        } else {
            None
        }
    }

    /// c_k.
    #[inline(always)]
    pub fn start(&self, component: usize) -> f32 {
        match self.components {
            0 | 1 => 0.0,
            n => self.spread * ((2 * component) as f32 / (n - 1) as f32 - 1.0),
        }
    }

    /// The parameters replaced by ln w, exp(a) and b + c.
    #[inline(always)]
    pub fn prepare<S: Simd>(&self, s: S, parameters: &mut impl Parameters<S>) {
        let n = self.components;
        let mut total = LogSum::new(s);
        for k in 0..n {
            let logit = within(s, parameters.get(k), MAX_LOGIT);
            parameters.set(k, logit);
            total.add(s, logit, s.splat(1.0));
        }
        let total = total.value(s);
        for k in 0..n {
            let weight = s.sub(parameters.get(k), total);
            parameters.set(k, weight);
            let scale = exp(s, within(s, parameters.get(n + k), MAX_LOG_SCALE));
            parameters.set(n + k, scale);
            let shift = within(s, parameters.get(2 * n + k), self.cdf.far());
            parameters.set(2 * n + k, s.add(shift, s.splat(self.start(k))));
        }
    }

    /// u_k of prepared parameters.
    #[inline(always)]
    pub fn argument<S: Simd>(
        &self,
        s: S,
        x: S::F,
        component: usize,
        prepared: &impl Parameters<S>,
    ) -> S::F {
        let n = self.components;
        let (scale, shift) = (prepared.get(n + component), prepared.get(2 * n + component));
        within(s, s.add(s.mul(scale, x), shift), self.cdf.far())
    }

    /// `ln Σ w F(u)`, `ln Σ w (1 − F(u))` and `ln Σ w exp(a) F′(u)` of prepared parameters.
    #[inline(always)]
    pub fn logs<S: Simd>(&self, s: S, x: S::F, prepared: &impl Parameters<S>) -> [S::F; 3] {
        let (one, mut sums) = (s.splat(1.0), [LogSum::new(s); 3]);
        for k in 0..self.components {
            let u = self.argument(s, x, k, prepared);
            let weight = prepared.get(k);
            let factors = [one, one, prepared.get(self.components + k)];
            for ((sum, log), factor) in sums.iter_mut().zip(self.cdf.logs(s, u)).zip(factors) {
                sum.add(s, s.add(weight, log), factor);
            }
        }
        let [lower, upper, density] = sums;
        [lower.value(s), upper.value(s), density.value(s)]
    }

    /// The logarithm of a tail, of the mixture's.
    #[inline(always)]
    fn shrunk<S: Simd>(&self, s: S, tail: S::F) -> S::F {
        if self.shrink == 0.0 {
            return tail;
        }
        let left = s.mul(exp(s, tail), s.splat(1.0 - self.shrink));
        ln(s, s.add(left, s.splat(0.5 * self.shrink)))
    }

    /// The mixture's, of the logarithm of a tail.
    #[inline(always)]
    fn unshrunk<S: Simd>(&self, s: S, tail: S::F) -> S::F {
        if self.shrink == 0.0 {
            return tail;
        }
        let left = s.sub(exp(s, tail), s.splat(0.5 * self.shrink));
        let tail = s.mul(left, s.splat(1.0 / (1.0 - self.shrink)));
        let least = s.splat(LEAST_TAIL * self.shrink);
        ln(s, s.select(s.lt(least, tail), tail, least))
    }

    /// ln f′, of the mixture's density and z.
    #[inline(always)]
    fn slope<S: Simd>(&self, s: S, density: S::F, z: S::F) -> S::F {
        let [_, _, own] = self.cdf.logs(s, z);
        let slope = s.sub(density, own);
        if self.shrink == 0.0 {
            return slope;
        }
        s.add(slope, s.splat(log1p(Scalar, -self.shrink)))
    }

    /// What a number becomes, and the slope: infinite far out, and none of what is none.
    #[inline(always)]
    fn numbers<S: Simd>(&self, s: S, given: S::F, value: S::F, slope: S::F) -> (S::F, S::F) {
        let (infinite, far) = (s.splat(f32::INFINITY), s.splat(0.5 * self.cdf.far()));
        let beyond = s.mul(infinite, given);
        let near = s.lt(abs(s, given), infinite);
        let is_far = s.lt(far, abs(s, value));
        let value = s.select(is_far, with_sign(s, infinite, value), value);
        (s.select(near, value, beyond), slope)
    }

    /// `x` with this z, and `ln Σ w exp(a) F′(u)` there.
    #[inline(always)]
    fn solve<S: Simd>(&self, s: S, z: S::F, prepared: &impl Parameters<S>) -> [S::F; 2] {
        let (zero, one, n) = (s.splat(0.0), s.splat(1.0), self.components);
        let z = within(s, z, self.cdf.far());
        let [_, tail, _] = self.cdf.logs(s, abs(s, z));
        let tail = self.unshrunk(s, tail);
        let place = with_sign(s, self.cdf.quantile(s, tail), z);
        let near = s.mul(s.splat(MET), s.sub(one, tail));
        let (mut low, mut high) = (s.splat(f32::INFINITY), s.splat(f32::NEG_INFINITY));
        for k in 0..n {
            let x = s.div(s.sub(place, prepared.get(2 * n + k)), prepared.get(n + k));
            low = s.select(s.lt(x, low), x, low);
            high = s.select(s.lt(high, x), x, high);
        }
        let right = s.lt(zero, z);
        let mut x = s.add(low, s.mul(s.splat(0.5), s.sub(high, low)));
        let (mut active, mut last, mut log_density) = (one, s.sub(high, low), zero);
        for _ in 0..MAX_STEPS {
            let [lower, upper, density] = self.logs(s, x, prepared);
            let own = s.select(right, upper, lower);
            let off = s.sub(own, tail);
            let runs = s.lt(zero, active);
            log_density = s.select(runs, density, log_density);
            let met = s.lt(abs(s, off), near);
            active = s.select(met, zero, active);

            let up = s.select(right, off, s.sub(zero, off));
            let is_up = s.lt(zero, up);
            low = s.select(is_up, x, low);
            high = s.select(is_up, high, x);
            let step = s.mul(up, exp(s, s.sub(own, density)));
            let (newton, middle) =
                (s.add(x, step), s.add(low, s.mul(s.splat(0.5), s.sub(high, low))));
            let gains = s.lt(abs(s, s.add(step, step)), last);
            let next = s.select(gains, newton, middle);
            let next = s.select(s.lt(low, next), next, middle);
            let next = s.select(s.lt(next, high), next, middle);
            let moved = abs(s, s.sub(next, x));
            active = s.select(s.lt(zero, moved), active, zero);
            let runs = s.lt(zero, active);
            last = s.select(runs, moved, last);
            x = s.select(runs, next, x);
            let mut lanes = S::array(0.0);
            s.store(active, &mut lanes);
            if lanes.as_ref().iter().all(|lane| *lane == 0.0) {
                break;
            }
        }
        [x, log_density]
    }
}

impl<C: Cdf> Univariate for MixtureCdf<C> {
    #[inline(always)]
    fn parameters(&self) -> usize {
        3 * self.components
    }

    #[inline(always)]
    fn density<S: Simd>(&self, s: S, x: S::F, parameters: &mut impl Parameters<S>) -> (S::F, S::F) {
        self.prepare(s, parameters);
        let [lower, upper, density] = self.logs(s, x, parameters);
        let right = s.lt(upper, lower);
        let tail = self.shrunk(s, s.select(right, upper, lower));
        let size = self.cdf.quantile(s, tail);
        let z = s.select(right, size, s.sub(s.splat(0.0), size));
        let slope = self.slope(s, density, z);
        self.numbers(s, x, z, slope)
    }

    #[inline(always)]
    fn sampling<S: Simd>(
        &self,
        s: S,
        z: S::F,
        parameters: &mut impl Parameters<S>,
    ) -> (S::F, S::F) {
        self.prepare(s, parameters);
        let [x, density] = self.solve(s, z, parameters);
        let slope = self.slope(s, density, z);
        self.numbers(s, z, x, slope)
    }
}

/// `{"kind": "mixture_cdf", "cdf": "logistic", "components": K, "spread": c, "shrink": ε}`; without `shrink` it
/// is 0.
#[cfg(feature = "model")]
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MixtureCdfSpec {
    /// F.
    pub cdf: AnyCdf,
    /// Components of the mixture.
    pub components: usize,
    /// Where they start: evenly from −`spread` to `spread`.
    pub spread: f32,
    /// ε.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub shrink: f32,
}

#[cfg(feature = "model")]
fn is_zero(shrink: &f32) -> bool {
    *shrink == 0.0
}

#[cfg(feature = "model")]
impl crate::model::UnivariatePart for MixtureCdfSpec {
    type Built = MixtureCdf<AnyCdf>;

    fn check(&self, faults: &mut Faults) {
        if !(1..=MAX_COMPONENTS).contains(&self.components) {
            faults.wrong("components", self.components, format!("1 to {MAX_COMPONENTS}"));
        }
        if !(0.0..=MAX_SPREAD).contains(&self.spread) {
            faults.wrong("spread", self.spread, format!("0 to {MAX_SPREAD}"));
        }
        let [least, most] = SHRINKS;
        if self.shrink != 0.0 && !(least..=most).contains(&self.shrink) {
            faults.wrong("shrink", self.shrink, format!("0, or {least} to {most}"));
        }
    }

    fn parameters(&self) -> usize {
        3 * self.components
    }

    fn build(&self) -> Option<Self::Built> {
        MixtureCdf::new(self.cdf, self.components, self.spread, self.shrink)
    }

    fn source(&self, sources: &mut Sources) -> Source {
        let path = "engine::univariate::mixture_cdf";
        let Self { cdf, components, spread, shrink } = self;
        let ty = format!("{path}::MixtureCdf<{path}::{cdf:?}>");
        sources.code(&ty, 15);
        sources.table(3);
        sources.inverted(format!(
            "mixture_cdf has no inverse in closed form: draws invert it to {TOLERANCE:e} (1 + |z|)"
        ));
        let value = format!("{path}::{cdf:?}, {components}, {spread:?}, {shrink:?}");
        Source::checked(&ty, format!("{path}::MixtureCdf::new({value})"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bijection::Direction::{Density, Sampling};
    use crate::noise::{block, normal};
    use std::vec::Vec;

    fn noise(i: u32, k: u32) -> f32 {
        normal(Scalar, block([i, k], [7, 8])[0])
    }

    fn maps() -> impl Iterator<Item = (MixtureCdf<AnyCdf>, f32)> {
        let cdfs = [AnyCdf::Logistic, AnyCdf::Normal];
        let sizes = [(1, 0.0, 0.0), (2, 1.0, 0.0), (8, 1.0, 0.0), (5, 0.0, 1e-6), (64, 8.0, 0.0)];
        cdfs.into_iter().flat_map(move |cdf| {
            sizes.into_iter().flat_map(move |(n, spread, shrink)| {
                [0.3, 1.0, 4.0].map(|wide| (MixtureCdf::new(cdf, n, spread, shrink).unwrap(), wide))
            })
        })
    }

    fn raw(map: &MixtureCdf<AnyCdf>, wide: f32, i: u32) -> Vec<f32> {
        (0..Univariate::parameters(map) as u32).map(|p| wide * noise(i, p)).collect()
    }

    /// f(x) and ln f′ in 64 bits, by the formula, with ln tails only where a tail would underflow.
    fn exact(map: &MixtureCdf<AnyCdf>, raw: &[f32], x: f64) -> (f64, f64) {
        let n = map.components;
        let at = |p: usize| f64::from(raw[p]);
        let most = (0..n).map(at).fold(f64::MIN, f64::max);
        let total: f64 = (0..n).map(|k| (at(k) - most).exp()).sum();
        let (mut lower, mut upper, mut density) = (0.0, 0.0, 0.0);
        let cdf = |u: f64| match map.cdf {
            AnyCdf::Logistic => 1.0 / (1.0 + (-u).exp()),
            AnyCdf::Normal => 0.5 * libm::erfc(-u * core::f64::consts::FRAC_1_SQRT_2),
        };
        let slope = |u: f64| match map.cdf {
            AnyCdf::Logistic => cdf(u) * cdf(-u),
            AnyCdf::Normal => (-0.5 * u * u).exp() / core::f64::consts::TAU.sqrt(),
        };
        for k in 0..n {
            let w = (at(k) - most).exp() / total;
            let scale = at(n + k).clamp(-20.0, 20.0).exp();
            let u = scale * x + at(2 * n + k) + f64::from(map.start(k));
            lower += w * cdf(u);
            upper += w * cdf(-u);
            density += w * scale * slope(u);
        }
        let shrink = f64::from(map.shrink);
        let tail = lower.min(upper) * (1.0 - shrink) + 0.5 * shrink;
        let (mut least, mut largest) = (0.0, 40.0);
        for _ in 0..80 {
            let middle = 0.5 * (least + largest);
            if cdf(-middle) > tail { least = middle } else { largest = middle }
        }
        let z = if upper < lower { least } else { -least };
        (z, ((1.0 - shrink) * density / slope(z)).ln())
    }

    #[test]
    fn values_and_slopes_are_those_of_the_formula() {
        let mut worst = [0.0f64; 2];
        for (map, wide) in maps() {
            for i in 0..400 {
                let raw = raw(&map, wide, i);
                let x = 2.0 * noise(i, 1000);
                let (z, slope) = map.apply(Scalar, Density, x, &mut raw.clone());
                let (exact, exact_slope) = exact(&map, &raw, x.into());
                // Beyond, sums in 64 bits underflow.
                if exact.abs() > 25.0 || !exact_slope.is_finite() {
                    continue;
                }
                // A rounding of x, and of u, is one of z by the slope of the steepest component.
                let scale = (0..map.components)
                    .map(|k| raw[map.components + k].clamp(-20.0, 20.0).exp())
                    .fold(1.0, f32::max);
                let size = 1.0 + exact.abs() + f64::from(scale * x.abs() + 3.0 * wide + map.spread);
                worst[0] = worst[0].max((f64::from(z) - exact).abs() / size);
                let steep = size * (1.0 + exact.abs());
                worst[1] = worst[1].max((f64::from(slope) - exact_slope).abs() / steep);
            }
        }
        println!("z {:.1e}, ln f′ {:.1e}", worst[0], worst[1]);
        assert!(worst.iter().all(|worst| *worst < 1e-6), "{worst:?}");
    }

    #[test]
    fn draws_are_bounded_and_undone() {
        let (mut worst, mut worst_slope) = (0.0f32, 0.0f32);
        for (map, wide) in maps() {
            for i in 0..400 {
                let raw = raw(&map, wide, i);
                let z = if map.shrink == 0.0 { 2.0 } else { 1.0 } * noise(i, 1001);
                let (x, slope) = map.apply(Scalar, Sampling, z, &mut raw.clone());
                let (back, again) = map.apply(Scalar, Density, x, &mut raw.clone());
                assert!(x.is_finite() && slope.is_finite(), "{map:?} {raw:?} {z}: {x} {slope}");
                // Where the map is so steep that two neighbours of x are further apart, no x is nearer.
                let [below, above] = [-1i32, 1].map(|by| {
                    let x = f32::from_bits(x.to_bits().wrapping_add_signed(by));
                    map.apply(Scalar, Density, x, &mut raw.clone()).0
                });
                let apart = (above - below).abs();
                let off = ((back - z).abs() - apart).max(0.0) / (1.0 + z.abs());
                worst = worst.max(off);
                if apart < 1e-6 {
                    worst_slope = worst_slope.max((slope - again).abs() / (1.0 + slope.abs()));
                }
            }
        }
        println!("draws miss by {worst:.1e}, ln f′ by {worst_slope:.1e}");
        assert!(worst < TOLERANCE, "{worst}");
        assert!(worst_slope < 2e-4, "{worst_slope}");
    }

    #[test]
    fn draws_do_not_turn_back() {
        for (map, wide) in maps().filter(|(_, wide)| *wide < 4.0) {
            for i in 0..6 {
                let raw = raw(&map, wide, i);
                let draw = |z: f32| map.apply(Scalar, Sampling, z, &mut raw.clone()).0;
                let mut before = f32::MIN;
                for step in -60..=60 {
                    let x = draw(0.1 * step as f32);
                    assert!(x >= before, "{map:?} {raw:?} {step}: {x} after {before}");
                    before = x;
                }
            }
        }
    }

    #[test]
    fn one_component_is_affine_and_far_values_stay_numbers() {
        for cdf in [AnyCdf::Logistic, AnyCdf::Normal] {
            let map = MixtureCdf::new(cdf, 1, 1.0, 0.0).unwrap();
            for x in [0.0f32, -0.3, 7.0, -90.0, 1e4] {
                let (z, slope) = map.apply(Scalar, Density, x, &mut [5.0, 0.5f32.ln(), 0.25]);
                let expected = 0.5 * x + 0.25;
                assert!((z - expected).abs() < 1e-6 * (1.0 + expected.abs()), "{cdf:?} {x}: {z}");
                let off = 1e-6 * (1.0 + z * z);
                assert!((slope - 0.5f32.ln()).abs() < off, "{cdf:?} {x}: {slope}");
            }
        }
        for (map, _) in maps() {
            for size in [0.0, 30.0, -1e20, f32::MAX] {
                let raw = |p: usize| if p.is_multiple_of(2) { size } else { -size };
                let raw: Vec<f32> = (0..Univariate::parameters(&map)).map(raw).collect();
                for value in [0.0, -1e-30, 5.0, -300.0, 1e10, -1e30, f32::MAX] {
                    for direction in [Density, Sampling] {
                        let (new, slope) = map.apply(Scalar, direction, value, &mut raw.clone());
                        assert!(!new.is_nan(), "{map:?} {size} {value} {direction:?}: {new}");
                        assert!(!slope.is_nan(), "{map:?} {size} {value} {direction:?}");
                    }
                }
            }
        }
        // Far out it is the component's that is nearest, until it is infinite.
        for (cdf, most) in [(AnyCdf::Logistic, 1e27), (AnyCdf::Normal, 1e18)] {
            let map = MixtureCdf::new(cdf, 2, 0.0, 0.0).unwrap();
            let raw = [0.0, 1.0, 0.5f32.ln(), 2f32.ln(), 3.0, -4.0];
            for x in [1e7f32, -1e7, 2e8, -2e12, 1e16, -1e18, 1e27, -1e30, 1e38] {
                let (z, slope) = map.apply(Scalar, Density, x, &mut { raw });
                if x.abs() > 10.0 * most {
                    assert_eq!(z, f32::INFINITY.copysign(x), "{cdf:?} {x}");
                } else if x.abs() <= most {
                    assert!((z / (0.5 * x) - 1.0).abs() < 2e-6, "{cdf:?} {x}: {z}");
                    assert!(slope.abs() < 1e-6 * (1.0 + z * z), "{cdf:?} {x}: {slope}");
                    let (back, _) = map.apply(Scalar, Sampling, z, &mut { raw });
                    assert!((back / x - 1.0).abs() < 2e-6, "{cdf:?} {x}: {back}");
                }
            }
        }
        let map = MixtureCdf::new(AnyCdf::Normal, 3, 1.0, 0.0).unwrap();
        assert!(map.apply(Scalar, Density, f32::NAN, &mut [0.0; 9]).0.is_nan());
        let (z, _) = map.apply(Scalar, Density, f32::INFINITY, &mut [0.0; 9]);
        assert_eq!(z, f32::INFINITY);
    }

    #[test]
    fn sizes_out_of_range_are_refused() {
        let new = |n, spread, shrink| MixtureCdf::new(Logistic, n, spread, shrink);
        for (n, spread, shrink) in
            [(0, 1.0, 0.0), (65, 1.0, 0.0), (1, -1.0, 0.0), (1, f32::NAN, 0.0), (1, 9.0, 0.0)]
                .into_iter()
                .chain([(1, 1.0, 1e-8), (1, 1.0, f32::NAN), (1, 1.0, 0.1)])
        {
            assert!(new(n, spread, shrink).is_none(), "{n} {spread} {shrink}");
        }
    }
}
