//! A linear map of all coordinates as a product of triangles: `z = L (U x) + b`, where `L` is lower
//! triangular with ones on its diagonal and `U` upper triangular with the diagonal `exp(a)`.
//!
//! Oliva et al. 2018 (arXiv:1801.09819); between convolutions Kingma & Dhariwal 2018
//! (arXiv:1807.03039). Every choice of parameters is invertible, `ln |det ∂z/∂x| = Σ a` costs nothing,
//! and both directions are as many multiply-adds as a dense matrix has entries:
//!
//! ```text
//! density:   u = U x,                  z = L u + b
//! sampling:  u = L⁻¹ (z − b),          x = U⁻¹ u       by substitution, with exp(−a): no division
//! ```
//!
//! The plain products are the density's, as in nflows, whose positive diagonal is a softplus: reading
//! its files takes a logarithm and no inverse. All parameters zero is the identity.
//!
//! # Order and arithmetic
//! Both work in place, a column of a triangle at a time: a coordinate that is done with is multiplied
//! by its column and added to those that are not. An output begins with its own term (in `U x`
//! multiplied by the diagonal, in `L u` with its shift added); the others follow in ascending order in
//! `U x` and in the solution with `L`, in descending order in `L u` and in the solution with `U`.
//! These multiply-adds have the model's arithmetic; diagonals and shifts are plain operations. A
//! solution adds the product with the negated coordinate, which has the bits of a subtraction.
//!
//! # Packed order
//! The log-diagonal `a`, the shifts `b`; then the columns of `U` above its diagonal, from the first,
//! and the columns of `L` below its diagonal, from the last. Column number `k` of either has `k`
//! weights.

#[cfg(feature = "model")]
use alloc::format;
use core::slice;

use crate::bijection::{Bijection, Direction, Tile};
use crate::kernel::{Lanes, Weight, next, take, take_mut};
use crate::math::exp;
#[cfg(feature = "model")]
use crate::model::{Faults, LayerPart, Packer, Sizes, Source, Sources, Start, Tensors, Visible};
use crate::simd::{Kernel, Simd};

/// A product of two triangles and a shift; see the module.
#[derive(Clone, Copy, Debug)]
pub struct Lu<'a, T = f32> {
    weights: &'a [T],
}

impl<'a, T: Weight> Lu<'a, T> {
    /// Over weights in packed order.
    pub const fn new(weights: &'a [T]) -> Self {
        Self { weights }
    }
}

/// Weights of a triangle whose columns have 0, 1, … `n − 1` of them.
const fn triangle(n: usize) -> usize {
    n.wrapping_mul(n.saturating_sub(1)) / 2
}

impl<T: Weight> Bijection for Lu<'_, T> {
    fn fits(&self, dim: usize, _: usize) -> bool {
        self.weights.len() == 2 * dim + 2 * triangle(dim)
    }

    fn scratch(&self) -> usize {
        0
    }

    #[inline(always)]
    fn apply<L: Lanes>(&self, lanes: L, direction: Direction, tile: &mut Tile<'_, L>) {
        lanes.call(Run { layer: self, lanes, direction, tile });
    }
}

/// The layer at work, in a function of its own.
struct Run<'r, 't, 'a, L: Lanes, T> {
    layer: &'r Lu<'a, T>,
    lanes: L,
    direction: Direction,
    tile: &'r mut Tile<'t, L>,
}

impl<L: Lanes, T: Weight> Kernel for Run<'_, '_, '_, L, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self { layer, lanes, direction, tile } = self;
        let (s, x) = (lanes.s(), &mut *tile.x);
        let dim = x.len();
        let mut weights = layer.weights;
        let (logs, shifts) = (next(&mut weights, dim), next(&mut weights, dim));
        let (upper, lower) = (next(&mut weights, triangle(dim)), next(&mut weights, triangle(dim)));
        for i in 0..L::vectors(dim) {
            lanes.sum(tile.log_prob, i, dim, lanes.weights(logs, i));
        }
        match direction {
            Direction::Density => {
                for (k, log) in (0..dim).zip(logs) {
                    let (above, rest) = take_mut(x, k);
                    let Some(at) = rest.first_mut() else { return };
                    lanes.rectangle(column(upper, k), slice::from_ref(at), above);
                    multiply(lanes, at, exp(s, s.splat(log.widen())));
                }
                for (k, shift) in (0..dim).zip(shifts.iter().rev()) {
                    let (rest, below) = take_mut(x, dim.wrapping_sub(k));
                    let Some(at) = rest.last_mut() else { return };
                    lanes.rectangle(column(lower, k), slice::from_ref(at), below);
                    add(lanes, at, shift.widen());
                }
            }
            Direction::Sampling => {
                let minus = s.splat(-1.0);
                for (at, shift) in x.iter_mut().zip(shifts) {
                    add(lanes, at, -shift.widen());
                }
                for k in (0..dim).rev() {
                    let (rest, below) = take_mut(x, dim.wrapping_sub(k));
                    let Some(at) = rest.last() else { return };
                    let mut negative = *at;
                    multiply(lanes, &mut negative, minus);
                    lanes.rectangle(column(lower, k), &[negative], below);
                }
                for (k, log) in (0..dim).zip(logs).rev() {
                    let (above, rest) = take_mut(x, k);
                    let Some(at) = rest.first_mut() else { return };
                    multiply(lanes, at, exp(s, s.splat(-log.widen())));
                    let mut negative = *at;
                    multiply(lanes, &mut negative, minus);
                    lanes.rectangle(column(upper, k), &[negative], above);
                }
            }
        }
    }
}

/// The column that has `k` weights. A column is a rectangle of one input, which is packed as it is.
#[inline(always)]
fn column<T>(triangle_weights: &[T], k: usize) -> &[T] {
    take(take(triangle_weights, triangle(k)).1, k).0
}

/// Multiplies all lanes of a coordinate.
#[inline(always)]
fn multiply<L: Lanes>(lanes: L, x: &mut L::V, factor: <L::S as Simd>::F) {
    let s = lanes.s();
    for a in x.as_mut() {
        s.store(s.mul(s.load(a), factor), a);
    }
}

/// Adds to all lanes of a coordinate.
#[inline(always)]
fn add<L: Lanes>(lanes: L, x: &mut L::V, term: f32) {
    let s = lanes.s();
    for a in x.as_mut() {
        s.store(s.add(s.load(a), s.splat(term)), a);
    }
}

/// `{"kind": "lu"}`: tensors `log_diagonal` and `shift`, `[dim]`; `lower` and `upper_transposed`,
/// `[dim, dim]`, whose row `i` has the first `i` entries of row `i` of `L` and of column `i` of `U`.
#[cfg(feature = "model")]
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LuSpec {}

#[cfg(feature = "model")]
impl LayerPart for LuSpec {
    type Built<'a> = Lu<'a>;

    fn check(&self, _: Sizes, _: &mut Faults) {}

    fn tensors(&self, sizes: Sizes, tensors: &mut Tensors) {
        let (dim, zero) = (sizes.dim, Start::Value(0.0));
        let below = Visible::Staircase { sites: dim, inclusive: false, context: 0 };
        tensors.vector("log_diagonal", dim, zero);
        tensors.vector("shift", dim, zero);
        tensors.matrix("lower", [dim, dim], below.clone(), zero);
        tensors.matrix("upper_transposed", [dim, dim], below, zero);
    }

    fn pack(&self, sizes: Sizes, packer: &mut Packer<'_>) {
        let dim = sizes.dim;
        packer.vector("log_diagonal", 0..dim);
        packer.vector("shift", 0..dim);
        for k in 0..dim {
            packer.rectangle("upper_transposed", k..k + 1, 0..k);
        }
        for k in (0..dim).rev() {
            packer.rectangle("lower", k + 1..dim, k..k + 1);
        }
    }

    fn build<'a>(&'a self, _: Sizes, weights: &'a [f32]) -> Lu<'a> {
        Lu::new(weights)
    }

    fn source(&self, sizes: Sizes, sources: &mut Sources) -> Source {
        sources.code("lu", 2);
        sources.table(2);
        let weights = sources.weights(2 * sizes.dim + 2 * triangle(sizes.dim));
        Source {
            ty: format!("engine::layer::Lu<'static, {}>", sources.weight()),
            value: format!("engine::layer::Lu::new({weights})"),
        }
    }
}
