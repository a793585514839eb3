//! What all flows share: Gaussian noise at one end, layers, and an affine layer that may end the
//! other.
//!
//! [`sample`] and [`log_prob`] run the same layers in opposite directions. How far apart their two
//! values of ln q may be is a matter of conditioning, which [`crate::coupling`] bounds.

use crate::distribution::Draws;
use crate::kernel::{Cursor, Lanes, Sum, Weight, take};
use crate::noise::{Noise, normal};
use crate::simd::Simd;
use crate::transformer::{Direction, scale, unscale};

/// ln √(2π).
const LN_SQRT_2PI: f32 = 0.918_938_5;

/// A flow as its layers, from noise to data.
pub(crate) trait Flow {
    /// What one layer is made of.
    type Layer;
    /// How weights are stored.
    type Weight: Weight;
    /// The layers.
    fn layers(&self) -> &[Self::Layer];
    /// Weights that end with those of an affine layer after all others, if there is one.
    fn affine(&self) -> Option<&[Self::Weight]>;
    /// Moves the coordinates through a layer and adds their Σ ln f′ to `log_prob`.
    fn step<L: Lanes>(
        &self,
        lanes: L,
        layer: &Self::Layer,
        direction: Direction,
        x: &mut [L::V],
        log_prob: &mut Sum<L::V>,
        scratch: &mut [L::V],
    );
}

/// Draws a tile and returns its log-probability.
#[inline(always)]
pub(crate) fn sample<F: Flow, L: Lanes, N: Noise>(
    flow: &F,
    lanes: L,
    draws: &mut Draws<L, N>,
    x: &mut [L::V],
    scratch: &mut [L::V],
) -> L::V {
    let direction = Direction::Sampling;
    let mut log_prob = Sum::zero(lanes);
    draw(lanes, draws, x);
    base(lanes, x, &mut log_prob);
    for layer in flow.layers() {
        flow.step(lanes, layer, direction, x, &mut log_prob, scratch);
    }
    if let Some(weights) = flow.affine() {
        affine(lanes, weights, direction, x, &mut log_prob);
    }
    log_prob.value(lanes)
}

/// The log-probability of a tile, which is turned into noise.
#[inline(always)]
pub(crate) fn log_prob<F: Flow, L: Lanes>(
    flow: &F,
    lanes: L,
    x: &mut [L::V],
    scratch: &mut [L::V],
) -> L::V {
    let direction = Direction::Density;
    let mut log_prob = Sum::zero(lanes);
    if let Some(weights) = flow.affine() {
        affine(lanes, weights, direction, x, &mut log_prob);
    }
    for layer in flow.layers().iter().rev() {
        flow.step(lanes, layer, direction, x, &mut log_prob, scratch);
    }
    base(lanes, x, &mut log_prob);
    log_prob.value(lanes)
}

/// Draws standard normal noise.
#[inline(always)]
fn draw<L: Lanes, N: Noise>(lanes: L, draws: &mut Draws<L, N>, z: &mut [L::V]) {
    for (d, z) in z.iter_mut().enumerate() {
        *z = draws.words(lanes, d as u32);
    }
    let e = lanes.e();
    for i in 0..L::vectors(z.len()) {
        let word = e.bits(lanes.get(z, i));
        lanes.put(z, i, normal(e, word));
    }
}

/// Adds `ln N(z; 0, 1)` over all coordinates.
#[inline(always)]
fn base<L: Lanes>(lanes: L, z: &[L::V], log_prob: &mut Sum<L::V>) {
    let e = lanes.e();
    for i in 0..L::vectors(z.len()) {
        let x = lanes.get(z, i);
        let square = e.mul(e.mul(x, x), e.splat(-0.5));
        lanes.sum(log_prob, i, z.len(), e.sub(square, e.splat(LN_SQRT_2PI)));
    }
}

/// The affine layer, whose log-scales and shifts are the last weights: `x = z exp(a) + b`.
#[inline(always)]
fn affine<L: Lanes, T: Weight>(
    lanes: L,
    weights: &[T],
    direction: Direction,
    x: &mut [L::V],
    log_prob: &mut Sum<L::V>,
) {
    let dim = x.len();
    let mut weights = Cursor::new(take(weights, weights.len().saturating_sub(2 * dim)).1);
    let (scales, shifts) = (weights.next(dim), weights.next(dim));
    let e = lanes.e();
    for i in 0..L::vectors(dim) {
        let (a, b) = (lanes.weights(scales, i), lanes.weights(shifts, i));
        let old = lanes.get(x, i);
        let (new, log_derivative) = match direction {
            Direction::Sampling => scale(e, old, a, b),
            Direction::Density => unscale(e, old, a, b),
        };
        lanes.put(x, i, new);
        lanes.sum(log_prob, i, dim, log_derivative);
    }
}
