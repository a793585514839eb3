//! Conditionals: Σ ln p(x_i | x_<i) (nats) of a row.

mod bernoulli;
mod categorical;
mod logistics;
mod tabulated;

use pushforward::domain::Kind;
use pushforward::model::{ConditionalSpec, SitesNetworkSpec, SitesSpec};

use crate::weights::Weights;
use crate::{constraint, network};

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
    let outputs = network::run_sites(&spec.network, weights, context, row.len(), &inputs);
    let sites = outputs.chunks(outputs.len() / row.len()).zip(row).enumerate();
    // Which values are open, if not all.
    let number = |x: &f64| match spec.conditional {
        ConditionalSpec::Bernoulli(_) => usize::from(*x > 0.0),
        _ => *x as usize,
    };
    let numbers: Vec<usize> = row.iter().map(number).collect();
    let [n, values] = spec.constrained();
    let open = |i: usize| {
        let constraint = spec.constraint.as_ref()?;
        Some(constraint::open(constraint, &numbers[..i], n, values))
    };
    let site = |(i, (outputs, value)): (usize, (&[f64], &f64))| match &spec.conditional {
        ConditionalSpec::Bernoulli(_) => match (open(i), &spec.network) {
            (Some(open), _) if !open[numbers[i]] => f64::NEG_INFINITY,
            (Some(open), _) if open.contains(&false) => 0.0,
            (_, SitesNetworkSpec::Integer(_)) => tabulated::log_prob(outputs[0], *value),
            _ => bernoulli::log_prob(outputs[0], *value),
        },
        ConditionalSpec::Categorical(_) => {
            let Kind::Category(n) = spec.conditional.domain().kind(i) else { unreachable!() };
            let open = open(i).unwrap_or_else(|| vec![true; n as usize]);
            let closed = |(k, a): (usize, &f64)| if open[k] { *a } else { f64::NEG_INFINITY };
            let logits: Vec<f64> = outputs[..n as usize].iter().enumerate().map(closed).collect();
            if !open.contains(&true) {
                return f64::NEG_INFINITY;
            }
            categorical::log_prob(&logits, n as usize, *value)
        }
        ConditionalSpec::Logistics(spec) => logistics::log_prob(&spec.columns[i], outputs, *value),
    };
    sites.map(site).sum()
}
