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
    let among = |kept: bool| (0..values.len()).filter(move |d| spec.mask[*d] == kept);
    let kept = among(true).map(|d| values[d]);
    let read: Vec<f64> = context.iter().copied().chain(kept).collect();
    let moved: Vec<usize> = among(false).collect();
    let outputs = network::run(&spec.network, weights, &read);
    let mut log_det = 0.0;
    for (j, d) in moved.iter().enumerate() {
        let parameters: Vec<f64> = outputs[j..].iter().step_by(moved.len()).copied().collect();
        let (value, log_slope) = univariate(&spec.univariate, &parameters, direction, values[*d]);
        values[*d] = value;
        log_det += log_slope;
    }
    log_det
}
