//! The conditional of a category: a softmax in fixed point, whose table sums to 2³² exactly.
//!
//! A site of `K` categories has `K` logits `a_k`. Its probabilities are `n_k / 2³²` with whole numbers
//!
//! ```text
//! n_k = max(1, ⌊2³² e^(a_k − a_m) / Σ_j e^(a_j − a_m)⌋)   for k ≠ m, the first of the largest logits
//! n_m = 2³² − Σ_{k ≠ m} n_k
//! ```
//!
//! which sum to 2³² in integers, whatever was rounded on the way. A 32-bit uniform word draws the
//! category in whose interval it lies, those of `k ≠ m` in ascending order and that of `m` last;
//! ln p is the logarithm of the very `n_k / 2³²` that a draw compares with. No probability is zero.
//!
//! `n_m` is never zero either: the sum of the exponentials is compensated, so the others exceed their
//! share by less than 800 in all for rounding and by one each where they are raised to 1; the
//! largest share of K categories is at least `2³² / K`, which for K up to 65,536 is more than both.
//!
//! Under a [constraint](crate::constraint) categories may be closed: their logits are −∞ and their `n_k` are 0.
//! Where one alone is open, `n_m` is 2³².
//!
//! What the network reads of a category is a row of zeros with a one in its place (one-hot).

#[cfg(feature = "model")]
use alloc::format;
#[cfg(feature = "model")]
use alloc::vec::Vec;

use super::Conditional;
use crate::constraint::Mask;
use crate::domain::{Domain, Kind};
use crate::kernel::{Lanes, Sum, take_mut};
use crate::math;
#[cfg(feature = "model")]
use crate::model::{ConditionalPart, Faults, Source, Sources};
use crate::simd::{Kernel, Simd};

/// Logits beyond ±this count as this, so that differences are numbers.
const CLAMP: f32 = 1e30;
/// Fewest and most categories of a site.
pub const CATEGORIES: [u32; 2] = [2, 1 << 16];

/// Categories `0 … K − 1`, whose logits a network gives: as many outputs and inputs a site as the
/// site of most categories has. Whether a constraint closes some is in the type.
#[derive(Clone, Copy, Debug)]
pub struct Categorical<'a, const CLOSED: bool = false> {
    domain: Domain<'a>,
    most: usize,
}

impl<'a> Categorical<'a> {
    /// Over this domain; `None` if a value of it is no category.
    pub fn new(domain: Domain<'a>) -> Option<Self> {
        let of = |kind: &Kind| match kind {
            Kind::Category(n) if (CATEGORIES[0]..=CATEGORIES[1]).contains(n) => Some(*n),
            _ => None,
        };
        let most = match domain {
            Domain::Uniform(kind) => of(&kind),
            Domain::Each(kinds) => {
                kinds.iter().try_fold(0, |most, kind| of(kind).map(|n| n.max(most)))
            }
        };
        most.map(|most| Self::trusted(domain, most as usize))
    }
}

impl<'a, const CLOSED: bool> Categorical<'a, CLOSED> {
    /// A conditional that was checked before, by `model!` or when the model was read, with the most
    /// categories that a site has. Others give wrong values and no panic.
    #[doc(hidden)]
    pub const fn trusted(domain: Domain<'a>, most: usize) -> Self {
        Self { domain, most }
    }

    /// Categories of a site.
    #[inline(always)]
    fn categories(&self, site: usize) -> usize {
        match self.domain.kind(site) {
            Kind::Category(n) => n as usize,
            Kind::Real | Kind::Spin => 0,
        }
    }
}

/// The numbers `n_k` of one vector of a site's categories, in the place of the logits, bit patterns;
/// 0 stands for `n_m`. Returns m and the sum of the others.
#[inline(always)]
pub(crate) fn table<const CLOSED: bool, L: Lanes>(
    lanes: L,
    logits: &mut [L::V],
    r: usize,
) -> (<L::S as Simd>::F, <L::S as Simd>::U) {
    let s = lanes.s();
    let zero = s.splat(0.0);
    let (low, high) = (s.splat(-CLAMP), s.splat(CLAMP));
    let never = s.splat(f32::NEG_INFINITY);
    let (mut most, mut first) = (never, zero);
    for (k, of) in logits.iter_mut().enumerate() {
        let Some(of) = of.as_mut().get_mut(r) else { continue };
        // What is no number counts as the least.
        let given = s.load(of);
        let logit = s.select(s.lt(low, given), given, low);
        let mut logit = s.select(s.lt(logit, high), logit, high);
        if CLOSED {
            // What is open was kept above this.
            logit = s.select(s.lt(given, low), never, logit);
        }
        s.store(logit, of);
        let larger = s.lt(most, logit);
        most = s.select(larger, logit, most);
        first = s.select(larger, s.splat(k as f32), first);
    }
    // A compensated sum: see the module.
    let (mut high, mut low) = (zero, zero);
    for logit in logits.iter_mut() {
        let Some(logit) = logit.as_mut().get_mut(r) else { continue };
        let a = s.load(logit);
        let mut e = math::exp_nonpositive(s, s.sub(a, most));
        if CLOSED {
            e = s.select(s.lt(a, s.splat(-CLAMP)), zero, e);
        }
        s.store(e, logit);
        let sum = s.add(high, e);
        let t = s.sub(sum, high);
        low = s.add(low, s.add(s.sub(high, s.sub(sum, t)), s.sub(e, t)));
        high = sum;
    }
    let inverse = s.div(s.splat(1.0), s.add(high, low));
    let shift = s.splat(65536.0);
    let mut others = s.splat_u(0);
    for (k, e) in logits.iter_mut().enumerate() {
        let Some(e) = e.as_mut().get_mut(r) else { continue };
        // Two exact steps: each half fits a signed integer and loses nothing.
        let p = s.mul(s.mul(s.load(e), inverse), shift);
        let half = s.trunc_to_i32(p);
        let rest = s.trunc_to_i32(s.mul(s.sub(p, s.i32_to_float(half)), shift));
        let n = s.or(s.shl::<16>(half), rest);
        let n = s.select(s.lt_u(n, s.splat_u(1)), s.from_bits(s.splat_u(1)), s.from_bits(n));
        let mut n = s.select(is(s, first, k), zero, n);
        if CLOSED {
            // What is open has more than this.
            n = s.select(s.lt(zero, s.load(e)), n, zero);
        }
        others = s.add_u(others, s.bits(n));
        s.store(n, e);
    }
    (first, others)
}

/// Where a category is number `k`.
#[inline(always)]
pub(crate) fn is<S: Simd>(s: S, category: S::F, k: usize) -> S::M {
    let difference = s.xor(s.bits(category), s.splat_u((k as f32).to_bits()));
    s.lt_u(difference, s.splat_u(1))
}

/// The number `n_k` that [`table`] put in a logit's place, also where that is 0 for `n_m`.
#[inline(always)]
pub(crate) fn number<S: Simd>(s: S, n: S::F, others: S::U) -> S::U {
    let of_first = s.from_bits(s.sub_u(s.splat_u(0), others));
    s.bits(s.select(s.lt_u(s.bits(n), s.splat_u(1)), of_first, n))
}

/// The category in whose interval a word lies, given what [`table`] makes.
#[inline(always)]
pub(crate) fn pick<S: Simd>(
    s: S,
    word: S::U,
    numbers: impl Iterator<Item = S::U>,
    (first, others): (S::F, S::U),
) -> S::F {
    // Intervals that end at or before the word; that of m, here of no width, is what is left of them
    // all.
    let (mut end, mut before) = (s.splat_u(0), s.splat(0.0));
    for n in numbers {
        end = s.add_u(end, n);
        let passed = s.select(s.lt_u(word, end), s.splat(0.0), s.splat(1.0));
        before = s.add(before, passed);
    }
    s.select(s.lt_u(word, others), before, first)
}

/// ln(n / 2³²) (nats).
#[inline(always)]
pub(crate) fn ln<S: Simd>(s: S, n: S::U) -> S::F {
    let half = s.mul(s.i32_to_float(s.shr::<16>(n)), s.splat(1.0 / 65536.0));
    let rest = s.i32_to_float(s.and(n, s.splat_u(0xffff)));
    let rest = s.mul(rest, s.splat(1.0 / 4_294_967_296.0));
    // The sum of the two, and what it was rounded by.
    let p = s.add(half, rest);
    let error = s.add(s.sub(half, p), rest);
    s.add(math::ln(s, p), s.div(error, p))
}

/// A site at work, in a function of its own: one copy for all callers.
struct Run<'r, L: Lanes, const CLOSED: bool> {
    lanes: L,
    outputs: &'r mut [L::V],
    /// Words to draw by; without, the value is scored.
    words: Option<&'r L::V>,
    value: &'r mut L::V,
    log_prob: Option<&'r mut Sum<L::V>>,
}

impl<L: Lanes, const CLOSED: bool> Kernel for Run<'_, L, CLOSED> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self { lanes, outputs, words, value, mut log_prob } = self;
        let s = lanes.s();
        for (r, value) in value.as_mut().iter_mut().enumerate() {
            let (first, others) = table::<CLOSED, L>(lanes, outputs, r);
            if let Some(word) = words.and_then(|words| words.as_ref().get(r)) {
                let numbers = outputs.iter().filter_map(|n| n.as_ref().get(r));
                let numbers = numbers.map(|n| s.bits(s.load(n)));
                let word = s.bits(s.load(word));
                s.store(pick(s, word, numbers, (first, others)), value);
            }
            let Some(log_prob) = &mut log_prob else { continue };
            let drawn = s.load(value);
            let mut n = s.splat(0.0);
            for (k, of) in outputs.iter().enumerate() {
                let Some(of) = of.as_ref().get(r) else { continue };
                n = s.select(is(s, drawn, k), s.load(of), n);
            }
            let mut term = ln(s, number(s, n, others));
            if CLOSED {
                // There is no other: 2³² is no word.
                term = s.select(s.lt_u(others, s.splat_u(1)), s.splat(0.0), term);
            }
            log_prob.add(lanes, r, term);
        }
    }
}

impl<const CLOSED: bool> Conditional for Categorical<'_, CLOSED> {
    const IN_PLACE: bool = false;
    const CATEGORIES: bool = true;

    fn fits(&self, sites: usize) -> bool {
        match self.domain {
            Domain::Uniform(_) => true,
            Domain::Each(kinds) => kinds.len() == sites,
        }
    }

    #[inline(always)]
    fn domain(&self) -> Domain<'_> {
        self.domain
    }

    #[inline(always)]
    fn inputs(&self) -> usize {
        self.most
    }

    #[inline(always)]
    fn outputs(&self) -> usize {
        self.most
    }

    #[inline(always)]
    fn draw<L: Lanes>(
        &self,
        lanes: L,
        site: usize,
        outputs: &mut [L::V],
        [words, _]: [&L::V; 2],
        value: &mut L::V,
        log_prob: Option<&mut Sum<L::V>>,
    ) {
        let outputs = take_mut(outputs, self.categories(site)).0;
        lanes.call(Run::<L, CLOSED> { lanes, outputs, words: Some(words), value, log_prob });
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
        let outputs = take_mut(outputs, self.categories(site)).0;
        let mut value = *value;
        lanes.call(Run::<L, CLOSED> {
            lanes,
            outputs,
            words: None,
            value: &mut value,
            log_prob: Some(log_prob),
        });
    }

    #[inline(always)]
    fn enter<L: Lanes>(&self, lanes: L, _: usize, value: &L::V, inputs: &mut [L::V]) {
        let s = lanes.s();
        for (k, input) in inputs.iter_mut().enumerate() {
            for (input, value) in input.as_mut().iter_mut().zip(value.as_ref()) {
                let one = s.select(is(s, s.load(value), k), s.splat(1.0), s.splat(0.0));
                s.store(one, input);
            }
        }
    }

    #[inline(always)]
    fn close<L: Lanes>(
        &self,
        lanes: L,
        site: usize,
        outputs: &mut [L::V],
        open: impl Fn(usize, usize) -> Mask<L>,
    ) {
        let s = lanes.s();
        for (k, logits) in take_mut(outputs, self.categories(site)).0.iter_mut().enumerate() {
            for (r, logit) in logits.as_mut().iter_mut().enumerate() {
                // A logit that is infinite by itself closes nothing.
                let a = s.load(logit);
                let a = s.select(s.lt(s.splat(-CLAMP), a), a, s.splat(-CLAMP));
                s.store(s.select(open(k, r), a, s.splat(f32::NEG_INFINITY)), logit);
            }
        }
    }
}

/// `{"kind": "categorical", "categories": K}`, or a list of as many as there are sites.
#[cfg(feature = "model")]
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CategoricalSpec {
    /// Categories of each site, or of all.
    pub categories: Categories,
}

/// Categories of all sites, or of one after another.
#[cfg(feature = "model")]
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(from = "Numbers", into = "Numbers")]
pub enum Categories {
    /// Of all alike.
    All(u32),
    /// Site by site, each a [`Kind::Category`].
    Each(Vec<Kind>),
}

#[cfg(feature = "model")]
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
enum Numbers {
    All(u32),
    Each(Vec<u32>),
}

#[cfg(feature = "model")]
impl From<Numbers> for Categories {
    fn from(numbers: Numbers) -> Self {
        match numbers {
            Numbers::All(n) => Categories::All(n),
            Numbers::Each(all) => Categories::Each(all.into_iter().map(Kind::Category).collect()),
        }
    }
}

#[cfg(feature = "model")]
impl From<Categories> for Numbers {
    fn from(categories: Categories) -> Self {
        let number = |kind| if let Kind::Category(n) = kind { n } else { 0 };
        match categories {
            Categories::All(n) => Numbers::All(n),
            Categories::Each(kinds) => Numbers::Each(kinds.into_iter().map(number).collect()),
        }
    }
}

#[cfg(feature = "model")]
impl ConditionalPart for CategoricalSpec {
    type Built<'a> = Categorical<'a>;

    fn check(&self, sites: usize, faults: &mut Faults) {
        let [fewest, most] = CATEGORIES;
        if let Categories::Each(kinds) = &self.categories
            && kinds.len() != sites
        {
            faults.wrong("categories", format!("{} sites", kinds.len()), format!("{sites}"));
        }
        if Categorical::new(self.domain()).is_none() {
            let found = format!("{:?}", self.categories);
            faults.wrong("categories", found, format!("{fewest} to {most} a site"));
        }
    }

    fn domain(&self) -> Domain<'_> {
        match &self.categories {
            Categories::All(n) => Domain::Uniform(Kind::Category(*n)),
            Categories::Each(kinds) => Domain::Each(kinds),
        }
    }

    fn build(&self) -> Categorical<'_> {
        // What is wrong with it is noted by `check`; until then it has sizes.
        let wrong = Categorical::trusted(self.domain(), 1);
        Categorical::new(self.domain()).unwrap_or(wrong)
    }

    fn source(&self, sources: &mut Sources) -> Source {
        sources.code("conditional categorical", 5);
        sources.table(4);
        let kind = |kind: &Kind| match kind {
            Kind::Category(n) => format!("engine::domain::Kind::Category({n})"),
            Kind::Real | Kind::Spin => "engine::domain::Kind::Real".into(),
        };
        let domain = match self.domain() {
            Domain::Uniform(all) => format!("Uniform({})", kind(&all)),
            Domain::Each(kinds) => {
                sources.table(2 * kinds.len());
                let kinds: Vec<_> = kinds.iter().map(kind).collect();
                format!("Each(&[{}])", kinds.join(", "))
            }
        };
        let ty = "engine::conditional::Categorical";
        let most = self.build().most;
        Source {
            ty: format!("{ty}<'static>"),
            value: format!("{ty}::trusted(engine::domain::Domain::{domain}, {most})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Plain, Single};
    use crate::simd::Scalar;
    use std::vec;
    use std::vec::Vec;

    /// The numbers of a site, in the order of its categories.
    fn numbers(logits: &[f32]) -> Vec<u64> {
        let lanes = Single::<Scalar, Plain>::new(Scalar);
        let mut out: Vec<[[f32; 1]; 1]> = logits.iter().map(|x| [[*x]]).collect();
        let (first, others) = table::<false, _>(lanes, &mut out, 0);
        let mut all: Vec<u64> = out.iter().map(|[[n]]| u64::from(n.to_bits())).collect();
        assert_eq!(all[first as usize], 0);
        assert_eq!(u64::from(others), all.iter().sum::<u64>());
        all[first as usize] = (1 << 32) - u64::from(others);
        all
    }

    fn logits(k: usize, spread: f32, seed: u32) -> Vec<f32> {
        let word = |i: usize| crate::noise::block([seed, 0], [i as u32, 0])[0];
        (0..k).map(|i| spread * (word(i) as f32 / 2147483648.0 - 1.0)).collect()
    }

    fn draw(logits: &[f32], word: u32) -> (f32, f32) {
        let lanes = Single::<Scalar, Plain>::new(Scalar);
        let part = Categorical::new(Domain::Uniform(Kind::Category(logits.len() as u32))).unwrap();
        let mut outputs: Vec<[[f32; 1]; 1]> = logits.iter().map(|x| [[*x]]).collect();
        let (mut value, mut sum) = ([[0.0]], Sum::zero(lanes));
        let word = [[f32::from_bits(word)]];
        part.draw(lanes, 0, &mut outputs, [&word; 2], &mut value, Some(&mut sum));
        let [[log_prob]] = sum.value(lanes);
        (value[0][0], log_prob)
    }

    #[test]
    fn tables_sum_to_two_to_the_thirty_two_and_have_no_zero() {
        for k in [2, 3, 7, 256, 1000, 65_536] {
            for spread in [0.0, 1e-3, 1.0, 10.0, 100.0, 1e30] {
                let logits = logits(k, spread, k as u32);
                let n = numbers(&logits);
                assert_eq!(n.iter().sum::<u64>(), 1 << 32, "{k} {spread}");
                assert!(n.iter().all(|n| *n > 0), "{k} {spread}");
                // And are the softmax, to a part in 2²² or one unit.
                let most = logits.iter().fold(f32::MIN, |a, b| a.max(*b));
                let e = |x: &f32| (f64::from(*x) - f64::from(most)).exp();
                let whole: f64 = logits.iter().map(e).sum();
                for (n, logit) in n.iter().zip(&logits) {
                    let p = e(logit) / whole * 2f64.powi(32);
                    let off = (*n as f64 - p).abs();
                    // The largest takes what the others round off.
                    let allowed = if e(logit) == 1.0 { 800.0 + k as f64 } else { 1.0 };
                    assert!(off <= allowed + p / 2f64.powi(21), "{k} {spread}: {n} {p}");
                }
            }
        }
    }

    #[test]
    fn words_draw_each_category_as_often_as_its_number_says() {
        for (k, spread) in [(2, 1.0), (5, 2.0), (9, 30.0), (300, 4.0)] {
            let logits = logits(k, spread, 5);
            let n = numbers(&logits);
            let first = (0..k).find(|i| logits.iter().all(|x| *x <= logits[*i])).unwrap();
            let order = (0..k).filter(|i| *i != first).chain([first]);
            let mut start = 0u64;
            for i in order {
                // The first word of its interval and the last.
                for word in [start, start + n[i] - 1] {
                    let (value, log_prob) = draw(&logits, word as u32);
                    assert_eq!(value, i as f32, "{k} {spread}");
                    let exact = (n[i] as f64 / 2f64.powi(32)).ln();
                    let off = (f64::from(log_prob) - exact).abs();
                    assert!(off <= 3e-7 * exact.abs() + 1e-10, "{k} {i}: {log_prob} {exact}");
                }
                start += n[i];
            }
            assert_eq!(start, 1 << 32);
        }
    }

    #[test]
    fn odd_logits_still_draw_a_category() {
        for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for logits in [vec![odd; 3], vec![0.0, odd, 1.0]] {
                for word in [0, 1 << 31, u32::MAX] {
                    let (value, _) = draw(&logits, word);
                    assert!((0.0..=2.0).contains(&value), "{logits:?} {word}: {value}");
                }
            }
        }
    }
}
