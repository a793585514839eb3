//! Symmetric positive matrices.

/// The factor L of a symmetric matrix, damped, as L Lᵀ, of both of which the lower half is there; `None` if it has none.
pub fn cholesky(mut a: Vec<Vec<f64>>, damping: f64) -> Option<Vec<Vec<f64>>> {
    for i in 0..a.len() {
        let (before, rest) = a.split_at_mut(i);
        let row = &mut rest[0];
        row[i] += damping;
        for j in 0..=i {
            let other = if j < i { &before[j][..] } else { &row[..] };
            let products: f64 = row[..j].iter().zip(&other[..j]).map(|(a, b)| a * b).sum();
            let left = row[j] - products;
            row[j] = if j < i { left / before[j][j] } else { left.sqrt() };
        }
        if !(row[i] > 0.0 && row[i].is_finite()) {
            return None;
        }
    }
    Some(a)
}

/// x of L Lᵀ x = b.
pub fn solve(factor: &[Vec<f64>], b: &[f64]) -> Vec<f64> {
    let mut x = b.to_vec();
    for i in 0..x.len() {
        let known: f64 = factor[i][..i].iter().zip(&x).map(|(l, x)| l * x).sum();
        x[i] = (x[i] - known) / factor[i][i];
    }
    for i in (0..x.len()).rev() {
        x[i] /= factor[i][i];
        let x_i = x[i];
        x[..i].iter_mut().zip(&factor[i]).for_each(|(x, l)| *x -= l * x_i);
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symmetric_system_is_solved() {
        let full = [[4.0, 2.0, 0.4], [2.0, 3.0, -0.7], [0.4, -0.7, 1.5]];
        let lower = (0..3).map(|i| full[i][..=i].to_vec()).collect();
        let x = solve(&cholesky(lower, 0.0).unwrap(), &[1.0, -2.0, 0.5]);
        for (row, b) in full.iter().zip([1.0, -2.0, 0.5]) {
            let found: f64 = row.iter().zip(&x).map(|(a, x)| a * x).sum();
            assert!((found - b).abs() < 1e-12, "{found} {b}");
        }
        assert!(cholesky(vec![vec![1.0], vec![2.0, 1.0]], 0.0).is_none());
    }
}
