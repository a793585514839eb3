//! Which file a path means.
//!
//! Two spellings may be one file (`x.npy`, `./x.npy`, a link to it), and a command must not write
//! two results into one, or a result over what it reads. Where there is a file its identity is
//! compared, else its folder and name.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Links that are followed before a path is taken for a circle.
const MOST_LINKS: usize = 40;

/// The ending in lower case.
pub(super) fn ending(path: &Path) -> Option<String> {
    path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase())
}

/// Whether `path` is standard output, by one of its names.
pub fn is_standard_output(path: &Path) -> bool {
    ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"]
        .iter()
        .any(|name| path.as_os_str() == *name)
}

/// Whether `path` names a stream that is open already, whatever is behind it.
pub(super) fn is_open_stream(path: &Path) -> bool {
    ["/dev/fd", "/dev/stdin", "/dev/stdout", "/dev/stderr", "/proc"]
        .iter()
        .any(|name| path.starts_with(name))
}

/// The file behind links, with its folder's full path; the file itself need not exist.
pub(super) fn resolved(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        match fs::read_link(&path) {
            Ok(link) => path = path.parent().unwrap_or(Path::new("")).join(link),
            Err(_) => break,
        }
    }
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (folder.canonicalize(), path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => path,
    }
}

/// Refuses two arguments that name one file, of which one at least is written. `-` is standard
/// output, or standard input where its argument is read. A terminal may be read and written, and
/// any number of results may go to `/dev/null`.
///
/// # Errors
/// [`Error::Usage`], naming both.
pub fn distinct(written: (&str, &Path), other: (&str, &Path), other_is_read: bool) -> Result<()> {
    let stream = if other_is_read { "/dev/stdin" } else { "/dev/stdout" };
    let named = |path, stream| if path == Path::new("-") { Path::new(stream) } else { path };
    let (a, b) = (named(written.1, "/dev/stdout"), named(other.1, stream));
    let same = match (fs::metadata(a), fs::metadata(b)) {
        (Ok(x), Ok(y)) if is_null(&x) && is_null(&y) => false,
        (Ok(x), _) if other_is_read && !x.is_file() => false,
        (Ok(x), Ok(y)) => same_file(&x, &y).unwrap_or_else(|| resolved(a) == resolved(b)),
        _ => resolved(a) == resolved(b),
    };
    if !same {
        return Ok(());
    }
    let shown = |(name, path): (&str, &Path)| format!("{name} {}", path.display());
    Err(Error::Usage(format!(
        "{} and {}: found the same file twice, expected two files",
        shown(written),
        shown(other)
    )))
}

/// Whether two files are one; `None` where the system does not say.
#[cfg(unix)]
pub(crate) fn same_file(a: &Metadata, b: &Metadata) -> Option<bool> {
    use std::os::unix::fs::MetadataExt;
    Some((a.dev(), a.ino()) == (b.dev(), b.ino()))
}

/// Whether two files are one; `None` where the system does not say.
#[cfg(not(unix))]
pub(crate) fn same_file(_: &Metadata, _: &Metadata) -> Option<bool> {
    None
}

#[cfg(unix)]
fn is_null(file: &Metadata) -> bool {
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    let null = fs::metadata("/dev/null").ok();
    file.file_type().is_char_device() && null.is_some_and(|null| null.rdev() == file.rdev())
}

#[cfg(not(unix))]
fn is_null(_: &Metadata) -> bool {
    false
}
