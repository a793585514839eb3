//! Rows from files, a chunk at a time, whatever the format.
//!
//! A format opens a [`Source`] and fills [`Sink`] from it; what a value may be, what a missing one is
//! and how an error says where is written once, here and in [`cell`]. Columns that nobody asked for
//! ([`Reader::select`]) are not looked at: a table may have text beside its numbers.

mod arrow;
mod batched;
mod cell;
mod csv;
mod npy;
mod npz;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use pushforward::domain::{Domain, Kind};

use self::batched::Batched;
pub use self::cell::Cell;
use self::csv::Csv;
pub(super) use self::csv::reads_as_number;
use self::npy::Npy;
use super::npy::Element;
use super::place;
use crate::error::{Error, Result};

/// An open array, read front to back.
pub struct Reader {
    path: PathBuf,
    kinds: Kinds,
    /// Values in a row of the file.
    width: usize,
    names: Option<Vec<String>>,
    /// The columns that are read, counted from 0, where they are not all as they come.
    chosen: Option<Vec<usize>>,
    row: u64,
    source: Source,
}

enum Source {
    Npy(Npy),
    Csv(Csv),
    Batched(Batched),
}

/// An open file, its width, and the names of its columns.
type Opened = (Source, usize, Option<Vec<String>>);

/// Bytes that are read of a file at a time; every element's size divides it.
const PIECE: usize = 1 << 16;

impl Reader {
    /// Opens `path` (`-`: standard input, CSV; `x.npz:name`: an array of an archive). With `width`,
    /// rows must have as many values.
    ///
    /// # Errors
    /// The file is missing, is no array, has another width, or is shorter than its header says.
    pub fn open(path: &Path, width: Option<usize>, domain: Domain<'_>) -> Result<Reader> {
        let bad = |m: String| Error::input(path, m);
        let (source, found, names) = if path.as_os_str() == "-" {
            Csv::open(Box::new(io::stdin().lock())).map_err(bad)?
        } else {
            let (on_disk, array) = npz::named(path);
            let file = File::open(&on_disk).map_err(|e| Error::read(path, &e))?;
            let meta = file.metadata().map_err(|e| Error::read(path, &e))?;
            if meta.is_dir() {
                return Err(bad(format!("is a folder, expected a file: {EXPECTED}")));
            }
            let length = meta.is_file().then_some(meta.len());
            open(file, length, &on_disk, array.as_deref()).map_err(bad)?
        };
        if let Some(expected) = width
            && found != expected
        {
            return Err(bad(format!("has {found} values a row, expected {expected}")));
        }
        let (path, kinds) = (path.to_owned(), Kinds::of(domain));
        Ok(Reader { path, kinds, width: found, names, chosen: None, row: 0, source })
    }

    /// Opens `path` for rows of `width` values that a model calls `names`. Where the file has names
    /// too, its columns of these names are read, in this order, and no others; where it shares none of
    /// them, or one side has none, columns go by position.
    ///
    /// # Errors
    /// As [`Reader::open`]; some of the names are there and some are not.
    pub fn open_named(
        path: &Path,
        names: Option<&[String]>,
        width: usize,
        domain: Domain<'_>,
    ) -> Result<Reader> {
        let mut reader = Reader::open(path, None, domain)?;
        match names.map(|names| reader.places(names)).transpose()?.flatten() {
            Some(places) => reader.select(places),
            None if reader.width == width => {}
            None => {
                let found = reader.width;
                let by_name = match (names, &reader.names) {
                    (Some(names), Some(_)) => format!(", or columns {}", names.join(", ")),
                    _ => String::new(),
                };
                let message = format!("has {found} values a row, expected {width}{by_name}");
                return Err(Error::input(path, message));
            }
        }
        Ok(reader)
    }

    /// Where the columns of these names are, counted from 0; `None` if the file has no names, or none
    /// of these.
    ///
    /// # Errors
    /// Some are there and some are not; one is there twice.
    pub fn places(&self, names: &[String]) -> Result<Option<Vec<usize>>> {
        let Some(there) = &self.names else { return Ok(None) };
        if !names.iter().any(|name| there.contains(name)) {
            return Ok(None);
        }
        self.all_places(names).map(Some)
    }

    /// Where the columns of these names are, counted from 0.
    ///
    /// # Errors
    /// One is not there, or there twice.
    pub(super) fn all_places(&self, names: &[String]) -> Result<Vec<usize>> {
        let place = |name: &String| self.place(name)?.ok_or_else(|| self.no_column(name));
        names.iter().map(place).collect()
    }

    /// Where the column of this name is, counted from 0.
    ///
    /// # Errors
    /// It is there twice.
    pub(super) fn place(&self, name: &str) -> Result<Option<usize>> {
        let names = self.names.iter().flatten().enumerate();
        let mut found = names.filter(|(_, there)| *there == name).map(|(place, _)| place);
        let place = found.next();
        if let (Some(place), Some(again)) = (place, found.next()) {
            return Err(Error::input(
                &self.path,
                format!(
                    "columns {} and {} are both named '{name}', expected names that differ",
                    place + 1,
                    again + 1
                ),
            ));
        }
        Ok(place)
    }

    fn no_column(&self, name: &str) -> Error {
        let there = self.names.as_deref().unwrap_or_default().join(", ");
        Error::input(&self.path, format!("has no column '{name}', expected it among {there}"))
    }

    /// Reads these columns only, in this order (counted from 0): the domain is theirs.
    pub(super) fn select(&mut self, columns: Vec<usize>) {
        debug_assert!(self.row == 0);
        self.chosen = Some(columns);
    }

    /// What the file calls its columns, if it does.
    pub fn names(&self) -> Option<&[String]> {
        self.names.as_deref()
    }

    /// Values in a row.
    pub fn width(&self) -> usize {
        self.chosen.as_ref().map_or(self.width, Vec::len)
    }

    /// Rows that are left, where the file says how many.
    pub fn rows(&self) -> Option<u64> {
        match &self.source {
            Source::Npy(npy) => Some(npy.left),
            Source::Csv(_) => None,
            Source::Batched(table) => table.left,
        }
    }

    /// The type of the file's numbers, how many a row has, and where its first row begins, if rows can be
    /// read from it at any place.
    pub(super) fn start(&self) -> Option<(Element, usize, u64)> {
        match &self.source {
            Source::Npy(npy) => Some((npy.element, self.width, npy.start?)),
            Source::Csv(_) | Source::Batched(_) => None,
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
        let needed = usize::try_from(rows).ok().and_then(|n| n.checked_mul(self.width()));
        needed
            .and_then(|n| values.try_reserve_exact(n).ok())
            .ok_or_else(|| Error::input(&self.path, no_memory(rows, self.width())))?;
        Ok(values)
    }

    /// All rows that are left, in memory.
    ///
    /// # Errors
    /// Those of [`Reader::room`] and [`Reader::next_rows`].
    pub fn all(&mut self) -> Result<Vec<f32>> {
        let mut values = self.room()?;
        while self.next_rows(1 << 14, &mut values)? > 0 {}
        Ok(values)
    }

    /// Appends up to `rows` rows to `out`, as f32 or as f64, and says how many: 0 at the end.
    ///
    /// # Errors
    /// A value is missing, no number, not finite, or outside the domain: with row and column. An
    /// integer that the type does not hold exactly is such a value; a fraction is rounded. There
    /// is no memory for the rows.
    pub fn next_rows<T: Cell>(&mut self, rows: usize, out: &mut Vec<T>) -> Result<usize> {
        let (width, start) = (self.width(), out.len());
        let chosen = self.chosen.as_deref();
        let (kinds, first) = (&self.kinds, self.row);
        let mut to = Sink { kinds, chosen, width, first, start, out };
        let read = match &mut self.source {
            Source::Npy(npy) => npy.next_rows(rows, &mut to),
            Source::Csv(csv) => csv.next_rows(rows, self.width, &mut to),
            Source::Batched(table) => table.next_rows(rows, &mut to),
        };
        let filled = to.len();
        let read = read.map_err(|fault| match fault {
            Fault::File(message) => Error::input(&self.path, message),
            Fault::Value(message) => {
                let (row, column) = (self.row + (filled / width) as u64 + 1, filled % width);
                let column = self.chosen.as_ref().map_or(column, |chosen| chosen[column]);
                let name = self.names.as_ref().map(|names| format!(" ({})", names[column]));
                let name = name.unwrap_or_default();
                let message = format!("row {row}, column {}{name}: {message}", column + 1);
                Error::input(&self.path, message)
            }
        })?;
        self.row += read as u64;
        debug_assert_eq!(filled, read * width);
        Ok(read)
    }
}

/// The formats, as errors name them.
const EXPECTED: &str = ".npy, .npz, .csv, .parquet or .arrow";

/// Opens a file by its ending.
fn open(
    file: File,
    length: Option<u64>,
    path: &Path,
    array: Option<&str>,
) -> std::result::Result<Opened, String> {
    let buffered = |file| BufReader::with_capacity(PIECE, file);
    let ending = place::ending(path).unwrap_or_default();
    match &*ending {
        "npy" => Npy::open(Box::new(buffered(file)), length, true),
        "csv" => Csv::open(Box::new(buffered(file))),
        "npz" | "parquet" | "pq" if length.is_none() => {
            Err(format!("is a stream, expected a file: a .{ending} is read from its end"))
        }
        "npz" => npz::open(buffered(file), array),
        "parquet" | "pq" => Batched::open_parquet(file),
        "arrow" | "arrows" | "feather" | "ipc" => {
            Batched::open_arrow(buffered(file), length.is_some())
        }
        // A stream need not have a telling name.
        _ if length.is_none() => Csv::open(Box::new(buffered(file))),
        _ => Err(format!(
            "has an unknown ending, expected {EXPECTED} (or - for CSV on standard input)"
        )),
    }
}

/// The file that a path names, which may name an array in it.
pub fn on_disk(path: &Path) -> PathBuf {
    npz::named(path).0
}

/// Room for `rows` more rows; says for how many values.
pub(super) fn reserve<T>(
    path: &Path,
    out: &mut Vec<T>,
    rows: usize,
    width: usize,
) -> Result<usize> {
    reserved(out, rows, width).map_err(|message| Error::input(path, message))
}

fn reserved<T>(out: &mut Vec<T>, rows: usize, width: usize) -> std::result::Result<usize, String> {
    let values = rows.checked_mul(width).filter(|&n| out.try_reserve(n).is_ok());
    values.ok_or_else(|| no_memory(rows as u64, width))
}

fn no_memory(rows: u64, width: usize) -> String {
    format!("there is no memory for {rows} more rows of {width} values")
}

/// What is wrong with a file that is being read.
enum Fault {
    /// The value that would have come next.
    Value(String),
    /// The file itself.
    File(String),
}

/// Rows on their way out of a file.
struct Sink<'a, T> {
    kinds: &'a Kinds,
    chosen: Option<&'a [usize]>,
    width: usize,
    /// Rows that were read before.
    first: u64,
    start: usize,
    out: &'a mut Vec<T>,
}

impl<T> Sink<'_, T> {
    /// Values that have come.
    fn len(&self) -> usize {
        self.out.len() - self.start
    }

    /// Room for as many more rows; says for how many values.
    fn reserve(&mut self, rows: usize) -> std::result::Result<usize, Fault> {
        reserved(self.out, rows, self.width).map_err(Fault::File)
    }

    /// Appends a row: of each column that is wanted, `value` says what it holds.
    fn push(
        &mut self,
        value: impl Fn(usize, Kind) -> std::result::Result<T, String>,
    ) -> std::result::Result<(), Fault> {
        self.reserve(1)?;
        for i in 0..self.width {
            let column = self.chosen.map_or(i, |chosen| chosen[i]);
            self.out.push(value(column, self.kinds.at(i)).map_err(Fault::Value)?);
        }
        Ok(())
    }
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
