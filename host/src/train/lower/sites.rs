//! Sites, one after another: a masked network, whose outputs are the logits of the conditionals.

use pushforward::activation::AnyActivation;
use pushforward::domain::Kind;
use pushforward::model::{CausalNetworkSpec, ConditionalSpec, SitesSpec, Symmetry};
use pushforward::network::conditioning::Conditioning;

use super::super::tape::Tape;
use super::network::{self, Masked};
use super::{Target, Tensors, TrainError, target};
use crate::ops::{Categories, LossKind, MadeSample, OneHot, Select, Spins};

/// Spins from noise (which computes the first copy's activations on its way), or values from data,
/// then hidden layers, logits, ln q.
pub(super) fn lower(
    spec: &SitesSpec,
    sites: usize,
    tensors: &Tensors,
    target: &Target,
) -> Result<Tape, TrainError> {
    let CausalNetworkSpec::Masked(network) = &spec.network else {
        let expected = "masked, as sites have no angles".into();
        let found = "periodic".into();
        return Err(TrainError::Setting { field: "network", found, expected });
    };
    let kind = match target {
        Target::Energy { .. } => LossKind::Score,
        Target::Data { .. } => LossKind::Likelihood,
    };
    let copies = if spec.symmetry == Symmetry::Z2 { 2 } else { 1 };
    let mut tape = Tape::new(copies, tensors.parameters(), kind);
    let x = tape.slot(sites);
    let given = (spec.context > 0).then(|| tape.slot(spec.context));
    // What the network reads: what enters of the values, after the context where there is one.
    let mut read = x;
    let mut seen = None;
    if let Target::Data { rows } = target {
        target::data(&mut tape, rows, x, given);
        let context = network::embedding(&mut tape, tensors, spec.embedding.as_ref(), given)?;
        if let ConditionalSpec::Categorical(_) = &spec.conditional {
            let [most, _] = spec.conditional.sizes();
            read = tape.slot(sites * most);
            tape.push(OneHot { most, x, to: read });
        }
        seen = context;
        if let Some(context) = context.filter(|_| network.conditioning.reads()) {
            let values = tape.rows(read);
            let indices = tape.table(0..values as u32);
            let to = tape.slot(tape.rows(context) + values);
            tape.push(Select { context: Some(context), indices, from: read, to });
            read = to;
        }
    }
    let leaky = network.activation == AnyActivation::Leaky;
    let network = network::masked(&mut tape, tensors, network, "network.", seen, read)?;
    let logits = network.outputs;

    if let Target::Energy { energy, .. } = target {
        let Masked { hidden, output, direct, bias, .. } = &network;
        let layers = network::sampled(hidden);
        let (output, pairwise, bias) = (*output, *direct, *bias);
        tape.push(MadeSample { sites, layers, output, pairwise, bias, x, logits });
        target::energies(&mut tape, energy, x);
    }
    // Leaky units of the first copy are there; others are computed again, and what is added to sums
    // would be added twice.
    let is_there = kind == LossKind::Score && leaky;
    network.push(&mut tape, usize::from(is_there));
    let log_q = tape.log_q();
    match &spec.conditional {
        ConditionalSpec::Bernoulli(_) => tape.push(Spins { sites, x, logits, log_q }),
        ConditionalSpec::Categorical(_) => {
            let domain = spec.conditional.domain();
            let size = |site| if let Kind::Category(n) = domain.kind(site) { n } else { 0 };
            let (sizes, [most, _]) = (tape.table((0..sites).map(size)), spec.conditional.sizes());
            tape.push(Categories { sizes, most, x, logits, log_q });
        }
    }
    Ok(tape)
}
