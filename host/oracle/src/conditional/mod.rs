//! Conditionals: Σ ln p(x_i | x_<i) (nats) of a row.

mod bernoulli;
mod categorical;
mod logistics;
mod tabulated;

use pushforward::domain::Kind;
use pushforward::model::{ConditionalSpec, SitesNetworkSpec, SitesSpec};

use crate::network;
use crate::weights::Weights;

pub(crate) fn log_prob(spec: &SitesSpec, weights: &Weights, context: &[f64], row: &[f64]) -> f64 {
    // Masks hide from a site what it may not see: one pass is enough.
    let sizes = spec.conditional.sizes();
    let inputs: Vec<f64> = match &spec.conditional {
        ConditionalSpec::Bernoulli(_) => row.to_vec(),
        // As many as the site of most categories has, of which one is 1.
        ConditionalSpec::Categorical(_) => {
            let [inputs, _] = sizes;
            let one_hot = |value: &f64| {
                let value = *value as usize;
                (0..inputs).map(move |k| f64::from(u8::from(k == value)))
            };
            row.iter().flat_map(one_hot).collect()
        }
        ConditionalSpec::Logistics(spec) => {
            let mut values = spec.columns.iter().zip(row);
            if !values.all(|(column, x)| logistics::contains(column, *x)) {
                return f64::NEG_INFINITY;
            }
            let [inputs, _] = sizes;
            let read = |(column, x): (_, &f64)| logistics::read(column, inputs, *x);
            spec.columns.iter().zip(row).flat_map(read).collect()
        }
    };
    let outputs = network::run_sites(&spec.network, weights, context, &inputs);
    let sites = outputs.chunks(outputs.len() / row.len()).zip(row).enumerate();
    let site = |(i, (outputs, value)): (usize, (&[f64], &f64))| match &spec.conditional {
        ConditionalSpec::Bernoulli(_) => match spec.network {
            SitesNetworkSpec::Integer(_) => tabulated::log_prob(outputs[0], *value),
            SitesNetworkSpec::Masked(_) => bernoulli::log_prob(outputs[0], *value),
        },
        ConditionalSpec::Categorical(_) => {
            let Kind::Category(n) = spec.conditional.domain().kind(i) else { unreachable!() };
            categorical::log_prob(outputs, n as usize, *value)
        }
        ConditionalSpec::Logistics(spec) => logistics::log_prob(&spec.columns[i], outputs, *value),
    };
    sites.map(site).sum()
}
