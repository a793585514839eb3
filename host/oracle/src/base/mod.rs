//! Bases: ln p(z) (nats).

mod mixture;
mod normal;
mod truncated_normal;
mod uniform;
mod von_mises;

use pushforward::model::{BaseSpec, PlainBaseSpec};

use crate::weights::Weights;

pub(crate) fn log_prob(spec: &BaseSpec, weights: &Weights, z: &[f64]) -> f64 {
    match spec {
        BaseSpec::Normal(_) => normal::log_prob(z),
        BaseSpec::Mixture(spec) => mixture::log_prob(spec, weights, z),
        BaseSpec::Uniform(spec) => uniform::log_prob(spec, z),
        BaseSpec::VonMises(spec) => von_mises::log_prob(spec, z),
        BaseSpec::TruncatedNormal(spec) => truncated_normal::log_prob(spec, z),
        BaseSpec::Product(spec) => {
            let (first, rest) = z.split_at(spec.coordinates);
            plain(&spec.first, &weights.within("first"), first)
                + plain(&spec.rest, &weights.within("rest"), rest)
        }
    }
}

fn plain(spec: &PlainBaseSpec, weights: &Weights, z: &[f64]) -> f64 {
    match spec {
        PlainBaseSpec::Normal(_) => normal::log_prob(z),
        PlainBaseSpec::Mixture(spec) => mixture::log_prob(spec, weights, z),
        PlainBaseSpec::Uniform(spec) => uniform::log_prob(spec, z),
        PlainBaseSpec::VonMises(spec) => von_mises::log_prob(spec, z),
        PlainBaseSpec::TruncatedNormal(spec) => truncated_normal::log_prob(spec, z),
    }
}
