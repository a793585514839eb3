//! On the way into a network of integers and out of it: floats, each times a number of its own.

use crate::kernel::Lanes;
use crate::math::round;
use crate::simd::Simd;

/// Replaces floats by the integers of so many bits and a sign that they are rounded to.
#[inline(always)]
pub(super) fn enter<L: Lanes>(lanes: L, bits: u32, scales: &[f32], x: &mut [L::V]) {
    let e = lanes.e();
    let most = ((1 << bits) - 1) as f32;
    for i in 0..L::vectors(x.len()) {
        let y = e.mul(lanes.get(x, i), lanes.weights(scales, i));
        // What is no number is the least one.
        let y = e.select(e.lt(e.splat(-most), y), y, e.splat(-most));
        let y = e.select(e.lt(y, e.splat(most)), y, e.splat(most));
        lanes.put(x, i, e.from_bits(e.trunc_to_i32(round(e, y))));
    }
}

/// Replaces sums by floats.
#[inline(always)]
pub(super) fn leave<L: Lanes>(lanes: L, scales: &[f32], sums: &mut [L::V]) {
    let e = lanes.e();
    for i in 0..L::vectors(sums.len()) {
        let sum = e.i32_to_float(e.bits(lanes.get(sums, i)));
        lanes.put(sums, i, e.mul(sum, lanes.weights(scales, i)));
    }
}
