//! RealNVP: a flow of affine couplings with closed forms in both directions.
//!
//! Dinh, Sohl-Dickstein & Bengio 2017, arXiv:1605.08803. Noise `z ~ N(0, 1)` goes through the
//! couplings in order; a coupling keeps the coordinates where its mask is set and moves the others
//! by what a network makes of the kept ones:
//!
//! ```text
//! (r, t) = network(x_kept)            s = B tanh(r / B)            |s| < B
//! sampling:  y_j = x_j exp(s_j) + t_j          ln q(y) = ln N(z) − Σ s
//! density:   x_j = (y_j − t_j) exp(−s_j)
//! ```
//!
//! The network is a stack of leaky layers with learned slopes, then a linear layer whose first
//! half gives `r` and whose second half gives `t`. An affine layer with one scale and shift a
//! coordinate may follow the couplings (the standardisation of the training data):
//! `y = x exp(a) + b`.
//!
//! The two directions undo each other up to rounding: each coordinate passes two exponentials
//! and four roundings a layer, so `log_prob` of a sample and the value returned with it differ by
//! rounding only (tested as a law, and by `check` for every model).
//!
//! # Packed order
//! Coupling after coupling: for each hidden layer biases, rectangle, slopes; then the biases and
//! the rectangle of the last layer. Then the affine layer's log-scales and shifts.

use core::marker::PhantomData;

use crate::distribution::{Draws, Tile};
use crate::kernel::{Arith, Cursor, Dense, Fused, Lanes, Sum, Weight, take, take_mut};
use crate::math;
use crate::noise::{Noise, normal};
use crate::simd::{Kernel, Simd};

/// ln √(2π).
const LN_SQRT_2PI: f32 = 0.918_938_5;

/// The shape of one coupling.
#[derive(Clone, Copy, Debug)]
pub struct Coupling<'a> {
    /// Per coordinate: kept (and conditioned on) or moved.
    pub mask: &'a [bool],
    /// Units of the network's hidden layers.
    pub hidden: &'a [usize],
    /// Where its weights start in the packed block.
    pub offset: usize,
}

impl Coupling<'_> {
    /// Coordinates that are moved.
    #[inline(always)]
    pub const fn moved(&self) -> usize {
        let mut n = 0;
        let mut rest = self.mask;
        while let [kept, tail @ ..] = rest {
            n += !*kept as usize;
            rest = tail;
        }
        n
    }

    /// Multiply-adds of the network.
    pub const fn multiply_adds(&self) -> usize {
        let mut inputs = self.mask.len() - self.moved();
        let mut total = 0;
        let mut rest = self.hidden;
        while let [units, tail @ ..] = rest {
            total += inputs * *units;
            inputs = *units;
            rest = tail;
        }
        total + inputs * 2 * self.moved()
    }

    /// Packed weights, biases and slopes.
    pub const fn weights_len(&self) -> usize {
        let mut total = self.multiply_adds() + 2 * self.moved();
        let mut rest = self.hidden;
        while let [units, tail @ ..] = rest {
            total += 2 * *units;
            rest = tail;
        }
        total
    }

    /// The widest layer of the network.
    const fn width(&self) -> usize {
        let mut widest = self.mask.len() - self.moved();
        if 2 * self.moved() > widest {
            widest = 2 * self.moved();
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

/// A RealNVP flow over packed weights, borrowed from flash or from a loaded model.
#[derive(Clone, Copy, Debug)]
pub struct RealNvp<'a, T = f32, A = Fused> {
    dim: usize,
    couplings: &'a [Coupling<'a>],
    log_scale_bound: f32,
    affine: bool,
    weights: &'a [T],
    arith: PhantomData<A>,
}

impl<'a, T: Weight, A: Arith> RealNvp<'a, T, A> {
    /// A flow over `dim` coordinates with bound `B = log_scale_bound` on each log-scale.
    ///
    /// `None` if a mask is not `dim` long, an offset is not where its coupling's weights start,
    /// the bound is not positive and finite, or the number of weights is not
    /// [`RealNvp::weights_len`].
    pub const fn new(
        dim: usize,
        couplings: &'a [Coupling<'a>],
        log_scale_bound: f32,
        affine: bool,
        weights: &'a [T],
    ) -> Option<Self> {
        if dim == 0 || !(log_scale_bound > 0.0 && log_scale_bound < f32::INFINITY) {
            return None;
        }
        let mut offset = 0;
        let mut rest = couplings;
        while let [coupling, tail @ ..] = rest {
            if coupling.mask.len() != dim || coupling.offset != offset {
                return None;
            }
            offset += coupling.weights_len();
            rest = tail;
        }
        if weights.len() != Self::weights_len(dim, couplings, affine) {
            return None;
        }
        Some(Self { dim, couplings, log_scale_bound, affine, weights, arith: PhantomData })
    }

    /// Packed weights of such a flow.
    pub const fn weights_len(dim: usize, couplings: &[Coupling], affine: bool) -> usize {
        let mut total = if affine { 2 * dim } else { 0 };
        let mut rest = couplings;
        while let [coupling, tail @ ..] = rest {
            total += coupling.weights_len();
            rest = tail;
        }
        total
    }

    /// Values of scratch that a run needs besides the sample: two layers of the widest network.
    pub const fn scratch_values(couplings: &[Coupling]) -> usize {
        let mut widest = 0;
        let mut rest = couplings;
        while let [coupling, tail @ ..] = rest {
            if coupling.width() > widest {
                widest = coupling.width();
            }
            rest = tail;
        }
        2 * widest
    }

    /// The network of a coupling: raw log-scales, then shifts, of the moved coordinates.
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
            let (rectangle, slopes) = (weights.next(known * units), weights.next(*units));
            let dense = Dense { bias, weights: rectangle, slopes };
            lanes.dense(dense, take(inputs, known).0, layer);
            (inputs, outputs) = (outputs, inputs);
            known = *units;
        }
        let moved = coupling.moved();
        let out = take_mut(outputs, 2 * moved).0;
        let (bias, rectangle) = (weights.next(2 * moved), weights.next(known * 2 * moved));
        let dense = Dense { bias, weights: rectangle, slopes: &[] };
        lanes.dense(dense, take(inputs, known).0, out);
        take_mut(out, moved)
    }

    /// Moves the coordinates of one coupling, noise to data or back, and adds ∓Σ s to `log_prob`.
    #[inline(always)]
    fn couple<L: Lanes>(
        &self,
        lanes: L,
        coupling: &Coupling,
        to_data: bool,
        x: &mut [L::V],
        log_prob: &mut Sum<L::V>,
        scratch: &mut [L::V],
    ) {
        lanes.call(Couple { flow: self, lanes, coupling, to_data, x, log_prob, scratch });
    }

    #[inline(always)]
    fn couple_here<L: Lanes>(
        &self,
        lanes: L,
        coupling: &Coupling,
        to_data: bool,
        x: &mut [L::V],
        log_prob: &mut Sum<L::V>,
        scratch: &mut [L::V],
    ) {
        let (raw, shift) = self.network(lanes, coupling, x, scratch);
        let s = lanes.s();
        let bound = s.splat(self.log_scale_bound);
        let inverse = s.splat(1.0 / self.log_scale_bound);
        let moved = x.iter_mut().zip(coupling.mask).filter(|(_, kept)| !**kept);
        for (((x, _), raw), shift) in moved.zip(raw).zip(shift) {
            let each = x.as_mut().iter_mut().zip(raw.as_ref()).zip(shift.as_ref()).enumerate();
            for (r, ((x, raw), shift)) in each {
                let scale = s.mul(bound, math::tanh(s, s.mul(s.load(raw), inverse)));
                s.store(move_by(s, to_data, s.load(x), scale, s.load(shift)), x);
                log_prob.add(lanes, r, s.sub(s.splat(0.0), scale));
            }
        }
    }

    /// The affine layer, noise to data or back.
    #[inline(always)]
    fn affine<L: Lanes>(&self, lanes: L, to_data: bool, x: &mut [L::V], log_prob: &mut Sum<L::V>) {
        if !self.affine {
            return;
        }
        let start = self.weights.len().saturating_sub(2 * self.dim);
        let mut weights = Cursor::new(take(self.weights, start).1);
        let (scales, shifts) = (weights.next(self.dim), weights.next(self.dim));
        let s = lanes.s();
        for ((x, scale), shift) in x.iter_mut().zip(scales).zip(shifts) {
            let scale = s.splat(scale.widen());
            let shift = s.splat(shift.widen());
            for (r, x) in x.as_mut().iter_mut().enumerate() {
                s.store(move_by(s, to_data, s.load(x), scale, shift), x);
                log_prob.add(lanes, r, s.sub(s.splat(0.0), scale));
            }
        }
    }

    /// Adds `ln N(x; 0, 1)` over all coordinates.
    #[inline(always)]
    fn base<L: Lanes>(lanes: L, x: &[L::V], log_prob: &mut Sum<L::V>) {
        let s = lanes.s();
        for x in x {
            for (r, x) in x.as_ref().iter().enumerate() {
                let x = s.load(x);
                let square = s.mul(s.mul(x, x), s.splat(-0.5));
                log_prob.add(lanes, r, s.sub(square, s.splat(LN_SQRT_2PI)));
            }
        }
    }
}

/// `x exp(a) + b` towards the data, `(x − b) exp(−a)` back.
#[inline(always)]
fn move_by<S: Simd>(s: S, to_data: bool, x: S::F, log_scale: S::F, shift: S::F) -> S::F {
    if to_data {
        s.add(s.mul(x, math::exp(s, log_scale)), shift)
    } else {
        s.mul(s.sub(x, shift), math::exp(s, s.sub(s.splat(0.0), log_scale)))
    }
}

/// A coupling in a function of its own: one copy for both directions.
struct Couple<'a, L: Lanes, T, A> {
    flow: &'a RealNvp<'a, T, A>,
    lanes: L,
    coupling: &'a Coupling<'a>,
    to_data: bool,
    x: &'a mut [L::V],
    log_prob: &'a mut Sum<L::V>,
    scratch: &'a mut [L::V],
}

impl<L: Lanes, T: Weight, A: Arith> Kernel for Couple<'_, L, T, A> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self { flow, lanes, coupling, to_data, x, log_prob, scratch } = self;
        flow.couple_here(lanes, coupling, to_data, x, log_prob, scratch);
    }
}

impl<T: Weight, A: Arith> Tile for RealNvp<'_, T, A> {
    type Arith = A;

    #[inline(always)]
    fn dim(&self) -> usize {
        self.dim
    }

    #[inline(always)]
    fn scratch(&self) -> usize {
        Self::scratch_values(self.couplings)
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
        let s = lanes.s();
        for (d, x) in x.iter_mut().enumerate() {
            let words = draws.words(lanes, d as u32);
            for (x, word) in x.as_mut().iter_mut().zip(words.as_ref()) {
                s.store(normal(s, s.bits(s.load(word))), x);
            }
        }
        let mut log_prob = Sum::zero(lanes);
        Self::base(lanes, x, &mut log_prob);
        for coupling in self.couplings {
            self.couple(lanes, coupling, true, x, &mut log_prob, scratch);
        }
        self.affine(lanes, true, x, &mut log_prob);
        log_prob.value(lanes)
    }

    #[inline(always)]
    fn score<L: Lanes>(&self, lanes: L, x: &mut [L::V], scratch: &mut [L::V]) -> L::V {
        let mut log_prob = Sum::zero(lanes);
        self.affine(lanes, false, x, &mut log_prob);
        for coupling in self.couplings.iter().rev() {
            self.couple(lanes, coupling, false, x, &mut log_prob, scratch);
        }
        Self::base(lanes, x, &mut log_prob);
        log_prob.value(lanes)
    }
}
