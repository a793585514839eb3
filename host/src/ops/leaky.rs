//! Leaky units with a learned slope: y = x if x > 0, else slope · x.
//!
//! Backward: dx = dy or slope · dy, and dslope = Σ\_{x ≤ 0} x dy.

use super::{Context, Launch, Layout, Operation, Slot, dot_with, wide};

/// y = x > 0 ? x : slope · x, a slope a row.
#[derive(Clone, Copy, Debug)]
pub struct Leaky {
    /// First parameter of the slopes.
    pub slope: usize,
    /// Units.
    pub rows: usize,
    /// Input.
    pub x: Slot,
    /// Output.
    pub y: Slot,
    /// Copies before this one are there already: sampling made them.
    pub from_copy: usize,
}

const SHADER: &str = include_str!("leaky.wgsl");

impl Leaky {
    /// Computes rows `rows` and columns `from..to`.
    pub(crate) fn rows(
        &self,
        context: &mut Context<'_>,
        rows: std::ops::Range<usize>,
        from: usize,
        to: usize,
    ) {
        let n = context.columns();
        context.writing(self.y, |context, y| {
            wide(
                context.level,
                #[inline(always)]
                || {
                    for r in rows {
                        let slope = context.parameters[self.slope + r];
                        let x = &context.slot(self.x)[r * n + from..r * n + to];
                        for (y, &x) in y[r * n + from..r * n + to].iter_mut().zip(x) {
                            *y = if x > 0.0 { x } else { slope * x };
                        }
                    }
                },
            );
        });
    }
}

impl Operation for Leaky {
    fn cpu(&self, context: &mut Context<'_>) {
        let (from, to) = (self.from_copy * context.samples, context.columns());
        self.rows(context, 0..self.rows, from, to);
    }

    fn gpu(&self, layout: &Layout) -> Vec<Launch> {
        let columns = layout.columns() - self.from_copy * layout.samples;
        if columns == 0 {
            return Vec::new();
        }
        let from = (self.from_copy * layout.samples) as u32;
        let arguments = vec![self.slope as u32, layout.offset(self.x), layout.offset(self.y), from];
        let groups = [Layout::groups(columns), self.rows as u32, 1];
        vec![Launch { sources: vec![SHADER], entry: "leaky", arguments, groups }]
    }
}

/// Turns dy into dx in place, and gives dslope.
#[derive(Clone, Copy, Debug)]
pub struct LeakyBackward {
    /// The layer.
    pub leaky: Leaky,
    /// Gradient of y, replaced by that of x.
    pub dy: Slot,
}

impl Operation for LeakyBackward {
    fn cpu(&self, context: &mut Context<'_>) {
        let n = context.columns();
        context.writing(self.dy, |context, dy| {
            wide(
                context.level,
                #[inline(always)]
                || {
                    for (r, dy) in dy.chunks_exact_mut(n).take(self.leaky.rows).enumerate() {
                        let slope = context.parameters[self.leaky.slope + r];
                        let x = &context.slot(self.leaky.x)[r * n..(r + 1) * n];
                        let dslope = dot_with(
                            x,
                            dy,
                            #[inline(always)]
                            |x, dy| if x > 0.0 { 0.0 } else { x * dy },
                        );
                        for (dy, &x) in dy.iter_mut().zip(x) {
                            *dy = if x > 0.0 { *dy } else { slope * *dy };
                        }
                        context.give_gradient(self.leaky.slope + r, dslope);
                    }
                },
            );
        });
    }

    fn gpu(&self, layout: &Layout) -> Vec<Launch> {
        let arguments =
            vec![self.leaky.slope as u32, layout.offset(self.leaky.x), layout.offset(self.dy)];
        let groups = [self.leaky.rows as u32, 1, 1];
        vec![Launch { sources: vec![SHADER], entry: "leaky_backward", arguments, groups }]
    }
}
