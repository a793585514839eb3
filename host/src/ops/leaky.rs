//! Leaky units with a learned slope: y = x if x > 0, else slope · x.
//!
//! Backward: dx = dy or slope · dy, and dslope = Σ\_{x ≤ 0} x dy. On top of a dense layer they belong to it, and
//! in WGSL both ways are part of its product; elsewhere they are an operation.

use std::ops::Range;

use super::{
    Context, Forward, Launch, Layout, Operation, Reverse, Slot, arguments, dot_with, wide,
};

/// y = x > 0 ? x : slope · x, a slope a row.
#[derive(Clone, Copy, Debug)]
pub struct Leaky {
    /// First parameter of the slopes.
    pub slope: usize,
    /// Output.
    pub y: Slot,
}

impl Leaky {
    /// Computes rows `rows` and columns `from..to`.
    pub(crate) fn forward(
        &self,
        context: &mut Context<'_>,
        x: Slot,
        rows: std::ops::Range<usize>,
        from: usize,
        to: usize,
    ) {
        let n = context.columns_of(x);
        context.writing(self.y, |context, y| {
            wide(
                context.level,
                #[inline(always)]
                || {
                    for r in rows {
                        let slope = context.parameters[self.slope + r];
                        let x = &context.slot(x)[r * n + from..r * n + to];
                        for (y, &x) in y[r * n + from..r * n + to].iter_mut().zip(x) {
                            *y = if x > 0.0 { x } else { slope * x };
                        }
                    }
                },
            );
        });
    }

    /// Turns dy of `rows` units into dx in place, and gives dslope.
    pub(crate) fn backward(&self, context: &mut Context<'_>, x: Slot, rows: usize, dy: Slot) {
        let n = context.columns_of(x);
        context.writing(dy, |context, dy| {
            wide(
                context.level,
                #[inline(always)]
                || {
                    for (r, dy) in dy.chunks_exact_mut(n).take(rows).enumerate() {
                        let slope = context.parameters[self.slope + r];
                        let x = &context.slot(x)[r * n..(r + 1) * n];
                        let dslope = dot_with(
                            x,
                            dy,
                            #[inline(always)]
                            |x, dy| if x > 0.0 { 0.0 } else { x * dy },
                        );
                        for (dy, &x) in dy.iter_mut().zip(x) {
                            *dy = if x > 0.0 { *dy } else { slope * *dy };
                        }
                        context.give_gradient(self.slope + r, dslope);
                    }
                },
            );
        });
    }
}

/// Leaky units as an operation, over all columns of x.
#[derive(Clone, Copy, Debug)]
pub struct LeakyUnits {
    /// The units.
    pub leaky: Leaky,
    /// Sums.
    pub x: Slot,
    /// Rows of x.
    pub rows: usize,
}

impl LeakyUnits {
    fn launch(
        &self,
        layout: &Layout,
        dy: Slot,
        entry: &'static str,
        groups: [u32; 3],
    ) -> Vec<Launch> {
        let arguments = arguments! {
            x: layout.offset(self.x),
            y: layout.offset(self.leaky.y),
            dy: layout.offset(dy),
            slope: self.leaky.slope,
            parts: layout.parts,
            copy: layout.parameters,
        };
        let arguments = arguments.over(layout.shapes[self.x.0].positions);
        let sources = vec![include_str!("leaky.wgsl").into()];
        vec![Launch { sources, entry, arguments, groups }]
    }
}

impl Operation for LeakyUnits {
    fn cpu(&self, context: &mut Context<'_>) {
        let columns = context.columns_of(self.x);
        self.leaky.forward(context, self.x, 0..self.rows, 0, columns);
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        let groups = [Layout::groups(layout.columns_of(self.x)), self.rows as u32, 1];
        self.launch(layout, self.x, "leaky", groups)
    }
}

impl Forward for LeakyUnits {
    fn reads(&self) -> Vec<Slot> {
        vec![self.x]
    }

    fn writes(&self) -> Vec<Slot> {
        vec![self.leaky.y]
    }

    fn parameters(&self) -> Vec<Range<usize>> {
        std::iter::once(self.leaky.slope..self.leaky.slope + self.rows).collect()
    }

    fn backward(&self, reverse: &mut Reverse<'_>) {
        let dy = reverse.take(self.leaky.y);
        reverse.give(self.x, dy);
        reverse.push(LeakyUnitsBackward { units: *self, dy });
    }
}

/// Turns dy into dx in place, and gives dslope.
#[derive(Clone, Copy, Debug)]
pub struct LeakyUnitsBackward {
    /// The forward operation.
    pub units: LeakyUnits,
    /// Gradient of y, replaced by that of x.
    pub dy: Slot,
}

impl Operation for LeakyUnitsBackward {
    fn cpu(&self, context: &mut Context<'_>) {
        self.units.leaky.backward(context, self.units.x, self.units.rows, self.dy);
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        let groups = [self.units.rows as u32, layout.parts as u32, 1];
        self.units.launch(layout, self.dy, "leaky_backward", groups)
    }
}
