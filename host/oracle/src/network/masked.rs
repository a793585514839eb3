//! A perceptron whose weights are masked, and direct terms beside it.

use pushforward::network::MaskedSpec;
use pushforward::network::conditioning::AnyConditioning;

use super::mlp::{hidden, unit};
use crate::weights::Weights;

pub(crate) fn run(
    spec: &MaskedSpec,
    weights: &Weights,
    context: &[f64],
    inputs: &[f64],
) -> Vec<f64> {
    let x = [context, inputs].concat();
    let mut outputs = match spec.hidden.len() {
        0 => weights.get("output.bias").to_vec(),
        _ => weights.dense("output", &stream(spec, weights, context, inputs, &x)),
    };
    if let Some(direct) = weights.find("direct.weight") {
        for (out, row) in outputs.iter_mut().zip(direct.chunks(x.len())) {
            *out += row.iter().zip(&x).map(|(w, x)| w * x).sum::<f64>();
        }
    }
    outputs
}

/// What the outputs read: the last units, or a residual network's stream.
fn stream(
    spec: &MaskedSpec,
    weights: &Weights,
    context: &[f64],
    inputs: &[f64],
    x: &[f64],
) -> Vec<f64> {
    let layers = spec.hidden.len();
    let units = |sums: &[f64]| -> Vec<f64> {
        sums.iter().map(|sum| unit(spec.activation, 0.0, *sum)).collect()
    };
    let added = spec.conditioning == AnyConditioning::Added;
    let x = if added { inputs } else { x };
    if spec.conditioning == AnyConditioning::Read && !spec.residual {
        return hidden(weights, layers, spec.activation, x.to_vec());
    }
    let of_context = |l: usize| match context {
        [] => None,
        context => Some(weights.dense(&format!("context.{l}"), context)),
    };
    let plus =
        |a: Vec<f64>, b: &[f64]| -> Vec<f64> { a.iter().zip(b).map(|(a, b)| a + b).collect() };
    let mut stream = weights.dense("hidden.0", x);
    if added && let Some(made) = of_context(0) {
        stream = plus(stream, &units(&made));
    }
    if !spec.residual {
        stream = units(&stream);
        for l in 1..layers {
            stream = units(&weights.dense(&format!("hidden.{l}"), &stream));
        }
        return stream;
    }
    for l in (1..layers).step_by(2) {
        let mut sums = weights.dense(&format!("hidden.{l}"), &units(&stream));
        if added && let Some(made) = of_context(l) {
            sums = plus(sums, &made);
        }
        let mut sums = weights.dense(&format!("hidden.{}", l + 1), &units(&sums));
        if spec.conditioning == AnyConditioning::Gated
            && let Some(made) = of_context(l + 1)
        {
            sums.iter_mut().zip(made).for_each(|(sum, g)| *sum *= 1.0 / (1.0 + (-g).exp()));
        }
        stream = plus(stream, &sums);
    }
    stream
}
