//! Hands the linker the memory layout of the chosen board and tells the code which board it is.

use std::path::PathBuf;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-env-changed=PUSHFORWARD_BOARD");
    println!("cargo::rustc-check-cfg=cfg(board, values(any()))");
    let board = env::var("PUSHFORWARD_BOARD").map_err(|_| {
        io::Error::other("PUSHFORWARD_BOARD is not set: build inside firmware/, or with --config boards/<name>/config.toml")
    })?;
    println!("cargo::rustc-cfg=board=\"{board}\"");

    let memory = PathBuf::from("boards").join(&board).join("memory.x");
    println!("cargo::rerun-if-changed={}", memory.display());
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::copy(&memory, out.join("memory.x"))
        .map_err(|e| io::Error::other(format!("board {board}: {}: {e}", memory.display())))?;
    println!("cargo::rustc-link-search={}", out.display());
    Ok(())
}
