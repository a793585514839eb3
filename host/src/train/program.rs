//! A training step as data: what memory it needs and which operations it runs.

use std::collections::HashMap;
use std::sync::Arc;

use pushforward::model::Architecture;

use crate::ops::{Dense, Launch, Layout, Leaky, Loss, Operation, Slot, Table, optimizer};

/// A step: forward operations, the loss, backward operations. The optimiser follows.
#[derive(Debug)]
pub struct Program {
    /// Rows of each slot.
    pub rows: Vec<usize>,
    /// Masks and staircases.
    pub tables: Vec<u32>,
    /// From noise or data to ln q and energy.
    pub forward: Vec<Box<dyn Operation>>,
    /// From both to the derivative with respect to ln q.
    pub loss: Loss,
    /// From there to the gradient of every parameter.
    pub backward: Vec<Box<dyn Operation>>,
    /// 2 if each sample has a mirror image.
    pub copies: usize,
    /// Number of parameters.
    pub parameters: usize,
    /// Training rows, `[n][dim]`; empty without.
    pub data: Arc<Vec<f32>>,
    /// Coordinates of a row.
    pub dim: usize,
}

impl Program {
    /// An empty step for `parameters` parameters over samples of `dim` coordinates.
    pub fn new(dim: usize, copies: usize, parameters: usize, kind: crate::ops::LossKind) -> Self {
        let loss = Loss { kind, log_q: Slot(0), energy: None, coefficient: Slot(1) };
        Self {
            rows: vec![1, 1],
            tables: Vec::new(),
            forward: Vec::new(),
            loss,
            backward: Vec::new(),
            copies,
            parameters,
            data: Arc::default(),
            dim,
        }
    }

    /// A new matrix of `rows` rows.
    pub fn slot(&mut self, rows: usize) -> Slot {
        self.rows.push(rows);
        Slot(self.rows.len() - 1)
    }

    /// The first row of a slot, counting all rows before it.
    pub fn first_row(&self, slot: Slot) -> usize {
        self.rows[..slot.0].iter().sum()
    }

    /// The WGSL calls of a step: forward, loss, backward, optimiser.
    pub(crate) fn phases(&self, layout: &Layout) -> [Vec<Launch>; 4] {
        let list = |operations: &[Box<dyn Operation>]| {
            operations.iter().flat_map(|o| o.gpu(layout)).collect()
        };
        let loss = vec![self.loss.gpu(layout)];
        [list(&self.forward), loss, list(&self.backward), optimizer::gpu(self.parameters)]
    }

    /// All WGSL calls of a step, in order.
    pub fn launches(&self, layout: &Layout) -> Vec<Launch> {
        self.phases(layout).into_iter().flatten().collect()
    }

    /// A new table.
    pub fn table(&mut self, entries: impl IntoIterator<Item = u32>) -> Table {
        let start = self.tables.len();
        self.tables.extend(entries);
        Table { start, len: self.tables.len() - start }
    }

    /// A table of the layers' [descriptions](Dense::description).
    pub(crate) fn describe(&mut self, layers: &[Dense]) -> Table {
        let entries: Vec<u32> =
            layers.iter().flat_map(|dense| dense.description(|s| self.first_row(s))).collect();
        self.table(entries)
    }
}

/// Where each tensor of an architecture starts among the parameters, by name.
pub(crate) struct Tensors<'a> {
    architecture: &'a Architecture,
    all: HashMap<String, (usize, Vec<usize>)>,
}

impl<'a> Tensors<'a> {
    pub(crate) fn new(architecture: &'a Architecture) -> Self {
        let mut start = 0;
        let all = architecture.tensors().into_iter().map(|(name, shape)| {
            let here = start;
            start += shape.iter().product::<usize>();
            (name, (here, shape))
        });
        Self { all: all.collect(), architecture }
    }

    /// First parameter of a tensor, if the model has it.
    pub(crate) fn start(&self, name: &str) -> Option<usize> {
        self.all.get(name).map(|t| t.0)
    }

    /// A dense layer `weight` between two slots, if the model has it.
    pub(crate) fn dense(
        &self,
        program: &mut Program,
        weight: &str,
        x: Slot,
        y: Slot,
    ) -> Option<Dense> {
        let (start, shape) = self.all.get(weight)?;
        let &[outputs, inputs] = &shape[..] else { return None };
        let limits: Vec<usize> =
            (0..outputs).map(|o| self.architecture.visible(weight, o).unwrap_or(inputs)).collect();
        let limits = program.table(Dense::table(&limits, inputs));
        let bias =
            weight.strip_suffix("weight").and_then(|stem| self.start(&format!("{stem}bias")));
        Some(Dense {
            weight: *start,
            bias,
            limits,
            inputs,
            outputs,
            x,
            y,
            units: None,
            from_copy: 0,
        })
    }

    /// Hidden layers `{prefix}hidden.{k}` on top of `x`; returns them and the last one's units.
    pub(crate) fn hidden(
        &self,
        program: &mut Program,
        prefix: &str,
        mut x: Slot,
    ) -> (Vec<Dense>, Slot) {
        let mut layers = Vec::new();
        while let Some(slope) = self.start(&format!("{prefix}hidden.{}.slope", layers.len())) {
            let weight = format!("{prefix}hidden.{}.weight", layers.len());
            let Some((_, shape)) = self.all.get(&weight) else { break };
            let rows = shape[0];
            let (z, h) = (program.slot(rows), program.slot(rows));
            let Some(dense) = self.dense(program, &weight, x, z) else { break };
            layers.push(Dense { units: Some(Leaky { slope, y: h }), ..dense });
            x = h;
        }
        (layers, x)
    }
}
