//! Dense kernels and the two ways of holding a sample: the layer that models are written on.
//!
//! A model is written once over [`Lanes`], which fixes how *one feature* is held:
//!
//! | | a value [`Lanes::V`] is | lanes of a dense kernel are |
//! |---|---|---|
//! | [`Batch`] | one feature of `R · LANES` samples | samples |
//! | [`Single`] | one feature of one sample | outputs |
//!
//! Both do the same arithmetic in the same order: an output is one accumulator that starts at its
//! bias and adds its inputs in ascending index. So the bits do not depend on the choice.
//!
//! # The packed layout
//! Every dense or masked layer is a list of *rectangles*: `n` outputs that read the same `k`
//! inputs. A rectangle is stored as strips of [`STRIP`] inputs, the last of fewer; a strip as
//! panels of [`PANEL`] outputs, then of 4, then of 1, as many as fit; a panel of width `w` as the
//! row-major matrix `[strip][w]`. A panel row is what `Single` loads as a vector and what `Batch`
//! broadcasts weight by weight; both read memory straight through. A strip's inputs are read by
//! all of its panels from the first-level cache.
//!
//! ```text
//! for strip in strips(k):                      # ascending inputs
//!     for panel in panels(n):                  # 16, 16, …, 4, …, 1, …
//!         for i in strip:
//!             for o in panel: acc[o] += w[i][o] · x[i]
//! ```

mod arith;
mod batch;
mod dense;
mod integer;
mod lanes;
mod single;
mod store;
mod sum;
mod weight;

pub use arith::{Arith, Arithmetic, Fused, Integer, Plain};
pub use batch::Batch;
pub(crate) use dense::add;
pub use dense::{Dense, leaky};
pub use integer::{Bytes, I16, I32, IntegerWeight, OUTPUT_SHIFT, SUM_BITS};
pub use lanes::Lanes;
pub use single::Single;
pub use store::{Counts, Store};
pub use sum::Sum;
pub use weight::{Weight, next, take, take_mut};

/// Outputs in the widest panel.
pub const PANEL: usize = 16;

/// Inputs in a strip.
pub const STRIP: usize = 64;
