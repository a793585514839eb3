//! ln p of a softmax over the first logits, as many as the site has categories.

use crate::linear::log_sum_exp;

pub(crate) fn log_prob(logits: &[f64], categories: usize, value: f64) -> f64 {
    let logits = &logits[..categories];
    logits[value as usize] - log_sum_exp(logits)
}
