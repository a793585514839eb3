//! Maps of one coordinate.

mod affine;
mod cubic_rational;
mod location_scale;
mod rational_quadratic;
mod sinh;

use pushforward::bijection::Direction;
use pushforward::model::UnivariateSpec;

/// ln(1 + eᵘ), without overflow.
fn softplus(u: f64) -> f64 {
    u.max(0.0) + (-u.abs()).exp().ln_1p()
}

/// The value on the other side, and ln |dz/dx| (nats).
pub fn univariate(
    spec: &UnivariateSpec,
    parameters: &[f64],
    direction: Direction,
    value: f64,
) -> (f64, f64) {
    match spec {
        UnivariateSpec::Affine(spec) => affine::apply(spec, parameters, direction, value),
        UnivariateSpec::RationalQuadratic(spec) => {
            rational_quadratic::apply(spec, parameters, direction, value)
        }
        UnivariateSpec::LocationScale(spec) => {
            location_scale::apply(spec, parameters, direction, value)
        }
        UnivariateSpec::CubicRational(_) => cubic_rational::apply(parameters, direction, value),
        UnivariateSpec::Sinh(spec) => sinh::apply(spec, parameters, direction, value),
    }
}
