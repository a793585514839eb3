//! −ln 2B where |z| ≤ B.

use pushforward::base::UniformSpec;

use crate::univariate::extent;

pub(crate) fn log_prob(spec: &UniformSpec, z: &[f64]) -> f64 {
    let bound = f64::from(spec.bound);
    let log_density = -(2.0 * extent(spec.bound)).ln();
    let one = |z: &f64| if z.abs() <= bound { log_density } else { f64::NEG_INFINITY };
    z.iter().map(one).sum()
}
