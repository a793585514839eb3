//! Lowering: from a model's parts to the operations that train it.
//!
//! One part is one file, in the words of the description: it takes the part's spec and where its
//! tensors' names begin, and pushes operations onto a [`Tape`].

mod affine;
mod autoregressive;
mod base;
mod bounds;
mod conditioned;
mod convolution;
mod coupling;
mod lu;
mod multilevel;
mod network;
mod partial;
mod path;
mod permute;
mod rotation;
mod samples;
mod simplex;
mod sites;
mod staged;
mod target;
mod tensors;

use pushforward::model::{Description, FlowSpec, LayerSpec};

use super::tape::{Fusing, Tape};
use super::{Gradient, Objective, Target, TrainError};
use crate::ops::{Direction, Program, Slot};

pub(super) use tensors::Tensors;

/// Where the layers of a flow are lowered to.
struct Lowering<'a> {
    tape: &'a mut Tape,
    tensors: &'a Tensors,
    direction: Direction,
    /// Coordinates.
    dim: usize,
    /// What the layers see of the context.
    context: Option<Slot>,
}

/// The training step of a model for a target.
///
/// # Errors
/// [`TrainError::Tensor`] if the model lacks a tensor of one of its parts, [`TrainError::Setting`] if
/// it has no gradient of this kind.
pub fn step_program(
    description: &Description,
    target: &Target,
    objective: Objective,
    fusing: Fusing,
) -> Result<Program, TrainError> {
    let tensors = Tensors::of(description);
    let Objective { gradient, alpha } = objective;
    let is_of_flow = matches!((description, target), (Description::Flow(_), Target::Energy { .. }));
    let wrong = |field, found: String, expected: &str| {
        Err(TrainError::Setting { field, found, expected: expected.into() })
    };
    if gradient == Gradient::Path && !is_of_flow {
        return wrong("gradient", "path".into(), "total, unless a flow learns from a Hamiltonian");
    }
    if !(0.0..=1.0).contains(&alpha) || (alpha != 1.0 && !is_of_flow) {
        let expected = "1, or from 0 to 1 where a flow learns from a Hamiltonian";
        return wrong("alpha", alpha.to_string(), expected);
    }
    let has_samples = matches!(target, Target::Energy { samples: Some(_), .. });
    if has_samples && (!is_of_flow || alpha != 1.0) {
        let expected = "none, unless a flow learns from a Hamiltonian, with alpha 1";
        return wrong("samples", "some".into(), expected);
    }
    if alpha != 1.0 && gradient == Gradient::Path {
        let expected = "total where alpha is less than 1, whose score is not 0 in the mean";
        return wrong("gradient", "path".into(), expected);
    }
    let tape = match description {
        Description::Flow(spec) => flow(spec, description.dim(), &tensors, target, objective)?,
        Description::Sites(spec) => sites::lower(spec, description.dim(), &tensors, target)?,
    };
    Ok(tape.finish(fusing))
}

/// Free energy: noise through the layers to samples, and their energy. Likelihood: data through the
/// inverse layers to noise, and its density.
fn flow(
    spec: &FlowSpec,
    dim: usize,
    tensors: &Tensors,
    target: &Target,
    objective: Objective,
) -> Result<Tape, TrainError> {
    let (kind, direction) = target::of_flow(target);
    let mut tape = Tape::new(1, tensors.parameters(), kind);
    let (mut x, given) = target::start_of_flow(&mut tape, tensors, target, spec, dim)?;
    let context = network::embedding(&mut tape, tensors, spec.embedding.as_ref(), given)?;
    if objective.alpha != 1.0 {
        tape.renyi(objective.alpha);
    }
    let mut lowering = Lowering { tape: &mut tape, tensors, direction, dim, context };
    let layers = spec.layers.iter().enumerate();
    let order: Vec<(usize, &LayerSpec)> = match direction {
        Direction::Sampling => layers.collect(),
        Direction::Density => layers.rev().collect(),
    };
    for (l, layer) in order {
        x = lowering.layer(layer, &format!("layers.{l}."), x)?;
    }
    target::end_of_flow(lowering.tape, tensors, target, &spec.base, x)?;
    if objective.gradient == Gradient::Path {
        path::lower(&mut lowering, spec, x)?;
    }
    if let Target::Energy { samples: Some(samples), .. } = target {
        samples::lower(&mut lowering, spec, samples)?;
    }
    Ok(tape)
}

impl Lowering<'_> {
    /// Pushes what takes rows `x`, which are no draws, to their noise, and adds ln |dz/dx| to ln q.
    fn noise_of(&mut self, spec: &FlowSpec, x: Slot) -> Result<Slot, TrainError> {
        self.direction = Direction::Density;
        let mut layers = spec.layers.iter().enumerate().rev();
        layers.try_fold(x, |z, (l, layer)| self.layer(layer, &format!("layers.{l}."), z))
    }

    /// Pushes what takes `x` to the matrix that is returned, and adds ln |dz/dx| to ln q.
    fn layer(&mut self, layer: &LayerSpec, path: &str, x: Slot) -> Result<Slot, TrainError> {
        match layer {
            LayerSpec::Coupling(spec) => coupling::lower(self, spec, path, x),
            LayerSpec::Autoregressive(spec) => autoregressive::lower(self, spec, path, x),
            LayerSpec::Bounds(spec) => bounds::lower(self, spec, x),
            LayerSpec::Affine(_) => affine::lower(self, path, x),
            LayerSpec::Lu(_) => lu::lower(self, path, x),
            LayerSpec::Partial(spec) => partial::lower(self, spec, path, x),
            LayerSpec::Permute(spec) => permute::lower(self, spec, x),
            LayerSpec::Rotation(spec) => rotation::lower(self, spec, path, x),
            LayerSpec::Simplex(spec) => simplex::lower(self, spec, x),
        }
    }
}
