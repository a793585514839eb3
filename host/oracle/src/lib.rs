//! The models once more, from their description and their tensors alone: in `f64`, dense, slow, and
//! short enough to check by eye.
//!
//! The verb `check`, the laws of the engine and the tests of training hold what they test against this
//! one oracle. It shares no code with the engine, only the description; a part is one file, in the
//! place where the engine has it. It is a crate of its own because the engine's tests use it too.
//!
//! ```
//! use pushforward::model::{Arithmetic, Model, Symmetry, preset};
//! use pushforward_oracle::Oracle;
//!
//! // No parameter set: four fair coins.
//! let model = Model::new(preset::made(&[4], &[], true, Symmetry::None), Arithmetic::Fused)?;
//! let log_prob = Oracle::new(&model).log_prob(&[], &[1.0, -1.0, 1.0, 1.0]);
//! assert!((log_prob - 4.0 * 0.5f64.ln()).abs() < 1e-12);
//! # Ok::<(), pushforward::model::ModelError>(())
//! ```

#![forbid(unsafe_code)]

mod base;
mod conditional;
mod constraint;
mod layer;
mod linear;
mod network;
mod symmetry;
mod univariate;
mod weights;

use std::ops::Range;

use pushforward::bijection::Direction;
use pushforward::model::{Description, FlowSpec, Model, SitesSpec, Symmetry};

pub use linear::log_abs_det;
pub use univariate::univariate;
use weights::Weights;

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

/// A model in `f64`.
#[derive(Clone, Debug)]
pub struct Oracle<'a> {
    description: &'a Description,
    weights: Weights,
}

impl<'a> Oracle<'a> {
    /// With the model's own parameters.
    pub fn new(model: &'a Model) -> Self {
        let parameters: Vec<f64> = model.parameters().iter().map(|x| f64::from(*x)).collect();
        Self::with_parameters(model.description(), &parameters)
    }

    /// With other parameters, tensor after tensor in canonical order; what the masks hide of them
    /// counts as 0.
    pub fn with_parameters(description: &'a Description, parameters: &[f64]) -> Self {
        Self { description, weights: Weights::new(description, parameters) }
    }

    /// ln q(row | context) (nats).
    pub fn log_prob(&self, context: &[f64], row: &[f64]) -> f64 {
        match self.description {
            Description::Flow(flow) => {
                let context = self.embedded(context);
                let (z, log_det) =
                    self.through(flow, 0..flow.layers.len(), Direction::Density, &context, row);
                base::log_prob(&flow.base, &self.weights.within("base"), &z) + log_det
            }
            Description::Sites(sites) => {
                let context = self.embedded(context);
                self.sites(sites, &context, row)
            }
        }
    }

    /// A context as the parts of the model see it.
    pub fn embedded(&self, context: &[f64]) -> Vec<f64> {
        match self.description.embedding() {
            None => context.to_vec(),
            Some(spec) => network::run(&spec.network, &self.weights.within("embedding"), context),
        }
    }

    fn sites(&self, spec: &SitesSpec, context: &[f64], row: &[f64]) -> f64 {
        let one = |row: &[f64]| {
            conditional::log_prob(spec, &self.weights.within("network"), context, row)
        };
        let even = |row: &[f64]| match spec.symmetry {
            Symmetry::None => one(row),
            Symmetry::Z2 => {
                let mirror: Vec<f64> = row.iter().map(|s| -s).collect();
                log_mean_exp(&[one(row), one(&mirror)])
            }
        };
        match &spec.group {
            None => even(row),
            Some(group) => {
                let domain = spec.conditional.domain();
                let images = symmetry::images(group, &spec.shape, domain, row);
                log_mean_exp(&images.iter().map(|image| even(image)).collect::<Vec<_>>())
            }
        }
    }

    /// A flow's layers; none for a model that has no map.
    pub fn layers(&self) -> usize {
        match self.description {
            Description::Flow(flow) => flow.layers.len(),
            Description::Sites(_) => 0,
        }
    }

    /// The values on the other side of a flow's first `n` layers, counted from the noise, and
    /// ln |det ∂z/∂x| (nats).
    ///
    /// # Panics
    /// If the model is no flow.
    pub fn other_side(
        &self,
        n: usize,
        direction: Direction,
        context: &[f64],
        values: &[f64],
    ) -> (Vec<f64>, f64) {
        self.beyond(0..n, direction, context, values)
    }

    /// The same of these layers alone, counted from the noise.
    ///
    /// # Panics
    /// If the model is no flow, or has no such layers.
    pub fn beyond(
        &self,
        layers: Range<usize>,
        direction: Direction,
        context: &[f64],
        values: &[f64],
    ) -> (Vec<f64>, f64) {
        let Description::Flow(flow) = self.description else { panic!("sites have no map") };
        let context = self.embedded(context);
        self.through(flow, layers, direction, &context, values)
    }

    /// z = f(x) of all layers.
    ///
    /// # Panics
    /// If the model is no flow.
    pub fn to_noise(&self, context: &[f64], x: &[f64]) -> (Vec<f64>, f64) {
        self.other_side(self.layers(), Direction::Density, context, x)
    }

    /// x = f⁻¹(z) of all layers.
    ///
    /// # Panics
    /// If the model is no flow.
    pub fn to_data(&self, context: &[f64], z: &[f64]) -> (Vec<f64>, f64) {
        self.other_side(self.layers(), Direction::Sampling, context, z)
    }

    /// ln p(z) of a flow's base (nats).
    ///
    /// # Panics
    /// If the model is no flow.
    pub fn base_log_prob(&self, z: &[f64]) -> f64 {
        let Description::Flow(flow) = self.description else { panic!("sites have no base") };
        base::log_prob(&flow.base, &self.weights.within("base"), z)
    }

    fn through(
        &self,
        flow: &FlowSpec,
        layers: Range<usize>,
        direction: Direction,
        context: &[f64],
        values: &[f64],
    ) -> (Vec<f64>, f64) {
        let mut values = values.to_vec();
        let mut log_det = 0.0;
        let mut step = |l: usize| {
            let weights = self.weights.within(&format!("layers.{l}"));
            log_det += layer::apply(&flow.layers[l], &weights, direction, context, &mut values);
        };
        match direction {
            Direction::Sampling => layers.for_each(&mut step),
            Direction::Density => layers.rev().for_each(&mut step),
        }
        (values, log_det)
    }

    /// How near what networks of integers read of a row is to the edge between two integers, at the nearest,
    /// in units of one: where it is as near as roundings, those decide which integer is read, and another
    /// evaluation of the model may find another. Infinite for a model that has none.
    ///
    /// The embedding is not looked at.
    pub fn edge(&self, context: &[f64], row: &[f64]) -> f64 {
        let flow = match self.description {
            Description::Flow(flow) => flow,
            Description::Sites(sites) => {
                let weights = self.weights.within("network");
                return network::sites_edge(&sites.network, &weights, &self.embedded(context));
            }
        };
        let mut nearest = f64::INFINITY;
        self.each_network(context, row, |l, given, read| {
            let weights = self.weights.within(&format!("layers.{l}"));
            nearest = layer::edge(&flow.layers[l], &weights, given, read).min(nearest);
        });
        nearest
    }

    /// Takes a row to the noise, and tells of each layer with a network on the way: its number, counted from the
    /// noise, and what the network reads, of the context and of the layer's values.
    ///
    /// # Panics
    /// If the model is no flow.
    pub fn each_network(
        &self,
        context: &[f64],
        row: &[f64],
        mut visit: impl FnMut(usize, &[f64], &[f64]),
    ) {
        let Description::Flow(flow) = self.description else { panic!("sites have no layers") };
        let (given, mut values) = (self.embedded(context), row.to_vec());
        for l in (0..flow.layers.len()).rev() {
            let noise = self.through(flow, l..l + 1, Direction::Density, &given, &values).0;
            if let Some(read) = layer::read(&flow.layers[l], [&noise, &values]) {
                visit(l, &given, &read);
            }
            values = noise;
        }
    }

    /// How far roundings may move the draw with the noise `z`: the bound of [`pushforward::flow`] on
    /// ln q, and the same sum for the noise that the row is taken back to.
    ///
    /// # Panics
    /// If the model is no flow.
    pub fn roundings(&self, context: &[f64], z: &[f64]) -> Roundings {
        let dim = z.len();
        let mut all = Roundings { log_prob: 0.0, noise: 0.0 };
        for n in 0..=self.layers() {
            let (h, _) = self.other_side(n, Direction::Sampling, context, z);
            // Squares of ∇ ln q_n and of all derivatives of the noise.
            let (mut gradient, mut jacobian) = (0.0, 0.0);
            for d in 0..dim {
                let step = 1e-7 * h[d].abs().max(1e-3);
                let at = |by: f64| {
                    let mut moved = h.clone();
                    moved[d] += by;
                    let (z, log_det) = self.other_side(n, Direction::Density, context, &moved);
                    (self.base_log_prob(&z) + log_det, z)
                };
                let (up, down) = (at(step), at(-step));
                gradient += ((up.0 - down.0) / (2.0 * step)).powi(2);
                let pairs = up.1.iter().zip(&down.1);
                jacobian += pairs.map(|(u, d)| ((u - d) / (2.0 * step)).powi(2)).sum::<f64>();
            }
            let size = 1.0 + h.iter().map(|x| x * x).sum::<f64>().sqrt();
            all.log_prob += ROUNDINGS * (dim as f64 + size * gradient.sqrt());
            all.noise += ROUNDINGS * size * jacobian.sqrt();
        }
        all
    }

    /// ln |det ∂z/∂x| at `x` from the dense Jacobian, by central differences and elimination, and how
    /// far off it may be: what differences of a tenth of the width change.
    ///
    /// # Panics
    /// If the model is no flow.
    pub fn log_det_by_differences(&self, context: &[f64], x: &[f64]) -> [f64; 2] {
        let by = |step| linear::log_det_by(step, |x| self.to_noise(context, x).0, x);
        let [wide, narrow] = [1e-5, 1e-6].map(by);
        [narrow, (wide - narrow).abs()]
    }
}

/// The logarithm of the mean of exponentials.
fn log_mean_exp(all: &[f64]) -> f64 {
    let most = all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if most == f64::NEG_INFINITY {
        return most;
    }
    most + (all.iter().map(|a| (a - most).exp()).sum::<f64>() / all.len() as f64).ln()
}
