//! A permutation of the coordinates: `x_i = z_{order[i]}`, with `ln |det ∂z/∂x| = 0`.
//!
//! It has no weights. Between layers that keep or read some coordinates first it lets the others
//! have their turn.

#[cfg(feature = "model")]
use alloc::format;
#[cfg(feature = "model")]
use alloc::vec::Vec;

use super::is_permutation;
use crate::bijection::{Bijection, Direction, Tile};
use crate::kernel::Lanes;
#[cfg(feature = "model")]
use crate::model::{Faults, LayerPart, Packer, Sizes, Source, Sources, Support, Tensors};
use crate::simd::{Kernel, Simd};

/// A permutation; see the module.
#[derive(Clone, Copy, Debug)]
pub struct Permute<'a> {
    order: &'a [usize],
}

impl<'a> Permute<'a> {
    /// With coordinate `order[i]` of the noise's side as coordinate `i` of the data's; `None` if that
    /// is no permutation.
    pub fn new(order: &'a [usize]) -> Option<Self> {
        is_permutation(order).then_some(Self::trusted(order))
    }

    /// A permutation that was checked before, by `model!` or when the model was read. Another order
    /// gives wrong values and no panic.
    #[doc(hidden)]
    pub const fn trusted(order: &'a [usize]) -> Self {
        Self { order }
    }
}

impl Bijection for Permute<'_> {
    fn fits(&self, dim: usize, _: usize) -> bool {
        self.order.len() == dim
    }

    /// The coordinates as they were.
    fn scratch(&self) -> usize {
        self.order.len()
    }

    #[inline(always)]
    fn apply<L: Lanes>(&self, lanes: L, direction: Direction, tile: &mut Tile<'_, L>) {
        lanes.call(Run { order: self.order, direction, tile });
    }
}

/// The layer at work, in a function of its own.
struct Run<'r, 't, L: Lanes> {
    order: &'r [usize],
    direction: Direction,
    tile: &'r mut Tile<'t, L>,
}

impl<L: Lanes> Kernel for Run<'_, '_, L> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self { order, direction, tile } = self;
        for (was, x) in tile.scratch.iter_mut().zip(&*tile.x) {
            *was = *x;
        }
        match direction {
            Direction::Sampling => {
                for (x, from) in tile.x.iter_mut().zip(order) {
                    if let Some(was) = tile.scratch.get(*from) {
                        *x = *was;
                    }
                }
            }
            Direction::Density => {
                for (was, to) in tile.scratch.iter().zip(order) {
                    if let Some(x) = tile.x.get_mut(*to) {
                        *x = *was;
                    }
                }
            }
        }
    }
}

/// `{"kind": "permute", "order": [3, 0, …]}`: no tensors.
#[cfg(feature = "model")]
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PermuteSpec {
    /// The coordinate on the noise's side that each coordinate on the data's side is.
    pub order: Vec<usize>,
}

#[cfg(feature = "model")]
impl LayerPart for PermuteSpec {
    type Built<'a> = Permute<'a>;

    fn check(&self, sizes: Sizes, faults: &mut Faults) {
        faults.permutation("order", &self.order, sizes.dim);
    }

    fn supports(&self, supports: &mut [Support], _: &mut Faults) {
        let was = supports.to_vec();
        for (support, from) in supports.iter_mut().zip(&self.order) {
            if let Some(was) = was.get(*from) {
                *support = *was;
            }
        }
    }

    fn tensors(&self, _: Sizes, _: &mut Tensors) {}

    fn pack(&self, _: Sizes, _: &mut Packer<'_>) {}

    fn build<'a>(&'a self, _: Sizes, _: &'a [f32]) -> Permute<'a> {
        Permute::trusted(&self.order)
    }

    fn source(&self, _: Sizes, sources: &mut Sources) -> Source {
        sources.code("permute", 1);
        sources.table(self.order.len() + 2);
        let order = &self.order;
        Source {
            ty: "engine::layer::Permute<'static>".into(),
            value: format!("engine::layer::Permute::trusted(&{order:?})"),
        }
    }
}
