//! Sites, one after another: a masked network, whose outputs are the logits of the conditionals.

use pushforward::activation::AnyActivation;
use pushforward::conditional::logistics::Column;
use pushforward::domain::Kind;
use pushforward::model::{ConditionalSpec, SitesNetworkSpec, SitesSpec, Symmetry};
use pushforward::network::conditioning::Conditioning;

use super::super::tape::Tape;
use super::network::{self, Masked};
use super::{Target, Tensors, TrainError, target};
use crate::ops::{
    Bounds, Categories, Centre, Direction, Logistics, LossKind, MadeSample, OneHot, Spins,
};

/// Spins from noise (which computes the first copy's activations on its way), or values from data,
/// then hidden layers, logits, ln q.
pub(super) fn lower(
    spec: &SitesSpec,
    sites: usize,
    tensors: &Tensors,
    target: &Target,
) -> Result<Tape, TrainError> {
    let SitesNetworkSpec::Masked(network) = &spec.network else {
        return Err(network::integers());
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
    // Where the conditional's values are, and what it is told of them.
    let (mut values, mut columns) = (x, None);
    if let (Target::Energy { .. }, ConditionalSpec::Logistics(_)) = (target, &spec.conditional) {
        let (found, expected) =
            ("logistics".into(), "bernoulli, to learn from a Hamiltonian".into());
        return Err(TrainError::Setting { field: "conditional", found, expected });
    }
    if let Target::Data { rows } = target {
        target::data(&mut tape, rows, x, given);
        let context = network::embedding(&mut tape, tensors, spec.embedding.as_ref(), given)?;
        if let ConditionalSpec::Categorical(_) = &spec.conditional {
            let [most, _] = spec.conditional.sizes();
            read = tape.slot(sites * most);
            tape.push(OneHot { most, x, to: read });
        }
        let conditional = &spec.conditional;
        if let ConditionalSpec::Logistics(spec) = conditional {
            if spec.columns.iter().any(|column| column.bound().is_some()) {
                let ends = |end: fn(&Column) -> f32, none: f32| -> Vec<f32> {
                    let each = |column: &Column| column.bound().map_or(none, |_| end(column));
                    spec.columns.iter().map(each).collect()
                };
                let lower = ends(|column| column.lower, f32::NEG_INFINITY);
                let upper = ends(|column| column.upper, f32::INFINITY);
                let bounds = tape.table(Bounds::table(&lower, &upper));
                values = tape.slot(sites);
                let (direction, log_q) = (Direction::Density, tape.log_q());
                tape.push(Bounds { direction, bounds, x, y: values, log_q });
            }
            let table = tape.table(Logistics::table(&spec.columns));
            columns = Some(table);
            let [inputs, _] = conditional.sizes();
            read = tape.slot(sites * inputs);
            tape.push(Centre { columns: table, x: values, inputs, y: read });
        }
        seen = context;
        if let Some(context) = context.filter(|_| network.conditioning.reads()) {
            let values = tape.rows(read) as u32;
            read = tape.select(Some(context), 0..values, read);
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
        ConditionalSpec::Logistics(spec) => {
            let columns = columns.expect("it learns from data");
            let (components, x, outputs) = (spec.components, values, logits);
            tape.push(Logistics { columns, components, x, outputs, log_q });
        }
    }
    Ok(tape)
}
