//! A masked convolution walked site by site: PixelCNN (van den Oord et al. 2016, arXiv:1601.06759), as
//! variational autoregressive networks use it for lattices (Wu, Wang & Zhang, PRL 122, 080602).
//!
//! Sites lie in rows and columns and are visited row after row; a sequence is one row. All sites share their
//! weights. A site's units in a layer read the layer below around it, of a *reach* `[r, c]` the `r` rows above
//! from `c` columns to the left to `c` to the right, and its own row from `c` to the left up to itself; the
//! first layer, which reads inputs, up to the site before:
//!
//! ```text
//! h⁰(p) = unit(b⁰ + C c + Σ_{d before 0} W⁰_d x(p + d))
//! hˡ(p) = unit(bˡ + Σ_{d before or at 0} Wˡ_d hˡ⁻¹(p + d))
//! out(p) = b + Σ_{d before or at 0} V_d h(p + d)
//! ```
//!
//! with the offsets `d` row after row, what lies outside being 0. Each is one accumulator. A *residual* network
//! has an odd number of equal hidden layers: the first and every second one after it make a stream of sums, to
//! which those after the first add theirs; the layer between two of them reads the stream and makes units of its sums, and
//! only the last sums of the stream become units (the residual blocks of that paper's code, whose inner layer
//! has the reach `[0, 0]`):
//!
//! ```text
//! s⁰ = b⁰ + …,  h = unit(b + Σ_d W_d s(p + d)),  s ← s + b' + Σ_d W'_d h(p + d)
//! ```
//!
//! Weights that all sites share cannot make the first site, which reads nothing, another than the rest; with a
//! *uniform start* its outputs are 0 whatever they are, as that code has it.
//!
//! # Why drawing costs what scoring costs
//! Of each layer a walk keeps those rows that the next one reads, and every unit is computed once. When a row
//! begins, the rows above it are known in all layers, so what they say is added up for the whole row at once:
//! the weights of an offset are read once a row, not once a site, and stay in the first-level cache. What is
//! left to a site are the offsets of its own row. An accumulator gets its inputs in the order of the formula
//! all the same.
//!
//! A row's accumulators stand where its units will be. Below [`WHOLE`] channels the offsets of a row are one
//! rectangle, over rows that have zeros at both ends; with more channels each offset is one and what lies
//! outside costs nothing.
//!
//! # Packed order
//! For each layer the biases, the first one's rectangle from the context, and the rectangles of the rows above,
//! from the farthest; then for each layer the rectangles of a site's own row, from the left, and the slopes.

#[cfg(feature = "model")]
use alloc::format;
#[cfg(feature = "model")]
use alloc::string::String;
#[cfg(feature = "model")]
use alloc::vec::Vec;

#[cfg(feature = "model")]
use super::Called;
use super::{CausalNetwork, CausalSizes, Turn, Visitor, in_pairs};
use crate::activation::Activation;
#[cfg(feature = "model")]
use crate::activation::AnyActivation;
use crate::kernel::{Counts, Lanes, Store, add, take, take_mut};
#[cfg(feature = "model")]
use crate::model::{
    CausalPart, Faults, Initial, Packer, Source, Sources, Start, Tensors, Visible, is_false,
};

/// Channels from which each offset of a row is a rectangle of its own; see the module.
pub const WHOLE: usize = 16;

/// The sizes of a masked convolution.
#[derive(Clone, Copy, Debug)]
pub struct Raster<'a> {
    /// Rows of sites.
    pub rows: usize,
    /// Sites in a row.
    pub columns: usize,
    /// Inputs of a site.
    pub inputs: usize,
    /// Units that a site has in each hidden layer.
    pub hidden: &'a [usize],
    /// Outputs of a site.
    pub outputs: usize,
    /// Values of context.
    pub context: usize,
    /// Of each layer, the last one's outputs included, rows above and columns to either side that it reads.
    pub reach: &'a [[usize; 2]],
    /// Whether hidden layers after the first are added to it in pairs.
    pub residual: bool,
    /// Whether the first site's outputs are 0.
    pub uniform_start: bool,
}

/// A layer: what it reads, and what it makes at a site.
#[derive(Clone, Copy)]
struct Layer {
    /// Channels of the layer below.
    from: usize,
    /// Channels of this one.
    to: usize,
    reach: [usize; 2],
    /// Columns of its own row that a site reads.
    own: usize,
}

impl Layer {
    /// Columns of a row above that a site reads.
    const fn across(self) -> usize {
        2 * self.reach[1] + 1
    }

    /// The parts in which it reads so many columns, and the columns of each.
    const fn parts(self, columns: usize) -> [usize; 2] {
        if self.from < WHOLE { [1, columns] } else { [columns, 1] }
    }

    /// Weights of its matrix but for those of the context.
    const fn weights(self) -> usize {
        (self.reach[0] * self.across() + self.own) * self.from * self.to
    }
}

/// Where the rows of a layer are that are kept of it.
#[derive(Clone, Copy)]
struct Cache {
    channels: usize,
    /// Rows, the one at work included.
    rows: usize,
    columns: usize,
    /// Zeros at either end of a row.
    pad: usize,
}

impl Cache {
    const fn values(self) -> usize {
        self.rows * (self.columns + 2 * self.pad) * self.channels
    }

    /// Where a row begins, its zeros included.
    #[inline(always)]
    fn row(self, y: usize) -> usize {
        let row = y.checked_rem(self.rows).unwrap_or(0);
        row * (self.columns + 2 * self.pad) * self.channels
    }

    /// Where the values of a site are.
    #[inline(always)]
    fn place(self, y: usize, x: usize) -> usize {
        self.row(y) + (self.pad + x) * self.channels
    }
}

impl<'a> Raster<'a> {
    /// Whether its numbers make sense.
    pub fn is_valid(&self) -> bool {
        let Self { rows, columns, inputs, hidden, outputs, reach, .. } = *self;
        let inside = |[r, c]: &[usize; 2]| *r < rows && *c < columns;
        let first = reach.first().copied().unwrap_or_default();
        [rows, columns, inputs, outputs].iter().chain(hidden).all(|n| *n > 0)
            && reach.len() == hidden.len() + 1
            && reach.iter().all(inside)
            && first != [0, 0]
            && (!self.residual || in_pairs(hidden))
    }

    const fn sites(&self) -> usize {
        self.rows * self.columns
    }

    /// The layers, the last of which makes outputs.
    #[inline(always)]
    fn layers(self) -> impl Iterator<Item = Layer> + 'a {
        let to = self.hidden.iter().copied().chain([self.outputs]);
        let mut from = self.inputs;
        let mut own = 0;
        self.reach.iter().zip(to).map(move |(reach, to)| {
            let layer = Layer { from, to, reach: *reach, own: reach[1] + own };
            (from, own) = (to, 1);
            layer
        })
    }

    /// What is kept of what a layer reads.
    #[inline(always)]
    const fn below(&self, layer: Layer) -> Cache {
        let [rows, columns] = layer.reach;
        let pad = if layer.from < WHOLE { columns } else { 0 };
        Cache { channels: layer.from, rows: rows + 1, columns: self.columns, pad }
    }

    /// What is kept of what a layer makes, which this one reads, or nothing does.
    #[inline(always)]
    fn above(&self, layer: Layer, next: Option<Layer>) -> Cache {
        match next {
            Some(next) => self.below(next),
            None => Cache { channels: layer.to, rows: 1, columns: self.columns, pad: 0 },
        }
    }

    /// Whether a layer's sums become units; the last layer's never do.
    #[inline(always)]
    const fn has_units(&self, layer: usize) -> bool {
        let last = self.hidden.len();
        layer < last && (!self.residual || layer % 2 == 1 || layer + 1 == last)
    }

    /// Its weights, biases and slopes.
    pub fn counts(&self, activation: impl Activation) -> Counts {
        let (mut counts, mut context) = (Counts::default(), self.context);
        for (l, layer) in self.layers().enumerate() {
            counts.matrix += context * layer.to + layer.weights();
            context = 0;
            counts.bias += layer.to;
            if self.has_units(l) {
                counts.slopes += activation.slopes(layer.to);
            }
        }
        counts
    }

    /// Multiply-adds of one walk.
    pub fn multiply_adds(&self) -> usize {
        let Self { rows, columns, mut context, .. } = *self;
        let mut total = 0;
        for layer in self.layers() {
            let [r, c] = layer.reach;
            let (mut above, mut own) = (columns * layer.across(), columns * layer.own);
            if layer.from >= WHOLE {
                let beside: usize = (0..columns).map(|x| x.min(c)).sum();
                above = 2 * beside + columns;
                own = beside + columns * (layer.own - c);
            }
            let rows_above: usize = (0..rows).map(|y| y.min(r)).sum();
            total += (rows_above * above + rows * own) * layer.from * layer.to;
            total += rows * context * layer.to;
            context = 0;
        }
        total
    }

    fn scratch(&self) -> usize {
        let kept: usize = self.layers().map(|layer| self.below(layer).values()).sum();
        kept + self.columns * self.outputs
    }
}

/// A masked convolution over packed weights, borrowed from flash or from a loaded model.
#[derive(Clone, Copy, Debug)]
pub struct Convolution<'a, W, U> {
    raster: Raster<'a>,
    activation: U,
    weights: W,
}

impl<'a, W: Store<'a>, U: Activation> Convolution<'a, W, U> {
    /// With these sizes, over weights packed as the module says; `None` if they are
    /// [none](Raster::is_valid), or if there are not [as many](Raster::counts) weights.
    pub fn new(raster: Raster<'a>, activation: U, weights: W) -> Option<Self> {
        let fits = raster.is_valid() && weights.fits(raster.counts(activation));
        fits.then(|| Self::trusted(raster, activation, weights))
    }

    /// A network whose sizes were checked before, by `model!` or when the model was read. Wrong sizes
    /// give wrong values and no panic.
    #[doc(hidden)]
    pub const fn trusted(raster: Raster<'a>, activation: U, weights: W) -> Self {
        Self { raster, activation, weights }
    }

    /// Adds to the sums of the sites from column `x` on, or of that one alone, what a layer reads of one row, of so
    /// many columns around each; `row` is that row with its zeros, or nothing if it is outside.
    #[inline(always)]
    fn read<L: Lanes, const ALONE: bool>(
        lanes: L,
        weights: &mut W,
        layer: Layer,
        across: usize,
        row: Option<(&[L::V], Cache)>,
        x: usize,
        sums: &mut [L::V],
    ) {
        let [parts, width] = layer.parts(across);
        for part in 0..parts {
            let rectangle = weights.matrix(width * layer.from * layer.to);
            let Some((row, Cache { channels, columns, pad, .. })) = row else { continue };
            let add = |x: usize, sums: &mut [L::V]| {
                // Outside there is nothing, or zeros.
                let from = (x + part + pad).checked_sub(layer.reach[1]);
                if let Some(from) = from.filter(|from| *from < columns + 2 * pad) {
                    let values = take(take(row, from * channels).1, width * channels).0;
                    lanes.rectangle(rectangle, values, sums);
                }
            };
            if ALONE {
                add(x, sums);
                continue;
            }
            for (i, sums) in sums.chunks_exact_mut(layer.to.max(1)).enumerate() {
                add(x + i, sums);
            }
        }
    }

    /// Begins a row in all layers: the biases, and what the context and the rows above say.
    #[inline(always)]
    fn begin<L: Lanes>(
        &self,
        lanes: L,
        weights: &mut W,
        y: usize,
        mut context: &[L::V],
        mut caches: &mut [L::V],
    ) {
        let raster = self.raster;
        let mut layers = raster.layers().peekable();
        while let Some(layer) = layers.next() {
            let kept = raster.below(layer);
            let (below, above) = take_mut(caches, kept.values());
            let place = raster.above(layer, layers.peek().copied()).place(y, 0);
            let sums = take_mut(take_mut(above, place).1, raster.columns * layer.to).0;
            let (first, others) = take_mut(sums, layer.to);
            weights.sums(lanes, context, first);
            for other in others.chunks_exact_mut(layer.to.max(1)) {
                for (other, first) in other.iter_mut().zip(first.iter()) {
                    *other = *first;
                }
            }
            for up in (1..=layer.reach[0]).rev() {
                let row = y.checked_sub(up).map(|y| (take(below, kept.row(y)).1, kept));
                Self::read::<_, false>(lanes, weights, layer, layer.across(), row, 0, sums);
            }
            (context, caches) = (&[], above);
        }
    }

    /// Finishes a site in all layers.
    #[inline(always)]
    fn site<L: Lanes>(
        &self,
        lanes: L,
        mut weights: W,
        [y, x]: [usize; 2],
        mut caches: &mut [L::V],
    ) {
        let raster = self.raster;
        let mut layers = raster.layers().enumerate().peekable();
        // Two layers below, where a residual network has its stream.
        let mut stream: &[L::V] = &[];
        while let Some((l, layer)) = layers.next() {
            let kept = raster.below(layer);
            let (below, above) = take_mut(caches, kept.values());
            let next = layers.peek().map(|(_, layer)| *layer);
            let place = raster.above(layer, next).place(y, x);
            let sums = take_mut(take_mut(above, place).1, layer.to).0;
            let below = &*below;
            let row = Some((take(below, kept.row(y)).1, kept));
            Self::read::<_, true>(lanes, &mut weights, layer, layer.own, row, x, sums);
            if raster.residual && l > 0 && l % 2 == 0 {
                add(lanes, sums, stream);
            }
            if raster.has_units(l) {
                if self.activation.slopes(1) > 0 {
                    weights.units(lanes, sums);
                }
                self.activation.apply(lanes, sums);
            }
            stream = take(take(below, kept.place(y, x)).1, layer.from).0;
            caches = above;
        }
    }
}

impl<'a, W: Store<'a>, U: Activation> CausalNetwork for Convolution<'a, W, U> {
    #[inline(always)]
    fn sizes(&self) -> CausalSizes {
        let Raster { inputs, outputs, context, .. } = self.raster;
        CausalSizes { sites: self.raster.sites(), inputs, outputs, context }
    }

    #[inline(always)]
    fn scratch(&self) -> usize {
        self.raster.scratch()
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
        let raster = this.raster;
        let [each, outputs] = visitor.sizes();
        let kept = raster.scratch().saturating_sub(raster.columns * outputs);
        for value in take_mut(scratch, kept).0 {
            *value = lanes.splat(0.0);
        }
        let first = raster.layers().next().map(|layer| raster.below(layer));
        let mut sites = inputs.chunks_exact_mut(each.max(1)).enumerate();
        for y in 0..raster.rows {
            let mut weights = this.weights;
            this.begin(lanes, &mut weights, y, context, scratch);
            for x in 0..raster.columns {
                let Some((site, inputs)) = sites.next() else { return };
                this.site(lanes, weights, [y, x], scratch);
                let (cache, outs) = take_mut(scratch, kept);
                let out = take_mut(take_mut(outs, x * outputs).1, outputs).0;
                if raster.uniform_start && site == 0 {
                    for out in out.iter_mut() {
                        *out = lanes.splat(0.0);
                    }
                }
                visitor.site(lanes, Turn { site, turn: site }, out, inputs);
                let own = take_mut(cache, first.map_or(0, |first| first.place(y, x))).1;
                for (to, from) in own.iter_mut().zip(inputs) {
                    *to = *from;
                }
            }
        }
    }
}

/// `{"kind": "convolution", "columns": n, "hidden": [channels, …], "reach": [[rows, columns], …],
/// "activation": "leaky", "residual": false, "uniform_start": false}`: tensors `hidden.{l}.weight` `[channels, offsets · channels below]`,
/// offset after offset in raster order, of the first layer after the columns of the context, `hidden.{l}.bias`,
/// `hidden.{l}.slope` where there are units, `output.weight` and `output.bias`.
#[cfg(feature = "model")]
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConvolutionSpec {
    /// Sites in a row, of which there is a whole number.
    pub columns: usize,
    /// Units that a site has in each hidden layer.
    pub hidden: Vec<usize>,
    /// For each layer, the last one's outputs included, rows above and columns to either side.
    pub reach: Vec<[usize; 2]>,
    /// What hidden units make of their sums.
    #[serde(default, skip_serializing_if = "AnyActivation::is_leaky")]
    pub activation: AnyActivation,
    /// Whether layers after the first are added to it in pairs.
    #[serde(default, skip_serializing_if = "is_false")]
    pub residual: bool,
    /// Whether the first site's outputs are 0.
    #[serde(default, skip_serializing_if = "is_false")]
    pub uniform_start: bool,
}

/// A masked convolution of which nothing is known but what was read.
#[cfg(feature = "model")]
pub type AnyConvolution<'a> = Called<Convolution<'a, &'a [f32], AnyActivation>>;

/// A layer of a masked convolution, for those who train it.
#[cfg(feature = "model")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvolutionLayer {
    /// Channels of the layer below, and of this one.
    pub channels: [usize; 2],
    /// Rows above and columns to either side.
    pub reach: [usize; 2],
    /// Whether a site reads what is below itself.
    pub own: bool,
    /// Whether sums become units.
    pub units: bool,
    /// Whether the sums of two layers before are added.
    pub added: bool,
}

#[cfg(feature = "model")]
impl ConvolutionSpec {
    fn raster(&self, sizes: CausalSizes) -> Raster<'_> {
        let CausalSizes { sites, inputs, outputs, context } = sizes;
        Raster {
            rows: sites.checked_div(self.columns).unwrap_or(0),
            columns: self.columns,
            inputs,
            hidden: &self.hidden,
            outputs,
            context,
            reach: &self.reach,
            residual: self.residual,
            uniform_start: self.uniform_start,
        }
    }

    /// The name in front of those of a layer's tensors; the last layer's makes outputs.
    pub fn path(&self, layer: usize) -> String {
        if layer < self.hidden.len() { format!("hidden.{layer}") } else { "output".into() }
    }

    /// The layers for sites of so many inputs and outputs, the last of which makes outputs.
    pub fn layers(&self, [inputs, outputs]: [usize; 2]) -> Vec<ConvolutionLayer> {
        let sizes = CausalSizes { sites: self.columns, inputs, outputs, context: 0 };
        let raster = self.raster(sizes);
        let each = raster.layers().enumerate().map(|(l, layer)| ConvolutionLayer {
            channels: [layer.from, layer.to],
            reach: layer.reach,
            own: l > 0,
            units: raster.has_units(l),
            added: self.residual && l > 0 && l % 2 == 0 && l < self.hidden.len(),
        });
        each.collect()
    }
}

#[cfg(feature = "model")]
impl CausalPart for ConvolutionSpec {
    type Built<'a> = AnyConvolution<'a>;

    fn check(&self, sites: usize, faults: &mut Faults) {
        faults.sizes("hidden", &self.hidden);
        faults.in_pairs(self.residual, &self.hidden);
        let rows = sites.checked_div(self.columns).unwrap_or(0);
        if rows == 0 || rows * self.columns != sites {
            let expected = format!("a number that divides the {sites} sites");
            return faults.wrong("columns", self.columns, expected);
        }
        let layers = self.hidden.len() + 1;
        if self.reach.len() != layers {
            faults.wrong("reach", format!("{} layers", self.reach.len()), format!("{layers}"));
        }
        let inside = |[r, c]: &&[usize; 2]| *r >= rows || *c >= self.columns;
        if let Some(reach) = self.reach.iter().find(inside) {
            let expected = format!("less than {rows} rows and {} columns", self.columns);
            faults.wrong("reach", format!("{reach:?}"), expected);
        }
        if self.reach.first() == Some(&[0, 0]) {
            faults.wrong("reach", "[0, 0] first", "something before a site");
        }
    }

    fn tensors(&self, sizes: CausalSizes, initial: Initial, tensors: &mut Tensors) {
        let raster = self.raster(sizes);
        let mut context = sizes.context;
        for (l, layer) in raster.layers().enumerate() {
            let inputs = context
                + (layer.reach[0])
                    .saturating_mul(layer.across())
                    .saturating_add(layer.own)
                    .saturating_mul(layer.from);
            let slopes = if raster.has_units(l) { self.activation.slopes(layer.to) } else { 0 };
            let added = self.residual && l > 0 && l % 2 == 0;
            let path = self.path(l);
            let start = if l < self.hidden.len() {
                let slope = if slopes > 0 { initial.slope } else { 0.0 };
                Start::Normal { factor: if added { 0.1 } else { 1.0 }, slope }
            } else {
                initial.output()
            };
            tensors.matrix(&format!("{path}.weight"), [layer.to, inputs], Visible::All, start);
            tensors.vector(&format!("{path}.bias"), layer.to, Start::Value(0.0));
            if slopes > 0 {
                tensors.vector(&format!("{path}.slope"), slopes, Start::Value(initial.slope));
            }
            context = 0;
        }
    }

    fn pack(&self, sizes: CausalSizes, packer: &mut Packer<'_>) {
        let raster = self.raster(sizes);
        let rectangles = |packer: &mut Packer<'_>, l, layer: Layer, columns, mut first: usize| {
            let [parts, width] = layer.parts(columns);
            for _ in 0..parts {
                let inputs = first..first + width * layer.from;
                first = inputs.end;
                packer.rectangle(&format!("{}.weight", self.path(l)), 0..layer.to, inputs);
            }
        };
        let context = |l: usize| if l == 0 { sizes.context } else { 0 };
        for (l, layer) in raster.layers().enumerate() {
            packer.vector(&format!("{}.bias", self.path(l)), 0..layer.to);
            packer.rectangle(&format!("{}.weight", self.path(l)), 0..layer.to, 0..context(l));
            for row in 0..layer.reach[0] {
                let first = context(l) + row * layer.across() * layer.from;
                rectangles(packer, l, layer, layer.across(), first);
            }
        }
        for (l, layer) in raster.layers().enumerate() {
            let first = context(l) + layer.reach[0] * layer.across() * layer.from;
            rectangles(packer, l, layer, layer.own, first);
            if raster.has_units(l) {
                packer.slopes(&self.path(l), 0..self.activation.slopes(layer.to));
            }
        }
    }

    fn build<'a>(&'a self, sizes: CausalSizes, weights: &'a [f32]) -> AnyConvolution<'a> {
        Called(Convolution::trusted(self.raster(sizes), self.activation, weights))
    }

    fn multiply_adds(&self, sizes: CausalSizes) -> Option<usize> {
        Some(self.raster(sizes).multiply_adds())
    }

    fn source(&self, sizes: CausalSizes, sources: &mut Sources) -> Source {
        let raster = self.raster(sizes);
        let Raster { rows, columns, inputs, hidden, outputs, context, reach, residual, .. } =
            raster;
        let uniform_start = self.uniform_start;
        let weights = sources.weights(raster.counts(self.activation).total());
        let unit = format!("engine::activation::{}", self.activation.source(sources));
        sources.table(hidden.len() + 2 * reach.len() + 13);
        let path = "engine::network::convolution";
        let ty = format!("{path}::Convolution<'static, &'static [{}], {unit}>", sources.weight());
        sources.code(&ty, 4);
        let value = format!(
            "{path}::Convolution::trusted({path}::Raster {{ rows: {rows}, columns: {columns}, inputs: {inputs}, \
             hidden: &{hidden:?}, outputs: {outputs}, context: {context}, reach: &{reach:?}, \
             residual: {residual}, uniform_start: {uniform_start} }}, {unit}, {weights})"
        );
        Source { ty, value }
    }
}
