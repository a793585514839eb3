//! Where a step starts and ends: noise and an energy, or data and the density of a flow's base.

use std::sync::Arc;

use pushforward::model::{BaseSpec, FlowSpec};

use super::super::tape::Tape;
use super::{Target, Tensors, TrainError, base};
use crate::data::Rows;
use crate::energy::Energy;
use crate::ops::{Direction, Energies, LossKind, Slot, TakeRows};

/// The loss of a flow, and the direction in which its layers run.
pub(super) fn of_flow(target: &Target) -> (LossKind, Direction) {
    match target {
        Target::Energy { .. } => (LossKind::Path, Direction::Sampling),
        Target::Data { .. } => (LossKind::Likelihood, Direction::Density),
    }
}

/// Noise, or data with its context; sets ln q.
pub(super) fn start_of_flow(
    tape: &mut Tape,
    tensors: &Tensors,
    target: &Target,
    spec: &FlowSpec,
    dim: usize,
) -> Result<(Slot, Option<Slot>), TrainError> {
    let x = tape.slot(dim);
    let context = (spec.context > 0).then(|| tape.slot(spec.context));
    match target {
        Target::Energy { .. } => base::lower(tape, tensors, &spec.base, x, true)?,
        Target::Data { rows } => data(tape, rows, x, context),
    }
    Ok((x, context))
}

/// The energy of samples, or the density of noise.
pub(super) fn end_of_flow(
    tape: &mut Tape,
    tensors: &Tensors,
    target: &Target,
    base: &BaseSpec,
    x: Slot,
) -> Result<(), TrainError> {
    match target {
        Target::Energy { energy, .. } => energies(tape, energy, x),
        Target::Data { .. } => base::lower(tape, tensors, base, x, false)?,
    }
    Ok(())
}

/// Rows of data to x and its context.
pub(super) fn data(tape: &mut Tape, rows: &Rows, x: Slot, context: Option<Slot>) {
    let dim = tape.rows(x);
    let width = dim + context.map_or(0, |context| tape.rows(context));
    let given = match rows {
        Rows::Held(rows) => {
            tape.data(rows, width);
            false
        }
        Rows::Stored(_) => {
            tape.data(&Arc::default(), width);
            true
        }
    };
    tape.push(TakeRows { dim, x, context, log_q: tape.log_q(), given });
}

/// The energies of x.
pub(super) fn energies(tape: &mut Tape, energy: &Arc<dyn Energy>, x: Slot) {
    let out = tape.slot(1);
    tape.energy(out);
    tape.push(Energies { energy: Arc::clone(energy), x, out });
}
