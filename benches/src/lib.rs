//! What the benchmarks share: the models they time, the work and the tables.
//!
//! Every row measures the machine's fused-multiply-add peak next to the work, with the clock and the
//! meter of the verb `bench` ([`pushforward_host::timing`]), and prints the fraction reached.
//! [`wolff`] is the classical sampler that the models of spins are held against.

#![forbid(unsafe_code)]

mod cases;
mod report;
mod timing;
pub mod wolff;

pub use cases::{Case, case, cases};
pub use pushforward_host::timing::{Job, Work, peak_multiply_adds};
pub use report::{Settings, criterion, report};
pub use timing::time;
