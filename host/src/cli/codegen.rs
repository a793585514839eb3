//! `codegen`: the Rust that the macro emits, to read or to vendor.

use std::path::PathBuf;

use pushforward_emit::{self as emit, Options};

use crate::data::{distinct, is_standard_output, write_file};
use crate::error::{Error, Result};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The model file.
    model: PathBuf,
    /// The Rust file; `-` is standard output.
    #[arg(short, long, value_name = "FILE.rs")]
    output: PathBuf,
    /// Name of the module; from the model's file name if not given.
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
    /// Whether the module draws samples: exact, or none, and then it scores rows only.
    #[arg(long)]
    sampling: Option<String>,
    /// The section that the linker puts the weights in.
    #[arg(long)]
    link_section: Option<String>,
    /// The path of the crate pushforward, where it goes by another name.
    #[arg(long = "crate", value_name = "PATH")]
    engine: Option<String>,
}

pub(super) fn run(args: &Args) -> Result<()> {
    distinct(("-o", &args.output), ("the model", &args.model), true)?;
    let mut options = Options::default();
    // In the order of their names.
    let given = [
        &args.weights,
        &args.flash,
        &args.scratch,
        &args.sampling,
        &args.link_section,
        &args.engine,
    ];
    for (name, value) in Options::NAMES.into_iter().zip(given) {
        if let Some(value) = value {
            options.set(name, value).map_err(|e| Error::Usage(format!("--{e}")))?;
        }
    }
    let model = crate::loaded::read(&args.model)?;
    let stem = args.model.file_stem().unwrap_or_default().to_string_lossy();
    let name = args.name.clone().unwrap_or_else(|| identifier(&stem));
    let source = args.model.file_name().unwrap_or_default().to_string_lossy();
    let text = emit::text(&model, options, &name, &source).map_err(|e| match e {
        emit::Error::Flash { .. } | emit::Error::Scratch { .. } => Error::Failed(e.to_string()),
        _ => Error::input(&args.model, e),
    })?;
    if is_standard_output(&args.output) {
        return super::print(&text);
    }
    write_file(&args.output, text.as_bytes())
}

/// A file name as a Rust identifier.
fn identifier(stem: &str) -> String {
    let name: String = stem
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' })
        .collect();
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) { name } else { format!("model_{name}") }
}
