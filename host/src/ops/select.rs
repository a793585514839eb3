//! Picks coordinates: the network of a coupling sees only those that are kept, after the context; that of
//! a site of a lattice those around it.

use std::collections::BTreeMap;

use super::shader::record;
use super::{
    Context, Forward, Launch, Layout, NONE, Operation, Reverse, Shape, Slot, Table, arguments,
};

/// The rows of `context`, then from\[indices\[k\]\], row by row; row r of position p of P counts as
/// row r P + p.
#[derive(Clone, Copy, Debug)]
pub struct Select {
    /// Rows that come first: what a conditional model is given, or a part that was moved by itself.
    pub context: Option<Slot>,
    /// Rows to take, [`NONE`] for a row of zeros.
    pub indices: Table,
    /// All rows.
    pub from: Slot,
    /// The chosen rows.
    pub to: Slot,
}

impl Select {
    /// Rows of the context.
    pub(crate) fn context_rows(&self, shapes: &[Shape]) -> usize {
        self.context.map_or(0, |context| shapes[context.0].size())
    }
}

impl Operation for Select {
    fn cpu(&self, context: &mut Context<'_>) {
        let n = context.columns();
        context.writing(self.to, |context, to| {
            let given = self.context.map_or(&[][..], |given| context.slot(given));
            let (first, chosen) = to.split_at_mut(given.len());
            first.copy_from_slice(given);
            for (to, &i) in chosen.chunks_exact_mut(n).zip(context.table(self.indices)) {
                self.row(context, i, to);
            }
        });
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        let context_rows = self.context_rows(&layout.shapes);
        let arguments = arguments! {
            context: self.context.map_or(NONE, |context| layout.offset(context)),
            context_rows: context_rows,
            indices: self.indices.start,
            all: layout.offset(self.from),
            chosen: layout.offset(self.to),
        };
        let rows = context_rows + self.indices.len;
        let groups = [Layout::groups(layout.columns()), rows as u32, 1];
        let sources = vec![include_str!("select.wgsl").into()];
        vec![Launch { sources, entry: "select_rows", arguments, groups }]
    }
}

impl Select {
    /// The first so many columns of a chosen row.
    fn row(&self, context: &Context<'_>, index: u32, to: &mut [f32]) {
        match index {
            NONE => to.fill(0.0),
            i => {
                let start = i as usize * context.columns();
                to.copy_from_slice(&context.slot(self.from)[start..][..to.len()]);
            }
        }
    }

    /// Takes the rows of position `p` of `positions`, of the first copy of each sample.
    pub(crate) fn position(&self, context: &mut Context<'_>, p: usize, positions: usize) {
        let (n, samples) = (context.columns(), context.samples);
        context.writing(self.to, |context, to| {
            let rows = to.chunks_exact_mut(n).zip(context.table(self.indices));
            for (to, &i) in rows.skip(p).step_by(positions) {
                self.row(context, i, &mut to[..samples]);
            }
        });
    }

    /// The backward operation, if the gradient of all rows or of the context is wanted.
    pub(crate) fn reversed(&self, reverse: &mut Reverse<'_>) -> Option<SelectBackward> {
        let wanted =
            [self.context, Some(self.from)].map(|slot| slot.filter(|s| reverse.wanted(*s)));
        if wanted == [None; 2] {
            return None;
        }
        let dto = reverse.take(self.to);
        let [dcontext, dfrom] = wanted.map(|slot| slot.map(|slot| reverse.gradient(slot)));
        reverse.release(dto);
        Some(SelectBackward { select: *self, dcontext, dfrom, dto })
    }
}

impl Forward for Select {
    fn reads(&self) -> Vec<Slot> {
        self.context.into_iter().chain([self.from]).collect()
    }

    fn writes(&self) -> Vec<Slot> {
        vec![self.to]
    }

    fn backward(&self, reverse: &mut Reverse<'_>) {
        if let Some(backward) = self.reversed(reverse) {
            reverse.push(backward);
        }
    }
}

record! {
    /// Where a row's gradient is, and the list of the chosen rows that are added to it.
    Taken, taken_at { place, first, count }
}

/// Adds the rows of dto to dcontext and to dfrom\[indices\[k\]\], where these are wanted.
#[derive(Clone, Copy, Debug)]
pub struct SelectBackward {
    /// The forward operation.
    pub select: Select,
    /// Gradient of the context, added to.
    pub dcontext: Option<Slot>,
    /// Gradient of all rows, added to.
    pub dfrom: Option<Slot>,
    /// Gradient of the context and the chosen rows.
    pub dto: Slot,
}

impl Operation for SelectBackward {
    fn cpu(&self, context: &mut Context<'_>) {
        let n = context.columns();
        let first = self.select.context_rows(context.shapes) * n;
        let add = |to: &mut [f32], from: &[f32]| to.iter_mut().zip(from).for_each(|(d, v)| *d += v);
        if let Some(dcontext) = self.dcontext {
            context.writing(dcontext, |context, dcontext| {
                add(dcontext, &context.slot(self.dto)[..first]);
            });
        }
        let Some(dfrom) = self.dfrom else { return };
        context.writing(dfrom, |context, dfrom| {
            let chosen = context.slot(self.dto)[first..].chunks_exact(n);
            let taken = chosen.zip(context.table(self.select.indices));
            for (dto, &i) in taken.filter(|(_, i)| **i != NONE) {
                add(&mut dfrom[i as usize * n..][..n], dto);
            }
        });
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        let (columns, table) = (layout.columns(), self.select.indices);
        let context_rows = self.select.context_rows(&layout.shapes);
        // By the place of a row's gradient, the chosen rows that it is given: one thread adds them up.
        let mut shares: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        if let Some(dcontext) = self.dcontext {
            let places = (layout.offset(dcontext)..).step_by(columns);
            shares.extend(places.zip((0..context_rows as u32).map(|row| vec![row])));
        }
        if let Some(dfrom) = self.dfrom {
            let indices = &layout.tables[table.start..table.start + table.len];
            let start = layout.offset(dfrom);
            for (row, &i) in (context_rows as u32..).zip(indices).filter(|(_, i)| **i != NONE) {
                shares.entry(start + i * columns as u32).or_default().push(row);
            }
        }
        let rows = shares.len();
        let mut taken = Vec::with_capacity(rows);
        for (place, chosen) in shares {
            let count = chosen.len() as u32;
            taken.extend(Taken { place, first: layout.table(chosen), count }.words());
        }
        if rows == 0 {
            return Vec::new();
        }
        let arguments = arguments! { taken: layout.table(taken), chosen: layout.offset(self.dto) };
        let groups = [Layout::groups(columns), rows as u32, 1];
        let sources = vec![Taken::wgsl(), include_str!("select_backward.wgsl").into()];
        vec![Launch { sources, entry: "select_rows_backward", arguments, groups }]
    }
}
