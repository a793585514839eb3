//! The models and the work that is timed.

use std::hint::black_box;
use std::sync::Arc;

use pushforward::activation::AnyActivation;
use pushforward::bijection::Direction;
use pushforward::conditional::logistics::Column;
use pushforward::constraint::CountsSpec;
use pushforward::model::{Arithmetic, Description, Model, ModelError, Symmetry, preset};
use pushforward::network::HeatBathSpec;
use pushforward::noise::block;
use pushforward::univariate::{AffineSpec, RationalQuadraticSpec};
use pushforward_host::device::Device;
use pushforward_host::energy::{Boundary, Ising2d};
use pushforward_host::loaded::Loaded;
use pushforward_host::timing::{Job, Work};
use pushforward_host::train::{Schedule, Target, TrainOptions, Trainer};

/// The critical inverse temperature of the square lattice, ln(1 + √2) / 2.
pub(crate) const BETA_C: f64 = 0.440_686_793_509_772;

/// A model that a benchmark times, with made-up weights: the cost does not depend on them.
#[derive(Debug)]
pub struct Case {
    /// Its short name.
    pub name: &'static str,
    /// What it is.
    pub title: &'static str,
    /// The model.
    pub loaded: Loaded,
}

/// The names of all cases.
const NAMES: [&str; 13] = [
    "van-3",
    "van-2",
    "van-1",
    "pixelcnn",
    "pixelcnn-16",
    "lattice-16",
    "fermions-49",
    "realnvp-8",
    "realnvp-64",
    "nsf-8",
    "maf-16",
    "maf-64",
    "table-8",
];

/// The cases of all benchmarks.
pub fn cases() -> impl Iterator<Item = Case> {
    NAMES.into_iter().filter_map(case)
}

/// The case of this name.
pub fn case(name: &str) -> Option<Case> {
    let (title, description) = match name {
        "van-3" => ("MADE L=16 depth 3 width 4", made(&[1024, 1024], false)),
        "van-2" => ("MADE L=16 depth 2 width 4", made(&[1024], false)),
        "van-1" => ("MADE L=16 pairwise only", made(&[], true)),
        "pixelcnn" => ("PixelCNN L=16 3x64x13x13", preset::pixelcnn([16, 16], &[64, 64], [6, 6])),
        "pixelcnn-16" => ("PixelCNN L=16 3x16x7x7", preset::pixelcnn([16, 16], &[16, 16], [3, 3])),
        "lattice-16" => ("multilevel L=16, 32 units", lattice(16)),
        "fermions-49" => ("MADE of 113 sites, 49 up, 256 units", fermions(113, 49)),
        "realnvp-8" => ("RealNVP D=8 8x64x64", realnvp(8, &[64, 64])),
        "realnvp-64" => ("RealNVP D=64 8x128x128", realnvp(64, &[128, 128])),
        "nsf-8" => ("NSF coupling D=8 8x64x64", nsf(8, &[64, 64])),
        "maf-16" => ("MAF D=16 3x64x64", maf(16, 3, &[64, 64])),
        "maf-64" => ("MAF D=64 5x256x256", maf(64, 5, &[256, 256])),
        "table-8" => ("table D=8 64x64, 8 logistics", table(8, &[64, 64])),
        _ => return None,
    };
    let model = filled(description).expect("the sizes above are valid");
    let loaded = Loaded::new(model).expect("a built model runs");
    let name = NAMES.into_iter().find(|known| *known == name)?;
    Some(Case { name, title, loaded })
}

fn made(hidden: &[usize], pairwise: bool) -> Description {
    preset::made(&[16, 16], hidden, pairwise, Symmetry::None)
}

/// So many sites, of which so many are up.
fn fermions(sites: u32, up: u32) -> Description {
    let made = preset::made(&[sites as usize], &[256], false, Symmetry::None);
    preset::within(made, CountsSpec { counts: vec![sites - up, up] })
}

/// A lattice from coarse to fine with the heat bath of the Ising model.
fn lattice(side: usize) -> Description {
    let heat_bath = HeatBathSpec { couplings: vec![2.0 * BETA_C as f32], field: vec![0.0] };
    preset::multilevel(side, 32, AnyActivation::Smoothstep, Some(heat_bath))
}

fn mask(dim: usize, l: usize) -> impl Iterator<Item = bool> {
    (0..dim).map(move |d| (d + l).is_multiple_of(2))
}

fn realnvp(dim: usize, hidden: &[usize]) -> Description {
    let map = AffineSpec { log_scale_bound: 2.0 };
    preset::flow(&[dim], (0..8).map(|l| preset::coupling(mask(dim, l), hidden, map)), false)
}

fn nsf(dim: usize, hidden: &[usize]) -> Description {
    let map = RationalQuadraticSpec::linear(8, 5.0);
    preset::flow(&[dim], (0..8).map(|l| preset::coupling(mask(dim, l), hidden, map)), false)
}

fn maf(dim: usize, layers: usize, hidden: &[usize]) -> Description {
    let order = |l: usize| {
        if l.is_multiple_of(2) { (0..dim).collect() } else { (0..dim).rev().collect() }
    };
    let map = AffineSpec { log_scale_bound: 3.0 };
    let layer = |l| preset::autoregressive(order(l), Direction::Density, hidden, map);
    preset::flow(&[dim], (0..layers).map(layer), false)
}

/// Columns of a table, real numbers and integers in turn, each a mixture of eight.
fn table(dim: usize, hidden: &[usize]) -> Description {
    let column = |d: usize| match d % 2 {
        0 => Column::real(20.0, 10.0),
        _ => Column::integers(20.0, 10.0).between(0.0, f32::INFINITY),
    };
    preset::table((0..dim).map(column).collect(), 8, hidden, true)
}

fn filled(description: Description) -> Result<Model, ModelError> {
    let mut model = Model::new(description, Arithmetic::Fused)?;
    let n = model.parameters().len() as u32;
    let parameters: Vec<f32> =
        (0..n).map(|i| (block([1, 0], [i, 0])[0] as f32 / 4294967296.0 - 0.5) * 0.1).collect();
    model.set_parameters(&parameters)?;
    Ok(model)
}

impl Case {
    /// Work on a batch, shared by the threads as the verbs share it.
    pub fn job(&self, work: Work, batch: usize, threads: usize) -> Job<'_> {
        let job = Job::with_model(&self.loaded, work, batch, 1);
        if threads == 1 {
            return job;
        }
        let model = &self.loaded;
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let pool = pool.expect("threads start");
        let (mut rows, mut log_prob) = (vec![0f32; batch * model.dim()], vec![0f32; batch]);
        model.given(&[]).sample(1, 0, &mut rows, None);
        Job::new(batch, job.multiply_adds, threads, move || {
            pool.install(|| match work {
                Work::Sample => model.given(&[]).sample(1, 0, &mut rows, None),
                Work::SampleWithLogProb => {
                    model.given(&[]).sample(1, 0, &mut rows, Some(&mut log_prob))
                }
                Work::LogProb => model.given(&[]).log_prob(&rows, &mut log_prob),
            });
            black_box((&rows, &log_prob));
        })
    }

    /// So many training steps: of the variational free energy of the Ising model for lattices, of maximum
    /// likelihood for all others. A step's multiply-adds are those of one pass forward, and twice as many
    /// backward: for the weights and for what they multiply.
    pub fn training(&self, batch: usize, device: &Device, steps: usize) -> Job<'_> {
        let model = &self.loaded.model;
        let target = if let (Description::Sites(_), &[rows, columns]) =
            (model.description(), model.description().shape())
        {
            let energy = Ising2d::new([rows, columns], 1.0, Boundary::Periodic);
            let energy = Arc::new(energy.expect("a lattice"));
            Target::Energy { energy, beta: BETA_C, anneal: None, samples: None }
        } else {
            // The model's own samples: rows of the right scale, and a loss that stays finite.
            let mut rows = vec![0f32; 4 * batch * self.loaded.dim()];
            self.loaded.given(&[]).sample(2, 0, &mut rows, None);
            Target::Data { rows: rows.into() }
        };
        let options = TrainOptions {
            batch,
            schedule: Schedule::Constant,
            learning_rate: 1e-4,
            ..TrainOptions::default()
        };
        let trainer = Trainer::new(model.clone(), target, options, device);
        let mut trainer = trainer.expect("every case trains");
        let multiply_adds = 3 * model.description().multiply_adds();
        Job::new(steps * batch, multiply_adds, device.threads(), move || {
            black_box(trainer.step_block(steps as u64).expect("a small step does not diverge"));
        })
    }
}
