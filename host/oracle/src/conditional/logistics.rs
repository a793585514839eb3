//! A mixture of logistic distributions: its density at a real number or a point of a circle, or what it gives
//! to the cell around an integer.

use std::f64::consts::{PI, TAU};

use pushforward::conditional::logistics::{Column, SCALE_BOUND, SCALE_SHIFT, Values, offset};

use super::categorical;
use crate::layer::bounds;
use crate::linear::log_sum_exp;
use crate::univariate::{soft_clip, softplus};

/// Whether a value is one of the column's.
pub(crate) fn contains(column: &Column, x: f64) -> bool {
    let [least, most] = column.ends().map(f64::from);
    let (lower, upper) = (f64::from(column.lower), f64::from(column.upper));
    match column.values {
        Values::Integer => x == x.trunc() && (least..=most).contains(&x),
        Values::Real => lower < x && x < upper,
        Values::Circle => (lower..=upper).contains(&x),
    }
}

/// What a network reads of a value: `count` numbers.
pub(crate) fn read(column: &Column, count: usize, x: f64) -> Vec<f64> {
    let (y, _) = place(column, x);
    match (count, column.values) {
        (1, _) => vec![y],
        (_, Values::Circle) => vec![y.cos(), y.sin()],
        _ => vec![y, 0.0],
    }
}

/// The unit of a column's values.
fn unit(column: &Column) -> f64 {
    match column.values {
        Values::Circle => (f64::from(column.upper) - f64::from(column.lower)) / TAU,
        Values::Real | Values::Integer => column.scale.into(),
    }
}

/// The value in the column's units, and what ln p has more for the value than for its line.
pub(crate) fn place(column: &Column, x: f64) -> (f64, f64) {
    let location = f64::from(column.location);
    match column.values {
        Values::Integer => ((x - location) / unit(column), 0.0),
        Values::Real => {
            let (line, slope) = bounds::line(column.lower, column.upper, x);
            ((line - location) / unit(column), slope)
        }
        Values::Circle => {
            let middle = 0.5 * (f64::from(column.lower) + f64::from(column.upper));
            ((x - middle) / unit(column), 0.0)
        }
    }
}

pub(crate) fn log_prob(column: &Column, outputs: &[f64], x: f64) -> f64 {
    let m = outputs.len() / 3;
    let (bound, shift) = (f64::from(SCALE_BOUND), f64::from(SCALE_SHIFT));
    let (y, slope) = place(column, x);
    let half = 0.5 / f64::from(column.scale);
    let term = |k: usize| {
        let mean = outputs[m + k] + f64::from(offset(k, m));
        let raw = outputs[2 * m + k];
        let log_scale = soft_clip(raw, bound) + shift;
        let at = |y: f64| (y - mean) * (-log_scale).exp();
        match column.values {
            Values::Integer => {}
            Values::Real => return -log_scale - softplus(at(y)) - softplus(-at(y)),
            Values::Circle => {
                let way = y - mean;
                let u = (way - TAU * (way / TAU).round()) * (-log_scale).exp();
                let left = (0.5 * PI * (-log_scale).exp()).tanh();
                return -log_scale - softplus(u) - softplus(-u) - left.ln();
            }
        }
        let width = 2.0 * half * (-log_scale).exp();
        let (a, b) = (at(y - half), at(y + half));
        let [least, most] = column.ends().map(f64::from);
        match (x <= least, x >= most) {
            (true, true) => 0.0,
            (true, false) => -softplus(-b),
            (false, true) => -softplus(a),
            // b − a, of which nothing is left far out.
            (false, false) => -softplus(-b) - softplus(a) + (-(-width).exp_m1()).ln(),
        }
    };
    // No weight is less than 2⁻³².
    let least = -32.0 * std::f64::consts::LN_2;
    let weight = |k: usize| categorical::log_prob(outputs, m, k as f64).max(least);
    let terms: Vec<f64> = (0..m).map(|k| weight(k) + term(k)).collect();
    let unit = if column.values == Values::Integer { 0.0 } else { unit(column).ln() };
    log_sum_exp(&terms) + slope - unit
}
