//! The flow's last layer: y\_d = x\_d e^{a\_d} + b\_d with learned a and b, ln q −= Σ a.
//!
//! It starts as the scale and position of the data, so that the couplings see unit scale. Backward,
//! sampling: dx = dy eᵃ, da = Σ (dy x eᵃ − c), db = Σ dy; density, y = (x − b) e⁻ᵃ:
//! dx = dy e⁻ᵃ, da = Σ (−dy y − c), db = −Σ dx; c is the derivative of the loss with respect to ln q.

use std::ops::Range;

use super::{
    Arguments, Context, Direction, Forward, Launch, Layout, Operation, Reverse, Slot, arguments,
    dot_with, sum,
};

/// y from x; adds −Σ a to ln q.
#[derive(Clone, Copy, Debug)]
pub struct Affine {
    /// Which way.
    pub direction: Direction,
    /// Coordinates.
    pub dim: usize,
    /// First parameter of a.
    pub log_scale: usize,
    /// First parameter of b.
    pub shift: usize,
    /// Input.
    pub x: Slot,
    /// Output.
    pub y: Slot,
    /// One row: ln q.
    pub log_q: Slot,
}

const SHADER: &str = include_str!("affine.wgsl");

impl Affine {
    fn arguments(&self, layout: &Layout, [coefficient, dy]: [Slot; 2]) -> Arguments {
        arguments! {
            density: self.direction == Direction::Density,
            dim: self.dim,
            log_scale: self.log_scale,
            shift: self.shift,
            x: layout.offset(self.x),
            y: layout.offset(self.y),
            log_q: layout.offset(self.log_q),
            coefficient: layout.offset(coefficient),
            dy: layout.offset(dy),
        }
    }
}

impl Operation for Affine {
    fn cpu(&self, context: &mut Context<'_>) {
        let n = context.columns();
        let log_scale = &context.parameters[self.log_scale..self.log_scale + self.dim];
        let total: f32 = log_scale.iter().sum();
        for l in &mut context.slots[self.log_q.0] {
            *l -= total;
        }
        context.writing(self.y, |context, y| {
            for (d, (y, x)) in
                y.chunks_exact_mut(n).zip(context.slot(self.x).chunks_exact(n)).enumerate()
            {
                let (a, b) = (log_scale[d], context.parameters[self.shift + d]);
                let (up, down) = (a.exp(), (-a).exp());
                for (y, x) in y.iter_mut().zip(x) {
                    *y = match self.direction {
                        Direction::Sampling => x * up + b,
                        Direction::Density => (x - b) * down,
                    };
                }
            }
        });
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        let groups = [Layout::groups(layout.columns()), 1, 1];
        let arguments = self.arguments(layout, [self.x; 2]);
        vec![Launch { sources: vec![SHADER.into()], entry: "affine", arguments, groups }]
    }
}

impl Forward for Affine {
    fn reads(&self) -> Vec<Slot> {
        vec![self.x]
    }

    fn writes(&self) -> Vec<Slot> {
        vec![self.y, self.log_q]
    }

    fn parameters(&self) -> Vec<Range<usize>> {
        [self.log_scale, self.shift].map(|start| start..start + self.dim).to_vec()
    }

    fn backward(&self, reverse: &mut Reverse<'_>) {
        let [coefficient, dy] = reverse.carried(self.x, self.y, self.log_q);
        reverse.push(AffineBackward { affine: *self, coefficient, dy });
    }
}

/// Turns dy into dx in place; gives da and db.
#[derive(Clone, Copy, Debug)]
pub struct AffineBackward {
    /// The forward operation.
    pub affine: Affine,
    /// One row: c.
    pub coefficient: Slot,
    /// Gradient of y, replaced by that of x.
    pub dy: Slot,
}

impl Operation for AffineBackward {
    fn cpu(&self, context: &mut Context<'_>) {
        let n = context.columns();
        let f = &self.affine;
        context.writing(self.dy, |context, dy| {
            let total = sum(context.slot(self.coefficient));
            for (d, dy) in dy.chunks_exact_mut(n).enumerate() {
                let a = context.parameters[f.log_scale + d];
                let (da, db);
                match f.direction {
                    Direction::Sampling => {
                        db = sum(dy);
                        dy.iter_mut().for_each(|v| *v *= a.exp());
                        da = dot_with(dy, &context.slot(f.x)[d * n..(d + 1) * n], |d, x| d * x);
                    }
                    Direction::Density => {
                        da = -dot_with(dy, &context.slot(f.y)[d * n..(d + 1) * n], |d, y| d * y);
                        dy.iter_mut().for_each(|v| *v *= (-a).exp());
                        db = -sum(dy);
                    }
                }
                context.give_gradient(f.log_scale + d, da - total);
                context.give_gradient(f.shift + d, db);
            }
        });
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        let arguments = self.affine.arguments(layout, [self.coefficient, self.dy]);
        let groups = [self.affine.dim as u32, 1, 1];
        vec![Launch { sources: vec![SHADER.into()], entry: "affine_backward", arguments, groups }]
    }
}
