//! A scale `a = g(r)` and a shift `t`: `z = a x + t`, or `x = a z + t`.

use pushforward::bijection::Direction;
use pushforward::univariate::location_scale::MAX_RAW;
use pushforward::univariate::{LocationScaleSpec, ScaleSpec};

use super::{soft_clip, softplus, written};

pub(crate) fn apply(
    spec: &LocationScaleSpec,
    parameters: &[f64],
    direction: Direction,
    value: f64,
) -> (f64, f64) {
    let (raw, shift) = (parameters[0], parameters[1]);
    let scale = match spec.scale {
        ScaleSpec::Exp => raw.exp(),
        ScaleSpec::SoftExp { least } => soft_clip(raw, -written(least).ln()).exp(),
        ScaleSpec::Softplus { least, most } => (softplus(raw) + written(least)).min(written(most)),
        ScaleSpec::Sigmoid { least } => 1.0 / (1.0 + (-raw - 2.0).exp()) + written(least),
        // Without the cut it overflows where the engine does not.
        ScaleSpec::OverSigmoid => 1.0 + (-raw.max(-f64::from(MAX_RAW)) - 2.0).exp(),
    };
    let new =
        if direction == spec.multiplies { scale * value + shift } else { (value - shift) / scale };
    let log = scale.ln();
    (new, if spec.multiplies == Direction::Density { log } else { -log })
}
