//! The models once more, from their description alone: in `f64`, dense, slow, and short enough to
//! check by eye. [`check`](crate::cli) holds the engine against it.

use pushforward::model::{Architecture, CouplingSpec, MadeSpec, Model, RealNvpSpec, Symmetry};

/// A model in `f64`.
#[derive(Clone, Copy, Debug)]
pub struct Reference<'a>(pub &'a Model);

impl Reference<'_> {
    /// ln q(x) (nats) of one row.
    pub fn log_prob(&self, x: &[f64]) -> f64 {
        match self.0.architecture() {
            Architecture::Made(spec) => self.made(spec, x),
            Architecture::RealNvp(spec) => {
                let (z, log_det) = self.inverse(spec, x);
                normal(&z) + log_det
            }
            // No engine runs these yet, so there is nothing to hold against them.
            Architecture::Nsf(_) | Architecture::Maf(_) => f64::NAN,
        }
    }

    /// y = T(z) of a flow; the identity for a model that has no map.
    pub fn push(&self, z: &[f64]) -> Vec<f64> {
        let mut x = z.to_vec();
        let Architecture::RealNvp(spec) = self.0.architecture() else { return x };
        for (l, coupling) in spec.couplings.iter().enumerate() {
            for (d, s, t) in self.coupling(l, coupling, spec.log_scale_bound, &x) {
                x[d] = x[d] * s.exp() + t;
            }
        }
        for (d, (s, t)) in self.affine(spec).enumerate() {
            x[d] = x[d] * s.exp() + t;
        }
        x
    }

    /// z = T⁻¹(y) of a flow.
    pub fn pull(&self, y: &[f64]) -> Vec<f64> {
        match self.0.architecture() {
            Architecture::RealNvp(spec) => self.inverse(spec, y).0,
            Architecture::Made(_) | Architecture::Nsf(_) | Architecture::Maf(_) => y.to_vec(),
        }
    }

    /// T⁻¹(y) and ln |det ∂T⁻¹/∂y|.
    fn inverse(&self, spec: &RealNvpSpec, y: &[f64]) -> (Vec<f64>, f64) {
        let mut x = y.to_vec();
        let mut log_det = 0.0;
        for (d, (s, t)) in self.affine(spec).enumerate() {
            x[d] = (x[d] - t) * (-s).exp();
            log_det -= s;
        }
        for (l, coupling) in spec.couplings.iter().enumerate().rev() {
            for (d, s, t) in self.coupling(l, coupling, spec.log_scale_bound, &x) {
                x[d] = (x[d] - t) * (-s).exp();
                log_det -= s;
            }
        }
        (x, log_det)
    }

    /// For each moved coordinate: which, its log-scale, its shift.
    fn coupling(
        &self,
        l: usize,
        spec: &CouplingSpec,
        bound: f32,
        x: &[f64],
    ) -> Vec<(usize, f64, f64)> {
        let kept = spec.mask.iter().zip(x).filter(|(kept, _)| **kept).map(|(_, x)| *x).collect();
        let hidden = self.hidden(&format!("coupling.{l}."), spec.hidden.len(), kept);
        let out = self.dense(&format!("coupling.{l}.output"), &hidden);
        let moved: Vec<_> = (0..x.len()).filter(|d| !spec.mask[*d]).collect();
        let bound = f64::from(bound);
        let (raw, shift) = out.split_at(moved.len());
        let scales = raw.iter().map(|raw| bound * (raw / bound).tanh());
        moved.into_iter().zip(scales).zip(shift).map(|((d, s), t)| (d, s, *t)).collect()
    }

    fn affine(&self, spec: &RealNvpSpec) -> impl Iterator<Item = (f64, f64)> {
        let part = |name: &str| if spec.affine { self.tensor(name) } else { Vec::new() };
        part("affine.log_scale").into_iter().zip(part("affine.shift"))
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

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// ln N(z; 0, 1).
pub fn normal(z: &[f64]) -> f64 {
    let half_ln_2pi = 0.5 * (2.0 * std::f64::consts::PI).ln();
    z.iter().map(|z| -0.5 * z * z - half_ln_2pi).sum()
}

/// ln |det J| of the dense Jacobian of `f` at `x`, by central differences and elimination.
pub fn log_det_by_differences(f: impl Fn(&[f64]) -> Vec<f64>, x: &[f64]) -> f64 {
    let n = x.len();
    // J transposed: row j is ∂f/∂x_j; the determinant is the same.
    let mut rows: Vec<Vec<f64>> = (0..n)
        .map(|j| {
            let step = 1e-5 * x[j].abs().max(1.0);
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
