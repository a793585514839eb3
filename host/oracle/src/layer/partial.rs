//! The values of a range, moved by a layer as if there were no others.

use pushforward::bijection::Direction;
use pushforward::layer::PartialSpec;

use crate::weights::Weights;

pub(crate) fn apply(
    spec: &PartialSpec,
    weights: &Weights,
    direction: Direction,
    context: &[f64],
    values: &mut [f64],
) -> f64 {
    let [first, end] = spec.range;
    let layer = spec.layer.clone().into();
    super::apply(&layer, &weights.within("layer"), direction, context, &mut values[first..end])
}

/// What the network reads of the range.
pub(crate) fn read(spec: &PartialSpec, sides: [&[f64]; 2]) -> Option<Vec<f64>> {
    let [first, end] = spec.range;
    super::read(&spec.layer.clone().into(), sides.map(|values| &values[first..end]))
}

/// As that of the layer.
pub(crate) fn edge(spec: &PartialSpec, weights: &Weights, context: &[f64], read: &[f64]) -> f64 {
    super::edge(&spec.layer.clone().into(), &weights.within("layer"), context, read)
}
