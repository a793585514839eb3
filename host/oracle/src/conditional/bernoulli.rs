//! ln σ(logit · spin).

pub(crate) fn log_prob(logit: f64, spin: f64) -> f64 {
    -(-logit * spin).exp().ln_1p()
}
