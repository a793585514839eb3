//! Coordinate order[i] is moved by what the network makes of those before it, on the side that it
//! reads: one pass of the whole network for each, or one where that side is given.

use pushforward::bijection::Direction;
use pushforward::layer::AutoregressiveSpec;

use crate::weights::Weights;
use crate::{network, univariate};

pub(crate) fn apply(
    spec: &AutoregressiveSpec,
    weights: &Weights,
    direction: Direction,
    context: &[f64],
    values: &mut [f64],
) -> f64 {
    let p = spec.univariate.parameters();
    let run = |inputs: &[f64]| network::run_causal(&spec.network, weights, context, inputs);
    let given = direction == spec.fast;
    // What the network is to see of a site that is not given is written when the site's turn is over.
    let known =
        |(site, d): (usize, &usize)| if given || site < spec.kept { values[*d] } else { 0.0 };
    let mut inputs: Vec<f64> = spec.order.iter().enumerate().map(known).collect();
    let mut outputs = run(&inputs);
    let mut log_det = 0.0;
    for (site, d) in spec.order.iter().enumerate().skip(spec.kept) {
        let parameters = &outputs[site * p..(site + 1) * p];
        let (value, log_slope) = univariate(&spec.univariate, parameters, direction, values[*d]);
        values[*d] = value;
        log_det += log_slope;
        if !given {
            inputs[site] = value;
            outputs = run(&inputs);
        }
    }
    log_det
}

/// What the network reads of the values on the sides of noise and of data.
pub(crate) fn read(spec: &AutoregressiveSpec, [noise, data]: [&[f64]; 2]) -> Vec<f64> {
    let side = if spec.fast == Direction::Density { data } else { noise };
    spec.order.iter().map(|d| side[*d]).collect()
}
