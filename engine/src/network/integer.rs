//! A masked network in integers: weights of 8 or 16 bits, sums of 32.
//!
//! It is the [masked network](super::Masked) with leaky units, walked in lanes of integers
//! ([`Lanes::integers`]): the same blocks, rectangles and order. [`Bytes`] says how its weights are stored
//! and how a sum becomes a unit of B bits or an output.
//!
//! Of *sites* it reads the integers that a conditional makes of values, and gives integers for a conditional
//! that takes them, such as [`Tabulated`](crate::conditional::Tabulated). A model with such a network has the
//! arithmetic `integer`: its bits need no floating-point unit and no agreement on how one rounds. It comes
//! from a model of floats by quantisation, and is a distribution of its own, normalised as exactly.
//!
//! What else it may read and give are floats, on whose way in and out each is multiplied by one number of its
//! own, as those of a [perceptron in integers](super::IntegerMlp) are:
//!
//! ```text
//! nᵢ = clamp(round(xᵢ sᵢ), ±(2^B − 1))        outₒ = float(sumₒ) uₒ
//! ```
//!
//! - A *context* enters so: one multiplication and one rounding a value, once a walk. Nothing else of a model of
//!   sites is a float, but for an embedding of the context, and these operations round alike wherever there are
//!   floats, in software too: the arithmetic is still `integer`, and given a context probabilities sum to one as
//!   exactly as without. Beside a context a spin is ±[`SPIN`], so that what multiplies either is of one size.
//! - In an [autoregressive layer](crate::layer::Autoregressive) the coordinates enter so too, and the outputs,
//!   which stay sums until then, leave so. Both directions of the layer run the same network on the same side, so
//!   it is as invertible as one of floats, and its density as normalised. But what is read is *rounded*: where an
//!   input of an inner layer differs in its last bits between a draw and the score of its row and lies at the
//!   edge between two integers, the outputs jump, and with them ln q, by little, in few rows.
//!
//! # Packed order
//! As floats sᵢ, of the context and then of the coordinates, and uₒ; then what the masked network has, as
//! integers, with scales in the place of slopes, and before what each site's input is multiplied by those of its
//! outputs, unless these leave as floats.

#[cfg(feature = "model")]
use alloc::format;
#[cfg(feature = "model")]
use alloc::vec::Vec;

#[cfg(feature = "model")]
use super::{Called, Evenly, Masked, Shape, masked::MaskedSpec};
use super::{CausalNetwork, CausalSizes, Turn, Visitor, enter, leave};
#[cfg(feature = "model")]
use crate::activation::AnyActivation;
#[cfg(feature = "model")]
use crate::kernel::{Bytes, I16, IntegerWeight};
use crate::kernel::{Lanes, next, take, take_mut};
#[cfg(feature = "model")]
use crate::model::{
    CausalPart, Dtype, Faults, Initial, Packer, Source, Sources, Start, TensorSpec, Tensors,
    is_none,
};
use crate::simd::Simd;

/// What a spin counts as, up, beside a context.
pub const SPIN: u32 = 127;

/// A causal network whose lanes hold integers; see the module.
///
/// Its type says what enters as floats and becomes integers of so many `BITS`: nothing if these are 0; else the
/// context, and with `FLOATS` the coordinates, whose outputs leave as floats.
#[derive(Clone, Copy, Debug)]
pub struct Integer<'a, N, const BITS: u32 = 0, const FLOATS: bool = false> {
    scales: &'a [f32],
    network: N,
}

impl<'a, N, const BITS: u32, const FLOATS: bool> Integer<'a, N, BITS, FLOATS> {
    /// Around a network whose sizes were checked before, by `model!` or when the model was read, with a scale
    /// for each float. Wrong sizes give wrong values and no panic.
    #[doc(hidden)]
    pub const fn trusted(scales: &'a [f32], network: N) -> Self {
        Self { scales, network }
    }
}

impl<N: CausalNetwork, const BITS: u32, const FLOATS: bool> CausalNetwork
    for Integer<'_, N, BITS, FLOATS>
{
    #[inline(always)]
    fn sizes(&self) -> CausalSizes {
        self.network.sizes()
    }

    /// What the network needs, and the context as integers.
    #[inline(always)]
    fn scratch(&self) -> usize {
        self.network.scratch() + if BITS > 0 { self.sizes().context } else { 0 }
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
        let integers = lanes.integers();
        if BITS == 0 {
            let mut visitor =
                OfIntegers::<_, _, BITS, FLOATS> { lanes, visitor, read: &[], given: &[], spin: 1 };
            return self.network.walk(integers, &mut visitor, context, inputs, scratch);
        }
        let spin = if context.is_empty() { 1 } else { SPIN };
        let (of_context, rest) = take(self.scales, context.len());
        let (read, given) = take(rest, if FLOATS { inputs.len() } else { 0 });
        let (entered, scratch) = take_mut(scratch, context.len());
        for (to, from) in entered.iter_mut().zip(context) {
            *to = *from;
        }
        enter(lanes, BITS, of_context, entered);
        let mut visitor = OfIntegers::<_, _, BITS, FLOATS> { lanes, visitor, read, given, spin };
        self.network.walk(integers, &mut visitor, entered, inputs, scratch);
    }
}

/// A visitor that sees integers in the lanes that it knows, or the floats that stand for them.
struct OfIntegers<'v, L, V, const BITS: u32, const FLOATS: bool> {
    lanes: L,
    visitor: &'v mut V,
    /// Scales of inputs and of outputs that are yet to come.
    read: &'v [f32],
    given: &'v [f32],
    /// What a spin counts as.
    spin: u32,
}

impl<L: Lanes, V: Visitor<L>, const BITS: u32, const FLOATS: bool> Visitor<L::Integers>
    for OfIntegers<'_, L, V, BITS, FLOATS>
{
    #[inline(always)]
    fn sizes(&self) -> [usize; 2] {
        self.visitor.sizes()
    }

    #[inline(always)]
    fn site(&mut self, _: L::Integers, at: Turn, outputs: &mut [L::V], inputs: &mut [L::V]) {
        let lanes = self.lanes;
        if FLOATS {
            leave(lanes, next(&mut self.given, outputs.len()), outputs);
        }
        self.visitor.site(lanes, at, outputs, inputs);
        if FLOATS {
            enter(lanes, BITS, next(&mut self.read, inputs.len()), inputs);
        } else if BITS > 0 {
            let s = lanes.s();
            for x in inputs.iter_mut().flat_map(|input| input.as_mut()) {
                let spin = s.mul_u(s.bits(s.load(x)), s.splat_u(self.spin));
                s.store(s.from_bits(spin), x);
            }
        }
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
/// `masked`, with `hidden.{l}.scales` `[4 · units]` in the place of slopes and, of sites, `output.scales`
/// `[4 · outputs]`: for each unit or output `e, m, e′, m′`, as [`crate::kernel::Bytes`] takes them. Weights
/// and scales are integers of the bits that are said, biases of 32. Where a context is given, or in an
/// autoregressive layer (`FLOATS`), first `input.scale`, floats: one for each value of the context, and there
/// one for each coordinate too, in the layer's order, and `output.scale`, one for each output.
#[cfg(feature = "model")]
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntegerSpec<const FLOATS: bool = false> {
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
type AnyOf<'a, M, D, const BITS: u32, const FLOATS: bool> = Called<
    Integer<
        'a,
        Masked<'a, Bytes<'a, M, D, FLOATS>, true, AnyActivation, false, Evenly>,
        BITS,
        FLOATS,
    >,
>;

/// An integer network that is read at run time. One without direct terms goes as one with such of the
/// weights' bits.
#[cfg(feature = "model")]
#[derive(Clone, Copy, Debug)]
pub enum AnyInteger<'a, const FLOATS: bool = false> {
    /// Weights and direct terms of 8 bits.
    I8(AnyOf<'a, i8, i8, 7, FLOATS>),
    /// Direct terms of 16 bits.
    Direct16(AnyOf<'a, i8, I16, 7, FLOATS>),
    /// Weights and direct terms of 16 bits.
    I16(AnyOf<'a, I16, I16, 11, FLOATS>),
}

#[cfg(feature = "model")]
any_causal_network!(AnyInteger<const FLOATS>: I8, Direct16, I16);

#[cfg(feature = "model")]
impl<const FLOATS: bool> IntegerSpec<FLOATS> {
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

    /// Floats that enter and that leave.
    fn floats(sizes: CausalSizes) -> [usize; 2] {
        let CausalSizes { sites, inputs, outputs, context } = sizes;
        if FLOATS { [context + sites * inputs, sites * outputs] } else { [context, 0] }
    }

    /// The tensors of integers.
    fn integers(&self, sizes: CausalSizes, tensors: &mut Tensors) {
        let first = tensors.all.len();
        self.masked().tensors(sizes, Initial::SITES, tensors);
        if !FLOATS {
            let outputs = sizes.sites * sizes.outputs;
            tensors.vector("output.scales", 4 * outputs, Start::Value(0.0));
        }
        in_integers(tensors.all.iter_mut().skip(first), |name| {
            match name.ends_with("direct.weight") {
                true => self.direct.unwrap_or_default(),
                false => self.weights,
            }
        });
    }
}

#[cfg(feature = "model")]
impl<const FLOATS: bool> CausalPart for IntegerSpec<FLOATS> {
    type Built<'a> = AnyInteger<'a, FLOATS>;

    fn check(&self, sites: usize, faults: &mut Faults) {
        self.masked().check(sites, faults);
        check_endian(faults, "masked");
        if (self.weights, self.direct) == (Bits::I16, Some(Bits::I8)) {
            faults.wrong("direct", "i8", "i16 where weights are i16");
        }
    }

    fn tensors(&self, sizes: CausalSizes, _: Initial, tensors: &mut Tensors) {
        for (name, len) in ["input.scale", "output.scale"].into_iter().zip(Self::floats(sizes)) {
            if len > 0 {
                tensors.vector(name, len, Start::Value(0.0));
            }
        }
        self.integers(sizes, tensors);
    }

    fn pack(&self, sizes: CausalSizes, packer: &mut Packer<'_>) {
        let [read, given] = Self::floats(sizes);
        packer.vector("input.scale", 0..read);
        packer.vector("output.scale", 0..given);
        let mut tensors = Tensors::default();
        self.integers(sizes, &mut tensors);
        packer.integers(tensors, |packer| self.masked().pack(sizes, packer));
    }

    fn build<'a>(&'a self, sizes: CausalSizes, weights: &'a [f32]) -> AnyInteger<'a, FLOATS> {
        fn any<'a, M, D, const BITS: u32, const FLOATS: bool>(
            spec: &'a IntegerSpec<FLOATS>,
            sizes: CausalSizes,
            weights: &'a [f32],
        ) -> AnyOf<'a, M, D, BITS, FLOATS>
        where
            M: IntegerWeight,
            D: IntegerWeight,
        {
            let [read, given] = IntegerSpec::<FLOATS>::floats(sizes);
            let (scales, integers) = take(weights, read + given);
            let bytes = Bytes::new(crate::simd::embed::bytes(integers));
            let network = Masked::trusted(spec.shape(sizes), AnyActivation::Leaky, bytes);
            Called(Integer::trusted(scales, network))
        }
        match (self.weights, self.direct) {
            (Bits::I8, None | Some(Bits::I8)) => AnyInteger::I8(any(self, sizes, weights)),
            (Bits::I8, Some(Bits::I16)) => AnyInteger::Direct16(any(self, sizes, weights)),
            (Bits::I16, _) => AnyInteger::I16(any(self, sizes, weights)),
        }
    }

    fn source(&self, sizes: CausalSizes, sources: &mut Sources) -> Source {
        let Shape { sites, inputs, hidden, outputs, context, direct, .. } = self.shape(sizes);
        sources.table(hidden.len() + 15);
        let [read, given] = Self::floats(sizes);
        let scales = sources.weights(read + given);
        let words = Packer::words(|packer| self.pack(sizes, packer));
        let weights = sources.weights(words - read - given);
        let bits = self.weights.source();
        let of_direct = self.direct.unwrap_or(self.weights).source();
        let store = format!("engine::kernel::Bytes<'static, {bits}, {of_direct}, {FLOATS}>");
        // What nothing enters is linked with no operation of floats.
        let entering = if read > 0 { self.weights.of_unit() } else { 0 };
        let ty = format!(
            "engine::network::Integer<'static, engine::network::Masked<'static, {store}, {direct}>, \
             {entering}, {FLOATS}>"
        );
        sources.code(&ty, 8);
        let value = format!(
            "engine::network::Integer::trusted({scales}, engine::network::Masked::trusted(engine::network::Shape {{ \
             sites: {sites}, inputs: {inputs}, hidden: &{hidden:?}, outputs: {outputs}, context: {context}, \
             direct: {direct}, owners: engine::network::Evenly }}, engine::activation::Leaky, \
             engine::kernel::Bytes::new(engine::simd::embed::bytes({weights}))))"
        );
        Source { ty, value }
    }
}
