//! Networks of dense layers with leaky units.

use pushforward::model::{CausalNetworkSpec, NetworkSpec};

use super::super::tape::Tape;
use super::{Lowering, Tensors, TrainError};
use crate::ops::{Dense, Leaky, Slot};

/// The layers of a network that reads `x`. They are not pushed.
pub(super) fn run(
    l: &mut Lowering<'_>,
    spec: &NetworkSpec,
    path: &str,
    x: Slot,
) -> Result<Vec<Dense>, TrainError> {
    match spec {
        NetworkSpec::Mlp(spec) => perceptron(l, spec.hidden.len(), path, x),
    }
}

/// The layers of a causal network that reads `x`. They are not pushed.
pub(super) fn causal(
    l: &mut Lowering<'_>,
    spec: &CausalNetworkSpec,
    path: &str,
    x: Slot,
) -> Result<Vec<Dense>, TrainError> {
    match spec {
        CausalNetworkSpec::Masked(spec) => perceptron(l, spec.hidden.len(), path, x),
    }
}

fn perceptron(
    l: &mut Lowering<'_>,
    hidden: usize,
    path: &str,
    x: Slot,
) -> Result<Vec<Dense>, TrainError> {
    let (mut layers, last) = self::hidden(l.tape, l.tensors, path, hidden, x)?;
    layers.push(l.tensors.dense(l.tape, &format!("{path}output"), last, None)?);
    Ok(layers)
}

/// Hidden layers `{path}hidden.{k}` on top of `x`, `count` of them, and the last one's units. They
/// are not pushed.
pub(super) fn hidden(
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
