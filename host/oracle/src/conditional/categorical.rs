//! ln p of a softmax over the first logits, as many as the site has categories.

pub(crate) fn log_prob(logits: &[f64], categories: usize, value: f64) -> f64 {
    let logits = &logits[..categories];
    let most = logits.iter().fold(f64::NEG_INFINITY, |a, b| a.max(*b));
    let sum: f64 = logits.iter().map(|a| (a - most).exp()).sum();
    logits[value as usize] - most - sum.ln()
}
