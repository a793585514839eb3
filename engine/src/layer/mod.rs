//! Layers of flows: bijections of all coordinates.
//!
//! Where a network moves coordinates by what it reads of others, two types of layer differ in grain:
//! [`Coupling`] moves one group of coordinates by another, in one run of a dense network and with
//! vectors over coordinates; [`Autoregressive`] moves every coordinate by those before it, in a walk
//! through a masked network. They share the [`Univariate`](crate::univariate) maps and nothing that
//! takes time: one type for both would walk a coupling site by site, at a third of its speed.

mod affine;
mod autoregressive;
mod bounds;
mod coupling;
mod lu;
mod partial;
mod permute;
mod rotation;
pub mod simplex;

pub use affine::Affine;
#[cfg(feature = "model")]
pub use affine::AffineSpec;
pub use autoregressive::Autoregressive;
#[cfg(feature = "model")]
pub use autoregressive::AutoregressiveSpec;
#[cfg(feature = "model")]
pub use bounds::BoundsSpec;
pub use bounds::{Bound, Bounds, are_bounds};
#[cfg(feature = "model")]
pub use coupling::CouplingSpec;
pub use lu::Lu;
#[cfg(feature = "model")]
pub use lu::LuSpec;
pub use partial::Partial;
#[cfg(feature = "model")]
pub use partial::PartialSpec;
pub use permute::Permute;
#[cfg(feature = "model")]
pub use permute::PermuteSpec;
pub use rotation::Rotation;
#[cfg(feature = "model")]
pub use rotation::RotationSpec;
pub use simplex::Simplex;
#[cfg(feature = "model")]
pub use simplex::SimplexSpec;

/// Whether each number below `order.len()` is in `order` once.
fn is_permutation(order: &[usize]) -> bool {
    // No memory to mark what was seen, and no need for speed: a position is looked for.
    (0..order.len()).all(|d| order.contains(&d))
}
pub use coupling::{Coupling, moved};
