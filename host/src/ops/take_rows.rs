//! A mini-batch of training rows, drawn with replacement by the step's noise.
//!
//! A training row has the coordinates of a sample, then its context.
//!
//! Row of batch place c: ⌊word · rows / 2³²⌋ with the first word of sample c ([`picked`]). Nothing is
//! remembered from step to step, so a run can be continued anywhere. Rows that do not fit in memory are
//! picked in the same way before the step, which is given them in the order of the batch.

use pushforward::noise::block;

use super::{Context, Forward, Launch, Layout, Operation, Slot, arguments};

/// x = randomly chosen rows (and their mirror images), their context beside them, ln q = 0.
#[derive(Clone, Copy, Debug)]
pub struct TakeRows {
    /// Coordinates of a row.
    pub dim: usize,
    /// Where the rows go.
    pub x: Slot,
    /// Where their context goes, of a conditional model.
    pub context: Option<Slot>,
    /// One row, set to 0 for the density to be added to.
    pub log_q: Slot,
    /// Whether the data are the rows of a block of steps, those of each from
    /// [`StepInputs::first_row`](super::StepInputs::first_row) on.
    pub given: bool,
}

/// The row, of so many, that takes place `c` of a batch whose noise has this key.
pub fn picked(key: [u32; 2], c: u64, rows: u64) -> u64 {
    (u64::from(block(key, [c as u32, 0])[0]) * rows) >> 32
}

impl Operation for TakeRows {
    fn cpu(&self, context: &mut Context<'_>) {
        let (n, samples, dim) = (context.columns(), context.samples, self.dim);
        let width = dim + self.context.map_or(0, |given| context.shapes[given.0].rows);
        let rows = (context.data.len() / width) as u64;
        context.slots[self.log_q.0].fill(0.0);
        // The mirror image of a sample is given the same.
        for (slot, columns, sign) in [(Some(self.x), 0..dim, -1.0), (self.context, dim..width, 1.0)]
        {
            let Some(slot) = slot else { continue };
            context.writing(slot, |context, to| {
                for c in 0..samples {
                    let place = context.first + c as u64;
                    // Places beyond the batch take any row; they have no weight.
                    let row = match self.given {
                        true => (u64::from(context.step.first_row) + place).min(rows - 1),
                        false => picked(context.step.key, place, rows),
                    };
                    let row = &context.data[row as usize * width..][..width];
                    for (d, v) in row[columns.clone()].iter().enumerate() {
                        to[d * n + c] = *v;
                        if context.copies == 2 {
                            to[d * n + samples + c] = sign * v;
                        }
                    }
                }
            });
        }
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        vec![Launch {
            sources: vec![include_str!("noise.wgsl").into(), include_str!("take_rows.wgsl").into()],
            entry: "take_rows",
            arguments: arguments! {
                dim: self.dim,
                x: layout.offset(self.x),
                context: self.context.map_or(0, |given| layout.offset(given)),
                context_rows: self.context.map_or(0, |given| layout.shapes[given.0].rows),
                log_q: layout.offset(self.log_q),
                given: u32::from(self.given),
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
        [self.x, self.log_q].into_iter().chain(self.context).collect()
    }
}
