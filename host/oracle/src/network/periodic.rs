//! Angles as the points of the plane that they stand for.

use std::f64::consts::PI;

use pushforward::network::PeriodicSpec;

use crate::univariate::extent;

/// Cosine and sine of each angle in its place, other inputs as they are.
pub(crate) fn read<N>(spec: &PeriodicSpec<N>, inputs: &[f64]) -> Vec<f64> {
    each(spec, inputs, |x| vec![x])
}

/// The same with 0 after each of the others.
pub(crate) fn read_causal<N>(spec: &PeriodicSpec<N>, inputs: &[f64]) -> Vec<f64> {
    each(spec, inputs, |x| vec![x, 0.0])
}

fn each<N>(spec: &PeriodicSpec<N>, inputs: &[f64], other: impl Fn(f64) -> Vec<f64>) -> Vec<f64> {
    let of = |(x, angle): (&f64, &bool)| {
        let angle_of = PI * x / extent(spec.bound);
        if *angle { vec![angle_of.cos(), angle_of.sin()] } else { other(*x) }
    };
    inputs.iter().zip(&spec.angles).flat_map(of).collect()
}
