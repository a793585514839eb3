//! Multi-layer perceptron: dense layers of units, then a linear one.
//!
//! ```text
//! h⁰ = unit(b⁰ + W⁰ x),  hˡ = unit(bˡ + Wˡ hˡ⁻¹),  out = b + V h
//! ```
//!
//! # Packed order
//! For each hidden layer biases, rectangle, and slopes where units have them; then the biases and the
//! rectangle of the outputs.

#[cfg(feature = "model")]
use alloc::format;
#[cfg(feature = "model")]
use alloc::vec::Vec;

use super::Network;
#[cfg(feature = "model")]
use crate::activation::AnyActivation;
use crate::activation::{Activation, Leaky};
use crate::kernel::{Cursor, Dense, Lanes, Weight, take, take_mut};
#[cfg(feature = "model")]
use crate::model::{
    Faults, Initial, NetworkPart, Packer, Source, Sources, Start, Tensors, Visible,
};

/// A multi-layer perceptron over packed weights, borrowed from flash or from a loaded model.
#[derive(Clone, Copy, Debug)]
pub struct Mlp<'a, T = f32, U = Leaky> {
    inputs: usize,
    hidden: &'a [usize],
    outputs: usize,
    activation: U,
    weights: &'a [T],
}

impl<'a, T: Weight, U: Activation> Mlp<'a, T, U> {
    /// With `hidden` layers of these units, over weights packed as the module says; `None` if there
    /// are not [`Mlp::weights_len`] of them.
    pub fn new(
        inputs: usize,
        hidden: &'a [usize],
        outputs: usize,
        activation: U,
        weights: &'a [T],
    ) -> Option<Self> {
        let fits = weights.len() == Self::weights_len(inputs, hidden, outputs, activation);
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
        weights: &'a [T],
    ) -> Self {
        Self { inputs, hidden, outputs, activation, weights }
    }

    /// Packed weights, biases and slopes.
    pub fn weights_len(
        mut inputs: usize,
        hidden: &[usize],
        outputs: usize,
        activation: U,
    ) -> usize {
        let mut total = 0;
        for units in hidden {
            total += (inputs + 1) * units + activation.slopes(*units);
            inputs = *units;
        }
        total + (inputs + 1) * outputs
    }
}

impl<T: Weight, U: Activation> Network for Mlp<'_, T, U> {
    fn inputs(&self) -> usize {
        self.inputs
    }

    fn outputs(&self) -> usize {
        self.outputs
    }

    /// Two layers of the widest.
    fn scratch(&self) -> usize {
        2 * self.hidden.iter().copied().fold(self.inputs.max(self.outputs), usize::max)
    }

    #[inline(always)]
    fn run<'s, L: Lanes>(
        &self,
        lanes: L,
        scratch: &'s mut [L::V],
    ) -> (&'s mut [L::V], &'s mut [L::V]) {
        let mut weights = Cursor::new(self.weights);
        let half = scratch.len() / 2;
        let (mut inputs, mut outputs) = take_mut(scratch, half);
        let mut known = self.inputs;
        for units in self.hidden {
            let layer = take_mut(outputs, *units).0;
            let bias = weights.next(*units);
            let rectangle = weights.next(known * *units);
            let slopes = weights.next(self.activation.slopes(*units));
            let dense = Dense { bias, weights: rectangle, slopes };
            lanes.dense(dense, take(inputs, known).0, layer);
            self.activation.apply(lanes, layer);
            (inputs, outputs) = (outputs, inputs);
            known = *units;
        }
        let out = take_mut(outputs, self.outputs).0;
        let (bias, rectangle) = (weights.next(self.outputs), weights.next(known * self.outputs));
        let dense = Dense { bias, weights: rectangle, slopes: &[] };
        lanes.dense(dense, take(inputs, known).0, out);
        (out, inputs)
    }
}

/// `{"kind": "mlp", "hidden": [units, …], "activation": "leaky"}`: tensors `hidden.{l}.weight` `[units,
/// inputs]`, `hidden.{l}.bias`, `hidden.{l}.slope` (of leaky units) `[units]`, `output.weight`
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
}

#[cfg(feature = "model")]
impl NetworkPart for MlpSpec {
    type Built<'a> = Mlp<'a, f32, AnyActivation>;

    fn check(&self, faults: &mut Faults) {
        faults.sizes("hidden", &self.hidden);
    }

    fn tensors(&self, inputs: usize, outputs: usize, initial: Initial, tensors: &mut Tensors) {
        let mut known = inputs;
        for (l, units) in self.hidden.iter().enumerate() {
            tensors.hidden(l, [*units, known], Visible::All, initial, self.activation);
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
            packer.vector(&format!("hidden.{l}.slope"), 0..self.activation.slopes(*units));
            known = *units;
        }
        packer.vector("output.bias", 0..outputs);
        packer.rectangle("output.weight", 0..outputs, 0..known);
    }

    fn build<'a>(&'a self, inputs: usize, outputs: usize, weights: &'a [f32]) -> Self::Built<'a> {
        Mlp::trusted(inputs, &self.hidden, outputs, self.activation, weights)
    }

    fn source(&self, inputs: usize, outputs: usize, sources: &mut Sources) -> Source {
        sources.table(self.hidden.len() + 6);
        let (hidden, activation) = (&self.hidden, self.activation);
        let len = Mlp::<f32, _>::weights_len(inputs, hidden, outputs, activation);
        let (weights, unit) = (sources.weights(len), activation.source(sources));
        let unit = format!("engine::activation::{unit}");
        Source {
            ty: format!("engine::network::Mlp<'static, {}, {unit}>", sources.weight()),
            value: format!(
                "engine::network::Mlp::trusted({inputs}, &{hidden:?}, {outputs}, {unit}, {weights})"
            ),
        }
    }
}
