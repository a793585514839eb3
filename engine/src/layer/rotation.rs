//! A rotation of all coordinates, as a product of `k` Householder reflections:
//! `x = H_k … H_1 z` with `H x = x − 2 v (v·x) / (v·v)`.
//!
//! Tomczak & Welling 2016 (arXiv:1611.09630): every orthogonal matrix of `dim` coordinates is such a
//! product of at most `dim`. A reflection is its own inverse, so the other direction takes them in the
//! other order, and `ln |det ∂z/∂x| = 0` for any vectors: nothing has to be kept orthogonal.
//!
//! The length of a vector does not matter, but for its square must be a normal `f32`: a vector shorter
//! than 10⁻¹⁹, zero above all, reflects nothing, by definition. So all parameters zero is the identity.
//! That is a place which a gradient does not leave, and training starts elsewhere, with normal vectors
//! of about unit length: an orthogonal matrix at random, which normal noise does not notice.
//!
//! # Order and arithmetic
//! `v·x` adds its terms in ascending order, and `v` times `−2 (v·x)/(v·v)` is added to `x`, both as
//! multiply-adds in the model's arithmetic. `v·v` is a plain ascending sum; it is not packed, because
//! weights that are stored in fewer bits must still be reflections.
//!
//! # Packed order
//! The vectors, from the first next to the noise.

#[cfg(feature = "model")]
use alloc::format;
use core::slice;

use crate::bijection::{Bijection, Direction, Tile};
use crate::kernel::{Lanes, Weight, take};
#[cfg(feature = "model")]
use crate::model::{Faults, LayerPart, Packer, Sizes, Source, Sources, Start, Tensors, Visible};
use crate::simd::{Kernel, Simd};

/// A product of reflections; see the module.
#[derive(Clone, Copy, Debug)]
pub struct Rotation<'a, T = f32> {
    vectors: &'a [T],
}

impl<'a, T: Weight> Rotation<'a, T> {
    /// With the vectors one after another.
    pub const fn new(vectors: &'a [T]) -> Self {
        Self { vectors }
    }
}

impl<T: Weight> Bijection for Rotation<'_, T> {
    fn fits(&self, dim: usize, _: usize) -> bool {
        self.vectors.len().is_multiple_of(dim)
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
    layer: &'r Rotation<'a, T>,
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
        let (mut rest, dim) = (layer.vectors, x.len());
        while !rest.is_empty() && dim > 0 {
            let vector;
            match direction {
                Direction::Sampling => (vector, rest) = take(rest, dim),
                Direction::Density => (rest, vector) = take(rest, rest.len().saturating_sub(dim)),
            }
            let mut square = 0.0;
            for v in vector {
                square += v.widen() * v.widen();
            }
            let factor = if square < f32::MIN_POSITIVE { 0.0 } else { -2.0 / square };
            let mut product = lanes.splat(0.0);
            lanes.rectangle(vector, x, slice::from_mut(&mut product));
            for a in product.as_mut() {
                s.store(s.mul(s.load(a), s.splat(factor)), a);
            }
            lanes.rectangle(vector, slice::from_ref(&product), x);
        }
    }
}

/// `{"kind": "rotation", "reflections": k}`: tensor `vectors`, `[k, dim]`.
#[cfg(feature = "model")]
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RotationSpec {
    /// How many.
    pub reflections: usize,
}

#[cfg(feature = "model")]
impl LayerPart for RotationSpec {
    type Built<'a> = Rotation<'a>;

    fn check(&self, _: Sizes, faults: &mut Faults) {
        faults.extent("reflections", self.reflections);
    }

    fn tensors(&self, sizes: Sizes, tensors: &mut Tensors) {
        let shape = [self.reflections, sizes.dim];
        // Variance 1/dim.
        let start = Start::Normal { factor: 1.0, slope: 1.0 };
        tensors.matrix("vectors", shape, Visible::All, start);
    }

    fn pack(&self, sizes: Sizes, packer: &mut Packer<'_>) {
        packer.vector("vectors", 0..self.reflections * sizes.dim);
    }

    fn build<'a>(&'a self, _: Sizes, weights: &'a [f32]) -> Rotation<'a> {
        Rotation::new(weights)
    }

    fn source(&self, sizes: Sizes, sources: &mut Sources) -> Source {
        sources.code("rotation", 2);
        sources.table(2);
        let weights = sources.weights(self.reflections * sizes.dim);
        Source {
            ty: format!("engine::layer::Rotation<'static, {}>", sources.weight()),
            value: format!("engine::layer::Rotation::new({weights})"),
        }
    }
}
