//! Bijections: what a flow is made of, and how they are put together.
//!
//! A bijection carries noise to data and back, and says what each way does to the density:
//!
//! ```text
//! sampling:  x = f⁻¹(z)          density:  z = f(x)          both with ln |det ∂z/∂x|
//! ```
//!
//! Both directions stand side by side in one method that is compiled once, and return values and
//! log-determinant together. Everything in [`crate::layer`] is a bijection, and so are a pair of
//! bijections and an array or a slice of one type, so a compiled flow's type spells out its layers
//! and links the kernels of these and no other. A model that is read at run time is a slice of
//! `model::AnyLayer`, an enum of them all.
//!
//! A part that has real work to do does it in a function of its own ([`Lanes::call`]), so a program
//! holds its code once, however many layers of its type the model has.

use crate::kernel::{Lanes, Sum};

/// Which way a bijection is run.
///
/// Of an autoregressive layer it is also the direction whose input its network reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "model", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "model", serde(rename_all = "lowercase"))]
pub enum Direction {
    /// From noise to data.
    Sampling,
    /// From data to noise.
    Density,
}

/// The samples that a bijection moves, as many as a tile holds.
#[derive(Debug)]
pub struct Tile<'a, L: Lanes> {
    /// The coordinates, `dim` values.
    pub x: &'a mut [L::V],
    /// `ln |det ∂z/∂x|` (nats) of what has been run, to be added to.
    pub log_prob: &'a mut Sum<L::V>,
    /// What the distribution is conditioned on; empty if on nothing.
    pub context: &'a [L::V],
    /// Working memory, at least [`Bijection::scratch`] values; what it holds does not matter.
    pub scratch: &'a mut [L::V],
}

/// An invertible map of a tile's coordinates; see the module.
pub trait Bijection {
    /// Whether it can run on `dim` coordinates with `context` values of context.
    fn fits(&self, dim: usize, context: usize) -> bool;
    /// Values of scratch that it needs besides the coordinates.
    fn scratch(&self) -> usize;
    /// Replaces the coordinates by what they are on the other side and adds `ln |det ∂z/∂x|`, where
    /// x is the data's side, to the tile's log-probability.
    fn apply<L: Lanes>(&self, lanes: L, direction: Direction, tile: &mut Tile<'_, L>);
}

/// No layer at all.
impl Bijection for () {
    fn fits(&self, _: usize, _: usize) -> bool {
        true
    }

    fn scratch(&self) -> usize {
        0
    }

    #[inline(always)]
    fn apply<L: Lanes>(&self, _: L, _: Direction, _: &mut Tile<'_, L>) {}
}

/// The first next to the noise, the second next to the data.
impl<A: Bijection, B: Bijection> Bijection for (A, B) {
    fn fits(&self, dim: usize, context: usize) -> bool {
        self.0.fits(dim, context) && self.1.fits(dim, context)
    }

    fn scratch(&self) -> usize {
        self.0.scratch().max(self.1.scratch())
    }

    #[inline(always)]
    fn apply<L: Lanes>(&self, lanes: L, direction: Direction, tile: &mut Tile<'_, L>) {
        match direction {
            Direction::Sampling => {
                self.0.apply(lanes, direction, tile);
                self.1.apply(lanes, direction, tile);
            }
            Direction::Density => {
                self.1.apply(lanes, direction, tile);
                self.0.apply(lanes, direction, tile);
            }
        }
    }
}

/// Layers of one type, from noise to data.
impl<B: Bijection> Bijection for [B] {
    fn fits(&self, dim: usize, context: usize) -> bool {
        self.iter().all(|layer| layer.fits(dim, context))
    }

    fn scratch(&self) -> usize {
        self.iter().map(B::scratch).max().unwrap_or(0)
    }

    #[inline(always)]
    fn apply<L: Lanes>(&self, lanes: L, direction: Direction, tile: &mut Tile<'_, L>) {
        match direction {
            Direction::Sampling => {
                for layer in self {
                    layer.apply(lanes, direction, tile);
                }
            }
            Direction::Density => {
                for layer in self.iter().rev() {
                    layer.apply(lanes, direction, tile);
                }
            }
        }
    }
}

/// As a slice of them.
impl<B: Bijection, const N: usize> Bijection for [B; N] {
    fn fits(&self, dim: usize, context: usize) -> bool {
        self.as_slice().fits(dim, context)
    }

    fn scratch(&self) -> usize {
        self.as_slice().scratch()
    }

    #[inline(always)]
    fn apply<L: Lanes>(&self, lanes: L, direction: Direction, tile: &mut Tile<'_, L>) {
        self.as_slice().apply(lanes, direction, tile);
    }
}

/// What it refers to.
impl<B: Bijection + ?Sized> Bijection for &B {
    fn fits(&self, dim: usize, context: usize) -> bool {
        (**self).fits(dim, context)
    }

    fn scratch(&self) -> usize {
        (**self).scratch()
    }

    #[inline(always)]
    fn apply<L: Lanes>(&self, lanes: L, direction: Direction, tile: &mut Tile<'_, L>) {
        (**self).apply(lanes, direction, tile);
    }
}
