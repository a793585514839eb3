//! Dense layers with a staircase mask: y\_o = b\_o + Σ\_{i < limit(o)} W\_{oi} x\_i.
//!
//! Units are sorted by degree, so every mask of an autoregressive network is a prefix whose length
//! does not decrease from output to output: a block-triangular matrix, of which only the lower part
//! is multiplied. A full layer has limit(o) = inputs. Masked weights are 0 and stay 0, because their
//! gradient is never written.
//!
//! Backward, from dy: dx = Wᵀ dy, dW = dy xᵀ (lower part), db = Σ dy. On the CPU all three products
//! are the tile product of `gemm.rs`; in WGSL they are one 64 × 64 tile kernel in three modes, of
//! which the backward ones share a call.
//!
//! Hidden layers have [`Leaky`] units on top. They belong to the layer, so that in WGSL they cost no
//! call: forward they are applied to what is stored, backward to what is read.

use std::borrow::Cow;
use std::ops::Range;

use super::gemm::{Gemm, Order, Start, transpose};
use super::shader::record;
use super::{
    Context, Forward, Launch, Layout, Leaky, NONE, Operation, Reverse, Slot, Table, arguments,
    constants, sum, wide,
};

/// y = b + W x over the columns of copies `from_copy..` and all positions, and the units of y.
#[derive(Clone, Copy, Debug)]
pub struct Dense {
    /// First parameter of W, `[outputs][inputs]`.
    pub weight: usize,
    /// First parameter of b; without, W x is added to what y holds.
    pub bias: Option<usize>,
    /// limit(o), then first(i) = the first output that sees input i; see [`Dense::table`].
    pub limits: Table,
    /// Rows of x.
    pub inputs: usize,
    /// Rows of y.
    pub outputs: usize,
    /// Input.
    pub x: Slot,
    /// Output, before the units.
    pub y: Slot,
    /// Units on top, of a hidden layer.
    pub units: Option<Leaky>,
    /// Copies before this one are there already: sampling made them. 0 where there are positions.
    pub from_copy: usize,
}

impl Dense {
    /// The table of a staircase: the limits, and for each input the first output that sees it.
    pub fn table(limits: &[usize], inputs: usize) -> Vec<u32> {
        let first = |i: usize| limits.partition_point(|&l| l <= i);
        limits.iter().copied().chain((0..inputs).map(first)).map(|v| v as u32).collect()
    }

    /// The layer in numbers, for the GPU.
    fn record(&self, layout: &Layout) -> Layer {
        let or_none = |parameter: Option<usize>| parameter.map_or(NONE, |p| p as u32);
        Layer {
            weight: self.weight as u32,
            bias: or_none(self.bias),
            slope: or_none(self.units.map(|u| u.slope)),
            limits: self.limits.start as u32,
            inputs: self.inputs as u32,
            outputs: self.outputs as u32,
            x: layout.offset(self.x),
            y: layout.offset(self.y),
            units: self.units.map_or(0, |u| layout.offset(u.y)),
        }
    }

    /// Computes output rows `rows` and columns `from..to`.
    pub(crate) fn rows(
        &self,
        context: &mut Context<'_>,
        rows: std::ops::Range<usize>,
        from: usize,
        to: usize,
    ) {
        let n = context.columns_of(self.x);
        context.writing(self.y, |context, y| {
            let bias = |bias| Start::Bias(&context.parameters[bias..bias + self.outputs]);
            let limits = &context.table(self.limits)[..self.outputs];
            Gemm {
                a: &context.parameters[self.weight..self.weight + self.outputs * self.inputs],
                order: Order::Rows,
                a_stride: self.inputs,
                b: context.slot(self.x),
                b_stride: n,
                b_column: 0,
                c: y,
                c_stride: n,
                start: self.bias.map_or(Start::Held, bias),
                rows: rows.clone(),
                from,
                range: |_, m1: usize| 0..limits[m1 - 1] as usize,
                width: |_| to,
            }
            .run(context.level);
        });
        if let Some(units) = self.units {
            units.forward(context, self.y, rows, from, to);
        }
    }

    /// A call, of a product that reads what `reading` says.
    pub(super) fn launch(
        &self,
        layout: &mut Layout,
        entry: &'static str,
        [from_column, dy, dx]: [u32; 3],
        groups: [u32; 3],
        reading: Vec<Cow<'static, str>>,
    ) -> Launch {
        let layer = table(&[*self], layout);
        let (parts, copy) = (layout.parts, layout.parameters);
        let arguments = arguments! {
            layer: layer, from_column: from_column, dy: dy, dx: dx, parts: parts, copy: copy
        };
        let arguments = arguments.over(layout.shapes[self.x.0].positions);
        let mut sources = product();
        sources.extend(reading);
        sources.push(include_str!("dense_calls.wgsl").into());
        Launch { sources, entry, arguments, groups }
    }
}

record! {
    /// A layer's parameters, the table of its limits, its sizes, and the places of its matrices.
    Layer, layer_at { weight, bias, slope, limits, inputs, outputs, x, y, units }
}

/// Rows and columns of the part of a product that a workgroup computes.
pub(crate) const TILE: usize = 64;
/// How far apart the vectors of two summands lie in a workgroup's memory: not all in the same banks.
pub(crate) const PITCH: usize = TILE / 4 + 1;
/// Length of the sums that it adds at a time.
pub(crate) const PIECE: usize = 16;
/// Threads of a workgroup along both of its dimensions.
const SIDE: usize = 16;

/// The text of the product, but for what it reads.
fn product() -> Vec<Cow<'static, str>> {
    vec![constants![TILE, PITCH, PIECE, SIDE], Layer::wgsl(), include_str!("dense.wgsl").into()]
}

/// What the product of a dense layer reads.
const INPUTS: &str = include_str!("dense_inputs.wgsl");

/// The text of a dense layer's product.
pub(crate) fn sources() -> Vec<Cow<'static, str>> {
    let mut sources = product();
    sources.push(INPUTS.into());
    sources
}

/// The table of some layers.
pub(crate) fn table(layers: &[Dense], layout: &mut Layout) -> u32 {
    let records: Vec<u32> = layers.iter().flat_map(|l| l.record(layout).words()).collect();
    layout.table(records)
}

pub(crate) fn tiles(n: usize) -> u32 {
    n.div_ceil(TILE) as u32
}

impl Operation for Dense {
    fn cpu(&self, context: &mut Context<'_>) {
        let (from, to) = (self.from_copy * context.samples, context.columns_of(self.x));
        self.rows(context, 0..self.outputs, from, to);
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        let columns = layout.columns_of(self.x) - self.from_copy * layout.samples;
        if columns == 0 {
            return Vec::new();
        }
        let groups = [tiles(columns), tiles(self.outputs), 1];
        let from = (self.from_copy * layout.samples) as u32;
        vec![self.launch(layout, "dense", [from, 0, 0], groups, vec![INPUTS.into()])]
    }
}

impl Dense {
    /// Gives db, from the gradient of y.
    pub(super) fn give_bias(&self, context: &mut Context<'_>, dy: Slot) {
        let Some(bias) = self.bias else { return };
        let n = context.columns_of(self.x);
        let (fresh, dy) = (context.fresh(bias), &context.slots[dy.0]);
        let db = &mut context.gradient[bias..bias + self.outputs];
        wide(
            context.level,
            #[inline(always)]
            || {
                for (db, dy) in db.iter_mut().zip(dy.chunks_exact(n)) {
                    *db = if fresh { 0.0 } else { *db } + sum(dy);
                }
            },
        );
    }

    /// The backward call, of a product that reads what `reading` says; `rows` are those of dx.
    pub(super) fn launch_backward(
        &self,
        layout: &mut Layout,
        dy: Slot,
        dx: Option<Slot>,
        rows: usize,
        reading: Vec<Cow<'static, str>>,
    ) -> Launch {
        let places = [0, layout.offset(dy), dx.map_or(0, |dx| layout.offset(dx))];
        let parameters = [tiles(self.inputs).max(1), tiles(self.outputs)];
        let parts = layout.parts as u32;
        let groups = match dx {
            None => [parameters[0], parameters[1], parts],
            Some(_) => {
                let input = [tiles(layout.columns_of(self.x)), tiles(rows)];
                [parameters[0].max(input[0]), parameters[1].max(input[1]), parts + 1]
            }
        };
        self.launch(layout, "dense_backward", places, groups, reading)
    }

    /// The backward operation. A layer that adds to y leaves the gradient of y for what was there.
    pub(crate) fn reversed(&self, reverse: &mut Reverse<'_>) -> DenseBackward {
        let y = self.units.map_or(self.y, |units| units.y);
        let dy = if self.bias.is_some() { reverse.take(y) } else { reverse.gradient(y) };
        let dx = reverse.wanted(self.x).then(|| reverse.fresh(self.x));
        if self.bias.is_some() {
            reverse.release(dy);
        }
        if let Some(dx) = dx {
            reverse.give(self.x, dx);
        }
        DenseBackward { dense: *self, dy, dx }
    }
}

impl Forward for Dense {
    fn reads(&self) -> Vec<Slot> {
        vec![self.x]
    }

    fn writes(&self) -> Vec<Slot> {
        [self.y].into_iter().chain(self.units.map(|units| units.y)).collect()
    }

    fn parameters(&self) -> Vec<Range<usize>> {
        let weight = self.weight..self.weight + self.outputs * self.inputs;
        let rows = [self.bias, self.units.map(|units| units.slope)];
        let rows = rows.into_iter().flatten().map(|start| start..start + self.outputs);
        std::iter::once(weight).chain(rows).collect()
    }

    fn backward(&self, reverse: &mut Reverse<'_>) {
        let backward = self.reversed(reverse);
        reverse.push(backward);
    }
}

/// dW, db, dslope and, where wanted, dx.
#[derive(Clone, Copy, Debug)]
pub struct DenseBackward {
    /// The layer.
    pub dense: Dense,
    /// Gradient of the units, or without of y. It is used up.
    pub dy: Slot,
    /// Gradient of x, overwritten.
    pub dx: Option<Slot>,
}

impl Operation for DenseBackward {
    fn cpu(&self, context: &mut Context<'_>) {
        let Dense { weight, limits, inputs, outputs, x, .. } = self.dense;
        let n = context.columns_of(x);
        if let Some(units) = self.dense.units {
            units.backward(context, self.dense.y, outputs, self.dy);
        }
        self.dense.give_bias(context, self.dy);

        let start = if context.fresh(weight) { Start::Zero } else { Start::Held };
        let stride = inputs.next_multiple_of(64);
        let mut x_transposed = std::mem::take(context.scratch);
        transpose(context.level, context.slot(x), inputs, n, stride, &mut x_transposed);
        let size = outputs * inputs;
        let limits = &context.tables[limits.start..limits.start + limits.len];
        let (limits, firsts) = limits.split_at(outputs);
        Gemm {
            a: &context.slots[self.dy.0],
            order: Order::Rows,
            a_stride: n,
            b: &x_transposed,
            b_stride: stride,
            b_column: 0,
            c: &mut context.gradient[weight..weight + size],
            c_stride: inputs,
            start,
            rows: 0..outputs,
            from: 0,
            range: |_, _| 0..n,
            width: |m: usize| limits[m] as usize,
        }
        .run(context.level);
        *context.scratch = x_transposed;

        if let Some(dx) = self.dx {
            context.writing(dx, |context, dx| {
                Gemm {
                    a: &context.parameters[weight..weight + size],
                    order: Order::Columns,
                    a_stride: inputs,
                    b: context.slot(self.dy),
                    b_stride: n,
                    b_column: 0,
                    c: dx,
                    c_stride: n,
                    start: Start::Zero,
                    rows: 0..inputs,
                    from: 0,
                    range: |m: usize, _| firsts[m] as usize..outputs,
                    width: |_| n,
                }
                .run(context.level);
            });
        }
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        let reading = vec![INPUTS.into()];
        let rows = self.dense.inputs;
        vec![self.dense.launch_backward(layout, self.dy, self.dx, rows, reading)]
    }
}
