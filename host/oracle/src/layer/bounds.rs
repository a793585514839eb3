//! z = ln(x − a), −ln(b − x), or the difference of both.

use pushforward::bijection::Direction;
use pushforward::layer::BoundsSpec;

pub(crate) fn apply(spec: &BoundsSpec, direction: Direction, values: &mut [f64]) -> f64 {
    let mut log_det = 0.0;
    for (value, (a, b)) in values.iter_mut().zip(spec.lower.iter().zip(&spec.upper)) {
        let (a, b) = (f64::from(*a), f64::from(*b));
        let (from_below, from_above) = (a.is_finite(), b.is_finite());
        let x = match direction {
            Direction::Density => *value,
            Direction::Sampling => match (from_below, from_above) {
                (false, false) => *value,
                (true, false) => a + value.exp(),
                (false, true) => b - (-*value).exp(),
                (true, true) => a + (b - a) / (1.0 + (-*value).exp()),
            },
        };
        let (l, r) = ((x - a).ln(), (b - x).ln());
        if (from_below && x <= a) || (from_above && x >= b) {
            return f64::NEG_INFINITY;
        }
        let (z, slope) = match (from_below, from_above) {
            (false, false) => (x, 0.0),
            (true, false) => (l, -l),
            (false, true) => (-r, -r),
            (true, true) => (l - r, (b - a).ln() - l - r),
        };
        log_det += slope;
        *value = if direction == Direction::Density { z } else { x };
    }
    log_det
}
