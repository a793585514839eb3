//! Sites, one after another: spins from a masked network, whose outputs are the logits of the
//! conditionals.

use pushforward::model::{CausalNetworkSpec, ConditionalSpec, SitesSpec, Symmetry};

use super::super::tape::Tape;
use super::network::hidden;
use super::{Target, Tensors, TrainError, target};
use crate::ops::{Dense, LossKind, MadeSample, Spins};

/// Spins from noise (which computes the first copy's activations on its way) or from data, then
/// hidden layers, logits, ln q.
pub(super) fn lower(
    spec: &SitesSpec,
    sites: usize,
    tensors: &Tensors,
    target: &Target,
) -> Result<Tape, TrainError> {
    let CausalNetworkSpec::Masked(network) = &spec.network;
    let ConditionalSpec::Bernoulli(_) = &spec.conditional;
    let kind = match target {
        Target::Energy { .. } => LossKind::Score,
        Target::Data { .. } => LossKind::Likelihood,
    };
    let copies = if spec.symmetry == Symmetry::Z2 { 2 } else { 1 };
    let mut tape = Tape::new(sites, copies, tensors.parameters(), kind);
    let (x, logits) = (tape.slot(sites), tape.slot(sites));
    let (layers, last) = hidden(&mut tape, tensors, "network.", network.hidden.len(), x)?;
    let bias = tensors.start("network.output.bias")?;
    let mut output = None;
    if !layers.is_empty() {
        output = Some(tensors.dense(&mut tape, "network.output", last, Some(logits))?);
    }
    let mut direct = None;
    if network.direct {
        let dense = tensors.dense(&mut tape, "network.direct", x, Some(logits))?;
        // What comes first sets the logits, what comes second adds to them.
        let bias = output.is_none().then_some(bias);
        direct = Some(Dense { bias, ..dense });
    }

    match target {
        Target::Energy { energy, .. } => {
            let layers = layers.clone();
            tape.push(MadeSample { sites, layers, output, pairwise: direct, bias, x, logits });
            target::energies(&mut tape, energy, x);
        }
        Target::Data { rows } => target::data(&mut tape, rows, sites, x),
    }
    let from_copy = usize::from(kind == LossKind::Score);
    for dense in layers.into_iter().chain(output).chain(direct) {
        tape.push(Dense { from_copy, ..dense });
    }
    tape.push(Spins { sites, x, logits, log_q: tape.log_q() });
    Ok(tape)
}
