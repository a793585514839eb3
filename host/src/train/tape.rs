//! A training step in the making: operations are pushed forward, and the tape finds the way back.
//!
//! [Lowering](super::lower) a part of a model pushes what it does; every operation knows its own
//! backward. [`Tape::finish`] fuses (if it is to), asks the operations in reverse, and what comes out
//! is a [`Program`]. A matrix is written by one operation and then only read; the exceptions, ln q
//! and a matrix that a layer adds to, are sums, which leave the gradient as it is.

use std::ops::Range;
use std::sync::Arc;

use super::fuse;
use crate::ops::{Drawn, Forward, LossKind, Operation, Program, Reverse, Select, Slot, Table};

/// Whether operations that have one common WGSL call become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fusing {
    /// Each operation is a call.
    Off,
    /// As few calls as there can be.
    #[default]
    On,
}

/// Operations in the order of a forward pass.
#[derive(Debug)]
pub struct Tape {
    program: Program,
    operations: Vec<Box<dyn Forward>>,
    /// Gradients that come from outside, and matrices whose gradient somebody outside wants.
    given: Vec<(Slot, Slot)>,
    log_q: Slot,
    wanted: Vec<Slot>,
}

impl Tape {
    /// An empty step for `parameters` parameters.
    pub fn new(copies: usize, parameters: usize, kind: LossKind) -> Self {
        let program = Program::new(copies, parameters, kind);
        let given = vec![(program.loss.log_q, program.loss.coefficient)];
        let log_q = program.loss.log_q;
        Self { program, operations: Vec::new(), given, log_q, wanted: Vec::new() }
    }

    /// A new matrix of `rows` rows.
    pub fn slot(&mut self, rows: usize) -> Slot {
        self.program.slot(rows)
    }

    /// A new matrix of `rows` rows over `positions` positions of each sample.
    pub fn slot_over(&mut self, rows: usize, positions: usize) -> Slot {
        self.program.slot_over(rows, positions)
    }

    /// A new matrix of `rows` rows over the positions of another.
    pub fn slot_beside(&mut self, rows: usize, other: Slot) -> Slot {
        self.slot_over(rows, self.program.shapes[other.0].positions)
    }

    /// Rows of a matrix.
    pub fn rows(&self, s: Slot) -> usize {
        self.program.shapes[s.0].rows
    }

    /// Positions of a matrix.
    pub fn positions(&self, s: Slot) -> usize {
        self.program.shapes[s.0].positions
    }

    /// A new table.
    pub fn table(&mut self, entries: impl IntoIterator<Item = u32>) -> Table {
        self.program.table(entries)
    }

    /// Pushes the [`Select`] that makes a new matrix of all rows of `before` and of these of `from`, and gives it.
    pub fn select(
        &mut self,
        before: Option<Slot>,
        rows: impl IntoIterator<Item = u32>,
        from: Slot,
    ) -> Slot {
        let indices = self.table(rows);
        let given = before.map_or(0, |before| self.rows(before));
        let to = self.slot(given + indices.len);
        self.push(Select { context: before, indices, from, to });
        to
    }

    /// One row: ln q, for the operations to set and to add to.
    pub fn log_q(&self) -> Slot {
        self.log_q
    }

    /// Lets operations set and add to another row from here on, and gives the one that they did before.
    pub fn replace_log_q(&mut self, log_q: Slot) -> Slot {
        std::mem::replace(&mut self.log_q, log_q)
    }

    /// The loss is Rényi's bound of this order.
    pub fn renyi(&mut self, alpha: f64) {
        (self.program.loss.kind, self.program.loss.alpha) = (LossKind::Renyi, alpha as f32);
    }

    /// The gradient of `y` is that of the loss by ln q.
    pub fn given_by_loss(&mut self, y: Slot) {
        self.given.push((y, self.program.loss.coefficient));
    }

    /// Samples come from these rows, `[n][width]`.
    pub fn data(&mut self, rows: &Arc<Vec<f32>>, width: usize) {
        self.program.data = Arc::clone(rows);
        self.program.width = width;
    }

    /// The loss has β times the row `energy` in it.
    pub fn energy(&mut self, energy: Slot) {
        self.program.loss.energy = Some(energy);
        self.given.push((energy, self.program.loss.coefficient));
    }

    /// The gradient of `y` is what lies in `gradient`.
    pub fn given(&mut self, y: Slot, gradient: Slot) {
        self.given.push((y, gradient));
    }

    /// The gradient of `x` is wanted, though no parameter lies behind it.
    pub fn want(&mut self, x: Slot) {
        self.wanted.push(x);
    }

    /// Adds an operation.
    pub fn push(&mut self, operation: impl Forward) {
        self.operations.push(Box::new(operation));
    }

    /// Adds an operation that sampling has done on its way, on the CPU, if it was `drawn`.
    pub fn push_drawn(&mut self, operation: impl Forward, drawn: bool) {
        match drawn {
            true => self.push(Drawn(Box::new(operation))),
            false => self.push(operation),
        }
    }

    /// The entries of a table.
    pub fn entries(&self, table: Table) -> &[u32] {
        &self.program.tables[table.start..table.start + table.len]
    }

    /// The step: these operations and their way back.
    pub fn finish(self, fusing: Fusing) -> Program {
        let Self { mut program, mut operations, given, wanted, .. } = self;
        let mut behind = vec![false; program.shapes.len()];
        wanted.iter().for_each(|x| behind[x.0] = true);
        for operation in &operations {
            let learns = !operation.parameters().is_empty();
            if learns || operation.reads().iter().any(|x| behind[x.0]) {
                operation.writes().iter().for_each(|y| behind[y.0] = true);
            }
        }
        let owned: Vec<Range<usize>> = operations.iter().flat_map(|o| o.parameters()).collect();
        program.shared = shared(&owned);
        if fusing == Fusing::On {
            let outside: Vec<Slot> = given.iter().map(|(y, _)| *y).collect();
            fuse::flow_layers(&mut operations, &program.shapes, &behind, &outside);
        }
        let mut reverse = Reverse::new(&mut program.shapes, behind, given);
        operations.iter().rev().for_each(|operation| operation.backward(&mut reverse));
        (program.backward, program.gradients) = reverse.finish();
        let forward = operations.into_iter().map(|operation| operation as Box<dyn Operation>);
        program.forward = forward.collect();
        program
    }
}

/// The ranges that overlap another one of them.
pub(super) fn shared(ranges: &[Range<usize>]) -> Vec<Range<usize>> {
    let overlaps = |(i, a): &(usize, &Range<usize>)| {
        let others = ranges.iter().enumerate().filter(|(j, _)| j != i);
        others.into_iter().any(|(_, b)| a.start < b.end && b.start < a.end)
    };
    ranges.iter().enumerate().filter(overlaps).map(|(_, range)| range.clone()).collect()
}
