//! Lowering: from a model's parts to the operations that train it.
//!
//! One part is one file, which takes plain values (masks, orders, sizes, where its tensors' names
//! begin) and pushes operations onto a [`Tape`]. Only this page looks at the description of a model:
//! it says which parts there are, in their order from noise to data.

mod affine;
mod autoregressive;
mod conditioned;
mod coupling;
mod masked;
mod network;
mod target;
mod tensors;

use pushforward::model::{Architecture, CouplingSpec, Symmetry, TransformerSpec};

use super::tape::{Fusing, Tape};
use super::{Target, TrainError};
use crate::ops::{Direction, Program, Slot};

use affine::Affine;
use autoregressive::Autoregressive;
use coupling::Coupling;
use masked::Masked;
use tensors::Tensors;

/// A layer of a flow.
trait Layer {
    /// Pushes what takes `x` to the matrix that is returned, and adds ln |dz/dx| to ln q.
    fn lower(
        &self,
        tape: &mut Tape,
        tensors: &Tensors,
        direction: Direction,
        x: Slot,
    ) -> Result<Slot, TrainError>;
}

/// The training step of a model for a target.
///
/// # Errors
/// [`TrainError::Tensor`] if the model lacks a tensor of one of its parts.
pub fn step_program(
    architecture: &Architecture,
    target: &Target,
    fusing: Fusing,
) -> Result<Program, TrainError> {
    let tensors = Tensors::of(architecture);
    let layers = match architecture {
        Architecture::Made(spec) => {
            let mirrored = spec.symmetry == Symmetry::Z2;
            let (sites, hidden) = (spec.sites, &spec.hidden[..]);
            let sites = Masked { sites, hidden, pairwise: spec.pairwise, mirrored };
            return Ok(sites.lower(&tensors, target)?.finish(fusing));
        }
        Architecture::RealNvp(spec) => {
            layers(couplings(&spec.couplings, spec.transformer()), spec.affine.then_some(spec.dim))
        }
        Architecture::Nsf(spec) => {
            layers(couplings(&spec.couplings, spec.transformer()), spec.affine.then_some(spec.dim))
        }
        Architecture::Maf(spec) => {
            let layer = |(l, layer): (usize, &'_ pushforward::model::AutoregressiveSpec)| {
                boxed(Autoregressive {
                    prefix: format!("autoregressive.{l}."),
                    order: layer.order.clone(),
                    hidden: layer.hidden.clone(),
                    transformer: spec.transformer,
                })
            };
            layers(spec.layers.iter().enumerate().map(layer), spec.affine.then_some(spec.dim))
        }
    };
    Ok(flow(architecture.dim(), &layers, &tensors, target)?.finish(fusing))
}

fn boxed(layer: impl Layer + 'static) -> Box<dyn Layer> {
    Box::new(layer)
}

fn layers(
    layers: impl Iterator<Item = Box<dyn Layer>>,
    affine: Option<usize>,
) -> Vec<Box<dyn Layer>> {
    layers.chain(affine.map(|dim| boxed(Affine { prefix: "affine.".into(), dim }))).collect()
}

fn couplings(
    couplings: &[CouplingSpec],
    transformer: TransformerSpec,
) -> impl Iterator<Item = Box<dyn Layer>> {
    couplings.iter().enumerate().map(move |(l, coupling)| {
        boxed(Coupling {
            prefix: format!("coupling.{l}."),
            mask: coupling.mask.clone(),
            hidden: coupling.hidden.clone(),
            transformer,
        })
    })
}

/// Free energy: noise through the layers to samples, and their energy. Likelihood: data through the
/// inverse layers to noise, and its density.
fn flow(
    dim: usize,
    layers: &[Box<dyn Layer>],
    tensors: &Tensors,
    target: &Target,
) -> Result<Tape, TrainError> {
    let (kind, direction) = target::of_flow(target);
    let mut tape = Tape::new(dim, 1, tensors.parameters(), kind);
    let mut x = target::start_of_flow(&mut tape, target, dim);
    let order: Vec<&Box<dyn Layer>> = match direction {
        Direction::Sampling => layers.iter().collect(),
        Direction::Density => layers.iter().rev().collect(),
    };
    for layer in order {
        x = layer.lower(&mut tape, tensors, direction, x)?;
    }
    target::end_of_flow(&mut tape, target, dim, x);
    Ok(tape)
}
