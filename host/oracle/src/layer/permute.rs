//! x_i = z_order[i].

use pushforward::bijection::Direction;
use pushforward::layer::PermuteSpec;

pub(crate) fn apply(spec: &PermuteSpec, direction: Direction, values: &mut [f64]) -> f64 {
    let was = values.to_vec();
    for (i, d) in spec.order.iter().enumerate() {
        match direction {
            Direction::Sampling => values[i] = was[*d],
            Direction::Density => values[*d] = was[i],
        }
    }
    0.0
}
