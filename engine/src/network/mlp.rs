//! Multi-layer perceptron: dense layers of units, then a linear one.
//!
//! ```text
//! h⁰ = unit(b⁰ + W⁰ x),  hˡ = unit(bˡ + Wˡ hˡ⁻¹),  out = b + V h
//! ```
//!
//! A *residual* network (He et al. 2016, arXiv:1603.05027, units before weights, as nflows has it)
//! takes its layers after the first in pairs, all as wide as the first, and adds each pair to the
//! stream that the first began:
//!
//! ```text
//! s⁰ = b⁰ + W⁰ x,  sᵏ = (b²ᵏ + W²ᵏ unit(b²ᵏ⁻¹ + W²ᵏ⁻¹ unit(sᵏ⁻¹))) + sᵏ⁻¹,  out = b + V s
//! ```
//!
//! It is an option of these networks and no part of its own: tensors, packing and kernels are theirs.
//!
//! # Packed order
//! For each hidden layer biases, rectangle, and slopes where units have them; then the biases and the
//! rectangle of the outputs.

#[cfg(feature = "model")]
use alloc::format;
#[cfg(feature = "model")]
use alloc::vec::Vec;

#[cfg(feature = "model")]
use super::Called;
use super::{Network, can_be_residual};
#[cfg(feature = "model")]
use crate::activation::AnyActivation;
use crate::activation::{Activation, Leaky};
use crate::kernel::{Counts, Lanes, Store, add, take, take_mut};
#[cfg(feature = "model")]
use crate::model::{
    Faults, Initial, NetworkPart, Packer, Source, Sources, Start, Tensors, Units, Visible, is_false,
};

/// A multi-layer perceptron over packed weights, borrowed from flash or from a loaded model.
#[derive(Clone, Copy, Debug)]
pub struct Mlp<'a, W = &'a [f32], U = Leaky, const RESIDUAL: bool = false> {
    inputs: usize,
    hidden: &'a [usize],
    outputs: usize,
    activation: U,
    residual: bool,
    weights: W,
}

impl<'a, W: Store<'a>, U: Activation, const RESIDUAL: bool> Mlp<'a, W, U, RESIDUAL> {
    /// With `hidden` layers of these units, over weights packed as the module says; `None` if there
    /// are not [as many](Mlp::counts), or if it is residual and its layers
    /// [cannot be](can_be_residual).
    pub fn new(
        inputs: usize,
        hidden: &'a [usize],
        outputs: usize,
        activation: U,
        weights: W,
    ) -> Option<Self> {
        let fits = weights.fits(Self::counts(inputs, hidden, outputs, activation))
            && (!RESIDUAL || can_be_residual(hidden, activation));
        fits.then(|| Self::trusted(inputs, hidden, outputs, activation, weights))
    }

    /// A network whose sizes were checked before, by `model!` or when the model was read. Wrong sizes
    /// give wrong values and no panic.
    #[doc(hidden)]
    pub const fn trusted(
        inputs: usize,
        hidden: &'a [usize],
        outputs: usize,
        activation: U,
        weights: W,
    ) -> Self {
        Self { inputs, hidden, outputs, activation, residual: RESIDUAL, weights }
    }

    /// As the type says, or what was read.
    #[inline(always)]
    fn is_residual(&self) -> bool {
        if U::READ { self.residual } else { RESIDUAL }
    }

    /// The outputs of a residual network, and free scratch.
    #[inline(always)]
    fn run_residual<'s, L: Lanes>(
        &self,
        lanes: L,
        scratch: &'s mut [L::V],
    ) -> (&'s mut [L::V], &'s mut [L::V]) {
        let mut weights = self.weights;
        let mut dense = |from: &[L::V], to: &mut [L::V]| weights.sums(lanes, from, to);
        let third = scratch.len() / 3;
        let (inner, rest) = take_mut(scratch, third);
        let (outer, stream) = take_mut(rest, third);
        let units = self.hidden.first().copied().unwrap_or(0);
        let stream = take_mut(stream, units).0;
        dense(take(inner, self.inputs).0, stream);
        for _ in 0..self.hidden.len() / 2 {
            let (inner, outer) = (take_mut(inner, units).0, take_mut(outer, units).0);
            for (unit, sum) in outer.iter_mut().zip(stream.iter()) {
                *unit = *sum;
            }
            self.activation.apply(lanes, outer);
            dense(outer, inner);
            self.activation.apply(lanes, inner);
            dense(inner, outer);
            add(lanes, stream, outer);
        }
        let out = take_mut(outer, self.outputs).0;
        dense(stream, out);
        (out, inner)
    }

    /// Its weights, biases and slopes.
    pub fn counts(inputs: usize, hidden: &[usize], outputs: usize, activation: U) -> Counts {
        let mut counts = Counts { bias: outputs, outputs, ..Counts::default() };
        let mut known = inputs;
        for units in hidden {
            counts.matrix += known * units;
            counts.bias += units;
            counts.slopes += activation.slopes(*units);
            known = *units;
        }
        counts.matrix += known * outputs;
        counts
    }
}

impl<'a, W: Store<'a>, U: Activation, const RESIDUAL: bool> Network for Mlp<'a, W, U, RESIDUAL> {
    fn inputs(&self) -> usize {
        self.inputs
    }

    fn outputs(&self) -> usize {
        self.outputs
    }

    /// Two layers of the widest, and of a residual network the stream.
    fn scratch(&self) -> usize {
        let layers = if self.is_residual() { 3 } else { 2 };
        layers * self.hidden.iter().copied().fold(self.inputs.max(self.outputs), usize::max)
    }

    #[inline(always)]
    fn run<'s, L: Lanes>(
        &self,
        lanes: L,
        scratch: &'s mut [L::V],
    ) -> (&'s mut [L::V], &'s mut [L::V]) {
        if self.is_residual() {
            return self.run_residual(lanes, scratch);
        }
        let mut weights = self.weights;
        let half = scratch.len() / 2;
        let (mut inputs, mut outputs) = take_mut(scratch, half);
        let mut known = self.inputs;
        for units in self.hidden {
            let layer = take_mut(outputs, *units).0;
            let slopes = self.activation.slopes(*units);
            weights.layer(lanes, slopes, take(inputs, known).0, layer);
            self.activation.apply(lanes, layer);
            (inputs, outputs) = (outputs, inputs);
            known = *units;
        }
        let out = take_mut(outputs, self.outputs).0;
        weights.sums(lanes, take(inputs, known).0, out);
        (out, inputs)
    }
}

/// `{"kind": "mlp", "hidden": [units, …], "activation": "leaky", "residual": false}`: tensors
/// `hidden.{l}.weight` `[units, inputs]`, `hidden.{l}.bias`, `hidden.{l}.slope` (of leaky units) `[units]`, `output.weight`
/// `[outputs, inputs]` and `output.bias`.
#[cfg(feature = "model")]
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MlpSpec {
    /// Units of each hidden layer.
    pub hidden: Vec<usize>,
    /// What they make of their sums.
    #[serde(default, skip_serializing_if = "AnyActivation::is_leaky")]
    pub activation: AnyActivation,
    /// Whether layers after the first are added to it in pairs.
    #[serde(default, skip_serializing_if = "is_false")]
    pub residual: bool,
}

#[cfg(feature = "model")]
impl NetworkPart for MlpSpec {
    type Built<'a> = Called<Mlp<'a, &'a [f32], AnyActivation>>;

    fn check(&self, _: usize, faults: &mut Faults) {
        faults.sizes("hidden", &self.hidden);
        faults.residual(self.residual, &self.hidden, self.activation);
    }

    fn tensors(&self, inputs: usize, outputs: usize, initial: Initial, tensors: &mut Tensors) {
        let (activation, residual) = (self.activation, self.residual);
        let of = Units { initial, activation, residual, biased: true };
        let mut known = inputs;
        for (l, units) in self.hidden.iter().enumerate() {
            tensors.hidden(l, [*units, known], Visible::All, of);
            known = *units;
        }
        tensors.matrix("output.weight", [outputs, known], Visible::All, initial.output());
        tensors.vector("output.bias", outputs, Start::Value(0.0));
    }

    fn pack(&self, inputs: usize, outputs: usize, packer: &mut Packer<'_>) {
        let mut known = inputs;
        for (l, units) in self.hidden.iter().enumerate() {
            packer.vector(&format!("hidden.{l}.bias"), 0..*units);
            packer.rectangle(&format!("hidden.{l}.weight"), 0..*units, 0..known);
            packer.slopes(&format!("hidden.{l}"), 0..self.activation.slopes(*units));
            known = *units;
        }
        packer.vector("output.bias", 0..outputs);
        packer.rectangle("output.weight", 0..outputs, 0..known);
    }

    fn build<'a>(&'a self, inputs: usize, outputs: usize, weights: &'a [f32]) -> Self::Built<'a> {
        let network = Mlp::trusted(inputs, &self.hidden, outputs, self.activation, weights);
        Called(Mlp { residual: self.residual, ..network })
    }

    fn source(&self, inputs: usize, outputs: usize, sources: &mut Sources) -> Source {
        sources.table(self.hidden.len() + 6);
        let (hidden, activation) = (&self.hidden, self.activation);
        let counts = Mlp::<&[f32], _>::counts(inputs, hidden, outputs, activation);
        let (weights, unit) = (sources.weights(counts.total()), activation.source(sources));
        let unit = format!("engine::activation::{unit}");
        Source {
            ty: format!(
                "engine::network::Mlp<'static, &'static [{}], {unit}, {}>",
                sources.weight(),
                self.residual
            ),
            value: format!(
                "engine::network::Mlp::trusted({inputs}, &{hidden:?}, {outputs}, {unit}, {weights})"
            ),
        }
    }
}
