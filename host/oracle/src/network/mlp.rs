//! Dense layers of leaky units, then a linear one.

use pushforward::network::MlpSpec;

use crate::weights::Weights;

pub(crate) fn run(spec: &MlpSpec, weights: &Weights, x: &[f64]) -> Vec<f64> {
    weights.dense("output", &hidden(weights, spec.hidden.len(), x.to_vec()))
}

/// The units of the last of `layers` hidden layers.
pub(crate) fn hidden(weights: &Weights, layers: usize, mut x: Vec<f64>) -> Vec<f64> {
    for l in 0..layers {
        let name = format!("hidden.{l}");
        let slopes = weights.get(&format!("{name}.slope"));
        let leaky = |(x, slope): (f64, &f64)| if x > 0.0 { x } else { slope * x };
        x = weights.dense(&name, &x).into_iter().zip(slopes).map(leaky).collect();
    }
    x
}
