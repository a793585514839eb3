//! The conditional of a column of a table, a real number, an integer or a point of a circle: a mixture of
//! logistic distributions.
//!
//! A column is brought to units of its own, `y = (x − location) / scale`, from the line of its
//! [`Bound`] if it has one. A site of `M` components has `3 M` outputs of the network: logits `a_k`, then
//! means, then raw scales `r_k`:
//!
//! ```text
//! p(y) = Σ_k w_k σ′((y − μ_k) / s_k) / s_k            σ(u) = 1 / (1 + e⁻ᵘ)
//! w_k = n_k / 2³², the fixed-point softmax of `categorical`
//! μ_k = mean_k + 3/2 ((2k + 1)/M − 1)                 ln s_k = r_k / (1 + |r_k|/7) − 1
//! ```
//!
//! An *integer* has the probability that the mixture gives to the cell around it. The cells at its least
//! and its largest value reach to infinity, so the probabilities of all integers sum to one:
//!
//! ```text
//! P(x) = Σ_k w_k (σ(b_k) − σ(a_k)),      a_k, b_k = ((x ∓ ½ − location)/scale − μ_k) / s_k
//! ln (σ(b) − σ(a)) = −ln(1 + e⁻ᵇ) − ln(1 + eᵃ) + ln(1 − e^(a − b))
//! ```
//!
//! in which nothing cancels, in the tails neither. This is the discretised logistic mixture of Salimans
//! et al. 2017, arXiv:1701.05517; a flow with uniform noise on its integers (dequantisation) bounds the
//! same probability from below (Theis, van den Oord & Bethge 2016, arXiv:1511.01844). A value that is no
//! integer, or beyond its bounds, scores −∞.
//!
//! A *circle* is cut open at its ends, which are one point; its units are those in which it runs from −π to
//! π. A component is the logistic distribution of the shorter way from its mean, cut off where the ways
//! round either side meet:
//!
//! ```text
//! p(y) = Σ_k w_k σ′(d_k / s_k) / (s_k tanh(π / 2 s_k))      d_k = y − μ_k − 2π round((y − μ_k) / 2π)
//! ```
//!
//! which is normalised for any s, continuous everywhere, and uniform for large s. Networks read such a value
//! as its cosine and sine, so nothing shows where the circle was cut; other values of a table with a circle
//! then have a second input, 0.
//!
//! All parameters zero is a distribution of about the mean 0 and the deviation 1, of components that
//! training can tell apart.
//!
//! # Drawing
//! One word picks the component as `categorical` does, another is the quantile of the logistic
//! distribution: its top bit is the sign, the other 31, as an integer `v`, the tail `t = (v + ½)/2³²` of
//! `ln t − ln(1 − t)`; on a circle `tanh(π / 2s)` of the quantiles are left, those of the middle. An integer
//! is the nearest one. The value is drawn first and scored then, by the very
//! numbers that the word was compared with, so the path and the score of the row have the same bits,
//! also where columns are real.

mod column;

pub use column::{Column, MAX_INTEGER, Values};

#[cfg(feature = "model")]
use alloc::format;
#[cfg(feature = "model")]
use alloc::vec::Vec;

use core::f32::consts::PI;

use self::column::shorter;
use super::Conditional;
use super::categorical::{is, ln, number, pick, table};
use crate::domain::{Domain, Kind};
use crate::kernel::{Lanes, Sum, take_mut};
use crate::math;
#[cfg(feature = "model")]
use crate::model::{ConditionalPart, Faults, Source, Sources};
use crate::simd::{Kernel, Scalar, Simd};
use crate::univariate::soft_clip::soft_clip;
use crate::univariate::{One, Parameters};

/// Fewest and most components.
pub const COMPONENTS: [usize; 2] = [2, 64];
/// Largest `|ln s + 1|`.
pub const SCALE_BOUND: f32 = 7.0;
/// `ln s` of a raw scale 0.
pub const SCALE_SHIFT: f32 = -1.0;
/// What no term of a sum of probabilities is below (nats).
const LEAST: f32 = -1e30;

/// Where μ of component `k` of `m` is where its parameter is 0.
pub fn offset(k: usize, m: usize) -> f32 {
    1.5 * ((2 * k + 1) as f32 / m as f32 - 1.0)
}

/// Columns whose distributions are mixtures of as many components each.
#[derive(Clone, Copy, Debug)]
pub struct Logistics<'a> {
    components: usize,
    columns: &'a [Column],
    inputs: usize,
}

/// What a network has to read of each value.
const fn inputs_of(mut columns: &[Column]) -> usize {
    while let Some((column, rest)) = columns.split_first() {
        if matches!(column.values, Values::Circle) {
            return 2;
        }
        columns = rest;
    }
    1
}

impl<'a> Logistics<'a> {
    /// Sizes that were checked before, by `model!` or when the model was read. Wrong ones give wrong
    /// values and no panic.
    #[doc(hidden)]
    pub const fn trusted(components: usize, columns: &'a [Column]) -> Self {
        Self { components, columns, inputs: inputs_of(columns) }
    }
}

/// μ and ln s of a component, from its offset and its parameters.
#[inline(always)]
pub fn component<S: Simd>(s: S, offset: f32, mean: S::F, raw: S::F) -> [S::F; 2] {
    let log_scale = s.add(soft_clip(s, raw, SCALE_BOUND), s.splat(SCALE_SHIFT));
    [s.add(mean, s.splat(offset)), log_scale]
}

/// A logistic number of a word.
#[inline(always)]
fn logistic<S: Simd>(s: S, word: S::U) -> S::F {
    let v = s.i32_to_float(s.and(word, s.splat_u(0x7fff_ffff)));
    let tail = s.mul(s.add(v, s.splat(0.5)), s.splat(1.0 / 4_294_967_296.0));
    let z = s.sub(math::ln(s, tail), math::log1p(s, s.sub(s.splat(0.0), tail)));
    // Below zero or zero; the word's sign makes it positive.
    s.from_bits(s.xor(s.bits(z), s.and(word, s.splat_u(0x8000_0000))))
}

/// The same, in units of a scale whose inverse is given, held to the half circles on both sides.
#[inline(always)]
fn on_circle<S: Simd>(s: S, word: S::U, inverse: S::F) -> S::F {
    let way = s.mul(inverse, s.splat(PI));
    let left = math::tanh(s, s.mul(way, s.splat(0.5)));
    let all = s.splat_u(0x7fff_ffff);
    let v = s.and(word, all);
    let half = |v| s.add(s.i32_to_float(v), s.splat(0.5));
    // The part of the quantiles between the value and its mirror image, and that beyond one of them.
    let centre = s.mul(half(s.xor(v, all)), s.splat(1.0 / 2_147_483_648.0));
    let tail = s.mul(half(v), s.splat(1.0 / 4_294_967_296.0));
    let centre = s.mul(centre, left);
    let tail = s.add(math::sigmoid(s, s.sub(s.splat(0.0), way)), s.mul(tail, left));
    let small = s.lt(centre, s.splat(0.5));
    let below = math::log1p(s, s.sub(s.splat(0.0), s.select(small, centre, s.splat(0.5))));
    let below = s.select(small, below, math::ln(s, s.add(tail, tail)));
    let z = s.sub(below, math::log1p(s, centre));
    s.from_bits(s.xor(s.bits(z), s.and(word, s.splat_u(0x8000_0000))))
}

/// A logistic number of the circle, in a function of its own: the columns of other tables do not pay for it.
struct OnCircle<S: Simd> {
    s: S,
    word: S::U,
    inverse: S::F,
}

impl<S: Simd> Kernel for OnCircle<S> {
    type Output = S::F;
    #[inline(always)]
    fn run<Level: Simd>(self, _: Level) -> S::F {
        on_circle(self.s, self.word, self.inverse)
    }
}

/// What a component gives to a point of the circle, likewise.
struct Way<S: Simd> {
    s: S,
    score: Score<S::F>,
    mean: S::F,
    log_scale: S::F,
}

impl<S: Simd> Kernel for Way<S> {
    type Output = S::F;
    #[inline(always)]
    fn run<Level: Simd>(self, _: Level) -> S::F {
        let Self { s, score, mean, log_scale } = self;
        let inverse = math::exp(s, s.sub(s.splat(0.0), log_scale));
        let [way, _] = score.ways(s, mean, inverse);
        let left = math::tanh(s, s.mul(inverse, s.splat(0.5 * PI)));
        s.sub(density(s, way, log_scale), math::ln(s, left))
    }
}

/// ln of the logistic distribution's density, so many scales from its mean.
#[inline(always)]
fn density<S: Simd>(s: S, way: S::F, log_scale: S::F) -> S::F {
    let zero = s.splat(0.0);
    let size = math::abs(s, way);
    let bend = math::softplus(s, s.sub(zero, size));
    s.sub(s.sub(zero, log_scale), s.add(size, s.add(bend, bend)))
}

/// A site at work, in a function of its own: one copy for all callers.
struct Run<'r, L: Lanes> {
    lanes: L,
    column: Column,
    components: usize,
    outputs: &'r mut [L::V],
    /// Words to draw by; without, the value is scored.
    words: Option<[&'r L::V; 2]>,
    value: &'r mut L::V,
    log_prob: Option<&'r mut Sum<L::V>>,
}

impl<L: Lanes> Kernel for Run<'_, L> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self { lanes, column, components: m, outputs, words, value, mut log_prob } = self;
        let s = lanes.s();
        let zero = s.splat(0.0);
        let (weights, values) = take_mut(outputs, m);
        for (r, value) in value.as_mut().iter_mut().enumerate() {
            let (first, others) = table::<false, L>(lanes, weights, r);
            let own = One { lanes, values: &mut *values, r };
            let of = |k: usize| component(s, offset(k, m), own.get(k), own.get(m + k));
            if let Some([which, quantile]) = words {
                let word = |of: &L::V| of.as_ref().get(r).map(|word| s.bits(s.load(word)));
                let (Some(which), Some(quantile)) = (word(which), word(quantile)) else { continue };
                let numbers = weights.iter().filter_map(|n| n.as_ref().get(r));
                let numbers = numbers.map(|n| s.bits(s.load(n)));
                let which = pick(s, which, numbers, (first, others));
                let [mut mean, mut log_scale] = [zero; 2];
                for k in 0..m {
                    let [own_mean, own_scale] = of(k);
                    mean = s.select(is(s, which, k), own_mean, mean);
                    log_scale = s.select(is(s, which, k), own_scale, log_scale);
                }
                let step = if column.values == Values::Circle {
                    let inverse = math::exp(s, s.sub(zero, log_scale));
                    s.vectorize(OnCircle { s, word: quantile, inverse })
                } else {
                    logistic(s, quantile)
                };
                let step = s.mul(math::exp(s, log_scale), step);
                s.store(column.value(s, s.add(mean, step)), value);
            }
            let Some(log_prob) = &mut log_prob else { continue };
            let x = s.load(value);
            let score = Score::of(s, column, x);
            let mut most = s.splat(LEAST);
            for (k, weight) in weights.iter_mut().enumerate() {
                let [mean, log_scale] = of(k);
                let Some(weight) = weight.as_mut().get_mut(r) else { continue };
                let n = number(s, s.load(weight), others);
                let term = s.add(ln(s, n), score.term(s, mean, log_scale));
                // What is no number counts as the least.
                let term = math::at_least(s, term, LEAST);
                most = s.select(s.lt(most, term), term, most);
                s.store(term, weight);
            }
            let mut sum = zero;
            for weight in weights.iter() {
                let Some(term) = weight.as_ref().get(r) else { continue };
                sum = s.add(sum, math::exp_nonpositive(s, s.sub(s.load(term), most)));
            }
            let ln_p = s.add(s.add(most, math::ln(s, sum)), score.more);
            let nothing = s.splat(f32::NEG_INFINITY);
            log_prob.add(lanes, r, s.select(s.lt(s.splat(LEAST), most), ln_p, nothing));
        }
    }
}

/// A value that is to be scored: its place, or the ends of its cell.
#[derive(Clone, Copy, Debug)]
pub struct Score<F> {
    column: Column,
    /// `y` of a real number, twice; the ends of an integer's cell.
    pub at: [F; 2],
    /// 1 where an integer's cell reaches to −∞, and where it reaches to ∞; else 0.
    pub last: [F; 2],
    /// What ln p has more than the mixture's (nats): −∞ outside the support.
    pub more: F,
}

impl<F: Copy> Score<F> {
    /// Of a column's value.
    #[inline(always)]
    pub fn of<S: Simd<F = F>>(s: S, column: Column, x: F) -> Self {
        let (zero, one, outside) = (s.splat(0.0), s.splat(1.0), s.splat(f32::NEG_INFINITY));
        if column.values != Values::Integer {
            let (y, slope) = column.place(s, x);
            let more = s.sub(slope, s.splat(math::ln(Scalar, column.scale)));
            let more = if column.values == Values::Circle {
                let more = s.select(s.lt(x, s.splat(column.lower)), outside, more);
                s.select(s.lt(s.splat(column.upper), x), outside, more)
            } else {
                more
            };
            return Self { column, at: [y, y], last: [zero; 2], more };
        }
        let [least, most] = column.ends().map(|end| s.splat(end));
        let half = s.splat(0.5);
        let at = [s.sub(x, half), s.add(x, half)].map(|x| column.place(s, x).0);
        let more = s.select(s.lt(x, least), outside, zero);
        let more = s.select(s.lt(most, x), outside, more);
        let between = math::abs(s, s.sub(x, math::round(s, x)));
        let more = s.select(s.lt(zero, between), outside, more);
        let last = [s.select(s.lt(least, x), zero, one), s.select(s.lt(x, most), zero, one)];
        Self { column, at, last, more }
    }

    /// The ways from a component's mean, in units of its scale.
    #[inline(always)]
    pub fn ways<S: Simd<F = F>>(&self, s: S, mean: F, inverse: F) -> [F; 2] {
        self.at.map(|y| {
            let way = s.sub(y, mean);
            let circle = self.column.values == Values::Circle;
            s.mul(if circle { shorter(s, way) } else { way }, inverse)
        })
    }

    /// ln of what a component gives to it (nats).
    #[inline(always)]
    pub fn term<S: Simd<F = F>>(&self, s: S, mean: F, log_scale: F) -> F {
        if self.column.values == Values::Circle {
            return s.vectorize(Way { s, score: *self, mean, log_scale });
        }
        let (zero, one) = (s.splat(0.0), s.splat(1.0));
        let inverse = math::exp(s, s.sub(zero, log_scale));
        let [a, b] = self.at.map(|y| s.mul(s.sub(y, mean), inverse));
        if self.column.values == Values::Real {
            return density(s, a, log_scale);
        }
        // 1 − e⁻ʷ = 2 t/(1 + t) with t = tanh(w/2), of the cell's width w.
        let half = s.mul(s.div(s.splat(0.5), s.splat(self.column.scale)), inverse);
        let t = math::tanh(s, half);
        let inner = math::ln(s, s.div(s.add(t, t), s.add(one, t)));
        let below = math::softplus(s, s.sub(zero, b));
        let above = math::softplus(s, a);
        let [first, last] = self.last.map(|yes| s.lt(zero, yes));
        // A cell that reaches to infinity has one end, or none.
        let inner = s.select(first, zero, s.select(last, zero, inner));
        let below = s.select(last, zero, below);
        let above = s.select(first, zero, above);
        s.sub(s.sub(inner, below), above)
    }
}

impl Conditional for Logistics<'_> {
    const IN_PLACE: bool = false;
    const WORDS: u32 = 2;

    fn fits(&self, sites: usize) -> bool {
        self.columns.len() == sites
    }

    #[inline(always)]
    fn domain(&self) -> Domain<'_> {
        Domain::Uniform(Kind::Real)
    }

    #[inline(always)]
    fn inputs(&self) -> usize {
        self.inputs
    }

    #[inline(always)]
    fn outputs(&self) -> usize {
        3 * self.components
    }

    #[inline(always)]
    fn draw<L: Lanes>(
        &self,
        lanes: L,
        site: usize,
        outputs: &mut [L::V],
        words: [&L::V; 2],
        value: &mut L::V,
        log_prob: Option<&mut Sum<L::V>>,
    ) {
        let Some(&column) = self.columns.get(site) else { return };
        let (components, words) = (self.components, Some(words));
        lanes.call(Run { lanes, column, components, outputs, words, value, log_prob });
    }

    #[inline(always)]
    fn log_prob<L: Lanes>(
        &self,
        lanes: L,
        site: usize,
        outputs: &mut [L::V],
        value: &L::V,
        log_prob: &mut Sum<L::V>,
    ) {
        let Some(&column) = self.columns.get(site) else { return };
        let (value, log_prob) = (&mut { *value }, Some(log_prob));
        let components = self.components;
        lanes.call(Run { lanes, column, components, outputs, words: None, value, log_prob });
    }

    #[inline(always)]
    fn enter<L: Lanes>(&self, lanes: L, site: usize, value: &L::V, inputs: &mut [L::V]) {
        let s = lanes.s();
        let (Some(column), Some((input, more))) =
            (self.columns.get(site), inputs.split_first_mut())
        else {
            return;
        };
        for (r, (input, value)) in input.as_mut().iter_mut().zip(value.as_ref()).enumerate() {
            let y = column.place(s, s.load(value)).0;
            let Some(second) = more.first_mut().and_then(|more| more.as_mut().get_mut(r)) else {
                s.store(y, input);
                continue;
            };
            let [first, other] = match column.values {
                Values::Circle => math::cos_sin_pi(s, s.mul(y, s.splat(1.0 / PI))),
                Values::Real | Values::Integer => [y, s.splat(0.0)],
            };
            s.store(first, input);
            s.store(other, second);
        }
    }
}

/// `{"kind": "logistics", "components": M, "columns": […]}`, a [`Column`] for each site: `{"location": m,
/// "scale": s}`, with `"integer": true` if it is one, and `"lower"` and `"upper"` where it has bounds; or
/// `{"circle": true, "lower": a, "upper": b}`.
#[cfg(feature = "model")]
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogisticsSpec {
    /// Components of each column's mixture.
    pub components: usize,
    /// What each site's values are.
    pub columns: Vec<Column>,
}

#[cfg(feature = "model")]
impl ConditionalPart for LogisticsSpec {
    type Built<'a> = Logistics<'a>;

    fn check(&self, sites: usize, faults: &mut Faults) {
        let [fewest, most] = COMPONENTS;
        if !(fewest..=most).contains(&self.components) {
            faults.wrong("components", self.components, format!("{fewest} to {most}"));
        }
        if self.columns.len() != sites {
            faults.wrong("columns", format!("{} columns", self.columns.len()), sites);
        }
        for (d, column) in self.columns.iter().enumerate() {
            faults.within(format!("columns.{d}"), |faults| column.check(faults));
        }
    }

    fn domain(&self) -> Domain<'_> {
        Domain::Uniform(Kind::Real)
    }

    fn build(&self) -> Logistics<'_> {
        // What is wrong with it is noted by `check`.
        Logistics::trusted(self.components.min(COMPONENTS[1]), &self.columns)
    }

    fn source(&self, sources: &mut Sources) -> Source {
        sources.code("conditional logistics", 11);
        sources.table(3 + 5 * self.columns.len());
        let columns: Vec<_> = self.columns.iter().map(Column::source).collect();
        let (ty, columns) = ("engine::conditional::Logistics", columns.join(", "));
        Source {
            ty: format!("{ty}<'static>"),
            value: format!("{ty}::trusted({}, &[{columns}])", self.components),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Plain, Single};
    use crate::noise::{block, normal};
    use std::vec;
    use std::vec::Vec;

    const REAL: Column = Column::real(3.0, 2.0);
    const INTEGERS: Column = Column::integers(3.0, 2.0);
    const HOURS: Column = Column::circle(-3.0, 21.0);

    fn outputs(components: usize, seed: u32) -> Vec<f32> {
        let word = |i| block([seed, 7], [i, 0])[0];
        (0..3 * components as u32).map(|i| normal(Scalar, word(i))).collect()
    }

    fn run(column: Column, outputs: &[f32], words: Option<[u32; 2]>, x: f32) -> (f32, f32) {
        let lanes = Single::<Scalar, Plain>::new(Scalar);
        let mut outputs: Vec<[[f32; 1]; 1]> = outputs.iter().map(|x| [[*x]]).collect();
        let columns = [column];
        let part = Logistics::trusted(outputs.len() / 3, &columns);
        let (mut value, mut sum) = ([[x]], Sum::zero(lanes));
        match words {
            None => part.log_prob(lanes, 0, &mut outputs, &value, &mut sum),
            Some(words) => {
                let [a, b] = words.map(|word| [[f32::from_bits(word)]]);
                part.draw(lanes, 0, &mut outputs, [&a, &b], &mut value, Some(&mut sum));
            }
        }
        let ([[x]], [[log_prob]]) = (value, sum.value(lanes));
        // A compensated sum of −∞ is no number; `distribution` says −∞ of it.
        (x, if log_prob.is_nan() { f32::NEG_INFINITY } else { log_prob })
    }

    #[test]
    fn probabilities_of_all_integers_sum_to_one() {
        for (seed, [lower, upper]) in [[0.0, 40.0], [-7.0, 7.0], [3.0, 4.0]].iter().enumerate() {
            for (location, scale) in [(2.0, 3.0), (0.3, 0.05), (-4.5, 70.0)] {
                let (lower, upper) = (*lower, *upper);
                let column = Column::integers(location, scale).between(lower, upper);
                let outputs = outputs(5, seed as u32);
                let all = lower as i32..=upper as i32;
                let p = |x: i32| f64::from(run(column, &outputs, None, x as f32).1).exp();
                let sum: f64 = all.map(p).sum();
                assert!((sum - 1.0).abs() < 1e-5, "{column:?}: {sum}");
            }
        }
        // Without bounds: what lies within twenty deviations is all but nothing.
        let p = |x: i32| f64::from(run(INTEGERS, &outputs(3, 9), None, x as f32).1).exp();
        let sum: f64 = (-4000..4000).map(p).sum();
        assert!((sum - 1.0).abs() < 1e-5, "{sum}");
    }

    #[test]
    fn what_is_no_integer_of_the_column_scores_nothing() {
        let column = INTEGERS.between(-2.0, 9.0);
        for x in [0.5, -2.5, -3.0, 10.0, 1e9, -1e30, 1e-30] {
            let (_, log_prob) = run(column, &outputs(4, 1), None, x);
            assert_eq!(log_prob, f32::NEG_INFINITY, "{x}");
        }
        for x in [-2.0, -1.0, -0.0, 0.0, 9.0] {
            assert!(run(column, &outputs(4, 1), None, x).1.is_finite(), "{x}");
        }
        let positive = REAL.between(1.0, f32::INFINITY);
        for (x, inside) in [(1.0, false), (-5.0, false), (1.5, true), (1e20, true)] {
            let (_, log_prob) = run(positive, &outputs(4, 1), None, x);
            assert_eq!(log_prob.is_finite(), inside, "{x}: {log_prob}");
        }
    }

    #[test]
    fn a_draw_is_scored_as_its_value_is() {
        let integer = INTEGERS.between(0.0, f32::INFINITY);
        let share = Column::real(0.2, 1.5).between(0.0, 1.0);
        for column in [REAL, integer, share, HOURS] {
            for i in 0..2000u32 {
                let outputs = outputs(6, i);
                let words = block([3, i], [5, 0]);
                let (x, log_prob) = run(column, &outputs, Some(words), 0.0);
                let (_, again) = run(column, &outputs, None, x);
                assert_eq!(log_prob.to_bits(), again.to_bits(), "{column:?} {x}");
                assert!(log_prob.is_finite(), "{column:?} {x}");
            }
        }
    }

    #[test]
    fn integers_are_drawn_as_often_as_they_score() {
        let column = Column::integers(4.0, 3.0).between(0.0, 12.0);
        let outputs = outputs(3, 21);
        let (n, mut counts) = (1 << 17, vec![0.0; 13]);
        for i in 0..n {
            let (x, _) = run(column, &outputs, Some(block([1, 2], [i, 3])), 0.0);
            counts[x as usize] += 1.0;
        }
        let chi2: f64 = (0..13)
            .map(|x| {
                let p = f64::from(run(column, &outputs, None, x as f32).1).exp();
                let expected = f64::from(n) * p;
                (counts[x] - expected) * (counts[x] - expected) / expected
            })
            .sum();
        // Of 12 degrees of freedom: beyond 39.1 once in 10⁴ seeds.
        assert!(chi2 < 39.1, "{chi2}: {counts:?}");
    }

    #[test]
    fn a_circle_has_a_density_without_a_seam() {
        let n = 4800;
        for (seed, narrow) in [(3, 0.0), (4, 2.0), (5, -8.0), (6, -60.0)] {
            let mut outputs = outputs(4, seed);
            outputs[8..].iter_mut().for_each(|raw| *raw -= narrow);
            let p = |i: u32| {
                let x = -3.0 + 24.0 * (f64::from(i) + 0.5) / f64::from(n);
                f64::from(run(HOURS, &outputs, None, x as f32).1).exp()
            };
            let mean = (0..n).map(p).sum::<f64>() / f64::from(n);
            assert!((24.0 * mean - 1.0).abs() < 1e-4, "{narrow}: {mean}");
            let [begin, end] = [-3.0, 21.0].map(|x| run(HOURS, &outputs, None, x).1);
            assert!((begin - end).abs() < 1e-4, "{narrow}: {begin} {end}");
        }
        for x in [-3.001, 21.001, 1e30, -1e30] {
            assert_eq!(run(HOURS, &outputs(4, 1), None, x).1, f32::NEG_INFINITY, "{x}");
        }
    }

    #[test]
    fn points_of_a_circle_are_drawn_as_often_as_they_score() {
        const CELLS: u32 = 48;
        for (seed, narrow) in [(7, 0.0), (8, 3.0), (9, -60.0)] {
            let mut outputs = outputs(3, seed);
            outputs[6..].iter_mut().for_each(|raw| *raw -= narrow);
            let (n, mut counts) = (1 << 17, vec![0.0; CELLS as usize]);
            for i in 0..n {
                let (x, _) = run(HOURS, &outputs, Some(block([4, 2], [i, seed])), 0.0);
                assert!((-3.0..=21.0).contains(&x), "{x}");
                let cell = (x + 3.0) / 24.0 * CELLS as f32;
                counts[(cell as usize).min(CELLS as usize - 1)] += 1.0;
            }
            let chi2: f64 = (0..CELLS)
                .map(|cell| {
                    // The mean density of the cell.
                    let p = |i: u32| {
                        let at = f64::from(32 * cell + i) + 0.5;
                        let x = -3.0 + 24.0 * at / f64::from(32 * CELLS);
                        f64::from(run(HOURS, &outputs, None, x as f32).1).exp()
                    };
                    let mean = (0..32).map(p).sum::<f64>() / 32.0;
                    let expected = f64::from(n) * mean * 24.0 / f64::from(CELLS);
                    let off: f64 = counts[cell as usize] - expected;
                    off * off / (expected + 1e-3)
                })
                .sum();
            // Of 47 degrees of freedom: beyond 91.3 once in 10⁴ seeds.
            assert!(chi2 < 91.3, "{narrow}: {chi2} {counts:?}");
        }
    }

    #[test]
    fn a_network_reads_a_circle_as_a_point_of_the_plane() {
        let lanes = Single::<Scalar, Plain>::new(Scalar);
        let columns = [HOURS, REAL];
        let part = Logistics::trusted(2, &columns);
        assert_eq!(part.inputs(), 2);
        let enter = |site, x| {
            let mut inputs = [[[7.0f32]]; 2];
            part.enter(lanes, site, &[[x]], &mut inputs);
            inputs.map(|[[input]]| input)
        };
        let near =
            |[a, b]: [f32; 2], [c, d]: [f32; 2]| (a - c).abs() < 1e-6 && (b - d).abs() < 1e-6;
        // Noon of this clock is at 9.
        assert!(near(enter(0, 9.0), [1.0, 0.0]) && near(enter(0, 15.0), [0.0, 1.0]));
        assert!(near(enter(0, -3.0), enter(0, 21.0)));
        assert_eq!(enter(1, 5.0), [1.0, 0.0]);
    }

    #[test]
    fn extreme_words_and_outputs_give_values_of_the_column() {
        let integer = INTEGERS.between(-3.0, f32::INFINITY);
        for outputs in [[1e30f32; 6], [-1e30; 6], [f32::NAN; 6], [0.0; 6]] {
            for words in [[0, 0], [u32::MAX; 2], [0x7fff_ffff; 2], [0x8000_0000; 2]] {
                let (x, log_prob) = run(integer, &outputs, Some(words), 0.0);
                assert!((-3.0..=MAX_INTEGER).contains(&x) && x == x.trunc(), "{x}");
                assert!(log_prob <= 0.0, "{log_prob}");
            }
        }
    }
}
