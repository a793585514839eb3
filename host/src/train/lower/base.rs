//! The base of a flow: noise that is drawn, or the density of noise that data became.

use pushforward::model::BaseSpec;

use super::super::tape::Tape;
use crate::ops::{Gaussian, Slot, Uniform};

/// Pushes what draws z and sets ln q, or what adds the log-density of z to it.
pub(super) fn lower(tape: &mut Tape, spec: &BaseSpec, dim: usize, z: Slot, draw: bool) {
    let log_q = tape.log_q();
    match spec {
        BaseSpec::Normal(_) => tape.push(Gaussian { dim, z, log_q, draw }),
        BaseSpec::Uniform(spec) => {
            tape.push(Uniform { dim, bound: spec.bound, z, log_q, draw });
        }
    }
}
