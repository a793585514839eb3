//! The training step of a masked autoregressive network.

use std::sync::Arc;

use pushforward::model::{Architecture, MadeSpec, Symmetry};

use super::Target;
use super::program::{Program, Tensors};
use crate::ops::{
    Dense, DenseBackward, Energies, LossKind, MadeSample, Spins, SpinsBackward, TakeRows,
};

/// Spins from noise (which computes the first copy's activations on its way) or from data, then
/// hidden layers, logits, ln q; backward the same way.
pub(crate) fn program(spec: &MadeSpec, target: &Target) -> Program {
    let architecture = Architecture::Made(spec.clone());
    let tensors = Tensors::new(&architecture);
    let copies = if spec.symmetry == Symmetry::Z2 { 2 } else { 1 };
    let kind = match target {
        Target::Energy { .. } => LossKind::Score,
        Target::Data { .. } => LossKind::Likelihood,
    };
    let mut p = Program::new(spec.sites, copies, architecture.parameters(), kind);
    let (x, logits) = (p.slot(spec.sites), p.slot(spec.sites));
    let (layers, last) = tensors.hidden(&mut p, "", x);
    let output = tensors.dense(&mut p, "output.weight", last, logits);
    let mut pairwise = tensors.dense(&mut p, "pairwise.weight", x, logits);
    let bias = tensors.start("output.bias").unwrap_or_default();
    if output.is_none()
        && let Some(pairwise) = &mut pairwise
    {
        pairwise.bias = Some(bias);
    }

    match target {
        Target::Energy { energy, .. } => {
            let description = p.describe(&layers);
            let (sites, output, pairwise) = (spec.sites, output, pairwise);
            p.forward.push(Box::new(MadeSample {
                sites,
                layers: layers.clone(),
                output,
                pairwise,
                bias,
                x,
                logits,
                description,
            }));
            let out = p.slot(1);
            p.loss.energy = Some(out);
            p.forward.push(Box::new(Energies { energy: Arc::clone(energy), x, out }));
        }
        Target::Data { rows } => {
            p.data = Arc::clone(rows);
            p.forward.push(Box::new(TakeRows { dim: spec.sites, x, log_q: p.loss.log_q }));
        }
    }
    let from_copy = usize::from(kind == LossKind::Score);
    for dense in layers.iter().chain(&output).chain(&pairwise) {
        p.forward.push(Box::new(Dense { from_copy, ..*dense }));
    }
    let spins = Spins { sites: spec.sites, x, logits, log_q: p.loss.log_q };
    p.forward.push(Box::new(spins));

    let dlogits = p.slot(spec.sites);
    p.backward.push(Box::new(SpinsBackward { spins, coefficient: p.loss.coefficient, dlogits }));
    if let Some(dense) = pairwise {
        p.backward.push(Box::new(DenseBackward { dense, dy: dlogits, dx: None }));
    }
    // The gradients below alternate between two matrices.
    let widest = spec.hidden.iter().copied().max().unwrap_or(0);
    let [mut dx, mut other] = [p.slot(widest), p.slot(widest)];
    let mut dy = dlogits;
    let network: Vec<Dense> = layers.into_iter().chain(output).collect();
    for (l, dense) in network.into_iter().enumerate().rev() {
        p.backward.push(Box::new(DenseBackward { dense, dy, dx: (l > 0).then_some(dx) }));
        dy = dx;
        std::mem::swap(&mut dx, &mut other);
    }
    p
}
