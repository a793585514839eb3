//! Rows from `.npy` and `.csv`.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use super::Domain;
use super::npy::{Element, Header};
use crate::error::{Error, Result};

/// An open array, read front to back.
pub struct Reader {
    path: PathBuf,
    domain: Domain,
    width: usize,
    row: u64,
    source: Source,
}

enum Source {
    Npy { input: Box<dyn Read>, element: Element, rows: u64, bytes: Vec<u8> },
    Csv { input: csv::Reader<Box<dyn Read>>, pending: Option<csv::StringRecord> },
}

impl Reader {
    /// Opens `path` (`-`: standard input, CSV). With `width`, rows must have as many values.
    ///
    /// # Errors
    /// The file is missing, is no array, has another width, or is shorter than its header says.
    pub fn open(path: &Path, width: Option<usize>, domain: Domain) -> Result<Reader> {
        let bad = |m: String| Error::input(path, m);
        let standard = path.as_os_str() == "-";
        let npy = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("npy"));
        if !standard && !npy && !path.extension().is_some_and(|e| e.eq_ignore_ascii_case("csv")) {
            return Err(bad(
                "has an unknown ending, expected .npy or .csv (or - for CSV on standard input)"
                    .into(),
            ));
        }
        let (input, length): (Box<dyn Read>, u64) = if standard {
            (Box::new(io::stdin().lock()), 0)
        } else {
            let file = File::open(path).map_err(|e| Error::read(path, &e))?;
            let meta = file.metadata().map_err(|e| Error::read(path, &e))?;
            if meta.is_dir() {
                return Err(bad("is a folder, expected a .npy or .csv file".into()));
            }
            (Box::new(BufReader::with_capacity(1 << 16, file)), meta.len())
        };
        let (source, found) =
            if npy { open_npy(input, length) } else { open_csv(input) }.map_err(bad)?;
        if let Some(expected) = width
            && found != expected
        {
            return Err(bad(format!("has {found} values a row, expected {expected}")));
        }
        Ok(Reader { path: path.to_owned(), domain, width: found, row: 0, source })
    }

    /// Values in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Appends up to `rows` rows to `out` and says how many: 0 at the end.
    ///
    /// # Errors
    /// A value is missing, no number, not finite, or outside the domain: with row and column.
    pub fn next_rows(&mut self, rows: usize, out: &mut Vec<f32>) -> Result<usize> {
        let start = out.len();
        let read = match &mut self.source {
            Source::Npy { input, element, rows: left, bytes } => {
                let n = rows.min(usize::try_from(*left).unwrap_or(usize::MAX));
                bytes.resize(n * self.width * element.size(), 0);
                input.read_exact(bytes).map_err(|e| Error::read(&self.path, &e))?;
                *left -= n as u64;
                let values = bytes.chunks_exact(element.size()).map(|b| decode(*element, b));
                for (i, value) in values.enumerate() {
                    let value = accept(value, self.domain);
                    out.push(value.map_err(|m| place(&self.path, self.row, i, self.width, &m))?);
                }
                n
            }
            Source::Csv { input, pending } => {
                let mut n = 0;
                while n < rows {
                    let mut record = pending.take().unwrap_or_default();
                    if record.is_empty() {
                        let more = input.read_record(&mut record);
                        let more = more.map_err(|e| Error::input(&self.path, csv_fault(&e)))?;
                        if !more {
                            break;
                        }
                    }
                    if record.len() != self.width {
                        let found = record.len();
                        let (row, width) = (self.row + n as u64 + 1, self.width);
                        let message = format!("row {row} has {found} values, expected {width}");
                        return Err(Error::input(&self.path, message));
                    }
                    for (column, field) in record.iter().enumerate() {
                        let value =
                            field.parse::<f64>().map_err(|_| format!("'{field}' is no number"));
                        let value = value.and_then(|v| accept(v, self.domain));
                        let row = self.row + n as u64;
                        out.push(
                            value.map_err(|m| place(&self.path, row, column, self.width, &m))?,
                        );
                    }
                    n += 1;
                }
                n
            }
        };
        self.row += read as u64;
        debug_assert_eq!(out.len() - start, read * self.width);
        Ok(read)
    }
}

/// A whole array, `[rows × width]` row by row, with its width.
///
/// # Errors
/// As [`Reader::open`] and [`Reader::next_rows`]; an array without rows is one too.
pub fn read_all(path: &Path, width: Option<usize>, domain: Domain) -> Result<(Vec<f32>, usize)> {
    let mut reader = Reader::open(path, width, domain)?;
    let mut values = Vec::new();
    while reader.next_rows(1 << 14, &mut values)? > 0 {}
    if values.is_empty() {
        return Err(Error::input(path, "has no rows"));
    }
    Ok((values, reader.width))
}

fn open_npy(mut input: Box<dyn Read>, length: u64) -> std::result::Result<(Source, usize), String> {
    let (header, header_bytes) = Header::read(&mut input)?;
    let [rows, rest @ ..] = &header.shape[..] else {
        return Err("holds a single number, expected an array with one row per sample".into());
    };
    let width =
        rest.iter().try_fold(1u64, |a, &b| a.checked_mul(b)).filter(|&w| w > 0 && w < 1 << 31);
    let width = width.ok_or_else(|| {
        format!("has shape {:?}, expected rows of 1 to 2^31 values", header.shape)
    })?;
    let row_bytes = width * header.element.size() as u64;
    if rows.checked_mul(row_bytes).and_then(|n| n.checked_add(header_bytes)) != Some(length) {
        let data = length.saturating_sub(header_bytes);
        let shape = &header.shape;
        return Err(format!(
            "has {data} bytes of data, which is not what its shape {shape:?} takes"
        ));
    }
    let source = Source::Npy { input, element: header.element, rows: *rows, bytes: Vec::new() };
    Ok((source, width as usize))
}

fn open_csv(input: Box<dyn Read>) -> std::result::Result<(Source, usize), String> {
    let mut builder = csv::ReaderBuilder::new();
    builder.has_headers(false).flexible(true).trim(csv::Trim::All).comment(Some(b'#'));
    let mut input = builder.from_reader(input);
    let mut first = csv::StringRecord::new();
    if !input.read_record(&mut first).map_err(|e| csv_fault(&e))? {
        return Err("has no rows".into());
    }
    let width = first.len();
    let header = first.iter().all(|field| field.parse::<f64>().is_err());
    Ok((Source::Csv { input, pending: (!header).then_some(first) }, width))
}

fn csv_fault(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::Utf8 { pos, .. } => {
            format!("line {} is not text", pos.as_ref().map_or(0, csv::Position::line))
        }
        csv::ErrorKind::Io(e) => format!("cannot be read: {e}"),
        _ => error.to_string(),
    }
}

fn decode(element: Element, b: &[u8]) -> f64 {
    match (element, b) {
        (Element::F32, &[a, b, c, d]) => f32::from_le_bytes([a, b, c, d]).into(),
        (Element::I32, &[a, b, c, d]) => i32::from_le_bytes([a, b, c, d]).into(),
        (Element::I8, &[a]) => i8::from_le_bytes([a]).into(),
        (Element::U8, &[a]) => a.into(),
        (Element::F64, b) => b.try_into().map_or(f64::NAN, f64::from_le_bytes),
        _ => f64::NAN,
    }
}

fn accept(value: f64, domain: Domain) -> std::result::Result<f32, String> {
    match domain {
        Domain::Spin if value == 1.0 || value == -1.0 => Ok(value as f32),
        Domain::Spin => Err(format!("found {value}, expected a spin, -1 or 1")),
        Domain::Real if (value as f32).is_finite() => Ok(value as f32),
        Domain::Real => Err(format!("found {value}, expected a finite number within f32's range")),
    }
}

fn place(path: &Path, row: u64, index: usize, width: usize, message: &str) -> Error {
    let (row, column) = (row + (index / width) as u64 + 1, index % width + 1);
    Error::input(path, format!("row {row}, column {column}: {message}"))
}
