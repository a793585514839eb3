//! x = z exp(a) + b.

use pushforward::bijection::Direction;

use crate::weights::Weights;

pub(crate) fn apply(weights: &Weights, direction: Direction, values: &mut [f64]) -> f64 {
    let (scales, shifts) = (weights.get("log_scale"), weights.get("shift"));
    for ((x, a), b) in values.iter_mut().zip(scales).zip(shifts) {
        *x = match direction {
            Direction::Sampling => *x * a.exp() + b,
            Direction::Density => (*x - b) * (-a).exp(),
        };
    }
    -scales.iter().sum::<f64>()
}
