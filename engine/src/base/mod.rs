//! Bases: the noise that a flow starts from.
//!
//! A base draws by noise words that have fixed numbers, whether it takes as many for each sample or
//! tries again, and knows its own density in closed form.

pub mod mixture;
mod normal;
mod uniform;
pub mod von_mises;

pub use mixture::Mixture;
#[cfg(feature = "model")]
pub use mixture::MixtureSpec;
pub use normal::Normal;
#[cfg(feature = "model")]
pub use normal::NormalSpec;
pub use uniform::Uniform;
#[cfg(feature = "model")]
pub use uniform::UniformSpec;
pub use von_mises::VonMises;
#[cfg(feature = "model")]
pub use von_mises::VonMisesSpec;

use crate::distribution::Draws;
use crate::kernel::{Lanes, Sum};
use crate::noise::Noise;

/// A distribution of noise over the coordinates of a flow.
pub trait Base {
    /// Whether it can be drawn over `dim` coordinates.
    fn fits(&self, dim: usize) -> bool;
    /// Draws a tile of noise into `z`, one value a coordinate.
    fn draw<L: Lanes, N: Noise>(&self, lanes: L, draws: &mut Draws<L, N>, z: &mut [L::V]);
    /// Adds ln p(z) (nats) to `log_prob`.
    fn log_prob<L: Lanes>(&self, lanes: L, z: &[L::V], log_prob: &mut Sum<L::V>);
}
