//! A scale and a shift for each coordinate, the same for all rows: `x = z exp(a) + b`.
//!
//! As the last layer of a flow it undoes the standardisation of the training data.
//!
//! # Packed order
//! The log-scales `a`, then the shifts `b`.

#[cfg(feature = "model")]
use alloc::format;

use crate::bijection::{Bijection, Direction, Tile};
use crate::kernel::{Lanes, Weight, take};
#[cfg(feature = "model")]
use crate::model::{Faults, LayerPart, Packer, Sizes, Source, Sources, Start, Tensors};
use crate::simd::{Kernel, Simd};
use crate::univariate::{scale, unscale};

/// `x = z exp(a) + b`, with one `a` and one `b` a coordinate.
#[derive(Clone, Copy, Debug)]
pub struct Affine<'a, T = f32> {
    weights: &'a [T],
}

impl<'a, T: Weight> Affine<'a, T> {
    /// With the log-scales of all coordinates, then their shifts, as `weights`.
    pub const fn new(weights: &'a [T]) -> Self {
        Self { weights }
    }
}

impl<T: Weight> Bijection for Affine<'_, T> {
    fn fits(&self, dim: usize, _: usize) -> bool {
        self.weights.len() == 2 * dim
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
    layer: &'r Affine<'a, T>,
    lanes: L,
    direction: Direction,
    tile: &'r mut Tile<'t, L>,
}

impl<L: Lanes, T: Weight> Kernel for Run<'_, '_, '_, L, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self { layer, lanes, direction, tile } = self;
        let dim = tile.x.len();
        let (scales, rest) = take(layer.weights, dim);
        let shifts = take(rest, dim).0;
        let e = lanes.e();
        for i in 0..L::vectors(dim) {
            let (a, b) = (lanes.weights(scales, i), lanes.weights(shifts, i));
            let old = lanes.get(tile.x, i);
            let (new, log_derivative) = match direction {
                Direction::Sampling => scale(e, old, a, b),
                Direction::Density => unscale(e, old, a, b),
            };
            lanes.put(tile.x, i, new);
            lanes.sum(tile.log_prob, i, dim, log_derivative);
        }
    }
}

/// `{"kind": "affine"}`: tensors `log_scale` and `shift`, `[dim]` each.
#[cfg(feature = "model")]
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AffineSpec {}

#[cfg(feature = "model")]
impl LayerPart for AffineSpec {
    type Built<'a> = Affine<'a>;

    fn check(&self, _: Sizes, _: &mut Faults) {}

    fn tensors(&self, sizes: Sizes, tensors: &mut Tensors) {
        tensors.vector("log_scale", sizes.dim, Start::Value(0.0));
        tensors.vector("shift", sizes.dim, Start::Value(0.0));
    }

    fn pack(&self, sizes: Sizes, packer: &mut Packer<'_>) {
        packer.vector("log_scale", 0..sizes.dim);
        packer.vector("shift", 0..sizes.dim);
    }

    fn build<'a>(&'a self, _: Sizes, weights: &'a [f32]) -> Affine<'a> {
        Affine::new(weights)
    }

    fn source(&self, sizes: Sizes, sources: &mut Sources) -> Source {
        sources.table(2);
        let weights = sources.weights(2 * sizes.dim);
        Source {
            ty: format!("engine::layer::Affine<'static, {}>", sources.weight()),
            value: format!("engine::layer::Affine::new({weights})"),
        }
    }
}
