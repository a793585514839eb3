//! A product of two triangles and a shift, z = L (U x) + b, or the solution for x; ln q += Σ a.
//!
//! Either triangle is a diagonal (ones in L, eᵃ in U) and strict triangle M or its transpose, of which
//! the parameters have the one below the diagonal: L = 1 + M and U = eᵃ + M′ᵀ. So all there is to
//! compute, forward and backward, is products with such a triangle and solutions: with u = U x on the
//! way, and g the gradients,
//!
//! | direction | values | gradients |
//! |---|---|---|
//! | density | u = U x, z = L u + b | g_u = Lᵀ g_z, g_x = Uᵀ g_u |
//! | sampling | u = L⁻¹ (z − b), x = U⁻¹ u | g_u = U⁻ᵀ g_x, g_z = L⁻ᵀ g_u |
//!
//! and with the sign + for density and − for sampling: dL = ± g_z uᵀ, dU = ± g_u xᵀ, db = ± g_z,
//! da_i = ± Σ g_u x eᵃ + Σ c, where c is the derivative of the loss with respect to ln q.
//!
//! On the CPU all samples of a shard go through one row of a triangle at a time; in WGSL a thread takes
//! one sample, and backward a workgroup sums one entry of the two matrices over the samples.

use std::ops::Range;

use super::{
    Arguments, Context, Direction, Forward, Launch, Layout, Operation, Reverse, Slot, arguments,
    dot, sum, wide,
};

/// y from x; adds Σ a to ln q.
#[derive(Clone, Copy, Debug)]
pub struct Lu {
    /// Which way.
    pub direction: Direction,
    /// Coordinates.
    pub dim: usize,
    /// First parameter of a.
    pub log_diagonal: usize,
    /// First parameter of b.
    pub shift: usize,
    /// First parameter of L, `[dim][dim]`, of which the part below the diagonal is read.
    pub lower: usize,
    /// The same of Uᵀ.
    pub upper: usize,
    /// Input.
    pub x: Slot,
    /// What is between the triangles.
    pub between: Slot,
    /// Output.
    pub y: Slot,
    /// One row: ln q.
    pub log_q: Slot,
}

const SHADER: &str = include_str!("lu.wgsl");

/// A triangle: the strict one that starts at parameter `below`, or its transpose, and its diagonal.
#[derive(Clone, Copy)]
struct Triangle {
    below: usize,
    /// First parameter of the diagonal's logarithm, if it is not ones.
    log_diagonal: Option<usize>,
    transposed: bool,
}

impl Triangle {
    /// Multiplies `rows`, `[dim][n]`, by the triangle or, to solve, by its inverse, in place.
    #[inline(always)]
    fn apply(self, parameters: &[f32], solve: bool, dim: usize, rows: &mut [f32], n: usize) {
        let Self { below, log_diagonal, transposed } = self;
        let sign = if solve { -1.0 } else { 1.0 };
        // A product reads rows that are as they were; a solution those that are done.
        let ascending = transposed != solve;
        for step in 0..dim {
            let r = if ascending { step } else { dim - 1 - step };
            let scale = log_diagonal.map(|start| (sign * parameters[start + r]).exp());
            let (before, rest) = rows.split_at_mut(r * n);
            let (row, after) = rest.split_at_mut(n);
            if let Some(scale) = scale.filter(|_| !solve) {
                row.iter_mut().for_each(|v| *v *= scale);
            }
            let (others, first) = if transposed { (&*after, r + 1) } else { (&*before, 0) };
            for (k, other) in (first..).zip(others.chunks_exact(n)) {
                let at = if transposed { k * dim + r } else { r * dim + k };
                let weight = sign * parameters[below + at];
                row.iter_mut().zip(other).for_each(|(v, o)| *v += weight * o);
            }
            if let Some(scale) = scale.filter(|_| solve) {
                row.iter_mut().for_each(|v| *v *= scale);
            }
        }
    }
}

impl Lu {
    /// L or its transpose.
    fn left(&self, transposed: bool) -> Triangle {
        Triangle { below: self.lower, log_diagonal: None, transposed }
    }

    /// U or its transpose; what is stored is transposed.
    fn right(&self, transposed: bool) -> Triangle {
        let log_diagonal = Some(self.log_diagonal);
        Triangle { below: self.upper, log_diagonal, transposed: !transposed }
    }

    /// The triangles that values go through, and gradients if `backward`: in this order, and whether
    /// as solutions.
    fn triangles(&self, backward: bool) -> ([Triangle; 2], bool) {
        let (left, right) = (self.left(backward), self.right(backward));
        let solve = self.direction == Direction::Sampling;
        (if solve == backward { [right, left] } else { [left, right] }, solve)
    }

    fn arguments(&self, layout: &Layout, [coefficient, dy, between, dx]: [Slot; 4]) -> Arguments {
        arguments! {
            density: self.direction == Direction::Density,
            dim: self.dim,
            log_diagonal: self.log_diagonal,
            shift: self.shift,
            lower: self.lower,
            upper: self.upper,
            x: layout.offset(self.x),
            between: layout.offset(self.between),
            y: layout.offset(self.y),
            log_q: layout.offset(self.log_q),
            coefficient: layout.offset(coefficient),
            dy: layout.offset(dy),
            between_gradient: layout.offset(between),
            dx: layout.offset(dx),
        }
    }
}

impl Operation for Lu {
    fn cpu(&self, context: &mut Context<'_>) {
        let (n, dim, level) = (context.columns(), self.dim, context.level);
        let log_diagonal = &context.parameters[self.log_diagonal..][..dim];
        let total: f32 = log_diagonal.iter().sum();
        for l in &mut context.slots[self.log_q.0] {
            *l += total;
        }
        let ([first, second], solve) = self.triangles(false);
        context.writing(self.between, |context, between| {
            context.writing(self.y, |context, y| {
                let (parameters, x) = (context.parameters, context.slot(self.x));
                let shifts = &parameters[self.shift..][..dim];
                wide(
                    level,
                    #[inline(always)]
                    || {
                        between.copy_from_slice(x);
                        if solve {
                            for (row, shift) in between.chunks_exact_mut(n).zip(shifts) {
                                row.iter_mut().for_each(|v| *v -= shift);
                            }
                        }
                        first.apply(parameters, solve, dim, between, n);
                        y.copy_from_slice(between);
                        second.apply(parameters, solve, dim, y, n);
                        if !solve {
                            for (row, shift) in y.chunks_exact_mut(n).zip(shifts) {
                                row.iter_mut().for_each(|v| *v += shift);
                            }
                        }
                    },
                );
            });
        });
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        let groups = [Layout::groups(layout.columns()), 1, 1];
        let arguments = self.arguments(layout, [self.x; 4]);
        vec![Launch { sources: vec![SHADER.into()], entry: "lu", arguments, groups }]
    }
}

impl Forward for Lu {
    fn reads(&self) -> Vec<Slot> {
        vec![self.x]
    }

    fn writes(&self) -> Vec<Slot> {
        vec![self.between, self.y, self.log_q]
    }

    fn parameters(&self) -> Vec<Range<usize>> {
        let vectors = [self.log_diagonal, self.shift].map(|start| start..start + self.dim);
        let matrices = [self.lower, self.upper].map(|start| start..start + self.dim * self.dim);
        vectors.into_iter().chain(matrices).collect()
    }

    fn backward(&self, reverse: &mut Reverse<'_>) {
        let (dy, coefficient) = (reverse.take(self.y), reverse.gradient(self.log_q));
        let (between, dx) = (reverse.fresh(self.between), reverse.fresh(self.x));
        reverse.give(self.x, dx);
        reverse.push(LuBackward { lu: *self, coefficient, dy, between, dx });
        reverse.release(dy);
        reverse.release(between);
    }
}

/// dx and the gradients of all parameters from dy.
#[derive(Clone, Copy, Debug)]
pub struct LuBackward {
    /// The forward operation.
    pub lu: Lu,
    /// One row: c.
    pub coefficient: Slot,
    /// Gradient of y.
    pub dy: Slot,
    /// Gradient of what is between the triangles, overwritten.
    pub between: Slot,
    /// Gradient of x, overwritten.
    pub dx: Slot,
}

impl Operation for LuBackward {
    fn cpu(&self, context: &mut Context<'_>) {
        let (n, lu, level) = (context.columns(), &self.lu, context.level);
        let dim = lu.dim;
        let ([first, second], solve) = lu.triangles(true);
        context.writing(self.between, |context, between| {
            context.writing(self.dx, |context, dx| {
                let (parameters, dy) = (context.parameters, context.slot(self.dy));
                wide(
                    level,
                    #[inline(always)]
                    || {
                        between.copy_from_slice(dy);
                        first.apply(parameters, solve, dim, between, n);
                        dx.copy_from_slice(between);
                        second.apply(parameters, solve, dim, dx, n);
                    },
                );
            });
        });

        let of = |s: Slot| &context.slots[s.0][..];
        let (data, noise, sign) = match lu.direction {
            Direction::Density => (of(lu.x), of(self.dy), 1.0),
            Direction::Sampling => (of(lu.y), of(self.dx), -1.0),
        };
        let (u, between, coefficient) = (of(lu.between), of(self.between), of(self.coefficient));
        let starts = [lu.log_diagonal, lu.shift, lu.lower, lu.upper];
        let fresh = starts.map(|start| context.fresh(start));
        let (parameters, gradient) = (context.parameters, &mut *context.gradient);
        wide(
            level,
            #[inline(always)]
            || {
                let total = sum(coefficient);
                let mut give = |tensor: usize, at: usize, value: f32| {
                    let g = &mut gradient[starts[tensor] + at];
                    *g = if fresh[tensor] { value } else { *g + value };
                };
                for i in 0..dim {
                    let (here, scale) = (i * n..(i + 1) * n, parameters[lu.log_diagonal + i].exp());
                    let (x, g_z) = (&data[here.clone()], &noise[here.clone()]);
                    let slope = dot(&between[here], x);
                    give(0, i, sign * scale * slope + total);
                    give(1, i, sign * sum(g_z));
                    for j in 0..i {
                        let there = j * n..(j + 1) * n;
                        give(2, i * dim + j, sign * dot(g_z, &u[there.clone()]));
                        give(3, i * dim + j, sign * dot(&between[there], x));
                    }
                }
            },
        );
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        let others = [self.coefficient, self.dy, self.between, self.dx];
        let dim = self.lu.dim as u32;
        let call = |entry, groups| {
            let arguments = self.lu.arguments(layout, others);
            Launch { sources: vec![SHADER.into()], entry, arguments, groups }
        };
        vec![
            call("lu_backward", [Layout::groups(layout.columns()), 1, 1]),
            call("lu_parameters", [dim, dim, 1]),
        ]
    }
}
