//! Picks coordinates: the network of a coupling sees only those that are kept, after the context.

use super::{
    Context, Forward, Launch, Layout, NONE, Operation, Reverse, Shape, Slot, Table, arguments,
};

/// The rows of `context`, then from\[indices\[k\]\], row by row; row r of position p of P counts as
/// row r P + p.
#[derive(Clone, Copy, Debug)]
pub struct Select {
    /// Rows that come first: what a conditional model is given, or a part that was moved by itself.
    pub context: Option<Slot>,
    /// Rows to take, each once: the backward call adds to all of them at the same time.
    pub indices: Table,
    /// All rows.
    pub from: Slot,
    /// The chosen rows.
    pub to: Slot,
}

const SHADER: &str = include_str!("select.wgsl");

impl Select {
    /// Rows of the context.
    pub(crate) fn context_rows(&self, shapes: &[Shape]) -> usize {
        self.context.map_or(0, |context| shapes[context.0].size())
    }

    /// A call that works on the rows of these in their places.
    fn launch(
        &self,
        [context, from]: [Option<Slot>; 2],
        to: Slot,
        entry: &'static str,
        layout: &Layout,
    ) -> Vec<Launch> {
        let context_rows = self.context_rows(&layout.shapes);
        let or_none = |slot: Option<Slot>| slot.map_or(NONE, |slot| layout.offset(slot));
        let arguments = arguments! {
            context: or_none(context),
            context_rows: context_rows,
            indices: self.indices.start,
            all: or_none(from),
            chosen: layout.offset(to),
        };
        let rows = context_rows + self.indices.len;
        let groups = [Layout::groups(layout.columns()), rows as u32, 1];
        vec![Launch { sources: vec![SHADER.into()], entry, arguments, groups }]
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
                to.copy_from_slice(&context.slot(self.from)[i as usize * n..][..n]);
            }
        });
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        self.launch([self.context, Some(self.from)], self.to, "select_rows", layout)
    }
}

impl Select {
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
            for (dto, &i) in chosen.zip(context.table(self.select.indices)) {
                add(&mut dfrom[i as usize * n..][..n], dto);
            }
        });
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        let places = [self.dcontext, self.dfrom];
        self.select.launch(places, self.dto, "select_rows_backward", layout)
    }
}
