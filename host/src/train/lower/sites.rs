//! Sites, one after another: spins from a masked network, whose outputs are the logits of the
//! conditionals.

use pushforward::model::{CausalNetworkSpec, ConditionalSpec, SitesSpec, Symmetry};

use super::super::tape::Tape;
use super::network::{self, Masked};
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
    let x = tape.slot(sites);
    let network = network::masked(&mut tape, tensors, network, "network.", x)?;
    let logits = network.outputs;

    match target {
        Target::Energy { energy, .. } => {
            let Masked { hidden, output, direct, bias, .. } = &network;
            let (layers, output, pairwise, bias) = (hidden.clone(), *output, *direct, *bias);
            tape.push(MadeSample { sites, layers, output, pairwise, bias, x, logits });
            target::energies(&mut tape, energy, x);
        }
        Target::Data { rows } => target::data(&mut tape, rows, sites, x),
    }
    let from_copy = usize::from(kind == LossKind::Score);
    for dense in network.layers() {
        tape.push(Dense { from_copy, ..dense });
    }
    tape.push(Spins { sites, x, logits, log_q: tape.log_q() });
    Ok(tape)
}
