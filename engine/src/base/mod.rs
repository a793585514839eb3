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

/// Makes coordinate `d` of a tile from its noise word `d`.
#[inline(always)]
fn draw_each<L: Lanes, N: Noise>(
    lanes: L,
    draws: &mut Draws<L, N>,
    z: &mut [L::V],
    value: impl Fn(<L::E as Simd>::U) -> <L::E as Simd>::F,
) {
    for (d, z) in z.iter_mut().enumerate() {
        *z = draws.words(lanes, d as u32);
    }
    for i in 0..L::vectors(z.len()) {
        let word = lanes.e().bits(lanes.get(z, i));
        lanes.put(z, i, value(word));
    }
}

/// Adds ln p of each coordinate by itself.
#[inline(always)]
fn score_each<L: Lanes>(
    lanes: L,
    z: &[L::V],
    log_prob: &mut Sum<L::V>,
    ln_p: impl Fn(<L::E as Simd>::F) -> <L::E as Simd>::F,
) {
    for i in 0..L::vectors(z.len()) {
        lanes.sum(log_prob, i, z.len(), ln_p(lanes.get(z, i)));
    }
}

/// A distribution of noise over the coordinates of a flow.
pub trait Base {
    /// Whether it can be drawn over `dim` coordinates: over any, unless it says otherwise.
    fn fits(&self, _: usize) -> bool {
        true
    }
    /// Blocks of two noise words that a draw of `dim` coordinates takes, if these are always as many: a
    /// word a coordinate, unless it says otherwise.
    #[inline(always)]
    fn blocks(&self, dim: usize) -> Option<u32> {
        Some(dim.div_ceil(2) as u32)
    }
    /// Draws a tile of noise into `z`, one value a coordinate.
    fn draw<L: Lanes, N: Noise>(&self, lanes: L, draws: &mut Draws<L, N>, z: &mut [L::V]);
    /// Adds ln p(z) (nats) to `log_prob`.
    fn log_prob<L: Lanes>(&self, lanes: L, z: &[L::V], log_prob: &mut Sum<L::V>);
}

/// A row of `dim` coordinates, sample `sample` of the noise, and ln p of it.
#[cfg(test)]
fn draw_row(
    base: impl Base,
    noise: &mut impl Noise,
    sample: u64,
    dim: usize,
) -> (std::vec::Vec<f32>, f32) {
    use crate::kernel::{Plain, Single};
    let lanes = Single::<_, Plain>::new(crate::simd::Scalar);
    let mut z = std::vec![lanes.splat(0.0); dim];
    base.draw(lanes, &mut Draws::new(lanes, noise, sample), &mut z);
    let mut log_prob = Sum::zero(lanes);
    base.log_prob(lanes, &z, &mut log_prob);
    let [[log_prob]] = log_prob.value(lanes);
    (z.into_iter().map(|[[z]]| z).collect(), log_prob)
}
