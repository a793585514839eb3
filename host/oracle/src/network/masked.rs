//! A perceptron whose weights are masked, and direct terms beside it.

use pushforward::network::MaskedSpec;

use super::mlp::{hidden, residual};
use crate::weights::Weights;

pub(crate) fn run(
    spec: &MaskedSpec,
    weights: &Weights,
    context: &[f64],
    inputs: &[f64],
) -> Vec<f64> {
    let x = [context, inputs].concat();
    let hidden = if spec.residual { residual } else { hidden };
    let mut outputs = match spec.hidden.len() {
        0 => weights.get("output.bias").to_vec(),
        layers => weights.dense("output", &hidden(weights, layers, spec.activation, x.clone())),
    };
    if let Some(direct) = weights.find("direct.weight") {
        for (out, row) in outputs.iter_mut().zip(direct.chunks(x.len())) {
            *out += row.iter().zip(&x).map(|(w, x)| w * x).sum::<f64>();
        }
    }
    outputs
}
