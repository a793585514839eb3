//! A permutation of the coordinates: `x_i = z_{order[i]}`, with `ln |det ∂z/∂x| = 0`.
//!
//! It has no weights. Between layers that keep or read some coordinates first it lets the others
//! have their turn.

#[cfg(feature = "model")]
use alloc::format;
#[cfg(feature = "model")]
use alloc::string::String;
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
impl PermuteSpec {
    /// The squeeze of an image of `[channels, height, width]`, as a data's row has it: each square of `factor`
    /// × `factor` pixels becomes as many channels of one pixel (Dinh, Sohl-Dickstein & Bengio 2017,
    /// arXiv:1605.08803, section 3.6). Channel `(c·factor + i)·factor + j` of the noise's side is the pixel in
    /// row `i` and column `j` of each square of channel `c`, as nflows has it.
    ///
    /// # Errors
    /// What the factor is expected to be, if it is not above 1 or does not divide height and width, or if there
    /// are no pixels.
    pub fn squeeze([channels, height, width]: [usize; 3], factor: usize) -> Result<Self, String> {
        let divides = |n: usize| n.is_multiple_of(factor);
        let n = channels.checked_mul(height).and_then(|n| n.checked_mul(width)).unwrap_or(0);
        if factor < 2 || n == 0 || !divides(height) || !divides(width) {
            return Err(format!(
                "2 or more, by which {height} rows and {width} columns can be divided"
            ));
        }
        let (rows, columns) = (height / factor, width / factor);
        let place = |pixel: usize| {
            let (channel, y, x) = (pixel / (height * width), pixel / width % height, pixel % width);
            let channel = (channel * factor + y % factor) * factor + x % factor;
            (channel * rows + y / factor) * columns + x / factor
        };
        Ok(Self { order: (0..n).map(place).collect() })
    }
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

#[cfg(all(test, feature = "model"))]
mod tests {
    use super::*;

    #[test]
    fn a_squeeze_makes_channels_of_squares_of_pixels() {
        let order = |shape, factor| PermuteSpec::squeeze(shape, factor).unwrap().order;
        assert_eq!(order([1, 2, 4], 2), [0, 2, 1, 3, 4, 6, 5, 7]);
        // Two channels of four: the second begins where the first's four end.
        assert_eq!(order([2, 2, 2], 2), [0, 1, 2, 3, 4, 5, 6, 7]);
        let large = order([3, 6, 9], 3);
        assert!(super::super::is_permutation(&large));
        // Channel 1, row 4, column 2: channel (1·3 + 1)·3 + 2 of 2 × 3 pixels, row 1, column 0.
        assert_eq!(large[54 + 4 * 9 + 2], 14 * 6 + 3);
        for (shape, factor) in [
            ([1, 4, 4], 1),
            ([1, 4, 4], 0),
            ([1, 4, 6], 4),
            ([0, 4, 4], 2),
            ([1, 0, 4], 2),
            ([usize::MAX, 4, 4], 2),
        ] {
            assert!(PermuteSpec::squeeze(shape, factor).is_err(), "{shape:?} {factor}");
        }
    }
}
