//! Coordinates that are parts of a total: the engine's layer `simplex`, in both directions.
//!
//! Backward, with x on the data's side, r_i what is left for part i of K, and c the derivative of the loss with
//! respect to ln q, the derivatives ρ_i by r_i are carried from the last part to the first:
//!
//! ```text
//! sampling, v = x_i/r_i, a = dx_i − ρ_{i+1}:   dz_i = a x_i (1 − v) + c (2v − 1)   ρ_i = ρ_{i+1} + a v − c/r_i
//! density, ρ' = ρ_{i+1} − (dz_i + c)/r_{i+1}:  dx_i = (dz_i − c)/x_i − ρ'          ρ_i = ρ' + c/r_i
//! ```

use pushforward::layer::simplex::{LEAST_SHARE, MOST_SHARE, step};
use pushforward::simd::{Kernel, Simd, dispatch};

use super::transform::LOG_1P;
use super::{
    Arguments, Context, Direction, Forward, Launch, Layout, Operation, Reverse, Slot, Table,
    arguments, constants,
};

/// Takes parts to the other side, and adds ln f′ to ln q; other coordinates stay.
#[derive(Clone, Copy, Debug)]
pub struct Simplex {
    /// Where it goes.
    pub direction: Direction,
    /// The rows that are parts, ascending.
    pub parts: Table,
    /// What they and the last one sum to.
    pub total: f32,
    /// Values on this side.
    pub x: Slot,
    /// Values on the other side.
    pub y: Slot,
    /// One row: ln q.
    pub log_q: Slot,
}

const SHADER: &str = include_str!("simplex.wgsl");

impl Simplex {
    fn launch(&self, layout: &Layout, entry: &'static str, [coefficient, dy]: [Slot; 2]) -> Launch {
        let arguments: Arguments = arguments! {
            dim: layout.shapes[self.x.0].rows,
            density: self.direction == Direction::Density,
            parts: self.parts.start,
            count: self.parts.len,
            total: self.total,
            x: layout.offset(self.x),
            y: layout.offset(self.y),
            log_q: layout.offset(self.log_q),
            coefficient: layout.offset(coefficient),
            dy: layout.offset(dy),
        };
        let groups = [Layout::groups(layout.columns()), 1, 1];
        let sources = vec![LOG_1P.into(), constants![LEAST_SHARE, MOST_SHARE], SHADER.into()];
        Launch { sources, entry, arguments, groups }
    }
}

struct Run<'a> {
    direction: Direction,
    total: f32,
    parts: &'a [u32],
    n: usize,
    y: &'a mut [f32],
    log_q: &'a mut [f32],
}

impl Kernel for Run<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { direction, total, parts, n, y, log_q } = self;
        for (i, log_q) in S::chunks_mut(log_q).0.iter_mut().enumerate() {
            let (mut rest, mut sum) = (s.splat(total), s.load(log_q));
            for (before, row) in parts.iter().enumerate() {
                let left = (parts.len() - before) as f32;
                let y = &mut S::chunks_mut(&mut y[*row as usize * n..][..n]).0[i];
                let value = s.load(y);
                let [after, new, slope] = step(s, direction, rest, left, value);
                rest = after;
                sum = s.add(sum, slope);
                s.store(new, y);
            }
            s.store(sum, log_q);
        }
    }
}

impl Operation for Simplex {
    fn cpu(&self, context: &mut Context<'_>) {
        let (n, level) = (context.columns(), context.level);
        let Self { direction, total, .. } = *self;
        context.writing(self.y, |context, y| {
            y.copy_from_slice(context.slot(self.x));
            context.writing(self.log_q, |context, log_q| {
                let parts = context.table(self.parts);
                dispatch(level, Run { direction, total, parts, n, y, log_q });
            });
        });
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        vec![self.launch(layout, "simplex", [self.x; 2])]
    }
}

impl Forward for Simplex {
    fn reads(&self) -> Vec<Slot> {
        vec![self.x]
    }

    fn writes(&self) -> Vec<Slot> {
        vec![self.y, self.log_q]
    }

    fn backward(&self, reverse: &mut Reverse<'_>) {
        if !reverse.wanted(self.x) {
            return;
        }
        let [coefficient, dy] = reverse.carried(self.x, self.y, self.log_q);
        reverse.push(SimplexBackward { simplex: *self, coefficient, dy });
    }
}

/// Turns dy into dx in place.
#[derive(Clone, Copy, Debug)]
pub struct SimplexBackward {
    /// The forward operation.
    pub simplex: Simplex,
    /// One row: c.
    pub coefficient: Slot,
    /// Gradient of y, replaced by that of x.
    pub dy: Slot,
}

impl Operation for SimplexBackward {
    fn cpu(&self, context: &mut Context<'_>) {
        let (n, f) = (context.columns(), self.simplex);
        let data = if f.direction == Direction::Density { f.x } else { f.y };
        context.writing(self.dy, |context, dy| {
            let (x, parts) = (context.slot(data), context.table(f.parts));
            for (column, c) in context.slot(self.coefficient).iter().enumerate() {
                let at = |row: &u32| *row as usize * n + column;
                let mut after = parts.iter().fold(f.total, |rest, row| rest - x[at(row)]);
                let mut by_rest = 0.0;
                for row in parts.iter().rev() {
                    let (x, dy) = (x[at(row)], &mut dy[at(row)]);
                    let rest = after + x;
                    match f.direction {
                        Direction::Sampling => {
                            let (share, own) = (x / rest, *dy - by_rest);
                            *dy = own * x * (after / rest) + c * (2.0 * share - 1.0);
                            by_rest += own * share - c / rest;
                        }
                        Direction::Density => {
                            by_rest -= (*dy + c) / after;
                            *dy = (*dy - c) / x - by_rest;
                            by_rest += c / rest;
                        }
                    }
                    after = rest;
                }
            }
        });
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        let others = [self.coefficient, self.dy];
        vec![self.simplex.launch(layout, "simplex_backward", others)]
    }
}
