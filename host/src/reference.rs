//! The models once more, from their description alone: in `f64`, dense, slow, and short enough to
//! check by eye. [`check`](crate::cli) holds the engine against it.

use pushforward::model::{
    Architecture, CouplingSpec, Fast, MadeSpec, Model, Symmetry, TransformerSpec,
};

/// A model in `f64`.
#[derive(Clone, Copy, Debug)]
pub struct Reference<'a>(pub &'a Model);

/// All layers.
const ALL: usize = usize::MAX;

/// The constant of the bound: 16 roundings of `f32`.
const ROUNDINGS: f64 = 16.0 / (1 << 24) as f64;

/// How far roundings may move a draw, to first order: nothing is said where a figure exceeds 1.
#[derive(Clone, Copy, Debug)]
pub struct Roundings {
    /// ln q of its row (nats).
    pub log_prob: f64,
    /// The noise that its row is taken back to.
    pub noise: f64,
}

/// A layer of a flow: a network that reads some coordinates and moves some.
struct Layer {
    prefix: String,
    hidden: usize,
    read: Vec<usize>,
    moved: Vec<usize>,
    /// Rows of the network's output between coordinates, and between parameters.
    strides: [usize; 2],
    transformer: TransformerSpec,
    /// The side that the network reads; `None` if what it reads is the same on both.
    fast: Option<Fast>,
}

/// The two ways through a flow.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    ToData,
    ToNoise,
}

impl Reference<'_> {
    /// ln q(x) (nats) of one row.
    pub fn log_prob(&self, x: &[f64]) -> f64 {
        match self.0.architecture() {
            Architecture::Made(spec) => self.made(spec, x),
            Architecture::RealNvp(_) | Architecture::Nsf(_) | Architecture::Maf(_) => {
                let (z, log_det) = self.through(ALL, Way::ToNoise, x);
                normal(&z) + log_det
            }
        }
    }

    /// y = T(z) of a flow; the identity for a model that has no map.
    pub fn push(&self, z: &[f64]) -> Vec<f64> {
        self.through(ALL, Way::ToData, z).0
    }

    /// z = T⁻¹(y) of a flow.
    pub fn pull(&self, y: &[f64]) -> Vec<f64> {
        self.through(ALL, Way::ToNoise, y).0
    }

    /// How far roundings may move the draw with the noise `z`: the bound of `pushforward::coupling`
    /// on ln q, and the same sum for the noise that the row is taken back to.
    pub fn roundings(&self, z: &[f64]) -> Roundings {
        let (layers, affine) = self.layers();
        let dim = z.len();
        let mut all = Roundings { log_prob: 0.0, noise: 0.0 };
        for n in 0..=layers.len() + usize::from(affine) {
            let (h, _) = self.through(n, Way::ToData, z);
            // Squares of ∇ ln q_n and of all derivatives of the noise.
            let (mut gradient, mut jacobian) = (0.0, 0.0);
            for d in 0..dim {
                let step = 1e-7 * h[d].abs().max(1e-3);
                let at = |by: f64| {
                    let mut moved = h.clone();
                    moved[d] += by;
                    let (z, log_det) = self.through(n, Way::ToNoise, &moved);
                    (normal(&z) + log_det, z)
                };
                let (up, down) = (at(step), at(-step));
                gradient += ((up.0 - down.0) / (2.0 * step)).powi(2);
                let pairs = up.1.iter().zip(&down.1);
                jacobian += pairs.map(|(u, d)| ((u - d) / (2.0 * step)).powi(2)).sum::<f64>();
            }
            let size = 1.0 + norm(&h);
            all.log_prob += ROUNDINGS * (dim as f64 + size * gradient.sqrt());
            all.noise += ROUNDINGS * size * jacobian.sqrt();
        }
        all
    }

    /// The other side of the first `n` layers, the affine one being the last of all, and
    /// ln |det ∂z/∂x|.
    fn through(&self, n: usize, way: Way, from: &[f64]) -> (Vec<f64>, f64) {
        let (layers, affine) = self.layers();
        let affine = affine && n > layers.len();
        let layers = &layers[..n.min(layers.len())];
        let mut values = from.to_vec();
        let mut log_det = 0.0;
        let affine_layer = |values: &mut [f64], log_det: &mut f64| {
            if !affine {
                return;
            }
            let (scales, shifts) = (self.tensor("affine.log_scale"), self.tensor("affine.shift"));
            for ((x, s), t) in values.iter_mut().zip(scales).zip(shifts) {
                *x = if way == Way::ToData { *x * s.exp() + t } else { (*x - t) * (-s).exp() };
                *log_det -= s;
            }
        };
        match way {
            Way::ToData => {
                layers.iter().for_each(|l| log_det += self.layer(l, way, &mut values));
                affine_layer(&mut values, &mut log_det);
            }
            Way::ToNoise => {
                affine_layer(&mut values, &mut log_det);
                layers.iter().rev().for_each(|l| log_det += self.layer(l, way, &mut values));
            }
        }
        (values, log_det)
    }

    /// A flow's layers from noise to data, and whether an affine one follows.
    fn layers(&self) -> (Vec<Layer>, bool) {
        let couplings = |couplings: &[CouplingSpec], transformer: TransformerSpec| {
            let layer = |(l, spec): (usize, &CouplingSpec)| {
                let among = |kept: bool| -> Vec<usize> {
                    (0..spec.mask.len()).filter(|d| spec.mask[*d] == kept).collect()
                };
                let (read, moved) = (among(true), among(false));
                let (prefix, hidden) = (format!("coupling.{l}."), spec.hidden.len());
                let strides = [1, moved.len()];
                Layer { prefix, hidden, read, moved, strides, transformer, fast: None }
            };
            couplings.iter().enumerate().map(layer).collect()
        };
        match self.0.architecture() {
            Architecture::Made(_) => (Vec::new(), false),
            Architecture::RealNvp(spec) => {
                (couplings(&spec.couplings, spec.transformer()), spec.affine)
            }
            Architecture::Nsf(spec) => {
                (couplings(&spec.couplings, spec.transformer()), spec.affine)
            }
            Architecture::Maf(spec) => {
                let layers = spec.layers.iter().enumerate().map(|(l, layer)| Layer {
                    prefix: format!("autoregressive.{l}."),
                    hidden: layer.hidden.len(),
                    read: layer.order.clone(),
                    moved: layer.order.clone(),
                    strides: [spec.transformer.parameters(), 1],
                    transformer: spec.transformer,
                    fast: Some(spec.fast),
                });
                (layers.collect(), spec.affine)
            }
        }
    }

    /// Moves the coordinates of a layer and returns ln |det ∂z/∂x|. Where the network reads the side
    /// that is being made, a coordinate needs those before it: one pass of the network for each.
    fn layer(&self, layer: &Layer, way: Way, values: &mut [f64]) -> f64 {
        let given = values.to_vec();
        let network = |x: &[f64]| {
            let read = layer.read.iter().map(|d| x[*d]).collect();
            let hidden = self.hidden(&layer.prefix, layer.hidden, read);
            self.dense(&format!("{}output", layer.prefix), &hidden)
        };
        let read_is_made = match layer.fast {
            None => false,
            Some(Fast::Density) => way == Way::ToData,
            Some(Fast::Sampling) => way == Way::ToNoise,
        };
        let mut outputs = network(&given);
        let mut log_det = 0.0;
        for (j, d) in layer.moved.iter().enumerate() {
            if read_is_made && j > 0 {
                outputs = network(values);
            }
            let [coordinate, parameter] = layer.strides;
            let parameters: Vec<f64> = (0..layer.transformer.parameters())
                .map(|p| outputs[j * coordinate + p * parameter])
                .collect();
            let (value, log_slope) = transform(layer.transformer, &parameters, way, given[*d]);
            values[*d] = value;
            log_det += log_slope;
        }
        log_det
    }

    fn made(&self, spec: &MadeSpec, s: &[f64]) -> f64 {
        match spec.symmetry {
            Symmetry::None => self.conditionals(spec, s),
            Symmetry::Z2 => {
                let flipped: Vec<_> = s.iter().map(|s| -s).collect();
                let (a, b) = (self.conditionals(spec, s), self.conditionals(spec, &flipped));
                let most = a.max(b);
                most + ((a - most).exp() + (b - most).exp()).ln() - 2f64.ln()
            }
        }
    }

    /// Σ ln p(s_i | s_<i). The masks are zeros in the tensors.
    fn conditionals(&self, spec: &MadeSpec, s: &[f64]) -> f64 {
        let mut logits = self.tensor("output.bias");
        let hidden = self.hidden("", spec.hidden.len(), s.to_vec());
        let mut add = |name: &str, x: &[f64]| {
            for (logit, row) in logits.iter_mut().zip(self.tensor(name).chunks(x.len())) {
                *logit += dot(row, x);
            }
        };
        if !spec.hidden.is_empty() {
            add("output.weight", &hidden);
        }
        if spec.pairwise {
            add("pairwise.weight", s);
        }
        logits.iter().zip(s).map(|(logit, s)| -(-logit * s).exp().ln_1p()).sum()
    }

    /// A stack of leaky layers.
    fn hidden(&self, prefix: &str, layers: usize, mut x: Vec<f64>) -> Vec<f64> {
        for l in 0..layers {
            let name = format!("{prefix}hidden.{l}");
            let slopes = self.tensor(&format!("{name}.slope"));
            let leaky = |(x, slope): (f64, f64)| if x > 0.0 { x } else { slope * x };
            x = self.dense(&name, &x).into_iter().zip(slopes).map(leaky).collect();
        }
        x
    }

    fn dense(&self, name: &str, x: &[f64]) -> Vec<f64> {
        let weights = self.tensor(&format!("{name}.weight"));
        let biases = self.tensor(&format!("{name}.bias"));
        let n = x.len();
        biases
            .iter()
            .enumerate()
            .map(|(o, bias)| bias + dot(&weights[o * n..(o + 1) * n], x))
            .collect()
    }

    fn tensor(&self, name: &str) -> Vec<f64> {
        let data = self.0.tensor(name).map_or(&[][..], |t| &t.data);
        data.iter().map(|x| f64::from(*x)).collect()
    }
}

/// The other side of one coordinate, and ln |dz/dx|.
fn transform(transformer: TransformerSpec, raw: &[f64], way: Way, value: f64) -> (f64, f64) {
    match transformer {
        TransformerSpec::Affine { log_scale_bound } => {
            let bound = f64::from(log_scale_bound);
            let (s, t) = (bound * (raw[0] / bound).tanh(), raw[1]);
            match way {
                Way::ToData => (value * s.exp() + t, -s),
                Way::ToNoise => ((value - t) * (-s).exp(), -s),
            }
        }
        TransformerSpec::RationalQuadratic { bins, bound } => {
            spline(bins, f64::from(bound), raw, way, value)
        }
    }
}

/// The rational-quadratic spline from data x to noise y, as Durkan et al. (arXiv:1906.04032) write
/// it, and its inverse.
fn spline(bins: usize, bound: f64, raw: &[f64], way: Way, value: f64) -> (f64, f64) {
    if value.abs() >= bound {
        return (value, 0.0);
    }
    const LEAST: f64 = 1e-3;
    let knots = |raw: &[f64]| {
        let most = raw.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let parts: Vec<f64> = raw.iter().map(|u| (u - most).exp()).collect();
        let sum: f64 = parts.iter().sum();
        let mut knots = vec![-bound];
        for part in parts {
            let width = 2.0 * bound * (LEAST + (1.0 - LEAST * bins as f64) * part / sum);
            knots.push(knots[knots.len() - 1] + width);
        }
        knots[bins] = bound;
        knots
    };
    let (xs, ys) = (knots(&raw[..bins]), knots(&raw[bins..2 * bins]));
    let offset = ((1.0 - LEAST).exp() - 1.0).ln();
    let derivative = |k: usize| {
        if k == 0 || k == bins {
            return 1.0;
        }
        let u: f64 = raw[2 * bins + k - 1] + offset;
        LEAST + u.max(0.0) + (-u.abs()).exp().ln_1p()
    };
    let from = if way == Way::ToNoise { &xs } else { &ys };
    let k = from[1..bins].partition_point(|knot| *knot <= value);
    let (w, h) = (xs[k + 1] - xs[k], ys[k + 1] - ys[k]);
    let (s, d0, d1) = (h / w, derivative(k), derivative(k + 1));
    let t = match way {
        Way::ToNoise => (value - xs[k]) / w,
        Way::ToData => {
            let y = value - ys[k];
            let bend = y * (d0 + d1 - 2.0 * s);
            let (a, b, c) = (h * (s - d0) + bend, h * d0 - bend, -s * y);
            2.0 * c / (-b - (b * b - 4.0 * a * c).sqrt())
        }
    };
    let v = 1.0 - t;
    let den = s + (d0 + d1 - 2.0 * s) * t * v;
    let slope = s * s * (d1 * t * t + 2.0 * s * t * v + d0 * v * v) / (den * den);
    let other = match way {
        Way::ToNoise => ys[k] + h * t * (s * t + d0 * v) / den,
        Way::ToData => xs[k] + w * t,
    };
    (other, slope.ln())
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn norm(x: &[f64]) -> f64 {
    dot(x, x).sqrt()
}

/// ln N(z; 0, 1).
pub fn normal(z: &[f64]) -> f64 {
    let half_ln_2pi = 0.5 * (2.0 * std::f64::consts::PI).ln();
    z.iter().map(|z| -0.5 * z * z - half_ln_2pi).sum()
}

/// ln |det J| of the dense Jacobian of `f` at `x`, by central differences and elimination, and how
/// far off it may be: what differences of a tenth of the width change.
pub fn log_det_by_differences(f: impl Fn(&[f64]) -> Vec<f64>, x: &[f64]) -> [f64; 2] {
    let [wide, narrow] = [1e-5, 1e-6].map(|step| log_det_by(step, &f, x));
    [narrow, (wide - narrow).abs()]
}

fn log_det_by(step: f64, f: &impl Fn(&[f64]) -> Vec<f64>, x: &[f64]) -> f64 {
    let n = x.len();
    // J transposed: row j is ∂f/∂x_j; the determinant is the same.
    let mut rows: Vec<Vec<f64>> = (0..n)
        .map(|j| {
            let step = step * x[j].abs().max(1.0);
            let at = |sign: f64| {
                let mut moved = x.to_vec();
                moved[j] += sign * step;
                f(&moved)
            };
            at(1.0).iter().zip(at(-1.0)).map(|(up, down)| (up - down) / (2.0 * step)).collect()
        })
        .collect();
    let mut log_det = 0.0;
    for k in 0..n {
        let pivot =
            (k..n).max_by(|a, b| rows[*a][k].abs().total_cmp(&rows[*b][k].abs())).unwrap_or(k);
        rows.swap(k, pivot);
        log_det += rows[k][k].abs().ln();
        let (above, below) = rows.split_at_mut(k + 1);
        for row in below {
            let factor = row[k] / above[k][k];
            for (x, p) in row[k..].iter_mut().zip(&above[k][k..]) {
                *x -= factor * p;
            }
        }
    }
    log_det
}
