//! The kept coordinates move the others: parameter p of moved coordinate j of M is output p M + j.

use pushforward::bijection::Direction;
use pushforward::layer::CouplingSpec;

use crate::weights::Weights;
use crate::{network, univariate};

pub(crate) fn apply(
    spec: &CouplingSpec,
    weights: &Weights,
    direction: Direction,
    context: &[f64],
    values: &mut [f64],
) -> f64 {
    let moved: Vec<usize> = (0..values.len()).filter(|d| !spec.mask[*d]).collect();
    let outputs = network::run(&spec.network, weights, &[context, &read(spec, values)].concat());
    let mut log_det = 0.0;
    for (j, d) in moved.iter().enumerate() {
        let parameters: Vec<f64> = outputs[j..].iter().step_by(moved.len()).copied().collect();
        let (value, log_slope) = univariate(&spec.univariate, &parameters, direction, values[*d]);
        values[*d] = value;
        log_det += log_slope;
    }
    log_det
}

/// What the network reads of the values, which are the same on either side.
pub(crate) fn read(spec: &CouplingSpec, values: &[f64]) -> Vec<f64> {
    values.iter().zip(&spec.mask).filter(|(_, kept)| **kept).map(|(x, _)| *x).collect()
}
