//! From ln q and energies to the loss, its statistics, and its derivative with respect to each
//! column's ln q: the one place where samples of a batch meet between forward and backward.
//!
//! With two copies the model is q(x) = (m(x) + m(−x))/2, so ln q = logaddexp(ln m(x), ln m(−x)) − ln 2
//! and a copy's share of the derivative is its share of that sum.
//!
//! | kind | loss of a sample | derivative, for a batch of n |
//! |---|---|---|
//! | score | ℓ = ln q + βE | (ℓ − mean ℓ)/n |
//! | path | ℓ = ln q + βE | 1/n |
//! | Rényi | ℓ = ln q + βE | e^(−(1−α)ℓ)/Σ e^(−(1−α)ℓ) |
//! | likelihood | −ln q | −1/n |
//!
//! What Rényi's kind goes down is −(1−α)⁻¹ ln mean e^(−(1−α)ℓ), the variational Rényi bound of a batch (Li
//! & Turner 2016, arXiv:1602.02311): between the free energy (α = 1) and the importance-weighted bound of
//! n samples (α = 0; Burda, Grosse & Salakhutdinov 2016, arXiv:1509.00519). The less α, the less a mode may
//! be left out.

use super::{Launch, Layout, NONE, Readings, Slot, StepInputs, arguments, constants};

/// How the loss depends on the parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LossKind {
    /// Free energy through the score function, with the batch mean as baseline.
    Score,
    /// Free energy through the samples.
    Path,
    /// Rényi's bound of it, of order [`Loss::alpha`], through the samples.
    Renyi,
    /// Negative log-likelihood.
    Likelihood,
}

/// The loss of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Loss {
    /// Which one.
    pub kind: LossKind,
    /// α of Rényi's bound, from 0 to 1.
    pub alpha: f32,
    /// One row: ln q (of each copy).
    pub log_q: Slot,
    /// One row: E; absent for the likelihood.
    pub energy: Option<Slot>,
    /// One row: the derivative of the loss with respect to ln q, of each copy.
    pub coefficient: Slot,
}

impl Loss {
    /// Whether a sample's derivative depends on no other sample, so that it can go backward at once.
    pub fn is_local(&self) -> bool {
        match self.kind {
            LossKind::Score | LossKind::Renyi => false,
            LossKind::Path | LossKind::Likelihood => true,
        }
    }

    /// The derivative for some samples of a batch of `batch`, of a loss that [is local](Self::is_local).
    /// `log_q` and `coefficient` hold `[copies][n]`; those beyond the first `real` have no weight.
    pub fn local(
        &self,
        batch: usize,
        log_q: &[f32],
        n: usize,
        real: usize,
        coefficient: &mut [f32],
    ) {
        let k = match self.kind {
            LossKind::Likelihood => -1.0,
            LossKind::Score | LossKind::Path | LossKind::Renyi => 1.0,
        } / batch as f64;
        coefficient.fill(0.0);
        for c in 0..real {
            share(k, log_q, n, c, coefficient);
        }
    }

    /// The loss of `n` samples; `log_q` and `coefficient` hold `[copies][n]`, `energy` `[n]`.
    pub fn evaluate(
        &self,
        step: &StepInputs,
        log_q: &[f32],
        energy: &[f32],
        coefficient: &mut [f32],
    ) -> Readings {
        let n = energy.len();
        let mirrored = log_q.len() > n;
        let ln_q = |c: usize| {
            let l = f64::from(log_q[c]);
            if !mirrored {
                return l;
            }
            let m = f64::from(log_q[n + c]);
            l.max(m) + (-(l - m).abs()).exp().ln_1p() - std::f64::consts::LN_2
        };
        let q: Vec<f64> = (0..n).map(ln_q).collect();
        let e: Vec<f64> = energy.iter().map(|&e| f64::from(e)).collect();
        let beta = f64::from(step.beta);
        let losses: Vec<f64> = match self.kind {
            LossKind::Score | LossKind::Path | LossKind::Renyi => {
                q.iter().zip(&e).map(|(q, e)| q + beta * e).collect()
            }
            LossKind::Likelihood => q.iter().map(|q| -q).collect(),
        };
        let count = n as f64;
        let loss = losses.iter().sum::<f64>() / count;
        let variance =
            losses.iter().map(|l| (l - loss).powi(2)).sum::<f64>() / (count - 1.0).max(1.0);
        let ln_w: Vec<f64> =
            q.iter().zip(&e).map(|(q, e)| -f64::from(step.beta_full) * e - q).collect();
        let largest = ln_w.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let (sum, squares) = ln_w.iter().fold((0.0, 0.0), |(s, s2), l| {
            let w = (l - largest).exp();
            (s + w, s2 + w * w)
        });

        let order = 1.0 - f64::from(self.alpha);
        let least = losses.iter().copied().fold(f64::INFINITY, f64::min);
        let tilted = |l: &f64| (order * (least - l)).exp();
        let total: f64 = losses.iter().map(tilted).sum();
        for (c, l) in losses.iter().enumerate() {
            let k = match self.kind {
                LossKind::Renyi => tilted(l) / total,
                LossKind::Score => (l - loss) / count,
                LossKind::Path => 1.0 / count,
                LossKind::Likelihood => -1.0 / count,
            };
            share(k, log_q, n, c, coefficient);
        }
        Readings {
            loss,
            variance,
            energy: e.iter().sum::<f64>() / count,
            ess: sum * sum / (count * squares),
            grad_norm: 0.0,
        }
    }

    /// Its WGSL call: one workgroup.
    pub fn gpu(&self, layout: &Layout) -> Launch {
        let arguments = arguments! {
            kind: self.kind as u32,
            order: 1.0 - self.alpha,
            log_q: layout.offset(self.log_q),
            energy: self.energy.map_or(NONE, |e| layout.offset(e)),
            coefficient: layout.offset(self.coefficient),
        };
        let [path, renyi, likelihood] =
            [LossKind::Path, LossKind::Renyi, LossKind::Likelihood].map(|kind| kind as u32);
        let kinds = constants![PATH = path, RENYI = renyi, LIKELIHOOD = likelihood];
        Launch {
            sources: vec![kinds, include_str!("loss.wgsl").into()],
            entry: "loss",
            arguments,
            groups: [1, 1, 1],
        }
    }
}

/// Writes the derivative `k` of sample `c`, to both copies by their share if there are two.
fn share(k: f64, log_q: &[f32], n: usize, c: usize, coefficient: &mut [f32]) {
    if log_q.len() > n {
        let share = 1.0 / (1.0 + (f64::from(log_q[n + c]) - f64::from(log_q[c])).exp());
        coefficient[c] = (k * share) as f32;
        coefficient[n + c] = (k * (1.0 - share)) as f32;
    } else {
        coefficient[c] = k as f32;
    }
}
