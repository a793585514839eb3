//! What the benchmarks share: the models they time, and the machine's fused-multiply-add peak.
//!
//! A time alone says little about a machine whose clock drifts. Every benchmark therefore measures
//! the peak in the same run ([`peak_multiply_adds`]) and prints the fraction reached.

use std::hint::black_box;
use std::time::Instant;

use pushforward::model::{
    Architecture, Arithmetic, CouplingSpec, MadeSpec, Model, RealNvpSpec, Sampler, Symmetry,
};
use pushforward::noise::block;
use pushforward::simd::{Kernel, Level, Simd, dispatch};

/// A model that a benchmark times, with made-up weights: the cost does not depend on them.
pub struct Case {
    /// Its name in the output.
    pub name: &'static str,
    /// The model.
    pub model: Model,
}

/// The cases of all benchmarks.
///
/// # Errors
/// None: the sizes below are valid.
pub fn cases() -> Result<Vec<Case>, pushforward::model::ModelError> {
    Ok(vec![
        Case { name: "made L=16 depth 3 width 4", model: made(256, &[1024, 1024], false)? },
        Case { name: "made L=16 depth 2 width 4", model: made(256, &[1024], false)? },
        Case { name: "made L=16 pairwise only", model: made(256, &[], true)? },
        Case { name: "realnvp D=64 8 layers 128x128", model: realnvp(64, 8, &[128, 128])? },
        Case { name: "realnvp D=8 8 layers 64x64", model: realnvp(8, 8, &[64, 64])? },
    ])
}

fn made(
    sites: usize,
    hidden: &[usize],
    pairwise: bool,
) -> Result<Model, pushforward::model::ModelError> {
    let hidden = hidden.to_vec();
    let shape = vec![sites];
    let spec = MadeSpec { sites, hidden, pairwise, symmetry: Symmetry::None, shape };
    filled(Architecture::Made(spec))
}

fn realnvp(
    dim: usize,
    layers: usize,
    hidden: &[usize],
) -> Result<Model, pushforward::model::ModelError> {
    let couplings = (0..layers)
        .map(|l| CouplingSpec {
            mask: (0..dim).map(|d| (d + l) % 2 == 0).collect(),
            hidden: hidden.to_vec(),
        })
        .collect();
    let shape = vec![dim];
    filled(Architecture::RealNvp(RealNvpSpec {
        dim,
        couplings,
        log_scale_bound: 2.0,
        affine: false,
        shape,
    }))
}

fn filled(architecture: Architecture) -> Result<Model, pushforward::model::ModelError> {
    let mut model = Model::new(architecture, Arithmetic::Fused)?;
    let n = model.parameters().len() as u32;
    let parameters: Vec<f32> =
        (0..n).map(|i| (block([1, 0], [i, 0])[0] as f32 / 4294967296.0 - 0.5) * 0.1).collect();
    model.set_parameters(&parameters)?;
    Ok(model)
}

/// Fused multiply-adds a second that one core does from registers, at the widest level: the best
/// of several short runs.
pub fn peak_multiply_adds() -> f64 {
    struct Chains(u32);
    impl Kernel for Chains {
        type Output = f32;
        #[inline(always)]
        fn run<S: Simd>(self, s: S) -> f32 {
            let mut c = [s.splat(1.0); 12];
            let (a, b) = (s.splat(black_box(0.999)), s.splat(black_box(0.001)));
            for _ in 0..self.0 {
                for c in &mut c {
                    *c = s.mul_add(*c, a, b);
                }
            }
            let mut total = 0.0;
            for c in c {
                let mut out = S::array(0.0);
                s.store(c, &mut out);
                total += out.as_ref().iter().sum::<f32>();
            }
            total
        }
    }
    let level = Level::best();
    let rounds = 50_000;
    let mut best = 0.0f64;
    for _ in 0..8 {
        let start = Instant::now();
        black_box(dispatch(level, Chains(rounds)));
        let seconds = start.elapsed().as_secs_f64();
        best = best.max(f64::from(rounds) * 12.0 * level.lanes() as f64 / seconds);
    }
    best
}

/// Prints time per sample and the fraction of the peak measured next to it, for every case.
///
/// Criterion's own lines give a time and its spread; the fraction needs both figures from the same
/// moment, so each row here times the work and the peak in turn and keeps the best of each.
pub fn report(work: &str, mut run: impl FnMut(&Sampler, &mut [f32], &mut [f32])) {
    println!("\n{work:32} batch   µs/sample   multiply-adds   of peak");
    let Ok(cases) = cases() else { return };
    for case in cases {
        let Ok(sampler) = case.model.sampler() else { return };
        let multiply_adds = case.model.architecture().multiply_adds();
        for batch in [1, 64, 1024] {
            let mut rows = vec![0.0f32; batch * sampler.dim()];
            let mut log_prob = vec![0.0; batch];
            sampler.sample(1, 0, &mut rows, None);
            let (mut best, mut peak) = (f64::INFINITY, 0.0f64);
            let repeats = (1e8 / (multiply_adds * batch) as f64).clamp(3.0, 300.0) as usize;
            for _ in 0..5 {
                peak = peak.max(peak_multiply_adds());
                for _ in 0..repeats {
                    let start = Instant::now();
                    run(&sampler, &mut rows, &mut log_prob);
                    best = best.min(start.elapsed().as_secs_f64());
                }
            }
            let each = best / batch as f64;
            let fraction = 100.0 * multiply_adds as f64 / each / peak;
            println!(
                "{:32} {batch:5} {:11.3} {multiply_adds:15} {fraction:8.1} %",
                case.name,
                each * 1e6
            );
        }
    }
}
