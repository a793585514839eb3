//! Bases: ln p(z) (nats).

mod mixture;
mod normal;
mod truncated_normal;
mod uniform;
mod von_mises;

use pushforward::model::BaseSpec;

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
            log_prob(&spec.first.clone().into(), &weights.within("first"), first)
                + log_prob(&spec.rest.clone().into(), &weights.within("rest"), rest)
        }
    }
}
