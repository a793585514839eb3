//! ln of the fixed-point probability that 32nds of a nat are turned into.

pub(crate) fn log_prob(steps: f64, spin: f64) -> f64 {
    let size = steps.abs().min(511.0);
    let whole = 2f64.powi(32);
    let less = (whole / (1.0 + (size / 32.0).exp())).floor();
    let likely = if steps < 0.0 { -1.0 } else { 1.0 };
    (if spin == likely { (whole - less) / whole } else { less / whole }).ln()
}
