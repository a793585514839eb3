//! What all flows share: Gaussian noise at one end, and an affine layer that may end the other.

use crate::distribution::Draws;
use crate::kernel::{Cursor, Lanes, Sum, Weight, take};
use crate::noise::{Noise, normal};
use crate::simd::Simd;
use crate::transformer::{scale, unscale};

/// ln √(2π).
const LN_SQRT_2PI: f32 = 0.918_938_5;

/// Which way a flow runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Noise to data.
    Sampling,
    /// Data to noise.
    Density,
}

/// Draws standard normal noise.
#[inline(always)]
pub(crate) fn draw<L: Lanes, N: Noise>(lanes: L, draws: &mut Draws<L, N>, z: &mut [L::V]) {
    let s = lanes.s();
    for (d, z) in z.iter_mut().enumerate() {
        let words = draws.words(lanes, d as u32);
        for (z, word) in z.as_mut().iter_mut().zip(words.as_ref()) {
            s.store(normal(s, s.bits(s.load(word))), z);
        }
    }
}

/// Adds `ln N(z; 0, 1)` over all coordinates.
#[inline(always)]
pub(crate) fn base<L: Lanes>(lanes: L, z: &[L::V], log_prob: &mut Sum<L::V>) {
    let s = lanes.s();
    for z in z {
        for (r, z) in z.as_ref().iter().enumerate() {
            let z = s.load(z);
            let square = s.mul(s.mul(z, z), s.splat(-0.5));
            log_prob.add(lanes, r, s.sub(square, s.splat(LN_SQRT_2PI)));
        }
    }
}

/// The affine layer, whose log-scales and shifts are the last weights: `x = z exp(a) + b`.
#[inline(always)]
pub(crate) fn affine<L: Lanes, T: Weight>(
    lanes: L,
    weights: &[T],
    direction: Direction,
    x: &mut [L::V],
    log_prob: &mut Sum<L::V>,
) {
    let dim = x.len();
    let mut weights = Cursor::new(take(weights, weights.len().saturating_sub(2 * dim)).1);
    let (scales, shifts) = (weights.next(dim), weights.next(dim));
    let s = lanes.s();
    for ((x, a), b) in x.iter_mut().zip(scales).zip(shifts) {
        let (a, b) = (s.splat(a.widen()), s.splat(b.widen()));
        for (r, x) in x.as_mut().iter_mut().enumerate() {
            let (value, log_derivative) = match direction {
                Direction::Sampling => scale(s, s.load(x), a, b),
                Direction::Density => unscale(s, s.load(x), a, b),
            };
            s.store(value, x);
            log_prob.add(lanes, r, log_derivative);
        }
    }
}
