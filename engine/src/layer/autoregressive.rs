//! Autoregression: every coordinate is moved by what a network makes of those before.
//!
//! Papamakarios, Pavlakou & Murray 2017, arXiv:1705.07057 (MAF); Kingma et al. 2016,
//! arXiv:1606.04934 (IAF). The layer puts the coordinates in its own order and moves each by a
//! [`Univariate`] whose parameters come from a [`CausalNetwork`], which reads the context and one side
//! of the layer, data or noise (`fast`, the direction in which that side is given):
//!
//! ```text
//! fast = density (MAF):    θ_i = network(c, x_1 … x_{i−1})
//! fast = sampling (IAF):   θ_i = network(c, z_1 … z_{i−1})
//! sampling:  x_i = f⁻¹(z_i; θ_i)          density:  z_i = f(x_i; θ_i)
//! ln |det ∂z/∂x| = Σ_i ln f′(x_i; θ_i)
//! ```
//!
//! The first so many coordinates of the order may be *kept*: they are read and stay as they are. With one
//! group of units that reads them all, that is a coupling ([`Coupling`](super::Coupling) is its dense
//! form), and the networks of other libraries' couplings that take a context in other ways than by
//! reading it are walked so.
//!
//! # Both directions cost the same
//! Libraries that know only whole matrix products need one pass of the network in the fast direction
//! and one a coordinate in the other, which is what the two families are named after. Here the
//! network is walked site by site, and the walk either reads a site's input, which is known, or sets
//! it from the outputs that it has just computed. Every weight is read once either way. What `fast`
//! still decides is which direction can be *trained* without a recursion.
//!
//! # Packed order
//! The network's.

#[cfg(feature = "model")]
use alloc::format;
#[cfg(feature = "model")]
use alloc::string::String;
#[cfg(feature = "model")]
use alloc::vec::Vec;

use super::is_permutation;
use crate::bijection::{Bijection, Direction, Tile};
use crate::kernel::{Lanes, Sum, take_mut};
#[cfg(feature = "model")]
use crate::model::{
    AnyCausalNetwork, AnyUnivariate, CausalNetworkSpec, CausalPart, Faults, LayerPart, Packer,
    Sizes, Source, Sources, Support, Tensors, UnivariateSpec,
};
use crate::network::{CausalNetwork, CausalSizes, Turn, Visitor};
use crate::simd::{Kernel, Simd};
use crate::univariate::{One, Univariate, UnivariateChoice, WithUnivariate};

/// An autoregressive layer; see the module.
#[derive(Clone, Copy, Debug)]
pub struct Autoregressive<'a, N, U, const KEPT: bool = false> {
    order: &'a [usize],
    kept: usize,
    fast: Direction,
    network: N,
    univariate: U,
}

impl<'a, N: CausalNetwork, U: UnivariateChoice> Autoregressive<'a, N, U> {
    /// Moves coordinate `order[i]` at site `i` of the network, which has one input a site and the
    /// map's parameters as its outputs; `None` if it does not, or if the order is no permutation.
    pub fn new(order: &'a [usize], fast: Direction, network: N, univariate: U) -> Option<Self> {
        let CausalSizes { sites, inputs, outputs, .. } = network.sizes();
        let fits = is_permutation(order)
            && sites == order.len()
            && inputs == 1
            && outputs == univariate.parameters();
        fits.then(|| Self::trusted(order, fast, network, univariate))
    }
}

impl<'a, N, U> Autoregressive<'a, N, U> {
    /// A layer whose sizes were checked before, by `model!` or when the model was read. Wrong sizes
    /// give wrong values and no panic.
    #[doc(hidden)]
    pub const fn trusted(order: &'a [usize], fast: Direction, network: N, univariate: U) -> Self {
        Self { order, kept: 0, fast, network, univariate }
    }
}

impl<'a, N, U> Autoregressive<'a, N, U, true> {
    /// The same, with the first `kept` coordinates of the order kept.
    #[doc(hidden)]
    pub const fn trusted_keeping(
        order: &'a [usize],
        kept: usize,
        fast: Direction,
        network: N,
        univariate: U,
    ) -> Self {
        Self { order, kept, fast, network, univariate }
    }
}

impl<N: CausalNetwork, U: UnivariateChoice, const KEPT: bool> Bijection
    for Autoregressive<'_, N, U, KEPT>
{
    fn fits(&self, dim: usize, context: usize) -> bool {
        self.order.len() == dim && self.network.sizes().context == context
    }

    /// One side of the layer, and the network's.
    fn scratch(&self) -> usize {
        self.order.len() + self.network.scratch()
    }

    #[inline(always)]
    fn apply<L: Lanes>(&self, lanes: L, direction: Direction, tile: &mut Tile<'_, L>) {
        let Self { order, fast, network, .. } = self;
        let (kept, fast) = (self.kept, *fast);
        let run: Run<'_, '_, _, _, _, KEPT> =
            Run { order, kept, fast, network, lanes, direction, tile, univariate: () };
        self.univariate.choose(run);
    }
}

/// The layer at work, in a function of its own: one copy for both directions.
struct Run<'r, 't, L: Lanes, N, U, const KEPT: bool> {
    order: &'r [usize],
    kept: usize,
    fast: Direction,
    network: &'r N,
    lanes: L,
    direction: Direction,
    tile: &'r mut Tile<'t, L>,
    univariate: U,
}

impl<L: Lanes, N: CausalNetwork, const KEPT: bool> WithUnivariate for Run<'_, '_, L, N, (), KEPT> {
    type Output = ();
    #[inline(always)]
    fn with<U: Univariate>(self, univariate: U) {
        let Self { order, kept, fast, network, lanes, direction, tile, .. } = self;
        let run: Run<'_, '_, _, _, _, KEPT> =
            Run { order, kept, fast, network, lanes, direction, tile, univariate };
        lanes.call(run);
    }
}

impl<L: Lanes, N: CausalNetwork, U: Univariate, const KEPT: bool> Kernel
    for Run<'_, '_, L, N, U, KEPT>
{
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self { order, kept, fast, network, lanes, direction, tile, univariate } = self;
        let Tile { x, log_prob, context, scratch } = tile;
        let (inputs, scratch) = take_mut(scratch, x.len());
        for (input, coordinate) in inputs.iter_mut().zip(order) {
            if let Some(x) = x.get(*coordinate) {
                *input = *x;
            }
        }
        let given = fast == direction;
        let mut sites: Sites<'_, _, _, KEPT> =
            Sites { univariate, direction, given, order, kept, x, log_prob };
        network.walk(lanes, &mut sites, context, inputs, scratch);
    }
}

/// Moves a coordinate once its parameters are known, and makes the other side the network's input
/// where that is what it reads.
struct Sites<'a, L: Lanes, U, const KEPT: bool> {
    univariate: U,
    direction: Direction,
    given: bool,
    order: &'a [usize],
    kept: usize,
    x: &'a mut [L::V],
    log_prob: &'a mut Sum<L::V>,
}

impl<L: Lanes, U: Univariate, const KEPT: bool> Visitor<L> for Sites<'_, L, U, KEPT> {
    #[inline(always)]
    fn sizes(&self) -> [usize; 2] {
        [1, Univariate::parameters(&self.univariate)]
    }

    #[inline(always)]
    fn site(&mut self, lanes: L, at: Turn, outputs: &mut [L::V], inputs: &mut [L::V]) {
        let site = at.site;
        let s = lanes.s();
        if KEPT && site < self.kept {
            // The network's input is the same on either side.
            return;
        }
        let Some(x) = self.order.get(site).and_then(|d| self.x.get_mut(*d)) else { return };
        for (r, x) in x.as_mut().iter_mut().enumerate() {
            let mut parameters = One { lanes, values: &mut *outputs, r };
            let (value, log_derivative) =
                self.univariate.apply(s, self.direction, s.load(x), &mut parameters);
            s.store(value, x);
            self.log_prob.add(lanes, r, log_derivative);
        }
        if let (false, [input]) = (self.given, inputs) {
            *input = *x;
        }
    }
}

/// `{"kind": "autoregressive", "order": [3, 0, …], "kept": 0, "fast": "density", "network": …,
/// "univariate": …}`: the network's tensors.
#[cfg(feature = "model")]
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AutoregressiveSpec {
    /// The coordinate at each site: a permutation of `0..dim`.
    pub order: Vec<usize>,
    /// How many of them, the first, stay as they are.
    #[serde(default, skip_serializing_if = "crate::model::is_zero")]
    pub kept: usize,
    /// The direction whose input the network reads.
    pub fast: Direction,
    /// What makes the parameters.
    pub network: CausalNetworkSpec,
    /// What moves a coordinate.
    pub univariate: UnivariateSpec,
}

#[cfg(feature = "model")]
impl AutoregressiveSpec {
    fn network_sizes(&self, sizes: Sizes) -> CausalSizes {
        let outputs = self.univariate.parameters();
        CausalSizes { sites: sizes.dim, inputs: 1, outputs, context: sizes.context }
    }
}

#[cfg(feature = "model")]
impl LayerPart for AutoregressiveSpec {
    type Built<'a> = Autoregressive<'a, AnyCausalNetwork<'a>, AnyUnivariate, true>;

    fn check(&self, sizes: Sizes, faults: &mut Faults) {
        faults.permutation("order", &self.order, sizes.dim);
        if self.kept >= sizes.dim {
            faults.wrong("kept", self.kept, format!("less than {} coordinates", sizes.dim));
        }
        faults.within("network", |faults| self.network.check(sizes.dim, faults));
        faults.within("univariate", |faults| self.univariate.check(faults));
    }

    fn supports(&self, supports: &mut [Support], faults: &mut Faults) {
        let moved = self.order.iter().skip(self.kept).filter_map(|d| supports.get(*d).copied());
        faults.within("univariate", |faults| self.univariate.supports(moved, faults));
    }

    fn tensors(&self, sizes: Sizes, tensors: &mut Tensors) {
        self.network.tensors(self.network_sizes(sizes), sizes.initial, tensors);
    }

    fn pack(&self, sizes: Sizes, packer: &mut Packer<'_>) {
        self.network.pack(self.network_sizes(sizes), packer);
    }

    fn build<'a>(&'a self, sizes: Sizes, weights: &'a [f32]) -> Self::Built<'a> {
        let network = self.network.build(self.network_sizes(sizes), weights);
        let univariate = self.univariate.build();
        Autoregressive::trusted_keeping(&self.order, self.kept, self.fast, network, univariate)
    }

    fn source(&self, sizes: Sizes, sources: &mut Sources) -> Source {
        sources.table(self.order.len() + 3);
        let network = self.network.source(self.network_sizes(sizes), sources);
        let univariate = self.univariate.source(sources);
        let Self { order, kept, fast, .. } = self;
        let (keeping, new, kept) = match kept {
            0 => ("", "trusted", String::new()),
            kept => (", true", "trusted_keeping", format!("{kept}, ")),
        };
        let ty = format!(
            "engine::layer::Autoregressive<'static, {}, {}{keeping}>",
            network.ty, univariate.ty
        );
        sources.code(&ty, 2);
        Source {
            ty,
            value: format!(
                "engine::layer::Autoregressive::{new}(&{order:?}, {kept}\
                 engine::bijection::Direction::{fast:?}, {}, {})",
                network.value, univariate.value
            ),
        }
    }
}
