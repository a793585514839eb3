//! A masked convolution: sites are positions, and layers after the first read what others made of sites around.

use pushforward::activation::AnyActivation;
use pushforward::network::ConvolutionSpec;

use super::super::tape::Tape;
use super::staged::Staged;
use super::{Tensors, TrainError};
use crate::ops::{
    Activation, Add, Convolution, ConvolvedLayer, Dense, Leaky, LeakyUnits, NONE, SampledStage,
    Select, Slot, StageNetwork, Sums, Units, runs,
};

/// The network of so many sites, of so many inputs and outputs each, which reads `read`. Nothing is pushed.
pub(super) fn convolution(
    tape: &mut Tape,
    tensors: &Tensors,
    spec: &ConvolutionSpec,
    [sites, inputs, outputs]: [usize; 3],
    context: Option<Slot>,
    read: Slot,
) -> Result<Staged, TrainError> {
    let given = context.map_or(0, |context| tape.rows(context));
    // One more than there are, which nobody reads: rows whose length is a power of two would all lie in the same few
    // sets of a cache.
    let positions = sites + 1;
    let from = match context {
        Some(_) => tape.select(context, 0..(sites * inputs) as u32, read),
        None => read,
    };
    let indices = window(spec, [sites, inputs], given);
    let rows = indices.len() / positions;
    let window = Select {
        context: None,
        indices: tape.table(indices),
        from,
        to: tape.slot_over(rows, positions),
    };
    let (mut x, mut stream) = (window.to, None);
    let mut layers = Vec::new();
    for (l, layer) in spec.layers([inputs, outputs]).into_iter().enumerate() {
        let [from, to] = layer.channels;
        let path = format!("network.{}", spec.path(l));
        let inputs = if l == 0 { rows } else { Convolution::offsets(layer.reach) * from };
        let dense = Dense {
            weight: tensors.start(&format!("{path}.weight"))?,
            bias: Some(tensors.start(&format!("{path}.bias"))?),
            limits: tape.table(Dense::table(&vec![inputs; to], if l == 0 { inputs } else { 0 })),
            inputs,
            outputs: to,
            x,
            y: tape.slot_over(to, positions),
            units: None,
            from_copy: 0,
        };
        let lattice = [sites / spec.columns, spec.columns];
        let sums = match l {
            0 => Sums::Dense(dense),
            _ => Sums::Convolution(Convolution { dense, lattice, reach: layer.reach }),
        };
        let add = layer.added.then_some(Add { from: stream, to: dense.y });
        if l % 2 == 0 {
            stream = Some(dense.y);
        }
        x = dense.y;
        let mut units = None;
        if layer.units {
            let y = tape.slot_over(to, positions);
            units = Some(if spec.activation == AnyActivation::Leaky {
                let leaky = Leaky { slope: tensors.start(&format!("{path}.slope"))?, y };
                Units::Leaky(LeakyUnits { leaky, x, rows: to })
            } else {
                Units::Other(Activation { activation: spec.activation, x, y })
            });
            x = y;
        }
        layers.push(ConvolvedLayer { sums, add, units });
    }
    let network = StageNetwork::Convolution(layers);
    let stage = SampledStage { window, network, sites: tape.table(0..sites as u32) };
    Ok(Staged { stages: vec![stage], sites, outputs })
}

/// What the first layer reads at each site, as rows of the context and the inputs: the context, then offset after
/// offset what is before the site; and at one more position, nothing.
fn window(spec: &ConvolutionSpec, [sites, inputs]: [usize; 2], given: usize) -> Vec<u32> {
    let (positions, reach) = (sites + 1, spec.reach.first().copied().unwrap_or_default());
    // All but a site's own, which is the last.
    let offsets = Convolution::offsets(reach) - 1;
    let mut window = vec![NONE; (given + offsets * inputs) * positions];
    let (context, values) = window.split_at_mut(given * positions);
    for (row, to) in (0..).zip(context.chunks_exact_mut(positions)) {
        to.fill(row);
    }
    let lattice = [sites / spec.columns, spec.columns];
    for run in runs(lattice, reach).filter(|run| run.offset < offsets) {
        for (i, site) in (0..inputs).flat_map(|i| (0..run.sites).map(move |site| (i, site))) {
            let row = run.offset * inputs + i;
            values[row * positions + run.to + site] =
                (given + (run.from + site) * inputs + i) as u32;
        }
    }
    window
}
