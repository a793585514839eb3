//! Files that appear whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// A file being written under a temporary name; [`Atomic::commit`] gives it its own. Dropped before
/// that, it is removed.
///
/// A target that exists and is no regular file (`/dev/null`, a pipe) is written directly.
#[derive(Debug)]
pub struct Atomic {
    file: BufWriter<File>,
    temporary: Option<PathBuf>,
    target: PathBuf,
}

impl Atomic {
    /// Opens a temporary file beside `target`.
    ///
    /// # Errors
    /// The folder does not exist or cannot be written: the command named a wrong path.
    pub fn create(target: &Path) -> Result<Self> {
        let wrong = |e: io::Error| match e.kind() {
            io::ErrorKind::NotFound => {
                Error::input(target, "cannot be created: its folder does not exist")
            }
            _ => Error::input(target, format!("cannot be created: {e}")),
        };
        let found = fs::metadata(target).ok();
        if found.as_ref().is_some_and(fs::Metadata::is_dir) {
            return Err(Error::input(target, "cannot be created: a folder has this name"));
        }
        let special = found.is_some_and(|m| !m.is_file());
        let name =
            target.file_name().ok_or_else(|| Error::input(target, "is not the name of a file"))?;
        let temporary = (!special).then(|| {
            target.with_file_name(format!(
                ".{}.{}.part",
                name.to_string_lossy(),
                std::process::id()
            ))
        });
        let file = match &temporary {
            Some(path) => File::create(path).map_err(wrong)?,
            None => File::options().write(true).open(target).map_err(wrong)?,
        };
        Ok(Atomic { file: BufWriter::new(file), temporary, target: target.to_owned() })
    }

    /// Replaces the first bytes of the file.
    ///
    /// # Errors
    /// The target cannot seek, as a pipe.
    pub fn rewrite_start(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(bytes)
    }

    /// Flushes to the disk and renames.
    ///
    /// # Errors
    /// The disk is full, or the rename is refused.
    pub fn commit(mut self) -> Result<()> {
        let error = |e: &io::Error| Error::write(&self.target, e);
        self.file.flush().map_err(|e| error(&e))?;
        if let Some(temporary) = &self.temporary {
            self.file.get_ref().sync_all().map_err(|e| error(&e))?;
            fs::rename(temporary, &self.target).map_err(|e| error(&e))?;
            self.temporary = None;
        }
        Ok(())
    }

    /// The name it will have.
    pub fn target(&self) -> &Path {
        &self.target
    }
}

impl Write for Atomic {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Atomic {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            // Nothing more can be done about a file that cannot be removed.
            let _ = fs::remove_file(temporary);
        }
    }
}

/// Writes a whole file, atomically.
///
/// # Errors
/// See [`Atomic::create`] and [`Atomic::commit`].
pub fn write_file(target: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = Atomic::create(target)?;
    file.write_all(bytes).map_err(|e| Error::write(target, &e))?;
    file.commit()
}
