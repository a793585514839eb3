//! Models with made-up weights, and a second implementation of all families in `f64`, written
//! straight from the formulas over the named tensors: what the engine is tested against.
#![allow(dead_code)]

use pushforward::model::{
    Architecture, Arithmetic, AutoregressiveSpec, CouplingSpec, Fast, MadeSpec, MafSpec, Model,
    NsfSpec, RealNvpSpec, Symmetry, TransformerSpec,
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

fn couplings(dim: usize, layers: usize, hidden: &[usize]) -> Vec<CouplingSpec> {
    (0..layers)
        .map(|l| CouplingSpec {
            mask: (0..dim).map(|d| (d + l) % 2 == 1).collect(),
            hidden: hidden.to_vec(),
        })
        .collect()
}

pub(crate) fn realnvp(dim: usize, layers: usize, hidden: &[usize], affine: bool) -> Architecture {
    Architecture::RealNvp(RealNvpSpec {
        dim,
        couplings: couplings(dim, layers, hidden),
        log_scale_bound: 2.0,
        affine,
        shape: vec![dim],
    })
}

pub(crate) fn nsf(
    dim: usize,
    layers: usize,
    hidden: &[usize],
    bins: usize,
    affine: bool,
) -> Architecture {
    Architecture::Nsf(NsfSpec {
        dim,
        couplings: couplings(dim, layers, hidden),
        bins,
        bound: 3.0,
        affine,
        shape: vec![dim],
    })
}

pub(crate) const AFFINE: TransformerSpec = TransformerSpec::Affine { log_scale_bound: 2.0 };
pub(crate) const SPLINE: TransformerSpec =
    TransformerSpec::RationalQuadratic { bins: 5, bound: 3.0 };

/// Orders: ascending, descending, and one that is neither.
pub(crate) fn maf(
    dim: usize,
    layers: usize,
    hidden: &[usize],
    fast: Fast,
    transformer: TransformerSpec,
    affine: bool,
) -> Architecture {
    let layers = (0..layers)
        .map(|l| {
            let mut order: Vec<usize> = (0..dim).collect();
            match l % 3 {
                0 => {}
                1 => order.reverse(),
                _ => order.sort_by_key(|d| (d % 3, *d)),
            }
            AutoregressiveSpec { order, hidden: hidden.to_vec() }
        })
        .collect();
    Architecture::Maf(MafSpec { dim, layers, fast, transformer, affine, shape: vec![dim] })
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
    for (dim, layers, hidden, bins, affine) in [
        (1, 1, vec![4], 2, true),
        (2, 4, vec![24], 8, false),
        (7, 3, vec![33, 21], 5, true),
        (33, 2, vec![16], 3, false),
    ] {
        let name = format!("nsf {dim} {layers} {hidden:?} {bins} {affine}");
        all.push((name, nsf(dim, layers, &hidden, bins, affine)));
    }
    for (dim, layers, hidden, fast, transformer, affine) in [
        (1, 1, vec![4], Fast::Density, AFFINE, true),
        (7, 3, vec![33, 21], Fast::Density, AFFINE, false),
        (7, 3, vec![33, 21], Fast::Sampling, AFFINE, true),
        (37, 2, vec![50], Fast::Density, AFFINE, false),
        (5, 3, vec![24], Fast::Density, SPLINE, true),
        (18, 2, vec![40, 19], Fast::Sampling, SPLINE, false),
    ] {
        let kind = if transformer == AFFINE { "affine" } else { "spline" };
        let name = format!("maf {dim} {layers} {hidden:?} {fast:?} {kind} {affine}");
        all.push((name, maf(dim, layers, &hidden, fast, transformer, affine)));
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
    let mut x = row.to_vec();
    let mut log_det = 0.0;
    if model.tensor("affine.shift").is_some() {
        let scales = tensor(model, "affine.log_scale");
        let shifts = tensor(model, "affine.shift");
        for ((x, a), b) in x.iter_mut().zip(scales).zip(shifts) {
            *x = (*x - f64::from(*b)) * (-f64::from(*a)).exp();
            log_det -= f64::from(*a);
        }
    }
    match model.architecture() {
        Architecture::Made(_) => panic!("not a flow"),
        Architecture::RealNvp(spec) => {
            uncouple(model, &spec.couplings, spec.transformer(), &mut x, &mut log_det);
        }
        Architecture::Nsf(spec) => {
            uncouple(model, &spec.couplings, spec.transformer(), &mut x, &mut log_det);
        }
        Architecture::Maf(spec) => {
            let p = spec.transformer.parameters();
            for (l, layer) in spec.layers.iter().enumerate().rev() {
                let prefix = format!("autoregressive.{l}.");
                let mut inputs = vec![0.0; x.len()];
                for (site, d) in layer.order.iter().enumerate() {
                    // The whole network for each site: masked weights are zeros.
                    let h = leaky_stack(model, &prefix, layer.hidden.len(), &inputs);
                    let out = dense(model, &format!("{prefix}output"), &h);
                    let parameters = &out[site * p..(site + 1) * p];
                    let (z, ladj) = density(spec.transformer, x[*d], parameters);
                    inputs[site] = match spec.fast {
                        Fast::Density => x[*d],
                        Fast::Sampling => z,
                    };
                    x[*d] = z;
                    log_det += ladj;
                }
            }
        }
    }
    (x, log_det)
}

fn uncouple(
    model: &Model,
    couplings: &[CouplingSpec],
    transformer: TransformerSpec,
    x: &mut [f64],
    log_det: &mut f64,
) {
    for (l, coupling) in couplings.iter().enumerate().rev() {
        let kept: Vec<f64> =
            x.iter().zip(&coupling.mask).filter(|(_, k)| **k).map(|(x, _)| *x).collect();
        let prefix = format!("coupling.{l}.");
        let h = leaky_stack(model, &prefix, coupling.hidden.len(), &kept);
        let out = dense(model, &format!("{prefix}output"), &h);
        let moved = x.len() - kept.len();
        for (j, (x, _)) in x.iter_mut().zip(&coupling.mask).filter(|(_, k)| !**k).enumerate() {
            let parameters: Vec<f64> = out[j..].iter().step_by(moved).copied().collect();
            let (z, ladj) = density(transformer, *x, &parameters);
            *x = z;
            *log_det += ladj;
        }
    }
}

/// A transformer, data to noise, and the logarithm of its slope.
fn density(transformer: TransformerSpec, x: f64, parameters: &[f64]) -> (f64, f64) {
    match transformer {
        TransformerSpec::Affine { log_scale_bound } => {
            let bound = f64::from(log_scale_bound);
            let s = bound * (parameters[0] / bound).tanh();
            ((x - parameters[1]) * (-s).exp(), -s)
        }
        TransformerSpec::RationalQuadratic { bins, bound } => {
            let (z, slope) = rational_quadratic(bins, f64::from(bound), x, parameters);
            (z, slope.ln())
        }
    }
}

/// Durkan et al. 2019, equations 4 and 5: value and slope of the spline.
pub(crate) fn rational_quadratic(
    bins: usize,
    bound: f64,
    x: f64,
    parameters: &[f64],
) -> (f64, f64) {
    if x.abs() >= bound {
        return (x, 1.0);
    }
    let knots = |u: &[f64]| {
        let high = u.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let e: Vec<f64> = u.iter().map(|u| (u - high).exp()).collect();
        let sum: f64 = e.iter().sum();
        let mut at = -bound;
        let mut knots = vec![at];
        for e in e {
            at += 2.0 * bound * (1e-3 + (1.0 - 1e-3 * bins as f64) * e / sum);
            knots.push(at);
        }
        knots
    };
    let (xs, ys) = (knots(&parameters[..bins]), knots(&parameters[bins..2 * bins]));
    let shift = (1.0f64 - 1e-3).exp_m1().ln();
    let slope = |k: usize| {
        if k == 0 || k == bins {
            return 1.0;
        }
        let u = parameters[2 * bins + k - 1] + shift;
        1e-3 + u.max(0.0) + (-u.abs()).exp().ln_1p()
    };
    let k = (0..bins).rfind(|k| xs[*k] <= x).unwrap();
    let (w, h) = (xs[k + 1] - xs[k], ys[k + 1] - ys[k]);
    let (s, a, b) = (h / w, slope(k), slope(k + 1));
    let t = (x - xs[k]) / w;
    let den = s + (a + b - 2.0 * s) * t * (1.0 - t);
    let y = ys[k] + h * (s * t * t + a * t * (1.0 - t)) / den;
    let ends = b * t * t + 2.0 * s * t * (1.0 - t) + a * (1.0 - t).powi(2);
    (y, s * s * ends / (den * den))
}

/// Draws rows and log-probabilities.
pub(crate) fn draw(model: &Model, seed: u64, first: u64, n: usize) -> (Vec<f32>, Vec<f32>) {
    let sampler = model.sampler().unwrap();
    let mut rows = vec![0.0; n * sampler.dim()];
    let mut log_prob = vec![0.0; n];
    sampler.sample(seed, first, &mut rows, Some(&mut log_prob));
    (rows, log_prob)
}
