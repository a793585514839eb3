//! A training step as data: what memory it needs and which operations it runs.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::{Launch, Layout, Loss, LossKind, Operation, Shape, Slot, Table, optimizer};

/// A step: forward operations, the loss, backward operations. The optimiser follows.
#[derive(Debug)]
pub struct Program {
    /// The size of each slot.
    pub shapes: Vec<Shape>,
    /// Masks and staircases.
    pub tables: Vec<u32>,
    /// From noise or data to ln q and energy.
    pub forward: Vec<Box<dyn Operation>>,
    /// From both to the derivative with respect to ln q.
    pub loss: Loss,
    /// From there to the gradient of every parameter.
    pub backward: Vec<Box<dyn Operation>>,
    /// Where the gradients of matrices lie that are left over in the end.
    pub gradients: HashMap<Slot, Slot>,
    /// 2 if each sample has a mirror image.
    pub copies: usize,
    /// Number of parameters.
    pub parameters: usize,
    /// Those that several backward operations give a gradient, which adds.
    pub shared: Vec<Range<usize>>,
    /// Training rows, `[n][width]`; empty without. Those of a block of steps, where steps take
    /// [given](super::TakeRows::given) rows.
    pub data: Arc<Vec<f32>>,
    /// Numbers of a training row.
    pub width: usize,
}

impl Program {
    /// An empty step for `parameters` parameters.
    pub fn new(copies: usize, parameters: usize, kind: LossKind) -> Self {
        let loss = Loss { kind, alpha: 1.0, log_q: Slot(0), energy: None, coefficient: Slot(1) };
        Self {
            shapes: vec![Shape { rows: 1, positions: 1 }; 2],
            tables: Vec::new(),
            forward: Vec::new(),
            loss,
            backward: Vec::new(),
            gradients: HashMap::new(),
            copies,
            parameters,
            shared: Vec::new(),
            data: Arc::default(),
            width: 1,
        }
    }

    /// A new matrix of `rows` rows.
    pub fn slot(&mut self, rows: usize) -> Slot {
        self.slot_over(rows, 1)
    }

    /// A new matrix of `rows` rows over `positions` positions.
    pub fn slot_over(&mut self, rows: usize, positions: usize) -> Slot {
        self.shapes.push(Shape { rows, positions });
        Slot(self.shapes.len() - 1)
    }

    /// A new table.
    pub fn table(&mut self, entries: impl IntoIterator<Item = u32>) -> Table {
        let start = self.tables.len();
        self.tables.extend(entries);
        Table { start, len: self.tables.len() - start }
    }

    /// The WGSL calls of a step: forward, loss, backward, optimiser.
    pub(crate) fn phases(&self, layout: &mut Layout) -> [Vec<Launch>; 4] {
        let mut list = |operations: &[Box<dyn Operation>]| -> Vec<Launch> {
            operations.iter().flat_map(|o| o.gpu(layout)).collect()
        };
        let (forward, mut backward) = (list(&self.forward), list(&self.backward));
        let [sum, adam] = optimizer::gpu(self.parameters, layout.parts);
        backward.push(sum);
        [forward, vec![self.loss.gpu(layout)], backward, vec![adam]]
    }

    /// All WGSL calls of a step, in order.
    pub fn launches(&self, layout: &mut Layout) -> Vec<Launch> {
        self.phases(layout).into_iter().flatten().collect()
    }
}
