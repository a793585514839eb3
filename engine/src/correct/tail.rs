//! How heavy the tail of the weights is: Pareto k̂.
//!
//! The spread of the weights that were seen says nothing of those that were not, and a model that
//! misses a part of its target has most of its weight in samples that almost never come. What can be
//! seen is how fast the largest weights grow. Over a high threshold `u` the weights of nearly any
//! model follow a generalised Pareto distribution (Pickands 1975),
//! `P(w − u > x | w > u) = (1 + k x/σ)^(−1/k)`, whose shape `k` counts the moments that exist: fewer
//! than `1/k`. From `k ≥ ½` on the variance of the weights is infinite, from `k ≥ 1` on their mean.
//!
//! [`Tail`] keeps the largest weights of a stream, and [`Tail::fit`] finds `k̂` as Pareto-smoothed
//! importance sampling does (Vehtari, Simpson, Gelman, Yao & Gabry, *JMLR* **25**(72), 2024): from the
//! `M = ⌈min(n/5, 3√n)⌉` largest of `n` weights, by the estimator of Zhang & Stephens
//! (*Technometrics* **51**, 316, 2009), drawn towards ½ by a prior worth ten weights. Above
//! [`most_k_hat`] error bars cannot be trusted.

/// Samples that the prior `k = ½` is worth.
const PRIOR: f64 = 10.0;
/// Fewer weights over the threshold than this are not fitted.
const FEWEST: usize = 5;
/// The error bar reckons with weights that one run in so many would meet: see
/// [`TailFit::fitted_sums`]. From double wells, φ⁴ and Pareto weights over hundreds of runs: with
/// fewer the bars are too short at `k = ½`, with more too long beyond.
const RUNS: f64 = 4.0;
/// Weights below this fraction of the largest are as good as 0.
const SMALLEST: f64 = 1e-290;

/// The largest weights of a stream of samples.
///
/// ```
/// use pushforward::correct::{Tail, most_k_hat};
/// let mut largest = [0.0; 301]; // Tail::lent(10_000)
/// let mut tail = Tail::new(&mut largest);
/// for i in 0..10_000 {
///     tail.push(-0.9 * ((f64::from(i) + 0.5) / 10_000.0).ln()); // w = u^(−0.9): k = 0.9
/// }
/// let fit = tail.fit().unwrap();
/// assert!((fit.k_hat() - 0.9).abs() < 0.05 && fit.k_hat() > most_k_hat(10_000));
/// ```
#[derive(Debug)]
pub struct Tail<'a> {
    /// Ascending; −∞ where nothing is held yet.
    largest: &'a mut [f64],
    n: u64,
}

/// The number of weights in the tail of `n`: `⌈min(n/5, 3√n)⌉`.
fn size(n: u64) -> usize {
    let n = n as f64;
    libm::ceil((0.2 * n).min(3.0 * libm::sqrt(n))) as usize
}

/// The largest `k̂` at which error bars from `n` samples can be trusted: `min(1 − 1/log₁₀ n, 0.7)`
/// (Vehtari et al. 2024).
pub fn most_k_hat(n: u64) -> f64 {
    (1.0 - 1.0 / libm::log10(n as f64)).min(0.7)
}

impl<'a> Tail<'a> {
    /// No samples yet. The memory lent bounds the tail that is fitted: [`lent`](Self::lent) for a
    /// whole one, less for an instrument. What it holds is overwritten.
    pub fn new(largest: &'a mut [f64]) -> Self {
        largest.fill(f64::NEG_INFINITY);
        Self { largest, n: 0 }
    }

    /// The numbers to lend for the whole tail of `n` samples: one more than the `M` of the
    /// [module](self), for the threshold.
    pub fn lent(n: u64) -> usize {
        size(n) + 1
    }

    /// One sample of the model with `ln_w = ln p̃ − ln q` (nats); NaN counts as weight 0.
    pub fn push(&mut self, ln_w: f64) {
        self.n += 1;
        let below = self.largest.partition_point(|held| *held < ln_w);
        let (smaller, _) = self.largest.split_at_mut(below);
        if !smaller.is_empty() {
            smaller.rotate_left(1);
        }
        if let Some(place) = smaller.last_mut() {
            *place = ln_w;
        }
    }

    /// Fits a generalised Pareto distribution to the weights over the threshold.
    ///
    /// `None` where fewer than five weights lie over it: below 21 samples, and where the largest
    /// weights are equal, as those of an exact model are, or infinite.
    pub fn fit(&self) -> Option<TailFit> {
        let ln_max = *self.largest.last()?;
        if !ln_max.is_finite() {
            return None;
        }
        let m = size(self.n).min(self.largest.len() - 1);
        let (rest, tail) = self.largest.split_at_checked(self.largest.len() - m)?;
        let threshold = libm::exp(*rest.last()? - ln_max).max(SMALLEST);
        let over = move |ln_w: &f64| libm::exp(ln_w - ln_max) - threshold;
        let tied = tail.partition_point(|ln_w| over(ln_w) <= 0.0);
        let (_, tail) = tail.split_at_checked(tied)?;
        if tail.len() < FEWEST {
            return None;
        }
        let (k, scale) = zhang_stephens(tail, over)?;
        let m = tail.len() as f64;
        let (mut sum, mut squares) = (0.0, 0.0);
        for ln_w in tail {
            let w = libm::exp(ln_w - ln_max);
            sum += w;
            squares += w * w;
        }
        let k_hat = (m * k + PRIOR * 0.5) / (m + PRIOR);
        Some(TailFit { k_hat, ln_max, threshold, scale, m, sum, squares })
    }
}

/// Shape and scale of the exceedances `over(tail)`, which ascend: the likelihood profiled over
/// `k(b) = ⟨ln(1 − b x)⟩`, averaged over a grid of `b = −k/σ` with the prior of the paper.
fn zhang_stephens(tail: &[f64], over: impl Fn(&f64) -> f64) -> Option<(f64, f64)> {
    let m = tail.len() as f64;
    let grid = 30 + libm::sqrt(m) as usize;
    let quartile = tail.get(((0.25 * m + 0.5) as usize).saturating_sub(1)).map(&over)?;
    let largest = tail.last().map(&over)?;
    let shape = |b: f64| tail.iter().map(|x| libm::log1p(-b * over(x))).sum::<f64>() / m;
    let mut posterior = super::Scaled::<2>::default();
    for j in 0..grid {
        let b = (1.0 - libm::sqrt(grid as f64 / (j as f64 + 0.5))) / (3.0 * quartile.max(SMALLEST))
            + 1.0 / largest;
        let k = shape(b);
        let ln_likelihood = m * (libm::log(-b / k) - k - 1.0);
        if ln_likelihood.is_finite() {
            let weight = posterior.weight(ln_likelihood, [1, 1]);
            let [all, bs] = &mut posterior.sums;
            *all += weight;
            *bs += weight * b;
        }
    }
    let [all, bs] = posterior.sums;
    let b = bs / all;
    let k = shape(b);
    let scale = -k / b;
    (k.is_finite() && scale > 0.0).then_some((k, scale))
}

/// A generalised Pareto distribution fitted to the largest weights of a run.
#[derive(Clone, Copy, Debug)]
pub struct TailFit {
    k_hat: f64,
    /// The scale of the rest: weights over the largest.
    pub(super) ln_max: f64,
    threshold: f64,
    scale: f64,
    /// The number of weights over the threshold, their sum and that of their squares.
    m: f64,
    pub(super) sum: f64,
    pub(super) squares: f64,
}

impl TailFit {
    /// The shape `k̂` of the tail.
    pub fn k_hat(&self) -> f64 {
        self.k_hat
    }

    /// What the sums of the weights over the threshold and of their squares are by the fit, where
    /// the largest is one that comes once in four runs like this.
    ///
    /// The sum of the squares that were seen is short of what another run would find: its few
    /// largest terms have mostly not come. The fit knows their rate; and as its own second moment is
    /// infinite from `k = ½` on, it is cut at probability `1/(4 m)`. With `t` for the probability
    /// of a larger weight, `w = u + σ/k (t^−k − 1)` is integrated over `1/(4 m) < t < 1`.
    pub(super) fn fitted_sums(&self) -> [f64; 2] {
        // At k = 0 the formula is 0/0, and its value is that beside it.
        let k = if self.k_hat.abs() < 1e-4 { 1e-4 } else { self.k_hat };
        let cut = 1.0 / (RUNS * self.m);
        let integral = |power: f64| match 1.0 - power {
            0.0 => -libm::log(cut),
            p => (1.0 - libm::pow(cut, p)) / p,
        };
        let (slope, constant) = (self.scale / k, self.threshold - self.scale / k);
        let [one, first, second] = [0.0, k, 2.0 * k].map(integral);
        [
            self.m * (constant * one + slope * first),
            self.m
                * (constant * constant * one
                    + 2.0 * constant * slope * first
                    + slope * slope * second),
        ]
    }
}
