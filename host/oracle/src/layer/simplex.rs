//! x_i = r_i σ(z_i − ln(K + 1 − i)), with r_i what the parts before leave of the total.

use pushforward::bijection::Direction;
use pushforward::layer::SimplexSpec;

pub(crate) fn apply(spec: &SimplexSpec, direction: Direction, values: &mut [f64]) -> f64 {
    let parts: Vec<usize> = (0..values.len()).filter(|d| spec.parts[*d]).collect();
    let (mut rest, mut log_det) = (f64::from(spec.total), 0.0);
    for (before, d) in parts.iter().enumerate() {
        let shift = ((parts.len() - before) as f64).ln();
        let value = values[*d];
        let x = match direction {
            Direction::Density => value,
            Direction::Sampling => rest / (1.0 + (shift - value).exp()),
        };
        let after = rest - x;
        if x <= 0.0 || after <= 0.0 {
            return f64::NEG_INFINITY;
        }
        log_det += rest.ln() - x.ln() - after.ln();
        values[*d] = match direction {
            Direction::Density => x.ln() - after.ln() + shift,
            Direction::Sampling => x,
        };
        rest = after;
    }
    log_det
}
