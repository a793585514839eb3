//! Picks coordinates: the conditioner of a coupling sees only those that are kept.

use super::{Context, Forward, Launch, Layout, Operation, Reverse, Slot, Table, arguments};

/// to\[k\] = from\[indices\[k\]\], row by row; row r of position p of P counts as row r P + p.
#[derive(Clone, Copy, Debug)]
pub struct Select {
    /// Rows to take, each once: the backward call adds to all of them at the same time.
    pub indices: Table,
    /// All rows.
    pub from: Slot,
    /// The chosen rows.
    pub to: Slot,
}

const SHADER: &str = include_str!("select.wgsl");

fn launch(
    select: &Select,
    from: Slot,
    to: Slot,
    entry: &'static str,
    layout: &Layout,
) -> Vec<Launch> {
    let arguments = arguments! {
        indices: select.indices.start,
        all: layout.offset(from),
        chosen: layout.offset(to),
    };
    let groups = [Layout::groups(layout.columns()), select.indices.len as u32, 1];
    vec![Launch { sources: vec![SHADER.into()], entry, arguments, groups }]
}

impl Operation for Select {
    fn cpu(&self, context: &mut Context<'_>) {
        let n = context.columns();
        context.writing(self.to, |context, to| {
            for (to, &i) in to.chunks_exact_mut(n).zip(context.table(self.indices)) {
                to.copy_from_slice(&context.slot(self.from)[i as usize * n..][..n]);
            }
        });
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        launch(self, self.from, self.to, "select_rows", layout)
    }
}

impl Select {
    /// The backward operation, if the gradient of all rows is wanted.
    pub(crate) fn reversed(&self, reverse: &mut Reverse<'_>) -> Option<SelectBackward> {
        if !reverse.wanted(self.from) {
            return None;
        }
        let (dto, dfrom) = (reverse.take(self.to), reverse.gradient(self.from));
        reverse.release(dto);
        Some(SelectBackward { select: *self, dfrom, dto })
    }
}

impl Forward for Select {
    fn reads(&self) -> Vec<Slot> {
        vec![self.from]
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

/// dfrom\[indices\[k\]\] += dto\[k\].
#[derive(Clone, Copy, Debug)]
pub struct SelectBackward {
    /// The forward operation.
    pub select: Select,
    /// Gradient of all rows, added to.
    pub dfrom: Slot,
    /// Gradient of the chosen rows.
    pub dto: Slot,
}

impl Operation for SelectBackward {
    fn cpu(&self, context: &mut Context<'_>) {
        let n = context.columns();
        context.writing(self.dfrom, |context, dfrom| {
            for (dto, &i) in
                context.slot(self.dto).chunks_exact(n).zip(context.table(self.select.indices))
            {
                for (d, v) in dfrom[i as usize * n..][..n].iter_mut().zip(dto) {
                    *d += v;
                }
            }
        });
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        launch(&self.select, self.dfrom, self.dto, "select_rows_backward", layout)
    }
}
