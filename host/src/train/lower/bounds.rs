//! Coordinates between bounds.

use pushforward::layer::BoundsSpec;

use super::{Lowering, TrainError};
use crate::ops::{Bounds, Slot};

pub(super) fn lower(l: &mut Lowering<'_>, spec: &BoundsSpec, x: Slot) -> Result<Slot, TrainError> {
    let (direction, log_q) = (l.direction, l.tape.log_q());
    let bounds = l.tape.table(Bounds::table(&spec.lower, &spec.upper));
    let y = l.tape.slot(l.dim);
    l.tape.push(Bounds { direction, bounds, x, y, log_q });
    Ok(y)
}
