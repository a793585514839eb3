//! Dense layers of units, then a linear one.

use pushforward::activation::AnyActivation;
use pushforward::network::MlpSpec;

use crate::weights::Weights;

pub(crate) fn run(spec: &MlpSpec, weights: &Weights, x: &[f64]) -> Vec<f64> {
    let hidden = if spec.residual { residual } else { hidden };
    weights.dense("output", &hidden(weights, spec.hidden.len(), spec.activation, x.to_vec()))
}

/// The stream after `layers` hidden layers, taken in pairs after the first; units have no slopes.
fn residual(weights: &Weights, layers: usize, activation: AnyActivation, x: Vec<f64>) -> Vec<f64> {
    let mut stream = weights.dense("hidden.0", &x);
    for l in (1..layers).step_by(2) {
        let mut sums = stream.clone();
        for l in [l, l + 1] {
            let units: Vec<f64> = sums.iter().map(|x| unit(activation, 0.0, *x)).collect();
            sums = weights.dense(&format!("hidden.{l}"), &units);
        }
        stream.iter_mut().zip(sums).for_each(|(to, sum)| *to += sum);
    }
    stream
}

/// The units of the last of `layers` hidden layers.
pub(crate) fn hidden(
    weights: &Weights,
    layers: usize,
    activation: AnyActivation,
    mut x: Vec<f64>,
) -> Vec<f64> {
    for l in 0..layers {
        let name = format!("hidden.{l}");
        let slopes = weights.find(&format!("{name}.slope"));
        let slope = |i: usize| slopes.map_or(0.0, |slopes| slopes[i]);
        let sums = weights.dense(&name, &x).into_iter().enumerate();
        x = sums.map(|(i, x)| unit(activation, slope(i), x)).collect();
    }
    x
}

/// An activation; `slope` is that of a leaky unit.
pub(crate) fn unit(activation: AnyActivation, slope: f64, x: f64) -> f64 {
    match activation {
        AnyActivation::Leaky => {
            if x > 0.0 {
                x
            } else {
                slope * x
            }
        }
        AnyActivation::Relu => x.max(0.0),
        AnyActivation::Tanh => x.tanh(),
        AnyActivation::Elu => {
            if x > 0.0 {
                x
            } else {
                x.exp_m1()
            }
        }
        AnyActivation::Silu => x / (1.0 + (-x).exp()),
        AnyActivation::Gelu => x * normal_cdf(x),
        AnyActivation::Smoothstep => {
            let z = (x / 1.5).clamp(-1.0, 1.0);
            z * (3.0 - z * z) / 2.0
        }
    }
}

/// Φ(x): the series of Marsaglia 2004, and the continued fraction far out.
fn normal_cdf(x: f64) -> f64 {
    let density = (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt();
    if x.abs() < 4.0 {
        let (mut term, mut sum) = (x, x);
        for n in 1..150 {
            term *= x * x / f64::from(2 * n + 1);
            sum += term;
        }
        return 0.5 + density * sum;
    }
    let tail = density / (1..300).rev().fold(x.abs(), |rest, n| x.abs() + f64::from(n) / rest);
    if x < 0.0 { tail } else { 1.0 - tail }
}
