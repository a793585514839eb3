//! Models with made-up weights, and a second implementation of both families in `f64`, written
//! straight from the formulas over the named tensors: what the engine is tested against.
#![allow(dead_code)]

use pushforward::model::{
    Architecture, Arithmetic, CouplingSpec, MadeSpec, Model, RealNvpSpec, Symmetry,
};
use pushforward::noise::block;

pub(crate) const ARITHMETICS: [Arithmetic; 2] = [Arithmetic::Fused, Arithmetic::Plain];

/// Parameters uniform in ±`size`, from a stream of their own.
pub(crate) fn randomised(architecture: Architecture, arithmetic: Arithmetic, size: f32) -> Model {
    let mut model = Model::new(architecture, arithmetic).unwrap();
    let n = model.parameters().len();
    let parameters: Vec<f32> = (0..n as u64)
        .map(|i| (block([0x5eed, 0], [i as u32, 0])[0] as f32 / 2147483648.0 - 1.0) * size)
        .collect();
    model.set_parameters(&parameters).unwrap();
    model
}

pub(crate) fn made(
    sites: usize,
    hidden: &[usize],
    pairwise: bool,
    symmetry: Symmetry,
) -> Architecture {
    Architecture::Made(MadeSpec {
        sites,
        hidden: hidden.to_vec(),
        pairwise,
        symmetry,
        shape: vec![sites],
    })
}

pub(crate) fn realnvp(dim: usize, layers: usize, hidden: &[usize], affine: bool) -> Architecture {
    let couplings = (0..layers)
        .map(|l| CouplingSpec {
            mask: (0..dim).map(|d| (d + l) % 2 == 1).collect(),
            hidden: hidden.to_vec(),
        })
        .collect();
    Architecture::RealNvp(RealNvpSpec {
        dim,
        couplings,
        log_scale_bound: 2.0,
        affine,
        shape: vec![dim],
    })
}

/// Architectures that reach every branch: panels of 16, 4 and 1, several blocks, odd units, no
/// hidden layer, all wrappers.
pub(crate) fn architectures() -> Vec<(String, Architecture)> {
    let mut all = Vec::new();
    for symmetry in [Symmetry::None, Symmetry::Z2] {
        for (sites, hidden, pairwise) in [
            (1, vec![3], false),
            (5, vec![], true),
            (16, vec![64], true),
            (37, vec![111, 50], true),
            (40, vec![160, 160], false),
        ] {
            let name = format!("made {sites} {hidden:?} {pairwise} {symmetry:?}");
            all.push((name, made(sites, &hidden, pairwise, symmetry)));
        }
    }
    for (dim, layers, hidden, affine) in [
        (1, 1, vec![4], true),
        (2, 4, vec![24], false),
        (7, 3, vec![33, 21], true),
        (64, 2, vec![48, 16], false),
        (3, 0, vec![], true),
    ] {
        let name = format!("realnvp {dim} {layers} {hidden:?} {affine}");
        all.push((name, realnvp(dim, layers, &hidden, affine)));
    }
    all
}

fn tensor<'a>(model: &'a Model, name: &str) -> &'a [f32] {
    &model.tensor(name).unwrap_or_else(|| panic!("{name}")).data
}

/// `b + W x` from tensors `{name}.weight` and `{name}.bias`.
fn dense(model: &Model, name: &str, x: &[f64]) -> Vec<f64> {
    let weight = tensor(model, &format!("{name}.weight"));
    let bias = tensor(model, &format!("{name}.bias"));
    let n = bias.len();
    (0..n)
        .map(|o| {
            let row = &weight[o * x.len()..(o + 1) * x.len()];
            f64::from(bias[o]) + row.iter().zip(x).map(|(w, x)| f64::from(*w) * x).sum::<f64>()
        })
        .collect()
}

fn leaky_stack(model: &Model, prefix: &str, layers: usize, x: &[f64]) -> Vec<f64> {
    let mut x = x.to_vec();
    for l in 0..layers {
        let name = format!("{prefix}hidden.{l}");
        let slopes = tensor(model, &format!("{name}.slope")).to_vec();
        x = dense(model, &name, &x);
        for (x, slope) in x.iter_mut().zip(slopes) {
            *x = if *x > 0.0 { *x } else { f64::from(slope) * *x };
        }
    }
    x
}

/// ln q(row) in `f64`.
pub(crate) fn log_prob(model: &Model, row: &[f64]) -> f64 {
    match model.architecture() {
        Architecture::Made(spec) => {
            let plain = |row: &[f64]| -> f64 {
                let h = leaky_stack(model, "", spec.hidden.len(), row);
                let bias = tensor(model, "output.bias");
                let mut logits = if spec.hidden.is_empty() {
                    bias.iter().map(|b| f64::from(*b)).collect()
                } else {
                    dense(model, "output", &h)
                };
                if spec.pairwise {
                    let w = tensor(model, "pairwise.weight");
                    for (i, logit) in logits.iter_mut().enumerate() {
                        for (j, s) in row.iter().enumerate() {
                            *logit += f64::from(w[i * row.len() + j]) * s;
                        }
                    }
                }
                logits.iter().zip(row).map(|(a, s)| -(-a * s).exp().ln_1p()).sum()
            };
            let here = plain(row);
            if spec.symmetry == Symmetry::None {
                return here;
            }
            let mirror = plain(&row.iter().map(|s| -s).collect::<Vec<_>>());
            let high = here.max(mirror);
            high + (((here - high).exp() + (mirror - high).exp()) / 2.0).ln()
        }
        Architecture::RealNvp(_) | Architecture::Nsf(_) | Architecture::Maf(_) => {
            let (z, log_det) = to_noise(model, row);
            let n = z.len() as f64;
            let square: f64 = z.iter().map(|z| z * z).sum();
            -0.5 * square - 0.5 * n * std::f64::consts::TAU.ln() + log_det
        }
    }
}

/// A flow's noise for a row, and ln |∂z/∂x|, in `f64`.
pub(crate) fn to_noise(model: &Model, row: &[f64]) -> (Vec<f64>, f64) {
    let Architecture::RealNvp(spec) = model.architecture() else { panic!("not a flow") };
    let mut x = row.to_vec();
    let mut log_det = 0.0;
    if spec.affine {
        let scales = tensor(model, "affine.log_scale");
        let shifts = tensor(model, "affine.shift");
        for ((x, a), b) in x.iter_mut().zip(scales).zip(shifts) {
            *x = (*x - f64::from(*b)) * (-f64::from(*a)).exp();
            log_det -= f64::from(*a);
        }
    }
    for (l, coupling) in spec.couplings.iter().enumerate().rev() {
        let kept: Vec<f64> =
            x.iter().zip(&coupling.mask).filter(|(_, k)| **k).map(|(x, _)| *x).collect();
        let prefix = format!("coupling.{l}.");
        let h = leaky_stack(model, &prefix, coupling.hidden.len(), &kept);
        let out = dense(model, &format!("{prefix}output"), &h);
        let (raw, shift) = out.split_at(out.len() / 2);
        let moved = x.iter_mut().zip(&coupling.mask).filter(|(_, k)| !**k);
        let bound = f64::from(spec.log_scale_bound);
        for (((x, _), raw), shift) in moved.zip(raw).zip(shift) {
            let s = bound * (raw / bound).tanh();
            *x = (*x - shift) * (-s).exp();
            log_det -= s;
        }
    }
    (x, log_det)
}

/// Draws rows and log-probabilities.
pub(crate) fn draw(model: &Model, seed: u64, first: u64, n: usize) -> (Vec<f32>, Vec<f32>) {
    let sampler = model.sampler().unwrap();
    let mut rows = vec![0.0; n * sampler.dim()];
    let mut log_prob = vec![0.0; n];
    sampler.sample(seed, first, &mut rows, Some(&mut log_prob));
    (rows, log_prob)
}
