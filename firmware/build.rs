//! Takes what the chosen board's folder owns: its memory layout for the linker, its source for the
//! library; the checksum of the model file, by which a host knows it; and the model's options.

use std::path::Path;
use std::{env, fs, io};

/// The model file where none is named.
const MODEL: &str = "models/default.safetensors";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-env-changed=PUSHFORWARD_BOARD");
    let board = env::var("PUSHFORWARD_BOARD").map_err(|_| {
        io::Error::other("PUSHFORWARD_BOARD is not set: build inside firmware/, or with --config boards/<name>/config.toml")
    })?;
    println!("cargo::rustc-env=PUSHFORWARD_BOARD={board}");

    let folder = env::current_dir()?.join("boards").join(&board);
    let (memory, source) = (folder.join("memory.x"), folder.join("board.rs"));
    let out = env::var_os("OUT_DIR").unwrap_or_default();
    let out = Path::new(&out);
    let lacks =
        |path: &Path, e| io::Error::other(format!("board {board}: {}: {e}", path.display()));
    println!("cargo::rerun-if-changed={}", memory.display());
    fs::copy(&memory, out.join("memory.x")).map_err(|e| lacks(&memory, e))?;
    println!("cargo::rustc-link-search={}", out.display());
    // cortex-m-rt's linker script. From here and not from the board's `rustflags`, where it would
    // arrive twice when one board's configuration is laid over the default one's.
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
    if env::var_os("CARGO_FEATURE_DEFMT").is_some() {
        println!("cargo::rustc-link-arg-bins=-Tdefmt.x");
    }

    // A module elsewhere needs a path that is written out.
    let source = source.canonicalize().map_err(|e| lacks(&source, e))?;
    fs::write(
        out.join("board.rs"),
        format!("#[path = {source:?}]\n#[allow(unsafe_code)]\npub mod board;\n"),
    )?;

    println!("cargo::rerun-if-env-changed=PUSHFORWARD_MODEL");
    let model = env::var_os("PUSHFORWARD_MODEL").unwrap_or(MODEL.into());
    println!("cargo::rerun-if-changed={}", model.display());
    // A file that cannot be read is the macro's to complain of.
    let checksum = fs::read(&model).map_or(0, |bytes| pushforward_wire::checksum(&bytes));
    fs::write(out.join("checksum.rs"), format!("{checksum}"))?;

    let weights = if env::var_os("CARGO_FEATURE_F16").is_some() { "f16" } else { "f32" };
    let mut options = format!("weights = {weights:?}");
    for (name, variable) in
        [("stack", "PUSHFORWARD_STACK"), ("instructions", "PUSHFORWARD_INSTRUCTIONS")]
    {
        println!("cargo::rerun-if-env-changed={variable}");
        if let Ok(budget) = env::var(variable) {
            options += &format!(", {name} = {budget:?}");
        }
    }
    let item = format!("pub mod model = env!(\"PUSHFORWARD_MODEL\", {MODEL:?}), {options}");
    fs::write(out.join("model.rs"), format!("pushforward_codegen::model! {{ {item} }}\n"))
}
