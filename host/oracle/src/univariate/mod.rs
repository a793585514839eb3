//! Maps of one coordinate.

mod affine;
mod cubic_rational;
mod location_scale;
mod mixture_cdf;
mod rational_quadratic;
mod sinh;

use pushforward::bijection::Direction;
use pushforward::model::UnivariateSpec;

/// ln(1 + eᵘ), without overflow.
pub(crate) fn softplus(u: f64) -> f64 {
    u.max(0.0) + (-u.abs()).exp().ln_1p()
}

/// r/(1 + |r|/b).
pub(crate) fn soft_clip(r: f64, bound: f64) -> f64 {
    r / (1.0 + r.abs() / bound)
}

/// The number that a description's text says: 0.001, and not the `f32` next to it, of which the engine
/// has to make do.
fn written(x: f32) -> f64 {
    x.to_string().parse().expect("a number's text is a number")
}

/// Half the length of an interval: π where it is the `f32` next to π.
pub(crate) fn extent(bound: f32) -> f64 {
    if bound == std::f32::consts::PI { std::f64::consts::PI } else { bound.into() }
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
        UnivariateSpec::MixtureCdf(spec) => mixture_cdf::apply(spec, parameters, direction, value),
        UnivariateSpec::Sinh(spec) => sinh::apply(spec, parameters, direction, value),
    }
}
