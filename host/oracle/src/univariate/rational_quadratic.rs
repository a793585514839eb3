//! The rational-quadratic spline from data x to noise z, as Durkan et al. (arXiv:1906.04032) write it,
//! and its inverse.

use pushforward::bijection::Direction;
use pushforward::univariate::rational_quadratic::Tails;
use pushforward::univariate::{KnotsSpec, RationalQuadraticSpec};

use super::{extent, soft_clip, softplus, written};

const LEAST: f64 = 1e-3;

pub(crate) fn apply(
    spec: &RationalQuadraticSpec,
    raw: &[f64],
    direction: Direction,
    value: f64,
) -> (f64, f64) {
    let (bins, bound) = (spec.bins, extent(spec.bound));
    match spec.tails {
        Tails::Linear | Tails::Free if value.abs() >= bound => return (value, 0.0),
        Tails::Box | Tails::Circular | Tails::HalfTurn if value.abs() > f64::from(spec.bound) => {
            return (value, f64::NEG_INFINITY);
        }
        _ => {}
    }
    let clip = match spec.knots {
        KnotsSpec::Floored => None,
        KnotsSpec::SoftClipped { least } => Some(-written(least).ln()),
    };
    let knots = |raw: &[f64]| match clip {
        None => knots(raw, bound, LEAST),
        Some(clip) => {
            let clipped: Vec<f64> = raw.iter().map(|r| soft_clip(*r, 0.5 * clip)).collect();
            knots(&clipped, bound, 0.0)
        }
    };
    let derivative = |k: usize| {
        let slopes = &raw[2 * bins..];
        let u: f64 = match spec.tails {
            Tails::Linear | Tails::HalfTurn if k == 0 || k == bins => return 1.0,
            Tails::Linear | Tails::HalfTurn => slopes[k - 1],
            Tails::Box | Tails::Free => slopes[k],
            Tails::Circular => slopes[k % bins],
        };
        match clip {
            None => LEAST + softplus(u + (1.0 - LEAST).exp_m1().ln()),
            Some(clip) => soft_clip(u, clip).exp(),
        }
    };
    let (xs, ys) = (knots(&raw[..bins]), knots(&raw[bins..2 * bins]));
    let turned = |x: f64| match spec.tails {
        Tails::HalfTurn if x < 0.0 => x + bound,
        Tails::HalfTurn => x - bound,
        _ => x,
    };
    let from = if direction == Direction::Density { &xs } else { &ys };
    let value = if direction == Direction::Density { turned(value) } else { value };
    let k = from[1..bins].partition_point(|knot| *knot <= value);
    let (other, log_slope) = bin(
        [xs[k], xs[k + 1]],
        [ys[k], ys[k + 1]],
        [derivative(k), derivative(k + 1)],
        direction,
        value,
    );
    let other = other.clamp(-bound, bound);
    (if direction == Direction::Density { other } else { turned(other) }, log_slope)
}

/// Knots on [−bound, bound].
fn knots(raw: &[f64], bound: f64, least: f64) -> Vec<f64> {
    let bins = raw.len();
    let most = raw.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let parts: Vec<f64> = raw.iter().map(|u| (u - most).exp()).collect();
    let sum: f64 = parts.iter().sum();
    let mut knots = vec![-bound];
    for part in parts {
        let width = 2.0 * bound * (least + (1.0 - least * bins as f64) * part / sum);
        knots.push(knots[knots.len() - 1] + width);
    }
    knots[bins] = bound;
    knots
}

/// One bin between knots with these slopes.
fn bin(
    [x0, x1]: [f64; 2],
    [y0, y1]: [f64; 2],
    [d0, d1]: [f64; 2],
    direction: Direction,
    value: f64,
) -> (f64, f64) {
    let (w, h) = (x1 - x0, y1 - y0);
    let s = h / w;
    let t = match direction {
        Direction::Density => (value - x0) / w,
        Direction::Sampling => {
            let y = value - y0;
            let bend = y * (d0 + d1 - 2.0 * s);
            let (a, b, c) = (h * (s - d0) + bend, h * d0 - bend, -s * y);
            2.0 * c / (-b - (b * b - 4.0 * a * c).sqrt())
        }
    };
    let v = 1.0 - t;
    let den = s + (d0 + d1 - 2.0 * s) * t * v;
    let slope = s * s * (d1 * t * t + 2.0 * s * t * v + d0 * v * v) / (den * den);
    let other = match direction {
        Direction::Density => y0 + h * t * (s * t + d0 * v) / den,
        Direction::Sampling => x0 + w * t,
    };
    (other, slope.ln())
}
