//! Roundings that are chosen together: `quantize --tune`.
//!
//! To the nearest integer is the best that can be done for a weight alone, and not for a sum of many: what one
//! rounding takes another can give back. So each row of a matrix is a problem of least squares in integers,
//!
//! ```text
//! min Σₛ ωₛ (yₛ − Σⱼ uⱼ qⱼ xₛⱼ)²
//! ```
//!
//! over the rows s that the model drew, with y the sum that the model of floats makes and x the integers that the
//! network of integers really reads there, so that a layer also makes good what those before it lost. It begins
//! at the nearest integers and goes down one coordinate after another (the objective of Nagel et al. 2020,
//! arXiv:2004.10568, which they relax instead), so that no step makes it worse. A logit's weight is
//! ω = p (1 − p), for which half of the sum is the divergence to second order; elsewhere ω = 1.

use std::sync::OnceLock;

use pushforward::network::Bits;
use rayon::prelude::*;

use super::{MOST_BIAS, ROWS, Row, SUM, Values};

/// A matrix, whose roundings are chosen.
pub(super) struct Part<'a> {
    pub(super) rows: &'a mut [Row],
    /// Its weights before they were rounded; of those that are zero nothing is known to the network.
    pub(super) floats: &'a [f64],
    pub(super) bits: Bits,
    pub(super) read: &'a Values,
}

/// Chooses the roundings of matrices that make `sums` together, the first with its biases, in at most so many
/// passes over each; of a row whose sum could get too large they are left as they were.
pub(super) fn choose(parts: Vec<Part<'_>>, sums: &[f64], are_logits: bool, steps: u32) {
    let n = sums.len() / ROWS;
    let columns = Columns::of(parts.iter().map(|part| part.read));
    let mut outputs: Vec<Vec<One<'_>>> = (0..n).map(|_| Vec::new()).collect();
    for Part { rows, floats, bits, read } in parts {
        let inputs = read.units.len();
        for (i, row) in rows.iter_mut().enumerate() {
            let floats = &floats[i * inputs..(i + 1) * inputs];
            outputs[i].push(One { row, floats, bits, read });
        }
    }
    outputs.par_iter_mut().enumerate().for_each(|(i, parts)| {
        let wanted: Vec<f64> = sums.iter().skip(i).step_by(n).copied().collect();
        let p = wanted.iter().map(|x| 1.0 / (1.0 + (-x).exp()));
        let omega = are_logits.then(|| p.map(|p| p * (1.0 - p)).collect::<Vec<f64>>());
        tune(&columns, parts, &wanted, omega.as_deref(), steps);
    });
}

/// A row of a matrix.
struct One<'a> {
    row: &'a mut Row,
    floats: &'a [f64],
    bits: Bits,
    read: &'a Values,
}

/// Chooses the roundings of the rows that make one sum.
fn tune(
    columns: &Columns,
    parts: &mut [One<'_>],
    wanted: &[f64],
    omega: Option<&[f64]>,
    steps: u32,
) {
    let mut integers = Vec::new();
    let mut column = 0;
    for One { row, floats, bits, .. } in &*parts {
        let (unit, most) = (row.unit, bits.most().into());
        for (q, float) in row.weights.iter().zip(*floats) {
            if *float != 0.0 {
                integers.push(Integer { q: *q, unit, most, column });
            }
            column += 1;
        }
    }
    let Some(One { row, .. }) = parts.first() else { return };
    integers.push(Integer { q: row.bias, unit: row.unit, most: MOST_BIAS, column });
    columns.fit(&mut integers, wanted, omega, steps);
    let mut rows: Vec<Row> = parts.iter().map(|part| part.row.clone()).collect();
    let mut found = integers.iter().map(|integer| integer.q);
    for (row, One { floats, .. }) in rows.iter_mut().zip(&*parts) {
        let free = row.weights.iter_mut().zip(*floats).filter(|(_, float)| **float != 0.0);
        free.zip(found.by_ref()).for_each(|((weight, _), q)| *weight = q);
    }
    if let (Some(row), Some(bias)) = (rows.first_mut(), found.next()) {
        row.bias = bias;
    }
    if parts.iter().zip(&rows).all(|(part, row)| row.bound(part.read) <= SUM) {
        parts.iter_mut().zip(rows).for_each(|(part, row)| *part.row = row);
    }
}

/// An integer that may change.
struct Integer {
    q: f64,
    /// What one stands for.
    unit: f64,
    /// How large it may get.
    most: f64,
    /// What it multiplies.
    column: usize,
}

/// What the rows of matrices are multiplied by, column after column, and ones at the end for biases.
struct Columns {
    /// `[n][ROWS]`.
    values: Vec<f64>,
    n: usize,
    /// Their products, `[n][n]`, where all rows count alike.
    products: OnceLock<Vec<f64>>,
}

impl Columns {
    /// Of matrices beside each other.
    fn of<'a>(read: impl Iterator<Item = &'a Values>) -> Self {
        let column = |of: &'a Values, i: usize| of.read.iter().skip(i).step_by(of.units.len());
        let columns = read.flat_map(|of| (0..of.units.len()).flat_map(move |i| column(of, i)));
        let values: Vec<f64> = columns.copied().chain(vec![1.0; ROWS]).collect();
        Self { n: values.len() / ROWS, values, products: OnceLock::new() }
    }

    fn column(&self, i: usize) -> &[f64] {
        &self.values[i * ROWS..(i + 1) * ROWS]
    }

    fn products(&self) -> &[f64] {
        self.products.get_or_init(|| {
            let row = |i| (0..self.n).map(move |j| dot(self.column(i), self.column(j)));
            (0..self.n).into_par_iter().flat_map_iter(row).collect()
        })
    }

    /// Changes integers so that their sums are as near to the wanted ones, one for each row, as at most `steps` passes
    /// bring them.
    fn fit(&self, integers: &mut [Integer], wanted: &[f64], omega: Option<&[f64]>, steps: u32) {
        let n = integers.len();
        let (mut gram, mut rest) = (vec![0.0; n * n], vec![0.0; n]);
        for a in 0..n {
            let i = integers[a].column;
            let weighted = omega.map(|omega| -> Vec<f64> {
                self.column(i).iter().zip(omega).map(|(x, w)| x * w).collect()
            });
            rest[a] = dot(weighted.as_deref().unwrap_or(self.column(i)), wanted);
            for b in 0..=a {
                let j = integers[b].column;
                let product = match &weighted {
                    Some(weighted) => dot(weighted, self.column(j)),
                    None => self.products()[i * self.n + j],
                };
                (gram[a * n + b], gram[b * n + a]) = (product, product);
            }
        }
        let change = |rest: &mut [f64], a: usize, by: f64| {
            let row = &gram[a * n..(a + 1) * n];
            rest.iter_mut().zip(row).for_each(|(rest, g)| *rest -= g * by);
        };
        for (a, Integer { q, unit, .. }) in integers.iter().enumerate() {
            change(&mut rest, a, q * unit);
        }
        for _ in 0..steps {
            let before = rest.clone();
            for (a, Integer { q, unit, most, .. }) in integers.iter_mut().enumerate() {
                let square = gram[a * n + a];
                let best = (*q + (rest[a] / (square * *unit)).round()).clamp(-*most, *most);
                if square > 0.0 && best != *q {
                    change(&mut rest, a, (best - *q) * *unit);
                    *q = best;
                }
            }
            if rest == before {
                return;
            }
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    const LANES: usize = 8;
    let mut sums = [0.0; LANES];
    for (a, b) in a.as_chunks::<LANES>().0.iter().zip(b.as_chunks::<LANES>().0) {
        for l in 0..LANES {
            sums[l] += a[l] * b[l];
        }
    }
    sums.iter().sum()
}
