//! ln Σ\_k w\_k Π\_d N(z\_d; m\_kd, e^(2 a\_kd)), w the softmax of the logits.

use pushforward::base::MixtureSpec;
use pushforward::base::mixture::MAX_LOG_SCALE;

use crate::linear::log_sum_exp;
use crate::weights::Weights;

pub(crate) fn log_prob(spec: &MixtureSpec, weights: &Weights, z: &[f64]) -> f64 {
    let (logits, dim) = (weights.get("logits"), z.len());
    let (means, log_scales) = (weights.get("mean"), weights.get("log_scale"));
    let most = f64::from(MAX_LOG_SCALE);
    let component = |k: usize| {
        let normal = |d: usize| {
            let a = log_scales[k * dim + d].clamp(-most, most);
            let u = (z[d] - means[k * dim + d]) * (-a).exp();
            -0.5 * (u * u + std::f64::consts::TAU.ln()) - a
        };
        logits[k] + (0..dim).map(normal).sum::<f64>()
    };
    let terms: Vec<f64> = (0..spec.components).map(component).collect();
    log_sum_exp(&terms) - log_sum_exp(logits)
}
