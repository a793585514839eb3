//! Networks: their outputs, from all inputs at once. What a mask hides is 0 in the weights.

mod convolution;
mod integer;
mod masked;
mod mlp;
mod multilevel;
mod periodic;

use pushforward::model::{CausalNetworkSpec, NetworkSpec, SitesNetworkSpec};

use crate::weights::Weights;

pub(crate) fn run(spec: &NetworkSpec, weights: &Weights, x: &[f64]) -> Vec<f64> {
    match spec {
        NetworkSpec::Mlp(spec) => mlp::run(spec, weights, x),
        NetworkSpec::Integer(spec) => integer::perceptron(spec, weights, x),
        NetworkSpec::Periodic(spec) => mlp::run(&spec.network, weights, &periodic::read(spec, x)),
    }
}

/// How near what it rounds is to the edge between two integers, at the nearest, in units of one.
pub(crate) fn edge(spec: &NetworkSpec, weights: &Weights, x: &[f64]) -> f64 {
    match spec {
        NetworkSpec::Integer(spec) => integer::edge(spec, weights, x),
        NetworkSpec::Mlp(_) | NetworkSpec::Periodic(_) => f64::INFINITY,
    }
}

/// All outputs, site after site; those of a site depend on the inputs of sites before it.
pub(crate) fn run_causal(
    spec: &CausalNetworkSpec,
    weights: &Weights,
    context: &[f64],
    inputs: &[f64],
) -> Vec<f64> {
    match spec {
        CausalNetworkSpec::Masked(spec) => masked::run(spec, weights, context, inputs),
        CausalNetworkSpec::Integer(spec) => integer::causal(spec, weights, context, inputs),
        CausalNetworkSpec::Periodic(spec) => {
            masked::run(&spec.network, weights, context, &periodic::read_causal(spec, inputs))
        }
    }
}

/// The same of the network of so many sites.
pub(crate) fn run_sites(
    spec: &SitesNetworkSpec,
    weights: &Weights,
    context: &[f64],
    sites: usize,
    inputs: &[f64],
) -> Vec<f64> {
    match spec {
        SitesNetworkSpec::Masked(spec) => masked::run(spec, weights, context, inputs),
        SitesNetworkSpec::Integer(spec) => integer::causal(spec, weights, context, inputs),
        SitesNetworkSpec::Multilevel(spec) => {
            multilevel::run(spec, weights, context, sites, inputs)
        }
        SitesNetworkSpec::Convolution(spec) => {
            convolution::run(spec, weights, context, sites, inputs)
        }
    }
}

/// As [`edge`], of a causal network.
pub(crate) fn causal_edge(
    spec: &CausalNetworkSpec,
    weights: &Weights,
    context: &[f64],
    inputs: &[f64],
) -> f64 {
    match spec {
        CausalNetworkSpec::Integer(spec) => integer::causal_edge(spec, weights, context, inputs),
        CausalNetworkSpec::Masked(_) | CausalNetworkSpec::Periodic(_) => f64::INFINITY,
    }
}

/// As [`edge`], of the network of sites, which rounds nothing but its context.
pub(crate) fn sites_edge(spec: &SitesNetworkSpec, weights: &Weights, context: &[f64]) -> f64 {
    match spec {
        SitesNetworkSpec::Integer(spec) => integer::causal_edge(spec, weights, context, &[]),
        SitesNetworkSpec::Masked(_)
        | SitesNetworkSpec::Multilevel(_)
        | SitesNetworkSpec::Convolution(_) => f64::INFINITY,
    }
}
