//! The base of a flow: noise that is drawn, or the density of noise that data became.

use pushforward::model::BaseSpec;

use super::super::tape::Tape;
use super::{Tensors, TrainError};
use crate::ops::{Base, Gaussian, Mixture, Slot, Uniform, VonMises};

/// Pushes what draws z and sets ln q, or what adds the log-density of z to it.
///
/// # Errors
/// [`TrainError::Setting`] for a base that learns by its density alone and is to be drawn.
pub(super) fn lower(
    tape: &mut Tape,
    tensors: &Tensors,
    spec: &BaseSpec,
    z: Slot,
    draw: bool,
) -> Result<(), TrainError> {
    let (dim, log_q) = (tape.rows(z), tape.log_q());
    let base = Base { dim, z, log_q, draw };
    match spec {
        BaseSpec::Normal(_) => tape.push(Gaussian { base }),
        BaseSpec::Uniform(spec) => tape.push(Uniform { base, bound: spec.bound }),
        BaseSpec::VonMises(spec) => tape.push(VonMises { base, kernel: spec.kernel() }),
        BaseSpec::Mixture(spec) => {
            if draw {
                return Err(TrainError::Setting {
                    field: "base",
                    found: "mixture".into(),
                    expected:
                        "noise without components, to learn from a Hamiltonian: which one is \
                               drawn has no gradient"
                            .into(),
                });
            }
            let start = |name: &str| tensors.start(&format!("base.{name}"));
            let (logits, mean, log_scale) = (start("logits")?, start("mean")?, start("log_scale")?);
            let (components, shares) = (spec.components, tape.slot(spec.components));
            tape.push(Mixture { dim, components, logits, mean, log_scale, z, shares, log_q });
        }
    }
    Ok(())
}
