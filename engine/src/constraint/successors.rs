//! A table of which value may follow which: grammars of one step, runs, walks on a graph.

#[cfg(feature = "model")]
use alloc::format;
#[cfg(feature = "model")]
use alloc::vec;
#[cfg(feature = "model")]
use alloc::vec::Vec;

use super::{Constraint, Mask, never, of};
#[cfg(feature = "model")]
use super::{ConstraintPart, listed};
use crate::conditional::categorical::is;
use crate::kernel::Lanes;
#[cfg(feature = "model")]
use crate::model::{Faults, Source, Sources};
use crate::simd::Simd;

/// Most values: what is carried has as many numbers, and the table the square of them.
#[cfg(feature = "model")]
const MOST_VALUES: usize = 256;
/// Steps that are as many as one likes.
const FOREVER: u16 = u16::MAX;

/// Whether so many steps more can be taken from a value that `steps` are left of.
#[inline(always)]
fn lasts(steps: u16, left: usize) -> bool {
    steps == FOREVER || usize::from(steps) >= left
}

/// The values that may come after each value. State: which are open, and whether one was not.
///
/// From some values there may be no way to the end of the row: `steps[k]` says how many more can follow
/// value k, and a value is open only if that is enough.
#[derive(Debug)]
pub struct Successors<'a, T = &'a [u16]> {
    sites: usize,
    first: &'a [u16],
    next: &'a [T],
    steps: &'a [u16],
}

impl<T> Clone for Successors<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

/// It borrows the lists, whatever they are.
impl<T> Copy for Successors<'_, T> {}

impl<'a, T: AsRef<[u16]>> Successors<'a, T> {
    /// Over so many sites: the values that may come first, those that may come after each, and how many
    /// more steps there are from each, at most. Wrong ones give wrong rows and no panic.
    pub const fn new(sites: usize, first: &'a [u16], next: &'a [T], steps: &'a [u16]) -> Self {
        Self { sites, first, next, steps }
    }
}

impl<T: AsRef<[u16]>> Constraint for Successors<'_, T> {
    #[inline(always)]
    fn state(&self) -> usize {
        self.next.len() + 1
    }

    #[inline(always)]
    fn start<L: Lanes>(&self, lanes: L, state: &mut [L::V]) {
        state.fill(lanes.splat(0.0));
        for k in self.first {
            if let Some(open) = state.get_mut(usize::from(*k)) {
                *open = lanes.splat(1.0);
            }
        }
    }

    #[inline(always)]
    fn open<L: Lanes>(&self, lanes: L, turn: usize, k: usize, state: &[L::V], r: usize) -> Mask<L> {
        let steps = self.steps.get(k).copied().unwrap_or(0);
        if !lasts(steps, self.sites.saturating_sub(turn + 1)) {
            return never(lanes);
        }
        lanes.s().lt(lanes.s().splat(0.5), of(lanes, state, k, r))
    }

    /// A value from which there is no way to the end is followed by one that is not open.
    #[inline(always)]
    fn note<L: Lanes>(&self, lanes: L, number: &L::V, state: &mut [L::V]) {
        let s = lanes.s();
        let Some((broken, open)) = state.split_last_mut() else { return };
        let (one, zero) = (s.splat(1.0), s.splat(0.0));
        for (k, open) in open.iter_mut().enumerate() {
            let open = open.as_mut().iter_mut();
            for ((open, number), broken) in open.zip(number.as_ref()).zip(broken.as_mut()) {
                let closed = s.sub(one, s.load(open));
                let wrong = s.select(is(s, s.load(number), k), closed, zero);
                s.store(s.add(s.load(broken), wrong), broken);
                s.store(zero, open);
            }
        }
        for (k, next) in self.next.iter().enumerate() {
            for to in next.as_ref() {
                let Some(open) = open.get_mut(usize::from(*to)) else { continue };
                for (open, number) in open.as_mut().iter_mut().zip(number.as_ref()) {
                    s.store(s.select(is(s, s.load(number), k), one, s.load(open)), open);
                }
            }
        }
    }

    #[inline(always)]
    fn kept<L: Lanes>(&self, lanes: L, state: &[L::V], r: usize) -> Mask<L> {
        lanes.s().lt(of(lanes, state, self.next.len(), r), lanes.s().splat(0.5))
    }
}

/// `{"kind": "successors", "first": [a, …], "next": [[b, …], …]}`: the values that may come first (all, if none
/// are named), and for each value those that may come after it.
#[cfg(feature = "model")]
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(from = "Lists", into = "Lists")]
pub struct SuccessorsSpec {
    first: Vec<u16>,
    next: Vec<Vec<u16>>,
    steps: Vec<u16>,
}

#[cfg(feature = "model")]
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Lists {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    first: Vec<u16>,
    next: Vec<Vec<u16>>,
}

#[cfg(feature = "model")]
impl From<Lists> for SuccessorsSpec {
    fn from(Lists { first, next }: Lists) -> Self {
        Self::new(first, next)
    }
}

#[cfg(feature = "model")]
impl From<SuccessorsSpec> for Lists {
    fn from(SuccessorsSpec { first, next, .. }: SuccessorsSpec) -> Self {
        let all = first.len() == next.len();
        Self { first: if all { Vec::new() } else { first }, next }
    }
}

#[cfg(feature = "model")]
impl SuccessorsSpec {
    /// The values that may come first, all if none are named, and those that may come after each.
    pub fn new(mut first: Vec<u16>, mut next: Vec<Vec<u16>>) -> Self {
        let values = next.len();
        if first.is_empty() {
            first = (0..values.min(usize::from(u16::MAX)) as u16).collect();
        }
        for list in next.iter_mut().chain([&mut first]) {
            list.sort_unstable();
            list.dedup();
        }
        // Values with none after them go, and so do those whose last successor went; those that stay have
        // a circle before them.
        let mut steps = vec![FOREVER; values];
        let known = |list: &Vec<u16>| list.last().is_none_or(|k| usize::from(*k) < values);
        if values <= MOST_VALUES && next.iter().all(known) {
            for round in 0..values as u16 {
                let before = steps.clone();
                let stays = |to: &u16| before.get(usize::from(*to)) == Some(&FOREVER);
                for (steps, next) in steps.iter_mut().zip(&next) {
                    if *steps == FOREVER && !next.iter().any(stays) {
                        *steps = round;
                    }
                }
            }
        }
        Self { first, next, steps }
    }

    /// The values that may come first.
    pub fn first(&self) -> &[u16] {
        &self.first
    }

    /// The values that may come after each.
    pub fn next(&self) -> &[Vec<u16>] {
        &self.next
    }

    /// How many more of so many values can come after each, at most.
    pub fn steps(&self, most: usize) -> impl Iterator<Item = usize> + '_ {
        self.steps.iter().map(move |n| if lasts(*n, most) { most } else { usize::from(*n) })
    }
}

#[cfg(feature = "model")]
impl ConstraintPart for SuccessorsSpec {
    type Built<'a> = Successors<'a, Vec<u16>>;

    fn check(&self, sites: usize, values: usize, faults: &mut Faults) {
        if self.next.len() != values || values > MOST_VALUES {
            let expected = format!("{values} lists, one a value, of at most {MOST_VALUES} values");
            faults.wrong("next", format!("{} lists", self.next.len()), expected);
        }
        let named =
            [("first", &self.first)].into_iter().chain(self.next.iter().map(|k| ("next", k)));
        for (field, list) in named {
            if let Some(k) = list.iter().find(|k| usize::from(**k) >= values) {
                faults.wrong(field, k, format!("values from 0 to {}", values.saturating_sub(1)));
                return;
            }
        }
        let steps = |k: &u16| self.steps.get(usize::from(*k)).copied().unwrap_or(0);
        if !self.first.iter().any(|k| lasts(steps(k), sites.saturating_sub(1))) {
            let expected = format!("lists by which {sites} values can follow each other");
            faults.wrong("next", "no row that keeps to them", expected);
        }
    }

    fn build(&self, sites: usize, _: usize) -> Successors<'_, Vec<u16>> {
        Successors::new(sites, &self.first, &self.next, &self.steps)
    }

    fn source(&self, sites: usize, _: usize, sources: &mut Sources) -> Source {
        sources.code("constraint successors", 2);
        let all = self.next.iter().map(Vec::len).sum::<usize>();
        sources.table(7 + 2 * self.next.len());
        sources.table_bytes(2 * (self.first.len() + self.steps.len() + all));
        let next: Vec<_> = self.next.iter().map(|next| listed(next)).collect();
        let ty = "engine::constraint::Successors";
        let (first, next, steps) = (listed(&self.first), next.join(", "), listed(&self.steps));
        Source {
            ty: format!("{ty}<'static>"),
            // Lists of any length are slices.
            value: format!(
                "{ty}::<'static, &'static [u16]>::new({sites}, {first}, &[{next}], {steps})"
            ),
        }
    }

    fn keeps(&self, row: &[usize]) -> bool {
        let among = |list: Option<&Vec<u16>>, k: &usize| {
            list.is_some_and(|list| list.iter().any(|n| usize::from(*n) == *k))
        };
        let mut before = None;
        row.iter().all(|k| {
            let list = before.map_or(Some(&self.first), |last: usize| self.next.get(last));
            before = Some(*k);
            among(list, k)
        })
    }
}

#[cfg(all(test, feature = "model"))]
mod tests {
    use super::*;

    fn faults(spec: &SuccessorsSpec, sites: usize) -> Faults {
        let mut faults = Faults::default();
        spec.check(sites, spec.next.len(), &mut faults);
        faults
    }

    #[test]
    fn a_row_ends_where_no_value_follows() {
        // From 0 to 1 to 2, and no further.
        let chain = SuccessorsSpec::new(Vec::new(), vec![vec![1], vec![2], vec![]]);
        assert_eq!(chain.steps(9).collect::<Vec<_>>(), [2, 1, 0]);
        assert!(faults(&chain, 3).is_empty() && !faults(&chain, 4).is_empty());
        // More sites than a number of steps can say.
        let circle = SuccessorsSpec::new(Vec::new(), vec![vec![1], vec![0]]);
        assert_eq!(circle.steps(9).collect::<Vec<_>>(), [9, 9]);
        assert!(faults(&circle, 100_000).is_empty());
    }
}
