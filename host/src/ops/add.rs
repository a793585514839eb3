//! Sums: of a matrix and what a layer made of it (a residual network); of gradients, where two
//! operations read one matrix and their shares of its gradient add.

use std::ops::Range;

use super::{Context, Forward, Launch, Layout, NONE, Operation, Reverse, Slot, arguments};

/// to += from; without, to = 0.
#[derive(Clone, Copy, Debug)]
pub struct Add {
    /// What is added.
    pub from: Option<Slot>,
    /// The sum, of as many rows.
    pub to: Slot,
}

impl Add {
    /// Adds rows `rows` and columns `first..end`.
    pub(crate) fn rows(
        &self,
        context: &mut Context<'_>,
        rows: Range<usize>,
        first: usize,
        end: usize,
    ) {
        let n = context.columns_of(self.to);
        context.writing(self.to, |context, to| {
            for start in rows.map(|row| row * n) {
                let columns = start + first..start + end;
                let to = &mut to[columns.clone()];
                match self.from {
                    Some(from) => {
                        let from = &context.slot(from)[columns];
                        to.iter_mut().zip(from).for_each(|(to, v)| *to += v);
                    }
                    None => to.fill(0.0),
                }
            }
        });
    }
}

impl Operation for Add {
    fn cpu(&self, context: &mut Context<'_>) {
        let (rows, columns) = (context.shapes[self.to.0].rows, context.columns_of(self.to));
        self.rows(context, 0..rows, 0, columns);
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        let columns = layout.columns_of(self.to);
        let from = self.from.map_or(NONE, |from| layout.offset(from));
        vec![Launch {
            sources: vec![include_str!("add.wgsl").into()],
            entry: "add",
            arguments: arguments! { share: from, sum: layout.offset(self.to) }
                .over(layout.shapes[self.to.0].positions),
            groups: [Layout::groups(columns), layout.shapes[self.to.0].rows as u32, 1],
        }]
    }
}

impl Forward for Add {
    fn reads(&self) -> Vec<Slot> {
        self.from.into_iter().collect()
    }

    fn writes(&self) -> Vec<Slot> {
        vec![self.to]
    }

    /// What is added to has its gradient from the sum as it is.
    fn backward(&self, reverse: &mut Reverse<'_>) {
        let Some(from) = self.from.filter(|from| reverse.wanted(*from)) else { return };
        let (sum, to) = (reverse.gradient(self.to), reverse.gradient(from));
        reverse.push(Add { from: Some(sum), to });
    }
}
