//! From the numbers of a file to rows in a model's order, as f32, their offset gone where they are to be
//! standardised (see [`Units`](super::Units)).

use std::path::PathBuf;

use pushforward::domain::{Domain, Kind};
use pushforward::model::Support;

use super::bounds::Bounds;
use super::own_units::OwnUnits;
use super::read::Kinds;
use super::{Cell, Columns, Reader, Wanted};
use crate::error::{Error, Result};

/// Rows that are read at a time.
const CHUNK: usize = 1 << 12;

/// What becomes of a row.
#[derive(Clone, Debug)]
pub(super) struct Centring {
    pub(super) path: PathBuf,
    pub(super) columns: Columns,
    /// What is subtracted from each column: its first value, or 0 from discrete ones; empty where rows
    /// are not standardised.
    pub(super) first: Vec<f64>,
    /// Columns that stay as they are: all coordinates, or none.
    pub(super) kept: usize,
    kinds: Kinds,
    standardize: bool,
    pub(super) bounds: Bounds,
    /// Where the model brings columns to units of its own.
    pub(super) own: Option<OwnUnits>,
    /// Where the columns that are no context lie, if the model has no units of its own.
    support: Support,
}

impl Centring {
    /// What numbers of the file must be, to be [read](Reader::next_rows) at all.
    pub(super) fn kinds(&self) -> &Kinds {
        const REAL: Kinds = Kinds::All(Kind::Real);
        if self.standardize { &REAL } else { &self.kinds }
    }

    /// Whether the offset is to go.
    pub(super) fn standardizes(&self) -> bool {
        self.standardize
    }

    /// Checks rows of the file, from `row` (counted from 0) on, that are not to be standardised.
    pub(super) fn check(&self, row: u64, rows: &[f32]) -> Result<()> {
        if self.own.is_none() && self.support == Support::Line {
            return Ok(());
        }
        let width = self.columns.width();
        for (i, x) in rows.iter().enumerate() {
            self.check_value(i % width, f64::from(*x)).map_err(|message| {
                let (row, name) = (row + (i / width) as u64 + 1, self.columns.name(i % width));
                Error::input(&self.path, format!("row {row}, {name}: {message}"))
            })?;
        }
        Ok(())
    }

    fn check_value(&self, column: usize, x: f64) -> std::result::Result<(), String> {
        match &self.own {
            Some(own) => own.check(column, x),
            None if self.support != Support::Line
                && column < self.columns.dim
                && !self.support.contains(x as f32) =>
            {
                Err(format!("found {x}, expected a value of {}", self.support))
            }
            None => Ok(()),
        }
    }

    /// Appends rows of the file, from `row` (counted from 0) on, to `out`; uses `chunk` up.
    pub(super) fn centre(&self, row: u64, chunk: &mut Vec<f64>, out: &mut Vec<f32>) -> Result<()> {
        self.columns.order(chunk);
        let width = self.columns.width();
        for (i, values) in chunk.chunks_exact_mut(width).enumerate() {
            let wrong = |(column, message): (usize, String)| {
                let (row, name) = (row + i as u64 + 1, self.columns.name(column));
                Error::input(&self.path, format!("row {row}, {name}: {message}"))
            };
            for (column, x) in values.iter().enumerate() {
                let wrong = |message| wrong((column, message));
                if column < self.kept {
                    f64::fraction(*x, self.kinds.at(column)).map_err(wrong)?;
                }
                self.check_value(column, *x).map_err(wrong)?;
            }
            self.bounds.line(values).map_err(wrong)?;
            for (column, (x, first)) in values.iter().zip(&self.first).enumerate() {
                let difference = (x - first) as f32;
                if !difference.is_finite() {
                    let message = format!(
                        "found {x} where row 1 has {first}, expected a difference within f32's range"
                    );
                    return Err(wrong((column, message)));
                }
                out.push(difference);
            }
        }
        chunk.clear();
        Ok(())
    }
}

/// An open table whose rows come out centred.
pub(super) struct CentredReader {
    pub(super) reader: Reader,
    pub(super) centring: Centring,
    chunk: Vec<f64>,
    row: u64,
}

impl CentredReader {
    /// Opens a table.
    ///
    /// # Errors
    /// As [`Reader::open`] and [`Columns::of`].
    pub(super) fn open(wanted: &Wanted<'_>) -> Result<CentredReader> {
        let Wanted {
            path,
            columns,
            context,
            dim,
            domain,
            standardize,
            kept,
            bounds,
            parts,
            own,
            support,
            ..
        } = *wanted;
        let real = Domain::Uniform(Kind::Real);
        let mut reader = Reader::open(path, None, if standardize { real } else { domain })?;
        let columns = Columns::of(path, &mut reader, columns, context, dim)?;
        let kept = if kept { columns.dim } else { 0 };
        let wrong = |m| Error::input(path, m);
        // Bounds are the model's own where it has units of its own.
        let own = own.map(|kinds| OwnUnits::of(&columns, bounds, kinds));
        let own = own.transpose().map_err(wrong)?;
        let bounds = if own.is_some() { &[] } else { bounds };
        let bounds = Bounds::of(&columns, bounds, parts).map_err(wrong)?;
        let (path, kinds, first) = (path.to_owned(), Kinds::of(domain), Vec::new());
        let centring =
            Centring { path, columns, first, kept, kinds, standardize, bounds, own, support };
        Ok(CentredReader { reader, centring, chunk: Vec::new(), row: 0 })
    }

    /// All rows that are left, in memory.
    ///
    /// # Errors
    /// Those of [`Reader::room`] and [`CentredReader::next`].
    pub(super) fn all(&mut self) -> Result<Vec<f32>> {
        let mut rows = self.reader.room()?;
        while self.next(&mut rows)? > 0 {}
        Ok(rows)
    }

    /// Appends the next rows to `out` and says how many: 0 at the end.
    ///
    /// # Errors
    /// As [`Reader::next_rows`]; a difference that f32 does not hold is one too.
    pub(super) fn next(&mut self, out: &mut Vec<f32>) -> Result<usize> {
        let Self { reader, centring, chunk, row } = self;
        let (width, start) = (centring.columns.width(), out.len());
        let read = if centring.standardize {
            let read = reader.next_rows(CHUNK, chunk)?;
            super::read::reserve(&centring.path, out, read, width)?;
            if centring.first.is_empty() && read > 0 {
                let mut first = chunk[..width].to_vec();
                centring.columns.order(&mut first);
                // One that has no place is an error below.
                let _placed = centring.bounds.line(&mut first);
                first[..centring.kept].fill(0.0);
                centring.first = first;
            }
            centring.centre(*row, chunk, out)?;
            read
        } else {
            let read = reader.next_rows(CHUNK, out)?;
            centring.columns.order(&mut out[start..]);
            centring.check(*row, &out[start..])?;
            read
        };
        *row += read as u64;
        Ok(read)
    }
}
