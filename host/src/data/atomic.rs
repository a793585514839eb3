//! Files that appear whole or not at all.
//!
//! A file is written as `.NAME.PID.part` beside its target and renamed at the end. Whoever writes
//! one holds a lock on it, which the system releases when the process ends in whatever way: so a
//! part that is not locked belongs to nobody, and the next who writes the same target removes it.
//! A process's number alone would not tell, as it may be in use again, or belong to another machine
//! or container that shares the folder.

use std::fs::{self, File, TryLockError};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::place;
use crate::error::{Error, Result};

/// A file being written under a temporary name; [`Atomic::commit`] gives it its own. Dropped before
/// that, it is removed.
///
/// A target that exists and is no regular file (`/dev/null`, a pipe) is written directly, and a
/// link is followed.
#[derive(Debug)]
pub struct Atomic {
    file: BufWriter<File>,
    /// The temporary file and what it will replace.
    rename: Option<(PathBuf, PathBuf)>,
    target: PathBuf,
}

impl Atomic {
    /// Opens a temporary file beside `target`, and removes those that dead processes left of it.
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
        if target.file_name().is_none() {
            return Err(Error::input(target, "is not the name of a file"));
        }
        let special = found.is_some_and(|m| !m.is_file()) || place::is_open_stream(target);
        let (file, rename) = if special {
            (File::options().write(true).open(target).map_err(wrong)?, None)
        } else {
            let real = place::resolved(target);
            sweep(&real);
            let (file, temporary) = part(&real).map_err(wrong)?;
            (file, Some((temporary, real)))
        };
        Ok(Atomic { file: BufWriter::new(file), rename, target: target.to_owned() })
    }

    /// Whether bytes already written can be written again: a pipe has let them go.
    pub fn can_rewrite(&self) -> bool {
        self.rename.is_some()
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
        if let Some((temporary, real)) = &self.rename {
            self.file.get_ref().sync_all().map_err(|e| error(&e))?;
            fs::rename(temporary, real).map_err(|e| error(&e))?;
            self.rename = None;
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
        if let Some((temporary, _)) = &self.rename {
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

/// A new locked file of a name that [`sweep`] knows.
fn part(target: &Path) -> io::Result<(File, PathBuf)> {
    let name = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut tries = 0;
    loop {
        let again = if tries == 0 { String::new() } else { format!("-{tries}") };
        let path = target.with_file_name(format!(".{name}.{}{again}.part", std::process::id()));
        tries += 1;
        match File::options().write(true).create_new(true).open(&path) {
            // A process of the same number elsewhere, or another thread, has it.
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists && tries < 1000 => {}
            Err(e) => return Err(e),
            Ok(file) => match file.try_lock() {
                // Somebody may have swept the file before it was locked.
                Ok(()) if !is_at(&file, &path) => {}
                Err(TryLockError::WouldBlock) => {}
                // Without locks nobody can sweep either.
                Ok(()) | Err(TryLockError::Error(_)) => return Ok((file, path)),
            },
        }
    }
}

/// Removes the parts of `target` that dead processes left. What cannot be removed stays.
pub fn sweep(target: &Path) {
    let (Some(folder), Some(name)) = (target.parent(), target.file_name()) else { return };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let prefix = format!(".{}.", name.to_string_lossy());
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let found = entry.file_name();
        let found = found.to_string_lossy();
        let number = found.strip_prefix(&prefix).and_then(|rest| rest.strip_suffix(".part"));
        let digits = |n: &str| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit());
        let ours = number.is_some_and(|n| n.split('-').count() <= 2 && n.split('-').all(digits));
        if !ours || !entry.file_type().is_ok_and(|t| t.is_file()) {
            continue;
        }
        let path = entry.path();
        if let Ok(file) = File::options().write(true).open(&path)
            && file.try_lock().is_ok()
            && is_at(&file, &path)
        {
            let _ = fs::remove_file(&path);
        }
    }
}

/// Whether `path` is still the name of an open file.
pub(crate) fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(named)) => place::same_file(&open, &named).unwrap_or(true),
        _ => false,
    }
}
