//! Spins, site after site, from a masked network and direct pairwise terms.

use super::super::tape::Tape;
use super::{Target, Tensors, TrainError, network, target};
use crate::ops::{Dense, LossKind, MadeSample, Spins};

/// The network's outputs are the logits of the conditionals.
pub(super) struct Masked<'a> {
    /// Number of spins.
    pub(super) sites: usize,
    /// Sizes of the hidden layers; without any there is no network.
    pub(super) hidden: &'a [usize],
    /// Whether there are direct terms.
    pub(super) pairwise: bool,
    /// Whether each sample has a mirror image.
    pub(super) mirrored: bool,
}

impl Masked<'_> {
    /// Spins from noise (which computes the first copy's activations on its way) or from data, then
    /// hidden layers, logits, ln q.
    pub(super) fn lower(&self, tensors: &Tensors, target: &Target) -> Result<Tape, TrainError> {
        let sites = self.sites;
        let kind = match target {
            Target::Energy { .. } => LossKind::Score,
            Target::Data { .. } => LossKind::Likelihood,
        };
        let copies = if self.mirrored { 2 } else { 1 };
        let mut tape = Tape::new(sites, copies, tensors.parameters(), kind);
        let (x, logits) = (tape.slot(sites), tape.slot(sites));
        let (layers, last) = network::hidden(&mut tape, tensors, "", self.hidden.len(), x)?;
        let bias = tensors.start("output.bias")?;
        let mut output = None;
        if !layers.is_empty() {
            output = Some(tensors.dense(&mut tape, "output", last, Some(logits))?);
        }
        let mut pairwise = None;
        if self.pairwise {
            let dense = tensors.dense(&mut tape, "pairwise", x, Some(logits))?;
            // What comes first sets the logits, what comes second adds to them.
            let bias = output.is_none().then_some(bias);
            pairwise = Some(Dense { bias, ..dense });
        }

        match target {
            Target::Energy { energy, .. } => {
                let layers = layers.clone();
                tape.push(MadeSample { sites, layers, output, pairwise, bias, x, logits });
                target::energies(&mut tape, energy, x);
            }
            Target::Data { rows } => target::data(&mut tape, rows, sites, x),
        }
        let from_copy = usize::from(kind == LossKind::Score);
        for dense in layers.into_iter().chain(output).chain(pairwise) {
            tape.push(Dense { from_copy, ..dense });
        }
        tape.push(Spins { sites, x, logits, log_q: tape.log_q() });
        Ok(tape)
    }
}
