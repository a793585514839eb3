//! Training: a model, a target and an optimiser, on a [`Device`].
//!
//! A step is a [`Program`](crate::ops::Program), a list of operations written once for both devices,
//! [lowered](step_program) from the model's parts onto a [`Tape`]. A block of steps
//! runs without reading anything back; then its statistics come home and are checked.
//!
//! Three losses, each the mean over a batch, in nats per sample:
//! - **free energy of spins**: E\_q\[ln q + βE\], with the score-function gradient
//!   (ℓ − mean ℓ) ∇ln q (Wu, Wang, Zhang, Phys. Rev. Lett. 122, 080602);
//! - **free energy of real coordinates**: the same expectation through the flow's own map, so that the
//!   gradient passes the energy;
//! - **negative log-likelihood** of data rows.
//!
//! The noise of step t is the stream of a seed derived from (seed, t), sample index = row of the
//! batch. Nothing else is random, so a run that is restored from its [`TrainState`] continues to
//! the same bits on the CPU, for any number of threads.

mod fuse;
mod initial;
mod lower;
mod tape;

use std::sync::Arc;

use pushforward::bijection::Direction;
use pushforward::constraint::ConstraintPart;
use pushforward::domain::{Domain, Kind};
use pushforward::model::{ConstraintSpec, Description, Model, ModelError, SitesSpec, Symmetry};
use pushforward::noise::block;
use pushforward::symmetry::Group;

use crate::data::{Rows, Stored};
use crate::device::{Device, DeviceError, Runner};
use crate::energy::Energy;
use crate::error::Error;
use crate::ops::{BLOCK, Readings, StepInputs, optimizer, picked};

pub use initial::{ACTNORM_ROWS, initialize, initialize_scaled, start_actnorm};
pub use lower::step_program;
pub use tape::{Fusing, Tape};

/// What a model learns.
#[derive(Clone, Debug)]
pub enum Target {
    /// p(x) ∝ exp(−β E(x)): minimise the variational free energy.
    Energy {
        /// The Hamiltonian.
        energy: Arc<dyn Energy>,
        /// β; 1 for an action.
        beta: f64,
        /// Trains with β\_t = β min(1, (1 − aᵗ)/(1 − aᵀ)) from step t = 1 on, so that the model meets
        /// the modes before they part. β is reached, exactly, at step T, the [half](annealed) of
        /// all steps, whatever a is.
        anneal: Option<f64>,
        /// Samples of it that a flow learns from beside it.
        samples: Option<Samples>,
    },
    /// Samples: maximise their likelihood.
    Data {
        /// The training rows, `[n][dim + context]`: the coordinates, then what they are given.
        rows: Rows,
    },
}

/// Samples of a target that is an energy.
#[derive(Clone, Debug)]
pub struct Samples {
    /// Rows, `[n][dim]`.
    pub rows: Rows,
    /// What their mean −ln q counts in the loss, where the free energy counts 1.
    pub weight: f64,
}

/// How the learning rate moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Schedule {
    /// Not at all.
    Constant,
    /// Constant for half of the steps, then half a cosine down to 0.
    #[default]
    CosineSecondHalf,
    /// As [`Trainer::scale_rate`] says: for whoever watches rows that are held out.
    Plateau,
}

/// Which gradient of a flow's free energy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Gradient {
    /// That of the batch's mean.
    #[default]
    Total,
    /// Without the score, which is 0 in the mean: less noise near the target, for a second pass.
    Path,
}

/// What is made small of a flow's free energy, and how. Of anything else there is the default.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Objective {
    /// Which gradient.
    pub gradient: Gradient,
    /// The order of Rényi's bound, from 0 to 1, which is the free energy itself
    /// ([`LossKind::Renyi`](crate::ops::LossKind)).
    pub alpha: f64,
}

impl Default for Objective {
    fn default() -> Self {
        Self { gradient: Gradient::Total, alpha: 1.0 }
    }
}

/// The optimiser's settings.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainOptions {
    /// Steps in all; the schedule needs to know.
    pub steps: u64,
    /// Samples a step.
    pub batch: usize,
    /// Adam's step size.
    pub learning_rate: f64,
    /// How it moves.
    pub schedule: Schedule,
    /// What is made small.
    pub objective: Objective,
    /// Steps over which it first rises to its value, in a straight line.
    pub warm_up: u64,
    /// Decay of the running mean of the parameters, which is the model: min(this, (1 + t)/(10 + t)) of
    /// the mean is kept in step t. 0: the model is the last step's.
    pub average: f64,
    /// Longest gradient, as its Euclidean norm over all parameters; longer ones are scaled down.
    /// 0 or infinity: any length.
    pub clip: f64,
    /// Decay of the parameters towards 0, times the learning rate, each step (AdamW).
    pub weight_decay: f64,
    /// Seed of the batches' noise.
    pub seed: u64,
}

impl Default for TrainOptions {
    fn default() -> Self {
        Self {
            steps: 2000,
            batch: 500,
            learning_rate: 1e-3,
            schedule: Schedule::default(),
            objective: Objective::default(),
            warm_up: 0,
            average: 0.0,
            clip: 1.0,
            weight_decay: 0.0,
            seed: 0,
        }
    }
}

/// Why training did not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A number stopped being finite; the parameters are those of no use.
    #[error("training diverged at step {step}: {quantity} is {value}")]
    Diverged {
        /// The step, counted from 0.
        step: u64,
        /// What was not finite.
        quantity: &'static str,
        /// What it was.
        value: f64,
    },
    /// Model and target do not fit together, or a setting is out of range.
    #[error("{field}: found {found}, expected {expected}")]
    Setting {
        /// The setting or pairing.
        field: &'static str,
        /// What it is.
        found: String,
        /// What it should be.
        expected: String,
    },
    /// The model lacks a tensor that one of its parts trains.
    #[error("the model has no tensor {name} of the shape that training expects")]
    Tensor {
        /// Its name.
        name: String,
    },
    /// The model cannot be built.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Training rows cannot be read from their file.
    #[error(transparent)]
    Rows(Error),
    /// The device failed.
    #[error(transparent)]
    Device(#[from] DeviceError),
}

/// What the last step of a block looked like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stats {
    /// Steps done in all.
    pub step: u64,
    /// Mean of ln q + β_t E, or of −ln q for data; nats per sample.
    pub loss: f64,
    /// Its standard error over the batch.
    pub loss_error: f64,
    /// Mean energy of the batch; `None` for data.
    pub energy: Option<f64>,
    /// Effective sample size at the full β, as a fraction of the batch; `None` for data.
    pub ess: Option<f64>,
    /// Norm of the gradient before clipping.
    pub grad_norm: f64,
    /// β_t; `None` for data.
    pub beta: Option<f64>,
    /// Learning rate of the step.
    pub learning_rate: f64,
}

/// All that a run needs to continue: see [`Trainer::restore`].
#[derive(Clone, Debug, PartialEq)]
pub struct TrainState {
    /// Steps done.
    pub step: u64,
    /// The model's parameters, in canonical order.
    pub parameters: Vec<f32>,
    /// Adam's running mean of the gradient.
    pub first_moment: Vec<f32>,
    /// Adam's running mean of its square.
    pub second_moment: Vec<f32>,
    /// The running mean of the parameters; empty where none is kept.
    pub average: Vec<f32>,
    /// What the learning rate is scaled by.
    pub rate_scale: f64,
}

/// A model in training.
pub struct Trainer {
    model: Model,
    target: Target,
    options: TrainOptions,
    runner: Box<dyn Runner>,
    step: u64,
    rate_scale: f64,
}

impl std::fmt::Debug for Trainer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trainer")
            .field("step", &self.step)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl Trainer {
    /// Prepares `model`, with the parameters it has (see [`initialize`]), for training on `device`.
    ///
    /// # Errors
    /// [`TrainError::Setting`] if model and target differ in dimension or kind, or an option is out
    /// of range; [`TrainError::Device`] if the device cannot hold the program.
    pub fn new(
        model: Model,
        target: Target,
        options: TrainOptions,
        device: &Device,
    ) -> Result<Self, TrainError> {
        check_options(&options)?;
        check_target(model.description(), &target)?;
        let mut program =
            step_program(model.description(), &target, options.objective, Fusing::On)?;
        if let Target::Data { rows: Rows::Stored(_) } = &target {
            let block = given_steps(options.batch, program.width) * options.batch * program.width;
            program.data = vec![0.0; block].into();
        }
        let mut runner = device.runner(program, options.batch)?;
        let parameters = model.parameters();
        let zeros = vec![0.0; parameters.len()];
        let average = if options.average > 0.0 { &parameters[..] } else { &[] };
        runner.set_state([&parameters, &zeros, &zeros, average]);
        Ok(Self { model, target, options, runner, step: 0, rate_scale: 1.0 })
    }

    /// Takes `n` steps and returns the last one's statistics.
    ///
    /// # Errors
    /// [`TrainError::Diverged`] names the first step whose loss or gradient was not finite.
    pub fn step_block(&mut self, n: u64) -> Result<Stats, TrainError> {
        let inputs: Vec<StepInputs> =
            (self.step..self.step + n.max(1)).map(|t| self.inputs(t)).collect();
        let readings = self.run(&inputs)?;
        for (t, r) in (self.step..).zip(&readings) {
            for (quantity, value) in [("loss", r.loss), ("gradient norm", r.grad_norm)] {
                if !value.is_finite() {
                    return Err(TrainError::Diverged { step: t, quantity, value });
                }
            }
        }
        self.step += inputs.len() as u64;
        let (Some(r), Some(i)) = (readings.last(), inputs.last()) else {
            unreachable!("a block has a step")
        };
        Ok(self.stats(*r, *i))
    }

    /// The steps, with the rows that they take where these are not in memory.
    fn run(&mut self, inputs: &[StepInputs]) -> Result<Vec<Readings>, TrainError> {
        let Target::Data { rows: Rows::Stored(stored) } = &self.target else {
            return Ok(self.runner.run(inputs)?);
        };
        let (batch, width) = (self.options.batch, row_width(self.model.description()));
        let mut readings = Vec::with_capacity(inputs.len());
        let mut inputs = inputs.to_vec();
        for block in inputs.chunks_mut(given_steps(batch, width)) {
            let mut places = Vec::with_capacity(block.len() * batch);
            for (step, first) in block.iter_mut().zip((0..).step_by(batch)) {
                step.first_row = first;
                places.extend((0..batch as u64).map(|c| picked(step.key, c, stored.count())));
            }
            self.runner.set_data(self.given(stored, &places)?.into());
            readings.extend(self.runner.run(block)?);
        }
        Ok(readings)
    }

    /// Rows that the model can have, from a file.
    fn given(&self, stored: &Stored, places: &[u64]) -> Result<Vec<f32>, TrainError> {
        let rows = stored.pick(places).map_err(TrainError::Rows)?;
        let row = |i: usize| format!("training row {}", places[i]);
        check_rows(self.model.description(), &rows, &row)?;
        Ok(rows)
    }

    /// Steps done.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// What the learning rate is scaled by.
    pub fn rate_scale(&self) -> f64 {
        self.rate_scale
    }

    /// Scales the learning rate from the next step on, over what the schedule says.
    pub fn scale_rate(&mut self, scale: f64) {
        self.rate_scale = scale;
    }

    /// The model with its current parameters, or their running mean where one is kept.
    ///
    /// # Errors
    /// [`TrainError::Model`] if the parameters are not those of a valid model.
    pub fn model(&mut self) -> Result<Model, TrainError> {
        let mut model = self.model.clone();
        let [parameters, _, _, average] = self.runner.state()?;
        model.set_parameters(if average.is_empty() { &parameters } else { &average })?;
        Ok(model)
    }

    /// All that a run needs to continue.
    ///
    /// # Errors
    /// [`TrainError::Device`] if the device fails.
    pub fn state(&mut self) -> Result<TrainState, TrainError> {
        let [parameters, first_moment, second_moment, average] = self.runner.state()?;
        let (step, rate_scale) = (self.step, self.rate_scale);
        Ok(TrainState { step, parameters, first_moment, second_moment, average, rate_scale })
    }

    /// Continues from `state`.
    ///
    /// # Errors
    /// [`TrainError::Setting`] if the state is that of a model with another number of parameters.
    pub fn restore(&mut self, state: TrainState) -> Result<(), TrainError> {
        let expected = self.model.parameters().len();
        let TrainState { parameters, first_moment, second_moment, average, .. } = &state;
        let averages = self.options.average > 0.0;
        for (part, wanted) in
            [(parameters, true), (first_moment, true), (second_moment, true), (average, averages)]
        {
            if part.len() != if wanted { expected } else { 0 } {
                return Err(TrainError::Setting {
                    field: "checkpoint",
                    found: format!("{} parameters", part.len()),
                    expected: format!("{expected}"),
                });
            }
        }
        self.step = state.step;
        self.rate_scale = state.rate_scale;
        self.runner.set_state([parameters, first_moment, second_moment, average]);
        Ok(())
    }

    fn inputs(&self, t: u64) -> StepInputs {
        let o = &self.options;
        let beta_full = if let Target::Energy { beta, .. } = self.target { beta } else { 0.0 };
        let rate = match o.schedule {
            Schedule::Constant | Schedule::Plateau => o.learning_rate,
            Schedule::CosineSecondHalf => {
                let progress = (t as f64 / o.steps.max(1) as f64).min(1.0);
                let phase = (2.0 * progress - 1.0).max(0.0);
                o.learning_rate * 0.5 * (1.0 + (std::f64::consts::PI * phase).cos())
            }
        };
        let rise = ((t + 1) as f64 / o.warm_up.max(1) as f64).min(1.0);
        let rate = rate * rise * self.rate_scale;
        let kept = o.average.min((1.0 + t as f64) / (10.0 + t as f64));
        let bias = |b: f64| 1.0 / (1.0 - b.powf((t + 1) as f64));
        let clip = if o.clip > 0.0 && o.clip.is_finite() { o.clip as f32 } else { f32::MAX };
        StepInputs {
            key: block([o.seed as u32, (o.seed >> 32) as u32], [t as u32, (t >> 32) as u32]),
            beta: self.beta(t) as f32,
            beta_full: beta_full as f32,
            rate: rate as f32,
            correction_1: bias(optimizer::BETA_1) as f32,
            correction_2: bias(optimizer::BETA_2) as f32,
            clip,
            decay: (rate * o.weight_decay) as f32,
            average: if o.average > 0.0 { (1.0 - kept) as f32 } else { 0.0 },
            slot: 0,
            first_row: 0,
        }
    }

    /// β of the step after `t` others; 0 for data.
    fn beta(&self, t: u64) -> f64 {
        match self.target {
            Target::Energy { beta, anneal: Some(a), .. } => {
                let end = annealed(self.options.steps);
                let share = |t: u64| -(t as f64 * a.ln()).exp_m1();
                if t + 1 < end { beta * share(t + 1) / share(end) } else { beta }
            }
            Target::Energy { beta, anneal: None, .. } => beta,
            Target::Data { .. } => 0.0,
        }
    }

    fn stats(&self, r: Readings, i: StepInputs) -> Stats {
        let of_energy = |v: f64| matches!(self.target, Target::Energy { .. }).then_some(v);
        Stats {
            step: self.step,
            loss: r.loss,
            loss_error: (r.variance / self.options.batch as f64).sqrt(),
            energy: of_energy(r.energy),
            ess: of_energy(r.ess),
            grad_norm: r.grad_norm,
            beta: of_energy(self.beta(self.step - 1)),
            learning_rate: f64::from(i.rate),
        }
    }
}

/// The step of `steps`, counted from 1, from which annealing is over: half of them, where the
/// learning rate of [`Schedule::CosineSecondHalf`] begins to fall.
pub fn annealed(steps: u64) -> u64 {
    (steps / 2).max(1)
}

/// Numbers of a training row: the coordinates, then the context.
pub fn row_width(description: &Description) -> usize {
    description.dim() + description.context()
}

/// The target that a masked autoregressive flow learns in one pass a step: its networks read what
/// the step starts from.
fn fast_for(target: &Target) -> Direction {
    match target {
        Target::Energy { .. } => Direction::Sampling,
        Target::Data { .. } => Direction::Density,
    }
}

fn check_options(o: &TrainOptions) -> Result<(), TrainError> {
    let wrong = |field, found: String, expected: &str| {
        Err(TrainError::Setting { field, found, expected: expected.to_owned() })
    };
    if !(2..=1 << 20).contains(&o.batch) {
        return wrong("batch", o.batch.to_string(), "2 to 1048576");
    }
    if !(o.learning_rate.is_finite() && o.learning_rate > 0.0) {
        return wrong("learning_rate", o.learning_rate.to_string(), "a finite number above 0");
    }
    if o.clip.is_nan() || o.clip < 0.0 {
        return wrong("clip", o.clip.to_string(), "a number not below 0");
    }
    if !(0.0..1.0).contains(&o.average) {
        return wrong("average", o.average.to_string(), "0 up to, not including, 1");
    }
    if !(o.weight_decay.is_finite() && o.weight_decay >= 0.0) {
        return wrong("weight_decay", o.weight_decay.to_string(), "a finite number not below 0");
    }
    Ok(())
}

/// The group that a model over sites is the mean over.
fn group_of(description: &Description) -> Option<Group> {
    match description {
        Description::Sites(sites) => sites.group(),
        Description::Flow(_) => None,
    }
}

/// Whether an energy is not that of all images of a row. What breaks the symmetry is broken by half of the elements
/// at least, so that of these many some show it.
fn changes(energy: &dyn Energy, group: &Group) -> bool {
    const ELEMENTS: u32 = 64;
    let (dim, kind) = (energy.dim(), energy.kind());
    let mut image = vec![0.0; dim];
    (0..ELEMENTS).any(|element| {
        let word = |i: usize| block([0x6b0, 0], [i as u32, element])[0] as usize;
        let value = |i: usize| kind.value(word(i + 1) % kind.values().max(1));
        let row: Vec<f32> = (0..dim).map(value).collect();
        group.image(word(0) as u32 % group.order(), &row, &mut image);
        let [before, after] = [&row, &image].map(|row| energy.energy(row));
        (before - after).abs() > 1e-6 * (1.0 + before.abs())
    })
}

fn check_target(description: &Description, target: &Target) -> Result<(), TrainError> {
    let wrong = |field, found: String, expected: String| {
        Err(TrainError::Setting { field, found, expected })
    };
    let (dim, context, domain) = (description.dim(), description.context(), description.domain());
    let symmetric =
        matches!(description, Description::Sites(SitesSpec { symmetry: Symmetry::Z2, .. }));
    if let Description::Flow(flow) = description {
        for layer in &flow.layers {
            if let Some(spec) = layer.autoregressive()
                && spec.fast != fast_for(target)
            {
                let learned = match target {
                    Target::Energy { .. } => "sampling, to learn from a Hamiltonian",
                    Target::Data { .. } => "density, to learn from data",
                };
                let found = match spec.fast {
                    Direction::Density => "density",
                    Direction::Sampling => "sampling",
                };
                return wrong("fast", found.into(), learned.into());
            }
        }
    }
    match target {
        Target::Energy { energy, beta, anneal, samples } => {
            if let Some(Samples { rows, weight }) = samples {
                if !(*weight > 0.0 && *weight < f64::INFINITY) {
                    let expected = "a number above 0".into();
                    return wrong("samples weight", weight.to_string(), expected);
                }
                let row = |i: usize| format!("sample {i}");
                check_rows(description, &rows.in_memory(dim).map_err(TrainError::Rows)?, &row)?;
            }
            if context > 0 {
                let found = format!("{context} values");
                return wrong("context", found, "none: a Hamiltonian gives no context".into());
            }
            if energy.dim() != dim {
                return wrong(
                    "model dimension",
                    dim.to_string(),
                    format!("{} as {} has", energy.dim(), energy.name()),
                );
            }
            if domain != Domain::Uniform(energy.kind()) {
                return wrong(
                    "model values",
                    format!("{domain:?}"),
                    format!("{:?} as {} has", energy.kind(), energy.name()),
                );
            }
            let up = match constraint_of(description) {
                Some(ConstraintSpec::Counts(spec)) => spec.counts.last().map(|up| *up as usize),
                Some(_) => {
                    return wrong(
                        "constraint",
                        "no counts".into(),
                        "counts of spins, or none".into(),
                    );
                }
                None => None,
            };
            if up != energy.up() {
                let said =
                    |up: Option<usize>| up.map_or("none".into(), |up| format!("{up} spins up"));
                let expected = format!("{} as {} has", said(energy.up()), energy.name());
                return wrong("constraint", said(up), expected);
            }
            if symmetric && !energy.even() {
                return wrong(
                    "symmetry",
                    "z2".into(),
                    format!("none: {} changes when all spins flip", energy.name()),
                );
            }
            if let Some(group) = group_of(description)
                && changes(energy.as_ref(), &group)
            {
                let expected = format!("one under which {} does not change", energy.name());
                return wrong("group", "one".into(), expected);
            }
            if !(beta.is_finite() && *beta > 0.0) {
                return wrong("beta", beta.to_string(), "a finite number above 0".into());
            }
            if let Some(a) = anneal.filter(|a| !(0.0..1.0).contains(a)) {
                return wrong("anneal", a.to_string(), "0 up to, not including, 1".into());
            }
        }
        Target::Data { .. } if group_of(description).is_some() => {
            let expected = "none, to learn from data: rows are learnt as they are".into();
            return wrong("group", "one".into(), expected);
        }
        Target::Data { rows } => {
            let width = row_width(description);
            let Rows::Held(rows) = rows else { return Ok(()) };
            if rows.is_empty() || !rows.len().is_multiple_of(width) {
                return wrong(
                    "data",
                    format!("{} numbers", rows.len()),
                    format!("at least one row of {width}"),
                );
            }
            check_rows(description, rows, &|row| format!("row {row}"))?;
        }
    }
    Ok(())
}

/// Which rows there are, if not all.
fn constraint_of(description: &Description) -> Option<&ConstraintSpec> {
    match description {
        Description::Sites(sites) => sites.constraint.as_ref(),
        Description::Flow(_) => None,
    }
}

/// The values of a row that the model's constraint takes out, if it does.
pub fn broken(description: &Description, row: &[f32]) -> Option<String> {
    let (constraint, kind) = (constraint_of(description)?, description.domain().kind(0));
    let numbers: Vec<usize> = row.iter().map(|x| kind.number(*x)).collect();
    if constraint.keeps(&numbers) {
        return None;
    }
    const TOLD: usize = 20;
    let told: Vec<String> = row.iter().take(TOLD).map(f32::to_string).collect();
    Some(told.join(", ") + if row.len() > TOLD { ", …" } else { "" })
}

/// Refuses rows that the model gives no density; `row` says which is which.
fn check_rows(
    description: &Description,
    rows: &[f32],
    row: &dyn Fn(usize) -> String,
) -> Result<(), TrainError> {
    let (width, dim, domain) = (row_width(description), description.dim(), description.domain());
    let kind = |column| if column < dim { domain.kind(column) } else { Kind::Real };
    let supports = match description {
        Description::Flow(flow) => flow.supports(),
        Description::Sites(_) => Vec::new(),
    };
    for (i, x) in rows.chunks_exact(width).enumerate() {
        let wrong = |column: usize, expected: String| {
            let found = format!("{} in {}, column {column}", x[column], row(i));
            Err(TrainError::Setting { field: "data", found, expected })
        };
        if let Some(d) = (0..width).find(|d| !kind(*d).contains(x[*d])) {
            return wrong(d, kind(d).to_string());
        }
        if let Some(d) = (0..supports.len()).find(|d| !supports[*d].contains(x[*d])) {
            return wrong(d, supports[d].to_string());
        }
        if let Some(message) = broken(description, &x[..dim]) {
            let found = format!("{message} in {}", row(i));
            let expected = "rows that keep to it".into();
            return Err(TrainError::Setting { field: "constraint", found, expected });
        }
    }
    Ok(())
}

/// Steps that are given their rows together: no more than are read back together, nor so many that
/// the rows would not stay in the cache.
fn given_steps(batch: usize, width: usize) -> usize {
    (GIVEN / (batch * width)).clamp(1, BLOCK)
}

/// Numbers of rows that steps are given together.
const GIVEN: usize = 1 << 20;
