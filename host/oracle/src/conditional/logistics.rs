//! A mixture of logistic distributions: its density at a real number, or what it gives to the cell around
//! an integer.

use pushforward::conditional::logistics::{Column, SCALE_BOUND, SCALE_SHIFT, offset};

use super::categorical;
use crate::layer::bounds;
use crate::linear::log_sum_exp;
use crate::univariate::{soft_clip, softplus};

/// Whether a value is one of the column's.
pub(crate) fn contains(column: &Column, x: f64) -> bool {
    let [least, most] = column.ends().map(f64::from);
    match column.integer {
        true => x == x.trunc() && (least..=most).contains(&x),
        false => f64::from(column.lower) < x && x < f64::from(column.upper),
    }
}

/// The value in the column's units, and what ln p has more for the value than for its line.
pub(crate) fn place(column: &Column, x: f64) -> (f64, f64) {
    let (line, slope) = match column.integer {
        true => (x, 0.0),
        false => bounds::line(column.lower, column.upper, x),
    };
    ((line - f64::from(column.location)) / f64::from(column.scale), slope)
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
        if !column.integer {
            return -log_scale - softplus(at(y)) - softplus(-at(y));
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
    let unit = if column.integer { 0.0 } else { f64::from(column.scale).ln() };
    log_sum_exp(&terms) + slope - unit
}
