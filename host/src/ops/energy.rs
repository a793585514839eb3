//! A target's energy and its gradient, as operations.

use std::sync::Arc;

use super::{Context, Forward, Launch, Layout, Operation, Reverse, Slot, arguments};
use crate::energy::Energy;

/// One row of energies from samples.
#[derive(Clone, Debug)]
pub struct Energies {
    /// The Hamiltonian.
    pub energy: Arc<dyn Energy>,
    /// Samples.
    pub x: Slot,
    /// One row: E.
    pub out: Slot,
}

const SHADER: &str = include_str!("energy.wgsl");

fn launch(
    e: &Energies,
    [out, coefficient, dx]: [Slot; 3],
    entry: &'static str,
    groups: [u32; 3],
    layout: &mut Layout,
) -> Vec<Launch> {
    let shader = e.energy.shader();
    let arguments = arguments! {
        x: layout.offset(e.x),
        energies: layout.offset(out),
        coefficient: layout.offset(coefficient),
        dx: layout.offset(dx),
        table: layout.table(shader.table),
    };
    let arguments = arguments.with_constants(shader.constants);
    vec![Launch { sources: vec![shader.source.into(), SHADER.into()], entry, arguments, groups }]
}

impl Operation for Energies {
    fn cpu(&self, context: &mut Context<'_>) {
        context.writing(self.out, |context, out| self.energy.energies(context.slot(self.x), out));
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        let groups = [Layout::groups(layout.columns()), 1, 1];
        launch(self, [self.out; 3], "energies", groups, layout)
    }
}

impl Forward for Energies {
    fn reads(&self) -> Vec<Slot> {
        vec![self.x]
    }

    fn writes(&self) -> Vec<Slot> {
        vec![self.out]
    }

    fn backward(&self, reverse: &mut Reverse<'_>) {
        if let Some([coefficient, dx]) = reverse.scored(self.x, self.out) {
            reverse.push(EnergyBackward { energies: self.clone(), coefficient, dx });
        }
    }
}

/// dx = c β ∂E/∂x with c the loss coefficient of each column.
#[derive(Clone, Debug)]
pub struct EnergyBackward {
    /// The forward operation.
    pub energies: Energies,
    /// One row: c.
    pub coefficient: Slot,
    /// Gradient of the samples, overwritten.
    pub dx: Slot,
}

impl Operation for EnergyBackward {
    fn cpu(&self, context: &mut Context<'_>) {
        let (n, beta) = (context.columns(), context.step.beta);
        context.writing(self.dx, |context, dx| {
            self.energies.energy.gradients(context.slot(self.energies.x), n, dx);
            for row in dx.chunks_exact_mut(n) {
                for (d, c) in row.iter_mut().zip(context.slot(self.coefficient)) {
                    *d *= c * beta;
                }
            }
        });
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        let others = [self.energies.out, self.coefficient, self.dx];
        let groups = [Layout::groups(layout.columns()), self.energies.energy.dim() as u32, 1];
        launch(&self.energies, others, "energy_backward", groups, layout)
    }
}
