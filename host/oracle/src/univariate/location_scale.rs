//! A scale `a = g(r)` and a shift `t`: `z = a x + t`, or `x = a z + t`.

use pushforward::bijection::Direction;
use pushforward::univariate::{LocationScaleSpec, ScaleSpec};

use super::softplus;

pub(crate) fn apply(
    spec: &LocationScaleSpec,
    parameters: &[f64],
    direction: Direction,
    value: f64,
) -> (f64, f64) {
    let (raw, shift) = (parameters[0], parameters[1]);
    let scale = match spec.scale {
        ScaleSpec::Exp => raw.exp(),
        ScaleSpec::SoftExp { bound } => (raw / (1.0 + raw.abs() / f64::from(bound))).exp(),
        ScaleSpec::Softplus { least, most } => {
            (softplus(raw) + f64::from(least)).min(f64::from(most))
        }
        ScaleSpec::Sigmoid { least } => 1.0 / (1.0 + (-raw - 2.0).exp()) + f64::from(least),
    };
    let new =
        if direction == spec.multiplies { scale * value + shift } else { (value - shift) / scale };
    let log = scale.ln();
    (new, if spec.multiplies == Direction::Density { log } else { -log })
}
