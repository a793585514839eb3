//! Flows of couplings: closed forms in both directions, each at the cost of one network a layer.
//!
//! Noise `z ~ N(0, 1)` goes through the couplings in order. A coupling keeps the coordinates where
//! its mask is set and moves the others, each by a [`Transformer`] whose `P` parameters a network
//! makes of the kept ones:
//!
//! ```text
//! θ = network(x_kept)
//! sampling:  x_j = f⁻¹(z_j; θ_j)          density:  z_j = f(x_j; θ_j)
//! ln q(x) = ln N(z) + Σ_layers Σ_j ln f′(x_j; θ_j)
//! ```
//!
//! With [`Affine`] it is RealNVP ([`RealNvp`]; Dinh, Sohl-Dickstein & Bengio 2017,
//! arXiv:1605.08803), with [`RationalQuadratic`] a neural spline flow ([`Nsf`]; Durkan et al. 2019,
//! arXiv:1906.04032).
//!
//! The network is a stack of leaky layers with learned slopes, then a linear layer whose output
//! `p·M + j` is parameter `p` of the `j`-th of `M` moved coordinates. An affine layer with one scale
//! and shift a coordinate may follow the couplings (the standardisation of the training data):
//! `y = x exp(a) + b`.
//!
//! # The value of a draw, and the density at its row
//! A draw returns ln q along its path; `log_prob` inverts the row, which was rounded to `f32`. Each
//! layer rounds once on either way, and a rounding is passed on by all layers that follow, so the
//! two values differ by more than roundings of their own. To first order that is what the
//! roundings do to the densities between the layers. With `h_l` the values after `l` of the `L`
//! layers (`h_0 = z` the noise, `h_L = x` the row), `q_l` their density, `J_l = ∂z/∂h_l` the
//! Jacobian from there to the noise, and Euclidean norms,
//!
//! ```text
//! |ln q_path − ln q(x)|  ≤  16 · 2⁻²⁴ · Σ_{l=0…L} (d + (1 + ‖h_l‖) ‖∇ ln q_l(h_l)‖)
//!
//! ∇ ln q_l(h_l) = −J_lᵀ z + ∇ ln |det J_l|
//! ```
//!
//! where that is below one nat; a term is, but for d, the condition number of `ln q_l`. A flow of
//! moderate slopes has terms of a few d, and its values differ by 10⁻⁵ and less. Where Jacobians are
//! ill-conditioned (random weights of standard deviation 1 over √fan-in do it, eight layers deep)
//! it is 10⁻² to 1, and where the bound exceeds one nat, `f32` may have no digits left for ln q.
//! The test `conditioning` holds all flows of this crate to it, with Jacobians in `f64`, and `check`
//! any model. It bounds either value's distance from the density in exact arithmetic too: neither
//! is the better one. They agree where one and the same number is wanted for one and the same row:
//! [`sample_scored`](crate::distribution::sample_scored) returns the second.
//!
//! # Packed order
//! Coupling after coupling: for each hidden layer biases, rectangle, slopes; then the biases and
//! the rectangle of the last layer. Then the affine layer's log-scales and shifts.

use core::marker::PhantomData;

use crate::distribution::{Domain, Draws, Tile};
use crate::flow::{self, Flow};
use crate::kernel::{Arith, Cursor, Dense, Fused, Lanes, Sum, Weight, take, take_mut};
use crate::noise::Noise;
use crate::rational_quadratic::RationalQuadratic;
use crate::simd::{Kernel, Simd};
use crate::transformer::{Affine, Direction, Many, Transformer};

/// The shape of one coupling.
#[derive(Clone, Copy, Debug)]
pub struct Coupling<'a> {
    /// Per coordinate: kept (and conditioned on) or moved.
    pub mask: &'a [bool],
    /// How many are moved: [`moved`] of the mask.
    pub moved: usize,
    /// Units of the network's hidden layers.
    pub hidden: &'a [usize],
    /// Where its weights start in the packed block.
    pub offset: usize,
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

impl Coupling<'_> {
    /// Multiply-adds of the network, for a transformer of `parameters` parameters.
    pub const fn multiply_adds(&self, parameters: usize) -> usize {
        let mut inputs = self.mask.len() - self.moved;
        let mut total = 0;
        let mut rest = self.hidden;
        while let [units, tail @ ..] = rest {
            total += inputs * *units;
            inputs = *units;
            rest = tail;
        }
        total + inputs * parameters * self.moved
    }

    /// Packed weights, biases and slopes.
    pub const fn weights_len(&self, parameters: usize) -> usize {
        let mut total = self.multiply_adds(parameters) + parameters * self.moved;
        let mut rest = self.hidden;
        while let [units, tail @ ..] = rest {
            total += 2 * *units;
            rest = tail;
        }
        total
    }

    /// The widest layer of the network.
    const fn width(&self, parameters: usize) -> usize {
        let mut widest = self.mask.len() - self.moved;
        if parameters * self.moved > widest {
            widest = parameters * self.moved;
        }
        let mut rest = self.hidden;
        while let [units, tail @ ..] = rest {
            if *units > widest {
                widest = *units;
            }
            rest = tail;
        }
        widest
    }
}

/// Packed weights of a flow of couplings with a transformer of `parameters` parameters.
pub const fn weights_len(
    dim: usize,
    couplings: &[Coupling],
    parameters: usize,
    affine: bool,
) -> usize {
    let mut total = if affine { 2 * dim } else { 0 };
    let mut rest = couplings;
    while let [coupling, tail @ ..] = rest {
        total += coupling.weights_len(parameters);
        rest = tail;
    }
    total
}

/// Values of scratch that a run needs besides the sample: two layers of the widest network.
pub const fn scratch_values(couplings: &[Coupling], parameters: usize) -> usize {
    let mut widest = 0;
    let mut rest = couplings;
    while let [coupling, tail @ ..] = rest {
        if coupling.width(parameters) > widest {
            widest = coupling.width(parameters);
        }
        rest = tail;
    }
    2 * widest
}

/// A flow of couplings over packed weights, borrowed from flash or from a loaded model.
#[derive(Clone, Copy, Debug)]
pub struct CouplingFlow<'a, M, T = f32, A = Fused> {
    dim: usize,
    couplings: &'a [Coupling<'a>],
    transformer: M,
    affine: bool,
    scratch: usize,
    weights: &'a [T],
    arith: PhantomData<A>,
}

/// A flow of affine couplings.
pub type RealNvp<'a, T = f32, A = Fused> = CouplingFlow<'a, Affine, T, A>;

/// A flow of rational-quadratic spline couplings.
pub type Nsf<'a, T = f32, A = Fused> = CouplingFlow<'a, RationalQuadratic, T, A>;

impl<'a, T: Weight, A: Arith> CouplingFlow<'a, Affine, T, A> {
    /// A flow over `dim` coordinates with bound `B = log_scale_bound` on each log-scale.
    ///
    /// `None` if a mask is not `dim` long, a count of moved coordinates is not its mask's, an offset
    /// is not where its coupling's weights start, [`Affine::new`] has none, or the
    /// number of weights is not [`weights_len`].
    pub const fn new(
        dim: usize,
        couplings: &'a [Coupling<'a>],
        log_scale_bound: f32,
        affine: bool,
        weights: &'a [T],
    ) -> Option<Self> {
        let Some(transformer) = Affine::new(log_scale_bound) else { return None };
        Self::checked(dim, couplings, transformer, Affine::PARAMETERS, affine, weights)
    }
}

impl<'a, T: Weight, A: Arith> CouplingFlow<'a, RationalQuadratic, T, A> {
    /// A flow over `dim` coordinates of splines with `bins` bins on `[−bound, bound]`.
    ///
    /// `None` if a mask is not `dim` long, a count of moved coordinates is not its mask's, an offset
    /// is not where its coupling's weights start, [`RationalQuadratic::new`] has none, or the
    /// number of weights is not [`weights_len`].
    pub const fn new(
        dim: usize,
        couplings: &'a [Coupling<'a>],
        bins: usize,
        bound: f32,
        affine: bool,
        weights: &'a [T],
    ) -> Option<Self> {
        let Some(transformer) = RationalQuadratic::new(bins, bound) else { return None };
        let parameters = RationalQuadratic::parameters_of(bins);
        Self::checked(dim, couplings, transformer, parameters, affine, weights)
    }
}

impl<'a, M: Transformer, T: Weight, A: Arith> CouplingFlow<'a, M, T, A> {
    const fn checked(
        dim: usize,
        couplings: &'a [Coupling<'a>],
        transformer: M,
        parameters: usize,
        affine: bool,
        weights: &'a [T],
    ) -> Option<Self> {
        let mut offset = 0;
        let mut rest = couplings;
        while let [coupling, tail @ ..] = rest {
            if coupling.mask.len() != dim
                || coupling.moved != moved(coupling.mask)
                || coupling.offset != offset
            {
                return None;
            }
            offset += coupling.weights_len(parameters);
            rest = tail;
        }
        if dim == 0 || weights.len() != weights_len(dim, couplings, parameters, affine) {
            return None;
        }
        let scratch = scratch_values(couplings, parameters);
        Some(Self::trusted(dim, couplings, transformer, affine, scratch, weights))
    }

    /// A flow whose sizes were checked before, by `model!` or when the model was read; `scratch` is
    /// [`scratch_values`]. Wrong sizes give wrong values and no panic.
    #[doc(hidden)]
    pub const fn trusted(
        dim: usize,
        couplings: &'a [Coupling<'a>],
        transformer: M,
        affine: bool,
        scratch: usize,
        weights: &'a [T],
    ) -> Self {
        Self { dim, couplings, transformer, affine, scratch, weights, arith: PhantomData }
    }

    /// The network of a coupling: parameter `p` of moved coordinate `j` of `M` at `p·M + j`. Also
    /// returns the scratch that is free again, no less.
    #[inline(always)]
    fn network<'s, L: Lanes>(
        &self,
        lanes: L,
        coupling: &Coupling,
        x: &[L::V],
        scratch: &'s mut [L::V],
    ) -> (&'s mut [L::V], &'s mut [L::V]) {
        let mut weights = Cursor::new(take(self.weights, coupling.offset).1);
        let half = scratch.len() / 2;
        let (mut inputs, mut outputs) = take_mut(scratch, half);
        let mut known = 0;
        let kept = x.iter().zip(coupling.mask).filter(|(_, kept)| **kept);
        for (to, (from, _)) in inputs.iter_mut().zip(kept) {
            *to = *from;
            known += 1;
        }
        for units in coupling.hidden {
            let layer = take_mut(outputs, *units).0;
            let bias = weights.next(*units);
            let (rectangle, slopes) = (weights.next(known * *units), weights.next(*units));
            let dense = Dense { bias, weights: rectangle, slopes };
            lanes.dense(dense, take(inputs, known).0, layer);
            (inputs, outputs) = (outputs, inputs);
            known = *units;
        }
        let n = self.transformer.parameters() * coupling.moved;
        let out = take_mut(outputs, n).0;
        let (bias, rectangle) = (weights.next(n), weights.next(known * n));
        let dense = Dense { bias, weights: rectangle, slopes: &[] };
        lanes.dense(dense, take(inputs, known).0, out);
        (out, inputs)
    }
}

/// One coupling, to be run in a function of its own: one copy for both directions. It moves the
/// coordinates and adds their Σ ln f′ to `log_prob`.
struct Couple<'a, L: Lanes, M, T, A> {
    flow: &'a CouplingFlow<'a, M, T, A>,
    lanes: L,
    coupling: &'a Coupling<'a>,
    direction: Direction,
    x: &'a mut [L::V],
    log_prob: &'a mut Sum<L::V>,
    scratch: &'a mut [L::V],
}

impl<L: Lanes, M: Transformer, T: Weight, A: Arith> Kernel for Couple<'_, L, M, T, A> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self { flow, lanes, coupling, direction, x, log_prob, scratch } = self;
        let (values, free) = flow.network(lanes, coupling, x, scratch);
        let (e, n) = (lanes.e(), coupling.moved);
        // Together, so that a single sample's coordinates fill vectors too.
        let moved = take_mut(free, n).0;
        let from = x.iter().zip(coupling.mask).filter(|(_, kept)| !**kept);
        for (to, (from, _)) in moved.iter_mut().zip(from) {
            *to = *from;
        }
        for i in 0..L::vectors(n) {
            let mut parameters = Many { lanes, values: &mut *values, n, i };
            let old = lanes.get(moved, i);
            let (new, log_derivative) = flow.transformer.apply(e, direction, old, &mut parameters);
            lanes.put(moved, i, new);
            lanes.sum(log_prob, i, n, log_derivative);
        }
        let to = x.iter_mut().zip(coupling.mask).filter(|(_, kept)| !**kept);
        for ((to, _), from) in to.zip(moved) {
            *to = *from;
        }
    }
}

impl<'a, M: Transformer, T: Weight, A: Arith> Flow for CouplingFlow<'a, M, T, A> {
    type Layer = Coupling<'a>;
    type Weight = T;

    #[inline(always)]
    fn layers(&self) -> &[Coupling<'a>] {
        self.couplings
    }

    #[inline(always)]
    fn affine(&self) -> Option<&[T]> {
        self.affine.then_some(self.weights)
    }

    #[inline(always)]
    fn step<L: Lanes>(
        &self,
        lanes: L,
        coupling: &Coupling<'a>,
        direction: Direction,
        x: &mut [L::V],
        log_prob: &mut Sum<L::V>,
        scratch: &mut [L::V],
    ) {
        lanes.call(Couple { flow: self, lanes, coupling, direction, x, log_prob, scratch });
    }
}

impl<M: Transformer, T: Weight, A: Arith> Tile for CouplingFlow<'_, M, T, A> {
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
