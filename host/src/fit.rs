//! From a config to a trained model: the run around the [`Trainer`].
//!
//! It builds the model, feeds the trainer in blocks of steps, and between blocks writes a row of
//! `metrics.csv`, a checkpoint, and the progress bar. Blocks end where something is due, and are cut
//! shorter to stay responsive; the cut changes no bits.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use pushforward::model::file::fnv;
use pushforward::model::{
    Architecture, Arithmetic, AutoregressiveSpec, CouplingSpec, MadeSpec, MafSpec, Model, NsfSpec,
    RealNvpSpec, Symmetry, TransformerSpec,
};

use crate::checkpoint;
use crate::config::{Config, Family, Hamiltonian, Mask, ModelConfig, TargetConfig};
use crate::data::{Domain, read_all, split};
use crate::device::Device;
use crate::energy::Energy;
use crate::error::{Error, Result, affordable, note};
use crate::loaded::Loaded;
use crate::run::set_aside;
use crate::train::{
    Schedule, Stats, Target, TrainError, TrainOptions, Trainer, annealed, initialize, standardize,
};

/// A checkpoint is written at least this often.
const CHECKPOINT_TIME: Duration = Duration::from_secs(60);
/// Blocks are cut to about this long.
const BLOCK_TIME: Duration = Duration::from_millis(250);
/// Rows of the held-out part that are scored on the way.
const VALIDATION_ROWS: usize = 20_000;

/// A config made concrete: the model before training, what it learns from, what is held out.
#[derive(Debug)]
pub struct Problem {
    /// The model, initialised.
    pub model: Model,
    /// What to learn.
    pub target: Target,
    /// Held-out rows, `[n][dim]`; empty for Hamiltonians.
    pub validation: Vec<f32>,
    /// The Hamiltonian, if the target is one.
    pub energy: Option<(Arc<dyn Energy>, Hamiltonian)>,
    /// What identifies the run: the config's text and the data's checksum.
    pub identity: String,
}

/// One row of `metrics.csv`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metrics {
    /// Of the trainer.
    pub stats: Stats,
    /// Mean of −ln q over held-out rows (nats), where it was due.
    pub validation: Option<f64>,
}

/// A finished run.
#[derive(Debug)]
pub struct Fit {
    /// The trained model.
    pub model: Model,
    /// The curve, as in `metrics.csv`: (step, loss, its error, ESS, validation NLL).
    pub curve: Vec<[f64; 5]>,
    /// Seconds of training in this process.
    pub seconds: f64,
    /// Steps done in this process.
    pub steps: u64,
}

impl Problem {
    /// Builds model and target from a config.
    ///
    /// # Errors
    /// The data cannot be read or does not fit the model; a size is out of range.
    pub fn new(config: &Config, path: &Path) -> Result<Problem> {
        let wrong = |e: &dyn std::fmt::Display| Error::input(path, e);
        let mut identity = config.text.clone();
        let (shape, target, validation, energy) = match &config.target {
            TargetConfig::Hamiltonian(hamiltonian) => {
                let energy = hamiltonian.energy().map_err(|e| wrong(&e))?;
                let (beta, anneal) = (hamiltonian.beta(), config.train.anneal);
                let target = Target::Energy { energy: Arc::clone(&energy), beta, anneal };
                (energy.shape(), target, Vec::new(), Some((energy, hamiltonian.clone())))
            }
            TargetConfig::Data { path: file, validation, shape, .. } => {
                let spins = matches!(config.model.family, Family::Made { .. });
                let width = shape.as_ref().map(|s| s.iter().product());
                let domain = if spins { Domain::Spin } else { Domain::Real };
                let (rows, width) = read_all(file, width, domain)?;
                identity += &format!(
                    "\n[data]\nchecksum = \"{:016x}\"\n",
                    fnv(rows.iter().flat_map(|x| x.to_le_bytes()))
                );
                let n = rows.len() / width;
                if n as u64 > 1 << 32 {
                    return Err(Error::input(file, format!("has {n} rows, expected at most 2^32")));
                }
                let (training, held_out) = split(rows, width, *validation, config.train.seed);
                if training.is_empty() {
                    return Err(Error::input(
                        file,
                        format!("has {n} rows, too few to hold out {validation}"),
                    ));
                }
                let target = Target::Data { rows: training.into() };
                (shape.clone().unwrap_or_else(|| vec![width]), target, held_out, None)
            }
        };
        let architecture = architecture(
            &config.model,
            &config.target,
            shape,
            energy.as_ref().is_some_and(|(e, _)| e.even()),
        );
        let arithmetic = if config.model.plain { Arithmetic::Plain } else { Arithmetic::Fused };
        architecture.validate().map_err(|e| wrong(&e))?;
        // The weights, and twice as numbers in a row while they are set.
        affordable("[model]", 3 * 4 * architecture.parameters() as u128)?;
        let mut model = Model::new(architecture, arithmetic).map_err(|e| wrong(&e))?;
        initialize(&mut model, config.train.seed).map_err(|e| wrong(&e))?;
        if let (TargetConfig::Data { standardize: true, .. }, Target::Data { rows }) =
            (&config.target, &target)
        {
            standardize(&mut model, rows).map_err(|e| wrong(&e))?;
        }
        Ok(Problem { model, target, validation, energy, identity })
    }
}

fn architecture(
    config: &ModelConfig,
    target: &TargetConfig,
    shape: Vec<usize>,
    even: bool,
) -> Architecture {
    let dim: usize = shape.iter().product();
    let affine = matches!(target, TargetConfig::Data { standardize: true, .. });
    match &config.family {
        Family::Made { hidden, z2, pairwise } => Architecture::Made(MadeSpec {
            sites: dim,
            hidden: hidden.clone().unwrap_or_else(|| vec![4 * dim]),
            pairwise: *pairwise,
            symmetry: if z2.unwrap_or(even) { Symmetry::Z2 } else { Symmetry::None },
            shape,
        }),
        Family::Coupling { layers, hidden, transformer, mask } => {
            let width = *shape.last().unwrap_or(&dim);
            let kept = |d: usize, layer: usize| match mask {
                // One coordinate has nothing to condition on: every layer moves it.
                _ if dim == 1 => false,
                Mask::Checkerboard if shape.len() == 2 => {
                    (d / width + d % width + layer).is_multiple_of(2)
                }
                Mask::Checkerboard => (d + layer).is_multiple_of(2),
                Mask::Halves => (d < dim / 2) == layer.is_multiple_of(2),
            };
            let coupling = |layer| CouplingSpec {
                mask: (0..dim).map(|d| kept(d, layer)).collect(),
                hidden: hidden.clone(),
            };
            let couplings = (0..*layers).map(coupling).collect();
            match *transformer {
                TransformerSpec::Affine { log_scale_bound } => Architecture::RealNvp(RealNvpSpec {
                    dim,
                    couplings,
                    log_scale_bound,
                    affine,
                    shape,
                }),
                TransformerSpec::RationalQuadratic { bins, bound } => {
                    Architecture::Nsf(NsfSpec { dim, couplings, bins, bound, affine, shape })
                }
            }
        }
        Family::Autoregressive { layers, hidden, transformer, fast } => {
            let order = |layer: usize| match layer % 2 {
                0 => (0..dim).collect(),
                _ => (0..dim).rev().collect(),
            };
            let layer = |l| AutoregressiveSpec { order: order(l), hidden: hidden.clone() };
            let layers = (0..*layers).map(layer).collect();
            let (fast, transformer) = (*fast, *transformer);
            Architecture::Maf(MafSpec { dim, layers, fast, transformer, affine, shape })
        }
    }
}

/// Trains, or goes on training, in `folder`, which is there and nobody else's
/// ([`RunFolder`](crate::run::RunFolder)).
///
/// # Errors
/// Training diverged or was interrupted; a checkpoint is bad or of another config; the disk is full.
pub fn fit(
    problem: &Problem,
    config: &Config,
    device: &Device,
    folder: &Path,
    resume: bool,
    interrupted: &dyn Fn() -> bool,
) -> Result<Fit> {
    let train = &config.train;
    let options = TrainOptions {
        steps: train.steps,
        batch: train.batch,
        learning_rate: train.learning_rate,
        schedule: if train.cosine { Schedule::CosineSecondHalf } else { Schedule::Constant },
        clip: train.clip,
        weight_decay: train.weight_decay,
        seed: train.seed,
    };
    let mut trainer = Trainer::new(problem.model.clone(), problem.target.clone(), options, device)
        .map_err(|e| failed(&e))?;
    if resume && let Some(state) = checkpoint::load(folder, &problem.identity)? {
        let file = checkpoint::path(folder);
        trainer.restore(state).map_err(|e| Error::input(file, e))?;
    }
    if trainer.step() == 0 {
        set_aside(folder)?;
    }
    let mut log = Log::open(folder, trainer.step())?;
    let from =
        if trainer.step() > 0 { format!(", from step {}", trainer.step()) } else { String::new() };
    note(format!("training on {}: {}{from}", device.kind(), device.description()));
    if let Target::Energy { beta, anneal: Some(_), .. } = problem.target {
        let (end, steps) = (annealed(train.steps), train.steps);
        note(format!("annealing: beta rises to {beta} and is there at step {end} of {steps}"));
    }
    let bar = progress(train.steps, trainer.step());
    let start = Instant::now();
    let first = trainer.step();
    let (mut saved, mut saved_at) = (None, Instant::now());
    let mut pace = 1;
    // Held-out rows are scored fifty times a run.
    let validate_every = if problem.validation.is_empty() {
        0
    } else {
        (train.steps / 50).max(1).next_multiple_of(train.log_every)
    };
    while trainer.step() < train.steps {
        let step = trainer.step();
        let due = (step + 1)
            .next_multiple_of(train.log_every)
            .min((step + 1).next_multiple_of(train.checkpoint_every));
        let n = (due.min(train.steps) - step).min(pace);
        let before = Instant::now();
        let stats = trainer.step_block(n).map_err(|e| match &e {
            TrainError::Diverged { .. } => {
                let good = if checkpoint::path(folder).exists() {
                    format!("the last good checkpoint is {}", checkpoint::path(folder).display())
                } else {
                    "there is no checkpoint yet".into()
                };
                bar.abandon();
                Error::Failed(format!("{e}; {good}; a smaller learning_rate or clip may help"))
            }
            _ => failed(&e),
        })?;
        pace = paced(n, before.elapsed());
        let step = trainer.step();
        let last = step == train.steps;
        if step % train.log_every == 0 || last {
            let due = validate_every > 0 && (step % validate_every == 0 || last);
            let validation =
                due.then(|| validation_nll(&mut trainer, &problem.validation)).transpose()?;
            log.push(&Metrics { stats, validation })?;
            show(&bar, &stats, log.last_validation());
        }
        bar.set_position(step);
        let stop = interrupted();
        if step % train.checkpoint_every == 0
            || last
            || stop
            || saved_at.elapsed() > CHECKPOINT_TIME
        {
            let state = trainer.state().map_err(|e| failed(&e))?;
            checkpoint::save(folder, &state, &problem.identity)?;
            (saved, saved_at) = (Some(step), Instant::now());
        }
        if stop && !last {
            bar.abandon();
            let step = saved.unwrap_or(step);
            return Err(Error::Interrupted(format!(
                "interrupted at step {step}; --resume continues from {}",
                checkpoint::path(folder).display()
            )));
        }
    }
    bar.finish_and_clear();
    let seconds = start.elapsed().as_secs_f64();
    let model = trainer.model().map_err(|e| failed(&e))?;
    Ok(Fit { model, curve: log.curve, seconds, steps: train.steps - first })
}

fn failed(error: &TrainError) -> Error {
    match error {
        TrainError::Setting { .. } | TrainError::Model(_) => Error::Usage(error.to_string()),
        TrainError::Diverged { .. } | TrainError::Device(_) => Error::Failed(error.to_string()),
    }
}

/// Steps that take about [`BLOCK_TIME`].
fn paced(steps: u64, taken: Duration) -> u64 {
    let ratio = BLOCK_TIME.as_secs_f64() / taken.as_secs_f64().max(1e-6);
    ((steps as f64 * ratio) as u64).clamp(1, 1000)
}

fn validation_nll(trainer: &mut Trainer, rows: &[f32]) -> Result<f64> {
    let model = Loaded::new(trainer.model().map_err(|e| failed(&e))?)?;
    let most = VALIDATION_ROWS * model.dim();
    Ok(mean_nll(&model, &rows[..rows.len().min(most)], &|| Ok(()))?[0])
}

/// Mean of −ln q over rows (nats), and its standard error; `go_on` is asked between chunks.
///
/// # Errors
/// Those of `go_on`.
pub fn mean_nll(model: &Loaded, rows: &[f32], go_on: &dyn Fn() -> Result<()>) -> Result<[f64; 2]> {
    let mut scores = vec![0.0; rows.len() / model.dim()];
    let chunk = model.chunk_rows();
    for (rows, scores) in rows.chunks(chunk * model.dim()).zip(scores.chunks_mut(chunk)) {
        go_on()?;
        model.log_prob(rows, scores);
    }
    let n = scores.len() as f64;
    let mean = scores.iter().map(|s| -f64::from(*s)).sum::<f64>() / n;
    let spread = scores.iter().map(|s| (-f64::from(*s) - mean).powi(2)).sum::<f64>();
    Ok([mean, (spread / (n * (n - 1.0))).sqrt()])
}

fn progress(steps: u64, at: u64) -> ProgressBar {
    let bar = ProgressBar::new(steps).with_position(at);
    let style = ProgressStyle::with_template("{bar:24} {pos}/{len}  {msg}  {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.reset_eta();
    bar
}

fn show(bar: &ProgressBar, stats: &Stats, validation: Option<f64>) {
    let mut text = format!("loss {:.4} ± {:.4}", stats.loss, stats.loss_error);
    if let Some(ess) = stats.ess {
        text += &format!("  ESS {ess:.3}");
    }
    if let Some(beta) = stats.beta {
        text += &format!("  beta {beta:.4}");
    }
    if let Some(nll) = validation {
        text += &format!("  held-out NLL {nll:.4}");
    }
    // Where standard error is no terminal the bar is hidden: a line now and then instead.
    if bar.is_hidden()
        && (stats.step * 10 / bar.length().unwrap_or(1).max(1))
            > (bar.position() * 10 / bar.length().unwrap_or(1).max(1))
    {
        note(format!("step {}/{}  {text}", stats.step, bar.length().unwrap_or(0)));
    }
    bar.set_message(text);
}

/// `metrics.csv`, and the curve in it.
struct Log {
    path: PathBuf,
    file: File,
    curve: Vec<[f64; 5]>,
}

const HEADER: &str =
    "step,loss,loss_error,ess,validation_nll,energy,beta,grad_norm,learning_rate\n";

impl Log {
    /// Opens the log to go on after `step`: later rows, of a run that was killed, are dropped.
    fn open(folder: &Path, step: u64) -> Result<Log> {
        let path = folder.join("metrics.csv");
        let old =
            if step > 0 { fs::read_to_string(&path).unwrap_or_default() } else { String::new() };
        let row_step = |line: &&str| {
            line.split(',').next().and_then(|s| s.parse::<u64>().ok()).is_some_and(|s| s <= step)
        };
        let kept: Vec<_> = old.lines().filter(row_step).collect();
        let number = |line: &str, i: usize| {
            line.split(',').nth(i).and_then(|s| s.parse().ok()).unwrap_or(f64::NAN)
        };
        let curve = kept.iter().map(|line| [0, 1, 2, 3, 4].map(|i| number(line, i))).collect();
        let text: String = std::iter::once(HEADER.to_owned())
            .chain(kept.iter().map(|l| format!("{l}\n")))
            .collect();
        crate::data::write_file(&path, text.as_bytes())?;
        let file = File::options().append(true).open(&path).map_err(|e| Error::write(&path, &e))?;
        Ok(Log { path, file, curve })
    }

    fn push(&mut self, row: &Metrics) -> Result<()> {
        let s = &row.stats;
        let some = |v: Option<f64>| v.map_or(String::new(), |v| v.to_string());
        let text = format!(
            "{},{},{},{},{},{},{},{},{}\n",
            s.step,
            s.loss,
            s.loss_error,
            some(s.ess),
            some(row.validation),
            some(s.energy),
            some(s.beta),
            s.grad_norm,
            s.learning_rate
        );
        let nan = f64::NAN;
        self.curve.push([
            s.step as f64,
            s.loss,
            s.loss_error,
            s.ess.unwrap_or(nan),
            row.validation.unwrap_or(nan),
        ]);
        self.file.write_all(text.as_bytes()).map_err(|e| Error::write(&self.path, &e))
    }

    fn last_validation(&self) -> Option<f64> {
        self.curve.iter().rev().map(|row| row[4]).find(|v| v.is_finite())
    }
}
