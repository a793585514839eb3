//! A masked network in integers: weights of 8 or 16 bits, sums of 32.
//!
//! It is the [masked network](super::Masked) with leaky units, walked in lanes of integers
//! ([`Lanes::integers`]): the same blocks, rectangles and order. [`Bytes`] says how its weights are stored
//! and how a sum becomes a unit or an output. What it reads are the integers that a conditional makes of
//! values, and what it gives are integers for a conditional that takes them, such as
//! [`Tabulated`](crate::conditional::Tabulated).
//!
//! A model with such a network has the arithmetic `integer`: its bits need no floating-point unit and
//! no agreement on how one rounds. It comes from a model of floats by quantisation, and is a
//! distribution of its own, normalised as exactly.

#[cfg(feature = "model")]
use alloc::format;
#[cfg(feature = "model")]
use alloc::vec::Vec;

#[cfg(feature = "model")]
use super::{Called, Evenly, Masked, Shape, masked::MaskedSpec};
use super::{CausalNetwork, CausalSizes, Visitor};
#[cfg(feature = "model")]
use crate::activation::AnyActivation;
use crate::kernel::Lanes;
#[cfg(feature = "model")]
use crate::kernel::{Bytes, I16, IntegerWeight};
#[cfg(feature = "model")]
use crate::model::{
    CausalPart, Dtype, Faults, Initial, Packer, Source, Sources, Start, TensorSpec, Tensors,
    is_none,
};

/// A causal network whose lanes hold integers.
#[derive(Clone, Copy, Debug)]
pub struct Integer<N>(pub N);

impl<N: CausalNetwork> CausalNetwork for Integer<N> {
    #[inline(always)]
    fn sizes(&self) -> CausalSizes {
        self.0.sizes()
    }

    #[inline(always)]
    fn scratch(&self) -> usize {
        self.0.scratch()
    }

    #[inline(always)]
    fn walk<L: Lanes>(
        &self,
        lanes: L,
        visitor: &mut impl Visitor<L>,
        context: &[L::V],
        inputs: &mut [L::V],
        scratch: &mut [L::V],
    ) {
        let visitor = &mut OfIntegers { lanes, visitor };
        self.0.walk(lanes.integers(), visitor, context, inputs, scratch);
    }
}

/// A visitor that sees integers in the lanes that it knows.
struct OfIntegers<'v, L, V> {
    lanes: L,
    visitor: &'v mut V,
}

impl<L: Lanes, V: Visitor<L>> Visitor<L::Integers> for OfIntegers<'_, L, V> {
    #[inline(always)]
    fn sizes(&self) -> [usize; 2] {
        self.visitor.sizes()
    }

    #[inline(always)]
    fn site(&mut self, _: L::Integers, site: usize, outputs: &mut [L::V], inputs: &mut [L::V]) {
        self.visitor.site(self.lanes, site, outputs, inputs);
    }
}

/// How many bits weights have.
#[cfg(feature = "model")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bits {
    /// 8.
    #[default]
    I8,
    /// 16.
    I16,
}

#[cfg(feature = "model")]
impl Bits {
    /// The largest weight.
    pub fn most(self) -> i32 {
        match self {
            Bits::I8 => i8::MAX.into(),
            Bits::I16 => i16::MAX.into(),
        }
    }

    /// Bits of a unit that such weights multiply, without the sign.
    pub fn of_unit(self) -> u32 {
        match self {
            Bits::I8 => i8::UNIT_BITS,
            Bits::I16 => I16::UNIT_BITS,
        }
    }

    fn dtype(self) -> Dtype {
        match self {
            Bits::I8 => Dtype::I8,
            Bits::I16 => Dtype::I16,
        }
    }

    pub(super) fn source(self) -> &'static str {
        match self {
            Bits::I8 => "i8",
            Bits::I16 => "engine::kernel::I16",
        }
    }
}

/// Tensors of a network of floats as one of integers has them: scales in the place of slopes, `matrix` bits for
/// the entries of each matrix, 32 for biases.
#[cfg(feature = "model")]
pub(super) fn in_integers<'a>(
    tensors: impl Iterator<Item = &'a mut TensorSpec>,
    matrix: impl Fn(&str) -> Bits,
) {
    for tensor in tensors {
        tensor.start = Start::Value(0.0);
        tensor.dtype = match tensor.name.rsplit('.').next() {
            Some("weight") => matrix(&tensor.name).dtype(),
            Some("bias") => Dtype::I32,
            _ => Dtype::I16,
        };
        if let Some(path) = tensor.name.strip_suffix("slope") {
            tensor.name = format!("{path}scales");
            tensor.shape = [4 * tensor.size()].into();
        }
    }
}

/// Notes that there are no networks of integers on a big-endian machine, which has this kind in their place.
#[cfg(feature = "model")]
pub(super) fn check_endian(faults: &mut Faults, floats: &str) {
    if cfg!(target_endian = "big") {
        faults.wrong("kind", "integer", format!("{floats} on a big-endian machine"));
    }
}

/// `{"kind": "integer", "hidden": [units, …], "weights": "i8", "direct": "i16"}`: tensors as those of
/// `masked`, with `hidden.{l}.scales` `[4 · units]` in the place of slopes and `output.scales`
/// `[4 · outputs]`: for each unit or output `e, m, e′, m′`, as [`crate::kernel::Bytes`] takes them. Weights
/// and scales are integers of the bits that are said, biases of 32.
#[cfg(feature = "model")]
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntegerSpec {
    /// Units of each hidden layer.
    pub hidden: Vec<usize>,
    /// Bits of weights.
    pub weights: Bits,
    /// Bits of direct terms, if there are any.
    #[serde(default, skip_serializing_if = "is_none")]
    pub direct: Option<Bits>,
}

/// An integer network of which nothing is known but what was read.
#[cfg(feature = "model")]
type AnyOf<'a, M, D> =
    Integer<Called<Masked<'a, Bytes<'a, M, D>, true, AnyActivation, false, Evenly>>>;

/// An integer network that is read at run time. One without direct terms goes as one with such of the
/// weights' bits.
#[cfg(feature = "model")]
#[derive(Clone, Copy, Debug)]
pub enum AnyInteger<'a> {
    /// Weights and direct terms of 8 bits.
    I8(AnyOf<'a, i8, i8>),
    /// Direct terms of 16 bits.
    Direct16(AnyOf<'a, i8, I16>),
    /// Weights and direct terms of 16 bits.
    I16(AnyOf<'a, I16, I16>),
}

#[cfg(feature = "model")]
any_causal_network!(AnyInteger: I8, Direct16, I16);

#[cfg(feature = "model")]
impl IntegerSpec {
    /// The network of floats that it has the shape of.
    fn masked(&self) -> MaskedSpec {
        let direct = self.direct.is_some();
        MaskedSpec { hidden: self.hidden.clone(), direct, ..MaskedSpec::default() }
    }

    fn shape(&self, sizes: CausalSizes) -> Shape<'_> {
        let CausalSizes { sites, inputs, outputs, context } = sizes;
        let direct = self.direct.is_some();
        Shape { sites, inputs, hidden: &self.hidden, outputs, context, direct, owners: Evenly }
    }
}

#[cfg(feature = "model")]
impl CausalPart for IntegerSpec {
    type Built<'a> = AnyInteger<'a>;

    fn check(&self, sites: usize, faults: &mut Faults) {
        self.masked().check(sites, faults);
        check_endian(faults, "masked");
        if (self.weights, self.direct) == (Bits::I16, Some(Bits::I8)) {
            faults.wrong("direct", "i8", "i16 where weights are i16");
        }
    }

    fn tensors(&self, sizes: CausalSizes, initial: Initial, tensors: &mut Tensors) {
        let first = tensors.all.len();
        self.masked().tensors(sizes, initial, tensors);
        let outputs = sizes.sites * sizes.outputs;
        tensors.vector("output.scales", 4 * outputs, Start::Value(0.0));
        in_integers(tensors.all.iter_mut().skip(first), |name| {
            match name.ends_with("direct.weight") {
                true => self.direct.unwrap_or_default(),
                false => self.weights,
            }
        });
    }

    fn pack(&self, sizes: CausalSizes, packer: &mut Packer<'_>) {
        let mut tensors = Tensors::default();
        self.tensors(sizes, Initial::SITES, &mut tensors);
        packer.integers(tensors, |packer| self.masked().pack(sizes, packer));
    }

    fn build<'a>(&'a self, sizes: CausalSizes, weights: &'a [f32]) -> AnyInteger<'a> {
        fn any<'a, M, D>(shape: Shape<'a>, bytes: &'a [i8]) -> AnyOf<'a, M, D>
        where
            M: IntegerWeight,
            D: IntegerWeight,
        {
            let bytes = Bytes::new(bytes);
            Integer(Called(Masked::trusted(shape, AnyActivation::Leaky, bytes)))
        }
        let (shape, bytes) = (self.shape(sizes), crate::simd::embed::bytes(weights));
        match (self.weights, self.direct) {
            (Bits::I8, None | Some(Bits::I8)) => AnyInteger::I8(any(shape, bytes)),
            (Bits::I8, Some(Bits::I16)) => AnyInteger::Direct16(any(shape, bytes)),
            (Bits::I16, _) => AnyInteger::I16(any(shape, bytes)),
        }
    }

    fn source(&self, sizes: CausalSizes, sources: &mut Sources) -> Source {
        let Shape { sites, inputs, hidden, outputs, context, direct, .. } = self.shape(sizes);
        sources.table(hidden.len() + 13);
        let weights = sources.weights(Packer::words(|packer| self.pack(sizes, packer)));
        let bits = self.weights.source();
        let of_direct = self.direct.unwrap_or(self.weights).source();
        let store = format!("engine::kernel::Bytes<'static, {bits}, {of_direct}>");
        let ty = format!(
            "engine::network::Integer<engine::network::Masked<'static, {store}, {direct}>>"
        );
        sources.code(&ty, 8);
        let value = format!(
            "engine::network::Integer(engine::network::Masked::trusted(engine::network::Shape {{ \
             sites: {sites}, inputs: {inputs}, hidden: &{hidden:?}, outputs: {outputs}, context: {context}, \
             direct: {direct}, owners: engine::network::Evenly }}, engine::activation::Leaky, \
             engine::kernel::Bytes::new(engine::simd::embed::bytes({weights}))))"
        );
        Source { ty, value }
    }
}
