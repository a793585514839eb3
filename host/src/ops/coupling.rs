//! The affine coupling, once its network has spoken.
//!
//! The network gives, for m moved coordinates, m raw log-scales r and m shifts t; s = b tanh(r/b)
//! keeps |s| below the bound b (Dinh et al., arXiv:1605.08803). With c the derivative of the loss
//! with respect to ln q:
//!
//! | direction | value | ln q | dx, dt | ds |
//! |---|---|---|---|---|
//! | sampling | y = x eˢ + t | −Σ s | dx = dy eˢ, dt = dy | dy x eˢ − c |
//! | density  | y = (x − t) e⁻ˢ | −Σ s | dx = dy e⁻ˢ, dt = −dx | −dy y − c |
//!
//! and dr = ds (1 − tanh²(r/b)). Kept coordinates pass unchanged.

use pushforward::math::{exp, tanh};
use pushforward::simd::{Kernel, Simd, dispatch};

use super::{Context, Launch, Layout, Operation, Slot, Table};

/// Which way a bijection is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From noise to data.
    Sampling,
    /// From data to noise.
    Density,
}

/// y from x, r and t; adds −Σ s to ln q.
#[derive(Clone, Copy, Debug)]
pub struct Coupling {
    /// Which way.
    pub direction: Direction,
    /// Coordinates.
    pub dim: usize,
    /// Moved coordinates, ascending.
    pub moved: Table,
    /// Bound b of the log-scales.
    pub bound: f32,
    /// Input, all coordinates.
    pub x: Slot,
    /// The network's output: raw log-scales, then shifts.
    pub raw: Slot,
    /// Output, all coordinates.
    pub y: Slot,
    /// One row: ln q.
    pub log_q: Slot,
}

const SHADER: &str = include_str!("coupling.wgsl");

impl Coupling {
    fn arguments(&self, layout: &Layout, others: [Slot; 3]) -> Vec<u32> {
        let density = u32::from(self.direction == Direction::Density);
        let mut arguments = vec![
            density,
            self.dim as u32,
            self.moved.start as u32,
            self.moved.len as u32,
            self.bound.to_bits(),
        ];
        let slots = [self.x, self.raw, self.y, self.log_q].into_iter().chain(others);
        arguments.extend(slots.map(|s| layout.offset(s)));
        arguments
    }
}

struct Move<'a> {
    direction: Direction,
    bound: f32,
    x: &'a [f32],
    raw: &'a [f32],
    shift: &'a [f32],
    y: &'a mut [f32],
    log_q: &'a mut [f32],
}

impl Kernel for Move<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (x, raw, shift) = (S::chunks(self.x).0, S::chunks(self.raw).0, S::chunks(self.shift).0);
        let (y, log_q) = (S::chunks_mut(self.y).0, S::chunks_mut(self.log_q).0);
        let (bound, inverse) = (s.splat(self.bound), s.splat(1.0 / self.bound));
        for ((((x, raw), t), y), log_q) in x.iter().zip(raw).zip(shift).zip(y).zip(log_q) {
            let (x, t) = (s.load(x), s.load(t));
            let scale = s.mul(bound, tanh(s, s.mul(s.load(raw), inverse)));
            let moved = match self.direction {
                Direction::Sampling => s.add(s.mul(x, exp(s, scale)), t),
                Direction::Density => s.mul(s.sub(x, t), exp(s, s.sub(s.splat(0.0), scale))),
            };
            s.store(moved, y);
            s.store(s.sub(s.load(log_q), scale), log_q);
        }
    }
}

impl Operation for Coupling {
    fn cpu(&self, context: &mut Context<'_>) {
        let n = context.columns();
        let m = self.moved.len;
        context.writing(self.y, |context, y| {
            y.copy_from_slice(context.slot(self.x));
            context.writing(self.log_q, |context, log_q| {
                let (x, raw) = (context.slot(self.x), context.slot(self.raw));
                for (j, &d) in context.table(self.moved).iter().enumerate() {
                    let d = d as usize;
                    let kernel = Move {
                        direction: self.direction,
                        bound: self.bound,
                        x: &x[d * n..(d + 1) * n],
                        raw: &raw[j * n..(j + 1) * n],
                        shift: &raw[(m + j) * n..(m + j + 1) * n],
                        y: &mut y[d * n..(d + 1) * n],
                        log_q,
                    };
                    dispatch(context.level, kernel);
                }
            });
        });
    }

    fn gpu(&self, layout: &Layout) -> Vec<Launch> {
        let groups = [Layout::groups(layout.columns()), 1, 1];
        let arguments = self.arguments(layout, [self.x; 3]);
        vec![Launch { sources: vec![SHADER], entry: "coupling", arguments, groups }]
    }
}

/// dx and the gradient of the network's output from dy.
#[derive(Clone, Copy, Debug)]
pub struct CouplingBackward {
    /// The forward operation.
    pub coupling: Coupling,
    /// One row: c.
    pub coefficient: Slot,
    /// Gradient of y, replaced by that of x (without the part through the network).
    pub dy: Slot,
    /// Gradient of the network's output, overwritten.
    pub draw: Slot,
}

struct MoveBackward<'a> {
    direction: Direction,
    bound: f32,
    x: &'a [f32],
    y: &'a [f32],
    raw: &'a [f32],
    coefficient: &'a [f32],
    dy: &'a mut [f32],
    draw: &'a mut [f32],
    dshift: &'a mut [f32],
}

impl Kernel for MoveBackward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (x, y, raw) = (S::chunks(self.x).0, S::chunks(self.y).0, S::chunks(self.raw).0);
        let coefficient = S::chunks(self.coefficient).0;
        let (dy, draw, dshift) =
            (S::chunks_mut(self.dy).0, S::chunks_mut(self.draw).0, S::chunks_mut(self.dshift).0);
        let (bound, inverse, zero) = (s.splat(self.bound), s.splat(1.0 / self.bound), s.splat(0.0));
        let inputs = x.iter().zip(y).zip(raw).zip(coefficient);
        for (((((x, y), raw), c), dy), (draw, dshift)) in
            inputs.zip(dy).zip(draw.iter_mut().zip(dshift))
        {
            let t = tanh(s, s.mul(s.load(raw), inverse));
            let scale = s.mul(bound, t);
            let d = s.load(dy);
            let (dx, dt, ds) = match self.direction {
                Direction::Sampling => {
                    let dx = s.mul(d, exp(s, scale));
                    (dx, d, s.mul(dx, s.load(x)))
                }
                Direction::Density => {
                    let dx = s.mul(d, exp(s, s.sub(zero, scale)));
                    (dx, s.sub(zero, dx), s.sub(zero, s.mul(d, s.load(y))))
                }
            };
            let ds = s.sub(ds, s.load(c));
            s.store(s.mul(ds, s.sub(s.splat(1.0), s.mul(t, t))), draw);
            s.store(dt, dshift);
            s.store(dx, dy);
        }
    }
}

impl Operation for CouplingBackward {
    fn cpu(&self, context: &mut Context<'_>) {
        let n = context.columns();
        let c = &self.coupling;
        context.writing(self.dy, |context, dy| {
            context.writing(self.draw, |context, draw| {
                let (draw, dshift) = draw.split_at_mut(c.moved.len * n);
                let (x, y, raw) = (context.slot(c.x), context.slot(c.y), context.slot(c.raw));
                for (j, &d) in context.table(c.moved).iter().enumerate() {
                    let (d, j) = (d as usize * n..(d as usize + 1) * n, j * n..(j + 1) * n);
                    let kernel = MoveBackward {
                        direction: c.direction,
                        bound: c.bound,
                        x: &x[d.clone()],
                        y: &y[d.clone()],
                        raw: &raw[j.clone()],
                        coefficient: context.slot(self.coefficient),
                        dy: &mut dy[d],
                        draw: &mut draw[j.clone()],
                        dshift: &mut dshift[j],
                    };
                    dispatch(context.level, kernel);
                }
            });
        });
    }

    fn gpu(&self, layout: &Layout) -> Vec<Launch> {
        let arguments = self.coupling.arguments(layout, [self.coefficient, self.dy, self.draw]);
        let groups = [Layout::groups(layout.columns()), self.coupling.moved.len as u32, 1];
        vec![Launch { sources: vec![SHADER], entry: "coupling_backward", arguments, groups }]
    }
}
