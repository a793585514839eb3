//! An autoregressive layer: coordinates before it in an order say how each one is moved. The
//! network reads what the step starts from, so a layer trains in the direction that is one pass.

use pushforward::model::TransformerSpec;

use super::super::tape::Tape;
use super::conditioned::Conditioned;
use super::{Layer, Tensors, TrainError};
use crate::ops::{Direction, Slot};

/// The network's outputs come position after position, each with all its parameters.
pub(super) struct Autoregressive {
    /// Where its tensors' names begin.
    pub(super) prefix: String,
    /// The coordinate at each position.
    pub(super) order: Vec<usize>,
    /// Sizes of the hidden layers.
    pub(super) hidden: Vec<usize>,
    /// The function of one variable.
    pub(super) transformer: TransformerSpec,
}

impl Layer for Autoregressive {
    fn lower(
        &self,
        tape: &mut Tape,
        tensors: &Tensors,
        direction: Direction,
        x: Slot,
    ) -> Result<Slot, TrainError> {
        let order: Vec<u32> = self.order.iter().map(|&d| d as u32).collect();
        let layer = Conditioned {
            prefix: &self.prefix,
            hidden: self.hidden.len(),
            transformer: self.transformer,
            strides: [self.transformer.parameters(), 1],
            read: order.clone(),
            moved: order,
            kept: Vec::new(),
        };
        layer.lower(tape, tensors, direction, x)
    }
}
