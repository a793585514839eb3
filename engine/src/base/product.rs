//! Two bases side by side: the first coordinates are noise of one, the rest of another.
//!
//! ```text
//! ln p(z) = ln p_first(z_0 … z_{k−1}) + ln p_rest(z_k … z_{D−1})
//! ```
//!
//! Angles among real numbers start from it: uniform noise on their circles, normal noise elsewhere. A layer
//! `permute` brings coordinates to their places.
//!
//! # Draws
//! The first part takes the noise words that it would take alone, and the rest the words from the next block
//! on. So the first is noise that takes always as many ([`Base::blocks`]).

#[cfg(feature = "model")]
use alloc::format;
#[cfg(feature = "model")]
use alloc::vec::Vec;

use super::Base;
use crate::distribution::Draws;
use crate::kernel::{Lanes, Sum, take, take_mut};
#[cfg(feature = "model")]
use crate::model::{
    AnyPlainBase, BasePart, Faults, Packer, PlainBaseSpec, Source, Sources, Support, Tensors,
};
use crate::noise::{After, Noise};

/// Two bases side by side; see the module.
#[derive(Clone, Copy, Debug)]
pub struct Product<A, B> {
    coordinates: usize,
    first: A,
    rest: B,
}

impl<A: Base, B: Base> Product<A, B> {
    /// Of `coordinates` of the first; `None` if there are none, or if it does not always take as many
    /// noise words.
    pub fn new(coordinates: usize, first: A, rest: B) -> Option<Self> {
        let fits = coordinates > 0 && first.blocks(coordinates).is_some();
        fits.then(|| Self::trusted(coordinates, first, rest))
    }

    /// Blocks of the first.
    #[inline(always)]
    fn own_blocks(&self) -> u32 {
        self.first.blocks(self.coordinates).unwrap_or(0)
    }
}

impl<A, B> Product<A, B> {
    /// Sizes that were checked before, by `model!` or when the model was read. Wrong ones give wrong
    /// values and no panic.
    #[doc(hidden)]
    pub const fn trusted(coordinates: usize, first: A, rest: B) -> Self {
        Self { coordinates, first, rest }
    }
}

impl<A: Base, B: Base> Base for Product<A, B> {
    fn fits(&self, dim: usize) -> bool {
        let rest = dim.saturating_sub(self.coordinates);
        rest > 0 && self.first.fits(self.coordinates) && self.rest.fits(rest)
    }

    fn blocks(&self, dim: usize) -> Option<u32> {
        let rest = self.rest.blocks(dim.saturating_sub(self.coordinates))?;
        Some(self.own_blocks().wrapping_add(rest))
    }

    #[inline(always)]
    fn draw<L: Lanes, N: Noise>(&self, lanes: L, draws: &mut Draws<L, N>, z: &mut [L::V]) {
        let (first, rest) = take_mut(z, self.coordinates);
        self.first.draw(lanes, draws, first);
        let (noise, sample) = draws.source();
        let mut noise = After { noise, blocks: self.own_blocks() };
        self.rest.draw(lanes, &mut Draws::new(lanes, &mut noise, sample), rest);
    }

    #[inline(always)]
    fn log_prob<L: Lanes>(&self, lanes: L, z: &[L::V], log_prob: &mut Sum<L::V>) {
        let (first, rest) = take(z, self.coordinates);
        self.first.log_prob(lanes, first, log_prob);
        self.rest.log_prob(lanes, rest, log_prob);
    }
}

/// `{"kind": "product", "coordinates": k, "first": {"kind": "uniform", …}, "rest": {"kind": "normal"}}`. The
/// tensors are those of the parts, `first.…` and `rest.…`.
#[cfg(feature = "model")]
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProductSpec {
    /// Coordinates of the first.
    pub coordinates: usize,
    /// The noise of these.
    pub first: PlainBaseSpec,
    /// The noise of the others.
    pub rest: PlainBaseSpec,
}

#[cfg(feature = "model")]
impl ProductSpec {
    /// Blocks of noise words that a draw of the first takes, if these are always as many.
    pub fn first_blocks(&self) -> Option<u32> {
        // How many does not hang on the weights.
        self.first.build(self.coordinates, &[]).blocks(self.coordinates)
    }

    /// Coordinates of both parts, of `dim` in all.
    pub fn sizes(&self, dim: usize) -> [usize; 2] {
        [self.coordinates, dim.saturating_sub(self.coordinates)]
    }

    /// Packed weights of the first.
    fn first_weights(&self) -> usize {
        let mut tensors = Tensors::default();
        self.first.tensors(self.coordinates, &mut tensors);
        tensors.stored()
    }
}

#[cfg(feature = "model")]
impl BasePart for ProductSpec {
    type Built<'a> = Product<AnyPlainBase<'a>, AnyPlainBase<'a>>;

    fn check(&self, dim: usize, faults: &mut Faults) {
        if self.coordinates == 0 || self.coordinates >= dim {
            let expected = format!("at least 1, and fewer than all {dim}");
            faults.wrong("coordinates", self.coordinates, expected);
        }
        let [first, rest] = self.sizes(dim);
        faults.within("first", |faults| {
            self.first.check(first, faults);
            if let PlainBaseSpec::VonMises(_) = self.first {
                let expected = "noise that always takes as many words: make it the rest";
                faults.wrong("kind", "von_mises", expected);
            }
        });
        faults.within("rest", |faults| self.rest.check(rest, faults));
    }

    fn supports(&self, dim: usize) -> Vec<Support> {
        let [first, rest] = self.sizes(dim);
        [self.first.supports(first), self.rest.supports(rest)].concat()
    }

    fn tensors(&self, dim: usize, tensors: &mut Tensors) {
        let [first, rest] = self.sizes(dim);
        tensors.within("first", |tensors| self.first.tensors(first, tensors));
        tensors.within("rest", |tensors| self.rest.tensors(rest, tensors));
    }

    fn pack(&self, dim: usize, packer: &mut Packer<'_>) {
        let [first, rest] = self.sizes(dim);
        packer.within("first", |packer| self.first.pack(first, packer));
        packer.within("rest", |packer| self.rest.pack(rest, packer));
    }

    fn build<'a>(&'a self, dim: usize, weights: &'a [f32]) -> Self::Built<'a> {
        let [first, rest] = self.sizes(dim);
        let (own, others) = take(weights, self.first_weights());
        let (first, rest) = (self.first.build(first, own), self.rest.build(rest, others));
        Product::trusted(self.coordinates, first, rest)
    }

    fn source(&self, dim: usize, sources: &mut Sources) -> Source {
        let [first, rest] = self.sizes(dim);
        let first = self.first.source(first, sources);
        let rest = self.rest.source(rest, sources);
        sources.table(1);
        let ty = format!("engine::base::Product<{}, {}>", first.ty, rest.ty);
        let (coordinates, first, rest) = (self.coordinates, first.value, rest.value);
        let value = format!("engine::base::Product::trusted({coordinates}, {first}, {rest})");
        Source { ty, value }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Normal, Uniform, VonMises, draw_row};
    use super::*;
    use crate::noise::{FromRng, SampleRng, Stream};

    #[test]
    fn parts_are_what_they_are_alone() {
        let (circle, flat) = (VonMises::new(2.0).unwrap(), Uniform::new(1.5).unwrap());
        let mut noise = Stream::new(4);
        let first = draw_row(flat, &mut noise, 9, 3);
        let rest = draw_row(circle, &mut After { noise: &mut noise, blocks: 2 }, 9, 4);
        let product = Product::new(3, flat, circle).unwrap();
        let both = draw_row(product, &mut noise, 9, 7);
        assert_eq!(both.0, [first.0, rest.0].concat());
        assert!((both.1 - (first.1 + rest.1)).abs() < 1e-5);
        assert!(product.fits(4) && !product.fits(3));
        assert!(Product::new(0, flat, Normal).is_none() && Product::new(3, circle, flat).is_none());
        assert_eq!(Product::new(3, flat, Normal).unwrap().blocks(6), Some(4));
        // Words one by one are the same ones.
        let rng = draw_row(product, &mut FromRng(SampleRng::new(4, 9)), 9, 7);
        assert_eq!(rng, both);
    }
}
