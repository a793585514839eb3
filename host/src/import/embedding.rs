//! Embedding networks, which the libraries leave to PyTorch: standardisation, dense layers and
//! activations, folded into one perceptron.

use pushforward::model::EmbeddingSpec;
use pushforward::network::MlpSpec;

use super::linear::wide;
use super::network::{Column, Linear, Network};
use super::settings::{self, Settings};
use super::{State, Tensors};
use crate::error::Result;

/// The embedding of a flow's context, whose layers the settings list and whose tensors are
/// `embedding.{k}.{weight, bias, mean, std}`.
pub(super) fn read(state: &State, settings: &Settings) -> Result<Option<(EmbeddingSpec, Tensors)>> {
    if settings.embedding.is_empty() {
        return Ok(None);
    }
    let n = settings.context;
    let mut layers: Vec<Linear> = Vec::new();
    let mut activations = Vec::new();
    // What was standardised, until a dense layer takes it in.
    let mut pending: Option<(Vec<f64>, Vec<f64>)> = None;
    let wrong = |k: usize, found: &str, expected: &str| {
        settings.fault(format!("embedding.{k}.kind: found \"{found}\", expected {expected}"))
    };
    for (k, layer) in settings.embedding.iter().enumerate() {
        let path = format!("embedding.{k}");
        match layer.kind.as_str() {
            "Identity" | "Flatten" => {}
            "Standardize" if layers.is_empty() && pending.is_none() => {
                let read = |what: &str| wide(state, &format!("{path}.{what}"), n);
                let (mean, deviation) = (read("mean")?, read("std")?);
                pending = Some((mean, deviation));
            }
            "Linear" => {
                if activations.len() < layers.len() {
                    return Err(wrong(k, "Linear", "an activation between dense layers"));
                }
                let mut dense = Linear::read(state, &path, false)?;
                if let Some((mean, deviation)) = pending.take() {
                    for (row, bias) in dense.weight.chunks_mut(n.max(1)).zip(&mut dense.bias) {
                        for ((w, mean), deviation) in row.iter_mut().zip(&mean).zip(&deviation) {
                            *w /= deviation;
                            *bias -= *w * mean;
                        }
                    }
                }
                layers.push(dense);
            }
            name => match settings::activation(name) {
                Some(activation) if activations.len() + 1 == layers.len() => {
                    activations.push(activation);
                }
                Some(_) => return Err(wrong(k, name, "a dense layer before it")),
                None => {
                    let known = settings::ACTIVATIONS;
                    let expected =
                        format!("Standardize (first), Linear, Identity, Flatten, {known}");
                    return Err(wrong(k, name, &expected));
                }
            },
        }
    }
    if let Some((mean, deviation)) = pending.take() {
        // Nothing took it in: it is all there is.
        let diagonal = |i: usize| if i / n == i % n { 1.0 / deviation[i / n] } else { 0.0 };
        let bias = mean.iter().zip(&deviation).map(|(mean, deviation)| -mean / deviation).collect();
        let weight = (0..n * n).map(diagonal).collect();
        layers.push(Linear { rows: n, columns: n, weight, bias, mask: None });
    }
    let Some(last) = layers.last() else { return Ok(None) };
    if activations.len() == layers.len() {
        return Err(wrong(
            settings.embedding.len() - 1,
            "an activation",
            "a dense layer at the end",
        ));
    }
    if activations.windows(2).any(|pair| pair[0] != pair[1]) {
        return Err(
            settings.fault("embedding: found several activations, expected one for all layers")
        );
    }
    let outputs = last.rows;
    let activation = activations.first().copied().unwrap_or_default();
    let inputs = (0..n).map(Column::Context).collect();
    let given = (0..outputs).map(|d| [d, 0]).collect();
    let network = Network::plain(layers, activation, inputs, given);
    let moved: Vec<usize> = (0..outputs).collect();
    let fault = |message: String| state.fault(format!("`embedding`: {message}"));
    let (network, tensors): (MlpSpec, Tensors) = network.coupled(&moved).map_err(fault)?;
    Ok(Some((EmbeddingSpec { outputs, network: network.into() }, tensors)))
}
