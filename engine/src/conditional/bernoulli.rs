//! The conditional of a spin: a Bernoulli distribution with an integer threshold.
//!
//! A logit `a` is turned into the probability of the *less* likely value,
//! `k / 2³²` with `k = ⌊2³² σ(−|a|)⌋ ∈ [1, 2³¹]`, and the spin takes that value when a 32-bit
//! uniform word is `< k`. The distribution sampled is therefore a fixed-point one, known exactly:
//! its two probabilities `k / 2³²` and `(2³² − k) / 2³²` sum to one in integers, and [`log_prob`]
//! is the logarithm of *these* numbers, not of a real-valued sigmoid that was never sampled.
//! No probability is zero, so every configuration has a finite log-probability (`|a|` is clamped
//! to 22, where `k = 1`; the smallest probability is 2⁻³²).
//!
//! Under a [constraint](crate::constraint) a value may be closed: then the logit is infinite, and `k = 0`.

use super::Conditional;
use crate::constraint::Mask;
use crate::domain::{Domain, Kind};
use crate::kernel::{Lanes, Sum};
use crate::math;
#[cfg(feature = "model")]
use crate::model::{ConditionalPart, Faults, Source, Sources};
use crate::simd::Simd;

/// Largest |logit| that still changes the probability.
const CLAMP: f32 = 22.0;

/// The threshold `k` of the less likely value as two halves, `(k >> 16, k & 0xffff)`.
#[inline(always)]
fn halves<const CLOSED: bool, S: Simd>(s: S, logit: S::F) -> (S::U, S::U) {
    let size = math::abs(s, logit);
    let clamp = s.splat(CLAMP);
    let a = s.select(s.lt(size, clamp), size, clamp);
    let mut e = math::exp(s, s.sub(s.splat(0.0), a));
    if CLOSED {
        e = s.select(s.lt(size, s.splat(f32::INFINITY)), e, s.splat(0.0));
    }
    let p = s.div(e, s.add(s.splat(1.0), e));
    // Two exact steps: each half fits a signed integer and loses nothing.
    let shift = s.splat(65536.0);
    let p = s.mul(p, shift);
    let high = s.trunc_to_i32(p);
    let low = s.trunc_to_i32(s.mul(s.sub(p, s.i32_to_float(high)), shift));
    (high, low)
}

/// Draws spins ±1 from logits of `+1` by uniform words; the quantile transform of the fixed-point
/// distribution.
#[inline(always)]
pub fn draw<S: Simd>(s: S, logit: S::F, word: S::U) -> S::F {
    drawn::<false, S>(s, logit, word)
}

/// The same. Where values may be `CLOSED`, an infinite logit draws its own without exception.
#[inline(always)]
fn drawn<const CLOSED: bool, S: Simd>(s: S, logit: S::F, word: S::U) -> S::F {
    let (high, low) = halves::<CLOSED, S>(s, logit);
    let k = s.or(s.shl::<16>(high), low);
    let likely = s.select(s.lt(logit, s.splat(0.0)), s.splat(-1.0), s.splat(1.0));
    s.select(s.lt_u(word, k), s.sub(s.splat(0.0), likely), likely)
}

/// ln p of spins ±1 under logits of `+1` (nats): the logarithm of the fixed-point probability.
#[inline(always)]
pub fn log_prob<S: Simd>(s: S, logit: S::F, spin: S::F) -> S::F {
    scored::<false, S>(s, logit, spin)
}

/// The same. Where values may be `CLOSED`, it is 0 for the value of an infinite logit.
#[inline(always)]
fn scored<const CLOSED: bool, S: Simd>(s: S, logit: S::F, spin: S::F) -> S::F {
    let (high, low) = halves::<CLOSED, S>(s, logit);
    // k has at most 24 significant bits, so this is exact.
    let p = s.add(
        s.mul(s.i32_to_float(high), s.splat(1.0 / 65536.0)),
        s.mul(s.i32_to_float(low), s.splat(1.0 / 4_294_967_296.0)),
    );
    let zero = s.splat(0.0);
    let one = s.splat(1.0);
    // Likely values have the probability 1 − p = u + c with u rounded and c exact.
    let u = s.sub(one, p);
    let c = s.sub(s.sub(one, u), p);
    let spin_down = s.lt(spin, zero);
    let likely_down = s.lt(logit, zero);
    let (yes, no) = (s.splat(1.0), s.splat(-1.0));
    let agree = s.mul(s.select(spin_down, yes, no), s.select(likely_down, yes, no));
    let likely = s.lt(zero, agree);
    let u = s.select(likely, u, p);
    let c = s.select(likely, c, zero);
    s.add(math::ln(s, u), s.div(c, u))
}

/// Spins ±1 whose logits of `+1` a network gives: one output and one input, the spin, a site. Whether a
/// constraint closes values is in the type.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bernoulli<const CLOSED: bool = false>;

impl<const CLOSED: bool> Conditional for Bernoulli<CLOSED> {
    const IN_PLACE: bool = true;

    fn fits(&self, _: usize) -> bool {
        true
    }

    #[inline(always)]
    fn domain(&self) -> Domain<'_> {
        Domain::Uniform(Kind::Spin)
    }

    #[inline(always)]
    fn inputs(&self) -> usize {
        1
    }

    #[inline(always)]
    fn outputs(&self) -> usize {
        1
    }

    #[inline(always)]
    fn draw<L: Lanes>(
        &self,
        lanes: L,
        _: usize,
        outputs: &mut [L::V],
        [words, _]: [&L::V; 2],
        value: &mut L::V,
        mut sum: Option<&mut Sum<L::V>>,
    ) {
        let s = lanes.s();
        let [logit] = outputs else { return };
        let each = logit.as_ref().iter().zip(words.as_ref()).zip(value.as_mut()).enumerate();
        for (r, ((logit, word), spin)) in each {
            let logit = s.load(logit);
            let value = drawn::<CLOSED, _>(s, logit, s.bits(s.load(word)));
            s.store(value, spin);
            if let Some(sum) = &mut sum {
                sum.add(lanes, r, scored::<CLOSED, _>(s, logit, value));
            }
        }
    }

    #[inline(always)]
    fn log_prob<L: Lanes>(
        &self,
        lanes: L,
        _: usize,
        outputs: &mut [L::V],
        value: &L::V,
        sum: &mut Sum<L::V>,
    ) {
        let s = lanes.s();
        let [logit] = outputs else { return };
        for (r, (logit, spin)) in logit.as_ref().iter().zip(value.as_ref()).enumerate() {
            sum.add(lanes, r, scored::<CLOSED, _>(s, s.load(logit), s.load(spin)));
        }
    }

    #[inline(always)]
    fn enter<L: Lanes>(&self, _: L, _: usize, value: &L::V, inputs: &mut [L::V]) {
        if let [input] = inputs {
            *input = *value;
        }
    }

    #[inline(always)]
    fn close<L: Lanes>(
        &self,
        lanes: L,
        _: usize,
        outputs: &mut [L::V],
        open: impl Fn(usize, usize) -> Mask<L>,
    ) {
        let s = lanes.s();
        let [logit] = outputs else { return };
        for (r, logit) in logit.as_mut().iter_mut().enumerate() {
            // A logit that is infinite by itself closes nothing.
            let a = s.load(logit);
            let a = s.select(s.lt(a, s.splat(CLAMP)), a, s.splat(CLAMP));
            let a = s.select(s.lt(s.splat(-CLAMP), a), a, s.splat(-CLAMP));
            let a = s.select(open(0, r), a, s.splat(f32::INFINITY));
            s.store(s.select(open(1, r), a, s.splat(f32::NEG_INFINITY)), logit);
        }
    }

    #[inline(always)]
    fn number<L: Lanes>(&self, lanes: L, value: &L::V) -> L::V {
        let s = lanes.s();
        let mut number = *value;
        for number in number.as_mut() {
            let is_down = s.lt(s.load(number), s.splat(0.0));
            s.store(s.select(is_down, s.splat(0.0), s.splat(1.0)), number);
        }
        number
    }
}

/// `{"kind": "bernoulli"}`.
#[cfg(feature = "model")]
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BernoulliSpec {}

#[cfg(feature = "model")]
impl ConditionalPart for BernoulliSpec {
    type Built<'a> = Bernoulli;

    fn check(&self, _: usize, _: &mut Faults) {}

    fn domain(&self) -> Domain<'_> {
        Domain::Uniform(Kind::Spin)
    }

    fn build(&self) -> Bernoulli {
        Bernoulli
    }

    fn source(&self, sources: &mut Sources) -> Source {
        sources.code("conditional bernoulli", 3);
        Source::plain("engine::conditional::Bernoulli")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Scalar;

    fn threshold(logit: f32) -> u64 {
        let (high, low) = halves::<false, _>(Scalar, logit);
        u64::from(high << 16 | low)
    }

    #[test]
    fn thresholds_are_never_zero_and_at_most_half() {
        for i in -4000..=4000 {
            let k = threshold(i as f32 * 0.01);
            assert!((1..=1 << 31).contains(&k), "{i}: {k}");
        }
        assert_eq!(threshold(0.0), 1 << 31);
        for odd in [f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 1e30, 22.5] {
            assert_eq!(threshold(odd), 1);
        }
    }

    #[test]
    fn log_prob_is_the_log_of_the_probability_that_is_sampled() {
        for i in -2500..=2500 {
            let logit = i as f32 * 0.01;
            let rare = threshold(logit) as f64 / 4_294_967_296.0;
            let up = if logit < 0.0 { rare } else { 1.0 - rare };
            for (spin, p) in [(1.0, up), (-1.0, 1.0 - up)] {
                let ours = f64::from(log_prob(Scalar, logit, spin));
                assert!((ours - p.ln()).abs() <= 3e-7 * p.ln().abs(), "{logit} {spin}: {ours}");
            }
        }
    }

    #[test]
    fn draw_compares_with_the_threshold() {
        for logit in [-30.0, -3.0, -1e-3, 0.0, 0.4, 7.0] {
            let k = threshold(logit) as u32;
            let likely = if logit < 0.0 { -1.0 } else { 1.0 };
            assert_eq!(draw(Scalar, logit, k), likely);
            assert_eq!(draw(Scalar, logit, k - 1), -likely);
            assert_eq!(draw(Scalar, logit, u32::MAX), likely);
        }
    }

    #[test]
    fn closed_values_are_never_drawn_and_open_ones_are_what_they_were() {
        for word in [0, 1, u32::MAX] {
            for (logit, spin) in [(f32::INFINITY, 1.0), (f32::NEG_INFINITY, -1.0)] {
                assert_eq!(drawn::<true, _>(Scalar, logit, word), spin);
                assert_eq!(scored::<true, _>(Scalar, logit, spin).to_bits(), 0);
            }
            for logit in [-40.0, -1.5, 0.0, 3.0, 1e30] {
                let [plain, closed] = [drawn::<false, _>, drawn::<true, _>];
                assert_eq!(plain(Scalar, logit, word), closed(Scalar, logit, word));
                let [plain, closed] = [scored::<false, _>, scored::<true, _>];
                assert_eq!(plain(Scalar, logit, -1.0), closed(Scalar, logit, -1.0));
            }
        }
    }
}
