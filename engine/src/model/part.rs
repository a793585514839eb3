//! What a part says of itself: the vocabulary in which every part's file describes it.
//!
//! A part *checks* itself ([`Faults`]: all at once, each with its field's path), names its *tensors*
//! ([`Tensors`]), *packs* them in the order in which its kernel reads ([`Packer`]), *builds* the
//! kernel over packed weights, and writes that kernel as Rust *source* ([`Sources`]). Counts follow
//! from the tensors: an entry that the mask shows is stored once and, in a matrix, multiplied once.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use super::Dtype;
use super::packer::Packer;
use super::support::{self, Support};
use crate::activation::{Activation, AnyActivation};
use crate::domain::Domain;
use crate::network::{CausalSizes, in_pairs, units_before};

/// Largest extent of anything: keeps sizes of untrusted files far from overflow.
pub(super) const MAX_EXTENT: usize = 1 << 20;
/// Largest number of parameters.
pub(super) const MAX_PARAMETERS: usize = 1 << 30;
/// Largest size of an integer in a tensor: floats hold all up to it.
const MAX_INTEGER: i32 = 1 << 24;
/// Most layers of one kind.
pub(super) const MAX_LAYERS: usize = 1 << 10;

/// One thing that is wrong with a description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The field's path: `layers.2.network.hidden`.
    pub field: String,
    /// What it is.
    pub found: String,
    /// What it should be.
    pub expected: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: found {}, expected {}", self.field, self.found, self.expected)
    }
}

/// Everything that is wrong with a description.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    path: String,
    all: Vec<Fault>,
}

impl Faults {
    /// Notes that a field of the part at hand is not as it should be.
    pub fn wrong(&mut self, field: &str, found: impl ToString, expected: impl ToString) {
        let field = format!("{}{field}", self.path);
        self.all.push(Fault { field, found: found.to_string(), expected: expected.to_string() });
    }

    /// Checks a part that is a field of the one at hand.
    pub fn within(&mut self, field: impl fmt::Display, check: impl FnOnce(&mut Self)) {
        let end = self.path.len();
        self.path += &format!("{field}.");
        check(self);
        self.path.truncate(end);
    }

    /// Checks the number of things in a list.
    pub fn count(&mut self, field: &str, n: usize) {
        if n > MAX_LAYERS {
            self.wrong(field, format!("{n} layers"), format!("at most {MAX_LAYERS}"));
        }
    }

    /// Checks an extent.
    pub fn extent(&mut self, field: &str, n: usize) {
        if n == 0 || n > MAX_EXTENT {
            self.wrong(field, n, format!("1 to {MAX_EXTENT}"));
        }
    }

    /// Checks the units of each of a list of layers.
    pub fn sizes(&mut self, field: &str, sizes: &[usize]) {
        self.count(field, sizes.len());
        for units in sizes.iter().filter(|n| !(1..=MAX_EXTENT).contains(*n)).take(1) {
            self.wrong(field, units, format!("1 to {MAX_EXTENT}"));
        }
    }

    /// Checks that a list has each of the numbers below `n` once.
    pub fn permutation(&mut self, field: &str, order: &[usize], n: usize) {
        // As many as are listed: `n` may be anything where a shape is wrong.
        let mut seen = vec![false; order.len()];
        for d in order {
            if let Some(seen) = seen.get_mut(*d) {
                *seen = true;
            }
        }
        if order.len() != n || seen.contains(&false) {
            let expected = format!("a permutation of 0 to {}", n.saturating_sub(1));
            self.wrong(field, format!("{order:?}"), expected);
        }
    }

    /// Notes if hidden layers are to be residual and cannot be.
    pub fn residual(&mut self, residual: bool, hidden: &[usize], activation: AnyActivation) {
        if residual && activation.slopes(1) > 0 {
            let expected = "relu, tanh, elu, silu, gelu or smoothstep where layers are residual";
            self.wrong("activation", "leaky", expected);
        }
        self.in_pairs(residual, hidden);
    }

    /// Notes if hidden layers are to be residual and do not come in pairs.
    pub fn in_pairs(&mut self, residual: bool, hidden: &[usize]) {
        if residual && !in_pairs(hidden) {
            let expected = "an odd number of equal layers where they are residual";
            self.wrong("hidden", format!("{hidden:?}"), expected);
        }
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// What is wrong, in the order of the description.
    pub fn all(&self) -> &[Fault] {
        &self.all
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, fault) in self.all.iter().enumerate() {
            let separator = if i > 0 { "; " } else { "" };
            write!(f, "{separator}{fault}")?;
        }
        Ok(())
    }
}

/// Whether an option is at its default, which files do not name.
pub(crate) fn is_false(option: &bool) -> bool {
    !*option
}

/// The same of something that there may be.
pub(crate) fn is_none<T>(option: &Option<T>) -> bool {
    option.is_none()
}

/// The same of a number.
pub(crate) fn is_zero(n: &usize) -> bool {
    *n == 0
}

/// The sizes that a layer of a flow is given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sizes {
    /// Coordinates.
    pub dim: usize,
    /// Values of context.
    pub context: usize,
    /// Where training starts.
    pub initial: Initial,
}

/// Where the training of a network starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Initial {
    /// The slope of leaky units.
    pub slope: f32,
    /// Weights of the output layer, as a multiple of those of hidden layers.
    pub output: f32,
}

impl Initial {
    /// A flow starts as the identity.
    pub const FLOW: Self = Self { slope: 0.1, output: 0.0 };
    /// Sites start almost uniform, with the slope of PReLU in van's code.
    pub const SITES: Self = Self { slope: 0.5, output: 0.1 };

    /// Of the output layer.
    pub fn output(self) -> Start {
        match self.output {
            0.0 => Start::Value(0.0),
            factor => Start::Normal { factor, slope: self.slope },
        }
    }
}

/// Where the training of a tensor starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Start {
    /// All entries at one value.
    Value(f32),
    /// Normal with `factor` times the variance 2/((1 + slope²) · visible inputs), which keeps the size
    /// of activations from layer to layer (He et al., arXiv:1502.01852).
    Normal {
        /// Multiple of the standard deviation.
        factor: f32,
        /// Slope of the units.
        slope: f32,
    },
}

/// Which entries of a matrix may differ from zero: of each row a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Visible {
    /// All.
    All,
    /// Of each row so many.
    Prefixes(Arc<[usize]>),
    /// Rows and columns after the context's belong to sites, as many to each as to any other; a row
    /// sees the context and the columns of sites before its own.
    Staircase {
        /// Sites.
        sites: usize,
        /// Whether a row sees the columns of its own site too.
        inclusive: bool,
        /// Columns of the context, which come first.
        context: usize,
    },
}

/// A tensor that a model has.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorSpec {
    /// Its name in the file.
    pub name: String,
    /// Its extents; a matrix is `[outputs, inputs]`.
    pub shape: Vec<usize>,
    /// What the mask shows of it.
    pub visible: Visible,
    /// Where its training starts.
    pub start: Start,
    /// The type of its entries in a file; in memory they are floats, which hold the integers that may
    /// stand there.
    pub dtype: Dtype,
}

impl TensorSpec {
    /// What an entry has to be, if it is not.
    pub(super) fn wrong(&self, entry: f32) -> Option<String> {
        let (least, most) = match self.dtype {
            Dtype::I8 => (-i32::from(i8::MAX), i8::MAX.into()),
            Dtype::I16 => (-i32::from(i16::MAX), i16::MAX.into()),
            Dtype::I32 => (-MAX_INTEGER, MAX_INTEGER),
            _ => return None,
        };
        let integer = entry as i32;
        let right = integer as f32 == entry && (least..=most).contains(&integer);
        (!right).then(|| format!("an integer from {least} to {most}"))
    }

    /// Whether its entries are integers.
    pub fn is_integer(&self) -> bool {
        self.dtype != Dtype::F32
    }

    /// Its entries.
    pub fn size(&self) -> usize {
        self.shape.iter().fold(1, |n, extent| n.saturating_mul(*extent))
    }

    /// Entries of row `row` that may differ from zero: the first so many.
    pub fn visible(&self, row: usize) -> usize {
        let &[rows, columns] = &self.shape[..] else {
            return self.shape.last().copied().unwrap_or(0);
        };
        match self.visible {
            Visible::All => columns,
            Visible::Prefixes(ref prefixes) => prefixes.get(row).copied().unwrap_or(0),
            Visible::Staircase { sites, inclusive, context } => {
                let site = row * sites / rows.max(1);
                context + units_before(columns - context, sites, site + usize::from(inclusive))
            }
        }
    }

    /// Entries that may differ from zero.
    pub fn stored(&self) -> usize {
        match (&self.visible, &self.shape[..]) {
            (Visible::All, _) => self.size(),
            (_, [rows, ..]) => (0..*rows).map(|row| self.visible(row)).sum(),
            (_, []) => 0,
        }
    }

    /// Sets the masked entries to zero.
    pub(super) fn mask(&self, data: &mut [f32]) {
        let (false, &[_, columns]) = (self.visible == Visible::All, &self.shape[..]) else {
            return;
        };
        for (row, weights) in data.chunks_mut(columns.max(1)).enumerate() {
            weights[self.visible(row)..].fill(0.0);
        }
    }
}

/// What the hidden layers of a network have in common.
#[derive(Clone, Copy, Debug)]
pub struct Units {
    /// Where they start.
    pub initial: Initial,
    /// What they make of their sums.
    pub activation: AnyActivation,
    /// Whether layers after the first are added to it in pairs.
    pub residual: bool,
    /// Whether sums begin at biases.
    pub biased: bool,
}

/// The tensors of a model, named by its parts in canonical order.
#[derive(Debug, Default)]
pub struct Tensors {
    path: String,
    pub(crate) all: Vec<TensorSpec>,
}

impl Tensors {
    fn add(&mut self, name: &str, shape: Vec<usize>, visible: Visible, start: Start) {
        let (name, dtype) = (format!("{}{name}", self.path), Dtype::F32);
        self.all.push(TensorSpec { name, shape, visible, start, dtype });
    }

    /// A vector of `len` numbers.
    pub fn vector(&mut self, name: &str, len: usize, start: Start) {
        self.add(name, [len].into(), Visible::All, start);
    }

    /// A matrix, `[outputs, inputs]`.
    pub fn matrix(&mut self, name: &str, shape: [usize; 2], visible: Visible, start: Start) {
        self.add(name, shape.into(), visible, start);
    }

    /// Hidden layer `l`: weight, bias if it has one, and slope where units have one. Of a residual network what is
    /// added to the stream starts with little.
    pub fn hidden(&mut self, l: usize, shape: [usize; 2], visible: Visible, units: Units) {
        let Units { initial, activation, residual, biased } = units;
        let slopes = activation.slopes(shape[0]);
        let slope = if slopes > 0 { initial.slope } else { 0.0 };
        let added = residual && l > 0 && l.is_multiple_of(2);
        let start = Start::Normal { factor: if added { 0.1 } else { 1.0 }, slope };
        self.matrix(&format!("hidden.{l}.weight"), shape, visible, start);
        if biased {
            self.vector(&format!("hidden.{l}.bias"), shape[0], Start::Value(0.0));
        }
        if slopes > 0 {
            self.vector(&format!("hidden.{l}.slope"), slopes, Start::Value(initial.slope));
        }
    }

    /// Numbers of all in packed order.
    pub fn stored(&self) -> usize {
        self.all.iter().map(TensorSpec::stored).sum()
    }

    /// The tensors of a part whose names begin with `path` and a dot.
    pub fn within(&mut self, path: impl fmt::Display, tensors: impl FnOnce(&mut Self)) {
        let end = self.path.len();
        self.path += &format!("{path}.");
        tensors(self);
        self.path.truncate(end);
    }
}

/// A part as Rust: its type, and an expression for its value, in which `engine` is this crate and
/// `weights` the packed weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The type.
    pub ty: String,
    /// The value, a constant expression.
    pub value: String,
}

impl Source {
    /// A value that is its type's only one.
    pub fn plain(ty: &str) -> Self {
        Self { ty: ty.into(), value: ty.into() }
    }

    /// The value in an `Option` that this version of the crate knows to be there.
    pub fn checked(ty: &str, option: String) -> Self {
        Self { ty: ty.into(), value: format!("engine::compiled::checked({option})") }
    }
}

/// What the parts of a compiled model have in common, and what they add up to.
#[derive(Debug)]
pub struct Sources {
    weight: &'static str,
    next: usize,
    tables: usize,
    code: BTreeMap<String, usize>,
    inverted: Option<String>,
}

/// Bytes of a pointer, and of a size, on the targets that have flash.
pub(super) const WORD: usize = 4;

impl Sources {
    /// For weights of the type `weight`.
    pub(super) fn new(weight: &'static str) -> Self {
        Self { weight, next: 0, tables: 0, code: BTreeMap::new(), inverted: None }
    }

    /// The type of weights.
    pub fn weight(&self) -> &'static str {
        self.weight
    }

    /// An expression for the next `len` packed weights.
    pub fn weights(&mut self, len: usize) -> String {
        let start = self.next;
        self.next += len;
        format!("engine::simd::embed::part(weights, {start}, {len})")
    }

    /// The part has tables of so many words: sizes, orders, pointers.
    pub fn table(&mut self, words: usize) {
        self.tables += WORD * words;
    }

    /// The part has tables of so many bytes.
    pub fn table_bytes(&mut self, bytes: usize) {
        self.tables += bytes;
    }

    /// The code of this kind of part, or of a part of this type, takes so many KiB on a Cortex-M4F, at
    /// most; counted once.
    pub fn code(&mut self, kind: &str, kib: usize) {
        self.code.insert(kind.into(), kib << 10);
    }

    /// The part is inverted in steps when samples are drawn, to a tolerance that this text names.
    pub fn inverted(&mut self, how: String) {
        self.inverted = Some(how);
    }

    /// Whether samples are drawn by inverting a part in steps, and how.
    pub fn inverse(&self) -> Option<&str> {
        self.inverted.as_deref()
    }

    /// Bytes of tables in all.
    pub fn table_total(&self) -> usize {
        self.tables
    }

    /// Bytes of code in all, at most.
    pub fn code_total(&self) -> usize {
        self.code.values().sum()
    }
}

/// A layer of a flow, as its description.
pub trait LayerPart {
    /// Its kernel.
    type Built<'a>
    where
        Self: 'a;
    /// Notes what is wrong with it.
    fn check(&self, sizes: Sizes, faults: &mut Faults);
    /// Replaces the supports of the coordinates on the noise's side by those on the data's, and notes
    /// those that it cannot move. Unless it says otherwise, it moves real numbers only.
    fn supports(&self, supports: &mut [Support], faults: &mut Faults) {
        for support in support::distinct(supports.iter().copied()) {
            support::real_line(support, faults);
        }
    }
    /// Names its tensors.
    fn tensors(&self, sizes: Sizes, tensors: &mut Tensors);
    /// Packs them.
    fn pack(&self, sizes: Sizes, packer: &mut Packer<'_>);
    /// Its kernel over its packed weights.
    fn build<'a>(&'a self, sizes: Sizes, weights: &'a [f32]) -> Self::Built<'a>;
    /// Its kernel as Rust.
    fn source(&self, sizes: Sizes, sources: &mut Sources) -> Source;
}

/// A network, as its description.
pub trait NetworkPart {
    /// Its kernel.
    type Built<'a>
    where
        Self: 'a;
    /// Notes what is wrong with it, for this many inputs.
    fn check(&self, inputs: usize, faults: &mut Faults);
    /// Names its tensors.
    fn tensors(&self, inputs: usize, outputs: usize, initial: Initial, tensors: &mut Tensors);
    /// Packs them.
    fn pack(&self, inputs: usize, outputs: usize, packer: &mut Packer<'_>);
    /// Its kernel over its packed weights.
    fn build<'a>(&'a self, inputs: usize, outputs: usize, weights: &'a [f32]) -> Self::Built<'a>;
    /// Its kernel as Rust.
    fn source(&self, inputs: usize, outputs: usize, sources: &mut Sources) -> Source;
}

/// A causal network, as its description.
pub trait CausalPart {
    /// Its kernel.
    type Built<'a>
    where
        Self: 'a;
    /// Notes what is wrong with it, for this many sites.
    fn check(&self, sites: usize, faults: &mut Faults);
    /// Notes what is wrong with it for sites of such inputs and outputs.
    fn check_values(&self, _: CausalSizes, _: &mut Faults) {}
    /// Multiply-adds of a walk, where an entry of a matrix is not used once.
    fn multiply_adds(&self, _: CausalSizes) -> Option<usize> {
        None
    }
    /// Names its tensors.
    fn tensors(&self, sizes: CausalSizes, initial: Initial, tensors: &mut Tensors);
    /// Packs them.
    fn pack(&self, sizes: CausalSizes, packer: &mut Packer<'_>);
    /// Its kernel over its packed weights.
    fn build<'a>(&'a self, sizes: CausalSizes, weights: &'a [f32]) -> Self::Built<'a>;
    /// Its kernel as Rust.
    fn source(&self, sizes: CausalSizes, sources: &mut Sources) -> Source;
}

/// A univariate map, as its description.
pub trait UnivariatePart {
    /// Its kernel.
    type Built;
    /// Notes what is wrong with it.
    fn check(&self, faults: &mut Faults);
    /// Notes that it is no bijection of a coordinate's support. Unless it says otherwise, it is one of
    /// the real line only.
    fn support(&self, support: Support, faults: &mut Faults) {
        support::real_line(support, faults);
    }
    /// Parameters a coordinate.
    fn parameters(&self) -> usize;
    /// Its kernel; `None` if something is wrong with it.
    fn build(&self) -> Option<Self::Built>;
    /// Its kernel as Rust.
    fn source(&self, sources: &mut Sources) -> Source;
}

/// A conditional, as its description.
pub trait ConditionalPart {
    /// Its kernel.
    type Built<'a>
    where
        Self: 'a;
    /// Notes what is wrong with it, for this many sites.
    fn check(&self, sites: usize, faults: &mut Faults);
    /// Where values lie.
    fn domain(&self) -> Domain<'_>;
    /// Its kernel.
    fn build(&self) -> Self::Built<'_>;
    /// Its kernel as Rust.
    fn source(&self, sources: &mut Sources) -> Source;
}

/// A base, as its description.
pub trait BasePart {
    /// Its kernel.
    type Built<'a>
    where
        Self: 'a;
    /// Notes what is wrong with it.
    fn check(&self, dim: usize, faults: &mut Faults);
    /// Where all coordinates lie, if they lie in one kind of place: anywhere, unless it says otherwise.
    fn support(&self) -> Support {
        Support::Line
    }
    /// Where each of `dim` coordinates lies.
    fn supports(&self, dim: usize) -> Vec<Support> {
        vec![self.support(); dim]
    }
    /// Names its tensors, if it has any.
    fn tensors(&self, _: usize, _: &mut Tensors) {}
    /// Packs them.
    fn pack(&self, _: usize, _: &mut Packer<'_>) {}
    /// Its kernel over its packed weights.
    fn build<'a>(&'a self, dim: usize, weights: &'a [f32]) -> Self::Built<'a>;
    /// Its kernel as Rust.
    fn source(&self, dim: usize, sources: &mut Sources) -> Source;
}
