//! A mini-batch of training rows, drawn with replacement by the step's noise.
//!
//! Row of batch place c: ⌊word · rows / 2³²⌋ with the first word of sample c. Nothing is remembered
//! from step to step, so a run can be continued anywhere.

use pushforward::noise::block;

use super::{Context, Forward, Launch, Layout, Operation, Slot, arguments};

/// x = randomly chosen rows (and their mirror images), ln q = 0.
#[derive(Clone, Copy, Debug)]
pub struct TakeRows {
    /// Coordinates of a row.
    pub dim: usize,
    /// Where the rows go.
    pub x: Slot,
    /// One row, set to 0 for the density to be added to.
    pub log_q: Slot,
}

impl Operation for TakeRows {
    fn cpu(&self, context: &mut Context<'_>) {
        let (n, samples, dim) = (context.columns(), context.samples, self.dim);
        let rows = (context.data.len() / dim) as u64;
        context.slots[self.log_q.0].fill(0.0);
        context.writing(self.x, |context, x| {
            for c in 0..samples {
                let word = block(context.step.key, [(context.first + c as u64) as u32, 0])[0];
                let row = ((u64::from(word) * rows) >> 32) as usize;
                for (d, v) in context.data[row * dim..(row + 1) * dim].iter().enumerate() {
                    x[d * n + c] = *v;
                    if context.copies == 2 {
                        x[d * n + samples + c] = -v;
                    }
                }
            }
        });
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        vec![Launch {
            sources: vec![include_str!("noise.wgsl").into(), include_str!("take_rows.wgsl").into()],
            entry: "take_rows",
            arguments: arguments! {
                dim: self.dim,
                x: layout.offset(self.x),
                log_q: layout.offset(self.log_q),
            },
            groups: [Layout::groups(layout.samples), 1, 1],
        }]
    }
}

impl Forward for TakeRows {
    fn reads(&self) -> Vec<Slot> {
        Vec::new()
    }

    fn writes(&self) -> Vec<Slot> {
        vec![self.x, self.log_q]
    }
}
