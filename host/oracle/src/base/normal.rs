//! ln N(z; 0, 1).

pub(crate) fn log_prob(z: &[f64]) -> f64 {
    z.iter().map(|z| -0.5 * (z * z + std::f64::consts::TAU.ln())).sum()
}
