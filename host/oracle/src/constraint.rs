//! Constraints: the values from which the rest of a row can be completed, by trying.

use pushforward::model::ConstraintSpec;

/// Whether each value may come after those before, in a row of so many sites.
pub(crate) fn open(
    spec: &ConstraintSpec,
    before: &[usize],
    sites: usize,
    values: usize,
) -> Vec<bool> {
    let left = sites - before.len() - 1;
    let open = |k: usize| match spec {
        ConstraintSpec::Counts(spec) => {
            let gone = before.iter().filter(|value| **value == k).count();
            gone < spec.counts[k] as usize
        }
        ConstraintSpec::Increasing(_) => {
            before.last().is_none_or(|last| *last < k) && values - 1 - k >= left
        }
        ConstraintSpec::Successors(spec) => {
            let next = |k: usize| spec.next()[k].iter().map(|to| usize::from(*to));
            let follows = match before.last() {
                None => spec.first().iter().any(|first| usize::from(*first) == k),
                Some(last) => next(*last).any(|to| to == k),
            };
            // The values where so many more steps may lead.
            let mut ends = vec![k];
            for _ in 0..left {
                ends = ends.iter().flat_map(|k| next(*k)).collect();
                ends.sort_unstable();
                ends.dedup();
            }
            follows && !ends.is_empty()
        }
    };
    (0..values).map(open).collect()
}
