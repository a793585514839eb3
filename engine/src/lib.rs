//! Exact samplers and exact likelihoods, with the same bits on a server and a microcontroller.
//!
//! A trained model (a normalizing flow or an autoregressive network) is a probability distribution
//! with two operations: draw an exact sample, and say the exact log-probability of one. This crate
//! runs both without `std`, without allocation and without a panic.
//!
//! # Guided tour
//! - [`noise`]: where randomness comes from. Sample `i` of seed `s` reads the words of a
//!   counter-based stream, so any sample can be drawn alone and any range on any machine.
//! - [`distribution`]: [`sample`](distribution::sample) and
//!   [`log_prob`](distribution::log_prob), for any number of rows; [`domain`] says where their values
//!   lie.
//! - Two kinds of distribution, each put together from parts. A [`flow`] carries the noise of a
//!   [`base`] through [`bijection`]s, the [`layer`]s. [`sites`] are drawn one by one from
//!   [`conditional`]s. A [`network`] gives the parameters of a layer's [`univariate`] maps, or of
//!   conditionals.
//! - Wrappers of any distribution: a [`symmetry`], an [`embedding`] of its context.
//! - [`correct`]: importance weights and independence Metropolis, which make statements about the
//!   *target* from samples of the model.
//! - [`kernel`], [`math`], [`simd`]: dense layers, elementary functions, vectors. Every bit that
//!   leaves this crate is made here and is the same on all targets.
//! - [`compiled`]: a model that the macro `model!` compiled, as one value; with the feature `rand` it
//!   is a distribution of the crate `rand`.
//! - `model` (feature `model`, which allocates): the model description, its file and the loaded
//!   sampler. The feature `std` finds the CPU's SIMD level at run time.
//!
//! # A sample is a function of (model, seed, index, arithmetic)
//! And of nothing else: not of batch size, thread, SIMD width, target, nor of whether the weights
//! were compiled in or loaded.
//!
//! ```
//! use pushforward::distribution::{sample, log_prob};
//! use pushforward::activation::Leaky;
//! use pushforward::network::{Evenly, Masked, Shape};
//! use pushforward::{conditional::Bernoulli, kernel::Plain, noise::Stream, simd::Level, sites::Sites};
//!
//! // Two spins: a bias each, and one direct term that aligns the second with the first.
//! let weights: &[f32] = &[0.0, 0.0, 1.5];
//! let (hidden, owners) = (&[], Evenly);
//! let shape = Shape { sites: 2, inputs: 1, hidden, outputs: 1, context: 0, direct: true, owners };
//! let network = Masked::<_, true>::new(shape, Leaky, weights).unwrap();
//! let model = Sites::<_, _, Plain>::new(network, Bernoulli::<false>).unwrap();
//! let (mut rows, mut lp) = ([0i8; 8], [0.0; 4]);
//! let mut scratch = [0.0; 64];
//! sample(&model, Level::Scalar, &mut Stream::new(1), 0, &mut rows, Some(&mut lp), &mut scratch)?;
//! let mut again = [0.0; 4];
//! log_prob(&model, Level::best(), &rows, &mut again, &mut scratch)?;
//! assert_eq!(lp, again);
//! # Ok::<(), pushforward::distribution::Error>(())
//! ```
//!
//! # Where the promise holds
//! Arithmetic has to be that of IEEE 754 binary32 and binary64, each operation rounded to nearest,
//! ties to even, subnormal numbers included.
//!
//! | targets | |
//! |---|---|
//! | x86-64; 64-bit Arm; WebAssembly; Cortex-M0, M3, M4F, M7, M33, M55; 32-bit RISC-V without an FPU | tested, all but the first on emulators |
//! | 32-bit x86 with SSE2, other 32-bit Arm and RISC-V, with or without an FPU | nothing in the way, untested |
//! | big-endian | nothing in the way of models loaded at run time, untested; weights compiled in are refused when compiling |
//! | 32-bit x86 without SSE2 | refused when compiling: its x87 unit keeps more digits than asked for |
//!
//! Three things outside this crate can break it, and none is seen by the compiler:
//! - *Flush to zero*, or a rounding mode of the thread. Programs compiled with `-ffast-math`, or
//!   libraries of such that they load, may set either when they start, for threads that know
//!   nothing of it. [`simd::is_ieee`] says whether this thread is as it has to be. 32-bit Arm's NEON
//!   flushes always; it is not used.
//! - *Relaxed arithmetic* in a compiler, as `-ffast-math` is in C. Rust has no such flag.
//! - *Hardware with an erratum*. A model file carries golden rows for that: `check` draws them again.
#![cfg_attr(not(any(feature = "std", test)), no_std)]
#![deny(missing_docs)]
#![deny(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::print_stdout,
        clippy::print_stderr
    )
)]

#[cfg(feature = "model")]
extern crate alloc;

pub mod activation;
pub mod base;
pub mod bijection;
pub mod compiled;
pub mod conditional;
pub mod constraint;
pub mod correct;
pub mod distribution;
pub mod domain;
pub mod embedding;
pub mod flow;
pub mod kernel;
pub mod layer;
pub mod math;
#[cfg(feature = "model")]
#[allow(clippy::indexing_slicing, clippy::expect_used, clippy::panic)]
pub mod model;
pub mod network;
pub mod noise;
#[allow(unsafe_code)]
pub mod simd;
pub mod sites;
pub mod symmetry;
pub mod univariate;
