//! Bases: ln p(z) (nats).

mod normal;
mod uniform;

use pushforward::model::BaseSpec;

use crate::weights::Weights;

pub(crate) fn log_prob(spec: &BaseSpec, _: &Weights, z: &[f64]) -> f64 {
    match spec {
        BaseSpec::Normal(_) => normal::log_prob(z),
        BaseSpec::Uniform(spec) => uniform::log_prob(spec, z),
    }
}
