//! A network of a square lattice, from coarse to fine: the sites of a coarse lattice first, then those
//! between them, each from the values nearby that are there already.
//!
//! With side `L = 2ᵏ` the first site is the origin. Each *level*, of spacing `s = L/2, L/4, …, 1`, doubles
//! the lattice of spacing `2s` twice:
//!
//! ```text
//! ● ○ ● ○     ●  on the coarse lattice: there already
//! ○ ◆ ○ ◆     ◆  centres of its squares: stage A
//! ● ○ ● ○     ○  edges between all of these: stage B
//! ○ ◆ ○ ◆
//! ```
//!
//! A stage draws its sites row after row. Every site of a stage has the same network, which reads a *window*
//! of the lattice around it, periodic at the ends: the sites of earlier stages, and those of its own stage
//! that were drawn before it; what is not drawn yet reads as 0,
//!
//! ```text
//! h⁰ = unit(b⁰ + C⁰ c + Σ_d W⁰_d x(site + s d)),  hˡ = unit(bˡ + Wˡ hˡ⁻¹),  out = b + V h
//! ```
//!
//! with `d` from the window, in units of the spacing. So the weights do not grow with the lattice, and a site
//! far away is near on a coarse level (Białas et al. 2022, arXiv:2203.10989; Singha et al., ICLR 2025,
//! arXiv:2503.08918, who have the stages and the heat bath but other networks, shared by the sites of one
//! level only). Levels are counted from the finest, which is 0: a model of a larger lattice has the same
//! tensors and more, and starts from those of a smaller one. At a critical point coarse levels look alike, so
//! levels from some number on can *share* their weights; then one set of them is a model of any side.
//!
//! # Heat bath
//! Of a Hamiltonian of nearest neighbours the sites of the last stage depend, given all others, on their four
//! neighbours only. The true conditional is
//!
//! ```text
//! out_o = field_o + Σ_i coupling_oi Σ_neighbours x_i
//! ```
//!
//! which for Ising spins is `2β(H + J Σ s)`. With it half of the lattice is drawn without a network and adds
//! nothing to the divergence from the Boltzmann distribution. The couplings stand in the description and are
//! not trained.
//!
//! # Odd networks
//! Without biases, and with an activation that is odd, outputs change their sign with the inputs, to the bit.
//! Spins so have `q(s) = q(−s)` at the cost of one pass, where [`Z2`](crate::symmetry::Z2) takes two.
//!
//! # Packed order
//! The biases of the first site; then the levels from the coarsest on, of each stage A and stage B (but the
//! heat bath): for each hidden layer the biases, the rectangle of the context (of the first), the rectangle,
//! the slopes; the biases of the outputs and their rectangle. The first layer's rectangle has the window's
//! sites in the order of its columns: those of earlier stages and those of the stage that lie before the site
//! are one rectangle, those behind it one each, as they are read near the lattice's ends only.

mod lattice;

#[cfg(feature = "model")]
use alloc::{format, string::String, vec::Vec};

#[cfg(feature = "model")]
use lattice::{BYTES, Offset, side};
pub use lattice::{FARTHEST, REACH};
use lattice::{Kind, NEIGHBOURS, Place, Window, back, places};

#[cfg(feature = "model")]
use super::Called;
use super::{CausalNetwork, CausalSizes, Turn, Visitor};
use crate::activation::Activation;
#[cfg(feature = "model")]
use crate::activation::AnyActivation;
use crate::kernel::{Counts, Lanes, Store, take, take_mut};
#[cfg(feature = "model")]
use crate::model::{
    CausalPart, Faults, Initial, Packer, Source, Sources, Start, Tensors, Units, Visible, is_false,
    is_none,
};
use crate::simd::Simd;

/// The sizes of a multilevel network.
#[derive(Clone, Copy, Debug)]
pub struct Levels<'a> {
    /// The lattice's side, a power of two.
    pub side: usize,
    /// Inputs of a site.
    pub inputs: usize,
    /// Units of each hidden layer.
    pub hidden: &'a [usize],
    /// Outputs of a site.
    pub outputs: usize,
    /// Values of context.
    pub context: usize,
    /// Levels with weights of their own; coarser ones have those of the last of them.
    pub own: usize,
    /// Squares of the distances that windows of stages A and B reach, in units of the spacing.
    pub reach: [u32; 2],
    /// Whether sums begin at learned biases, or at 0.
    pub biased: bool,
    /// Whether the last stage is a heat bath.
    pub heat_bath: bool,
}

impl Levels<'_> {
    /// Levels of the lattice.
    const fn total(&self) -> usize {
        self.side.trailing_zeros() as usize
    }

    /// Whether its numbers make sense, and its layers any.
    pub const fn is_valid(&self) -> bool {
        let [a, b] = self.reach;
        let full = self.total() > 1 && self.heat_bath;
        self.side.is_power_of_two()
            && self.side > 1
            && self.inputs > 0
            && self.outputs > 0
            && !self.hidden.is_empty()
            && self.own > full as usize
            && self.own <= self.total()
            && a >= 2
            && a <= FARTHEST
            && b >= 1
            && b <= FARTHEST
    }

    const fn window(&self, kind: Kind) -> Window {
        match kind {
            Kind::Centres => Window::new(kind, self.reach[0]),
            Kind::Edges => Window::new(kind, self.reach[1]),
        }
    }

    /// Whether the stages of a kind are drawn without a network on the finest level.
    const fn is_bath(&self, kind: Kind, level: usize) -> bool {
        self.heat_bath && level == 0 && matches!(kind, Kind::Edges)
    }

    /// Weights and biases of the network of a stage.
    fn stage(&self, kind: Kind, activation: impl Activation) -> Counts {
        let mut counts = Counts::default();
        let mut known = self.context + self.window(kind).sites() * self.inputs;
        for units in self.hidden {
            counts.matrix += known * units;
            counts.slopes += activation.slopes(*units);
            counts.bias += units;
            known = *units;
        }
        counts.matrix += known * self.outputs;
        counts.bias += self.outputs;
        if !self.biased {
            counts.bias = 0;
        }
        counts
    }

    /// Its weights, biases and slopes.
    pub fn counts(&self, activation: impl Activation) -> Counts {
        let mut counts = Counts::default();
        if self.biased {
            counts.bias = self.outputs;
        }
        for level in 0..self.own {
            for kind in Kind::BOTH {
                if !self.is_bath(kind, level) {
                    let stage = self.stage(kind, activation);
                    counts.matrix += stage.matrix;
                    counts.slopes += stage.slopes;
                    counts.bias += stage.bias;
                }
            }
        }
        counts
    }

    /// Multiply-adds of one walk: what is read of windows near the lattice's ends counts where it is read.
    pub fn multiply_adds(&self) -> usize {
        let mut total = 0;
        for level in 0..self.total() {
            let spacing = 1 << level;
            for kind in Kind::BOTH {
                for place in places(kind, self.side, spacing) {
                    if self.is_bath(kind, level) {
                        total += self.inputs * self.outputs;
                        continue;
                    }
                    let Window { earlier, before } = self.window(kind);
                    let behind = before.iter().filter(|d| place.at(back(**d)) < place.site());
                    let sites = earlier.len() + before.len() + behind.count();
                    let mut known = self.context + sites * self.inputs;
                    for units in self.hidden {
                        total += known * units;
                        known = *units;
                    }
                    total += known * self.outputs;
                }
            }
        }
        total
    }

    /// Values of the window that are always read.
    const fn read(&self) -> usize {
        let [a, b] = [self.window(Kind::Centres), self.window(Kind::Edges)];
        let [a, b] = [a.earlier.len() + a.before.len(), b.earlier.len() + b.before.len()];
        self.inputs * if a > b { a } else { b }
    }
}

/// What draws the last stage of a Hamiltonian of nearest neighbours; see the module.
#[derive(Clone, Copy, Debug, Default)]
pub struct HeatBath<'a> {
    /// `[outputs][inputs]`.
    pub couplings: &'a [f32],
    /// One an output.
    pub field: &'a [f32],
}

/// A network from coarse to fine over packed weights, borrowed from flash or from a loaded model.
#[derive(Clone, Copy, Debug)]
pub struct Multilevel<'a, W, U> {
    levels: Levels<'a>,
    heat_bath: HeatBath<'a>,
    activation: U,
    weights: W,
}

impl<'a, W: Store<'a>, U: Activation> Multilevel<'a, W, U> {
    /// With these sizes, over weights packed as the module says; `None` if they are
    /// [none](Levels::is_valid), or if there are not [as many](Levels::counts) weights or couplings.
    pub fn new(
        levels: Levels<'a>,
        heat_bath: HeatBath<'a>,
        activation: U,
        weights: W,
    ) -> Option<Self> {
        let bath = if levels.heat_bath { levels.outputs } else { 0 };
        let fits = levels.is_valid()
            && heat_bath.couplings.len() == bath * levels.inputs
            && heat_bath.field.len() == bath
            && weights.fits(levels.counts(activation));
        fits.then(|| Self::trusted(levels, heat_bath, activation, weights))
    }

    /// A network whose sizes were checked before, by `model!` or when the model was read. Wrong sizes
    /// give wrong values and no panic.
    #[doc(hidden)]
    pub const fn trusted(
        levels: Levels<'a>,
        heat_bath: HeatBath<'a>,
        activation: U,
        weights: W,
    ) -> Self {
        Self { levels, heat_bath, activation, weights }
    }

    /// A layer's sums, from the biases if there are any.
    #[inline(always)]
    fn start<L: Lanes>(&self, lanes: L, weights: &mut W, x: &[L::V], out: &mut [L::V]) {
        if self.levels.biased {
            return weights.sums(lanes, x, out);
        }
        for out in out.iter_mut() {
            *out = lanes.splat(0.0);
        }
        lanes.rectangle(weights.matrix(x.len() * out.len()), x, out);
    }

    /// Draws or scores one site; the weights that are left are those of the next stage.
    #[inline(always)]
    fn site<L: Lanes>(
        &self,
        lanes: L,
        window: Window,
        place: Place,
        visit: &mut Visit<'_, L, impl Visitor<L>>,
        [context, inputs]: [&[L::V]; 2],
        mut weights: W,
    ) -> W {
        let Levels { inputs: each, hidden, .. } = self.levels;
        let Visit { read, units, .. } = visit;
        let own = place.site();
        let Window { earlier, before } = window;
        let (read, _) = take_mut(read, (earlier.len() + before.len()) * each);
        let offsets = earlier.iter().chain(before).enumerate();
        for (to, (i, d)) in read.chunks_exact_mut(each.max(1)).zip(offsets) {
            let site = place.at(*d);
            if i < earlier.len() || site < own {
                for (to, from) in to.iter_mut().zip(take(inputs, site * each).1) {
                    *to = *from;
                }
            } else {
                for to in to {
                    *to = lanes.splat(0.0);
                }
            }
        }
        let read = &*read;
        let (mut below, mut rest) = (&mut [][..], &mut **units);
        for (l, units) in hidden.iter().enumerate() {
            let (layer, later) = take_mut(rest, *units);
            if l == 0 {
                self.start(lanes, &mut weights, context, layer);
                lanes.rectangle(weights.matrix(read.len() * units), read, layer);
                for d in before {
                    let behind = weights.matrix(each * units);
                    let site = place.at(back(*d));
                    if site < own {
                        let x = take(take(inputs, site * each).1, each).0;
                        lanes.rectangle(behind, x, layer);
                    }
                }
            } else {
                self.start(lanes, &mut weights, below, layer);
            }
            if self.activation.slopes(1) > 0 {
                weights.units(lanes, layer);
            }
            self.activation.apply(lanes, layer);
            (below, rest) = (layer, later);
        }
        self.start(lanes, &mut weights, below, visit.out);
        weights
    }

    /// The outputs of a site from its four neighbours.
    #[inline(always)]
    fn bath<L: Lanes>(
        &self,
        lanes: L,
        place: Place,
        inputs: &[L::V],
        sums: &mut [L::V],
        out: &mut [L::V],
    ) {
        let s = lanes.s();
        let each = self.levels.inputs;
        let sums = take_mut(sums, each).0;
        let [up, left, right, down] = NEIGHBOURS.map(|d| take(inputs, place.at(d) * each).1);
        let rows = up.iter().zip(left).zip(right).zip(down);
        for (sum, (((up, left), right), down)) in sums.iter_mut().zip(rows) {
            let of = up.as_ref().iter().zip(left.as_ref());
            let of = of.zip(right.as_ref().iter().zip(down.as_ref()));
            for (sum, ((up, left), (right, down))) in sum.as_mut().iter_mut().zip(of) {
                let above = s.add(s.load(up), s.load(left));
                s.store(s.add(above, s.add(s.load(right), s.load(down))), sum);
            }
        }
        let rows = self.heat_bath.couplings.chunks_exact(each.max(1));
        for ((out, field), couplings) in out.iter_mut().zip(self.heat_bath.field).zip(rows) {
            *out = lanes.splat(*field);
            for (sum, coupling) in sums.iter().zip(couplings) {
                let coupling = s.splat(*coupling);
                for (out, sum) in out.as_mut().iter_mut().zip(sum.as_ref()) {
                    s.store(s.add(s.load(out), s.mul(coupling, s.load(sum))), out);
                }
            }
        }
    }
}

/// What a visit of a site has to work with.
struct Visit<'s, L: Lanes, V> {
    visitor: &'s mut V,
    /// What is read of the window.
    read: &'s mut [L::V],
    units: &'s mut [L::V],
    out: &'s mut [L::V],
    /// Sites that were visited.
    turn: usize,
}

impl<L: Lanes, V: Visitor<L>> Visit<'_, L, V> {
    #[inline(always)]
    fn site(&mut self, lanes: L, site: usize, each: usize, inputs: &mut [L::V]) {
        let own = take_mut(take_mut(inputs, site * each).1, each).0;
        self.visitor.site(lanes, Turn { site, turn: self.turn }, self.out, own);
        self.turn += 1;
    }
}

impl<'a, W: Store<'a>, U: Activation> CausalNetwork for Multilevel<'a, W, U> {
    #[inline(always)]
    fn sizes(&self) -> CausalSizes {
        let Levels { side, inputs, outputs, context, .. } = self.levels;
        CausalSizes { sites: side * side, inputs, outputs, context }
    }

    #[inline(always)]
    fn scratch(&self) -> usize {
        let units: usize = self.levels.hidden.iter().sum();
        self.levels.read() + units + self.levels.outputs
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
        let levels = this.levels;
        let [each, outputs] = visitor.sizes();
        let (out, scratch) = take_mut(scratch, outputs);
        let (read, units) = take_mut(scratch, levels.read());
        let mut weights = this.weights;
        let mut visit = Visit { visitor, read, units, out, turn: 0 };
        this.start(lanes, &mut weights, &[], visit.out);
        visit.site(lanes, 0, each, inputs);
        for level in (0..levels.total()).rev() {
            let mut next = weights;
            for kind in Kind::BOTH {
                let (window, of_stage) = (levels.window(kind), next);
                for place in places(kind, levels.side, 1 << level) {
                    if levels.is_bath(kind, level) {
                        this.bath(lanes, place, inputs, visit.read, visit.out);
                    } else {
                        let given = [context, &*inputs];
                        next = this.site(lanes, window, place, &mut visit, given, of_stage);
                    }
                    visit.site(lanes, place.site(), each, inputs);
                }
            }
            if level < levels.own {
                weights = next;
            }
        }
    }
}

/// A stage of a lattice, for those who train it.
#[cfg(feature = "model")]
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// Where its network's tensors are, within the network's; `None` of the heat bath.
    pub path: Option<String>,
    /// Its sites in the order in which they are drawn.
    pub sites: Vec<usize>,
    /// What each of them reads, in the order of the columns of the first layer's weights after the context's:
    /// for each site of the window, for each of its sites, a site or nothing. The four neighbours, of the heat
    /// bath.
    pub window: Vec<Vec<Option<usize>>>,
}

/// The heat bath of a description.
#[cfg(feature = "model")]
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeatBathSpec {
    /// `[outputs][inputs]`, row after row.
    pub couplings: Vec<f32>,
    /// One an output.
    pub field: Vec<f32>,
}

/// `{"kind": "multilevel", "hidden": [units, …], "activation": "tanh", "levels": n, "reach": [20, 13],
/// "biased": false, "heat_bath": {"couplings": […], "field": […]}}`: tensors `first.bias` `[outputs]`, and for each level `l` with
/// weights of its own, from the coarsest, the last, on, `levels.{l}.a.` and (but for the heat bath's)
/// `levels.{l}.b.` with `hidden.{k}.weight` `[units, inputs]`, `hidden.{k}.bias`, `hidden.{k}.slope`,
/// `output.weight` and `output.bias` of [`Mlp`](super::Mlp), whose inputs are the context and then the
/// window. There are no biases unless it is biased.
#[cfg(feature = "model")]
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MultilevelSpec {
    /// Units of each hidden layer.
    pub hidden: Vec<usize>,
    /// What they make of their sums.
    #[serde(default, skip_serializing_if = "AnyActivation::is_leaky")]
    pub activation: AnyActivation,
    /// Levels with weights of their own, from the finest on; coarser ones have those of the last of them.
    pub levels: usize,
    /// Squares of the distances that windows of stages A and B reach, in units of the spacing.
    pub reach: [u32; 2],
    /// Whether sums begin at learned biases, or at 0.
    #[serde(default, skip_serializing_if = "is_false")]
    pub biased: bool,
    /// What draws the last stage, if no network does.
    #[serde(default, skip_serializing_if = "is_none")]
    pub heat_bath: Option<HeatBathSpec>,
}

/// A multilevel network of which nothing is known but what was read.
#[cfg(feature = "model")]
pub type AnyMultilevel<'a> = Called<Multilevel<'a, &'a [f32], AnyActivation>>;

#[cfg(feature = "model")]
impl MultilevelSpec {
    /// Levels that a lattice of so many sites has; none if it is no square whose side is a power of two.
    pub fn levels_of(sites: usize) -> usize {
        side(sites).map_or(0, |side| side.trailing_zeros() as usize)
    }

    fn levels(&self, sizes: CausalSizes) -> Levels<'_> {
        let CausalSizes { sites, inputs, outputs, context } = sizes;
        Levels {
            side: side(sites).unwrap_or(0),
            inputs,
            hidden: &self.hidden,
            outputs,
            context,
            own: self.levels,
            reach: self.reach,
            biased: self.biased,
            heat_bath: self.heat_bath.is_some(),
        }
    }

    /// The stages of a lattice of so many sites after the first site, from the coarsest on.
    pub fn stages(&self, sites: usize) -> Vec<Stage> {
        let levels = self.levels(CausalSizes { sites, inputs: 1, outputs: 1, context: 0 });
        let mut stages = Vec::new();
        for level in (0..levels.total()).rev() {
            for kind in Kind::BOTH {
                let all: Vec<Place> = places(kind, levels.side, 1 << level).collect();
                let Window { earlier, before } = levels.window(kind);
                let bath = levels.is_bath(kind, level);
                let read = |d: Offset, is_earlier: bool| {
                    let known = move |place: &Place| {
                        Some(place.at(d)).filter(|site| is_earlier || *site < place.site())
                    };
                    all.iter().map(known).collect()
                };
                let window = if bath {
                    NEIGHBOURS.map(|d| read(d, true)).into()
                } else {
                    let earlier = earlier.iter().map(|d| read(*d, true));
                    let before_it = before.iter().map(|d| read(*d, false));
                    let behind = before.iter().map(|d| read(back(*d), false));
                    earlier.chain(before_it).chain(behind).collect()
                };
                let own = level.min(levels.own.saturating_sub(1));
                stages.push(Stage {
                    path: (!bath).then(|| path(own, kind)),
                    sites: all.iter().map(|place| place.site()).collect(),
                    window,
                });
            }
        }
        stages
    }

    /// For each network of a stage, in canonical order, its path and what its first layer reads of the window.
    fn networks(&self, sizes: CausalSizes) -> impl Iterator<Item = (String, Window)> {
        let levels = self.levels(sizes);
        let stages = (0..levels.own).rev().flat_map(|level| Kind::BOTH.map(|kind| (level, kind)));
        stages
            .filter(move |(level, kind)| !levels.is_bath(*kind, *level))
            .map(move |(level, kind)| (path(level, kind), levels.window(kind)))
    }
}

/// Where the tensors of a stage's network are.
#[cfg(feature = "model")]
fn path(level: usize, kind: Kind) -> String {
    format!("levels.{level}.{}", kind.name())
}

#[cfg(feature = "model")]
impl CausalPart for MultilevelSpec {
    type Built<'a> = AnyMultilevel<'a>;

    fn check(&self, sites: usize, faults: &mut Faults) {
        faults.sizes("hidden", &self.hidden);
        if self.hidden.is_empty() {
            faults.wrong("hidden", "no layer", "at least one");
        }
        let total = Self::levels_of(sites);
        if total == 0 {
            let expected = "those of a square whose side is a power of two, at least 4";
            faults.wrong("levels", format!("{sites} sites"), expected);
            return;
        }
        let least = if self.heat_bath.is_some() && total > 1 { 2 } else { 1 };
        if !(least..=total).contains(&self.levels) {
            faults.wrong("levels", self.levels, format!("{least} to {total}"));
        }
        let [a, b] = self.reach;
        if !(2..=FARTHEST).contains(&a) || !(1..=FARTHEST).contains(&b) {
            let expected = format!("2 to {FARTHEST} and 1 to {FARTHEST}");
            faults.wrong("reach", format!("{:?}", self.reach), expected);
        }
    }

    fn check_values(&self, sizes: CausalSizes, faults: &mut Faults) {
        let Some(HeatBathSpec { couplings, field }) = &self.heat_bath else { return };
        let CausalSizes { inputs, outputs, .. } = sizes;
        for (name, numbers, expected) in
            [("couplings", couplings, inputs * outputs), ("field", field, outputs)]
        {
            let name = format!("heat_bath.{name}");
            if numbers.len() != expected {
                faults.wrong(&name, format!("{} numbers", numbers.len()), expected);
            }
            if let Some(x) = numbers.iter().find(|x| !x.is_finite()) {
                faults.wrong(&name, x, "finite numbers");
            }
        }
    }

    fn tensors(&self, sizes: CausalSizes, initial: Initial, tensors: &mut Tensors) {
        let CausalSizes { inputs, outputs, context, .. } = sizes;
        if self.biased {
            tensors.vector("first.bias", outputs, Start::Value(0.0));
        }
        let (activation, biased) = (self.activation, self.biased);
        let of = Units { initial, activation, residual: false, biased };
        for (path, window) in self.networks(sizes) {
            tensors.within(path, |tensors| {
                let mut known = context + window.sites() * inputs;
                for (l, units) in self.hidden.iter().enumerate() {
                    tensors.hidden(l, [*units, known], Visible::All, of);
                    known = *units;
                }
                let start = initial.output();
                tensors.matrix("output.weight", [outputs, known], Visible::All, start);
                if self.biased {
                    tensors.vector("output.bias", outputs, Start::Value(0.0));
                }
            });
        }
    }

    fn pack(&self, sizes: CausalSizes, packer: &mut Packer<'_>) {
        let CausalSizes { inputs, outputs, context, .. } = sizes;
        let biases = |n: usize| if self.biased { 0..n } else { 0..0 };
        packer.vector("first.bias", biases(outputs));
        for (path, Window { earlier, before }) in self.networks(sizes) {
            packer.within(path, |packer| {
                let mut known = 0;
                for (l, units) in self.hidden.iter().enumerate() {
                    let weight = format!("hidden.{l}.weight");
                    packer.vector(&format!("hidden.{l}.bias"), biases(*units));
                    if l == 0 {
                        let read = context + (earlier.len() + before.len()) * inputs;
                        packer.rectangle(&weight, 0..*units, 0..context);
                        packer.rectangle(&weight, 0..*units, context..read);
                        for behind in 0..before.len() {
                            let first = read + behind * inputs;
                            packer.rectangle(&weight, 0..*units, first..first + inputs);
                        }
                    } else {
                        packer.rectangle(&weight, 0..*units, 0..known);
                    }
                    packer.slopes(&format!("hidden.{l}"), 0..self.activation.slopes(*units));
                    known = *units;
                }
                packer.vector("output.bias", biases(outputs));
                packer.rectangle("output.weight", 0..outputs, 0..known);
            });
        }
    }

    fn build<'a>(&'a self, sizes: CausalSizes, weights: &'a [f32]) -> AnyMultilevel<'a> {
        let heat_bath = self.heat_bath.as_ref().map_or(HeatBath::default(), |bath| HeatBath {
            couplings: &bath.couplings,
            field: &bath.field,
        });
        Called(Multilevel::trusted(self.levels(sizes), heat_bath, self.activation, weights))
    }

    fn multiply_adds(&self, sizes: CausalSizes) -> Option<usize> {
        Some(self.levels(sizes).multiply_adds())
    }

    fn source(&self, sizes: CausalSizes, sources: &mut Sources) -> Source {
        let levels = self.levels(sizes);
        let Levels { side, inputs, hidden, outputs, context, own, reach, biased, heat_bath } =
            levels;
        let weights = sources.weights(levels.counts(self.activation).total());
        let unit = format!("engine::activation::{}", self.activation.source(sources));
        let HeatBathSpec { couplings, field } = self.heat_bath.clone().unwrap_or_default();
        sources.table(hidden.len() + couplings.len() + field.len() + 18);
        sources.table_bytes(BYTES);
        let path = "engine::network::multilevel";
        let ty = format!("{path}::Multilevel<'static, &'static [{}], {unit}>", sources.weight());
        sources.code(&ty, 4);
        let value = format!(
            "{path}::Multilevel::trusted({path}::Levels {{ side: {side}, inputs: {inputs}, hidden: &{hidden:?}, \
             outputs: {outputs}, context: {context}, own: {own}, reach: {reach:?}, biased: {biased}, \
             heat_bath: {heat_bath} }}, {path}::HeatBath {{ couplings: &{couplings:?}, field: &{field:?} }}, \
             {unit}, {weights})"
        );
        Source { ty, value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_site_is_drawn_once_and_reads_what_is_there() {
        for (bits, heat_bath) in [(1, false), (1, true), (2, true), (3, false), (4, true)] {
            let n = 1usize << (2 * bits);
            let heat_bath = heat_bath.then(HeatBathSpec::default);
            let spec = MultilevelSpec {
                hidden: [1].into(),
                levels: bits,
                reach: [20, 13],
                heat_bath,
                ..MultilevelSpec::default()
            };
            let mut drawn = alloc::vec![false; n];
            drawn[0] = true;
            for stage in spec.stages(n) {
                for (i, site) in stage.sites.iter().enumerate() {
                    assert!(!drawn[*site]);
                    for read in stage.window.iter().filter_map(|read| read[i]) {
                        assert!(drawn[read], "{site} reads {read}");
                    }
                    drawn[*site] = true;
                }
            }
            assert!(drawn.iter().all(|drawn| *drawn));
        }
    }

    #[test]
    fn windows_are_whole_rings_of_sites() {
        let sites = |kind, reach| Window::new(kind, reach).sites();
        assert_eq!([2, 4, 10, 20].map(|reach| sites(Kind::Centres, reach)), [4, 8, 20, 36]);
        assert_eq!([1, 2, 4, 5, 13].map(|reach| sites(Kind::Edges, reach)), [4, 8, 12, 20, 44]);
    }
}
