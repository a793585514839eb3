//! Sites, one after another: spins from a masked network, whose outputs are the logits of the
//! conditionals.

use pushforward::model::{CausalNetworkSpec, ConditionalSpec, SitesSpec, Symmetry};

use super::super::tape::Tape;
use super::network::{self, Masked};
use super::{Target, Tensors, TrainError, target};
use crate::ops::{Dense, LossKind, MadeSample, Select, Spins};

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
    let mut tape = Tape::new(copies, tensors.parameters(), kind);
    let x = tape.slot(sites);
    let given = (spec.context > 0).then(|| tape.slot(spec.context));
    // What the network reads: the spins, after the context where there is one.
    let mut read = x;
    if let Target::Data { rows } = target {
        target::data(&mut tape, rows, x, given);
        let context = network::embedding(&mut tape, tensors, spec.embedding.as_ref(), given)?;
        if let Some(context) = context {
            let indices = tape.table(0..sites as u32);
            read = tape.slot(tape.rows(context) + sites);
            tape.push(Select { context: Some(context), indices, from: x, to: read });
        }
    }
    let network = network::masked(&mut tape, tensors, network, "network.", read)?;
    let logits = network.outputs;

    if let Target::Energy { energy, .. } = target {
        let Masked { hidden, output, direct, bias, .. } = &network;
        let (layers, output, pairwise, bias) = (hidden.clone(), *output, *direct, *bias);
        tape.push(MadeSample { sites, layers, output, pairwise, bias, x, logits });
        target::energies(&mut tape, energy, x);
    }
    let from_copy = usize::from(kind == LossKind::Score);
    for dense in network.layers() {
        tape.push(Dense { from_copy, ..dense });
    }
    tape.push(Spins { sites, x, logits, log_q: tape.log_q() });
    Ok(tape)
}
