//! What couplings and autoregressive layers have in common: a network reads some coordinates, and
//! its outputs are the parameters by which a transformer moves some.

use pushforward::model::TransformerSpec;

use super::super::tape::Tape;
use super::{Tensors, TrainError, network};
use crate::ops::{Direction, Select, Slot, Transform};

/// A layer by what it reads and moves.
pub(super) struct Conditioned<'a> {
    /// Where its tensors' names begin.
    pub(super) prefix: &'a str,
    /// Hidden layers of the network.
    pub(super) hidden: usize,
    /// The function of one variable.
    pub(super) transformer: TransformerSpec,
    /// The coordinates that the network reads, in its order.
    pub(super) read: Vec<u32>,
    /// Those that are moved, in the order of the network's outputs, and the others.
    pub(super) moved: Vec<u32>,
    pub(super) kept: Vec<u32>,
    /// Rows of the network's output from coordinate to coordinate and from parameter to parameter.
    pub(super) strides: [usize; 2],
}

impl Conditioned<'_> {
    pub(super) fn lower(
        self,
        tape: &mut Tape,
        tensors: &Tensors,
        direction: Direction,
        x: Slot,
    ) -> Result<Slot, TrainError> {
        let y = tape.slot(self.moved.len() + self.kept.len());
        let [indices, moved, kept] =
            [self.read, self.moved, self.kept].map(|indices| tape.table(indices));
        let to = tape.slot(indices.len);
        let (hidden, last) = network::hidden(tape, tensors, self.prefix, self.hidden, to)?;
        let output = tensors.dense(tape, &format!("{}output", self.prefix), last, None)?;
        tape.push(Select { indices, from: x, to });
        hidden.into_iter().chain([output]).for_each(|dense| tape.push(dense));
        let (transformer, strides) = (self.transformer, self.strides);
        let (raw, log_q) = (output.y, tape.log_q());
        tape.push(Transform { transformer, direction, moved, kept, strides, x, raw, y, log_q });
        Ok(y)
    }
}
