//! The models and the work that is timed.

use std::hint::black_box;
use std::sync::Arc;

use pushforward::model::{
    Architecture, Arithmetic, AutoregressiveSpec, CouplingSpec, Fast, MadeSpec, MafSpec, Model,
    ModelError, NsfSpec, RealNvpSpec, Sampler, Symmetry, TransformerSpec,
};
use pushforward::noise::block;
use pushforward_host::device::Device;
use pushforward_host::energy::{Boundary, Ising2d};
use pushforward_host::loaded::Loaded;
use pushforward_host::train::{Schedule, Target, TrainOptions, Trainer};

/// The critical inverse temperature of the square lattice, ln(1 + √2) / 2.
pub(crate) const BETA_C: f64 = 0.440_686_793_509_772;

/// A model that a benchmark times, with made-up weights: the cost does not depend on them.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its short name.
    pub name: &'static str,
    /// What it is.
    pub title: &'static str,
    /// The model.
    pub model: Model,
}

/// The cases of all benchmarks.
///
/// # Errors
/// None: the sizes below are valid.
pub fn cases() -> Result<Vec<Case>, ModelError> {
    let case = |name, title, model| Ok(Case { name, title, model: filled(model)? });
    [
        case("van-3", "MADE L=16 depth 3 width 4", made(&[1024, 1024], false)),
        case("van-2", "MADE L=16 depth 2 width 4", made(&[1024], false)),
        case("van-1", "MADE L=16 pairwise only", made(&[], true)),
        case("realnvp-8", "RealNVP D=8 8x64x64", realnvp(8, &[64, 64])),
        case("realnvp-64", "RealNVP D=64 8x128x128", realnvp(64, &[128, 128])),
        case("nsf-8", "NSF coupling D=8 8x64x64", nsf(8, &[64, 64])),
        case("maf-16", "MAF D=16 3x64x64", maf(16, 3, &[64, 64])),
        case("maf-64", "MAF D=64 5x256x256", maf(64, 5, &[256, 256])),
    ]
    .into_iter()
    .collect()
}

/// The case of this name.
pub fn case(name: &str) -> Option<Case> {
    cases().ok()?.into_iter().find(|case| case.name == name)
}

fn made(hidden: &[usize], pairwise: bool) -> Architecture {
    Architecture::Made(MadeSpec {
        sites: 256,
        hidden: hidden.to_vec(),
        pairwise,
        symmetry: Symmetry::None,
        shape: vec![16, 16],
    })
}

fn couplings(dim: usize, hidden: &[usize]) -> Vec<CouplingSpec> {
    let mask = |l| (0..dim).map(|d| (d + l) % 2 == 0).collect();
    (0..8).map(|l| CouplingSpec { mask: mask(l), hidden: hidden.to_vec() }).collect()
}

fn realnvp(dim: usize, hidden: &[usize]) -> Architecture {
    Architecture::RealNvp(RealNvpSpec {
        dim,
        couplings: couplings(dim, hidden),
        log_scale_bound: 2.0,
        affine: false,
        shape: vec![dim],
    })
}

fn nsf(dim: usize, hidden: &[usize]) -> Architecture {
    Architecture::Nsf(NsfSpec {
        dim,
        couplings: couplings(dim, hidden),
        bins: 8,
        bound: 5.0,
        affine: false,
        shape: vec![dim],
    })
}

fn maf(dim: usize, layers: usize, hidden: &[usize]) -> Architecture {
    let order = |l: usize| {
        if l.is_multiple_of(2) { (0..dim).collect() } else { (0..dim).rev().collect() }
    };
    let layer = |l| AutoregressiveSpec { order: order(l), hidden: hidden.to_vec() };
    Architecture::Maf(MafSpec {
        dim,
        layers: (0..layers).map(layer).collect(),
        fast: Fast::Density,
        transformer: TransformerSpec::Affine { log_scale_bound: 3.0 },
        affine: false,
        shape: vec![dim],
    })
}

fn filled(architecture: Architecture) -> Result<Model, ModelError> {
    let mut model = Model::new(architecture, Arithmetic::Fused)?;
    let n = model.parameters().len() as u32;
    let parameters: Vec<f32> =
        (0..n).map(|i| (block([1, 0], [i, 0])[0] as f32 / 4294967296.0 - 0.5) * 0.1).collect();
    model.set_parameters(&parameters)?;
    Ok(model)
}

/// What is done with a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Draw.
    Sample,
    /// Draw, with log-probabilities.
    SampleWithLogProb,
    /// Score.
    LogProb,
    /// One training step: of maximum likelihood for a flow, of the variational free energy of the
    /// Ising model for spins.
    Train,
}

impl Work {
    /// All of it.
    pub const ALL: [Work; 4] = [Work::Sample, Work::SampleWithLogProb, Work::LogProb, Work::Train];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Work::Sample => "sample",
            Work::SampleWithLogProb => "sample+log_prob",
            Work::LogProb => "log_prob",
            Work::Train => "train",
        }
    }
}

/// Something to be timed.
pub struct Job {
    /// Samples, or rows, of one call.
    pub batch: usize,
    /// Multiply-adds of one of them.
    pub multiply_adds: usize,
    /// Threads that share the work.
    pub threads: usize,
    run: Box<dyn FnMut()>,
}

impl Job {
    /// Does it once.
    pub fn run(&mut self) {
        (self.run)();
    }
}

impl Case {
    /// Prepares work on a batch.
    ///
    /// # Errors
    /// What cannot be done with this model, as text.
    pub fn job(&self, work: Work, batch: usize, threads: usize) -> Result<Job, String> {
        let multiply_adds = self.model.architecture().multiply_adds();
        if work == Work::Train {
            // Forward, and twice as much backward: for the weights and for what they multiply.
            let run = self.training(batch, threads)?;
            return Ok(Job { batch, multiply_adds: 3 * multiply_adds, threads, run });
        }
        let sampler = self.model.sampler().map_err(|e| e.to_string())?;
        let dim = sampler.dim();
        let (mut rows, mut log_prob) = (vec![0f32; batch * dim], vec![0f32; batch]);
        sampler.sample(1, 0, &mut rows, None);
        let run: Box<dyn FnMut()> = if threads == 1 {
            Box::new(move || {
                work_once(&sampler, work, &mut rows, &mut log_prob);
                black_box((&rows, &log_prob));
            })
        } else {
            let model = Loaded::new(self.model.clone()).map_err(|e| e.to_string())?;
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            let pool = pool.map_err(|e| e.to_string())?;
            Box::new(move || {
                let (rows, log_prob) = (&mut rows[..], &mut log_prob[..]);
                pool.install(|| match work {
                    Work::Sample => model.sample(1, 0, rows, None),
                    Work::SampleWithLogProb => model.sample(1, 0, rows, Some(log_prob)),
                    Work::LogProb | Work::Train => model.log_prob(rows, log_prob),
                });
            })
        };
        Ok(Job { batch, multiply_adds, threads, run })
    }

    fn training(&self, batch: usize, threads: usize) -> Result<Box<dyn FnMut()>, String> {
        let target = if let Architecture::Made(made) = self.model.architecture() {
            let shape = [made.shape[0], made.shape[1]];
            let energy = Ising2d::new(shape, 1.0, Boundary::Periodic).map_err(|e| e.to_string())?;
            Target::Energy { energy: Arc::new(energy), beta: BETA_C, anneal: None }
        } else {
            // The model's own samples: rows of the right scale, and a loss that stays finite.
            let mut rows = vec![0f32; 4 * batch * self.model.architecture().dim()];
            let sampler = self.model.sampler().map_err(|e| e.to_string())?;
            sampler.sample(2, 0, &mut rows, None);
            Target::Data { rows: rows.into() }
        };
        let options = TrainOptions {
            batch,
            schedule: Schedule::Constant,
            learning_rate: 1e-4,
            ..TrainOptions::default()
        };
        let device = Device::cpu(Some(threads)).map_err(|e| e.to_string())?;
        let trainer = Trainer::new(self.model.clone(), target, options, &device);
        let mut trainer = trainer.map_err(|e| e.to_string())?;
        trainer.step_block(1).map_err(|e| e.to_string())?;
        Ok(Box::new(move || {
            // Checked once above: a step that failed later would only be a wrong time.
            let _ = black_box(trainer.step_block(1));
        }))
    }
}

fn work_once(sampler: &Sampler, work: Work, rows: &mut [f32], log_prob: &mut [f32]) {
    match work {
        Work::Sample => sampler.sample(1, 0, rows, None),
        Work::SampleWithLogProb => sampler.sample(1, 0, rows, Some(log_prob)),
        Work::LogProb | Work::Train => sampler.log_prob(rows, log_prob),
    }
}
