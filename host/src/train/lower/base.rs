//! The base of a flow: noise that is drawn, or the density of noise that data became.

use pushforward::base::{Base as _, MixtureSpec, ProductSpec};
use pushforward::model::{BasePart, BaseSpec, PlainBaseSpec};

use super::super::tape::Tape;
use super::{Tensors, TrainError};
use crate::ops::{Base, Gaussian, Mixture, Select, Slot, TruncatedNormal, Uniform, VonMises};

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
    match spec {
        BaseSpec::Normal(_) => tape.push(Gaussian { base }),
        BaseSpec::Uniform(spec) => tape.push(Uniform { base, bound: spec.bound }),
        BaseSpec::VonMises(spec) => tape.push(VonMises { base, kernel: spec.kernel() }),
        BaseSpec::TruncatedNormal(spec) => {
            tape.push(TruncatedNormal { base, kernel: spec.kernel() });
        }
        BaseSpec::Mixture(spec) => mixture(tape, tensors, spec, "base.", base)?,
        BaseSpec::Product(spec) => product(tape, tensors, spec, base)?,
    }
    Ok(())
}

fn plain(
    tape: &mut Tape,
    tensors: &Tensors,
    spec: &PlainBaseSpec,
    path: &str,
    base: Base,
) -> Result<(), TrainError> {
    match spec {
        PlainBaseSpec::Normal(_) => tape.push(Gaussian { base }),
        PlainBaseSpec::Uniform(spec) => tape.push(Uniform { base, bound: spec.bound }),
        PlainBaseSpec::VonMises(spec) => tape.push(VonMises { base, kernel: spec.kernel() }),
        PlainBaseSpec::TruncatedNormal(spec) => {
            tape.push(TruncatedNormal { base, kernel: spec.kernel() });
        }
        PlainBaseSpec::Mixture(spec) => mixture(tape, tensors, spec, path, base)?,
    }
    Ok(())
}

/// Each part of the coordinates by itself.
fn product(
    tape: &mut Tape,
    tensors: &Tensors,
    spec: &ProductSpec,
    base: Base,
) -> Result<(), TrainError> {
    let Base { dim, z, draw, .. } = base;
    let sizes = spec.sizes(dim);
    let [own, others] = sizes.map(|rows| tape.slot(rows));
    if !draw {
        for (part, rows) in [(own, 0..sizes[0]), (others, sizes[0]..dim)] {
            let indices = tape.table(rows.map(|d| d as u32));
            tape.push(Select { context: None, indices, from: z, to: part });
        }
    }
    plain(tape, tensors, &spec.first, "base.first.", Base { dim: sizes[0], z: own, ..base })?;
    // It takes its words from where those of the first end.
    let blocks = spec.first.build(sizes[0], &[]).blocks(sizes[0]);
    let word = 2 * blocks.unwrap_or(0) as usize;
    let rest = Base { dim: sizes[1], z: others, word, adds: true, ..base };
    plain(tape, tensors, &spec.rest, "base.rest.", rest)?;
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
