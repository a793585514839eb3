//! `codegen`: the Rust that the macro emits, to read or to vendor, or a crate around it for C.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use pushforward_emit::c::{Crate, Engine, MARKER};
use pushforward_emit::{self as emit, Options};

use crate::board::checkout;
use crate::data::{distinct, is_standard_output, write_file};
use crate::error::{Error, Result};
use crate::loaded::read_with_checksum;

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("written").required(true).args(["output", "c"]))]
pub(super) struct Args {
    /// The model file.
    model: PathBuf,
    /// The Rust file; `-` is standard output.
    #[arg(short, long, value_name = "FILE.rs")]
    output: Option<PathBuf>,
    /// A folder for a crate that builds a static library for C, with its header.
    #[arg(long, value_name = "DIR")]
    c: Option<PathBuf>,
    /// Name of the module, or of the library; from the model's file name if not given.
    #[arg(long)]
    name: Option<String>,
    /// How weights are stored: f32 or f16.
    #[arg(long)]
    weights: Option<String>,
    /// The most bytes of flash the model may take (weights, tables, code), as 65536 or 64K.
    #[arg(long)]
    flash: Option<String>,
    /// The most bytes of working memory a row may take.
    #[arg(long)]
    scratch: Option<String>,
    /// The most bytes of stack that a program that measures it may take, with a row and its working memory on it.
    #[arg(long, conflicts_with = "c")]
    stack: Option<String>,
    /// The most instructions that any one row may take in a program that counts them, as 500_000.
    #[arg(long, conflicts_with = "c")]
    instructions: Option<String>,
    /// Whether the module draws samples: exact, or none, and then it scores rows only.
    #[arg(long)]
    sampling: Option<String>,
    /// The section that the linker puts the weights in.
    #[arg(long)]
    link_section: Option<String>,
    /// The path of the crate pushforward, where it goes by another name.
    #[arg(long = "crate", value_name = "PATH", conflicts_with = "c")]
    engine: Option<String>,
    /// With --c, the folder of the crate pushforward; the checkout's if not given, or the registry's where
    /// there is none.
    #[arg(long = "engine", value_name = "DIR", conflicts_with = "output")]
    engine_folder: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<()> {
    if let Some(output) = &args.output {
        distinct(("-o", output), ("the model", &args.model), true)?;
    }
    let mut options = Options::default();
    // In the order of their names.
    let given = [
        &args.weights,
        &args.flash,
        &args.scratch,
        &args.stack,
        &args.instructions,
        &args.sampling,
        &args.link_section,
        &args.engine,
    ];
    for (name, value) in Options::NAMES.into_iter().zip(given) {
        if let Some(value) = value {
            options.set(name, value).map_err(|e| Error::Usage(format!("--{e}")))?;
        }
    }
    let (model, checksum) = read_with_checksum(&args.model)?;
    let stem = args.model.file_stem().unwrap_or_default().to_string_lossy();
    let name = args.name.clone().unwrap_or_else(|| identifier(&stem));
    let source = args.model.file_name().unwrap_or_default().to_string_lossy();
    match (&args.output, &args.c) {
        (Some(output), _) => {
            let text = emit::text(&model, options, &name, &source);
            let text = text.map_err(|e| refusal(args, e))?;
            if is_standard_output(output) {
                return super::print(&text);
            }
            write_file(output, text.as_bytes())
        }
        (None, Some(folder)) => {
            let library = Crate { name: &name, source: &source, checksum, engine: engine(args)? };
            let files = library.files(&model, options).map_err(|e| refusal(args, e))?;
            write_crate(folder, &files)
        }
        // The parser has seen to it.
        (None, None) => Ok(()),
    }
}

fn refusal(args: &Args, error: emit::Error) -> Error {
    match error {
        emit::Error::Flash { .. } | emit::Error::Scratch { .. } | emit::Error::Stack { .. } => {
            Error::Failed(error.to_string())
        }
        emit::Error::CName { .. } => Error::Usage(format!("--{error}")),
        _ => Error::input(&args.model, error),
    }
}

/// Where the crate for C finds the engine.
fn engine(args: &Args) -> Result<Engine> {
    let Some(engine) = args.engine_folder.clone().or_else(|| Some(checkout()?.join("engine")))
    else {
        return Ok(Engine::Version(env!("CARGO_PKG_VERSION").into()));
    };
    let found = engine.canonicalize().map_err(|e| Error::read(&engine, &e))?;
    if !found.join("Cargo.toml").is_file() {
        let message = "found no Cargo.toml in it, expected the folder of the crate pushforward";
        return Err(Error::input(&engine, message));
    }
    Ok(Engine::Folder(found))
}

/// Writes the files of the crate for C, over such as were written here.
fn write_crate(folder: &Path, files: &[(PathBuf, String)]) -> Result<()> {
    let files: Vec<_> = files.iter().map(|(path, text)| (folder.join(path), text)).collect();
    // All are looked at before one is written.
    for (path, _) in &files {
        match fs::read(path) {
            Ok(found) if is_ours(&found) => {}
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Ok(_) => {
                let message = "found a file that `codegen --c` did not write, expected none or one of its own";
                return Err(Error::input(path, message));
            }
            Err(e) => return Err(Error::read(path, &e)),
        }
    }
    for (path, text) in &files {
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent).map_err(|e| Error::write(parent, &e))?;
        write_file(path, text.as_bytes())?;
    }
    Ok(())
}

/// Whether a file says in its first lines that it was written here.
fn is_ours(bytes: &[u8]) -> bool {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned();
    head.lines().take(2).any(|line| line.contains(MARKER))
}

/// A file name as a Rust identifier.
fn identifier(stem: &str) -> String {
    let name: String = stem
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' })
        .collect();
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) { name } else { format!("model_{name}") }
}
