//! z = asinh(exp(μ) (exp(ν) sinh x + β)) with each parameter B tanh(raw / B), and its inverse.

use pushforward::bijection::Direction;
use pushforward::univariate::SinhSpec;

pub(crate) fn apply(spec: &SinhSpec, raw: &[f64], direction: Direction, value: f64) -> (f64, f64) {
    let bound = f64::from(spec.bound);
    let bounded = |p: usize| bound * (raw[p] / bound).tanh();
    let (mu, nu, beta) = (bounded(0), bounded(1), bounded(2));
    match direction {
        Direction::Density => map(value, mu, nu, beta),
        Direction::Sampling => {
            let (x, log_slope) = map(value, -nu, -mu, -beta);
            (x, -log_slope)
        }
    }
}

fn map(x: f64, mu: f64, nu: f64, beta: f64) -> (f64, f64) {
    // Where sinh is nearing its overflow, what it is a shift to is exact.
    if x.abs() > 300.0 {
        return (x + x.signum() * (mu + nu), 0.0);
    }
    let sinh = mu.exp() * (nu.exp() * x.sinh() + beta);
    (sinh.asinh(), mu + nu + x.cosh().ln() - sinh.hypot(1.0).ln())
}
