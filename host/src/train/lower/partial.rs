//! A layer of some coordinates: these are picked, moved as if there were no others, put before the others,
//! and all brought back to their places. Every one of these steps is a [`Select`], so what the layer itself is
//! made of is fused as it is alone.

use pushforward::layer::PartialSpec;

use super::{Lowering, TrainError};
use crate::ops::{Select, Slot};

pub(super) fn lower(
    l: &mut Lowering<'_>,
    spec: &PartialSpec,
    path: &str,
    x: Slot,
) -> Result<Slot, TrainError> {
    let ([first, end], dim, len) = (spec.range, l.dim, spec.len());
    let part = select(l, None, (first..end).collect(), x);
    l.dim = len;
    let moved = l.layer(&spec.layer.clone().into(), &format!("{path}layer."), part);
    l.dim = dim;
    let joined = select(l, Some(moved?), (0..first).chain(end..dim).collect(), x);
    if first == 0 {
        return Ok(joined);
    }
    let place = |d| match d {
        d if d < first => len + d,
        d if d < end => d - first,
        d => d,
    };
    Ok(select(l, None, (0..dim).map(place).collect(), joined))
}

/// A new matrix of all `before` and of these rows of `from`.
fn select(l: &mut Lowering<'_>, before: Option<Slot>, rows: Vec<usize>, from: Slot) -> Slot {
    let given = before.map_or(0, |before| l.tape.rows(before));
    let to = l.tape.slot(given + rows.len());
    let indices = l.tape.table(rows.into_iter().map(|d| d as u32));
    l.tape.push(Select { context: before, indices, from, to });
    to
}
