//! `board log-prob`: rows of a file, scored on the device.

use std::path::{Path, PathBuf};

use pushforward::domain::{Domain, Element, Kind};

use super::line::{self, Given};
use crate::board::client::Identity;
use crate::data::{Reader, Writer, distinct};
use crate::error::{Error, Result};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// One row per sample, in any format that `log-prob` reads.
    data: PathBuf,
    #[command(flatten)]
    device: Given,
    /// Where to, .npy or .csv; `-` is standard output as CSV.
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
}

/// Rows that are read at a time.
const CHUNK: usize = 1024;

pub(super) fn run(args: &Args) -> Result<()> {
    distinct(("-o", &args.output), ("DATA", &args.data), true)?;
    let mut device = args.device.open()?;
    let client = &mut device.client;
    let mut rows = Bytes::open(&args.data, client.identity())?;
    let mut writer = Writer::create(&args.output, Element::F32, rows.reader.rows(), 0)?;
    while let Some(bytes) = rows.next()? {
        let mut scores = vec![0.0; bytes.len() / client.identity().row_bytes()];
        client.log_prob(&bytes, &mut scores)?;
        writer.rows(&scores)?;
    }
    writer.finish()
}

/// Rows of a file, as a device takes them.
pub(super) struct Bytes {
    file: PathBuf,
    reader: Reader,
    dim: usize,
    element: Element,
    done: usize,
}

impl Bytes {
    /// Opens a file for this device.
    ///
    /// # Errors
    /// It cannot be read, or has rows of another length.
    pub(super) fn open(file: &Path, device: &Identity) -> Result<Bytes> {
        let real = Domain::Uniform(Kind::Real);
        let reader = Reader::open(file, Some(device.dim), real)?;
        let (dim, element) = (device.dim, line::element(device.element));
        Ok(Bytes { file: file.into(), reader, dim, element, done: 0 })
    }

    /// The next rows; `None` after the last.
    ///
    /// # Errors
    /// A value is none that the device's rows can have.
    pub(super) fn next(&mut self) -> Result<Option<Vec<u8>>> {
        let (dim, mut values, mut bytes) = (self.dim, Vec::<f32>::new(), Vec::new());
        let n = self.reader.next_rows(CHUNK, &mut values)?;
        for (i, value) in values.into_iter().enumerate() {
            if !put(self.element, value, &mut bytes) {
                let (row, column) = (self.done + i / dim + 1, i % dim + 1);
                let expected = self.element.name();
                return Err(Error::input(
                    &self.file,
                    format!(
                        "row {row}, column {column}: found {value}, expected one of {expected}, as the device's rows are"
                    ),
                ));
            }
        }
        self.done += n;
        Ok((n > 0).then_some(bytes))
    }
}

/// Appends a value as an element of a row, where it is one.
fn put(element: Element, value: f32, to: &mut Vec<u8>) -> bool {
    // Through a wider integer, which every element is in the range of.
    let whole = value as i32;
    let is_whole = whole as f32 == value;
    match element {
        Element::F32 => to.extend(value.to_le_bytes()),
        Element::I8 if is_whole && i8::try_from(whole).is_ok() => to.push(whole as u8),
        Element::U8 if is_whole && u8::try_from(whole).is_ok() => to.push(whole as u8),
        Element::U16 if is_whole && u16::try_from(whole).is_ok() => {
            to.extend((whole as u16).to_le_bytes());
        }
        _ => return false,
    }
    true
}
