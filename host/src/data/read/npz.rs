//! One array of an `.npz` archive, which is a zip of `.npy` files.
//!
//! The crate reads the archive's directory; the array itself is decompressed as it is read, so that
//! it need not fit in memory, and its checksum is compared at its end.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::CrcReader;
use flate2::read::DeflateDecoder;
use zip::{CompressionMethod, ZipArchive};

use super::Opened;
use super::npy::Npy;

/// What `archive.npz:name` means: a file and an array in it. A path at which there is a file is that
/// file, whatever its name.
pub(super) fn named(path: &Path) -> (PathBuf, Option<String>) {
    let whole = (path.to_owned(), None);
    let Some(text) = path.to_str().filter(|_| !path.exists()) else { return whole };
    let ends = text.match_indices(':').map(|(colon, _)| text.split_at(colon));
    let is_archive = |file: &str| file.to_ascii_lowercase().ends_with(".npz");
    match ends.into_iter().find(|(file, _)| is_archive(file)) {
        Some((file, name)) => (file.into(), Some(name[1..].to_owned())),
        None => whole,
    }
}

/// Opens the array `name`, or the only one.
pub(super) fn open(file: BufReader<File>, name: Option<&str>) -> Result<Opened, String> {
    let damaged = |e: &dyn std::fmt::Display| format!("is no sound .npz archive: {e}");
    let mut archive = ZipArchive::new(file).map_err(|e| damaged(&e))?;
    let mut arrays = Vec::new();
    for (index, entry) in archive.file_names().enumerate() {
        let entry = entry.map_err(|e| damaged(&e))?;
        arrays.extend(entry.strip_suffix(".npy").map(|name| (index, name.to_owned())));
    }
    let listed = || {
        let names: Vec<_> = arrays.iter().map(|(_, name)| &name[..]).collect();
        names.join(", ")
    };
    let index = match (name, &arrays[..]) {
        (_, []) => return Err("has no arrays, expected an .npz archive of .npy files".into()),
        (None, [(index, _)]) => *index,
        (None, _) => {
            let message =
                format!("has several arrays, expected a name, FILE.npz:NAME: {}", listed());
            return Err(message);
        }
        (Some(name), _) => {
            let short = name.strip_suffix(".npy").unwrap_or(name);
            let found = arrays.iter().find(|(_, array)| array == short || array == name);
            let missing = || format!("has no array '{name}', expected one of {}", listed());
            found.ok_or_else(missing)?.0
        }
    };
    let entry = archive.by_index_raw(index).map_err(|e| damaged(&e))?;
    let (method, encrypted) = (entry.compression(), entry.encrypted());
    let (compressed, length, expected) = (entry.compressed_size(), entry.size(), entry.crc32());
    let start = entry.data_start().ok_or_else(|| damaged(&"an array has no place in it"))?;
    drop(entry);
    let mut file = archive.into_inner();
    file.seek(SeekFrom::Start(start)).map_err(|e| damaged(&e))?;
    let file = file.take(compressed);
    let input: Box<dyn Read> = match method {
        _ if encrypted => return Err("is encrypted, expected an archive that is not".into()),
        CompressionMethod::Stored => Box::new(file),
        CompressionMethod::Deflated => Box::new(DeflateDecoder::new(file)),
        other => {
            return Err(format!(
                "is compressed by {other}, expected what np.savez or np.savez_compressed writes"
            ));
        }
    };
    let input = Box::new(Checked { input: CrcReader::new(input), left: length, expected });
    Npy::open(input, Some(length), false)
}

/// An entry whose last byte is given only if the checksum is right.
struct Checked {
    input: CrcReader<Box<dyn Read>>,
    left: u64,
    expected: u32,
}

impl Read for Checked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let n = self.input.read(&mut buffer[..most])?;
        self.left -= n as u64;
        if n > 0 && self.left == 0 && self.input.crc().sum() != self.expected {
            return Err(io::Error::other("its checksum differs: the archive is damaged"));
        }
        Ok(n)
    }
}
