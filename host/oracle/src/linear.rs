//! Determinants, and sums of exponentials.

/// ln |det| of a dense square matrix, row after row, by elimination with partial pivoting.
///
/// # Panics
/// If there are not n² numbers.
pub fn log_abs_det(mut rows: Vec<Vec<f64>>) -> f64 {
    let n = rows.len();
    let mut log_det = 0.0;
    for k in 0..n {
        let larger = |a: &usize, b: &usize| rows[*a][k].abs().total_cmp(&rows[*b][k].abs());
        let pivot = (k..n).max_by(larger).unwrap_or(k);
        rows.swap(k, pivot);
        log_det += rows[k][k].abs().ln();
        let (above, below) = rows.split_at_mut(k + 1);
        for row in below {
            let factor = row[k] / above[k][k];
            for (x, p) in row[k..].iter_mut().zip(&above[k][k..]) {
                *x -= factor * p;
            }
        }
    }
    log_det
}

/// ln |det J| of `f` at `x` by central differences of a relative width.
pub(crate) fn log_det_by(width: f64, f: impl Fn(&[f64]) -> Vec<f64>, x: &[f64]) -> f64 {
    // J transposed: row j is ∂f/∂x_j; the determinant is the same.
    let column = |j: usize| {
        let step = width * x[j].abs().max(1.0);
        let at = |sign: f64| {
            let mut moved = x.to_vec();
            moved[j] += sign * step;
            f(&moved)
        };
        at(1.0).iter().zip(at(-1.0)).map(|(up, down)| (up - down) / (2.0 * step)).collect()
    };
    log_abs_det((0..x.len()).map(column).collect())
}

/// ln Σ eᵗ.
pub(crate) fn log_sum_exp(terms: &[f64]) -> f64 {
    let most = terms.iter().fold(f64::MIN, |most, t| most.max(*t));
    most + terms.iter().map(|t| (t - most).exp()).sum::<f64>().ln()
}
