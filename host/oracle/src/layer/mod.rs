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

/// How near what a network in the layer rounds is to the edge between two integers, at the nearest, in units
/// of one; the values are those on the sides of noise and of data.
pub(crate) fn edge(
    spec: &LayerSpec,
    weights: &Weights,
    context: &[f64],
    sides: [&[f64]; 2],
) -> f64 {
    match spec {
        LayerSpec::Coupling(spec) => coupling::edge(spec, weights, context, sides[1]),
        LayerSpec::Autoregressive(spec) => autoregressive::edge(spec, weights, context, sides),
        LayerSpec::Partial(spec) => partial::edge(spec, weights, context, sides),
        _ => f64::INFINITY,
    }
}
