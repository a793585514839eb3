//! The graph that rows of spins come from: its couplings and fields, by maximum likelihood.
//!
//! With θ = βJ of each edge, f = s_i s_j, and θ = βh of each site, f = s_i, the mean ln-likelihood of rows is
//!
//! ```text
//! ℓ(θ) = Σ_k θ_k ⟨f_k⟩_rows − ln Z(θ),   ∂ℓ/∂θ_k = ⟨f_k⟩_rows − ⟨f_k⟩_θ,   ∂²ℓ/∂θ_k ∂θ_l = −Cov_θ(f_k, f_l)
//! ```
//!
//! (a Boltzmann machine without hidden units: Ackley, Hinton & Sejnowski 1985). Averages over θ are those of an inner
//! model, which follows θ by a few steps of its own training a round; its draws are exact, and weighted by
//! e^(−βE) / q, so that the averages are those of θ and not of the model (Wu, Wang & Zhang, PRL 122, 080602 learn couplings
//! so, from draws alone). Each round takes Newton's step, no longer than a divergence of about an eighth of a nat; the result is the
//! mean over the second half of the rounds, in which the noise of draws averages out. Errors are those of a finite number
//! of rows, √(Cov⁻¹_kk / n) (Cramér & Rao).

use std::sync::Arc;

use pushforward::correct::ImportanceWeights;
use pushforward::model::Model;
use rayon::prelude::*;

use crate::device::Device;
use crate::energy::{Edge, Energy, Graph};
use crate::error::{Error, Result};
use crate::linear::{cholesky, solve};
use crate::loaded::Loaded;
use crate::ops::{BLOCK, dot};
use crate::train::{Target, TrainError, TrainOptions, TrainState, Trainer};

/// √(δᵀ Cov δ) of a step, at most: about √2 times the square root of the divergence (nats) between a θ and the next.
const LONGEST: f64 = 0.5;
/// What is added to each variance, times the number of draws: of what varies less, draws know nothing. Ten times as much as
/// often as it takes, where averages that are nearly the same leave no more than rounding between them.
const DAMPING: f64 = 10.0;
const MOST_DAMPING: f64 = 1.0;
/// The most that one βJ or βh moves in a step.
const FARTHEST: f64 = 0.5;
/// Most couplings and fields: their covariances are a matrix.
pub const MOST: usize = 2048;

/// A graph whose couplings are sought.
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    /// How pictures show the sites.
    pub shape: Vec<usize>,
    /// Inverse temperature.
    pub beta: f64,
    /// Edges, with the couplings to start from.
    pub edges: Vec<Edge>,
    /// Fields of all sites, to start from.
    pub fields: Vec<f32>,
    /// Whether fields are sought too, or stay what they are.
    pub with_fields: bool,
}

/// How long it is sought.
#[derive(Clone, Debug)]
pub struct Search {
    /// Rounds.
    pub rounds: usize,
    /// Training steps of the inner model before the first round.
    pub first: u64,
    /// Training steps of the inner model in each other round.
    pub steps: u64,
    /// Draws a round.
    pub draws: usize,
    /// How it trains.
    pub options: TrainOptions,
}

/// What a round found.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    /// Which, from 1.
    pub round: usize,
    /// Mean ln-likelihood of the rows (nats), by the corrected ln Z.
    pub log_likelihood: f64,
    /// √(gᵀ Cov⁻¹ g): how far averages are from those of the rows, in units in which the noise of n rows or draws is
    /// √(K / n) of K couplings.
    pub distance: f64,
    /// Effective sample size of the draws, as a fraction of them.
    pub ess: f64,
}

/// Couplings that were found.
#[derive(Clone, Debug)]
pub struct Found {
    /// The graph.
    pub action: Action,
    /// Standard errors of the couplings and of the fields, which are 0 where they were not sought.
    pub errors: [Vec<f64>; 2],
    /// The inner model of the last round.
    pub model: Model,
}

impl Action {
    fn graph(&self) -> Result<Graph> {
        let graph = Graph::new(self.shape.clone(), self.edges.clone(), self.fields.clone());
        graph.map_err(|e| Error::Failed(e.to_string()))
    }

    /// What is sought, as βJ and βh.
    fn parameters(&self) -> Vec<f64> {
        let fields = self.fields.iter().filter(|_| self.with_fields);
        let all = self.edges.iter().map(|(.., coupling)| coupling).chain(fields);
        all.map(|x| self.beta * f64::from(*x)).collect()
    }

    fn set(&mut self, parameters: &[f64]) {
        let (beta, with_fields) = (self.beta, self.with_fields);
        let fields = self.fields.iter_mut().filter(|_| with_fields);
        let all = self.edges.iter_mut().map(|(.., coupling)| coupling).chain(fields);
        all.zip(parameters).for_each(|(x, theta)| *x = (theta / beta) as f32);
    }

    /// Each f of rows `[n][sites]`, as `[k][n]`.
    fn features(&self, rows: &[f32]) -> Vec<Vec<f32>> {
        let sites = self.fields.len();
        let product = |(i, j, _): &Edge| rows.chunks(sites).map(|s| s[*i] * s[*j]).collect();
        let mut features: Vec<Vec<f32>> = self.edges.par_iter().map(product).collect();
        if self.with_fields {
            features.extend((0..sites).map(|i| rows.chunks(sites).map(|s| s[i]).collect()));
        }
        features
    }
}

/// Seeks the couplings of rows of spins, `[n][sites]`; `watch` sees each round and may end the search.
///
/// # Errors
/// Those of training, and of `watch`.
pub fn seek(
    mut action: Action,
    mut model: Model,
    rows: &[f32],
    search: &Search,
    device: &Device,
    watch: &mut dyn FnMut(&Round) -> Result<()>,
) -> Result<Found> {
    let failed = |e: TrainError| Error::Failed(e.to_string());
    let n = (rows.len() / action.fields.len()) as f64;
    let mean = |f: &Vec<f32>| f.iter().map(|x| f64::from(*x)).sum::<f64>() / f.len() as f64;
    let of_rows: Vec<f64> = action.features(rows).iter().map(mean).collect();
    // What fields that stay as they are have of the ln-likelihood.
    let kept = match action.with_fields {
        true => 0.0,
        false => {
            let of = |row: &[f32]| -> f64 {
                row.iter().zip(&action.fields).map(|(s, h)| f64::from(s * h)).sum()
            };
            action.beta * rows.chunks(action.fields.len()).map(of).sum::<f64>() / n
        }
    };
    let mut theta = action.parameters();
    let mut sum = vec![0.0; theta.len()];
    let mut averaged = 0.0;
    let mut state: Option<TrainState> = None;
    let mut variances = vec![0.0; theta.len()];
    for round in 0..search.rounds {
        action.set(&theta);
        let energy: Arc<dyn Energy> = Arc::new(action.graph()?);
        let target = Target::Energy {
            energy: Arc::clone(&energy),
            beta: action.beta,
            anneal: None,
            samples: None,
        };
        let mut trainer =
            Trainer::new(model.clone(), target, search.options.clone(), device).map_err(failed)?;
        let mut left = if state.is_none() { search.first } else { search.steps };
        if let Some(state) = state.take() {
            trainer.restore(state).map_err(failed)?;
        }
        while left > 0 {
            let block = left.min(BLOCK as u64);
            trainer.step_block(block).map_err(failed)?;
            left -= block;
        }
        state = Some(trainer.state().map_err(failed)?);
        model = trainer.model().map_err(failed)?;
        let drawn = Drawn::new(&action, &*energy, &model, search, round)?;
        let gap: Vec<f64> = of_rows.iter().zip(&drawn.means).map(|(a, b)| a - b).collect();
        let least = DAMPING / search.draws as f64;
        let damped = std::iter::successors(Some(least), |damping| Some(10.0 * damping));
        let factor = damped
            .take_while(|damping| *damping < MOST_DAMPING)
            .find_map(|damping| cholesky(drawn.covariance.clone(), damping))
            .ok_or_else(|| Error::Failed("covariances of draws are not finite".into()))?;
        let step = solve(&factor, &gap);
        let distance = step.iter().zip(&gap).map(|(a, b)| a * b).sum::<f64>().max(0.0).sqrt();
        let energy_of_rows = theta.iter().zip(&of_rows).map(|(a, b)| a * b).sum::<f64>();
        watch(&Round {
            round: round + 1,
            log_likelihood: energy_of_rows + kept - drawn.ln_z,
            distance,
            ess: drawn.ess,
        })?;
        let farthest = step.iter().fold(0.0f64, |most, step| most.max(step.abs()));
        let scale = (LONGEST / distance).min(FARTHEST / farthest).min(1.0);
        theta.iter_mut().zip(&step).for_each(|(theta, step)| *theta += scale * step);
        if 2 * round + 1 >= search.rounds {
            sum.iter_mut().zip(&theta).for_each(|(sum, theta)| *sum += theta);
            averaged += 1.0;
        }
        if round + 1 == search.rounds {
            let variance = |k: usize| {
                let mut unit = vec![0.0; theta.len()];
                unit[k] = 1.0;
                solve(&factor, &unit)[k]
            };
            variances = (0..theta.len()).into_par_iter().map(variance).collect();
        }
    }
    let theta: Vec<f64> = sum.iter().map(|sum| sum / averaged).collect();
    action.set(&theta);
    let error = |variance: &f64| (variance / n).sqrt() / action.beta;
    let (edges, fields) = variances.split_at(action.edges.len());
    let mut of_fields: Vec<f64> = fields.iter().map(error).collect();
    of_fields.resize(action.fields.len(), 0.0);
    let errors = [edges.iter().map(error).collect(), of_fields];
    Ok(Found { action, errors, model })
}

/// Averages over a θ.
struct Drawn {
    means: Vec<f64>,
    covariance: Vec<Vec<f64>>,
    ln_z: f64,
    ess: f64,
}

impl Drawn {
    fn new(
        action: &Action,
        energy: &dyn Energy,
        model: &Model,
        search: &Search,
        round: usize,
    ) -> Result<Self> {
        let (n, sites) = (search.draws, action.fields.len());
        let (mut rows, mut log_q) = (vec![0.0; n * sites], vec![0.0; n]);
        let model = Loaded::new(model.clone())?;
        let first = (round * n) as u64;
        model.given(&[]).sample(!search.options.seed, first, &mut rows, Some(&mut log_q));
        let ln_w =
            |(row, log_q): (&[f32], &f32)| -action.beta * energy.energy(row) - f64::from(*log_q);
        let ln_w: Vec<f64> = rows.par_chunks(sites).zip(&log_q).map(ln_w).collect();
        let mut weights = ImportanceWeights::new();
        ln_w.iter().for_each(|ln_w| weights.push(*ln_w));
        let (ln_z, ess) = (weights.ln_z(), weights.ess());
        // Each weight's share of them all.
        let shares: Vec<f64> = ln_w.iter().map(|ln_w| (ln_w - ln_z).exp() / n as f64).collect();
        let features = action.features(&rows);
        let mean = |f: &Vec<f32>| f.iter().zip(&shares).map(|(f, w)| f64::from(*f) * w).sum();
        let means: Vec<f64> = features.par_iter().map(mean).collect();
        let weighted = |f: &Vec<f32>| f.iter().zip(&shares).map(|(f, w)| f * *w as f32).collect();
        let weighted: Vec<Vec<f32>> = features.par_iter().map(weighted).collect();
        let row = |k: usize| {
            let of = |l: usize| f64::from(dot(&weighted[k], &features[l])) - means[k] * means[l];
            (0..=k).map(of).collect()
        };
        let covariance = (0..means.len()).into_par_iter().map(row).collect();
        Ok(Self { means, covariance, ln_z, ess })
    }
}
