//! Trained models as static Rust.
//!
//! ```
//! pushforward_codegen::model! {
//!     /// Four spins.
//!     pub mod ising = "tests/models/tiny.safetensors", weights = "f16", flash = "64K", scratch = "4K";
//! }
//!
//! # fn main() {
//! let mut row = [0i8; ising::DIM];
//! let mut scratch = ising::Scratch::new();
//! let log_prob = ising::sample_with_log_prob(7, 0, &mut row, &mut scratch);
//! assert_eq!(log_prob, ising::log_prob(&row, &mut scratch));
//! # }
//! ```
//!
//! The module holds the weights as one constant, `DIM`, `FLASH_BYTES`, `SCRATCH_BYTES`,
//! `MULTIPLY_ADDS`, `STACK_BUDGET`, `INSTRUCTIONS_BUDGET`, the functions `sample`, `sample_with_log_prob` and `log_prob` for one row and
//! their `_rows` forms for many, `sample_from` for a generator of yours (hardware entropy, say),
//! `DISTRIBUTION` for the crate `rand`, `MODEL` for every other call of the engine, and the golden
//! rows of the file. It needs the crate `pushforward` and nothing else: no allocator, no `std`.
//!
//! # Syntax
//! Any number of items of this form; the last `;` may be left out:
//!
//! ```text
//! [attributes] [visibility] mod NAME = SOURCE [, OPTION = VALUE]… ;
//! ```
//!
//! - `SOURCE` is the path of a model file, relative to the folder of the user's `Cargo.toml`, or
//!   `env!("VARIABLE", "path")`: the path in an environment variable, or the one given if it is
//!   not set. A change of the file or of the variable rebuilds.
//! - `weights = "f32" | "f16"`: how weights are stored; `f16` rounds them, which makes another
//!   model with its own exact probabilities. Default `"f32"`.
//! - `flash = "64K"`, `scratch = 4096`: budgets for `FLASH_BYTES` and `SCRATCH_BYTES`, in bytes
//!   or with a suffix `K` or `M`. A model that exceeds one does not compile, and the error lists
//!   what it needs. Flash is the weights, the tables (masks, orders, sizes of layers) and an upper
//!   bound of the engine's code for the kind of model, measured on a Cortex-M4F at `opt-level = 3`;
//!   your own code, and golden rows if the program reads them, come on top.
//! - `stack = "4K"`, `instructions = 500_000`: budgets for what only a run can tell, which the module carries as
//!   `STACK_BUDGET` and `INSTRUCTIONS_BUDGET` and programs that measure hold themselves to, as `sample` and
//!   `log_prob` of the repository's `firmware/` do: they end in a failure where one is exceeded. `stack` is the
//!   deepest stack of the whole program, in bytes, with one row and its `Scratch` on it; a model whose row and
//!   `Scratch` alone are larger does not compile. `instructions` is what one row takes, and of all rows of a run the
//!   one that takes most counts: a draw with its log-probability where a program draws, a score where it scores. It
//!   is a whole number, with `_` between its digits if you like, and no cycles: where a clock counts these, it is
//!   not compared.
//! - `sampling = "exact" | "none"`: with `"none"` the module scores rows and draws none, which is all that a
//!   model can be compiled to whose draws invert a part in steps (`mixture_cdf`). Default `"exact"`.
//! - `link_section = ".qspi"`: the section that the weights go to.
//! - `crate = "::pf"`: the path of `pushforward`, where it goes by another name.
//!
//! # No panics
//! What the module calls has no panic path once it is optimised; `firmware/` of the repository proves
//! it for its programs when they are linked. Overflow checks are such paths: where a profile turns
//! them on (as `dev` does), exempt the engine, whose sizes were checked when the macro read the model:
//!
//! ```toml
//! [profile.release.package.pushforward]
//! overflow-checks = false
//! ```
//!
//! # Design
//! A small compiler in four steps: *parse* is here; *read*, *check* and *emit* are
//! in the ordinary library `pushforward-emit` (`codegen/emit`), because a procedural-macro crate
//! can export nothing but macros and the host's verb `codegen` writes the same text.

#![forbid(unsafe_code)]

mod input;

/// Turns a model file into a module that samples and scores; see the crate.
#[proc_macro]
pub fn model(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let input = syn::parse_macro_input!(input as input::Input);
    input.expand().unwrap_or_else(|error| error.into_compile_error()).into()
}
