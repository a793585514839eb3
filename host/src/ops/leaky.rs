//! Leaky units with a learned slope, on top of a dense layer: y = x if x > 0, else slope · x.
//!
//! Backward: dx = dy or slope · dy, and dslope = Σ\_{x ≤ 0} x dy. In WGSL both ways are part of the
//! layer's product.

use super::{Context, Slot, dot_with, wide};

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
