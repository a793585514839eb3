//! Masked autoregressive flows: every coordinate is moved by what a network makes of those before.
//!
//! Papamakarios, Pavlakou & Murray 2017, arXiv:1705.07057 (MAF); Kingma et al. 2016,
//! arXiv:1606.04934 (IAF). Noise `z ~ N(0, 1)` goes through the layers in order. A layer puts the
//! coordinates in its own order and moves each by a [`Transformer`] whose parameters come from a
//! masked network ([`crate::masked`]), which reads one side of the layer, data or noise
//! ([`Fast`]):
//!
//! ```text
//! fast = density (MAF):    θ_i = network(x_1 … x_{i−1})
//! fast = sampling (IAF):   θ_i = network(z_1 … z_{i−1})
//! sampling:  x_i = f⁻¹(z_i; θ_i)          density:  z_i = f(x_i; θ_i)
//! ln q(x) = ln N(z) + Σ_layers Σ_i ln f′(x_i; θ_i)
//! ```
//!
//! The transformer is [`Affine`] or [`RationalQuadratic`] (then it is the autoregressive neural
//! spline flow, Durkan et al. 2019, arXiv:1906.04032). An affine layer may follow, as in
//! [`crate::coupling`].
//!
//! # Both directions cost the same
//! Libraries that know only whole matrix products need one pass of the network in the fast direction
//! and one a coordinate in the other, which is what the two families are named after. Here the
//! network is walked site by site, and the walk either reads a site's input, which is known, or sets
//! it from the outputs that it has just computed. Every weight is read once either way. What `fast`
//! still decides is which direction can be *trained* without a recursion.
//!
//! The value of a draw and the density at its row differ as [`crate::coupling`] says.
//!
//! # Packed order
//! Layer after layer, each as in [`crate::masked`], with `P` outputs a site; then the affine layer's
//! log-scales and shifts.

use core::marker::PhantomData;

use crate::distribution::{Domain, Draws, Tile};
use crate::flow::{self, Flow};
use crate::kernel::{Arith, Fused, Lanes, Sum, Weight, take, take_mut};
use crate::masked::{Masked, Shape, Visitor};
use crate::noise::Noise;
use crate::rational_quadratic::RationalQuadratic;
use crate::simd::{Kernel, Simd};
use crate::transformer::{Affine, Direction, One, Transformer};

/// The side that the networks read, by the direction in which it is given.
///
/// Running costs the same in both directions; training needs the fast one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "model", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "model", serde(rename_all = "lowercase"))]
pub enum Fast {
    /// The networks read data (MAF): trained on data.
    Density,
    /// The networks read noise (IAF): trained on an energy.
    Sampling,
}

/// The shape of one layer.
#[derive(Clone, Copy, Debug)]
pub struct Layer<'a> {
    /// The coordinate at each position: a permutation.
    pub order: &'a [usize],
    /// Units of the network's hidden layers, of which there is at least one.
    pub hidden: &'a [usize],
    /// Where its weights start in the packed block.
    pub offset: usize,
}

impl<'a> Layer<'a> {
    /// The sizes of its network, for a transformer of `parameters` parameters.
    pub const fn network(&self, parameters: usize) -> Shape<'a> {
        Shape { sites: self.order.len(), hidden: self.hidden, outputs: parameters, direct: false }
    }
}

/// Packed weights of a masked autoregressive flow with a transformer of `parameters` parameters.
pub const fn weights_len(dim: usize, layers: &[Layer], parameters: usize, affine: bool) -> usize {
    let mut total = if affine { 2 * dim } else { 0 };
    let mut rest = layers;
    while let [layer, tail @ ..] = rest {
        total += layer.network(parameters).weights_len();
        rest = tail;
    }
    total
}

/// Values of scratch that a run needs besides the sample: one side of a layer, and its network's.
pub const fn scratch_values(dim: usize, layers: &[Layer], parameters: usize) -> usize {
    let mut most = 0;
    let mut rest = layers;
    while let [layer, tail @ ..] = rest {
        let values = layer.network(parameters).scratch_values();
        if values > most {
            most = values;
        }
        rest = tail;
    }
    dim + most
}

/// A masked autoregressive flow over packed weights, borrowed from flash or from a loaded model.
#[derive(Clone, Copy, Debug)]
pub struct Maf<'a, M = Affine, T = f32, A = Fused> {
    dim: usize,
    layers: &'a [Layer<'a>],
    fast: Fast,
    transformer: M,
    affine: bool,
    scratch: usize,
    weights: &'a [T],
    arith: PhantomData<A>,
}

impl<'a, T: Weight, A: Arith> Maf<'a, Affine, T, A> {
    /// A flow over `dim` coordinates with bound `B = log_scale_bound` on each log-scale.
    ///
    /// `None` if an order is no permutation of the coordinates, a layer has no hidden units or is
    /// not where its weights start, [`Affine::new`] has none, or the number of weights
    /// is not [`weights_len`].
    pub const fn new(
        dim: usize,
        layers: &'a [Layer<'a>],
        fast: Fast,
        log_scale_bound: f32,
        affine: bool,
        weights: &'a [T],
    ) -> Option<Self> {
        let Some(transformer) = Affine::new(log_scale_bound) else { return None };
        Self::checked(dim, layers, fast, transformer, Affine::PARAMETERS, affine, weights)
    }
}

impl<'a, T: Weight, A: Arith> Maf<'a, RationalQuadratic, T, A> {
    /// A flow over `dim` coordinates of splines with `bins` bins on `[−bound, bound]`.
    ///
    /// `None` if an order is no permutation of the coordinates, a layer has no hidden units or is
    /// not where its weights start, [`RationalQuadratic::new`] has none, or the number of weights is
    /// not [`weights_len`].
    pub const fn new(
        dim: usize,
        layers: &'a [Layer<'a>],
        fast: Fast,
        bins: usize,
        bound: f32,
        affine: bool,
        weights: &'a [T],
    ) -> Option<Self> {
        let Some(transformer) = RationalQuadratic::new(bins, bound) else { return None };
        let parameters = RationalQuadratic::parameters_of(bins);
        Self::checked(dim, layers, fast, transformer, parameters, affine, weights)
    }
}

/// Whether each coordinate below `order.len()` is in `order` once: a pass for every 4096 of them, as
/// constants have no memory but what a function declares.
const fn is_permutation(order: &[usize]) -> bool {
    const WORDS: usize = 64;
    let mut start = 0;
    while start < order.len() {
        let mut seen = [0u64; WORDS];
        let mut found = 0;
        let mut rest = order;
        while let [coordinate, tail @ ..] = rest {
            let at = coordinate.wrapping_sub(start);
            if *coordinate < order.len()
                && let Some((_, [word, ..])) = seen.split_at_mut_checked(at / 64)
            {
                let bit = 1 << (at % 64);
                found += (*word & bit == 0) as usize;
                *word |= bit;
            }
            rest = tail;
        }
        let left = order.len() - start;
        if found < if left < 64 * WORDS { left } else { 64 * WORDS } {
            return false;
        }
        start += 64 * WORDS;
    }
    true
}

impl<'a, M: Transformer, T: Weight, A: Arith> Maf<'a, M, T, A> {
    const fn checked(
        dim: usize,
        layers: &'a [Layer<'a>],
        fast: Fast,
        transformer: M,
        parameters: usize,
        affine: bool,
        weights: &'a [T],
    ) -> Option<Self> {
        let mut offset = 0;
        let mut rest = layers;
        while let [layer, tail @ ..] = rest {
            if layer.order.len() != dim
                || !is_permutation(layer.order)
                || layer.hidden.is_empty()
                || layer.offset != offset
            {
                return None;
            }
            offset += layer.network(parameters).weights_len();
            rest = tail;
        }
        if dim == 0 || weights.len() != weights_len(dim, layers, parameters, affine) {
            return None;
        }
        let scratch = scratch_values(dim, layers, parameters);
        Some(Self::trusted(dim, layers, fast, transformer, affine, scratch, weights))
    }

    /// A flow whose sizes were checked before, by `model!` or when the model was read; `scratch` is
    /// [`scratch_values`]. Wrong sizes give wrong values and no panic.
    #[doc(hidden)]
    pub const fn trusted(
        dim: usize,
        layers: &'a [Layer<'a>],
        fast: Fast,
        transformer: M,
        affine: bool,
        scratch: usize,
        weights: &'a [T],
    ) -> Self {
        Self { dim, layers, fast, transformer, affine, scratch, weights, arith: PhantomData }
    }
}

/// One layer, to be run in a function of its own: one copy for both directions. It moves the
/// coordinates and adds their Σ ln f′ to `log_prob`.
struct Move<'a, L: Lanes, M, T, A> {
    flow: &'a Maf<'a, M, T, A>,
    lanes: L,
    layer: &'a Layer<'a>,
    direction: Direction,
    x: &'a mut [L::V],
    log_prob: &'a mut Sum<L::V>,
    scratch: &'a mut [L::V],
}

impl<L: Lanes, M: Transformer, T: Weight, A: Arith> Kernel for Move<'_, L, M, T, A> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self { flow, lanes, layer, direction, x, log_prob, scratch } = self;
        let shape = layer.network(flow.transformer.parameters());
        let network = Masked::<T, A>::trusted(shape, take(flow.weights, layer.offset).1);
        let (inputs, scratch) = take_mut(scratch, x.len());
        let given = matches!(
            (flow.fast, direction),
            (Fast::Density, Direction::Density) | (Fast::Sampling, Direction::Sampling)
        );
        for (input, coordinate) in inputs.iter_mut().zip(layer.order) {
            if let Some(x) = x.get(*coordinate) {
                *input = *x;
            }
        }
        let transformer = flow.transformer;
        let mut sites = Sites { transformer, direction, given, order: layer.order, x, log_prob };
        network.walk(lanes, &mut sites, inputs, scratch);
    }
}

/// Moves a coordinate once its parameters are known, and makes the other side the network's input
/// where that is what it reads.
struct Sites<'a, L: Lanes, M> {
    transformer: M,
    direction: Direction,
    given: bool,
    order: &'a [usize],
    x: &'a mut [L::V],
    log_prob: &'a mut Sum<L::V>,
}

impl<L: Lanes, M: Transformer> Visitor<L> for Sites<'_, L, M> {
    #[inline(always)]
    fn site(&mut self, lanes: L, site: usize, outputs: &mut [L::V], input: &mut L::V) {
        let s = lanes.s();
        let Some(x) = self.order.get(site).and_then(|d| self.x.get_mut(*d)) else { return };
        for (r, x) in x.as_mut().iter_mut().enumerate() {
            let mut parameters = One { lanes, values: &mut *outputs, r };
            let (value, log_derivative) =
                self.transformer.apply(s, self.direction, s.load(x), &mut parameters);
            s.store(value, x);
            self.log_prob.add(lanes, r, log_derivative);
        }
        if !self.given {
            *input = *x;
        }
    }
}

impl<'a, M: Transformer, T: Weight, A: Arith> Flow for Maf<'a, M, T, A> {
    type Layer = Layer<'a>;
    type Weight = T;

    #[inline(always)]
    fn layers(&self) -> &[Layer<'a>] {
        self.layers
    }

    #[inline(always)]
    fn affine(&self) -> Option<&[T]> {
        self.affine.then_some(self.weights)
    }

    #[inline(always)]
    fn step<L: Lanes>(
        &self,
        lanes: L,
        layer: &Layer<'a>,
        direction: Direction,
        x: &mut [L::V],
        log_prob: &mut Sum<L::V>,
        scratch: &mut [L::V],
    ) {
        lanes.call(Move { flow: self, lanes, layer, direction, x, log_prob, scratch });
    }
}

impl<M: Transformer, T: Weight, A: Arith> Tile for Maf<'_, M, T, A> {
    type Arith = A;
    const DOMAIN: Domain = Domain::Real;

    #[inline(always)]
    fn dim(&self) -> usize {
        self.dim
    }

    #[inline(always)]
    fn scratch(&self) -> usize {
        self.scratch
    }

    #[inline(always)]
    fn draw<L: Lanes, N: Noise>(
        &self,
        lanes: L,
        draws: &mut Draws<L, N>,
        x: &mut [L::V],
        _want_log_prob: bool,
        scratch: &mut [L::V],
    ) -> L::V {
        flow::sample(self, lanes, draws, x, scratch)
    }

    #[inline(always)]
    fn score<L: Lanes>(&self, lanes: L, x: &mut [L::V], scratch: &mut [L::V]) -> L::V {
        flow::log_prob(self, lanes, x, scratch)
    }
}

#[cfg(test)]
mod tests {
    use super::is_permutation;

    #[test]
    fn permutations() {
        for n in [0, 1, 63, 64, 65, 4096, 4097, 10_000] {
            let mut order: Vec<usize> = (0..n).rev().collect();
            assert!(is_permutation(&order), "{n}");
            for (at, wrong) in [(n / 2, n), (0, usize::MAX), (n.saturating_sub(1), n - n.min(1))] {
                if let Some(old) = order.get(at).copied().filter(|old| *old != wrong) {
                    order[at] = wrong;
                    assert!(!is_permutation(&order), "{n}: {old} at {at} is {wrong}");
                    order[at] = old;
                }
            }
        }
    }
}
