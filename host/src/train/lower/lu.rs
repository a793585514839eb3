//! A product of two triangles and a shift: z = L (U x) + b.

use super::{Lowering, TrainError};
use crate::ops::{Lu, Slot};

pub(super) fn lower(l: &mut Lowering<'_>, path: &str, x: Slot) -> Result<Slot, TrainError> {
    let start = |name: &str| l.tensors.start(&format!("{path}{name}"));
    let (log_diagonal, shift) = (start("log_diagonal")?, start("shift")?);
    let (lower, upper) = (start("lower")?, start("upper_transposed")?);
    let (dim, direction) = (l.dim, l.direction);
    let (between, y, log_q) = (l.tape.slot(dim), l.tape.slot(dim), l.tape.log_q());
    l.tape.push(Lu { direction, dim, log_diagonal, shift, lower, upper, x, between, y, log_q });
    Ok(y)
}
