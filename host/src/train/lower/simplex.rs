//! Parts of a total.

use pushforward::layer::SimplexSpec;

use super::{Lowering, TrainError};
use crate::ops::{Simplex, Slot};

pub(super) fn lower(l: &mut Lowering<'_>, spec: &SimplexSpec, x: Slot) -> Result<Slot, TrainError> {
    let (direction, log_q, total) = (l.direction, l.tape.log_q(), spec.total);
    let rows = spec.parts.iter().enumerate().filter(|(_, part)| **part);
    let parts = l.tape.table(rows.map(|(d, _)| d as u32).collect::<Vec<_>>());
    let y = l.tape.slot(l.dim);
    l.tape.push(Simplex { direction, parts, total, x, y, log_q });
    Ok(y)
}
