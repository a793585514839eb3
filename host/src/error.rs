//! What can go wrong, and which exit code says so.
//!
//! One message on one line (or a few, for a list), written for the person who typed the command:
//! the file, the field or tensor, what was found, what was expected. Two kinds matter to a script:
//! the command or an input is wrong (exit code 2, running it again will not help), or the work
//! itself failed (exit code 1: training diverged, a check did not hold, the disk is full). A command
//! that a signal stopped is neither.

use std::path::Path;

use crate::signals;

/// A failed command.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line asks for something that cannot be.
    #[error("{0}")]
    Usage(String),
    /// A file that the command names cannot be used.
    #[error("{file}: {message}")]
    Input {
        /// The file, as the user wrote it.
        file: String,
        /// Where in it, what was found, what was expected.
        message: String,
    },
    /// The work failed.
    #[error("{0}")]
    Failed(String),
    /// A signal asked to stop.
    #[error("{0}")]
    Interrupted(String),
    /// Whoever read an output has gone: not worth a message, as in `… | head`.
    #[error("the output was closed")]
    Closed,
}

/// The result of anything that a command does.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// A fault in an input file.
    pub fn input(file: impl AsRef<Path>, message: impl ToString) -> Self {
        Error::Input { file: shown(file.as_ref()), message: message.to_string() }
    }

    /// Reading `file` failed: the command named something that is not there or not readable.
    pub fn read(file: impl AsRef<Path>, error: &std::io::Error) -> Self {
        Error::input(file, format!("cannot be read: {}", reason(error)))
    }

    /// Writing `file` failed after it had been opened: the work could not be finished, unless a
    /// pipe's reader has seen enough.
    pub fn write(file: impl AsRef<Path>, error: &std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Error::Closed;
        }
        Error::Failed(format!("{}: cannot be written: {}", shown(file.as_ref()), reason(error)))
    }

    /// The exit code: 0 only for [`Error::Closed`]; 128 and the signal's number, as shells have it,
    /// for [`Error::Interrupted`].
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Closed => 0,
            Error::Interrupted(_) => signals::exit_code(),
            Error::Failed(_) => 1,
            Error::Usage(_) | Error::Input { .. } => 2,
        }
    }
}

/// A line on standard error for whoever watches. Nobody may: that is no reason to fail.
pub fn note(text: impl std::fmt::Display) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Turns a refused allocation of about `bytes` into an error: they are asked for and given back, as
/// a program that is refused them in the middle of its work is ended by the system. `what` needs
/// them.
///
/// # Errors
/// [`Error::Failed`] if there is no such memory.
pub fn affordable(what: impl std::fmt::Display, bytes: u128) -> Result<()> {
    let asked = usize::try_from(bytes).map(|n| Vec::<u8>::new().try_reserve_exact(n));
    match asked {
        Ok(Ok(())) => Ok(()),
        _ => Err(Error::Failed(format!("{what}: there is no memory for {bytes} bytes"))),
    }
}

/// The path as text; `-` is named for what it is.
pub fn shown(file: &Path) -> String {
    if file.as_os_str() == "-" { "standard input".into() } else { file.display().to_string() }
}

fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "no such file or folder".into(),
        std::io::ErrorKind::PermissionDenied => "permission denied".into(),
        std::io::ErrorKind::IsADirectory => "it is a folder, not a file".into(),
        _ => error.to_string(),
    }
}
