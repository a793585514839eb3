//! Networks of dense layers with leaky units.

use super::super::tape::Tape;
use super::{Tensors, TrainError};
use crate::ops::{Dense, Leaky, Slot};

/// Hidden layers `{prefix}hidden.{k}` on top of `x`, `count` of them, and the last one's units. They
/// are not pushed.
pub(super) fn hidden(
    tape: &mut Tape,
    tensors: &Tensors,
    prefix: &str,
    count: usize,
    mut x: Slot,
) -> Result<(Vec<Dense>, Slot), TrainError> {
    let mut layers = Vec::with_capacity(count);
    for k in 0..count {
        let name = format!("{prefix}hidden.{k}");
        let dense = tensors.dense(tape, &name, x, None)?;
        let slope = tensors.start(&format!("{name}.slope"))?;
        x = tape.slot(dense.outputs);
        layers.push(Dense { units: Some(Leaky { slope, y: x }), ..dense });
    }
    Ok((layers, x))
}
