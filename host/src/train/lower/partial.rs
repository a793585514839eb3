//! A layer of some coordinates: these are picked, moved as if there were no others, put before the others,
//! and all brought back to their places. Every one of these steps is a [`Select`](crate::ops::Select), so what the layer itself is
//! made of is fused as it is alone.

use std::ops::Range;

use pushforward::layer::PartialSpec;

use super::{Lowering, TrainError};
use crate::ops::Slot;

pub(super) fn lower(
    l: &mut Lowering<'_>,
    spec: &PartialSpec,
    path: &str,
    x: Slot,
) -> Result<Slot, TrainError> {
    let ([first, end], dim, len) = (spec.range, l.dim, spec.len());
    let rows = |rows: Range<usize>| rows.map(|d| d as u32);
    let part = l.tape.select(None, rows(first..end), x);
    l.dim = len;
    let moved = l.layer(&spec.layer.clone().into(), &format!("{path}layer."), part);
    l.dim = dim;
    let joined = l.tape.select(Some(moved?), rows(0..first).chain(rows(end..dim)), x);
    if first == 0 {
        return Ok(joined);
    }
    let place = |d| match d {
        d if d < first => len + d,
        d if d < end => d - first,
        d => d,
    };
    Ok(l.tape.select(None, (0..dim).map(|d| place(d) as u32), joined))
}
