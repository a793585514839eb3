//! z = x (a + β x²)/(1 + β x²) about a centre; the inverse by bisection.

use pushforward::bijection::Direction;

use super::softplus;

const LEAST: f64 = 1e-3;

pub(crate) fn apply(raw: &[f64], direction: Direction, value: f64) -> (f64, f64) {
    // Zeros are a = β = 1.
    let share = (1.0 / 9.0 - LEAST) / (1.0 - 2.0 * LEAST);
    let shift = (share / (1.0 - share)).ln();
    let a = 9.0 * (LEAST + (1.0 - 2.0 * LEAST) / (1.0 + (-raw[0] - shift).exp()));
    let beta = LEAST + softplus(raw[1] + (1.0 - LEAST).exp_m1().ln());
    let from_centre = value - raw[2];
    let map = |x: f64| x - x * (1.0 - a) / (1.0 + beta * x * x);
    let other = match direction {
        Direction::Density => map(from_centre),
        Direction::Sampling => {
            let size = from_centre.abs();
            let (mut low, mut high) = (0.0, size / a.min(1.0));
            for _ in 0..200 {
                let middle = 0.5 * (low + high);
                if map(middle) < size { low = middle } else { high = middle }
            }
            from_centre.signum() * 0.5 * (low + high)
        }
    };
    let x = if direction == Direction::Density { from_centre } else { other };
    let w = beta * x * x;
    let slope = 1.0 - (1.0 - a) * (1.0 - w) / (1.0 + w).powi(2);
    (other + raw[2], slope.ln())
}
