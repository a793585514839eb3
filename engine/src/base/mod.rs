//! Bases: the noise that a flow starts from.
//!
//! A base draws by noise words that have fixed numbers, whether it takes as many for each sample or
//! tries again, and knows its own density in closed form.

pub mod mixture;
mod normal;
pub mod product;
pub mod truncated_normal;
mod uniform;
pub mod von_mises;

pub use mixture::Mixture;
#[cfg(feature = "model")]
pub use mixture::MixtureSpec;
pub use normal::Normal;
#[cfg(feature = "model")]
pub use normal::NormalSpec;
pub use product::Product;
#[cfg(feature = "model")]
pub use product::ProductSpec;
pub use truncated_normal::TruncatedNormal;
#[cfg(feature = "model")]
pub use truncated_normal::TruncatedNormalSpec;
pub use uniform::Uniform;
#[cfg(feature = "model")]
pub use uniform::UniformSpec;
pub use von_mises::VonMises;
#[cfg(feature = "model")]
pub use von_mises::VonMisesSpec;

use crate::distribution::Draws;
use crate::kernel::{Lanes, Sum};
use crate::noise::Noise;
use crate::simd::Simd;

/// `ln_p` where `|z| ≤ bound`, −∞ beyond; compared as integers, so that a NaN is beyond.
#[inline(always)]
fn within<S: Simd>(s: S, bound: f32, z: S::F, ln_p: S::F) -> S::F {
    let magnitude = s.and(s.bits(z), s.splat_u(0x7fff_ffff));
    let inside = s.lt_u(magnitude, s.splat_u(bound.to_bits().wrapping_add(1)));
    s.select(inside, ln_p, s.splat(f32::NEG_INFINITY))
}

/// A distribution of noise over the coordinates of a flow.
pub trait Base {
    /// Whether it can be drawn over `dim` coordinates: over any, unless it says otherwise.
    fn fits(&self, _: usize) -> bool {
        true
    }
    /// Blocks of two noise words that a draw of `dim` coordinates takes, if these are always as many.
    fn blocks(&self, dim: usize) -> Option<u32>;
    /// Draws a tile of noise into `z`, one value a coordinate.
    fn draw<L: Lanes, N: Noise>(&self, lanes: L, draws: &mut Draws<L, N>, z: &mut [L::V]);
    /// Adds ln p(z) (nats) to `log_prob`.
    fn log_prob<L: Lanes>(&self, lanes: L, z: &[L::V], log_prob: &mut Sum<L::V>);
}
