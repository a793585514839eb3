//! Holding a parameter within a bound smoothly, as zuko does: `r / (1 + |r| / B)`.
//!
//! Its files know `B` by ε, the least number that `exp` makes of such a parameter: `B = −ln ε`.

use crate::math::{abs, with_sign};
use crate::simd::Simd;

/// Least and largest `B`.
pub const SOFT_BOUNDS: [f32; 2] = [1.0 / 1024.0, 80.0];
/// Least and largest ε, whose `B` are of [`SOFT_BOUNDS`].
pub const SOFT_LEAST: [f32; 2] = [1e-30, 0.999];

/// `r / (1 + |r| / B)`.
#[inline(always)]
pub(crate) fn soft_clip<S: Simd>(s: S, raw: S::F, bound: f32) -> S::F {
    // The greatest numbers over a small bound are infinite, and over that infinity they would be 0.
    let (size, most) = (abs(s, raw), s.splat(1e30));
    let size = s.select(s.lt(size, most), size, most);
    let clipped = s.div(size, s.add(s.splat(1.0), s.div(size, s.splat(bound))));
    with_sign(s, clipped, raw)
}

/// `B` of an ε.
#[cfg(feature = "model")]
pub fn soft_bound(least: f32) -> f32 {
    -crate::math::ln(crate::simd::Scalar, least)
}
