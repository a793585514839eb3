//! Rows from `.npy` and `.csv`.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use half::f16;
use pushforward::domain::{Domain, Kind};

use super::npy::{Element, Header};
use super::place;
use super::{Column, Columns};
use crate::error::{Error, Result};

/// An open array, read front to back.
pub struct Reader {
    path: PathBuf,
    kinds: Kinds,
    width: usize,
    names: Option<Vec<String>>,
    row: u64,
    source: Source,
}

enum Source {
    Npy { input: Box<dyn Read>, element: Element, rows: u64, start: Option<u64> },
    Csv { input: csv::Reader<Box<dyn Read>>, pending: Option<csv::StringRecord> },
}

/// Bytes of an `.npy` file that are decoded at a time; every element's size divides it.
const PIECE: usize = 1 << 16;
/// The longest line of a `.csv` file (bytes): what has longer ones is no table.
const LONGEST_LINE: usize = 1 << 26;

impl Reader {
    /// Opens `path` (`-`: standard input, CSV). With `width`, rows must have as many values.
    ///
    /// # Errors
    /// The file is missing, is no array, has another width, or is shorter than its header says.
    pub fn open(path: &Path, width: Option<usize>, domain: Domain<'_>) -> Result<Reader> {
        let bad = |m: String| Error::input(path, m);
        let standard = path.as_os_str() == "-";
        let (input, length): (Box<dyn Read>, Option<u64>) = if standard {
            (Box::new(io::stdin().lock()), None)
        } else {
            let file = File::open(path).map_err(|e| Error::read(path, &e))?;
            let meta = file.metadata().map_err(|e| Error::read(path, &e))?;
            if meta.is_dir() {
                return Err(bad("is a folder, expected a .npy or .csv file".into()));
            }
            let length = meta.is_file().then_some(meta.len());
            (Box::new(BufReader::with_capacity(PIECE, file)), length)
        };
        let (source, found, names) = match place::ending(path).as_deref() {
            Some("npy") => open_npy(input, length),
            Some("csv") => open_csv(input),
            // A stream need not have a telling name.
            _ if length.is_none() => open_csv(input),
            _ => Err("has an unknown ending, expected .npy or .csv (or - for CSV on standard \
                      input)"
                .into()),
        }
        .map_err(bad)?;
        if let Some(expected) = width
            && found != expected
        {
            return Err(bad(format!("has {found} values a row, expected {expected}")));
        }
        Ok(Reader {
            path: path.to_owned(),
            kinds: Kinds::of(domain),
            width: found,
            names,
            row: 0,
            source,
        })
    }

    /// What the header calls the columns, if there is one.
    pub fn names(&self) -> Option<&[String]> {
        self.names.as_deref()
    }

    /// Values in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows that are left, where the file says how many.
    pub fn rows(&self) -> Option<u64> {
        match &self.source {
            Source::Npy { rows, .. } => Some(*rows),
            Source::Csv { .. } => None,
        }
    }

    /// The type of the file's numbers and where its first row begins, if rows can be read from it at any
    /// place.
    pub(super) fn place(&self) -> Option<(Element, u64)> {
        match self.source {
            Source::Npy { element, start: Some(start), .. } => Some((element, start)),
            _ => None,
        }
    }

    /// Nothing, with room for the rows that are left, to the row where the file says how many:
    /// doubling would hold up to twice as much.
    ///
    /// # Errors
    /// There is no memory for them.
    pub fn room(&self) -> Result<Vec<f32>> {
        let mut values = Vec::new();
        let rows = self.rows().unwrap_or(0);
        let needed = usize::try_from(rows).ok().and_then(|n| n.checked_mul(self.width));
        needed
            .and_then(|n| values.try_reserve_exact(n).ok())
            .ok_or_else(|| no_memory(&self.path, rows, self.width))?;
        Ok(values)
    }

    /// Appends up to `rows` rows to `out`, as f32 or as f64, and says how many: 0 at the end.
    ///
    /// # Errors
    /// A value is missing, no number, not finite, or outside the domain: with row and column. An
    /// integer that the type does not hold exactly is such a value; a fraction is rounded. There
    /// is no memory for the rows.
    pub fn next_rows<T: Cell>(&mut self, rows: usize, out: &mut Vec<T>) -> Result<usize> {
        let start = out.len();
        let read = match &mut self.source {
            Source::Npy { input, element, rows: left, .. } => {
                let n = rows.min(usize::try_from(*left).unwrap_or(usize::MAX));
                let values = reserve(&self.path, out, n, self.width)?;
                let mut bytes = vec![0; PIECE.min(values * element.size())];
                while out.len() < start + values {
                    let size = bytes.len().min((start + values - out.len()) * element.size());
                    let piece = &mut bytes[..size];
                    input.read_exact(piece).map_err(|e| Error::read(&self.path, &e))?;
                    let first = out.len() - start;
                    element.decode(piece, &self.kinds, first, out).map_err(|m| {
                        place_of(&self.path, self.row, out.len() - start, self.width, &m)
                    })?;
                }
                *left -= n as u64;
                n
            }
            Source::Csv { input, pending } => {
                let mut n = 0;
                while n < rows {
                    let Some(record) =
                        next_record(input, pending).map_err(|m| Error::input(&self.path, m))?
                    else {
                        break;
                    };
                    if record.len() != self.width {
                        let found = record.len();
                        let (row, width) = (self.row + n as u64 + 1, self.width);
                        let message = format!("row {row} has {found} values, expected {width}");
                        return Err(Error::input(&self.path, message));
                    }
                    reserve(&self.path, out, 1, self.width)?;
                    for (column, field) in record.iter().enumerate() {
                        let value =
                            field.parse::<f64>().map_err(|_| format!("'{field}' is no number"));
                        let value = value.and_then(|v| T::fraction(v, self.kinds.at(column)));
                        out.push(value.map_err(|m| {
                            place_of(&self.path, self.row, out.len() - start, self.width, &m)
                        })?);
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

/// A whole array, `[rows × width]` row by row, with columns in the order of `Columns`: those of
/// `context` last, `dim` others first.
///
/// # Errors
/// As [`Reader::open`], [`Reader::next_rows`] and [`Columns::of`]; an array without rows is one too.
pub fn read_all(
    path: &Path,
    context: &[Column],
    dim: Option<usize>,
    domain: Domain<'_>,
) -> Result<(Vec<f32>, Columns)> {
    let mut reader = Reader::open(path, None, domain)?;
    let columns = Columns::of(path, &reader, context, dim)?;
    let mut values = reader.room()?;
    while reader.next_rows(1 << 14, &mut values)? > 0 {}
    if values.is_empty() {
        return Err(Error::input(path, "has no rows"));
    }
    columns.order(&mut values);
    Ok((values, columns))
}

/// Room for `rows` more rows; says for how many values.
pub(super) fn reserve<T>(
    path: &Path,
    out: &mut Vec<T>,
    rows: usize,
    width: usize,
) -> Result<usize> {
    let values = rows.checked_mul(width).filter(|&n| out.try_reserve(n).is_ok());
    values.ok_or_else(|| no_memory(path, rows as u64, width))
}

fn no_memory(path: &Path, rows: u64, width: usize) -> Error {
    Error::input(path, format!("there is no memory for {rows} more rows of {width} values"))
}

/// Where the values of a row lie.
#[derive(Clone, Debug)]
pub(super) enum Kinds {
    All(Kind),
    Each(Vec<Kind>),
}

impl Kinds {
    pub(super) fn of(domain: Domain<'_>) -> Kinds {
        match domain {
            Domain::Uniform(kind) => Kinds::All(kind),
            Domain::Each(kinds) => Kinds::Each(kinds.to_vec()),
        }
    }

    /// Of value number `index` of an array.
    #[inline]
    pub(super) fn at(&self, index: usize) -> Kind {
        match self {
            Kinds::All(kind) => *kind,
            Kinds::Each(kinds) => kinds[index % kinds.len()],
        }
    }
}

/// An open array, its width, and the names of its columns.
type Opened = (Source, usize, Option<Vec<String>>);

fn open_npy(mut input: Box<dyn Read>, length: Option<u64>) -> std::result::Result<Opened, String> {
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
    let expected = rows.checked_mul(row_bytes).and_then(|n| n.checked_add(header_bytes));
    // A pipe has no length; it ends where it ends.
    if length.is_some() && expected != length {
        let data = length.unwrap_or(0).saturating_sub(header_bytes);
        let shape = &header.shape;
        return Err(format!(
            "has {data} bytes of data, which is not what its shape {shape:?} takes"
        ));
    }
    let start = length.is_some().then_some(header_bytes);
    Ok((Source::Npy { input, element: header.element, rows: *rows, start }, width as usize, None))
}

fn open_csv(input: Box<dyn Read>) -> std::result::Result<Opened, String> {
    let mut builder = csv::ReaderBuilder::new();
    builder.has_headers(false).flexible(true).trim(csv::Trim::All).comment(Some(b'#'));
    let input: Box<dyn Read> = Box::new(Lines { input, since: 0 });
    let mut input = builder.from_reader(input);
    let first = next_record(&mut input, &mut None)?.ok_or("has no rows")?;
    let width = first.len();
    let header = first.iter().all(|field| field.parse::<f64>().is_err());
    let names = header.then(|| first.iter().map(str::to_owned).collect());
    Ok((Source::Csv { input, pending: (!header).then_some(first) }, width, names))
}

/// The next line that is not blank; `None` at the end.
fn next_record(
    input: &mut csv::Reader<Box<dyn Read>>,
    pending: &mut Option<csv::StringRecord>,
) -> std::result::Result<Option<csv::StringRecord>, String> {
    if let Some(record) = pending.take() {
        return Ok(Some(record));
    }
    let mut record = csv::StringRecord::new();
    while input.read_record(&mut record).map_err(|e| csv_fault(&e))? {
        // The parser skips empty lines, but not those of spaces.
        if record.len() > 1 || record.get(0).is_some_and(|field| !field.is_empty()) {
            return Ok(Some(record));
        }
    }
    Ok(None)
}

/// Refuses a line that would fill the memory.
struct Lines {
    input: Box<dyn Read>,
    /// Bytes since the last end of a line.
    since: usize,
}

impl Read for Lines {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.input.read(buffer)?;
        self.since = match buffer[..n].iter().rposition(|b| matches!(b, b'\n' | b'\r')) {
            Some(end) => n - end,
            None => self.since + n,
        };
        if self.since > LONGEST_LINE {
            let message = format!("a line has more than {LONGEST_LINE} bytes");
            return Err(io::Error::other(message));
        }
        Ok(n)
    }
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

impl Element {
    /// Appends the values of whole elements, of which the first has number `first`; on an error `out`
    /// ends before the faulty one.
    pub(super) fn decode<T: Cell>(
        self,
        bytes: &[u8],
        kinds: &Kinds,
        first: usize,
        out: &mut Vec<T>,
    ) -> std::result::Result<(), String> {
        let each = Each { kinds, first, bytes };
        let real = |x: f64, kind| T::fraction(x, kind);
        let whole = |n: i128, kind| T::whole(n, kind);
        match self {
            Element::F16 => each.push(out, |b, kind| real(f16::from_le_bytes(b).into(), kind)),
            Element::F32 => each.push(out, |b, kind| real(f32::from_le_bytes(b).into(), kind)),
            Element::F64 => each.push(out, |b, kind| real(f64::from_le_bytes(b), kind)),
            Element::I8 => each.push(out, |b, kind| whole(i8::from_le_bytes(b).into(), kind)),
            Element::I16 => each.push(out, |b, kind| whole(i16::from_le_bytes(b).into(), kind)),
            Element::I32 => each.push(out, |b, kind| whole(i32::from_le_bytes(b).into(), kind)),
            Element::I64 => each.push(out, |b, kind| whole(i64::from_le_bytes(b).into(), kind)),
            Element::U8 => each.push(out, |b, kind| whole(u8::from_le_bytes(b).into(), kind)),
            Element::U16 => each.push(out, |b, kind| whole(u16::from_le_bytes(b).into(), kind)),
            Element::U32 => each.push(out, |b, kind| whole(u32::from_le_bytes(b).into(), kind)),
            Element::U64 => each.push(out, |b, kind| whole(u64::from_le_bytes(b).into(), kind)),
            Element::Bool => each.push(out, |[b], kind| match (b, kind) {
                (0 | 1, Kind::Spin) => Err(no_spin(if b == 1 { "True" } else { "False" })),
                (0 | 1, _) => whole(b.into(), kind),
                _ => Err(format!("found the byte {b}, expected a bool, 0 or 1")),
            }),
        }
    }
}

/// Elements to be decoded.
struct Each<'a> {
    kinds: &'a Kinds,
    first: usize,
    bytes: &'a [u8],
}

impl Each<'_> {
    fn push<const N: usize, T>(
        &self,
        out: &mut Vec<T>,
        value: impl Fn([u8; N], Kind) -> std::result::Result<T, String>,
    ) -> std::result::Result<(), String> {
        let elements = (self.first..).zip(self.bytes.as_chunks().0);
        for (index, bytes) in elements {
            out.push(value(*bytes, self.kinds.at(index))?);
        }
        Ok(())
    }
}

/// What rows are read into.
pub trait Cell: Copy {
    /// A number with a fraction, rounded to the type.
    ///
    /// # Errors
    /// It is not finite in this type, or outside the domain.
    fn fraction(x: f64, kind: Kind) -> std::result::Result<Self, String>;
    /// A whole number.
    ///
    /// # Errors
    /// The type does not hold it exactly, or it is outside the domain.
    fn whole(n: i128, kind: Kind) -> std::result::Result<Self, String>;
}

macro_rules! cell {
    ($type:ty) => {
        impl Cell for $type {
            #[inline]
            fn fraction(x: f64, kind: Kind) -> std::result::Result<Self, String> {
                match kind {
                    Kind::Real if (x as $type).is_finite() => Ok(x as $type),
                    Kind::Real => Err(format!(
                        "found {x}, expected a finite number within {}'s range",
                        stringify!($type)
                    )),
                    // −0 is no category.
                    kind if kind.contains(x as f32) && f64::from(x as f32) == x => Ok(x as $type),
                    Kind::Spin => Err(no_spin(x)),
                    kind => Err(format!("found {x}, expected {kind}")),
                }
            }

            #[inline]
            fn whole(n: i128, kind: Kind) -> std::result::Result<Self, String> {
                match kind {
                    Kind::Real if (n as $type) as i128 == n => Ok(n as $type),
                    Kind::Real => Err(format!(
                        "found {n}, expected a number that {} holds exactly (as f64 it would be \
                         rounded)",
                        stringify!($type)
                    )),
                    kind if n.unsigned_abs() <= 1 << 16 && kind.contains(n as f32) => {
                        Ok(n as $type)
                    }
                    Kind::Spin => Err(no_spin(n)),
                    kind => Err(format!("found {n}, expected {kind}")),
                }
            }
        }
    };
}
cell!(f32);
cell!(f64);

fn no_spin(found: impl std::fmt::Display) -> String {
    let found = found.to_string();
    // The usual other way to write spins.
    let hint = if matches!(&found[..], "0" | "False" | "True") {
        "; 2x - 1 makes spins of 0 and 1"
    } else {
        ""
    };
    format!("found {found}, expected a spin, -1 or 1{hint}")
}

fn place_of(path: &Path, row: u64, index: usize, width: usize, message: &str) -> Error {
    let (row, column) = (row + (index / width) as u64 + 1, index % width + 1);
    Error::input(path, format!("row {row}, column {column}: {message}"))
}
