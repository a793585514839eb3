//! Networks of dense layers with leaky units.

use pushforward::model::{CausalNetworkSpec, EmbeddingSpec, NetworkSpec};
use pushforward::network::MaskedSpec;

use super::super::tape::Tape;
use super::{Tensors, TrainError};
use crate::ops::{Dense, Leaky, Slot};

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
            let (layers, last) = hidden(tape, tensors, path, spec.hidden.len(), x)?;
            let output = tensors.dense(tape, &format!("{path}output"), last, None)?;
            layers.into_iter().chain([output]).for_each(|dense| tape.push(dense));
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
            network.layers().for_each(|dense| tape.push(dense));
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

/// A masked network.
pub(super) struct Masked {
    /// Its hidden layers.
    pub(super) hidden: Vec<Dense>,
    /// What makes outputs of the last of them; there is none without hidden layers.
    pub(super) output: Option<Dense>,
    /// The direct terms, which are added to the outputs, or are all that they have.
    pub(super) direct: Option<Dense>,
    /// The outputs, and their biases.
    pub(super) outputs: Slot,
    pub(super) bias: usize,
}

impl Masked {
    /// All layers, in their order.
    pub(super) fn layers(self) -> impl Iterator<Item = Dense> {
        self.hidden.into_iter().chain(self.output).chain(self.direct)
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
    let (hidden, last) = hidden(tape, tensors, path, spec.hidden.len(), x)?;
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

/// Hidden layers `{path}hidden.{k}` on top of `x`, `count` of them, and the last one's units. They
/// are not pushed.
fn hidden(
    tape: &mut Tape,
    tensors: &Tensors,
    path: &str,
    count: usize,
    mut x: Slot,
) -> Result<(Vec<Dense>, Slot), TrainError> {
    let mut layers = Vec::with_capacity(count);
    for k in 0..count {
        let name = format!("{path}hidden.{k}");
        let dense = tensors.dense(tape, &name, x, None)?;
        let slope = tensors.start(&format!("{name}.slope"))?;
        x = tape.slot(dense.outputs);
        layers.push(Dense { units: Some(Leaky { slope, y: x }), ..dense });
    }
    Ok((layers, x))
}
