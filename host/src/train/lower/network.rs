//! Networks of dense layers with units on top.

use pushforward::activation::AnyActivation;
use pushforward::model::{CausalNetworkSpec, EmbeddingSpec, NetworkSpec};
use pushforward::network::MaskedSpec;

use super::super::tape::Tape;
use super::{Tensors, TrainError};
use crate::ops::{Activation, Add, Dense, Leaky, MadeLayer, Slot};

/// Pushes a network that reads `x`, and gives its outputs.
pub(super) fn run(
    tape: &mut Tape,
    tensors: &Tensors,
    spec: &NetworkSpec,
    path: &str,
    x: Slot,
) -> Result<Slot, TrainError> {
    match spec {
        NetworkSpec::Mlp(spec) => {
            let units = (spec.activation, spec.residual);
            let (layers, last) = hidden(tape, tensors, path, &spec.hidden, units, x)?;
            let output = tensors.dense(tape, &format!("{path}output"), last, None)?;
            layers.into_iter().for_each(|layer| layer.push(tape));
            tape.push(output);
            Ok(output.y)
        }
    }
}

/// Pushes a causal network that reads `x`, and gives its outputs.
pub(super) fn causal(
    tape: &mut Tape,
    tensors: &Tensors,
    spec: &CausalNetworkSpec,
    path: &str,
    x: Slot,
) -> Result<Slot, TrainError> {
    match spec {
        CausalNetworkSpec::Masked(spec) => {
            let network = masked(tape, tensors, spec, path, x)?;
            let outputs = network.outputs;
            network.push(tape, 0);
            Ok(outputs)
        }
    }
}

/// Pushes the network that a model's context passes, if there is one, and gives what parts see.
pub(super) fn embedding(
    tape: &mut Tape,
    tensors: &Tensors,
    spec: Option<&EmbeddingSpec>,
    context: Option<Slot>,
) -> Result<Option<Slot>, TrainError> {
    let (Some(spec), Some(context)) = (spec, context) else { return Ok(context) };
    run(tape, tensors, &spec.network, "embedding.", context).map(Some)
}

/// A hidden layer: leaky units belong to the dense layer, others are an operation of their own, which
/// comes before the weights where the network is residual.
#[derive(Clone, Copy)]
pub(super) struct Hidden {
    before: Option<Activation>,
    pub(super) dense: Dense,
    after: Option<Activation>,
    /// The stream that is added to what the layer makes.
    stream: Option<Add>,
}

impl Hidden {
    fn push(self, tape: &mut Tape) {
        self.before.into_iter().for_each(|activation| tape.push(activation));
        tape.push(self.dense);
        self.after.into_iter().for_each(|activation| tape.push(activation));
        self.stream.into_iter().for_each(|add| tape.push(add));
    }
}

/// The layers as ancestral sampling takes them: each with the units that are read of it, which may be
/// the next layer's to make.
pub(super) fn sampled(hidden: &[Hidden]) -> Vec<MadeLayer> {
    let next = hidden.iter().skip(1).map(|layer| layer.before).chain([None]);
    let layer = |(layer, before): (&Hidden, Option<Activation>)| MadeLayer {
        dense: layer.dense,
        add: layer.stream,
        activation: layer.after.or(before),
    };
    hidden.iter().zip(next).map(layer).collect()
}

/// A masked network.
pub(super) struct Masked {
    /// Its hidden layers.
    pub(super) hidden: Vec<Hidden>,
    /// What makes outputs of the last of them; there is none without hidden layers.
    pub(super) output: Option<Dense>,
    /// The direct terms, which are added to the outputs, or are all that they have.
    pub(super) direct: Option<Dense>,
    /// The outputs, and their biases.
    pub(super) outputs: Slot,
    pub(super) bias: usize,
}

impl Masked {
    /// Pushes all layers, for copies from `from_copy` on.
    pub(super) fn push(self, tape: &mut Tape, from_copy: usize) {
        for layer in self.hidden {
            Hidden { dense: Dense { from_copy, ..layer.dense }, ..layer }.push(tape);
        }
        for dense in self.output.into_iter().chain(self.direct) {
            tape.push(Dense { from_copy, ..dense });
        }
    }
}

/// A masked network that reads `x`. Its layers are not pushed.
pub(super) fn masked(
    tape: &mut Tape,
    tensors: &Tensors,
    spec: &MaskedSpec,
    path: &str,
    x: Slot,
) -> Result<Masked, TrainError> {
    let name = format!("{path}output");
    let outputs = tape.slot(tensors.len(&format!("{name}.bias"))?);
    let units = (spec.activation, spec.residual);
    let (hidden, last) = hidden(tape, tensors, path, &spec.hidden, units, x)?;
    let bias = tensors.start(&format!("{name}.bias"))?;
    let mut output = None;
    if !hidden.is_empty() {
        output = Some(tensors.dense(tape, &name, last, Some(outputs))?);
    }
    let mut direct = None;
    if spec.direct {
        let dense = tensors.dense(tape, &format!("{path}direct"), x, Some(outputs))?;
        // What comes first sets the outputs, what comes second adds to them.
        let bias = output.is_none().then_some(bias);
        direct = Some(Dense { bias, ..dense });
    }
    Ok(Masked { hidden, output, direct, outputs, bias })
}

/// Hidden layers `{path}hidden.{k}` of these sizes on top of `x`, with an activation, residual or not,
/// and the last one's units, or the stream. They are not pushed.
fn hidden(
    tape: &mut Tape,
    tensors: &Tensors,
    path: &str,
    sizes: &[usize],
    (activation, residual): (AnyActivation, bool),
    mut x: Slot,
) -> Result<(Vec<Hidden>, Slot), TrainError> {
    let mut layers = Vec::with_capacity(sizes.len());
    let mut stream = x;
    for (k, units) in sizes.iter().enumerate() {
        let name = format!("{path}hidden.{k}");
        let mut before = None;
        if residual && k > 0 {
            let y = tape.slot(*units);
            before = Some(Activation { activation, x, y });
            x = y;
        }
        let dense = tensors.dense(tape, &name, x, None)?;
        let mut layer = Hidden { before, dense, after: None, stream: None };
        x = dense.y;
        if residual {
            if k % 2 == 0 {
                layer.stream = (k > 0).then_some(Add { from: Some(stream), to: x });
                stream = x;
            }
        } else {
            let y = tape.slot(dense.outputs);
            if activation == AnyActivation::Leaky {
                let slope = tensors.start(&format!("{name}.slope"))?;
                layer.dense.units = Some(Leaky { slope, y });
            } else {
                layer.after = Some(Activation { activation, x, y });
            }
            x = y;
        }
        layers.push(layer);
    }
    Ok((layers, x))
}
