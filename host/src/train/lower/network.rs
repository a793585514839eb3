//! Networks of dense layers with leaky units.

use pushforward::model::{CausalNetworkSpec, NetworkSpec};
use pushforward::network::MaskedSpec;

use super::super::tape::Tape;
use super::{Lowering, Tensors, TrainError};
use crate::ops::{Dense, Leaky, Slot};

/// The layers of a network that reads `x`, in their order. They are not pushed.
pub(super) fn run(
    l: &mut Lowering<'_>,
    spec: &NetworkSpec,
    path: &str,
    x: Slot,
) -> Result<Vec<Dense>, TrainError> {
    match spec {
        NetworkSpec::Mlp(spec) => {
            let (mut layers, last) = hidden(l.tape, l.tensors, path, spec.hidden.len(), x)?;
            layers.push(l.tensors.dense(l.tape, &format!("{path}output"), last, None)?);
            Ok(layers)
        }
    }
}

/// The layers of a causal network that reads `x`, in their order. They are not pushed.
pub(super) fn causal(
    l: &mut Lowering<'_>,
    spec: &CausalNetworkSpec,
    path: &str,
    x: Slot,
) -> Result<Vec<Dense>, TrainError> {
    match spec {
        CausalNetworkSpec::Masked(spec) => {
            Ok(masked(l.tape, l.tensors, spec, path, x)?.layers().collect())
        }
    }
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
