//! The training step of a flow of affine couplings.

use std::sync::Arc;

use pushforward::model::{Architecture, RealNvpSpec};

use super::Target;
use super::program::{Program, Tensors, hidden_backward};
use crate::ops::{
    Affine, AffineBackward, Coupling, CouplingBackward, Dense, DenseBackward, Direction, Energies,
    EnergyBackward, Gaussian, GaussianBackward, Leaky, LossKind, Select, SelectBackward, Slot,
    TakeRows,
};

/// One layer, with what its backward pass needs.
enum Layer {
    Affine(Affine),
    Coupling { select: Select, hidden: Vec<(Dense, Leaky)>, output: Dense, coupling: Coupling },
}

/// Free energy: noise through the layers to samples, and the energy's gradient back. Likelihood:
/// data through the inverse layers to noise, and the base density's gradient back.
pub(crate) fn program(spec: &RealNvpSpec, target: &Target) -> Program {
    let architecture = Architecture::RealNvp(spec.clone());
    let tensors = Tensors::new(&architecture);
    let (kind, direction) = match target {
        Target::Energy { .. } => (LossKind::Path, Direction::Sampling),
        Target::Data { .. } => (LossKind::Likelihood, Direction::Density),
    };
    let dim = spec.dim;
    let mut p = Program::new(dim, 1, architecture.parameters(), kind);
    let (log_q, coefficient) = (p.loss.log_q, p.loss.coefficient);
    let mut x = p.slot(dim);
    let start = x;
    match target {
        Target::Energy { .. } => {
            p.forward.push(Box::new(Gaussian { dim, z: x, log_q, draw: true }))
        }
        Target::Data { rows } => {
            p.data = Arc::clone(rows);
            p.forward.push(Box::new(TakeRows { dim, x, log_q }));
        }
    }

    let affine = tensors.start("affine.log_scale").zip(tensors.start("affine.shift"));
    let mut order: Vec<Option<usize>> = (0..spec.couplings.len()).map(Some).collect();
    order.extend(affine.map(|_| None));
    if direction == Direction::Density {
        order.reverse();
    }
    let mut layers = Vec::new();
    for l in order {
        let y = p.slot(dim);
        match (l, affine) {
            (Some(l), _) => layers.extend(coupling(&mut p, &tensors, spec, l, direction, x, y)),
            (None, Some((log_scale, shift))) => {
                let layer = Affine { direction, dim, log_scale, shift, x, y, log_q };
                p.forward.push(Box::new(layer));
                layers.push(Layer::Affine(layer));
            }
            (None, None) => {}
        }
        x = y;
    }

    let dx = p.slot(dim);
    match target {
        Target::Energy { energy, .. } => {
            let out = p.slot(1);
            p.loss.energy = Some(out);
            let energies = Energies { energy: Arc::clone(energy), x, out };
            p.forward.push(Box::new(energies.clone()));
            p.backward.push(Box::new(EnergyBackward { energies, coefficient, dx }));
        }
        Target::Data { .. } => {
            let gaussian = Gaussian { dim, z: x, log_q, draw: false };
            p.forward.push(Box::new(gaussian));
            p.backward.push(Box::new(GaussianBackward { gaussian, coefficient, dz: dx }));
        }
    }
    for layer in layers.into_iter().rev() {
        match layer {
            Layer::Affine(affine) => {
                p.backward.push(Box::new(AffineBackward { affine, coefficient, dy: dx }))
            }
            Layer::Coupling { select, hidden, output, coupling } => {
                let draw = p.slot(output.outputs);
                let kept = p.slot(select.indices.len);
                p.backward.push(Box::new(CouplingBackward { coupling, coefficient, dy: dx, draw }));
                if hidden.is_empty() {
                    p.backward.push(Box::new(DenseBackward {
                        dense: output,
                        dy: draw,
                        dx: Some(kept),
                    }));
                } else {
                    let dh = p.slot(output.inputs);
                    p.backward.push(Box::new(DenseBackward {
                        dense: output,
                        dy: draw,
                        dx: Some(dh),
                    }));
                    hidden_backward(&mut p, &hidden, dh, Some(kept));
                }
                // The first layer's input needs no gradient.
                if coupling.x != start {
                    p.backward.push(Box::new(SelectBackward { select, dfrom: dx, dto: kept }));
                }
            }
        }
    }
    p
}

fn coupling(
    p: &mut Program,
    tensors: &Tensors<'_>,
    spec: &RealNvpSpec,
    l: usize,
    direction: Direction,
    x: Slot,
    y: Slot,
) -> Option<Layer> {
    let mask = &spec.couplings[l].mask;
    let among = |wanted: bool| (0..spec.dim as u32).filter(move |&d| mask[d as usize] == wanted);
    let (kept, moved) = (p.table(among(true)), p.table(among(false)));
    let select = Select { indices: kept, from: x, to: p.slot(kept.len) };
    let prefix = format!("coupling.{l}.");
    let (hidden, last) = tensors.hidden(p, &prefix, select.to);
    let raw = p.slot(2 * moved.len);
    let output = tensors.dense(p, &format!("{prefix}output.weight"), last, raw)?;
    let bound = spec.log_scale_bound;
    let coupling =
        Coupling { direction, dim: spec.dim, moved, bound, x, raw, y, log_q: p.loss.log_q };
    p.forward.push(Box::new(select));
    for (dense, leaky) in &hidden {
        p.forward.push(Box::new(*dense));
        p.forward.push(Box::new(*leaky));
    }
    p.forward.push(Box::new(output));
    p.forward.push(Box::new(coupling));
    Some(Layer::Coupling { select, hidden, output, coupling })
}
