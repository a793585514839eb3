//! A perceptron in integers, for the couplings of a flow: weights of 8 or 16 bits, sums of 32.
//!
//! It is the [perceptron](Mlp) with leaky units, run in lanes of integers ([`Lanes::integers`]). What it reads
//! and gives are floats, on whose way in and out each is multiplied by one number of its own:
//!
//! ```text
//! nᵢ = clamp(round(xᵢ sᵢ), ±(2^B − 1))        outₒ = float(bₒ + Σᵢ wₒᵢ hᵢ) uₒ
//! ```
//!
//! and between them are integers alone: [`Bytes`] says how they are stored and how a sum becomes a unit of B
//! bits. So on a core without a floating-point unit, what it takes of one is two operations for each input
//! and each output, in the place of two for each weight.
//!
//! The map that a coupling makes of the outputs is the same in both directions, and its derivative is: the
//! flow is as invertible as one of floats, and its density as normalised. But what it reads is *rounded*.
//! Where rounding of floats in the layers before takes an input over the edge between two integers, the
//! outputs jump, and with them ln q: by little, in few rows, and only between a draw and the score of its
//! row, whose inputs may differ in their last bits.
//!
//! # Packed order
//! sᵢ of all inputs and uₒ of all outputs, as floats; then those of the perceptron, as integers, with scales in the
//! place of slopes.

#[cfg(feature = "model")]
use alloc::format;
#[cfg(feature = "model")]
use alloc::vec::Vec;

#[cfg(feature = "model")]
use super::{Bits, Called, MlpSpec, integer};
use super::{Mlp, Network, enter, leave};
#[cfg(feature = "model")]
use crate::activation::Leaky;
#[cfg(feature = "model")]
use crate::kernel::I16;
use crate::kernel::{Bytes, IntegerWeight, Lanes, take, take_mut};
#[cfg(feature = "model")]
use crate::model::{Faults, Initial, NetworkPart, Packer, Source, Sources, Start, Tensors};

/// A perceptron in integers over packed weights; see the module.
#[derive(Clone, Copy, Debug)]
pub struct IntegerMlp<'a, M> {
    scales: &'a [f32],
    network: Mlp<'a, Bytes<'a, M, M>>,
}

impl<'a, M: IntegerWeight> IntegerMlp<'a, M> {
    /// Around a perceptron whose sizes were checked before, by `model!` or when the model was read, with a scale
    /// for each of its inputs and of its outputs. Wrong sizes give wrong values and no panic.
    #[doc(hidden)]
    pub const fn trusted(scales: &'a [f32], network: Mlp<'a, Bytes<'a, M, M>>) -> Self {
        Self { scales, network }
    }
}

impl<M: IntegerWeight> Network for IntegerMlp<'_, M> {
    fn inputs(&self) -> usize {
        self.network.inputs()
    }

    fn outputs(&self) -> usize {
        self.network.outputs()
    }

    fn scratch(&self) -> usize {
        self.network.scratch()
    }

    #[inline(always)]
    fn run<'s, L: Lanes>(
        &self,
        lanes: L,
        scratch: &'s mut [L::V],
    ) -> (&'s mut [L::V], &'s mut [L::V]) {
        let (read, given) = take(self.scales, self.inputs());
        enter(lanes, M::UNIT_BITS, read, take_mut(scratch, read.len()).0);
        let (out, free) = self.network.run(lanes.integers(), scratch);
        leave(lanes, given, out);
        (out, free)
    }
}

/// `{"kind": "integer", "hidden": [units, …], "weights": "i8"}`: tensors `input.scale` `[inputs]` and
/// `output.scale` `[outputs]`, floats; `hidden.{l}.weight` `[units, inputs]`, `hidden.{l}.bias` `[units]`,
/// `hidden.{l}.scales` `[4 · units]` (for each unit `e, m, e′, m′`, as [`crate::kernel::Bytes`] takes them),
/// `output.weight` `[outputs, inputs]` and `output.bias`: weights and scales are integers of the bits that are
/// said, biases of 32.
#[cfg(feature = "model")]
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntegerMlpSpec {
    /// Units of each hidden layer.
    pub hidden: Vec<usize>,
    /// Bits of weights.
    pub weights: Bits,
}

/// A perceptron in integers that is read at run time.
#[cfg(feature = "model")]
#[derive(Clone, Copy, Debug)]
pub enum AnyIntegerMlp<'a> {
    /// Weights of 8 bits.
    I8(Called<IntegerMlp<'a, i8>>),
    /// Weights of 16 bits.
    I16(Called<IntegerMlp<'a, I16>>),
}

#[cfg(feature = "model")]
any_network!(AnyIntegerMlp: I8, I16);

#[cfg(feature = "model")]
impl IntegerMlpSpec {
    /// The network of floats that it has the shape of.
    fn mlp(&self) -> MlpSpec {
        MlpSpec { hidden: self.hidden.clone(), ..MlpSpec::default() }
    }

    /// The tensors of integers.
    fn integers(&self, inputs: usize, outputs: usize, tensors: &mut Tensors) {
        let first = tensors.all.len();
        self.mlp().tensors(inputs, outputs, Initial::FLOW, tensors);
        integer::in_integers(tensors.all.iter_mut().skip(first), |_| self.weights);
    }
}

#[cfg(feature = "model")]
impl NetworkPart for IntegerMlpSpec {
    type Built<'a> = AnyIntegerMlp<'a>;

    fn check(&self, inputs: usize, faults: &mut Faults) {
        self.mlp().check(inputs, faults);
        integer::check_endian(faults, "mlp");
    }

    fn tensors(&self, inputs: usize, outputs: usize, _: Initial, tensors: &mut Tensors) {
        tensors.vector("input.scale", inputs, Start::Value(0.0));
        tensors.vector("output.scale", outputs, Start::Value(0.0));
        self.integers(inputs, outputs, tensors);
    }

    fn pack(&self, inputs: usize, outputs: usize, packer: &mut Packer<'_>) {
        packer.vector("input.scale", 0..inputs);
        packer.vector("output.scale", 0..outputs);
        let mut tensors = Tensors::default();
        self.integers(inputs, outputs, &mut tensors);
        packer.integers(tensors, |packer| self.mlp().pack(inputs, outputs, packer));
    }

    fn build<'a>(&'a self, inputs: usize, outputs: usize, weights: &'a [f32]) -> Self::Built<'a> {
        fn any<'a, M: IntegerWeight>(
            spec: &'a IntegerMlpSpec,
            inputs: usize,
            outputs: usize,
            weights: &'a [f32],
        ) -> Called<IntegerMlp<'a, M>> {
            let (scales, integers) = take(weights, inputs + outputs);
            let bytes = Bytes::new(crate::simd::embed::bytes(integers));
            let network = Mlp::trusted(inputs, &spec.hidden, outputs, Leaky, bytes);
            Called(IntegerMlp::trusted(scales, network))
        }
        match self.weights {
            Bits::I8 => AnyIntegerMlp::I8(any(self, inputs, outputs, weights)),
            Bits::I16 => AnyIntegerMlp::I16(any(self, inputs, outputs, weights)),
        }
    }

    fn source(&self, inputs: usize, outputs: usize, sources: &mut Sources) -> Source {
        sources.table(self.hidden.len() + 8);
        let floats = inputs + outputs;
        let scales = sources.weights(floats);
        let words = Packer::words(|packer| self.pack(inputs, outputs, packer));
        let integers = sources.weights(words - floats);
        let (hidden, bits) = (&self.hidden, self.weights.source());
        sources.code("integer mlp", 4);
        Source {
            ty: format!("engine::network::IntegerMlp<'static, {bits}>"),
            value: format!(
                "engine::network::IntegerMlp::trusted({scales}, engine::network::Mlp::trusted({inputs}, \
                 &{hidden:?}, {outputs}, engine::activation::Leaky, \
                 engine::kernel::Bytes::new(engine::simd::embed::bytes({integers}))))"
            ),
        }
    }
}
