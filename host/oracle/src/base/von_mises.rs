//! κ cos z − ln(2π I₀(κ)) where |z| ≤ π; e^−κ I₀(κ) is the mean of e^(κ (cos − 1)) over the circle.

use std::f64::consts::TAU;

use pushforward::base::VonMisesSpec;

pub(crate) fn log_prob(spec: &VonMisesSpec, z: &[f64]) -> f64 {
    let kappa = f64::from(spec.concentration);
    // A sum over a whole period converges faster than any power of the step.
    let n = 64 + 16 * kappa.sqrt() as u32;
    let at = |z: f64| kappa * (z.cos() - 1.0);
    let sum: f64 = (0..n).map(|i| at(TAU * f64::from(i) / f64::from(n)).exp()).sum();
    let norm = (TAU * sum / f64::from(n)).ln();
    // The circle ends where that of the engine does.
    let bound = f64::from(std::f32::consts::PI);
    let one = |z: &f64| if z.abs() <= bound { at(*z) - norm } else { f64::NEG_INFINITY };
    z.iter().map(one).sum()
}
