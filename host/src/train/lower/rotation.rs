//! A product of reflections.

use pushforward::layer::RotationSpec;

use super::{Lowering, TrainError};
use crate::ops::{Rotation, Slot};

pub(super) fn lower(
    l: &mut Lowering<'_>,
    spec: &RotationSpec,
    path: &str,
    x: Slot,
) -> Result<Slot, TrainError> {
    let vectors = l.tensors.start(&format!("{path}vectors"))?;
    let (dim, direction, reflections) = (l.dim, l.direction, spec.reflections);
    let (stages, y) = (l.tape.slot(reflections * (dim + 1)), l.tape.slot(dim));
    l.tape.push(Rotation { direction, dim, reflections, vectors, x, stages, y });
    Ok(y)
}
