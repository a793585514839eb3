//! Values that increase strictly from site to site: subsets, as the occupied ones of many orbitals.

#[cfg(feature = "model")]
use alloc::format;

#[cfg(feature = "model")]
use super::ConstraintPart;
use super::{Constraint, Mask, never, of};
use crate::kernel::Lanes;
#[cfg(feature = "model")]
use crate::model::{Faults, Source, Sources};
use crate::simd::Simd;

/// `x_1 < x_2 < … < x_N` of K values: value k is open if it is more than the last one, and if as many
/// values are above it as sites are to come. State: the least that is open, and whether some value was less.
#[derive(Clone, Copy, Debug)]
pub struct Increasing {
    sites: usize,
    values: usize,
}

impl Increasing {
    /// Over so many sites of so many values; if those are fewer, no row is of use and none panics.
    pub const fn new(sites: usize, values: usize) -> Self {
        Self { sites, values }
    }
}

impl Constraint for Increasing {
    #[inline(always)]
    fn state(&self) -> usize {
        2
    }

    #[inline(always)]
    fn start<L: Lanes>(&self, lanes: L, state: &mut [L::V]) {
        state.fill(lanes.splat(0.0));
    }

    #[inline(always)]
    fn open<L: Lanes>(&self, lanes: L, turn: usize, k: usize, state: &[L::V], r: usize) -> Mask<L> {
        if k + self.sites > self.values + turn {
            return never(lanes);
        }
        let s = lanes.s();
        s.lt(of(lanes, state, 0, r), s.splat(k as f32 + 0.5))
    }

    /// A value from which there is no way to the end is followed by one that is less than it.
    #[inline(always)]
    fn note<L: Lanes>(&self, lanes: L, number: &L::V, state: &mut [L::V]) {
        let s = lanes.s();
        let [least, broken] = state else { return };
        let broken = broken.as_mut().iter_mut();
        for ((least, broken), number) in least.as_mut().iter_mut().zip(broken).zip(number.as_ref())
        {
            let number = s.load(number);
            let is_less = s.lt(number, s.load(least));
            s.store(s.select(is_less, s.splat(1.0), s.load(broken)), broken);
            s.store(s.add(number, s.splat(1.0)), least);
        }
    }

    #[inline(always)]
    fn kept<L: Lanes>(&self, lanes: L, state: &[L::V], r: usize) -> Mask<L> {
        lanes.s().lt(of(lanes, state, 1, r), lanes.s().splat(0.5))
    }
}

/// `{"kind": "increasing"}`.
#[cfg(feature = "model")]
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IncreasingSpec {}

#[cfg(feature = "model")]
impl ConstraintPart for IncreasingSpec {
    type Built<'a> = Increasing;

    fn check(&self, sites: usize, values: usize, faults: &mut Faults) {
        if values < sites {
            let found = format!("increasing values of {sites} sites");
            faults.wrong(
                "kind",
                found,
                format!("at least {sites} values, of which there are {values}"),
            );
        }
    }

    fn build(&self, sites: usize, values: usize) -> Increasing {
        Increasing::new(sites, values)
    }

    fn source(&self, sites: usize, values: usize, sources: &mut Sources) -> Source {
        sources.code("constraint increasing", 1);
        sources.table(2);
        let ty = "engine::constraint::Increasing";
        Source { ty: ty.into(), value: format!("{ty}::new({sites}, {values})") }
    }

    fn keeps(&self, row: &[usize]) -> bool {
        row.is_sorted_by(|a, b| a < b)
    }
}
