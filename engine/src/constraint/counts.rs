//! So many sites of each value: a magnetisation, a number of particles, a composition; with one site of each
//! value, permutations.

#[cfg(feature = "model")]
use alloc::format;
#[cfg(feature = "model")]
use alloc::vec::Vec;

use super::{Constraint, Mask, of};
#[cfg(feature = "model")]
use super::{ConstraintPart, listed};
use crate::conditional::categorical::is;
use crate::kernel::Lanes;
#[cfg(feature = "model")]
use crate::model::{Faults, Source, Sources};
use crate::simd::Simd;

/// Value k at `counts[k]` sites: it is open while some of these are left. State: how many are, of each.
#[derive(Clone, Copy, Debug)]
pub struct Counts<'a> {
    counts: &'a [u32],
}

impl<'a> Counts<'a> {
    /// Of these counts, which add up to the number of sites; if not, some rows are of no use and none
    /// panics.
    pub const fn new(counts: &'a [u32]) -> Self {
        Self { counts }
    }
}

impl Constraint for Counts<'_> {
    #[inline(always)]
    fn state(&self) -> usize {
        self.counts.len()
    }

    #[inline(always)]
    fn start<L: Lanes>(&self, lanes: L, state: &mut [L::V]) {
        for (left, count) in state.iter_mut().zip(self.counts) {
            *left = lanes.splat(*count as f32);
        }
    }

    #[inline(always)]
    fn open<L: Lanes>(&self, lanes: L, _: usize, k: usize, state: &[L::V], r: usize) -> Mask<L> {
        lanes.s().lt(lanes.s().splat(0.0), of(lanes, state, k, r))
    }

    #[inline(always)]
    fn note<L: Lanes>(&self, lanes: L, number: &L::V, state: &mut [L::V]) {
        let s = lanes.s();
        for (k, left) in state.iter_mut().enumerate() {
            for (left, number) in left.as_mut().iter_mut().zip(number.as_ref()) {
                let one = s.select(is(s, s.load(number), k), s.splat(1.0), s.splat(0.0));
                s.store(s.sub(s.load(left), one), left);
            }
        }
    }

    /// As many as there are sites are gone in all: none of them are too few unless others are too many.
    #[inline(always)]
    fn kept<L: Lanes>(&self, lanes: L, state: &[L::V], r: usize) -> Mask<L> {
        let s = lanes.s();
        let mut least = s.splat(0.0);
        for k in 0..state.len() {
            let left = of(lanes, state, k, r);
            least = s.select(s.lt(left, least), left, least);
        }
        s.lt(s.splat(-0.5), least)
    }
}

/// `{"kind": "counts", "counts": [n₀, n₁, …]}`: so many sites of value 0, so many of value 1, and so on.
#[cfg(feature = "model")]
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CountsSpec {
    /// Sites of each value.
    pub counts: Vec<u32>,
}

#[cfg(feature = "model")]
impl ConstraintPart for CountsSpec {
    type Built<'a> = Counts<'a>;

    fn check(&self, sites: usize, values: usize, faults: &mut Faults) {
        let found = || format!("{:?}", self.counts);
        if self.counts.len() != values {
            faults.wrong("counts", found(), format!("{values} counts, one a value"));
        }
        let sum: u64 = self.counts.iter().map(|n| u64::from(*n)).sum();
        if sum != sites as u64 {
            faults.wrong("counts", found(), format!("counts that add up to {sites}, one a site"));
        }
    }

    fn build(&self, _: usize, _: usize) -> Counts<'_> {
        Counts::new(&self.counts)
    }

    fn source(&self, _: usize, _: usize, sources: &mut Sources) -> Source {
        sources.code("constraint counts", 1);
        sources.table(2 + self.counts.len());
        let ty = "engine::constraint::Counts";
        Source {
            ty: format!("{ty}<'static>"),
            value: format!("{ty}::new({})", listed(&self.counts)),
        }
    }

    fn keeps(&self, row: &[usize]) -> bool {
        let there = |k: usize| row.iter().filter(|value| **value == k).count();
        self.counts.iter().enumerate().all(|(k, count)| there(k) == *count as usize)
    }

    fn is_even(&self) -> bool {
        matches!(self.counts[..], [down, up] if down == up)
    }
}
