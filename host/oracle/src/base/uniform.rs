//! −ln 2B where |z| ≤ B.

use pushforward::base::UniformSpec;

pub(crate) fn log_prob(spec: &UniformSpec, z: &[f64]) -> f64 {
    let bound = f64::from(spec.bound);
    let one = |z: &f64| if z.abs() <= bound { -(2.0 * bound).ln() } else { f64::NEG_INFINITY };
    z.iter().map(one).sum()
}
