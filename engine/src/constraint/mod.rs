//! Constraints: which rows there are at all.
//!
//! A distribution over sites gives some probability to every row. A constraint takes rows out and keeps
//! what makes it a product of conditionals: each conditional is made new over the values from which the
//! rest of the row can still be completed,
//!
//! ```text
//! q(x) = Π_i q(x_i | x_1 … x_{i−1}) / Σ_{k open at i} q(k | x_1 … x_{i−1})
//! ```
//!
//! So rows are drawn in one pass and none is thrown away, `Σ q = 1` over the rows that are left, and the
//! others have log-probability −∞. (It is not the distribution without the constraint, given that rows keep
//! to it: that one has another normaliser, which nobody knows. What is trained is this one.)
//!
//! A constraint is a few numbers that a walk carries from site to site. It says of each value whether it is
//! *open*; the conditional gives closed ones the probability 0 exactly, where without a constraint no
//! probability is zero. Values are counted from 0: categories are their numbers, a spin is 0 for −1 and 1
//! for +1.

mod counts;
mod increasing;
mod successors;

#[cfg(feature = "model")]
use alloc::format;

pub use counts::Counts;
#[cfg(feature = "model")]
pub use counts::CountsSpec;
pub use increasing::Increasing;
#[cfg(feature = "model")]
pub use increasing::IncreasingSpec;
pub use successors::Successors;
#[cfg(feature = "model")]
pub use successors::SuccessorsSpec;

use crate::kernel::Lanes;
#[cfg(feature = "model")]
use crate::model::{Faults, Source, Sources};
use crate::simd::Simd;

/// Where something is so, in one vector of samples.
pub type Mask<L> = <<L as Lanes>::S as Simd>::M;

/// Which rows there are; see the module.
pub trait Constraint {
    /// Whether all are: then nothing else is asked.
    const FREE: bool = false;
    /// Values that a walk carries.
    fn state(&self) -> usize;
    /// What it carries to the first site.
    fn start<L: Lanes>(&self, lanes: L, state: &mut [L::V]);
    /// Where value `k` is open at a turn, in vector `r` of the samples.
    fn open<L: Lanes>(&self, lanes: L, turn: usize, k: usize, state: &[L::V], r: usize) -> Mask<L>;
    /// Takes the number of the site's value along.
    fn note<L: Lanes>(&self, lanes: L, number: &L::V, state: &mut [L::V]);
    /// Where all values were open, once all are noted, in vector `r` of the samples.
    fn kept<L: Lanes>(&self, lanes: L, state: &[L::V], r: usize) -> Mask<L>;
}

/// Vector `r` of value `i`, zeros if there is none.
#[inline(always)]
fn of<L: Lanes>(lanes: L, values: &[L::V], i: usize, r: usize) -> <L::S as Simd>::F {
    let s = lanes.s();
    match values.get(i).and_then(|value| value.as_ref().get(r)) {
        Some(vector) => s.load(vector),
        None => s.splat(0.0),
    }
}

/// All rows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Free;

impl Constraint for Free {
    const FREE: bool = true;

    #[inline(always)]
    fn state(&self) -> usize {
        0
    }

    #[inline(always)]
    fn start<L: Lanes>(&self, _: L, _: &mut [L::V]) {}

    #[inline(always)]
    fn open<L: Lanes>(&self, lanes: L, _: usize, _: usize, _: &[L::V], _: usize) -> Mask<L> {
        always(lanes)
    }

    #[inline(always)]
    fn note<L: Lanes>(&self, _: L, _: &L::V, _: &mut [L::V]) {}

    #[inline(always)]
    fn kept<L: Lanes>(&self, lanes: L, _: &[L::V], _: usize) -> Mask<L> {
        always(lanes)
    }
}

/// Everywhere.
#[inline(always)]
fn always<L: Lanes>(lanes: L) -> Mask<L> {
    lanes.s().lt(lanes.s().splat(0.0), lanes.s().splat(1.0))
}

/// Nowhere.
#[inline(always)]
fn never<L: Lanes>(lanes: L) -> Mask<L> {
    lanes.s().lt(lanes.s().splat(1.0), lanes.s().splat(0.0))
}

/// A constraint, as its description.
#[cfg(feature = "model")]
pub trait ConstraintPart {
    /// Its kernel.
    type Built<'a>
    where
        Self: 'a;
    /// Notes what is wrong with it, for so many sites of so many values each.
    fn check(&self, sites: usize, values: usize, faults: &mut Faults);
    /// Its kernel, for so many sites of so many values.
    fn build(&self, sites: usize, values: usize) -> Self::Built<'_>;
    /// Its kernel as Rust.
    fn source(&self, sites: usize, values: usize, sources: &mut Sources) -> Source;
    /// Whether a row keeps to it: the numbers of its values.
    fn keeps(&self, row: &[usize]) -> bool;
    /// Whether it still holds when value k of two becomes value 1 − k everywhere.
    fn is_even(&self) -> bool {
        false
    }
}

/// A list of numbers as a static slice.
#[cfg(feature = "model")]
fn listed(numbers: &[impl core::fmt::Display]) -> alloc::string::String {
    let numbers: alloc::vec::Vec<_> = numbers.iter().map(|n| format!("{n}")).collect();
    format!("&[{}]", numbers.join(", "))
}
