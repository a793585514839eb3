//! Coordinate order[i] is moved by what the network makes of those before it, on the side that it
//! reads: one pass of the whole network for each.

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
    // What the network is to see of a site is written when the site's turn is over.
    let mut inputs = vec![0.0; values.len()];
    let mut log_det = 0.0;
    for (site, d) in spec.order[..spec.kept].iter().enumerate() {
        inputs[site] = values[*d];
    }
    for (site, d) in spec.order.iter().enumerate().skip(spec.kept) {
        let outputs = network::run_causal(&spec.network, weights, context, &inputs);
        let parameters = &outputs[site * p..(site + 1) * p];
        let (value, log_slope) = univariate(&spec.univariate, parameters, direction, values[*d]);
        inputs[site] = if direction == spec.fast { values[*d] } else { value };
        values[*d] = value;
        log_det += log_slope;
    }
    log_det
}
