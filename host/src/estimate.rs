//! What a model says about a Hamiltonian, with error bars and with what speaks against them.
//!
//! Samples are drawn and weighted in constant memory: ln w = −β E − ln q. Their mean is the
//! variational bound on ln Z; the importance-corrected ln Z and the acceptance of independence
//! Metropolis are statements about the target itself ([`pushforward::correct`]).
//!
//! All of it rests on the largest weights, which come least often. So the tail of the weights is
//! fitted: the error of ln Z reckons with weights that this run did not meet, and where the tail is
//! too heavy for that, [`Estimate::warnings`] says so and what would help. The effective sample size
//! has no error bar, for nothing in the samples gives one that covers: of 100 runs of one model of
//! φ⁴, n = 10⁴, half lay above 0.22, the least at 0.0015, and all their samples together give 0.10.

mod thermodynamics;

use pushforward::correct::{ImportanceWeights, IndependenceMetropolis, Tail, most_k_hat};
use pushforward::domain::Kind;
use pushforward::noise::Stream;
use rayon::prelude::*;
use serde_json::{Map, Value as Json, json};

use crate::energy::{Energy, LnZ};
use crate::error::Result;
use crate::loaded::Loaded;
use thermodynamics::Sampled;
pub use thermodynamics::{Thermodynamics, known};

/// Blocks for the error bar of the acceptance.
const BLOCKS: u64 = 32;
/// Weights that are kept to fit the tail, at most: enough for 3√n at n = 1.8 million.
const TAIL: usize = 4096;
/// `k̂` from which a tail is called heavy, however many the samples (Vehtari et al. 2024).
const HEAVY: f64 = 0.7;
/// Samples whose tail is too short to be fitted.
const FEW: u64 = 20;
/// A single weight with a larger share of the sum is worth a warning.
const LARGE_SHARE: f64 = 0.1;

/// Estimates from `n` samples.
#[derive(Clone, Debug)]
pub struct Estimate {
    /// Samples.
    pub n: u64,
    /// ⟨ln w⟩ (nats), its standard error.
    pub elbo: [f64; 2],
    /// ln ⟨w⟩ (nats), its standard error.
    pub ln_z: [f64; 2],
    /// Effective sample size of these samples as a fraction of `n`.
    pub ess: f64,
    /// Pareto shape of the largest weights; `None` where there are too few to fit, or all are equal.
    pub k_hat: Option<f64>,
    /// The largest weight's share of the sum.
    pub largest_weight: f64,
    /// Samples of weight 0.
    pub zeros: u64,
    /// Acceptance of independence Metropolis, its standard error.
    pub acceptance: [f64; 2],
    /// ln Z as known otherwise.
    pub exact: Option<LnZ>,
    /// β times the number of sites, for lattices and other spins.
    pub beta_sites: Option<f64>,
    /// Averages of the target, for those.
    pub thermodynamics: Option<Thermodynamics>,
    /// ⟨E⟩ / N, S / N and specific heat as known otherwise.
    pub thermodynamics_exact: Option<[f64; 3]>,
}

/// Draws `n` samples of the stream `seed` and weighs them for exp(−β E); `watch` sees each sample's
/// energy and ln w, in order. `go_on` is asked between chunks.
///
/// # Errors
/// Those of `go_on`.
pub fn estimate(
    model: &Loaded,
    energy: &dyn Energy,
    beta: f64,
    n: u64,
    seed: u64,
    go_on: &dyn Fn() -> Result<()>,
) -> Result<Estimate> {
    let dim = model.dim();
    let chunk = model.chunk_rows().min(usize::try_from(n).unwrap_or(usize::MAX));
    let mut rows = vec![0f32; chunk * dim];
    let (mut log_q, mut energies) = (vec![0.0; chunk], vec![0.0; chunk]);
    let mut weights = ImportanceWeights::new();
    let mut largest = vec![0.0; Tail::lent(n).min(TAIL + 1)];
    let mut tail = Tail::new(&mut largest);
    let mut chain = IndependenceMetropolis::new();
    // The chain's uniforms are a stream of their own.
    let mut uniforms = Stream::new(!seed);
    let blocks = BLOCKS.min(n / 2).max(1);
    let mut block = (0, 0.0, 0.0);
    let mut acceptance = Vec::new();
    let mut sampled = Sampled::new(n);
    let mut done = 0;
    while done < n {
        go_on()?;
        let m = usize::try_from(n - done).unwrap_or(usize::MAX).min(chunk);
        model.given(&[]).sample(seed, done, &mut rows[..m * dim], Some(&mut log_q[..m]));
        let pairs = rows.par_chunks(dim).zip(&mut energies).take(m);
        pairs.for_each(|(row, e)| *e = energy.energy(row));
        for ((&log_q, &e), row) in log_q[..m].iter().zip(&energies).zip(rows.chunks(dim)) {
            let ln_w = -beta * e - f64::from(log_q);
            weights.push(ln_w);
            tail.push(ln_w);
            sampled.push(ln_w, e, energy.order(row));
            let accepted = chain.step(ln_w, uniforms.block(done, 0)[0]);
            block.1 += 1.0;
            block.2 += f64::from(u8::from(accepted));
            done += 1;
            if (u128::from(done) * u128::from(blocks) / u128::from(n)) as u64 > block.0 {
                acceptance.push(block.2 / block.1);
                block = (block.0 + 1, 0.0, 0.0);
            }
        }
    }
    let discrete = energy.kind() != Kind::Real;
    let exact = energy.ln_z(beta);
    let per_site = discrete || energy.shape().len() > 1;
    let fit = tail.fit();
    let ln_z_error = fit.map_or(weights.ln_z_error(), |fit| weights.ln_z_error_with(&fit));
    Ok(Estimate {
        n,
        elbo: [weights.elbo(), weights.elbo_error()],
        ln_z: [weights.ln_z(), ln_z_error],
        ess: weights.ess(),
        k_hat: fit.map(|fit| fit.k_hat()),
        largest_weight: weights.largest_weight(),
        zeros: weights.zeros(),
        acceptance: [chain.acceptance(), standard_error(&acceptance)],
        exact,
        beta_sites: per_site.then_some(beta * dim as f64),
        thermodynamics: sampled.figures(beta, dim as f64).filter(|_| discrete),
        thermodynamics_exact: exact
            .filter(|_| discrete)
            .and_then(|exact| known(energy, beta, exact)),
    })
}

/// A figure and its error under their names.
fn pair_into(map: &mut Map<String, Json>, name: &str, [value, error]: [f64; 2]) {
    map.insert(name.into(), json!(value));
    map.insert(format!("{name}_error"), json!(error));
}

fn standard_error(blocks: &[f64]) -> f64 {
    let [n, _, squares] = spread(blocks.iter().copied());
    (squares / (n * (n - 1.0))).sqrt()
}

/// The number of values, their mean, and the sum of squares about it.
pub(crate) fn spread(values: impl Iterator<Item = f64> + Clone) -> [f64; 3] {
    let n = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / n;
    [n, mean, values.map(|x| (x - mean).powi(2)).sum()]
}

impl Estimate {
    /// Kullback-Leibler divergence from the target (nats) and its error, by ln Z as known or, where
    /// it is not, as estimated.
    pub fn kl(&self) -> [f64; 2] {
        let [ln_z, error] = self.exact.map_or(self.ln_z, |exact| [exact.value, exact.error]);
        [ln_z - self.elbo[0], error.hypot(self.elbo[1])]
    }

    /// −x / (β N): a bound on or value of ln Z as free energy per site.
    fn per_site(&self, [x, error]: [f64; 2]) -> Option<[f64; 2]> {
        self.beta_sites.map(|scale| [-x / scale, error / scale])
    }

    /// Variational free energy per site, for lattices.
    pub fn free_energy(&self) -> Option<[f64; 2]> {
        self.per_site(self.elbo)
    }

    /// Importance-corrected free energy per site, for lattices.
    pub fn free_energy_corrected(&self) -> Option<[f64; 2]> {
        self.per_site(self.ln_z)
    }

    /// Exact free energy per site, for lattices where it is known.
    pub fn free_energy_exact(&self) -> Option<[f64; 2]> {
        self.exact.and_then(|exact| self.per_site([exact.value, exact.error]))
    }

    /// (F − F_exact) / |F_exact| of the variational free energy.
    pub fn relative_error(&self) -> Option<f64> {
        let ([found, _], [exact, _]) = (self.free_energy()?, self.free_energy_exact()?);
        Some((found - exact) / exact.abs())
    }

    /// How many standard errors the corrected ln Z is off.
    pub fn sigmas(&self) -> Option<f64> {
        self.exact.map(|exact| (self.ln_z[0] - exact.value) / self.ln_z[1].hypot(exact.error))
    }

    /// Whether the error bars of the corrected figures cannot be trusted: the weights' tail is too
    /// heavy, one of them is most of the sum, or there are too few to tell.
    pub fn is_doubtful(&self) -> bool {
        self.k_hat.map_or(self.n <= FEW, |k| k > most_k_hat(self.n)) || self.is_dominated()
    }

    fn is_dominated(&self) -> bool {
        self.largest_weight > LARGE_SHARE + 1.0 / self.n as f64
    }

    /// What speaks against the figures, and what to do about it: a sentence or two each.
    pub fn warnings(&self) -> Vec<String> {
        let n = self.n;
        let mut warnings = Vec::new();
        if self.zeros > 0 {
            warnings.push(format!(
                "{} of n = {n} samples have weight 0: they lie outside the target, or their draw \
                 overflowed. The variational bound is −∞.",
                self.zeros
            ));
        }
        if self.ln_z[0] == f64::INFINITY {
            warnings.push(
                "A sample has an infinite weight: its energy is −∞ or its log-probability −∞. No \
                 corrected figure holds."
                    .into(),
            );
        }
        match self.k_hat {
            Some(k) if k > HEAVY => {
                let more = if k < 1.0 { "help little" } else { "do not help" };
                warnings.push(format!(
                    "The weights have a heavy tail: Pareto k̂ = {k:.2} is above {HEAVY}. Error bars of \
                     corrected figures cannot be trusted, and the effective sample size is more likely \
                     too high than too low. More samples {more}: train longer, anneal more slowly, or \
                     take a larger model or another family."
                ));
            }
            Some(k) if k > most_k_hat(n) => warnings.push(format!(
                "n = {n} samples are too few for the tail of their weights: Pareto k̂ = {k:.2} is above \
                 {:.2}, and error bars of corrected figures cannot be trusted. Ask for more samples.",
                most_k_hat(n)
            )),
            None if n <= FEW => warnings.push(format!(
                "n = {n} samples are too few to see how heavy the tail of their weights is: error bars \
                 of corrected figures cannot be trusted. Ask for more samples."
            )),
            Some(_) | None => {}
        }
        if self.is_dominated() {
            warnings.push(format!(
                "One sample of n = {n} holds {:.0} % of the sum of the weights: corrected figures are \
                 those of a few samples, and their error bars cannot be trusted.",
                100.0 * self.largest_weight
            ));
        }
        warnings
    }

    /// The figures under the names that `--json` promises; what is not finite is null.
    pub fn to_json(&self) -> Map<String, Json> {
        let mut map = Map::new();
        map.insert("n".into(), json!(self.n));
        let mut pair = |name: &str, figure| pair_into(&mut map, name, figure);
        pair("elbo", self.elbo);
        pair("ln_z", self.ln_z);
        pair("acceptance", self.acceptance);
        pair("kl", self.kl());
        for (name, figure) in [
            ("free_energy_per_site", self.free_energy()),
            ("free_energy_per_site_corrected", self.free_energy_corrected()),
            ("free_energy_per_site_exact", self.free_energy_exact()),
            ("ln_z_exact", self.exact.map(|exact| [exact.value, exact.error])),
        ] {
            if let Some(figure) = figure {
                pair(name, figure);
            }
        }
        for (name, figure, _) in self.averages() {
            pair_into(&mut map, &name.replace(' ', "_"), figure);
        }
        map.insert("ess".into(), json!(self.ess));
        map.insert("k_hat".into(), json!(self.k_hat));
        map.insert("largest_weight".into(), json!(self.largest_weight));
        map.insert("warnings".into(), json!(self.warnings()));
        if let Some(exact) = self.exact {
            map.insert("ln_z_exact_source".into(), json!(exact.source));
        }
        if let Some(relative) = self.relative_error() {
            map.insert("free_energy_relative_error".into(), json!(relative));
        }
        map
    }

    /// Averages of the target by their names, with their errors, and as known otherwise.
    fn averages(&self) -> Vec<(String, [f64; 2], Option<f64>)> {
        let Some(t) = self.thermodynamics else { return Vec::new() };
        let known = |i: usize| self.thermodynamics_exact.map(|known| known[i]);
        [
            ("energy per site", t.energy, known(0)),
            ("entropy per site", t.entropy, known(1)),
            ("specific heat", t.specific_heat, known(2)),
            ("magnetisation", t.magnetisation, None),
            ("susceptibility", t.susceptibility, None),
        ]
        .map(|(name, figure, known)| (name.to_owned(), figure, known))
        .into()
    }

    /// The figures as lines of a table: name and value, warnings last.
    pub fn lines(&self) -> Vec<(String, String)> {
        let pm = |[value, error]: [f64; 2]| format!("{value:.6} ± {error:.1e}");
        let doubt = if self.is_doubtful() { "   (error bar not to be trusted)" } else { "" };
        let corrected = |figure| pm(figure) + doubt;
        let mut lines = vec![(
            "loss ⟨ln q + βE⟩".to_owned(),
            format!("{} nats", pm([-self.elbo[0], self.elbo[1]])),
        )];
        if let (Some(free), Some(figure)) = (self.free_energy(), self.free_energy_corrected()) {
            let relative = self
                .relative_error()
                .map_or(String::new(), |r| format!("   relative error {r:.2e}"));
            lines.push(("free energy per site, variational".into(), pm(free) + &relative));
            lines.push(("free energy per site, corrected".into(), corrected(figure)));
        }
        if let Some([exact, error]) = self.free_energy_exact() {
            let error = if error > 0.0 { format!(" ± {error:.1e}") } else { String::new() };
            lines.push(("free energy per site, known".into(), format!("{exact:.10}{error}")));
        }
        for (name, figure, known) in self.averages() {
            let known = known.map_or(String::new(), |known| format!("   known {known:.6}"));
            lines.push((name, corrected(figure) + &known));
        }
        let sigmas = self
            .sigmas()
            .map_or(String::new(), |s| format!("   {:.1} standard errors off", s.abs()));
        lines.push(("ln Z, importance-corrected".into(), corrected(self.ln_z) + &sigmas));
        if let Some(exact) = self.exact {
            let error =
                if exact.error > 0.0 { format!(" ± {:.1e}", exact.error) } else { String::new() };
            lines.push((
                "ln Z, known".into(),
                format!("{:.6}{error}   ({})", exact.value, exact.source),
            ));
        }
        let (known, kl) = match self.exact {
            Some(_) => ("loss + ln Z", pm(self.kl())),
            None => ("loss + estimated ln Z", corrected(self.kl())),
        };
        lines.push((format!("KL divergence, {known}, nats"), kl));
        let most = if self.is_doubtful() { "at most " } else { "" };
        let ess = format!("{most}{:.3} of n = {}", self.ess, self.n);
        lines.push(("effective sample size, this run".into(), ess));
        let k_hat = self.k_hat.map_or("none fitted".into(), |k| format!("{k:.2}"));
        let limit = format!("   (error bars hold up to {:.2})", most_k_hat(self.n));
        lines.push(("tail of the weights, Pareto k̂".into(), k_hat + &limit));
        let share = format!("{:.2} % of the sum of all", 100.0 * self.largest_weight);
        lines.push(("largest weight".into(), share));
        lines.push(("acceptance, independence Metropolis".into(), corrected(self.acceptance)));
        lines.extend(self.warnings().into_iter().map(|warning| ("warning".into(), warning)));
        lines
    }
}
