//! What couplings and autoregressive layers have in common: a network reads some coordinates, and
//! its outputs are the parameters by which a univariate map moves some.

use pushforward::model::UnivariateSpec;

use super::{Lowering, TrainError};
use crate::ops::{Slot, Transform};

/// A layer by what it reads and moves.
pub(super) struct Conditioned<'a> {
    /// The function of one variable.
    pub(super) univariate: &'a UnivariateSpec,
    /// The coordinates that the network reads, in its order, after the context unless it does something
    /// else with that.
    pub(super) read: Vec<u32>,
    pub(super) reads_context: bool,
    /// Those that are moved, in the order of the network's outputs, and the others.
    pub(super) moved: Vec<u32>,
    pub(super) kept: Vec<u32>,
    /// Rows of the network's output from coordinate to coordinate and from parameter to parameter.
    pub(super) strides: [usize; 2],
    /// Rows of it, the first, that move nothing.
    pub(super) skip: usize,
}

impl Conditioned<'_> {
    /// `network` pushes the network on top of what it reads, and gives its outputs.
    pub(super) fn lower(
        self,
        l: &mut Lowering<'_>,
        x: Slot,
        network: impl FnOnce(&mut Lowering<'_>, Slot) -> Result<Slot, TrainError>,
    ) -> Result<Slot, TrainError> {
        let y = l.tape.slot(self.moved.len() + self.kept.len());
        let [moved, kept] = [self.moved, self.kept].map(|indices| l.tape.table(indices));
        let read = l.tape.select(l.context.filter(|_| self.reads_context), self.read, x);
        let raw = network(l, read)?;
        let (univariate, strides, skip) = (*self.univariate, self.strides, self.skip);
        let (direction, log_q) = (l.direction, l.tape.log_q());
        l.tape.push(Transform {
            univariate,
            direction,
            moved,
            kept,
            strides,
            x,
            raw,
            skip,
            y,
            log_q,
        });
        Ok(y)
    }
}
