//! A coupling: coordinates that are kept say how the others are moved.

use pushforward::model::TransformerSpec;

use super::super::tape::Tape;
use super::conditioned::Conditioned;
use super::{Layer, Tensors, TrainError};
use crate::ops::{Direction, Slot};

/// The network's outputs come parameter after parameter, each for all moved coordinates.
pub(super) struct Coupling {
    /// Where its tensors' names begin.
    pub(super) prefix: String,
    /// Whether a coordinate is kept.
    pub(super) mask: Vec<bool>,
    /// Sizes of the hidden layers.
    pub(super) hidden: Vec<usize>,
    /// The function of one variable.
    pub(super) transformer: TransformerSpec,
}

impl Layer for Coupling {
    fn lower(
        &self,
        tape: &mut Tape,
        tensors: &Tensors,
        direction: Direction,
        x: Slot,
    ) -> Result<Slot, TrainError> {
        let among = |wanted: bool| -> Vec<u32> {
            (0..).zip(&self.mask).filter(|(_, kept)| **kept == wanted).map(|(d, _)| d).collect()
        };
        let (kept, moved) = (among(true), among(false));
        let layer = Conditioned {
            prefix: &self.prefix,
            hidden: self.hidden.len(),
            transformer: self.transformer,
            strides: [1, moved.len()],
            read: kept.clone(),
            moved,
            kept,
        };
        layer.lower(tape, tensors, direction, x)
    }
}
