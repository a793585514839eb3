//! A permutation of the coordinates: rows are picked in another order.

use pushforward::layer::PermuteSpec;

use super::{Lowering, TrainError};
use crate::ops::{Direction, Slot};

pub(super) fn lower(l: &mut Lowering<'_>, spec: &PermuteSpec, x: Slot) -> Result<Slot, TrainError> {
    let mut picked = vec![0; l.dim];
    for (i, d) in spec.order.iter().enumerate() {
        match l.direction {
            Direction::Sampling => picked[i] = *d as u32,
            Direction::Density => picked[*d] = i as u32,
        }
    }
    Ok(l.tape.select(None, picked, x))
}
