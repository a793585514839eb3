//! ln N(z; 0, 1) − ln(2Φ(B) − 1) where |z| ≤ B; what is left by Simpson's rule.

use std::f64::consts::TAU;

use pushforward::base::TruncatedNormalSpec;

use crate::univariate::extent;

pub(crate) fn log_prob(spec: &TruncatedNormalSpec, z: &[f64]) -> f64 {
    let (bound, steps) = (extent(spec.bound), 2000);
    let at = |z: f64| (-0.5 * z * z).exp() / TAU.sqrt();
    let width = bound / f64::from(steps);
    let weight = |i: u32| match i {
        0 => 1.0,
        i if i == steps => 1.0,
        i if i % 2 == 1 => 4.0,
        _ => 2.0,
    };
    let half: f64 = (0..=steps).map(|i| weight(i) * at(width * f64::from(i))).sum();
    let left = 2.0 * half * width / 3.0;
    let one = |z: &f64| match z.abs() <= f64::from(spec.bound) {
        true => -0.5 * (z * z + TAU.ln()) - left.ln(),
        false => f64::NEG_INFINITY,
    };
    z.iter().map(one).sum()
}
