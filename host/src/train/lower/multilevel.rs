//! A lattice from coarse to fine: the sites of a stage are positions that share weights.

use pushforward::network::MultilevelSpec;

use super::super::tape::Tape;
use super::network::shared;
use super::staged::Staged;
use super::{Tensors, TrainError};
use crate::ops::{Dense, Fixed, MadeLayer, NONE, SampledStage, Select, Slot, StageNetwork};

/// The network of so many sites, of so many inputs and outputs each, which reads `read`. The first site is a stage
/// of its own. Nothing is pushed.
pub(super) fn multilevel(
    tape: &mut Tape,
    tensors: &Tensors,
    spec: &MultilevelSpec,
    [sites, inputs, outputs]: [usize; 3],
    context: Option<Slot>,
    read: Slot,
) -> Result<Staged, TrainError> {
    let given = context.map_or(0, |context| tape.rows(context));
    // The context in front of what is read, so that one table can name both.
    let from = match context {
        Some(_) => tape.select(context, 0..(sites * inputs) as u32, read),
        None => read,
    };
    let mut stages = vec![first(tape, tensors, outputs, from)?];
    for stage in spec.stages(sites) {
        let positions = stage.sites.len();
        // A heat bath has no context.
        let context = if stage.path.is_some() { given } else { 0 };
        let rows = (0..context as u32).flat_map(|row| std::iter::repeat_n(row, positions));
        let window = stage.window.iter().flat_map(|near| (0..inputs).map(move |i| (near, i)));
        let window = window.flat_map(|(near, i)| {
            near.iter().map(move |site| site.map_or(NONE, |s| (given + s * inputs + i) as u32))
        });
        let indices = tape.table(rows.chain(window));
        let to = tape.slot_over(context + stage.window.len() * inputs, positions);
        let network = match (&stage.path, &spec.heat_bath) {
            (Some(path), _) => {
                let path = format!("network.{path}.");
                let (sizes, activation) = (&spec.hidden, spec.activation);
                StageNetwork::Layers(shared(tape, tensors, sizes, activation, &path, to)?)
            }
            (None, bath) => {
                let couplings = bath.iter().flat_map(|bath| bath.couplings.chunks(inputs));
                let weight: Vec<u32> = couplings
                    .flat_map(|row| row.iter().map(|w| w.to_bits()).cycle().take(4 * inputs))
                    .collect();
                let bias = bath.iter().flat_map(|bath| &bath.field).map(|x| x.to_bits());
                let (weight, bias) = (tape.table(weight), tape.table(bias));
                let y = tape.slot_over(outputs, positions);
                StageNetwork::Fixed(Fixed { weight, bias, x: to, y })
            }
        };
        let window = Select { context: None, indices, from, to };
        let sites = tape.table(stage.sites.iter().map(|site| *site as u32));
        stages.push(SampledStage { window, network, sites });
    }
    Ok(Staged { stages, sites, outputs })
}

/// The first site, of which nothing is known but its bias, if there is one.
fn first(
    tape: &mut Tape,
    tensors: &Tensors,
    outputs: usize,
    from: Slot,
) -> Result<SampledStage, TrainError> {
    let (none, to, y) = (tape.table([]), tape.slot(0), tape.slot(outputs));
    let network = match tensors.start("network.first.bias") {
        Ok(bias) => {
            let limits = tape.table(Dense::table(&vec![0; outputs], 0));
            let (units, from_copy) = (None, 0);
            let bias = Some(bias);
            let dense =
                Dense { weight: 0, bias, limits, inputs: 0, outputs, x: to, y, units, from_copy };
            StageNetwork::Layers(vec![MadeLayer { dense, add: None, activation: None }])
        }
        Err(_) => {
            let bias = tape.table(vec![0; outputs]);
            StageNetwork::Fixed(Fixed { weight: none, bias, x: to, y })
        }
    };
    let window = Select { context: None, indices: none, from, to };
    Ok(SampledStage { window, network, sites: tape.table([0]) })
}
