//! A scale and a shift of each coordinate: x = z e^a + b.

use super::{Lowering, TrainError};
use crate::ops::{Affine, Slot};

pub(super) fn lower(l: &mut Lowering<'_>, path: &str, x: Slot) -> Result<Slot, TrainError> {
    let log_scale = l.tensors.start(&format!("{path}log_scale"))?;
    let shift = l.tensors.start(&format!("{path}shift"))?;
    let (dim, direction) = (l.dim, l.direction);
    let (y, log_q) = (l.tape.slot(dim), l.tape.log_q());
    l.tape.push(Affine { direction, dim, log_scale, shift, x, y, log_q });
    Ok(y)
}
