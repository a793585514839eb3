//! Masked convolutions over sites in rows and columns: y\_o(p) = b\_o + Σ\_{d before or at 0} Σ\_c W\_{o,d,c} x\_c(p + d).
//!
//! Sites are positions. The offsets d go row after row, of a reach `[r, c]` the r rows above from c columns to
//! the left to c to the right, and a site's own row up to itself; what lies outside is 0.
//!
//! Backward, from dy: dx\_c(q) = Σ\_{d, o} W\_{o,d,c} dy\_o(q − d), dW\_{o,d,c} = Σ\_p dy\_o(p) x\_c(p + d), db = Σ dy.
//! On the CPU each offset in each row of sites is a product of `gemm.rs`, of what lies inside; no window is
//! copied. In WGSL the three products are those of [`Dense`], whose tiles are gathered.

use std::borrow::Cow;
use std::ops::Range;

use super::dense::tiles;
use super::gemm::{Gemm, Order, Start, transpose};
use super::{Context, Dense, Forward, Launch, Layout, Operation, Reverse, Slot, constants};

/// y from x, over all copies and positions.
#[derive(Clone, Copy, Debug)]
pub struct Convolution {
    /// The layer, whose rows of weights are `[offsets][channels of x]`. It has a bias and no units.
    pub dense: Dense,
    /// Rows and columns of sites.
    pub lattice: [usize; 2],
    /// Rows above and columns to either side.
    pub reach: [usize; 2],
}

/// Positions at one offset, neighbours in a row.
pub(crate) struct Run {
    pub(crate) offset: usize,
    /// The first of them, and the one that it reads.
    pub(crate) to: usize,
    pub(crate) from: usize,
    pub(crate) sites: usize,
}

/// What each site of `sites` in row `y` reads of those inside, offset after offset.
fn runs_of(
    columns: usize,
    [up, beside]: [usize; 2],
    y: usize,
    sites: Range<usize>,
) -> impl Iterator<Item = Run> {
    let across = 2 * beside + 1;
    (0..Convolution::offsets([up, beside])).filter_map(move |offset| {
        // Site x reads x + right − beside, of a row so far up.
        let (above, right) = (up - offset / across, offset % across);
        let row = y.checked_sub(above)?;
        let first = sites.start.max(beside.saturating_sub(right));
        let end = sites.end.min((columns + beside).saturating_sub(right));
        (first < end).then(|| Run {
            offset,
            to: y * columns + first,
            from: row * columns + first + right - beside,
            sites: end - first,
        })
    })
}

/// What all sites of a lattice read at offsets of such a reach.
pub(crate) fn runs([rows, columns]: [usize; 2], reach: [usize; 2]) -> impl Iterator<Item = Run> {
    (0..rows).flat_map(move |y| runs_of(columns, reach, y, 0..columns))
}

impl Convolution {
    /// Offsets of such a reach.
    pub fn offsets([up, beside]: [usize; 2]) -> usize {
        up * (2 * beside + 1) + beside + 1
    }

    /// Channels of x.
    fn channels(&self) -> usize {
        self.dense.inputs / Self::offsets(self.reach)
    }

    fn weights<'c>(&self, context: &'c Context<'_>) -> &'c [f32] {
        let Dense { weight, inputs, outputs, .. } = self.dense;
        &context.parameters[weight..weight + inputs * outputs]
    }

    /// Computes the sums of `runs`, each of so many columns a site, in `columns` of y.
    fn sums(
        &self,
        context: &mut Context<'_>,
        columns: Range<usize>,
        runs: impl Iterator<Item = Run>,
        each: usize,
    ) {
        let Dense { bias, inputs, outputs, x, y, .. } = self.dense;
        let (n, stride, channels) = (context.columns(), context.columns_of(x), self.channels());
        context.writing(y, |context, y| {
            let bias = bias.map_or(&[][..], |b| &context.parameters[b..b + outputs]);
            for (y, bias) in y.chunks_exact_mut(stride).zip(bias) {
                y[columns.clone()].fill(*bias);
            }
            for Run { offset, to, from, sites } in runs {
                Gemm {
                    a: &self.weights(context)[offset * channels..],
                    order: Order::Rows,
                    a_stride: inputs,
                    b: context.slot(x),
                    b_stride: stride,
                    b_column: from * n,
                    c: &mut y[to * n..],
                    c_stride: stride,
                    start: Start::Held,
                    rows: 0..outputs,
                    from: 0,
                    range: |_, _| 0..channels,
                    width: |_| (sites - 1) * n + each,
                }
                .run(context.level);
            }
        });
    }

    /// Computes the sums of position `p` of the first copy of each sample.
    pub(crate) fn position(&self, context: &mut Context<'_>, p: usize) {
        let (n, samples, columns) = (context.columns(), context.samples, self.lattice[1]);
        let (y, x) = (p / columns, p % columns);
        let runs = runs_of(columns, self.reach, y, x..x + 1);
        self.sums(context, p * n..p * n + samples, runs, samples);
    }

    /// What a product reads.
    fn reading(&self) -> Vec<Cow<'static, str>> {
        let ([up, beside], [rows, columns]) = (self.reach, self.lattice);
        let constants = constants![
            FROM = self.channels(),
            UP = up,
            BESIDE = beside,
            ROWS = rows,
            COLUMNS = columns,
        ];
        vec![constants, include_str!("convolution.wgsl").into()]
    }
}

impl Operation for Convolution {
    fn cpu(&self, context: &mut Context<'_>) {
        let (each, columns) = (context.columns(), context.columns_of(self.dense.x));
        self.sums(context, 0..columns, runs(self.lattice, self.reach), each);
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        let groups = [tiles(layout.columns_of(self.dense.x)), tiles(self.dense.outputs), 1];
        vec![self.dense.launch(layout, "dense", [0; 3], groups, self.reading())]
    }
}

impl Forward for Convolution {
    fn reads(&self) -> Vec<Slot> {
        self.dense.reads()
    }

    fn writes(&self) -> Vec<Slot> {
        self.dense.writes()
    }

    fn parameters(&self) -> Vec<Range<usize>> {
        self.dense.parameters()
    }

    fn backward(&self, reverse: &mut Reverse<'_>) {
        let super::DenseBackward { dy, dx, .. } = self.dense.reversed(reverse);
        reverse.push(ConvolutionBackward { convolution: *self, dy, dx });
    }
}

/// dW, db and, where wanted, dx.
#[derive(Clone, Copy, Debug)]
pub struct ConvolutionBackward {
    /// The layer.
    pub convolution: Convolution,
    /// Gradient of y.
    pub dy: Slot,
    /// Gradient of x, overwritten.
    pub dx: Option<Slot>,
}

impl Operation for ConvolutionBackward {
    fn cpu(&self, context: &mut Context<'_>) {
        let convolution = &self.convolution;
        let Dense { weight, inputs, outputs, x, .. } = convolution.dense;
        let (n, all, channels) = (context.columns(), context.columns_of(x), convolution.channels());
        convolution.dense.give_bias(context, self.dy);

        // No wider than its rows are: x is read once for each offset.
        let stride = channels.next_multiple_of(if channels > 32 { 64 } else { 16 });
        let mut transposed = std::mem::take(context.scratch);
        transpose(context.level, context.slot(x), channels, all, stride, &mut transposed);
        let fresh = context.fresh(weight);
        let gradient = &mut context.gradient[weight..weight + inputs * outputs];
        if fresh {
            gradient.fill(0.0);
        }
        for Run { offset, to, from, sites } in runs(convolution.lattice, convolution.reach) {
            Gemm {
                a: &context.slots[self.dy.0][to * n..],
                order: Order::Rows,
                a_stride: all,
                b: &transposed[from * n * stride..],
                b_stride: stride,
                b_column: 0,
                c: &mut gradient[offset * channels..],
                c_stride: inputs,
                start: Start::Held,
                rows: 0..outputs,
                from: 0,
                range: |_, _| 0..sites * n,
                width: |_| channels,
            }
            .run(context.level);
        }
        *context.scratch = transposed;

        let Some(dx) = self.dx else { return };
        context.writing(dx, |context, dx| {
            dx.fill(0.0);
            for Run { offset, to, from, sites } in runs(convolution.lattice, convolution.reach) {
                Gemm {
                    a: &convolution.weights(context)[offset * channels..],
                    order: Order::Columns,
                    a_stride: inputs,
                    b: context.slot(self.dy),
                    b_stride: all,
                    b_column: to * n,
                    c: &mut dx[from * n..],
                    c_stride: all,
                    start: Start::Held,
                    rows: 0..channels,
                    from: 0,
                    range: |_, _| 0..outputs,
                    width: |_| sites * n,
                }
                .run(context.level);
            }
        });
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        let Convolution { dense, .. } = self.convolution;
        let (rows, reading) = (self.convolution.channels(), self.convolution.reading());
        vec![dense.launch_backward(layout, self.dy, self.dx, rows, reading)]
    }
}
