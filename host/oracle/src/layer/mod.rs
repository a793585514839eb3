//! Layers: each replaces the values by those of the other side and returns ln |det ∂z/∂x| (nats).

mod affine;
mod autoregressive;
pub(crate) mod bounds;
mod coupling;
mod lu;
mod partial;
mod permute;
mod rotation;
mod simplex;

use pushforward::bijection::Direction;
use pushforward::model::LayerSpec;

use crate::network;
use crate::weights::Weights;

pub(crate) fn apply(
    spec: &LayerSpec,
    weights: &Weights,
    direction: Direction,
    context: &[f64],
    values: &mut [f64],
) -> f64 {
    match spec {
        LayerSpec::Coupling(spec) => coupling::apply(spec, weights, direction, context, values),
        LayerSpec::Autoregressive(spec) => {
            autoregressive::apply(spec, weights, direction, context, values)
        }
        LayerSpec::Bounds(spec) => bounds::apply(spec, direction, values),
        LayerSpec::Affine(_) => affine::apply(weights, direction, values),
        LayerSpec::Lu(_) => lu::apply(weights, direction, values),
        LayerSpec::Partial(spec) => partial::apply(spec, weights, direction, context, values),
        LayerSpec::Permute(spec) => permute::apply(spec, direction, values),
        LayerSpec::Rotation(_) => rotation::apply(weights, direction, values),
        LayerSpec::Simplex(spec) => simplex::apply(spec, direction, values),
    }
}

/// What a network in the layer reads, if it has one, of the values on the layer's sides, of noise and of data.
pub(crate) fn read(spec: &LayerSpec, sides: [&[f64]; 2]) -> Option<Vec<f64>> {
    match spec {
        LayerSpec::Coupling(spec) => Some(coupling::read(spec, sides[1])),
        LayerSpec::Autoregressive(spec) => Some(autoregressive::read(spec, sides)),
        LayerSpec::Partial(spec) => partial::read(spec, sides),
        _ => None,
    }
}

/// How near what the network in the layer rounds of what it reads is to the edge between two integers, at the nearest, in
/// units of one.
pub(crate) fn edge(spec: &LayerSpec, weights: &Weights, context: &[f64], read: &[f64]) -> f64 {
    match spec {
        LayerSpec::Coupling(spec) => {
            network::edge(&spec.network, weights, &[context, read].concat())
        }
        LayerSpec::Autoregressive(spec) => {
            network::causal_edge(&spec.network, weights, context, read)
        }
        LayerSpec::Partial(spec) => partial::edge(spec, weights, context, read),
        _ => f64::INFINITY,
    }
}
