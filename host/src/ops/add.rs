//! Sums of gradients: where two operations read one matrix, their shares of its gradient add.

use super::{Context, Launch, Layout, NONE, Operation, Slot, arguments};

/// to += from; without, to = 0.
#[derive(Clone, Copy, Debug)]
pub struct Add {
    /// What is added.
    pub from: Option<Slot>,
    /// The sum, of as many rows.
    pub to: Slot,
}

impl Operation for Add {
    fn cpu(&self, context: &mut Context<'_>) {
        context.writing(self.to, |context, to| match self.from {
            Some(from) => to.iter_mut().zip(context.slot(from)).for_each(|(to, v)| *to += v),
            None => to.fill(0.0),
        });
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
