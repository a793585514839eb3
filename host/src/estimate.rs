//! What a model says about a Hamiltonian, with error bars.
//!
//! Samples are drawn and weighted in constant memory: ln w = −β E − ln q. Their mean is the
//! variational bound on ln Z; the importance-corrected ln Z and the acceptance of independence
//! Metropolis are statements about the target itself ([`pushforward::correct`]).

use pushforward::correct::{ImportanceWeights, IndependenceMetropolis};
use pushforward::noise::Stream;
use rayon::prelude::*;
use serde_json::{Map, Value as Json, json};

use crate::energy::{Energy, LnZ};
use crate::loaded::Loaded;

/// Blocks for the error bars of ESS and acceptance.
const BLOCKS: u64 = 32;

/// Estimates from `n` samples.
#[derive(Clone, Debug)]
pub struct Estimate {
    /// Samples.
    pub n: u64,
    /// ⟨ln w⟩ (nats), its standard error.
    pub elbo: [f64; 2],
    /// ln ⟨w⟩ (nats), its standard error.
    pub ln_z: [f64; 2],
    /// Effective sample size as a fraction of `n`, its standard error.
    pub ess: [f64; 2],
    /// Acceptance of independence Metropolis, its standard error.
    pub acceptance: [f64; 2],
    /// ln Z as known otherwise.
    pub exact: Option<LnZ>,
    /// β times the number of sites, for lattices.
    pub beta_sites: Option<f64>,
}

/// Draws `n` samples of the stream `seed` and weighs them for exp(−β E); `watch` sees each sample's
/// energy and ln w, in order.
pub fn estimate(
    model: &Loaded,
    energy: &dyn Energy,
    beta: f64,
    n: u64,
    seed: u64,
    mut watch: impl FnMut(f64, f64),
) -> Estimate {
    let dim = model.dim();
    let chunk = model.chunk_rows().min(usize::try_from(n).unwrap_or(usize::MAX));
    let mut rows = vec![0f32; chunk * dim];
    let (mut log_q, mut energies) = (vec![0.0; chunk], vec![0.0; chunk]);
    let mut weights = ImportanceWeights::new();
    let mut chain = IndependenceMetropolis::new();
    // The chain's uniforms are a stream of their own.
    let mut uniforms = Stream::new(!seed);
    let blocks = BLOCKS.min(n / 2).max(1);
    let mut block = (0, ImportanceWeights::new(), 0.0, 0.0);
    let (mut ess, mut acceptance) = (Vec::new(), Vec::new());
    let mut done = 0;
    while done < n {
        let m = usize::try_from(n - done).unwrap_or(usize::MAX).min(chunk);
        model.sample(seed, done, &mut rows[..m * dim], Some(&mut log_q[..m]));
        let pairs = rows.par_chunks(dim).zip(&mut energies).take(m);
        pairs.for_each(|(row, e)| *e = energy.energy(row));
        for (&log_q, &e) in log_q[..m].iter().zip(&energies) {
            let ln_w = -beta * e - f64::from(log_q);
            watch(e, ln_w);
            weights.push(ln_w);
            let accepted = chain.step(ln_w, uniforms.block(done, 0)[0]);
            block.1.push(ln_w);
            block.2 += 1.0;
            block.3 += f64::from(u8::from(accepted));
            done += 1;
            if (u128::from(done) * u128::from(blocks) / u128::from(n)) as u64 > block.0 {
                ess.push(block.1.ess());
                acceptance.push(block.3 / block.2);
                block = (block.0 + 1, ImportanceWeights::new(), 0.0, 0.0);
            }
        }
    }
    Estimate {
        n,
        elbo: [weights.elbo(), weights.elbo_error()],
        ln_z: [weights.ln_z(), weights.ln_z_error()],
        ess: [weights.ess(), standard_error(&ess)],
        acceptance: [chain.acceptance(), standard_error(&acceptance)],
        exact: energy.ln_z(beta),
        beta_sites: (energy.shape().len() > 1).then_some(beta * dim as f64),
    }
}

fn standard_error(blocks: &[f64]) -> f64 {
    let n = blocks.len() as f64;
    let mean = blocks.iter().sum::<f64>() / n;
    (blocks.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n * (n - 1.0))).sqrt()
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

    /// The figures under the names that `--json` promises.
    pub fn to_json(&self) -> Map<String, Json> {
        let mut map = Map::new();
        map.insert("n".into(), json!(self.n));
        let mut pair = |name: &str, [value, error]: [f64; 2]| {
            map.insert(name.into(), json!(value));
            map.insert(format!("{name}_error"), json!(error));
        };
        pair("elbo", self.elbo);
        pair("ln_z", self.ln_z);
        pair("ess", self.ess);
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
        if let Some(exact) = self.exact {
            map.insert("ln_z_exact_source".into(), json!(exact.source));
        }
        if let Some(relative) = self.relative_error() {
            map.insert("free_energy_relative_error".into(), json!(relative));
        }
        map
    }

    /// The figures as lines of a table: name and value.
    pub fn lines(&self) -> Vec<(String, String)> {
        let pm = |[value, error]: [f64; 2]| format!("{value:.6} ± {error:.1e}");
        let mut lines = vec![(
            "loss ⟨ln q + βE⟩".to_owned(),
            format!("{} nats", pm([-self.elbo[0], self.elbo[1]])),
        )];
        if let (Some(free), Some(corrected)) = (self.free_energy(), self.free_energy_corrected()) {
            let relative = self
                .relative_error()
                .map_or(String::new(), |r| format!("   relative error {r:.2e}"));
            lines.push(("free energy per site, variational".into(), pm(free) + &relative));
            lines.push(("free energy per site, corrected".into(), pm(corrected)));
        }
        if let Some([exact, error]) = self.free_energy_exact() {
            let error = if error > 0.0 { format!(" ± {error:.1e}") } else { String::new() };
            lines.push(("free energy per site, known".into(), format!("{exact:.10}{error}")));
        }
        let sigmas = self
            .sigmas()
            .map_or(String::new(), |s| format!("   {:.1} standard errors off", s.abs()));
        lines.push(("ln Z, importance-corrected".into(), pm(self.ln_z) + &sigmas));
        if let Some(exact) = self.exact {
            let error =
                if exact.error > 0.0 { format!(" ± {:.1e}", exact.error) } else { String::new() };
            lines.push((
                "ln Z, known".into(),
                format!("{:.6}{error}   ({})", exact.value, exact.source),
            ));
        }
        let known = if self.exact.is_some() { "loss + ln Z" } else { "loss + estimated ln Z" };
        lines.push((format!("KL divergence, {known}"), format!("{} nats", pm(self.kl()))));
        lines.push(("effective sample size".into(), format!("{} of n = {}", pm(self.ess), self.n)));
        lines.push(("acceptance, independence Metropolis".into(), pm(self.acceptance)));
        lines
    }
}
