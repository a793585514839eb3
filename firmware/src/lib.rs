//! What the programs of this package share: the compiled model, a line printer and the measuring
//! of instructions, stack and flash.
//!
//! Nothing here allocates or panics: the panic handler calls a symbol that does not exist, so a
//! program in which any panic path survives the optimiser does not link, and the linker's message
//! says why.
//!
//! ```text
//! PUSHFORWARD_MODEL=/path/to/model.safetensors cargo run --release --bin sample -- -append "seed=1 n=4"
//! ```
//!
//! A conditional model is given `context=3f800000,40490fdb`, the bits of its values in hexadecimal, zeros
//! if not.
//!
//! A program is a file of `src/bin`. A board is a folder of `boards/` and nothing else: its memory
//! layout `memory.x`, cargo's `config.toml` (target, CPU, runner, name) and `board.rs` (how to print,
//! how to get arguments, how to end, which serial line it has, and what is random in it). It is chosen by `cargo run --config boards/<name>/config.toml`;
//! where none is, by `.cargo/config.toml`. A program prints lines of words, the first of which names
//! the line ([`report`]), so that a host can read and compare them.

#![no_std]

// `pub mod board`, from the folder of the chosen board.
include!(concat!(env!("OUT_DIR"), "/board.rs"));

#[cfg_attr(target_arch = "arm", path = "arch/cortex_m.rs")]
#[cfg_attr(target_arch = "riscv32", path = "arch/riscv.rs")]
#[allow(unsafe_code)]
pub mod arch;
pub mod arguments;
pub mod entropy;
#[cfg(feature = "defmt")]
#[allow(unsafe_code)]
mod frames;
pub mod given;
pub mod instrument;
#[allow(unsafe_code)]
pub mod measure;
#[allow(unsafe_code)]
mod proof;
#[allow(unsafe_code)]
pub mod registers;
pub mod report;
#[allow(unsafe_code)]
pub mod rtt;
pub mod selftest;
#[allow(unsafe_code)]
pub mod semihosting;
pub mod serial;

pub use arch::entry;

/// The name of the board's folder.
pub const BOARD: &str = env!("PUSHFORWARD_BOARD");

/// The checksum of the model file.
pub const MODEL_CHECKSUM: u32 = include!(concat!(env!("OUT_DIR"), "/checksum.rs"));

// `model! { pub mod model = env!("PUSHFORWARD_MODEL", "models/default.safetensors") … }`, with the options that the
// build asks for.
include!(concat!(env!("OUT_DIR"), "/model.rs"));
