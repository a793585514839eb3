//! What the benchmarks share: the models they time, the work, the clock and the tables.
//!
//! A time alone says little about a machine whose clock drifts. Every row therefore measures the
//! machine's fused-multiply-add peak next to the work ([`peak_multiply_adds`]) and prints the
//! fraction reached. [`wolff`] is the classical sampler that the models of spins are held against.

#![forbid(unsafe_code)]

mod cases;
mod report;
mod timing;
pub mod wolff;

pub use cases::{Case, Job, Work, case, cases};
pub use report::{Settings, criterion, report};
pub use timing::{Timing, peak_multiply_adds, time};
