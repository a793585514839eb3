//! x = z exp(s) + t with s = B tanh(r / B).

use pushforward::bijection::Direction;
use pushforward::univariate::AffineSpec;

pub(crate) fn apply(
    spec: &AffineSpec,
    parameters: &[f64],
    direction: Direction,
    value: f64,
) -> (f64, f64) {
    let bound = f64::from(spec.log_scale_bound);
    let (s, t) = (bound * (parameters[0] / bound).tanh(), parameters[1]);
    match direction {
        Direction::Sampling => (value * s.exp() + t, -s),
        Direction::Density => ((value - t) * (-s).exp(), -s),
    }
}
