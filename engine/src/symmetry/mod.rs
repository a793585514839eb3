//! Symmetries: distributions made even under transformations of their rows, by wrappers of any distribution
//! whose values are discrete.
//!
//! `q(x) = (1 / |G|) Σ_g m(g x)` is normalised because each term is, and `q(g x) = q(x)`. A draw of `m` is
//! transformed by a random element, which costs nothing; a log-probability is one of `m` for each element of
//! the group. Where what is to be matched has the symmetry, KL(q ‖ p) ≤ KL(m ‖ p), as KL is convex.
//!
//! - [`Z2`]: all spins flipped.
//! - [`Orbit`]: the group of a chain or a lattice ([`Group`]), its translations, its point group, and maps of the
//!   values: permutations of colours.

mod orbit;
mod z2;

#[cfg(feature = "model")]
pub use orbit::GroupSpec;
pub use orbit::{Group, MOST_COLOURS, MOST_ELEMENTS, Orbit, Values};
#[cfg(feature = "model")]
pub(crate) use orbit::{draw, score, scratch};
pub use z2::Z2;
