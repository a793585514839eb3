//! A scale and a shift of each coordinate.

use super::super::tape::Tape;
use super::{Layer, Tensors, TrainError};
use crate::ops::{self, Direction, Slot};

/// y\_d = x\_d e^{a\_d} + b\_d, or its inverse.
pub(super) struct Affine {
    /// Where its tensors' names begin.
    pub(super) prefix: String,
    /// Coordinates.
    pub(super) dim: usize,
}

impl Layer for Affine {
    fn lower(
        &self,
        tape: &mut Tape,
        tensors: &Tensors,
        direction: Direction,
        x: Slot,
    ) -> Result<Slot, TrainError> {
        let Self { prefix, dim } = self;
        let log_scale = tensors.start(&format!("{prefix}log_scale"))?;
        let shift = tensors.start(&format!("{prefix}shift"))?;
        let (y, log_q) = (tape.slot(*dim), tape.log_q());
        tape.push(ops::Affine { direction, dim: *dim, log_scale, shift, x, y, log_q });
        Ok(y)
    }
}
