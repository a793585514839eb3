//! From a [`Problem`] to a trained model: the run around the [`Trainer`].
//!
//! It feeds the trainer in blocks of steps, and between blocks writes a row of
//! `metrics.csv`, a checkpoint, and the progress bar. Blocks end where something is due, and are cut
//! shorter to stay responsive; the cut changes no bits.
//!
//! Where rows are held out, they are scored fifty times a run, and the weights that score them best are
//! the result. The run ends early when `patience` steps have brought no better ones; on the schedule
//! `plateau` the learning rate falls to a third whenever a quarter of that has brought none. Data are
//! learnt in units of their own ([`Units`]); the model goes back to the file's at the end.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use pushforward::model::Model;

use crate::checkpoint::{self, Best};
use crate::config::{Config, TrainConfig};
use crate::data::Units;
use crate::device::Device;
use crate::error::{Error, Result, note};
use crate::estimate::spread;
use crate::loaded::Loaded;
use crate::problem::Problem;
use crate::run::set_aside;
use crate::train::{Schedule, Stats, Target, TrainError, Trainer, annealed, row_width};

/// A checkpoint is written at least this often.
const CHECKPOINT_TIME: Duration = Duration::from_secs(60);
/// Blocks are cut to about this long.
const BLOCK_TIME: Duration = Duration::from_millis(250);
/// Rows of the held-out part that are scored on the way.
const VALIDATION_ROWS: usize = 20_000;

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
    /// The trained model, in the units of the problem's rows.
    pub standard: Model,
    /// The trained model, in the file's units.
    pub model: Model,
    /// What held-out rows said on the way, if there were any.
    pub held_out: Option<HeldOut>,
    /// Seconds of training in this process.
    pub seconds: f64,
    /// Steps done in this process.
    pub steps: u64,
}

/// Mean −ln q of held-out rows (the first 20,000 of them) on the way, in nats in the file's units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeldOut {
    /// The step whose weights are kept.
    pub best_step: u64,
    /// Theirs.
    pub best: f64,
    /// The step that was the last.
    pub last_step: u64,
    /// Its.
    pub last: f64,
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
    let target = problem.target.clone();
    let mut trainer =
        Trainer::new(problem.model.clone(), target, train.options(), device).map_err(failed)?;
    let (mut best, mut scaled) = (None, 0);
    if resume && let Some(state) = checkpoint::load(folder, &problem.identity)? {
        let file = checkpoint::path(folder);
        trainer.restore(state.train).map_err(|e| Error::input(file, e))?;
        (best, scaled) = (state.best, state.scaled);
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
    if let Some(warning) = problem.units.as_ref().and_then(Units::warning) {
        note(format!("warning: {warning}"));
    }
    let bar = progress(train.steps, trainer.step());
    let start = Instant::now();
    let first = trainer.step();
    let (mut saved, mut saved_at) = (None, Instant::now());
    let mut pace = 1;
    let watch = Watch::new(problem, train);
    let ln_scale = problem.ln_scale();
    let held_out_scale = {
        let rows = watch.rows.chunks_exact(row_width(problem.model.description()));
        let n = rows.len().max(1) as f64;
        rows.map(|row| problem.ln_scale_of(row)).sum::<f64>() / n
    };
    if trainer.step() == 0 {
        watch.score(&mut trainer, &mut best)?;
    }
    while !watch.is_over(trainer.step(), best.as_ref()) {
        let step = trainer.step();
        let due = (step + 1)
            .next_multiple_of(train.log_every)
            .min((step + 1).next_multiple_of(train.checkpoint_every));
        let n = (due.min(train.steps) - step).min(pace);
        let before = Instant::now();
        let mut stats = trainer.step_block(n).map_err(|e| match e {
            TrainError::Diverged { .. } => {
                let good = if checkpoint::path(folder).exists() {
                    format!("the last good checkpoint is {}", checkpoint::path(folder).display())
                } else {
                    "there is no checkpoint yet".into()
                };
                bar.abandon();
                Error::Failed(format!("{e}; {good}; a smaller learning_rate or clip may help"))
            }
            _ => failed(e),
        })?;
        pace = paced(n, before.elapsed());
        let step = trainer.step();
        stats.loss += ln_scale;
        if step % train.log_every == 0 || step == train.steps {
            let validation = watch.is_due(step).then(|| watch.score(&mut trainer, &mut best));
            let validation = validation.transpose()?.flatten().map(|nll| nll + held_out_scale);
            log.push(&Metrics { stats, validation })?;
            watch.scale(&mut trainer, best.as_ref(), &mut scaled);
            show(&bar, &stats, log.validation, best.as_ref().map(|b| b.nll + held_out_scale));
        }
        let last = watch.is_over(step, best.as_ref());
        bar.set_position(step);
        let stop = interrupted();
        if step % train.checkpoint_every == 0
            || last
            || stop
            || saved_at.elapsed() > CHECKPOINT_TIME
        {
            let state = trainer.state().map_err(failed)?;
            let state = checkpoint::State { train: state, best, scaled };
            checkpoint::save(folder, &state, &problem.identity)?;
            best = state.best;
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
    let last_step = trainer.step();
    if last_step < train.steps {
        note(format!(
            "stopped at step {last_step} of {}: no better held-out NLL in {} steps (patience)",
            train.steps, train.patience
        ));
    }
    let mut standard = trainer.model().map_err(failed)?;
    let held_out = match (best, log.validation) {
        (Some(best), Some(last)) => {
            standard.set_parameters(&best.parameters).map_err(|e| failed(e.into()))?;
            Some(HeldOut { best_step: best.step, best: best.nll + held_out_scale, last_step, last })
        }
        _ => None,
    };
    let mut model = match &problem.units {
        Some(units) => units.fold(&standard).map_err(|e| failed(e.into()))?,
        None => standard.clone(),
    };
    model = model.with_names(problem.model.names().cloned()).map_err(|e| failed(e.into()))?;
    if let Target::Data { rows } = &problem.target
        && model.description().context() > 0
    {
        // Contexts as the data have them, for whoever audits the file.
        let width = row_width(model.description());
        let (seed, n) = model.golden_stream();
        let raw = |row: &[f32]| problem.units.as_ref().map_or(row.to_vec(), |units| units.raw(row));
        let rows = rows.first(n, width)?;
        let rows = rows.chunks_exact(width).cycle().take(n);
        let contexts = rows.flat_map(|row| raw(row).split_off(model.description().dim()));
        model = model
            .clone()
            .with_golden_contexts(seed, contexts.collect())
            .map_err(|e| failed(e.into()))?;
    }
    Ok(Fit { standard, model, held_out, seconds, steps: last_step - first })
}

/// Looks at the held-out rows now and then.
struct Watch<'a> {
    /// Some of them, at most.
    rows: &'a [f32],
    /// Steps between two looks; 0 without such rows.
    every: u64,
    patience: u64,
    plateau: bool,
    warm_up: u64,
    steps: u64,
}

impl<'a> Watch<'a> {
    fn new(problem: &'a Problem, train: &TrainConfig) -> Self {
        let rows = &problem.validation;
        let every = (train.steps / 50).max(1).next_multiple_of(train.log_every);
        let width = row_width(problem.model.description());
        Watch {
            rows: &rows[..rows.len().min(VALIDATION_ROWS * width)],
            every: if rows.is_empty() { 0 } else { every },
            patience: train.patience,
            plateau: train.schedule == Schedule::Plateau,
            warm_up: train.warm_up,
            steps: train.steps,
        }
    }

    fn is_due(&self, step: u64) -> bool {
        self.every > 0 && (step.is_multiple_of(self.every) || step == self.steps)
    }

    /// Mean −ln q, if there are rows; keeps the parameters if they are the best.
    fn score(&self, trainer: &mut Trainer, best: &mut Option<Best>) -> Result<Option<f64>> {
        if self.rows.is_empty() {
            return Ok(None);
        }
        let model = Loaded::new(trainer.model().map_err(failed)?)?;
        let [nll, _] = mean_nll(&model, self.rows, &|_| 0.0, &|| Ok(()))?;
        if nll.is_finite() && best.as_ref().is_none_or(|best| nll < best.nll) {
            let parameters = model.model.parameters();
            *best = Some(Best { step: trainer.step(), nll, parameters });
        }
        Ok(Some(nll))
    }

    /// Lowers the learning rate where neither a better score nor a change of the rate is less than a
    /// quarter of the patience old.
    fn scale(&self, trainer: &mut Trainer, best: Option<&Best>, scaled: &mut u64) {
        let step = trainer.step();
        let risen = self.warm_up.min(step);
        let since = best.map_or(0, |best| best.step).max(*scaled).max(risen);
        if self.plateau && self.is_due(step) && step - since >= (self.patience / 4).max(1) {
            trainer.scale_rate(trainer.rate_scale() / 3.0);
            *scaled = step;
        }
    }

    /// Whether the budget is spent, or patience at a look. A function of the checkpoint, so that a
    /// run that is resumed ends where it would have ended.
    fn is_over(&self, step: u64, best: Option<&Best>) -> bool {
        let waited = |best: &Best| step - best.step >= self.patience;
        step >= self.steps || self.is_due(step) && best.is_some_and(waited)
    }
}

fn failed(error: TrainError) -> Error {
    match error {
        TrainError::Rows(error) => error,
        TrainError::Setting { .. } | TrainError::Tensor { .. } | TrainError::Model(_) => {
            Error::Usage(error.to_string())
        }
        TrainError::Diverged { .. } | TrainError::Device(_) => Error::Failed(error.to_string()),
    }
}

/// Steps that take about [`BLOCK_TIME`].
fn paced(steps: u64, taken: Duration) -> u64 {
    let ratio = BLOCK_TIME.as_secs_f64() / taken.as_secs_f64().max(1e-6);
    ((steps as f64 * ratio) as u64).clamp(1, 1000)
}

/// Mean of −ln q over rows (nats), `[n][dim + context]`, and its standard error; `more` is what a row has
/// more in other units ([`Problem::ln_scale_of`]), and `go_on` is asked between chunks.
///
/// # Errors
/// Those of `go_on`.
pub fn mean_nll(
    model: &Loaded,
    rows: &[f32],
    more: &dyn Fn(&[f32]) -> f64,
    go_on: &dyn Fn() -> Result<()>,
) -> Result<[f64; 2]> {
    let (dim, chunk) = (model.dim(), model.chunk_rows());
    let width = row_width(model.model.description());
    let mut scores = vec![0.0; rows.len() / width];
    for (rows, scores) in rows.chunks(chunk * width).zip(scores.chunks_mut(chunk)) {
        go_on()?;
        let (x, contexts) = apart(rows, dim, width);
        model.given(&contexts).log_prob(&x, scores);
    }
    let each = scores.iter().zip(rows.chunks_exact(width));
    let [n, mean, squares] = spread(each.map(|(score, row)| more(row) - f64::from(*score)));
    Ok([mean, (squares / (n * (n - 1.0))).sqrt()])
}

/// Coordinates and contexts of rows that have both.
pub fn apart(rows: &[f32], dim: usize, width: usize) -> (Cow<'_, [f32]>, Vec<f32>) {
    if dim == width {
        return (rows.into(), Vec::new());
    }
    let (mut x, mut contexts) = (Vec::new(), Vec::new());
    for row in rows.chunks_exact(width) {
        x.extend_from_slice(&row[..dim]);
        contexts.extend_from_slice(&row[dim..]);
    }
    (x.into(), contexts)
}

fn progress(steps: u64, at: u64) -> ProgressBar {
    let bar = ProgressBar::new(steps).with_position(at);
    let style = ProgressStyle::with_template("{bar:24} {pos}/{len}  {msg}  {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.reset_eta();
    bar
}

fn show(bar: &ProgressBar, stats: &Stats, validation: Option<f64>, best: Option<f64>) {
    let mut text = format!("loss {:.4} ± {:.4}", stats.loss, stats.loss_error);
    if let Some(ess) = stats.ess {
        text += &format!("  ESS {ess:.3}");
    }
    if let Some(beta) = stats.beta {
        text += &format!("  beta {beta:.4}");
    }
    if let (Some(nll), Some(best)) = (validation, best) {
        text += &format!("  held-out NLL {nll:.4}, best {best:.4}");
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

/// `metrics.csv`, and the last score of held-out rows in it.
struct Log {
    path: PathBuf,
    file: File,
    validation: Option<f64>,
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
        let score = |line: &&str| line.split(',').nth(4).and_then(|s| s.parse::<f64>().ok());
        let validation = kept.iter().rev().filter_map(score).find(|score| score.is_finite());
        let text: String = std::iter::once(HEADER.to_owned())
            .chain(kept.iter().map(|l| format!("{l}\n")))
            .collect();
        crate::data::write_file(&path, text.as_bytes())?;
        let file = File::options().append(true).open(&path).map_err(|e| Error::write(&path, &e))?;
        Ok(Log { path, file, validation })
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
        self.validation = row.validation.filter(|score| score.is_finite()).or(self.validation);
        self.file.write_all(text.as_bytes()).map_err(|e| Error::write(&self.path, &e))
    }
}
