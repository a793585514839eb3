//! Conditionals: Σ ln p(x_i | x_<i) (nats) of a row.

mod bernoulli;

use pushforward::model::{ConditionalSpec, SitesSpec};

use crate::network;
use crate::weights::Weights;

pub(crate) fn log_prob(spec: &SitesSpec, weights: &Weights, context: &[f64], row: &[f64]) -> f64 {
    // Masks hide from a site what it may not see: one pass is enough.
    let inputs: Vec<f64> = match &spec.conditional {
        ConditionalSpec::Bernoulli(_) => row.to_vec(),
    };
    let outputs = network::run_causal(&spec.network, weights, context, &inputs);
    let sites = outputs.chunks(outputs.len() / row.len()).zip(row);
    let site = |(outputs, value): (&[f64], &f64)| match &spec.conditional {
        ConditionalSpec::Bernoulli(_) => bernoulli::log_prob(outputs[0], *value),
    };
    sites.map(site).sum()
}
