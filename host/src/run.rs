//! The folder of a training run: one owner, and the files of one run.
//!
//! A run holds a lock on `.lock` in its folder; the system releases it when the process ends in
//! whatever way, so a lock is never stale. A run that starts from the beginning first moves the
//! files of the run before into `previous/` (and those of the one before that are gone): nobody
//! loses a model for having started again, and model, metrics, report and "the last good
//! checkpoint" are always of one run.
//!
//! A finished run leaves [`Notes`] beside its model: what its report tells and a model file, which goes
//! elsewhere, has no place for.

use std::fs::{self, File, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::data::{is_at, sweep, write_file};
use crate::error::{Error, Result, note};

/// What a run writes. The first three are worth keeping.
pub const FILES: [&str; 6] = [
    "model.safetensors",
    "checkpoint.safetensors",
    "checkpoint.previous.safetensors",
    "metrics.csv",
    "report.html",
    NOTES,
];

const NOTES: &str = "run.json";

/// What a finished run wrote down for its report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notes {
    /// The config's name.
    pub title: String,
    /// The model in a line.
    pub model: String,
    /// Where it was trained.
    pub device: String,
    /// The data file, if it learnt from one.
    pub data: Option<PathBuf>,
    /// What identifies the run: the config in full, and the data's checksum.
    pub identity: String,
    /// Name and value, for people.
    pub figures: Vec<(String, String)>,
}

impl Notes {
    /// Those in a run's folder; `None` where there are none.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn read(folder: &Path) -> Result<Option<Notes>> {
        let file = folder.join(NOTES);
        match fs::read(&file) {
            Ok(bytes) => {
                let notes = serde_json::from_slice(&bytes);
                notes.map(Some).map_err(|e| Error::input(&file, format!("are no run's notes: {e}")))
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(Error::read(&file, &e)),
        }
    }

    /// Writes them into a run's folder.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let file = folder.join(NOTES);
        let text = serde_json::to_string_pretty(self).map_err(|e| Error::Failed(e.to_string()))?;
        write_file(&file, format!("{text}\n").as_bytes())
    }

    /// What the run was: name and value.
    pub fn about(&self) -> [(String, String); 2] {
        [("model".into(), self.model.clone()), ("trained on".into(), self.device.clone())]
    }
}

/// A folder that no other run can write.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    lock: Option<File>,
    /// Whether this run made it.
    made: bool,
}

impl RunFolder {
    /// Makes the folder if need be, takes its lock, and removes what killed runs left half written.
    ///
    /// # Errors
    /// Another run has it, or it cannot be made.
    pub fn open(path: &Path) -> Result<RunFolder> {
        let wrong = |e: std::io::Error| Error::input(path, format!("cannot be created: {e}"));
        let made = !path.exists();
        fs::create_dir_all(path).map_err(wrong)?;
        let mut folder = RunFolder { path: path.to_owned(), lock: None, made };
        let name = folder.lock_file();
        loop {
            let options =
                File::options().read(true).write(true).create(true).truncate(false).clone();
            let mut file = options.open(&name).map_err(wrong)?;
            match file.try_lock() {
                // The owner before may have removed it after it was opened here.
                Ok(()) if !is_at(&file, &name) => continue,
                Ok(()) => {
                    // For the message below; the lock itself is what counts.
                    let _ = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
                    folder.lock = Some(file);
                }
                Err(TryLockError::WouldBlock) => {
                    folder.made = false;
                    let mut owner = String::new();
                    let _ = file.read_to_string(&mut owner);
                    let owner = if owner.is_empty() { "?" } else { &owner };
                    let message = format!(
                        "a run of process {owner} is writing here: expected a folder of its own \
                         (--out), or wait for that run"
                    );
                    return Err(Error::input(path, message));
                }
                Err(TryLockError::Error(e)) => {
                    note(format!("{}: cannot be locked ({e})", path.display()));
                }
            }
            break;
        }
        FILES.iter().for_each(|name| sweep(&path.join(name)));
        Ok(folder)
    }

    fn lock_file(&self) -> PathBuf {
        self.path.join(".lock")
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        if let Some(file) = &self.lock
            && is_at(file, &self.lock_file())
        {
            let _ = fs::remove_file(self.lock_file());
        }
        if self.made {
            // Refused where anything lies in it.
            let _ = fs::remove_dir(&self.path);
        }
    }
}

/// Moves the files of the run before into `previous/`.
///
/// # Errors
/// The folder cannot be written.
pub fn set_aside(folder: &Path) -> Result<()> {
    let found: Vec<_> = FILES.into_iter().filter(|name| folder.join(name).exists()).collect();
    let previous = folder.join("previous");
    let failed = |e: &std::io::Error| Error::write(&previous, e);
    if !found.iter().any(|name| FILES[..3].contains(name)) {
        // A run that never got to a checkpoint: not worth the one kept there.
        return found.iter().try_for_each(|name| {
            let file = folder.join(name);
            fs::remove_file(&file).map_err(|e| Error::write(&file, &e))
        });
    }
    fs::create_dir_all(&previous).map_err(|e| failed(&e))?;
    for name in FILES {
        match fs::remove_file(previous.join(name)) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(failed(&e)),
            _ => {}
        }
    }
    for name in found {
        fs::rename(folder.join(name), previous.join(name)).map_err(|e| failed(&e))?;
    }
    note(format!("the files of the run before are now in {}", previous.display()));
    Ok(())
}

/// This program, as files name what they were made with.
pub fn tool() -> &'static str {
    concat!("pushforward ", env!("CARGO_PKG_VERSION"))
}
