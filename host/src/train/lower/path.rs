//! The path gradient of a free energy ("sticking the landing": Roeder, Wu & Duvenaud 2017,
//! arXiv:1703.09194; for flows Vaitl et al. 2022, arXiv:2207.08219).
//!
//! With x = f⁻¹(z), the derivative of E[ln q(x) + βE(x)] by the parameters has two parts: what comes along
//! the path of the samples, and the *score* ∂ ln q(x) at samples that stay where they are. The score is 0
//! in the mean and not in a batch, even where q is the target and the first part is 0 for every sample. So
//! it is taken away: the samples' density is written out once more, in the direction of data, its gradient
//! with the opposite sign. All is made of the operations that a likelihood is made of.

use pushforward::model::FlowSpec;

use super::{Lowering, TrainError, base};
use crate::ops::{Detach, Scale, Slot};

/// Whether rows that are no draws are scored in one pass, which `field` needs.
///
/// # Errors
/// An autoregressive layer's are not; `expected` is what may be found then.
pub(super) fn has_density_in_one_pass(
    spec: &FlowSpec,
    field: &'static str,
    expected: &str,
) -> Result<(), TrainError> {
    if spec.layers.iter().any(|layer| layer.autoregressive().is_some()) {
        let why = "as the density of an autoregressive layer's samples is no single pass";
        let found = if field == "gradient" { "path" } else { "some" };
        let (found, expected) = (found.into(), format!("{expected}, {why}"));
        return Err(TrainError::Setting { field, found, expected });
    }
    Ok(())
}

/// Takes the score of the samples `x` away.
///
/// # Errors
/// A layer whose density is not one pass where its samples are.
pub(super) fn lower(l: &mut Lowering<'_>, spec: &FlowSpec, x: Slot) -> Result<(), TrainError> {
    has_density_in_one_pass(spec, "gradient", "total")?;
    let (y, log_q) = (l.tape.slot(l.dim), l.tape.slot(1));
    l.tape.push(Detach { x, y, log_q });
    let own = l.tape.replace_log_q(log_q);
    let z = l.noise_of(spec, y)?;
    base::lower(l.tape, l.tensors, &spec.base, z, false)?;
    l.tape.replace_log_q(own);
    let opposite = l.tape.slot(1);
    l.tape.push(Scale { x: log_q, y: opposite, by: -1.0 });
    l.tape.given_by_loss(opposite);
    Ok(())
}
