//! From samples of a model to unbiased statements about its target.
//!
//! A model `q` was trained towards a target `p = p̃ / Z` and is never quite it. But `ln q` is exact,
//! so each sample has a known weight `ln w = ln p̃ − ln q`, and two classical tools remove the
//! difference: self-normalised importance weights ([`ImportanceWeights`], [`WeightedMean`]) and a
//! Metropolis chain with independent proposals ([`IndependenceMetropolis`]). All run in constant
//! memory, one sample at a time, on a host or on an instrument.
//!
//! Sums are kept in `f64` with `libm`: these are statistical estimates, for which the numeric
//! contract promises no bits.

/// Running importance weights: `Z`, the effective sample size and the variational bound.
///
/// ```
/// use pushforward::correct::ImportanceWeights;
/// let mut w = ImportanceWeights::new();
/// for _ in 0..100 {
///     w.push(1.5); // ln p̃ − ln q of a model that is exact up to Z = e^1.5
/// }
/// assert!((w.ln_z() - 1.5).abs() < 1e-12 && (w.ess() - 1.0).abs() < 1e-12);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct ImportanceWeights {
    n: f64,
    mean_ln: f64,
    spread_ln: f64,
    scaled: Scaled<2>,
}

/// Sums of `w^k` factors with the largest weight taken out, so nothing overflows.
#[derive(Clone, Copy, Debug)]
struct Scaled<const K: usize> {
    ln_max: f64,
    sums: [f64; K],
}

impl<const K: usize> Default for Scaled<K> {
    fn default() -> Self {
        Self { ln_max: f64::NEG_INFINITY, sums: [0.0; K] }
    }
}

impl<const K: usize> Scaled<K> {
    /// Rescales to include `ln_w`, and returns its weight on the new scale. `powers[k]` says which
    /// power of the weight sum `k` holds.
    fn weight(&mut self, ln_w: f64, powers: [i32; K]) -> f64 {
        if ln_w > self.ln_max {
            let shrink = libm::exp(self.ln_max - ln_w);
            for (sum, power) in self.sums.iter_mut().zip(powers) {
                *sum *= if power == 2 { shrink * shrink } else { shrink };
            }
            self.ln_max = ln_w;
        }
        if ln_w == f64::NEG_INFINITY { 0.0 } else { libm::exp(ln_w - self.ln_max) }
    }
}

impl ImportanceWeights {
    /// No samples yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One sample of `q` with `ln_w = ln p̃ − ln q` (nats).
    pub fn push(&mut self, ln_w: f64) {
        self.n += 1.0;
        let step = ln_w - self.mean_ln;
        self.mean_ln += step / self.n;
        self.spread_ln += step * (ln_w - self.mean_ln);
        let w = self.scaled.weight(ln_w, [1, 2]);
        let [first, second] = &mut self.scaled.sums;
        *first += w;
        *second += w * w;
    }

    /// Samples so far.
    pub fn n(&self) -> u64 {
        self.n as u64
    }

    /// The variational bound `⟨ln w⟩ ≤ ln Z` (nats).
    pub fn elbo(&self) -> f64 {
        self.mean_ln
    }

    /// Standard error of [`elbo`](Self::elbo).
    pub fn elbo_error(&self) -> f64 {
        libm::sqrt(self.spread_ln / (self.n - 1.0) / self.n)
    }

    /// `ln Z ≈ ln ⟨w⟩` (nats): unbiased in `Z`.
    pub fn ln_z(&self) -> f64 {
        self.scaled.ln_max + libm::log(self.scaled.sums[0] / self.n)
    }

    /// Standard error of [`ln_z`](Self::ln_z), to first order: the relative error of `⟨w⟩`.
    pub fn ln_z_error(&self) -> f64 {
        libm::sqrt(((1.0 / self.ess() - 1.0) / (self.n - 1.0)).max(0.0))
    }

    /// Effective sample size as a fraction of `n`: `(Σ w)² / (n Σ w²)`.
    pub fn ess(&self) -> f64 {
        let [first, second] = self.scaled.sums;
        first * first / (self.n * second)
    }
}

/// The running mean of an observable under the *target*, from samples of the model.
#[derive(Clone, Copy, Debug, Default)]
pub struct WeightedMean {
    /// Σ w, Σ w o, Σ w², Σ w² o, Σ w² o².
    scaled: Scaled<5>,
}

impl WeightedMean {
    /// No samples yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One sample with `ln_w = ln p̃ − ln q` (nats) and the observable's value there.
    pub fn push(&mut self, ln_w: f64, value: f64) {
        let w = self.scaled.weight(ln_w, [1, 1, 2, 2, 2]);
        let terms = [w, w * value, w * w, w * w * value, w * w * value * value];
        for (sum, term) in self.scaled.sums.iter_mut().zip(terms) {
            *sum += term;
        }
    }

    /// `Σ w o / Σ w`.
    pub fn mean(&self) -> f64 {
        let [w, wo, ..] = self.scaled.sums;
        wo / w
    }

    /// Its standard error, `√(Σ w² (o − mean)²) / Σ w`.
    pub fn error(&self) -> f64 {
        let [w, _, ww, wwo, wwoo] = self.scaled.sums;
        let mean = self.mean();
        libm::sqrt((wwoo - 2.0 * mean * wwo + mean * mean * ww).max(0.0)) / w
    }
}

/// A Markov chain whose proposals are independent samples of the model (Tierney 1994).
///
/// A proposal is accepted with probability `min(1, w_new / w_old)`; the chain's states are
/// distributed as the *target*. The caller keeps the state: replace it when
/// [`step`](Self::step) says so, count the old one again when not.
///
/// ```
/// use pushforward::correct::IndependenceMetropolis;
/// let mut chain = IndependenceMetropolis::new();
/// assert!(chain.step(0.0, u32::MAX)); // the first proposal is always taken
/// assert!(chain.step(0.1, u32::MAX)); // as is any with a larger weight
/// assert!(!chain.step(-5.0, u32::MAX));
/// assert_eq!(chain.acceptance(), 0.5);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct IndependenceMetropolis {
    ln_w: f64,
    proposed: u64,
    accepted: u64,
}

impl Default for IndependenceMetropolis {
    fn default() -> Self {
        Self { ln_w: f64::NEG_INFINITY, proposed: 0, accepted: 0 }
    }
}

impl IndependenceMetropolis {
    /// A chain without a state.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the chain moves to a proposal with `ln_w = ln p̃ − ln q`, decided by a uniform word.
    pub fn step(&mut self, ln_w: f64, word: u32) -> bool {
        if self.proposed == 0 && self.ln_w == f64::NEG_INFINITY {
            self.ln_w = ln_w;
            return true;
        }
        self.proposed += 1;
        let uniform = (f64::from(word) + 0.5) / 4_294_967_296.0;
        let accept = uniform < libm::exp(ln_w - self.ln_w);
        if accept {
            self.ln_w = ln_w;
            self.accepted += 1;
        }
        accept
    }

    /// Accepted fraction of the proposals after the first.
    pub fn acceptance(&self) -> f64 {
        self.accepted as f64 / self.proposed as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::block;

    /// A target with three states and a bad proposal: everything is known.
    const P: [f64; 3] = [0.6, 0.3, 0.1];
    const Q: [f64; 3] = [0.2, 0.3, 0.5];
    const LN_Z: f64 = 700.0;

    fn draws(n: u32) -> impl Iterator<Item = (usize, f64, u32)> {
        (0..n).map(|i| {
            let [u, v] = block([7, 0], [i, 0]);
            let x = f64::from(u) / 4_294_967_296.0;
            let state = usize::from(x >= Q[0]) + usize::from(x >= Q[0] + Q[1]);
            (state, LN_Z + (P[state] / Q[state]).ln(), v)
        })
    }

    #[test]
    fn importance_weights_find_z_and_ess() {
        let mut w = ImportanceWeights::new();
        let mut mean = WeightedMean::new();
        for (state, ln_w, _) in draws(100_000) {
            w.push(ln_w);
            mean.push(ln_w, state as f64);
        }
        assert!((w.ln_z() - LN_Z).abs() < 4.0 * w.ln_z_error(), "{}", w.ln_z());
        let ess = 1.0 / P.iter().zip(Q).map(|(p, q)| p * p / q).sum::<f64>();
        assert!((w.ess() - ess).abs() < 0.01, "{} {ess}", w.ess());
        let elbo = LN_Z + P.iter().zip(Q).map(|(p, q)| q * (p / q).ln()).sum::<f64>();
        assert!((w.elbo() - elbo).abs() < 4.0 * w.elbo_error());
        assert!((mean.mean() - 0.5).abs() < 4.0 * mean.error(), "{}", mean.mean());
    }

    #[test]
    fn chain_visits_the_target() {
        let mut chain = IndependenceMetropolis::new();
        let mut counts = [0.0; 3];
        let mut state = 0;
        let n = 200_000;
        for (proposal, ln_w, word) in draws(n) {
            if chain.step(ln_w, word) {
                state = proposal;
            }
            counts[state] += 1.0 / f64::from(n);
        }
        for (found, expected) in counts.iter().zip(P) {
            assert!((found - expected).abs() < 0.01, "{counts:?}");
        }
    }
}
