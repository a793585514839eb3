//! The conditional of a spin from an integer logit: a table of thresholds and of log-probabilities.
//!
//! An integer network ([`crate::network::Integer`]) gives the logit of `+1` in steps of 1/32 nat, an integer t.
//! The *less* likely value has the probability `k / 2³²` with
//!
//! ```text
//! k = max(1, ⌊2³² / (1 + e^(|t| / 32))⌋)        |t| ≤ 511 (15.97 nats; more counts as that)
//! ```
//!
//! and a spin takes it when a 32-bit uniform word is `< k`, as [`Bernoulli`](super::Bernoulli) has it. Both
//! probabilities, k / 2³² and (2³² − k) / 2³², sum to one in integers, and the table has their logarithms in
//! units of 2⁻²⁴ nats, rounded to nearest. ln q of a row is the sum of those in 64-bit integers, in any
//! order; it is made a float once, at the end. So neither a draw nor a score takes a floating-point
//! operation a site, and both are the same wherever there are integers.
//!
//! Under a [constraint](crate::constraint) a value may be closed: the logit is then ±(2³¹ − 1), and the other value has
//! all 2³² words.
//!
//! The tables are made by the compiler, in `f64`.

use super::{Bernoulli, Conditional};
use crate::constraint::Mask;
use crate::domain::{Domain, Kind};
use crate::kernel::{Lanes, Sum};
#[cfg(feature = "model")]
use crate::model::{Source, Sources};
use crate::simd::Simd;
#[cfg(feature = "model")]
use alloc::format;

/// Steps of a logit in one nat.
pub const STEPS_A_NAT: i32 = 32;
/// Steps that the tables have, from 0 on.
pub const STEPS: usize = 512;
/// Bits of a log-probability after the point.
pub const FRACTION_BITS: u32 = 24;
/// One unit of a log-probability (nats).
const UNIT: f32 = 1.0 / (1 << FRACTION_BITS) as f32;

/// Thresholds: how many of 2³² words draw the less likely value.
#[allow(clippy::indexing_slicing, reason = "run by the compiler")]
static THRESHOLDS: [u32; STEPS] = {
    let mut all = [0; STEPS];
    let mut t = 0;
    while t < STEPS {
        all[t] = threshold(t);
        t += 1;
    }
    all
};

/// ln(k / 2³²) and ln(1 − k / 2³²) in units of 2⁻²⁴ nats: of the less likely value and of the other.
#[allow(clippy::indexing_slicing, reason = "run by the compiler")]
static LOG_PROBS: [[i32; 2]; STEPS] = {
    let mut all = [[0; 2]; STEPS];
    let mut t = 0;
    while t < STEPS {
        let k = threshold(t) as f64;
        let whole = (1u64 << 32) as f64;
        all[t] = [fixed(ln(k / whole)), fixed(ln((whole - k) / whole))];
        t += 1;
    }
    all
};

const fn threshold(t: usize) -> u32 {
    let k = (1u64 << 32) as f64 / (1.0 + exp(t as f64 / STEPS_A_NAT as f64));
    // Truncation, of a positive number.
    if k < 1.0 { 1 } else { k as u32 }
}

/// eˣ for 0 ≤ x ≤ 16: the series of e^(x/64), squared six times.
const fn exp(x: f64) -> f64 {
    let x = x / 64.0;
    let (mut sum, mut n) = (1.0, 24);
    while n > 0 {
        sum = 1.0 + sum * x / n as f64;
        n -= 1;
    }
    let mut squarings = 0;
    while squarings < 6 {
        sum *= sum;
        squarings += 1;
    }
    sum
}

/// ln x for 0 < x ≤ 1, by 2 artanh((x − 1) / (x + 1)) of x moved to [½, 1].
const fn ln(mut x: f64) -> f64 {
    let mut halvings = 0;
    while x < 0.5 {
        x *= 2.0;
        halvings += 1;
    }
    let u = (x - 1.0) / (x + 1.0);
    let (mut sum, mut n) = (0.0, 41);
    while n > 0 {
        sum = sum * (u * u) + 1.0 / n as f64;
        n -= 2;
    }
    2.0 * u * sum - halvings as f64 * core::f64::consts::LN_2
}

/// x ≤ 0 in units of 2⁻²⁴, rounded to nearest.
const fn fixed(x: f64) -> i32 {
    (x * (1 << FRACTION_BITS) as f64 - 0.5) as i32
}

/// Whether the more likely value is −1, and the step of the table.
#[inline(always)]
fn step(logit: f32) -> (bool, usize) {
    let t = logit.to_bits() as i32;
    (t < 0, (t.unsigned_abs() as usize).min(STEPS - 1))
}

/// The logit of a spin whose other value is closed.
const ALONE: u32 = i32::MAX as u32;

/// Whether it is one.
#[inline(always)]
fn is_alone(logit: f32) -> bool {
    (logit.to_bits() as i32).unsigned_abs() == ALONE
}

/// ln p of a spin (2⁻²⁴ nats).
#[inline(always)]
fn log_prob(logit: f32, spin: f32) -> i32 {
    let (likely_down, step) = step(logit);
    let [less, more] = LOG_PROBS.get(step).copied().unwrap_or_default();
    if spin.is_sign_negative() == likely_down { more } else { less }
}

/// How many of the 2³² words draw a spin, up or not, of a logit of `t` steps.
///
/// ```
/// use pushforward::conditional::tabulated::words;
///
/// assert_eq!(words(-700, true) + words(-700, false), 1 << 32);
/// ```
pub fn words(t: i32, up: bool) -> u64 {
    let (likely_down, step) = step(f32::from_bits(t as u32));
    let less = THRESHOLDS.get(step).copied().unwrap_or_default().into();
    if likely_down == up { less } else { (1 << 32) - less }
}

/// Spins ±1 of integer logits: one output and one input, the spin as an integer, a site. Whether
/// a constraint closes values is in the type.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tabulated<const CLOSED: bool = false>;

/// The lanes of vector `r` of a value.
#[inline(always)]
fn lanes_of<A: AsRef<[f32]>>(value: &[A], r: usize) -> &[f32] {
    value.get(r).map(|lanes| lanes.as_ref()).unwrap_or_default()
}

impl<const CLOSED: bool> Tabulated<CLOSED> {
    /// Adds ln p of vector `r` of a site's values.
    #[inline(always)]
    fn add<L: Lanes>(sum: &mut Sum<L::V>, r: usize, logit: &L::V, value: &L::V) {
        let both = lanes_of(logit.as_ref(), r).iter().zip(lanes_of(value.as_ref(), r));
        let term = |(logit, spin): (&f32, &f32)| match CLOSED && is_alone(*logit) {
            true => 0,
            false => log_prob(*logit, *spin),
        };
        sum.add_integers(r, both.map(term));
    }
}

impl<const CLOSED: bool> Conditional for Tabulated<CLOSED> {
    // The network reads integers, a row has floats.
    const IN_PLACE: bool = false;

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
        _: L,
        _: usize,
        outputs: &mut [L::V],
        [words, _]: [&L::V; 2],
        value: &mut L::V,
        mut sum: Option<&mut Sum<L::V>>,
    ) {
        let [logit] = outputs else { return };
        for r in 0..value.as_ref().len() {
            let (logits, words) = (lanes_of(logit.as_ref(), r), lanes_of(words.as_ref(), r));
            if let Some(spins) = value.as_mut().get_mut(r) {
                for ((spin, logit), word) in spins.as_mut().iter_mut().zip(logits).zip(words) {
                    let (likely_down, step) = step(*logit);
                    let less_likely = THRESHOLDS.get(step).is_some_and(|k| word.to_bits() < *k);
                    let less_likely = less_likely && !(CLOSED && is_alone(*logit));
                    *spin = if likely_down == less_likely { 1.0 } else { -1.0 };
                }
            }
            if let Some(sum) = &mut sum {
                Self::add::<L>(sum, r, logit, value);
            }
        }
    }

    #[inline(always)]
    fn log_prob<L: Lanes>(
        &self,
        _: L,
        _: usize,
        outputs: &mut [L::V],
        value: &L::V,
        sum: &mut Sum<L::V>,
    ) {
        let [logit] = outputs else { return };
        for r in 0..value.as_ref().len() {
            Self::add::<L>(sum, r, logit, value);
        }
    }

    #[inline(always)]
    fn total<L: Lanes>(&self, _: L, sum: &Sum<L::V>) -> L::V {
        sum.of_integers(UNIT)
    }

    /// The spin as an integer.
    #[inline(always)]
    fn enter<L: Lanes>(&self, _: L, _: usize, value: &L::V, inputs: &mut [L::V]) {
        let [input] = inputs else { return };
        for (input, value) in input.as_mut().iter_mut().zip(value.as_ref()) {
            for (input, spin) in input.as_mut().iter_mut().zip(value.as_ref()) {
                *input = f32::from_bits(if spin.is_sign_negative() { u32::MAX } else { 1 });
            }
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
        let [up, down] = [ALONE, ALONE.wrapping_neg()].map(|t| s.from_bits(s.splat_u(t)));
        for (r, logit) in logit.as_mut().iter_mut().enumerate() {
            // No logit says by itself that it is alone.
            for t in logit.as_mut() {
                let most = STEPS as i32;
                *t = f32::from_bits((t.to_bits() as i32).clamp(-most, most) as u32);
            }
            let t = s.select(open(0, r), s.load(logit), up);
            s.store(s.select(open(1, r), t, down), logit);
        }
    }

    #[inline(always)]
    fn number<L: Lanes>(&self, lanes: L, value: &L::V) -> L::V {
        Bernoulli::<CLOSED>.number(lanes, value)
    }
}

/// The conditional of an integer network's spins, as Rust.
#[cfg(feature = "model")]
pub(crate) fn source(closed: bool, sources: &mut Sources) -> Source {
    sources.code("conditional tabulated", 1);
    sources.table_bytes(size_of_val(&THRESHOLDS) + size_of_val(&LOG_PROBS));
    let source = Source::plain("engine::conditional::Tabulated");
    if closed { Source { ty: format!("{}<true>", source.ty), ..source } } else { source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_the_formulas() {
        for t in 0..STEPS {
            let exact = 2f64.powi(32) / (1.0 + (t as f64 / 32.0).exp());
            let k = f64::from(THRESHOLDS[t]);
            // The floor, or its neighbour where the exact value is at an integer to 50 bits.
            assert!(k <= exact + 1e-5 && exact < k + 1.0 + 1e-5, "{t}: {k} {exact}");
            let [less, more] = LOG_PROBS[t].map(|x| f64::from(x) / 2f64.powi(24));
            let p = k / 2f64.powi(32);
            for (found, exact) in [(less, p.ln()), (more, (-p).ln_1p())] {
                assert!((found - exact).abs() <= 0.5001 / 2f64.powi(24), "{t}: {found} {exact}");
            }
        }
        assert_eq!(THRESHOLDS[0], 1 << 31);
        assert!(THRESHOLDS.iter().all(|k| *k > 0));
    }

    #[test]
    fn any_word_is_a_logit() {
        for t in [0, 1, -1, 511, 512, -512, i32::MAX, i32::MIN] {
            let logit = f32::from_bits(t as u32);
            let sum: f64 = [1.0, -1.0]
                .map(|spin| (f64::from(log_prob(logit, spin)) / 2f64.powi(24)).exp())
                .iter()
                .sum();
            assert!((sum - 1.0).abs() < 1e-6, "{t}: {sum}");
            // The sign says which is more likely; at 0 they are alike.
            assert!(t == 0 || (log_prob(logit, 1.0) > log_prob(logit, -1.0)) == (t > 0), "{t}");
        }
    }
}
