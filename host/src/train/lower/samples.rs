//! Samples of the target beside its energy: their likelihood is learnt with the free energy.
//!
//! The free energy is a divergence of the model from the target ("reverse"), and lets a mode go that the model
//! never draws; the likelihood of the target's own samples is one the other way ("forward"), and does not. What
//! goes down is their sum (Noé et al. 2019, doi:10.1126/science.aaw1147, "training by energy and by example"),
//!
//! ```text
//! E_q[ln q + βE] − w E_samples[ln q]
//! ```
//!
//! All is made of the operations that both are made of.

use pushforward::model::FlowSpec;

use super::{Lowering, TrainError, base, path, target};
use crate::ops::Scale;
use crate::train::Samples;

/// Adds the likelihood of a batch of samples to the loss.
///
/// # Errors
/// A layer whose density is not one pass.
pub(super) fn lower(
    l: &mut Lowering<'_>,
    spec: &FlowSpec,
    samples: &Samples,
) -> Result<(), TrainError> {
    path::has_density_in_one_pass(spec, "samples", "none")?;
    let (x, log_q) = (l.tape.slot(l.dim), l.tape.slot(1));
    let own = l.tape.replace_log_q(log_q);
    target::data(l.tape, &samples.rows, x, None);
    let z = l.noise_of(spec, x)?;
    base::lower(l.tape, l.tensors, &spec.base, z, false)?;
    l.tape.replace_log_q(own);
    let y = l.tape.slot(1);
    l.tape.push(Scale { x: log_q, y, by: -samples.weight as f32 });
    l.tape.given_by_loss(y);
    Ok(())
}
