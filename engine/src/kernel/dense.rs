//! A dense layer, and the leaky units at its end.

use super::{Lanes, Store, Weight, next};
use crate::simd::Simd;

/// A dense layer: `out[o] = leaky(bias[o] + Σ_i w[i][o] x[i])`, one accumulator an output, inputs
/// ascending.
#[derive(Clone, Copy, Debug)]
pub struct Dense<'a, W: Store<'a>> {
    /// One an output; empty where the accumulators hold their start already.
    pub bias: &'a [W::Bias],
    /// Packed as [`kernel`](super) says.
    pub weights: &'a [W::Matrix],
    /// One an output; empty where the sums are the outputs.
    pub slopes: &'a [W::Slope],
}

impl<'a, W: Store<'a>> Dense<'a, W> {
    /// Without what only the first and the last strip of inputs have.
    #[inline(always)]
    pub(super) fn strip(self, first: bool, last: bool) -> Self {
        let bias = if first { self.bias } else { &[] };
        let slopes = if last { self.slopes } else { &[] };
        Self { bias, slopes, ..self }
    }

    /// The next `outputs`, which have `n` weights.
    #[inline(always)]
    pub(super) fn next(&mut self, outputs: usize, n: usize) -> Self {
        Self {
            bias: next(&mut self.bias, outputs),
            weights: next(&mut self.weights, n),
            slopes: next(&mut self.slopes, outputs),
        }
    }
}

/// A layer with its values, to be run as one [`Kernel`](crate::simd::Kernel): one copy of its loops for all layers, and
/// one without `ENDS` (biases and slopes) for rectangles, many of which are small.
pub(super) struct Layer<'w, 'x, L: Lanes, W: Store<'w>, const ENDS: bool> {
    pub(super) lanes: L,
    pub(super) dense: Dense<'w, W>,
    pub(super) x: &'x [L::V],
    pub(super) out: &'x mut [L::V],
}

/// A layer that has no inputs.
#[inline(always)]
pub(super) fn constant<'a, L: Lanes, W: Store<'a>>(
    lanes: L,
    dense: Dense<'a, W>,
    out: &mut [L::V],
) {
    for (out, bias) in out.iter_mut().zip(dense.bias) {
        *out = lanes.splat(bias.widen());
    }
    leaky(lanes, out, dense.slopes);
}

/// `x` where `x > 0`, `slope · x` elsewhere.
#[inline(always)]
pub(super) fn leaky_unit<S: Simd>(s: S, x: S::F, slope: S::F) -> S::F {
    s.select(s.lt(s.splat(0.0), x), x, s.mul(slope, x))
}

/// Leaky units with learned slopes: `x` where `x > 0`, `slope · x` elsewhere.
#[inline(always)]
pub fn leaky<L: Lanes, T: Weight>(lanes: L, units: &mut [L::V], slopes: &[T]) {
    let s = lanes.s();
    for (unit, slope) in units.iter_mut().zip(slopes) {
        let slope = s.splat(slope.widen());
        for a in unit.as_mut() {
            s.store(leaky_unit(s, s.load(a), slope), a);
        }
    }
}

/// `to += from`, feature by feature.
#[inline(always)]
pub(crate) fn add<L: Lanes>(lanes: L, to: &mut [L::V], from: &[L::V]) {
    let s = lanes.s();
    for (to, from) in to.iter_mut().zip(from) {
        for (to, from) in to.as_mut().iter_mut().zip(from.as_ref()) {
            s.store(s.add(s.load(to), s.load(from)), to);
        }
    }
}
