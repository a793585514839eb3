//! Sites, one after another: a network whose outputs are the logits of the conditionals.

use pushforward::activation::AnyActivation;
use pushforward::conditional::logistics::Column;
use pushforward::domain::Kind;
use pushforward::model::{ConditionalSpec, ConstraintSpec, SitesNetworkSpec, SitesSpec, Symmetry};
use pushforward::network::conditioning::Conditioning;

use super::super::tape::Tape;
use super::convolution::convolution;
use super::multilevel::multilevel;
use super::network::{self, Masked};
use super::staged::Staged;
use super::{Target, Tensors, TrainError, target};
use crate::ops::{
    Bounds, Categories, Centre, Close, Direction, Logistics, LossKind, MadeSample, OneHot, Open,
    Spins, StagedSample,
};

/// Spins from noise (which computes the first copy's activations on its way), or values from data,
/// then hidden layers, logits, ln q.
pub(super) fn lower(
    spec: &SitesSpec,
    sites: usize,
    tensors: &Tensors,
    target: &Target,
) -> Result<Tape, TrainError> {
    let reads_context = match &spec.network {
        SitesNetworkSpec::Masked(network) => network.conditioning.reads(),
        SitesNetworkSpec::Multilevel(_) | SitesNetworkSpec::Convolution(_) => false,
        SitesNetworkSpec::Integer(_) => return Err(network::integers()),
    };
    let [inputs, outputs] = spec.conditional.sizes();
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
    let wrong = |expected: &str| {
        let found = match &spec.conditional {
            ConditionalSpec::Bernoulli(_) => "bernoulli",
            ConditionalSpec::Categorical(_) => "categorical",
            ConditionalSpec::Logistics(_) => "logistics",
        };
        let (found, expected) = (found.into(), expected.into());
        TrainError::Setting { field: "conditional", found, expected }
    };
    if let (Target::Energy { .. }, ConditionalSpec::Logistics(_)) = (target, &spec.conditional) {
        return Err(wrong("bernoulli, to learn from a Hamiltonian"));
    }
    if let ConditionalSpec::Categorical(_) = &spec.conditional {
        read = tape.slot(sites * inputs);
    }
    if let Target::Data { rows } = target {
        target::data(&mut tape, rows, x, given);
        let context = network::embedding(&mut tape, tensors, spec.embedding.as_ref(), given)?;
        if let ConditionalSpec::Categorical(_) = &spec.conditional {
            tape.push(OneHot { most: inputs, x, to: read });
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
            read = tape.slot(sites * inputs);
            tape.push(Centre { columns: table, x: values, inputs, y: read });
        }
        seen = context;
        if let Some(context) = context.filter(|_| reads_context) {
            let values = tape.rows(read) as u32;
            read = tape.select(Some(context), 0..values, read);
        }
    }
    let constraint = spec.constraint.as_ref();
    let open = constraint.map(|constraint| open(&mut tape, constraint, spec.constrained()));
    let staged = |tape: &mut Tape, network: Staged| {
        if let Target::Energy { energy, .. } = target {
            let categories = if read == x { 0 } else { inputs };
            let stages = network.stages.clone();
            tape.push(StagedSample { stages, categories, x, read });
            target::energies(tape, energy, x);
        }
        network.push(tape, kind == LossKind::Score && copies == 1)
    };
    if let (Some(_), SitesNetworkSpec::Convolution(_), Target::Energy { .. }) =
        (&open, &spec.network, target)
    {
        let (found, expected) =
            ("one".into(), "none, where a convolution learns from a Hamiltonian".into());
        return Err(TrainError::Setting { field: "constraint", found, expected });
    }
    let logits = match &spec.network {
        SitesNetworkSpec::Masked(network) => {
            let leaky = network.activation == AnyActivation::Leaky;
            let network = network::masked(&mut tape, tensors, network, "network.", seen, read)?;
            let logits = network.outputs;
            if let Target::Energy { energy, .. } = target {
                if !matches!(spec.conditional, ConditionalSpec::Bernoulli(_)) {
                    return Err(wrong(
                        "bernoulli, where a masked network learns from a Hamiltonian",
                    ));
                }
                let Masked { hidden, output, direct, bias, .. } = &network;
                let layers = network::sampled(hidden);
                let (output, pairwise, bias) = (*output, *direct, *bias);
                let counts = match open {
                    Some(Open::Counts(counts)) => Some(counts),
                    _ => None,
                };
                let sample =
                    MadeSample { sites, layers, output, pairwise, counts, bias, x, logits };
                tape.push(sample);
                target::energies(&mut tape, energy, x);
            }
            // Leaky units of the first copy are there; others are computed again, and what is added to
            // sums would be added twice.
            let is_there = kind == LossKind::Score && leaky;
            network.push(&mut tape, usize::from(is_there));
            logits
        }
        SitesNetworkSpec::Multilevel(network) => {
            let sizes = [sites, inputs, outputs];
            let network = multilevel(&mut tape, tensors, network, sizes, seen, read)?;
            staged(&mut tape, network)
        }
        SitesNetworkSpec::Convolution(network) if network.uniform_start => {
            let (found, expected) = ("true".into(), "false: it is not trained".into());
            return Err(TrainError::Setting { field: "uniform_start", found, expected });
        }
        SitesNetworkSpec::Convolution(network) => {
            let sizes = [sites, inputs, outputs];
            let network = convolution(&mut tape, tensors, network, sizes, seen, read)?;
            staged(&mut tape, network)
        }
        SitesNetworkSpec::Integer(_) => return Err(network::integers()),
    };
    if let Some(open) = open {
        tape.push(Close { sites, kind: spec.conditional.domain().kind(0), open, x, logits });
    }
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

/// Which values are open, as tables.
fn open(tape: &mut Tape, constraint: &ConstraintSpec, [sites, values]: [usize; 2]) -> Open {
    let mut follows = vec![0; (values + 1) * values];
    let mut may = |row: usize, k: usize| follows[row * values + k] = 1;
    let steps: Vec<u32> = match constraint {
        ConstraintSpec::Counts(spec) => return Open::Counts(tape.table(spec.counts.clone())),
        ConstraintSpec::Increasing(_) => {
            (0..values).for_each(|k| (0..=k).for_each(|row| may(row, k)));
            (0..values).map(|k| (values - 1 - k) as u32).collect()
        }
        ConstraintSpec::Successors(spec) => {
            spec.first().iter().for_each(|k| may(0, usize::from(*k)));
            for (row, next) in spec.next().iter().enumerate() {
                next.iter().for_each(|k| may(row + 1, usize::from(*k)));
            }
            spec.steps(sites).map(|steps| steps as u32).collect()
        }
    };
    Open::Successors { follows: tape.table(follows), steps: tape.table(steps) }
}
