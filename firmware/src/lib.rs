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
//! A program is a file of `src/bin`. A board is a folder of `boards/` (memory layout and cargo
//! configuration), a file of `src/board/` (how to print and how to end) and one line here; it is
//! chosen by `cargo build --config boards/<name>/config.toml`. A program prints lines of words,
//! the first of which names the line ([`report`]), so that a host can read and compare them.

#![no_std]

pub mod arguments;
#[cfg_attr(board = "qemu-mps2-an386", path = "board/qemu_mps2_an386.rs")]
#[allow(unsafe_code)]
pub mod board;
#[allow(unsafe_code)]
pub mod measure;
#[allow(unsafe_code)]
mod proof;
pub mod report;

pushforward_codegen::model! {
    pub mod model = env!("PUSHFORWARD_MODEL", "models/default.safetensors");
}
