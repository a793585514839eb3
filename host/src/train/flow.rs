//! The training step of a flow: couplings or autoregressive layers, affine or splines.
//!
//! All of them are layers of one kind. A layer reads some coordinates (the kept ones of a coupling;
//! all, in its order, of an autoregressive layer), a network turns them into parameters, and a
//! transformer moves the coordinates that those belong to.

use std::sync::Arc;

use pushforward::model::{
    Architecture, CouplingSpec, Fast, MafSpec, NsfSpec, RealNvpSpec, TransformerSpec,
};

use super::Target;
use super::program::{Program, Tensors};
use crate::ops::{
    Affine, AffineBackward, Direction, Energies, EnergyBackward, FlowLayer, FlowLayerBackward,
    Gaussian, GaussianBackward, LossKind, Select, Slot, TakeRows, Transform,
};

/// A flow as training sees it.
pub(crate) struct Flow {
    dim: usize,
    transformer: TransformerSpec,
    layers: Vec<LayerPlan>,
}

/// What one layer reads and moves.
struct LayerPlan {
    /// Where its tensors' names begin.
    prefix: String,
    /// The coordinates that the network reads, in its order.
    read: Vec<u32>,
    /// Those that are moved, in the order of the network's outputs, and the others.
    moved: Vec<u32>,
    kept: Vec<u32>,
    /// Rows of the network's output from coordinate to coordinate and from parameter to parameter.
    strides: [usize; 2],
}

impl Flow {
    pub(crate) fn real_nvp(spec: &RealNvpSpec) -> Self {
        Self::coupling(spec.dim, spec.transformer(), &spec.couplings)
    }

    pub(crate) fn nsf(spec: &NsfSpec) -> Self {
        Self::coupling(spec.dim, spec.transformer(), &spec.couplings)
    }

    /// Parameter after parameter, each for all moved coordinates.
    fn coupling(dim: usize, transformer: TransformerSpec, couplings: &[CouplingSpec]) -> Self {
        let plan = |(l, coupling): (usize, &CouplingSpec)| {
            let among = |wanted: bool| -> Vec<u32> {
                (0..dim as u32).filter(|&d| coupling.mask[d as usize] == wanted).collect()
            };
            let (kept, moved) = (among(true), among(false));
            let strides = [1, moved.len()];
            LayerPlan { prefix: format!("coupling.{l}."), read: kept.clone(), moved, kept, strides }
        };
        Self { dim, transformer, layers: couplings.iter().enumerate().map(plan).collect() }
    }

    /// Position after position, each with all its parameters.
    pub(crate) fn autoregressive(spec: &MafSpec) -> Self {
        let strides = [spec.transformer.parameters(), 1];
        let layers = spec.layers.iter().enumerate().map(|(l, layer)| {
            let order: Vec<u32> = layer.order.iter().map(|&d| d as u32).collect();
            let prefix = format!("autoregressive.{l}.");
            LayerPlan { prefix, read: order.clone(), moved: order, kept: Vec::new(), strides }
        });
        Self { dim: spec.dim, transformer: spec.transformer, layers: layers.collect() }
    }
}

/// The target that a masked autoregressive flow learns in one pass a step: its networks read what
/// the step starts from.
pub(crate) fn fast_for(target: &Target) -> Fast {
    match target {
        Target::Energy { .. } => Fast::Sampling,
        Target::Data { .. } => Fast::Density,
    }
}

/// One layer of the program, with what its backward pass needs.
enum Layer {
    Affine(Affine),
    Network(FlowLayer),
}

/// Free energy: noise through the layers to samples, and the energy's gradient back. Likelihood:
/// data through the inverse layers to noise, and the base density's gradient back.
pub(crate) fn program(architecture: &Architecture, flow: &Flow, target: &Target) -> Program {
    let tensors = Tensors::new(architecture);
    let (kind, direction) = match target {
        Target::Energy { .. } => (LossKind::Path, Direction::Sampling),
        Target::Data { .. } => (LossKind::Likelihood, Direction::Density),
    };
    let dim = flow.dim;
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
    let mut order: Vec<Option<&LayerPlan>> = flow.layers.iter().map(Some).collect();
    order.extend(affine.map(|_| None));
    if direction == Direction::Density {
        order.reverse();
    }
    let mut layers = Vec::new();
    for plan in order {
        let y = p.slot(dim);
        match (plan, affine) {
            (Some(plan), _) => {
                layers.extend(layer(&mut p, &tensors, flow.transformer, plan, direction, x, y))
            }
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
    // The gradients on the way down are needed for a moment only: all layers share their memory.
    let mut inputs: Vec<usize> = Vec::new();
    for layer in &layers {
        if let Layer::Network(layer) = layer {
            inputs.resize(inputs.len().max(layer.network.len()), 0);
            for (most, dense) in inputs.iter_mut().zip(&layer.network) {
                *most = dense.inputs.max(*most);
            }
        }
    }
    let gradients: Vec<Slot> = inputs.into_iter().map(|rows| p.slot(rows)).collect();
    for layer in layers.into_iter().rev() {
        match layer {
            Layer::Affine(affine) => {
                p.backward.push(Box::new(AffineBackward { affine, coefficient, dy: dx }))
            }
            Layer::Network(layer) => {
                let gradients = gradients[..layer.network.len()].to_vec();
                let ends = gradients.iter().chain([&layer.transform.raw]);
                let rows: Vec<u32> = ends.map(|&s| p.first_row(s) as u32).collect();
                let rows = p.table(rows);
                let wanted = layer.transform.x != start;
                let dy = dx;
                let backward =
                    FlowLayerBackward { layer, coefficient, dy, gradients, rows, wanted };
                p.backward.push(Box::new(backward));
            }
        }
    }
    p
}

fn layer(
    p: &mut Program,
    tensors: &Tensors<'_>,
    transformer: TransformerSpec,
    plan: &LayerPlan,
    direction: Direction,
    x: Slot,
    y: Slot,
) -> Option<Layer> {
    let indices = p.table(plan.read.iter().copied());
    let (moved, kept) = (p.table(plan.moved.iter().copied()), p.table(plan.kept.iter().copied()));
    let select = Select { indices, from: x, to: p.slot(indices.len) };
    let (mut network, last) = tensors.hidden(p, &plan.prefix, select.to);
    let raw = p.slot(transformer.parameters() * moved.len);
    network.push(tensors.dense(p, &format!("{}output.weight", plan.prefix), last, raw)?);
    let log_q = p.loss.log_q;
    let strides = plan.strides;
    let transform = Transform { transformer, direction, moved, kept, strides, x, raw, y, log_q };
    let description = p.describe(&network);
    let layer = FlowLayer { select, network, transform, description };
    p.forward.push(Box::new(layer.clone()));
    Some(Layer::Network(layer))
}
