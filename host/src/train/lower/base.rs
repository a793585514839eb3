//! The base of a flow: noise that is drawn, or the density of noise that data became.

use pushforward::base::{MixtureSpec, Normal, ProductSpec};
use pushforward::model::BaseSpec;

use super::super::tape::Tape;
use super::{Tensors, TrainError};
use crate::ops::{Base, Independent, Mixture, Select, Slot, Uniform};

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
    let base = Base { dim, z, log_q, draw, word: 0, adds: !draw };
    push(tape, tensors, spec, "base.", base)
}

fn push(
    tape: &mut Tape,
    tensors: &Tensors,
    spec: &BaseSpec,
    path: &str,
    base: Base,
) -> Result<(), TrainError> {
    match spec {
        BaseSpec::Normal(_) => tape.push(Independent { base, density: Normal }),
        BaseSpec::Uniform(spec) => tape.push(Uniform { base, bound: spec.bound }),
        BaseSpec::VonMises(spec) => tape.push(Independent { base, density: spec.kernel() }),
        BaseSpec::TruncatedNormal(spec) => tape.push(Independent { base, density: spec.kernel() }),
        BaseSpec::Mixture(spec) => mixture(tape, tensors, spec, path, base)?,
        BaseSpec::Product(spec) => product(tape, tensors, spec, path, base)?,
    }
    Ok(())
}

/// Each part of the coordinates by itself.
fn product(
    tape: &mut Tape,
    tensors: &Tensors,
    spec: &ProductSpec,
    path: &str,
    base: Base,
) -> Result<(), TrainError> {
    let Base { dim, z, draw, .. } = base;
    let sizes = spec.sizes(dim);
    let [own, others] = match draw {
        true => sizes.map(|rows| tape.slot(rows)),
        false => {
            [0..sizes[0], sizes[0]..dim].map(|rows| tape.select(None, rows.map(|d| d as u32), z))
        }
    };
    let first = Base { dim: sizes[0], z: own, ..base };
    push(tape, tensors, &spec.first.clone().into(), &format!("{path}first."), first)?;
    // The rest takes its words from where those of the first end.
    let word = 2 * spec.first_blocks().unwrap_or(0) as usize;
    let rest = Base { dim: sizes[1], z: others, word, adds: true, ..base };
    push(tape, tensors, &spec.rest.clone().into(), &format!("{path}rest."), rest)?;
    if draw {
        let indices = tape.table(0..sizes[1] as u32);
        tape.push(Select { context: Some(own), indices, from: others, to: z });
    }
    Ok(())
}

fn mixture(
    tape: &mut Tape,
    tensors: &Tensors,
    spec: &MixtureSpec,
    path: &str,
    Base { dim, z, log_q, draw, .. }: Base,
) -> Result<(), TrainError> {
    if draw {
        return Err(TrainError::Setting {
            field: "base",
            found: "mixture".into(),
            expected:
                "noise without components, to learn from a Hamiltonian: which one is drawn has no \
                       gradient"
                    .into(),
        });
    }
    let start = |name: &str| tensors.start(&format!("{path}{name}"));
    let (logits, mean, log_scale) = (start("logits")?, start("mean")?, start("log_scale")?);
    let (components, shares) = (spec.components, tape.slot(spec.components));
    tape.push(Mixture { dim, components, logits, mean, log_scale, z, shares, log_q });
    Ok(())
}
