//! A product of reflections H x = x − f v (v·x) with f = 2/(v·v): from noise to data the first comes
//! first, from data to noise the last; ln q stays.
//!
//! A reflection is symmetric, so gradients go through the same ones the other way: with g the gradient
//! of what a reflection gives, p = v·x and q = v·g,
//!
//! ```text
//! dx = g − f q v          dv = Σ −f (q x + p g) + f² p q v
//! ```
//!
//! where the sum is over samples. What a reflection is given is kept, x with p on the way forward and
//! g with q on the way back: *stages* of dim rows and one. A vector whose square is no normal number
//! reflects nothing and has no gradient.

use std::ops::Range;

use super::{
    Arguments, Context, Direction, Forward, Launch, Layout, Operation, Reverse, Slot, arguments,
    dot, wide,
};

/// y from x.
#[derive(Clone, Copy, Debug)]
pub struct Rotation {
    /// Which way.
    pub direction: Direction,
    /// Coordinates.
    pub dim: usize,
    /// Reflections.
    pub reflections: usize,
    /// First parameter of the vectors, `[reflections][dim]`.
    pub vectors: usize,
    /// Input.
    pub x: Slot,
    /// What each reflection is given, in the order in which they come.
    pub stages: Slot,
    /// Output.
    pub y: Slot,
}

const SHADER: &str = include_str!("rotation.wgsl");

impl Rotation {
    /// The parameters of the vector of the reflection that comes at `stage`.
    fn vector(&self, stage: usize) -> Range<usize> {
        let number = match self.direction {
            Direction::Sampling => stage,
            Direction::Density => self.reflections - 1 - stage,
        };
        let start = self.vectors + number * self.dim;
        start..start + self.dim
    }

    fn arguments(&self, layout: &Layout, gradients: Slot, dy: Slot) -> Arguments {
        arguments! {
            density: self.direction == Direction::Density,
            dim: self.dim,
            reflections: self.reflections,
            vectors: self.vectors,
            x: layout.offset(self.x),
            stages: layout.offset(self.stages),
            y: layout.offset(self.y),
            gradients: layout.offset(gradients),
            dy: layout.offset(dy),
        }
    }
}

/// 2/(v·v), or 0 if there is nothing to reflect at.
#[inline(always)]
fn factor(v: &[f32]) -> f32 {
    let square: f32 = v.iter().map(|v| v * v).sum();
    if square < f32::MIN_POSITIVE { 0.0 } else { 2.0 / square }
}

/// Reflects `rows`, `[dim][n]`, and keeps what they were in `stage`.
#[inline(always)]
fn reflect(v: &[f32], rows: &mut [f32], stage: &mut [f32], n: usize) {
    let (was, along) = stage.split_at_mut(rows.len());
    was.copy_from_slice(rows);
    along.fill(0.0);
    for (v, row) in v.iter().zip(rows.chunks_exact(n)) {
        along.iter_mut().zip(row).for_each(|(p, x)| *p += v * x);
    }
    let factor = factor(v);
    for (v, row) in v.iter().zip(rows.chunks_exact_mut(n)) {
        let by = factor * v;
        row.iter_mut().zip(&*along).for_each(|(x, p)| *x -= by * p);
    }
}

impl Operation for Rotation {
    fn cpu(&self, context: &mut Context<'_>) {
        let (n, level) = (context.columns(), context.level);
        context.writing(self.y, |context, y| {
            context.writing(self.stages, |context, stages| {
                let (parameters, x) = (context.parameters, context.slot(self.x));
                wide(
                    level,
                    #[inline(always)]
                    || {
                        y.copy_from_slice(x);
                        for (i, stage) in stages.chunks_exact_mut((self.dim + 1) * n).enumerate() {
                            reflect(&parameters[self.vector(i)], y, stage, n);
                        }
                    },
                );
            });
        });
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        let groups = [Layout::groups(layout.columns()), 1, 1];
        let arguments = self.arguments(layout, self.x, self.x);
        vec![Launch { sources: vec![SHADER.into()], entry: "rotation", arguments, groups }]
    }
}

impl Forward for Rotation {
    fn reads(&self) -> Vec<Slot> {
        vec![self.x]
    }

    fn writes(&self) -> Vec<Slot> {
        vec![self.stages, self.y]
    }

    fn parameters(&self) -> Vec<Range<usize>> {
        let vectors = self.vectors..self.vectors + self.reflections * self.dim;
        vec![vectors]
    }

    fn backward(&self, reverse: &mut Reverse<'_>) {
        let (dy, gradients) = (reverse.take(self.y), reverse.fresh(self.stages));
        reverse.give(self.x, dy);
        reverse.push(RotationBackward { rotation: *self, gradients, dy });
        reverse.release(gradients);
    }
}

/// Turns dy into dx in place; gives dv.
#[derive(Clone, Copy, Debug)]
pub struct RotationBackward {
    /// The forward operation.
    pub rotation: Rotation,
    /// The gradients of what each reflection gives, overwritten.
    pub gradients: Slot,
    /// Gradient of y, replaced by that of x.
    pub dy: Slot,
}

impl Operation for RotationBackward {
    fn cpu(&self, context: &mut Context<'_>) {
        let (n, level, f) = (context.columns(), context.level, &self.rotation);
        let size = (f.dim + 1) * n;
        context.writing(self.dy, |context, dy| {
            context.writing(self.gradients, |context, gradients| {
                let (parameters, fresh) = (context.parameters, context.fresh(f.vectors));
                let (stages, given) = (&context.slots[f.stages.0], &mut *context.gradient);
                wide(
                    level,
                    #[inline(always)]
                    || {
                        let stages =
                            stages.chunks_exact(size).zip(gradients.chunks_exact_mut(size));
                        for (i, (stage, gradient)) in stages.enumerate().rev() {
                            let v = &parameters[f.vector(i)];
                            reflect(v, dy, gradient, n);
                            let (x, p) = stage.split_at(f.dim * n);
                            let (g, q) = gradient.split_at(f.dim * n);
                            let factor = factor(v);
                            let both = factor * factor * dot(p, q);
                            let rows = x.chunks_exact(n).zip(g.chunks_exact(n)).zip(v);
                            for (to, ((x, g), v)) in given[f.vector(i)].iter_mut().zip(rows) {
                                let dv = both * v - factor * (dot(q, x) + dot(p, g));
                                *to = if fresh { dv } else { *to + dv };
                            }
                        }
                    },
                );
            });
        });
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        let Rotation { dim, reflections, .. } = self.rotation;
        let call = |entry, groups| {
            let arguments = self.rotation.arguments(layout, self.gradients, self.dy);
            Launch { sources: vec![SHADER.into()], entry, arguments, groups }
        };
        vec![
            call("rotation_backward", [Layout::groups(layout.columns()), 1, 1]),
            call("rotation_parameters", [dim as u32, reflections as u32, 1]),
        ]
    }
}
