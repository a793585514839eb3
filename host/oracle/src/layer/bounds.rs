//! z = ln(x − a), −ln(b − x), or the difference of both.

use pushforward::bijection::Direction;
use pushforward::layer::BoundsSpec;

/// z of a value between bounds, infinite where there are none, and ln |dz/dx|.
pub(crate) fn line(lower: f32, upper: f32, x: f64) -> (f64, f64) {
    let (a, b) = (f64::from(lower), f64::from(upper));
    let (l, r) = ((x - a).ln(), (b - x).ln());
    match (a.is_finite(), b.is_finite()) {
        (false, false) => (x, 0.0),
        (true, false) => (l, -l),
        (false, true) => (-r, -r),
        (true, true) => (l - r, (b - a).ln() - l - r),
    }
}

pub(crate) fn apply(spec: &BoundsSpec, direction: Direction, values: &mut [f64]) -> f64 {
    let mut log_det = 0.0;
    for (value, (lower, upper)) in values.iter_mut().zip(spec.lower.iter().zip(&spec.upper)) {
        let (a, b) = (f64::from(*lower), f64::from(*upper));
        let x = match direction {
            Direction::Density => *value,
            Direction::Sampling => match (a.is_finite(), b.is_finite()) {
                (false, false) => *value,
                (true, false) => a + value.exp(),
                (false, true) => b - (-*value).exp(),
                (true, true) => a + (b - a) / (1.0 + (-*value).exp()),
            },
        };
        if x <= a || x >= b {
            return f64::NEG_INFINITY;
        }
        let (z, slope) = line(*lower, *upper, x);
        log_det += slope;
        *value = if direction == Direction::Density { z } else { x };
    }
    log_det
}
