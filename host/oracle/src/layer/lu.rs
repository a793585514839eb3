//! z = L (U x) + b.

use pushforward::bijection::Direction;

use crate::weights::Weights;

pub(crate) fn apply(weights: &Weights, direction: Direction, values: &mut [f64]) -> f64 {
    let n = values.len();
    let (logs, shifts) = (weights.get("log_diagonal"), weights.get("shift"));
    let (lower, upper) = (weights.get("lower"), weights.get("upper_transposed"));
    let left = |i: usize, x: &[f64]| (0..i).map(|j| lower[i * n + j] * x[j]).sum::<f64>();
    let right = |i: usize, x: &[f64]| (i + 1..n).map(|j| upper[j * n + i] * x[j]).sum::<f64>();
    match direction {
        Direction::Density => {
            let u: Vec<f64> =
                (0..n).map(|i| logs[i].exp() * values[i] + right(i, values)).collect();
            for i in 0..n {
                values[i] = u[i] + left(i, &u) + shifts[i];
            }
        }
        Direction::Sampling => {
            for i in 0..n {
                values[i] -= shifts[i] + left(i, values);
            }
            for i in (0..n).rev() {
                values[i] = (values[i] - right(i, values)) / logs[i].exp();
            }
        }
    }
    logs.iter().sum()
}
