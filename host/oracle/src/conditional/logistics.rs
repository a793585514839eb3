//! A mixture of logistic distributions: its density at a real number, or what it gives to the cell around
//! an integer.

use pushforward::conditional::logistics::{Column, SCALE_BOUND, SCALE_SHIFT, offset};

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
    let (a, b) = (f64::from(column.lower), f64::from(column.upper));
    let (line, slope) = match (column.integer, a.is_finite(), b.is_finite()) {
        (true, ..) | (_, false, false) => (x, 0.0),
        (_, true, false) => ((x - a).ln(), -(x - a).ln()),
        (_, false, true) => (-(b - x).ln(), -(b - x).ln()),
        (_, true, true) => {
            let (l, r) = ((x - a).ln(), (b - x).ln());
            (l - r, (b - a).ln() - l - r)
        }
    };
    ((line - f64::from(column.location)) / f64::from(column.scale), slope)
}

fn softplus(u: f64) -> f64 {
    u.max(0.0) + (-u.abs()).exp().ln_1p()
}

pub(crate) fn log_prob(column: &Column, outputs: &[f64], x: f64) -> f64 {
    let m = outputs.len() / 3;
    let (bound, shift) = (f64::from(SCALE_BOUND), f64::from(SCALE_SHIFT));
    let (y, slope) = place(column, x);
    let half = 0.5 / f64::from(column.scale);
    let term = |k: usize| {
        let mean = outputs[m + k] + f64::from(offset(k, m));
        let raw = outputs[2 * m + k];
        let log_scale = raw / (1.0 + raw.abs() / bound) + shift;
        let at = |y: f64| (y - mean) * (-log_scale).exp();
        if !column.integer {
            return -log_scale - softplus(at(y)) - softplus(-at(y));
        }
        let (a, b) = (at(y - half), at(y + half));
        let [least, most] = column.ends().map(f64::from);
        match (x <= least, x >= most) {
            (true, true) => 0.0,
            (true, false) => -softplus(-b),
            (false, true) => -softplus(a),
            (false, false) => -softplus(-b) - softplus(a) + (-(a - b).exp_m1()).ln(),
        }
    };
    let sum = |terms: &[f64]| {
        let most = terms.iter().fold(f64::NEG_INFINITY, |a, b| a.max(*b));
        most + terms.iter().map(|t| (t - most).exp()).sum::<f64>().ln()
    };
    let logits = &outputs[..m];
    let whole = sum(logits);
    // No weight is less than 2⁻³².
    let weight = |k: usize| (logits[k] - whole).max(-32.0 * std::f64::consts::LN_2);
    let terms: Vec<f64> = (0..m).map(|k| weight(k) + term(k)).collect();
    let unit = if column.integer { 0.0 } else { f64::from(column.scale).ln() };
    sum(&terms) + slope - unit
}
