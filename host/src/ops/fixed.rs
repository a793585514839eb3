//! A layer whose weights are no parameters: y\_o = b\_o + Σ\_i W\_{oi} x\_i.
//!
//! What a Hamiltonian says of a site is not learnt. Nothing is differentiated by x, which are values.

use super::{Context, Forward, Launch, Layout, Operation, Slot, Table, arguments};

/// y = b + W x over all columns; W is one of `[outputs][inputs]`, or of no inputs at all.
#[derive(Clone, Copy, Debug)]
pub struct Fixed {
    /// W, the bits of floats.
    pub weight: Table,
    /// b, the bits of floats.
    pub bias: Table,
    /// Values.
    pub x: Slot,
    /// As many columns.
    pub y: Slot,
}

impl Fixed {
    /// Computes columns `from..to`.
    pub(crate) fn columns(&self, context: &mut Context<'_>, from: usize, to: usize) {
        let n = context.columns_of(self.y);
        let inputs = self.weight.len / self.bias.len.max(1);
        context.writing(self.y, |context, y| {
            let x = context.slot(self.x);
            let weights = context
                .table(self.weight)
                .chunks(inputs.max(1))
                .chain([&[][..]].into_iter().cycle());
            let rows = y.chunks_exact_mut(n).zip(context.table(self.bias)).zip(weights);
            for ((y, bias), weights) in rows {
                let y = &mut y[from..to];
                y.fill(f32::from_bits(*bias));
                for (x, weight) in x.chunks_exact(n).zip(weights) {
                    let weight = f32::from_bits(*weight);
                    y.iter_mut().zip(&x[from..to]).for_each(|(y, x)| *y += weight * x);
                }
            }
        });
    }
}

impl Operation for Fixed {
    fn cpu(&self, context: &mut Context<'_>) {
        let to = context.columns_of(self.y);
        self.columns(context, 0, to);
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        let outputs = self.bias.len;
        let arguments = arguments! {
            weight: self.weight.start,
            bias: self.bias.start,
            inputs: self.weight.len / outputs.max(1),
            x: layout.offset(self.x),
            y: layout.offset(self.y),
        };
        vec![Launch {
            sources: vec![include_str!("fixed.wgsl").into()],
            entry: "fixed",
            arguments: arguments.over(layout.shapes[self.y.0].positions),
            groups: [Layout::groups(layout.columns_of(self.y)), outputs as u32, 1],
        }]
    }
}

impl Forward for Fixed {
    fn reads(&self) -> Vec<Slot> {
        Vec::new()
    }

    fn writes(&self) -> Vec<Slot> {
        vec![self.y]
    }
}
