//! Coupling: some coordinates are kept, and move the others; closed forms in both directions, each at
//! the cost of one run of the network.
//!
//! A network makes of the context and the kept coordinates (where the mask is set) the `P`
//! parameters of the [`Univariate`] that moves each of the others:
//!
//! ```text
//! θ = network(c, x_kept)
//! sampling:  x_j = f⁻¹(z_j; θ_j)          density:  z_j = f(x_j; θ_j)
//! ln |det ∂z/∂x| = Σ_j ln f′(x_j; θ_j)
//! ```
//!
//! Dinh, Sohl-Dickstein & Bengio 2017, arXiv:1605.08803 (RealNVP, with an affine map); Durkan et al.
//! 2019, arXiv:1906.04032 (neural spline flows). Output `p·M + j` of the network is parameter `p` of
//! the `j`-th of `M` moved coordinates.
//!
//! # Packed order
//! The network's.

#[cfg(feature = "model")]
use alloc::format;
#[cfg(feature = "model")]
use alloc::vec::Vec;

use crate::bijection::{Bijection, Direction, Tile};
use crate::kernel::{Lanes, take, take_mut};
#[cfg(feature = "model")]
use crate::model::{
    AnyNetwork, AnyUnivariate, Faults, LayerPart, NetworkPart, NetworkSpec, Packer, Sizes, Source,
    Sources, Support, Tensors, UnivariateSpec,
};
use crate::network::Network;
use crate::simd::{Kernel, Simd};
use crate::univariate::{Many, Univariate, UnivariateChoice, WithUnivariate};

/// A coupling; see the module.
#[derive(Clone, Copy, Debug)]
pub struct Coupling<'a, N, U> {
    mask: &'a [bool],
    moved: usize,
    network: N,
    univariate: U,
}

/// Coordinates that a mask moves.
pub const fn moved(mask: &[bool]) -> usize {
    let mut n = 0;
    let mut rest = mask;
    while let [kept, tail @ ..] = rest {
        n += !*kept as usize;
        rest = tail;
    }
    n
}

impl<'a, N: Network, U: UnivariateChoice> Coupling<'a, N, U> {
    /// Moves the coordinates where `mask` is not set. The network reads the context and the kept
    /// coordinates, and has the map's parameters of all moved ones as its outputs; `None` if it does
    /// not.
    pub fn new(mask: &'a [bool], network: N, univariate: U) -> Option<Self> {
        let moved = moved(mask);
        let fits = network.inputs() >= mask.len() - moved
            && network.outputs() == moved * univariate.parameters();
        fits.then(|| Self::trusted(mask, moved, network, univariate))
    }
}

impl<'a, N, U> Coupling<'a, N, U> {
    /// A coupling whose sizes were checked before, by `model!` or when the model was read; `moved` is
    /// that of the mask. Wrong sizes give wrong values and no panic.
    #[doc(hidden)]
    pub const fn trusted(mask: &'a [bool], moved: usize, network: N, univariate: U) -> Self {
        Self { mask, moved, network, univariate }
    }
}

impl<N: Network, U: UnivariateChoice> Bijection for Coupling<'_, N, U> {
    fn fits(&self, dim: usize, context: usize) -> bool {
        self.mask.len() == dim && self.network.inputs() == context + dim - self.moved
    }

    fn scratch(&self) -> usize {
        self.network.scratch()
    }

    #[inline(always)]
    fn apply<L: Lanes>(&self, lanes: L, direction: Direction, tile: &mut Tile<'_, L>) {
        let Self { mask, moved, network, .. } = self;
        let run = Run { mask, moved: *moved, network, lanes, direction, tile, univariate: () };
        self.univariate.choose(run);
    }
}

/// The layer at work, in a function of its own: one copy for both directions.
struct Run<'r, 't, L: Lanes, N, U> {
    mask: &'r [bool],
    moved: usize,
    network: &'r N,
    lanes: L,
    direction: Direction,
    tile: &'r mut Tile<'t, L>,
    univariate: U,
}

impl<L: Lanes, N: Network> WithUnivariate for Run<'_, '_, L, N, ()> {
    type Output = ();
    #[inline(always)]
    fn with<U: Univariate>(self, univariate: U) {
        let Self { mask, moved, network, lanes, direction, tile, .. } = self;
        lanes.call(Run { mask, moved, network, lanes, direction, tile, univariate });
    }
}

impl<L: Lanes, N: Network, U: Univariate> Kernel for Run<'_, '_, L, N, U> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self { mask, moved: n, network, lanes, direction, tile, univariate } = self;
        let Tile { x, log_prob, context, scratch } = tile;
        let (given, inputs) = take_mut(scratch, context.len());
        for (to, from) in given.iter_mut().zip(*context) {
            *to = *from;
        }
        let kept = x.iter().zip(mask).filter(|(_, kept)| **kept);
        for (to, (from, _)) in inputs.iter_mut().zip(kept) {
            *to = *from;
        }
        let (values, free) = network.run(lanes, scratch);
        let e = lanes.e();
        // Together, so that a single sample's coordinates fill vectors too.
        let moved = take_mut(free, n).0;
        let from = x.iter().zip(mask).filter(|(_, kept)| !**kept);
        for (to, (from, _)) in moved.iter_mut().zip(from) {
            *to = *from;
        }
        for i in 0..L::vectors(n) {
            let mut parameters = Many { lanes, values: &mut *values, n, i };
            let old = lanes.get(moved, i);
            let (new, log_derivative) = univariate.apply(e, direction, old, &mut parameters);
            lanes.put(moved, i, new);
            lanes.sum(log_prob, i, n, log_derivative);
        }
        let to = x.iter_mut().zip(mask).filter(|(_, kept)| !**kept);
        for ((to, _), from) in to.zip(take(moved, n).0) {
            *to = *from;
        }
    }
}

/// `{"kind": "coupling", "mask": "0101…", "network": …, "univariate": …}`: the network's tensors.
#[cfg(feature = "model")]
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CouplingSpec {
    /// Per coordinate: kept (`1` in the file) or moved (`0`).
    #[serde(with = "crate::model::mask_text")]
    pub mask: Vec<bool>,
    /// What makes the parameters.
    pub network: NetworkSpec,
    /// What moves a coordinate.
    pub univariate: UnivariateSpec,
}

#[cfg(feature = "model")]
impl CouplingSpec {
    /// What the network reads and gives.
    fn network_sizes(&self, sizes: Sizes) -> (usize, usize) {
        let moved = moved(&self.mask);
        (sizes.context + self.mask.len() - moved, moved * self.univariate.parameters())
    }
}

#[cfg(feature = "model")]
impl LayerPart for CouplingSpec {
    type Built<'a> = Coupling<'a, AnyNetwork<'a>, AnyUnivariate>;

    fn check(&self, sizes: Sizes, faults: &mut Faults) {
        if self.mask.len() != sizes.dim {
            let (found, expected) = (self.mask.len(), sizes.dim);
            faults.wrong("mask", format!("{found} coordinates"), expected);
        } else if moved(&self.mask) == 0 {
            faults.wrong("mask", "all ones", "at least one moved coordinate");
        }
        let (inputs, _) = self.network_sizes(sizes);
        faults.within("network", |faults| self.network.check(inputs, faults));
        faults.within("univariate", |faults| self.univariate.check(faults));
    }

    fn supports(&self, supports: &mut [Support], faults: &mut Faults) {
        let moved = supports.iter().zip(&self.mask).filter(|(_, kept)| !**kept);
        let moved = moved.map(|(support, _)| *support);
        faults.within("univariate", |faults| self.univariate.supports(moved, faults));
    }

    fn tensors(&self, sizes: Sizes, tensors: &mut Tensors) {
        let (inputs, outputs) = self.network_sizes(sizes);
        self.network.tensors(inputs, outputs, sizes.initial, tensors);
    }

    fn pack(&self, sizes: Sizes, packer: &mut Packer<'_>) {
        let (inputs, outputs) = self.network_sizes(sizes);
        self.network.pack(inputs, outputs, packer);
    }

    fn build<'a>(&'a self, sizes: Sizes, weights: &'a [f32]) -> Self::Built<'a> {
        let (inputs, outputs) = self.network_sizes(sizes);
        let network = self.network.build(inputs, outputs, weights);
        Coupling::trusted(&self.mask, moved(&self.mask), network, self.univariate.build())
    }

    fn source(&self, sizes: Sizes, sources: &mut Sources) -> Source {
        sources.table_bytes(self.mask.len());
        sources.table(3);
        let (inputs, outputs) = self.network_sizes(sizes);
        let network = self.network.source(inputs, outputs, sources);
        let univariate = self.univariate.source(sources);
        let (mask, moved) = (&self.mask, moved(&self.mask));
        let ty = format!("engine::layer::Coupling<'static, {}, {}>", network.ty, univariate.ty);
        sources.code(&ty, 2);
        Source {
            ty,
            value: format!(
                "engine::layer::Coupling::trusted(&{mask:?}, {moved}, {}, {})",
                network.value, univariate.value
            ),
        }
    }
}
