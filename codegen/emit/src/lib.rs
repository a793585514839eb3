//! Writes a trained model as Rust source: *read* the file, *check* it, *emit* a module.
//!
//! The macro of `pushforward-codegen` and the host's verb `codegen` both go through here, so they
//! write the same text. It is a crate of its own, inside `codegen/`, because a procedural-macro
//! crate can export only macros.
//!
//! ```ignore
//! let model = pushforward_emit::read("ising.safetensors".as_ref())?;
//! let module = Module::new(&model, Options::default())?;
//! println!("{} bytes of flash", module.flash().total());
//! ```
//!
//! The weights are packed by the engine in the order in which its kernels read them, and appear as
//! *one* byte-string token: a token per weight would make compiling ten times slower and the text
//! unreadable.

#![forbid(unsafe_code)]

#[cfg(feature = "text")]
pub mod c;
mod module;
mod options;

use std::path::{Path, PathBuf};

use pushforward::model::{Model, ModelError};

pub use module::{Flash, Header, Module, Tracking};
pub use options::{Options, Sampling, Storage};

/// Why a model does not become a module. The text names the file or the option, what was found
/// and what was expected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be read.
    #[error("{}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The file is not a sound model.
    #[error("{}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: ModelError,
    },
    /// The model is not sound.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The model takes more flash than its budget.
    #[error(
        "flash: the model needs {} bytes ({} weights, {} tables, {} code at most on a Cortex-M4F), {allowed} allowed",
        flash.total(), flash.weights, flash.tables, flash.code
    )]
    Flash {
        /// Bytes needed.
        flash: Flash,
        /// Bytes allowed.
        allowed: u64,
    },
    /// A row takes more working memory than its budget.
    #[error("scratch: the model needs {found} bytes, {allowed} allowed")]
    Scratch {
        /// Bytes needed.
        found: u64,
        /// Bytes allowed.
        allowed: u64,
    },
    /// A row and its working memory alone take more than the budget of the stack.
    #[error(
        "stack: the model needs more than {} bytes ({row} a row, {scratch} scratch), {allowed} allowed",
        row + scratch
    )]
    Stack {
        /// Bytes of a row.
        row: usize,
        /// Bytes of its working memory.
        scratch: usize,
        /// Bytes allowed.
        allowed: u64,
    },
    /// Samples of the model would not be exact.
    #[error(
        "sampling: {how}, which is no exact sample; `sampling = \"none\"` compiles log-probabilities alone"
    )]
    Inverse {
        /// What is inverted, and how well.
        how: String,
    },
    /// An option takes another kind of value.
    #[error("{option}: found {found:?}, expected {expected}")]
    BadValue {
        /// The option.
        option: &'static str,
        /// The value given.
        found: String,
        /// What it takes.
        expected: &'static str,
    },
    /// There is no such option.
    #[error("unknown option `{found}`{} (known: {})", suggestion(nearest), Options::NAMES.join(", "))]
    UnknownOption {
        /// The name given.
        found: String,
        /// The known name most like it.
        nearest: Option<&'static str>,
    },
    /// The rows stored in the file are not what its weights give.
    #[error(
        "{}golden rows: the weights give other bits than the rows stored in the file",
        prefix(path)
    )]
    Golden {
        /// The file, where it is known.
        path: Option<PathBuf>,
    },
    /// The name of the module is not an identifier.
    #[error("module name: found {found:?}, expected a Rust identifier")]
    Name {
        /// The name given.
        found: String,
    },
    /// The name of a library for C is not one.
    #[error(
        "name: found {found:?}, expected a letter, then letters, digits or _ of ASCII, and the name of no \
         header of C's and of no crate of Rust's"
    )]
    CName {
        /// The name given.
        found: String,
    },
}

impl Error {
    /// The same error, calling the model's file `path`: as the user wrote it, for instance.
    pub fn in_file(self, path: &Path) -> Self {
        let path = path.to_owned();
        match self {
            Error::Read { path: _, error } => Error::Read { path, error },
            Error::File { path: _, error } | Error::Model(error) => Error::File { path, error },
            Error::Golden { path: _ } => Error::Golden { path: Some(path) },
            other => other,
        }
    }
}

fn prefix(path: &Option<PathBuf>) -> String {
    path.as_ref().map(|path| format!("{}: ", path.display())).unwrap_or_default()
}

fn suggestion(nearest: &Option<&'static str>) -> String {
    nearest.map(|name| format!(", did you mean `{name}`?")).unwrap_or_default()
}

/// Reads and validates a model file.
///
/// # Errors
/// The file cannot be read or is not a sound model; the error names it.
pub fn read(path: &Path) -> Result<Model, Error> {
    let bytes =
        std::fs::read(path).map_err(|error| Error::Read { path: path.to_owned(), error })?;
    Model::from_bytes(&bytes).map_err(|error| Error::File { path: path.to_owned(), error })
}

/// The module `name` for `model` as formatted source text, to read or to vendor: what the macro
/// expands to, less the lines that make cargo rebuild when the model file changes.
///
/// `source` is how the text names the model file.
///
/// # Errors
/// A model over its budget, or a `name` that is not an identifier.
#[cfg(feature = "text")]
pub fn text(model: &Model, options: Options, name: &str, source: &str) -> Result<String, Error> {
    let ident = syn::parse_str(name).map_err(|_| Error::Name { found: name.to_owned() })?;
    Module::new(model, options)?.text(ident, source)
}
