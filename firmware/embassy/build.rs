//! Takes the memory layout of the board that `../.cargo/config.toml` chooses.

use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let board = env::var("PUSHFORWARD_BOARD").map_err(io::Error::other)?;
    let memory = Path::new("../boards").join(board).join("memory.x");
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    fs::copy(&memory, Path::new(&out).join("memory.x"))?;
    println!("cargo::rerun-if-changed={}", memory.display());
    println!("cargo::rustc-link-search={out}");
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
    Ok(())
}
