//! A masked network walked site by site: what autoregressive models of spins and of reals share.
//!
//! Each site has `I` inputs and `P` outputs; the outputs of site `i` read only inputs of sites
//! before `i` (MADE: Germain et al. 2015, arXiv:1502.03509). Hidden units are sorted by the site
//! that they belong to; unit `u` of a layer with `H` units belongs to site `⌊u N / H⌋`, so
//! `H = w N` is `w` channels a site and any other `H` is allowed; or the description lists how many
//! units each site has ([`Listed`]), as masks of other libraries demand. All first-layer units and all direct
//! terms read the context `c`, if there is any:
//!
//! ```text
//! h⁰_u = unit(b_u + Σ_k C_uk c_k + Σ_{j: site(j) < site(u)} W_uj x_j)
//! hˡ_u = unit(b_u + Σ_{v: site(v) ≤ site(u)} W_uv hˡ⁻¹_v)
//! out_i = (b_i + Σ_{u: site(u) ≤ i} V_iu h_u) + (Σ_k D_ik c_k + Σ_{j: site(j) < i} J_ij x_j)
//! ```
//!
//! The last sum, the *direct* terms, is optional. Each parenthesis is one accumulator. In the tensors
//! the columns of the context stand before those of the inputs. A *residual* network adds every second
//! layer's sums to those of two before, and takes units after that, as [`Mlp`](super::Mlp) says; its
//! layers are as wide as each other, so that a unit and what is added to it see the same sites (MADE
//! with residual blocks: Durkan & Nash 2019, arXiv:1904.05626). Networks of other libraries take their
//! context in other ways ([`Conditioning`](super::conditioning)).
//!
//! # Why drawing costs what scoring costs
//! Everything that belongs to site `i` depends only on inputs before `i`. So a walk visits the
//! sites in order, and a [`Visitor`] reads the input of a site or sets it from the site's outputs;
//! either way every weight is read once and no zero is stored or multiplied.
//!
//! Sites go in blocks of [`BLOCK`]. What a block reads from earlier blocks is one big rectangle
//! ([`crate::kernel`]) with many independent accumulators. Inside the block a unit's value is
//! passed on as soon as it is known, to all units of the block that read it: again a rectangle,
//! with few inputs and many outputs, where a unit that collected its own inputs would be one
//! long chain of dependent additions. An accumulator gets its inputs in ascending order both ways,
//! so the block size is a matter of layout and not of bits.
//!
//! # Packed order
//! For each hidden layer that does more with the context than read it the biases and the rectangle of
//! what is made of the context. For each block: for each hidden layer the biases and the rectangle (the first layer's from the
//! context before that from the inputs); the biases of the outputs and their rectangle; the direct
//! rectangles, from the context and from the inputs. Then for each site: for each hidden layer the slopes
//! of its units and the rectangle from them to the next layer's units (or the outputs) of this and
//! later sites of the block; then from its input to the first layer's units of later sites, and to
//! their outputs.

#[cfg(feature = "model")]
use alloc::format;
#[cfg(feature = "model")]
use alloc::string::String;
#[cfg(feature = "model")]
use alloc::vec::Vec;

#[cfg(feature = "model")]
use super::Called;
#[cfg(feature = "model")]
use super::conditioning::AnyConditioning;
use super::conditioning::{Conditioning, Join, Read};
#[cfg(feature = "model")]
use super::owners::Listed;
use super::owners::{Evenly, Owners, units_before};
use super::{CausalNetwork, CausalSizes, Turn, Visitor, can_be_residual, multiply};
#[cfg(feature = "model")]
use crate::activation::AnyActivation;
use crate::activation::{Activation, Leaky, Logistic};
use crate::kernel::{Counts, Lanes, Store, add, take, take_mut};
#[cfg(feature = "model")]
use crate::model::{
    CausalPart, Faults, Initial, Packer, Source, Sources, Start, Tensors, Units, Visible, is_false,
};

/// Sites in a block; see the module.
pub const BLOCK: usize = 16;

/// The sizes of a masked network.
#[derive(Clone, Copy, Debug)]
pub struct Shape<'a, O = Evenly> {
    /// Sites, N.
    pub sites: usize,
    /// Inputs of a site, I.
    pub inputs: usize,
    /// Units of each hidden layer.
    pub hidden: &'a [usize],
    /// Outputs of a site, P.
    pub outputs: usize,
    /// Values of context.
    pub context: usize,
    /// Direct terms from context and inputs to outputs.
    pub direct: bool,
    /// The sites of hidden units.
    pub owners: O,
}

impl<O: Owners> Shape<'_, O> {
    /// Units of hidden layer `layer`, which has so many, that belong to sites before `site`.
    #[inline(always)]
    pub fn before(&self, layer: usize, units: usize, site: usize) -> usize {
        match self.owners.before(layer, site) {
            Some(units) => units,
            None => units_before(units, self.sites, site),
        }
    }

    /// Its weights, biases and slopes.
    pub fn counts(&self, activation: impl Activation) -> Counts {
        let direct = if self.direct { self.direct_terms() } else { 0 };
        Counts {
            matrix: self.multiply_adds() - direct,
            direct,
            outputs: self.sites * self.outputs,
            bias: self.sites * self.outputs + self.hidden.iter().sum::<usize>(),
            slopes: self.hidden.iter().map(|units| activation.slopes(*units)).sum(),
        }
    }

    /// Direct terms, if it has any.
    fn direct_terms(&self) -> usize {
        let Self { sites, inputs, outputs, context, .. } = *self;
        (sites * context + sites * (sites - 1) / 2 * inputs) * outputs
    }

    /// Multiply-adds of one walk: each unmasked weight once.
    pub fn multiply_adds(&self) -> usize {
        let Self { sites, inputs, hidden, outputs, context, direct, .. } = *self;
        let mut total = 0;
        for site in 0..sites {
            let mut known = context + site * inputs;
            if direct {
                total += known * outputs;
            }
            for (layer, units) in hidden.iter().enumerate() {
                let through = self.before(layer, *units, site + 1);
                total += (through - self.before(layer, *units, site)) * known;
                known = through;
            }
            if !hidden.is_empty() {
                total += known * outputs;
            }
        }
        total
    }

    /// Values of scratch that a walk needs besides the inputs: hidden units, and the outputs of a
    /// block.
    pub const fn scratch_values(&self) -> usize {
        let block = if self.sites < BLOCK { self.sites } else { BLOCK };
        let mut values = block * self.outputs * if self.direct { 2 } else { 1 };
        let mut rest = self.hidden;
        while let [units, tail @ ..] = rest {
            values += *units;
            rest = tail;
        }
        values
    }
}

/// Layers whose width is kept, which saves a walk most of its divisions.
const WIDTHS: usize = 4;

/// A masked network over packed weights, borrowed from flash or from a loaded model.
///
/// Whether it has direct terms is in its type: a network without them is walked a tenth quicker for
/// not asking at each site. So is whether it is residual. One that is read with its activation asks.
#[derive(Clone, Copy, Debug)]
pub struct Masked<
    'a,
    W = &'a [f32],
    const DIRECT: bool = false,
    U = Leaky,
    const RESIDUAL: bool = false,
    O = Evenly,
    C = Read,
> {
    shape: Shape<'a, O>,
    activation: U,
    residual: bool,
    conditioning: C,
    /// Units a site of the first layers, where that is a whole number; else 0.
    widths: [usize; WIDTHS],
    weights: W,
}

impl<'a, W, const DIRECT: bool, U, const RESIDUAL: bool, O> Masked<'a, W, DIRECT, U, RESIDUAL, O>
where
    W: Store<'a>,
    U: Activation,
    O: Owners,
{
    /// [`Masked::with_conditioning`] of a network that reads its context.
    pub fn new(shape: Shape<'a, O>, activation: U, weights: W) -> Option<Self> {
        Self::with_conditioning(shape, activation, Read, weights)
    }

    /// [`Masked::trusted_with`] of a network that reads its context.
    #[doc(hidden)]
    pub const fn trusted(shape: Shape<'a, O>, activation: U, weights: W) -> Self {
        Self::trusted_with(shape, activation, Read, weights)
    }
}

impl<'a, W, const DIRECT: bool, U, const RESIDUAL: bool, O, C>
    Masked<'a, W, DIRECT, U, RESIDUAL, O, C>
where
    W: Store<'a>,
    U: Activation,
    O: Owners,
    C: Conditioning,
{
    /// A network of this `shape` that takes its context so, over weights packed as the module says.
    ///
    /// `None` if it has no sites, no inputs or no outputs, if its type says otherwise of direct terms,
    /// if outputs would read nothing, if it is residual and its layers
    /// [cannot be](can_be_residual), or if there are not [as many](Masked::counts) weights.
    pub fn with_conditioning(
        shape: Shape<'a, O>,
        activation: U,
        conditioning: C,
        weights: W,
    ) -> Option<Self> {
        if shape.sites == 0
            || shape.inputs == 0
            || shape.outputs == 0
            || (shape.direct != DIRECT && !U::READ)
            || (shape.hidden.is_empty() && !shape.direct)
            || (RESIDUAL && !can_be_residual(shape.hidden, activation))
            || !shape.owners.fits(shape.sites, shape.hidden)
        {
            return None;
        }
        let network = Self::trusted_with(shape, activation, conditioning, weights);
        weights.fits(network.counts()).then_some(network)
    }

    /// A network whose sizes were checked before, by `model!` or when the model was read. Wrong sizes
    /// give wrong values and no panic.
    #[doc(hidden)]
    pub const fn trusted_with(
        shape: Shape<'a, O>,
        activation: U,
        conditioning: C,
        weights: W,
    ) -> Self {
        let mut widths = [0; WIDTHS];
        let (mut rest, mut of) = (shape.hidden, widths.as_mut_slice());
        while let ([units, tail @ ..], [width, later @ ..]) = (rest, of) {
            *width = match (units.checked_rem(shape.sites), units.checked_div(shape.sites)) {
                (Some(0), Some(width)) => width,
                _ => 0,
            };
            (rest, of) = (tail, later);
        }
        Self { shape, activation, residual: RESIDUAL, conditioning, widths, weights }
    }

    /// Its weights, biases and slopes.
    pub fn counts(&self) -> Counts {
        let mut counts = self.shape.counts(self.activation);
        let first = self.shape.hidden.first().copied().unwrap_or(0);
        if !self.conditioning.reads() {
            counts.matrix -= self.shape.context * first;
        }
        let joined = self.joined();
        counts.matrix += self.shape.context * joined;
        counts.bias += joined;
        counts
    }

    /// Units of all layers that do more with the context than read it.
    #[inline(always)]
    fn joined(&self) -> usize {
        let mut units = 0;
        for (l, of) in self.shape.hidden.iter().enumerate() {
            if self.conditioning.join(l, self.is_residual()).is_some() {
                units += *of;
            }
        }
        units
    }

    /// What the layers make of the context, layer after layer.
    #[inline(always)]
    fn make_of_context<L: Lanes>(
        &self,
        lanes: L,
        weights: &mut W,
        context: &[L::V],
        mut made: &mut [L::V],
    ) {
        for (l, units) in (0..self.shape.hidden.len()).zip(self.shape.hidden) {
            let Some(join) = self.conditioning.join(l, self.is_residual()) else { continue };
            let (own, rest) = take_mut(made, *units);
            weights.sums(lanes, context, own);
            match join {
                Join::AddUnit => self.activation.apply(lanes, own),
                Join::Add => {}
                Join::Gate => Logistic.apply(lanes, own),
            }
            made = rest;
        }
    }

    /// As the type says, or what was read.
    #[inline(always)]
    fn is_residual(&self) -> bool {
        if U::READ { self.residual } else { RESIDUAL }
    }

    /// Values of a site's stream, if the network is residual.
    #[inline(always)]
    fn stream(&self) -> usize {
        match self.shape.hidden.first() {
            Some(units) if self.is_residual() => match self.shape.owners.most(0) {
                Some(most) => most,
                None => units.div_ceil(self.shape.sites.max(1)),
            },
            _ => 0,
        }
    }

    /// Units of hidden layer `layer` that belong to sites before `site`.
    #[inline(always)]
    fn before(&self, layer: usize, site: usize) -> usize {
        if let Some(units) = self.shape.owners.before(layer, site) {
            return units;
        }
        match self.widths.get(layer) {
            Some(width) if *width > 0 => *width * site,
            _ => {
                let units = self.shape.hidden.get(layer).copied().unwrap_or(0);
                units_before(units, self.shape.sites, site)
            }
        }
    }

    /// Its sizes.
    #[inline(always)]
    pub const fn shape(&self) -> Shape<'a, O> {
        self.shape
    }

    /// The first layer's accumulators, or the direct ones, from the context and the inputs before.
    #[inline(always)]
    fn start<L: Lanes>(
        lanes: L,
        weights: &mut W,
        context: &[L::V],
        inputs: &[L::V],
        acc: &mut [L::V],
    ) {
        let n = acc.len();
        let Some(_) = context.first() else {
            return weights.sums(lanes, inputs, acc);
        };
        weights.sums(lanes, context, acc);
        lanes.rectangle(weights.matrix(inputs.len() * n), inputs, acc);
    }
}

impl<'a, W, const DIRECT: bool, U, const RESIDUAL: bool, O, C> CausalNetwork
    for Masked<'a, W, DIRECT, U, RESIDUAL, O, C>
where
    W: Store<'a>,
    U: Activation,
    O: Owners,
    C: Conditioning,
{
    #[inline(always)]
    fn sizes(&self) -> CausalSizes {
        let Shape { sites, inputs, outputs, context, .. } = self.shape;
        CausalSizes { sites, inputs, outputs, context }
    }

    #[inline(always)]
    fn scratch(&self) -> usize {
        let joined = if C::JOINS { self.joined() } else { 0 };
        self.stream() + joined + self.shape.scratch_values()
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
        // A copy: what is behind a reference would be read again after every store.
        let this = *self;
        let Shape { sites, hidden: sizes, .. } = this.shape;
        let [each, outputs] = visitor.sizes();
        let has_slopes = this.activation.slopes(1) > 0;
        let direct = if U::READ { this.shape.direct } else { DIRECT };
        let residual = this.is_residual();
        let block = BLOCK.min(sites) * outputs;
        let (outs, scratch) = take_mut(scratch, block);
        let (directs, scratch) = take_mut(scratch, if direct { block } else { 0 });
        let (stream, hidden) = take_mut(scratch, this.stream());
        let (made, hidden) =
            if C::JOINS { take_mut(hidden, this.joined()) } else { (&mut [][..], hidden) };
        let mut weights = this.weights;
        if C::JOINS {
            this.make_of_context(lanes, &mut weights, context, made);
        }
        let mut start = 0;
        while start < sites {
            let end = (start + BLOCK).min(sites);
            let count = (end - start) * outputs;

            // What the block reads from the blocks before it.
            let before_block = take(inputs, start * each).0;
            let (mut from, mut known): (&[L::V], usize) = (before_block, before_block.len());
            let mut later = &mut *hidden;
            for (l, units) in (0..sizes.len()).zip(sizes) {
                let (layer, rest) = take_mut(later, *units);
                let (before, through) = (this.before(l, start), this.before(l, end));
                let acc = between(layer, before, through);
                let reads = if C::JOINS { this.conditioning.reads() } else { true };
                let above = if l == 0 && reads { context } else { &[] };
                Self::start(lanes, &mut weights, above, take(from, known).0, acc);
                (from, known) = (layer, before);
                later = rest;
            }
            let acc = take_mut(outs, count).0;
            // Without hidden layers the outputs read nothing but the direct terms.
            let known = if sizes.is_empty() { 0 } else { known };
            weights.sums(lanes, take(from, known).0, acc);
            if direct {
                let acc = take_mut(directs, count).0;
                for a in acc.iter_mut() {
                    *a = lanes.splat(0.0);
                }
                lanes.rectangle(weights.direct(context.len() * count), context, acc);
                lanes.rectangle(
                    weights.direct(start * each * count),
                    take(inputs, start * each).0,
                    acc,
                );
            }

            // The triangle inside the block: what is known is passed on at once.
            for site in start..end {
                let here = (site - start) * outputs;
                let mut later = &mut *hidden;
                let mut of_context = &mut *made;
                for (l, units) in (0..sizes.len()).zip(sizes) {
                    let (layer, rest) = take_mut(later, *units);
                    let own = between(layer, this.before(l, site), this.before(l, site + 1));
                    // Where units are fewer than sites, most sites have none; on a host, where they are
                    // more, asking costs some percent.
                    if cfg!(target_os = "none") && own.is_empty() && !C::JOINS {
                        later = rest;
                        continue;
                    }
                    if C::JOINS
                        && let Some(join) = this.conditioning.join(l, residual)
                    {
                        let (from, through) = (this.before(l, site), this.before(l, site + 1));
                        let (of_layer, others) = take_mut(of_context, *units);
                        let of_layer = between(of_layer, from, through);
                        match join {
                            Join::AddUnit | Join::Add => add(lanes, own, of_layer),
                            Join::Gate => multiply(lanes, own, of_layer),
                        }
                        of_context = others;
                    }
                    if residual {
                        // The first of a pair is inside it; the second's sums are added to the stream.
                        let end = l % 2 == 0;
                        if end {
                            if l > 0 {
                                add(lanes, own, stream);
                            }
                            for (sum, own) in stream.iter_mut().zip(own.iter()) {
                                *sum = *own;
                            }
                        }
                        if !end || l + 1 < sizes.len() {
                            this.activation.apply(lanes, own);
                        }
                    } else if has_slopes {
                        weights.units(lanes, own);
                    } else {
                        this.activation.apply(lanes, own);
                    }
                    let acc = if l + 1 < sizes.len() {
                        between(rest, this.before(l + 1, site), this.before(l + 1, end))
                    } else {
                        between(outs, here, count)
                    };
                    lanes.rectangle(weights.matrix(own.len() * acc.len()), own, acc);
                    later = rest;
                }
                let out = between(outs, here, here + outputs);
                if direct || W::JOINS {
                    weights.join(lanes, out, between(directs, here, count));
                }
                let own = between(inputs, site * each, (site + 1) * each);
                visitor.site(lanes, Turn { site, turn: site }, out, own);
                if !sizes.is_empty() {
                    let acc = between(hidden, this.before(0, site + 1), this.before(0, end));
                    lanes.rectangle(weights.matrix(each * acc.len()), own, acc);
                }
                if direct {
                    let acc = between(directs, here + outputs, count);
                    lanes.rectangle(weights.direct(each * acc.len()), own, acc);
                }
            }
            start = end;
        }
    }
}

/// `xs[from..to]`, or what there is of it.
#[inline(always)]
fn between<V>(xs: &mut [V], from: usize, to: usize) -> &mut [V] {
    take_mut(take_mut(xs, from).1, to.saturating_sub(from)).0
}

/// `{"kind": "masked", "hidden": [units, …], "direct": true, "activation": "leaky", "residual": false,
/// "through": [[units, …], …], "conditioning": "read"}`: for each hidden layer that does more with the
/// context than read it `context.{l}.weight` `[units, context]` and `context.{l}.bias`; then
/// tensors `hidden.{l}.weight` `[units, inputs]`, `hidden.{l}.bias`, `hidden.{l}.slope` `[units]`,
/// `output.weight` (where there is a hidden layer) and `output.bias`, and `direct.weight` `[outputs,
/// inputs]`, if there are direct terms.
#[cfg(feature = "model")]
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaskedSpec {
    /// Units of each hidden layer.
    pub hidden: Vec<usize>,
    /// Whether there are direct terms from context and inputs to outputs.
    #[serde(default)]
    pub direct: bool,
    /// What hidden units make of their sums.
    #[serde(default, skip_serializing_if = "AnyActivation::is_leaky")]
    pub activation: AnyActivation,
    /// Whether layers after the first are added to it in pairs.
    #[serde(default, skip_serializing_if = "is_false")]
    pub residual: bool,
    /// For each hidden layer, for each site, the units that belong to it and to sites before it; if
    /// there is none, all sites have equally many.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub through: Vec<Vec<usize>>,
    /// How it takes a context.
    #[serde(default, skip_serializing_if = "AnyConditioning::is_read")]
    pub conditioning: AnyConditioning,
}

/// A masked network of which nothing is known but what was read.
#[cfg(feature = "model")]
pub(super) type AnyOther<'a> =
    Masked<'a, &'a [f32], true, AnyActivation, false, Listed<'a, Vec<usize>>, AnyConditioning>;

/// A masked network of leaky units, with or without direct terms (asking at each site would cost the
/// walk of small layers some percent), or one of any other kind, whose walk calls its visitor
/// ([`Called`]).
#[cfg(feature = "model")]
#[derive(Clone, Copy, Debug)]
pub enum AnyMasked<'a> {
    /// With direct terms.
    Direct(Masked<'a, &'a [f32], true>),
    /// Without.
    Plain(Masked<'a, &'a [f32], false>),
    /// Of other units, units that are listed, or of another conditioning.
    Other(Called<AnyOther<'a>>),
}

#[cfg(feature = "model")]
any_causal_network!(AnyMasked: Direct, Plain, Other);

#[cfg(feature = "model")]
impl MaskedSpec {
    fn shape<O>(&self, sizes: CausalSizes, owners: O) -> Shape<'_, O> {
        let CausalSizes { sites, inputs, outputs, context } = sizes;
        Shape { sites, inputs, hidden: &self.hidden, outputs, context, direct: self.direct, owners }
    }

    fn listed(&self, sizes: CausalSizes) -> Shape<'_, Listed<'_, Vec<usize>>> {
        self.shape(sizes, Listed(&self.through))
    }

    pub(super) fn other<'a>(&'a self, sizes: CausalSizes, weights: &'a [f32]) -> AnyOther<'a> {
        let (units, conditioning) = (self.activation, self.conditioning(sizes.context));
        let network = Masked::trusted_with(self.listed(sizes), units, conditioning, weights);
        Masked { residual: self.residual, ..network }
    }

    /// Units of layer `layer` that sites before `site` own; layer `depth` is the outputs.
    fn before(&self, sizes: CausalSizes, layer: usize, site: usize) -> usize {
        match self.hidden.get(layer) {
            Some(units) => self.listed(sizes).before(layer, *units, site),
            None => site * sizes.outputs,
        }
    }

    /// How it takes a context of so many values: without one there is nothing to do.
    fn conditioning(&self, context: usize) -> AnyConditioning {
        if context == 0 { AnyConditioning::Read } else { self.conditioning }
    }

    /// Values of context that the first hidden layer reads.
    fn read(&self, context: usize) -> usize {
        if self.conditioning.reads() { context } else { 0 }
    }

    /// The hidden layers that do more with a context than read it.
    fn joining(&self, context: usize) -> impl Iterator<Item = (usize, usize)> {
        let conditioning = self.conditioning(context);
        let joins = move |l: usize| conditioning.join(l, self.residual).is_some();
        self.hidden.iter().copied().enumerate().filter(move |(l, _)| joins(*l))
    }

    /// What rows of layer `rows` see of hidden layer `columns`, or of the context and the inputs.
    fn visible(&self, sizes: CausalSizes, rows: usize, columns: Option<usize>) -> Visible {
        let CausalSizes { sites, inputs, context, .. } = sizes;
        let context = if rows == 0 { self.read(context) } else { context };
        if self.through.is_empty() {
            let (inclusive, context) = columns.map_or((false, context), |_| (true, 0));
            return Visible::Staircase { sites, inclusive, context };
        }
        let mut visible = Vec::new();
        for site in 0..sites {
            let seen = match columns {
                Some(layer) => self.before(sizes, layer, site + 1),
                None => context + site * inputs,
            };
            visible.resize(self.before(sizes, rows, site + 1), seen);
        }
        Visible::Prefixes(visible.into())
    }
}

#[cfg(feature = "model")]
impl CausalPart for MaskedSpec {
    type Built<'a> = AnyMasked<'a>;

    fn check(&self, sites: usize, faults: &mut Faults) {
        faults.sizes("hidden", &self.hidden);
        if !Listed(&self.through).fits(sites, &self.hidden) {
            let expected = format!(
                "for each hidden layer a list that ascends to its units, with one for each of {sites} sites"
            );
            faults.wrong("through", format!("{:?}", self.through), expected);
        }
        if self.residual && self.through.windows(2).any(|pair| pair.first() != pair.last()) {
            faults.wrong("through", "lists that differ", "equal ones where layers are residual");
        }
        if self.hidden.is_empty() && !self.direct {
            let expected = "true, or at least one hidden layer";
            faults.wrong("direct", "false with no hidden layer", expected);
        }
        faults.residual(self.residual, &self.hidden, self.activation);
        if !self.conditioning.is_read() {
            if self.activation.is_leaky() {
                let expected =
                    "relu, tanh, elu, silu, gelu or smoothstep where a context is added or gates";
                faults.wrong("activation", "leaky", expected);
            }
            if self.conditioning == AnyConditioning::Gated && !self.residual {
                faults.wrong("conditioning", "gated", "read or added, as it is not residual");
            }
            if self.direct {
                faults.wrong("direct", "true", "false where a context is added or gates");
            }
        }
    }

    fn tensors(&self, sizes: CausalSizes, initial: Initial, tensors: &mut Tensors) {
        let CausalSizes { sites, inputs, outputs, context } = sizes;
        let (rows, columns) = (sites * outputs, context + sites * inputs);
        let depth = self.hidden.len();
        for (l, units) in self.joining(context) {
            let start = Start::Normal { factor: 1.0, slope: 0.0 };
            let weight = format!("context.{l}.weight");
            tensors.matrix(&weight, [units, context], Visible::All, start);
            tensors.vector(&format!("context.{l}.bias"), units, Start::Value(0.0));
        }
        let (activation, residual) = (self.activation, self.residual);
        let of = Units { initial, activation, residual, biased: true };
        let mut known = self.read(context) + sites * inputs;
        for (l, units) in self.hidden.iter().enumerate() {
            let visible = self.visible(sizes, l, l.checked_sub(1));
            tensors.hidden(l, [*units, known], visible, of);
            known = *units;
        }
        if let Some(last) = depth.checked_sub(1) {
            let visible = self.visible(sizes, depth, Some(last));
            tensors.matrix("output.weight", [rows, known], visible, initial.output());
        }
        tensors.vector("output.bias", rows, Start::Value(0.0));
        if self.direct {
            let visible = self.visible(sizes, depth, None);
            tensors.matrix("direct.weight", [rows, columns], visible, Start::Value(0.0));
        }
    }

    fn pack(&self, sizes: CausalSizes, packer: &mut Packer<'_>) {
        let CausalSizes { sites, inputs, outputs, context } = sizes;
        let depth = self.hidden.len();
        for (l, units) in self.joining(context) {
            packer.vector(&format!("context.{l}.bias"), 0..units);
            packer.rectangle(&format!("context.{l}.weight"), 0..units, 0..context);
        }
        let read = self.read(context);
        let before = |layer: usize, site: usize| self.before(sizes, layer, site);
        let name = |layer: usize, what: &str| match self.hidden.get(layer) {
            Some(_) => format!("hidden.{layer}.{what}"),
            None => format!("output.{what}"),
        };
        let columns = |from: usize, to: usize| read + from * inputs..read + to * inputs;
        for start in (0..sites).step_by(BLOCK) {
            let end = (start + BLOCK).min(sites);
            for l in 0..=depth {
                let units = before(l, start)..before(l, end);
                packer.vector(&name(l, "bias"), units.clone());
                match l.checked_sub(1) {
                    Some(below) => {
                        packer.rectangle(&name(l, "weight"), units, 0..before(below, start));
                    }
                    None if depth > 0 => {
                        packer.rectangle(&name(l, "weight"), units.clone(), 0..read);
                        packer.rectangle(&name(l, "weight"), units, columns(0, start));
                    }
                    None => {}
                }
            }
            if self.direct {
                let rows = start * outputs..end * outputs;
                packer.rectangle("direct.weight", rows.clone(), 0..context);
                packer.rectangle("direct.weight", rows, columns(0, start));
            }
            for site in start..end {
                for l in 0..depth {
                    let own = before(l, site)..before(l, site + 1);
                    if self.activation.is_leaky() {
                        packer.slopes(&format!("hidden.{l}"), own.clone());
                    }
                    let readers = before(l + 1, site)..before(l + 1, end);
                    packer.rectangle(&name(l + 1, "weight"), readers, own);
                }
                packer.outputs(site * outputs..(site + 1) * outputs);
                let own = columns(site, site + 1);
                if depth > 0 {
                    let readers = before(0, site + 1)..before(0, end);
                    packer.rectangle(&name(0, "weight"), readers, own.clone());
                }
                if self.direct {
                    let readers = (site + 1) * outputs..end * outputs;
                    packer.rectangle("direct.weight", readers, own);
                }
            }
        }
    }

    fn build<'a>(&'a self, sizes: CausalSizes, weights: &'a [f32]) -> AnyMasked<'a> {
        let even = self.shape(sizes, Evenly);
        let usual =
            self.activation.is_leaky() && self.through.is_empty() && self.conditioning.is_read();
        match (self.direct, usual) {
            (true, true) => AnyMasked::Direct(Masked::trusted(even, Leaky, weights)),
            (false, true) => AnyMasked::Plain(Masked::trusted(even, Leaky, weights)),
            (_, false) => AnyMasked::Other(Called(self.other(sizes, weights))),
        }
    }

    fn source(&self, sizes: CausalSizes, sources: &mut Sources) -> Source {
        let shape = self.listed(sizes);
        let Shape { sites, inputs, hidden, outputs, context, direct, .. } = shape;
        sources.table(hidden.len() + 13);
        let counts = self.other(sizes, &[]).counts();
        let weights = sources.weights(counts.total());
        let unit = format!("engine::activation::{}", self.activation.source(sources));
        let (mut owners_ty, owners) = if self.through.is_empty() {
            (String::new(), "engine::network::Evenly".into())
        } else {
            sources.table(self.through.iter().map(|list| list.len() + 2).sum());
            let lists: String = self.through.iter().map(|list| format!("&{list:?}, ")).collect();
            let owners = format!("engine::network::Listed(&[{lists}])");
            (", engine::network::Listed<'static>".into(), owners)
        };
        let shape = format!(
            "engine::network::Shape {{ sites: {sites}, inputs: {inputs}, hidden: &{hidden:?}, \
             outputs: {outputs}, context: {context}, direct: {direct}, owners: {owners} }}"
        );
        let (weight, residual) = (sources.weight(), self.residual);
        let masked = |rest: &str| {
            format!(
                "engine::network::Masked<'static, &'static [{weight}], {direct}, {unit}, \
                 {residual}{rest}>"
            )
        };
        let conditioning = self.conditioning(context);
        let (ty, value) = if conditioning.is_read() {
            let value = format!("engine::network::Masked::trusted({shape}, {unit}, {weights})");
            (masked(&owners_ty), value)
        } else {
            let path = "engine::network::conditioning";
            if owners_ty.is_empty() {
                owners_ty = ", engine::network::Evenly".into();
            }
            let value = format!(
                "engine::network::Masked::trusted_with({shape}, {unit}, {path}::{conditioning:?}, {weights})"
            );
            (masked(&format!("{owners_ty}, {path}::{conditioning:?}")), value)
        };
        sources.code(&ty, 3);
        Source { ty, value }
    }
}
