//! Training rows: held in memory, or left in their file and read as steps need them.
//!
//! A row is picked by its place in the random [`Order`]; where it is stored changes no number in it.
//! Rows of a file are read at their places, one by one, on all threads: from the system's cache that
//! takes about a microsecond, and a solid-state disk serves some 10⁵ a second.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;

use super::centring::Centring;
use super::npy::Element;
use super::table::most_held_out;
use super::{Order, Units};
use crate::error::{Error, Result};

/// Rows of training, `[n][width]`, in a random order.
#[derive(Clone, Debug)]
pub enum Rows {
    /// In memory.
    Held(Arc<Vec<f32>>),
    /// In an `.npy` file.
    Stored(Arc<Stored>),
}

/// Rows in a file.
#[derive(Debug)]
pub struct Stored {
    file: File,
    element: Element,
    /// Numbers in a row of the file.
    width: usize,
    /// Where the first row begins.
    start: u64,
    centring: Centring,
    units: Option<Units>,
    order: Order,
    /// Places at the front of the order that are not for training.
    held_out: u64,
    n: u64,
}

impl From<Vec<f32>> for Rows {
    fn from(rows: Vec<f32>) -> Rows {
        Rows::Held(rows.into())
    }
}

impl Rows {
    /// How many there are, of `width` numbers.
    pub fn count(&self, width: usize) -> u64 {
        match self {
            Rows::Held(rows) => (rows.len() / width) as u64,
            Rows::Stored(stored) => stored.n,
        }
    }

    /// The first `n`, or all where there are fewer.
    ///
    /// # Errors
    /// The file cannot be read any more.
    pub fn first(&self, n: usize, width: usize) -> Result<Cow<'_, [f32]>> {
        match self {
            Rows::Held(rows) => Ok(rows[..n.saturating_mul(width).min(rows.len())].into()),
            Rows::Stored(stored) => {
                let places: Vec<u64> = (0..stored.n.min(n as u64)).collect();
                stored.pick(&places).map(Cow::Owned)
            }
        }
    }

    /// All rows that are in memory, or the first of a file, as many as are held out of one at most.
    ///
    /// # Errors
    /// The file cannot be read any more.
    pub fn in_memory(&self, width: usize) -> Result<Cow<'_, [f32]>> {
        match self {
            Rows::Held(rows) => Ok(rows[..].into()),
            Rows::Stored(_) => self.first(most_held_out(width) as usize, width),
        }
    }
}

impl Stored {
    pub(super) fn new(
        file: File,
        (element, width, start): (Element, usize, u64),
        centring: Centring,
        units: Option<Units>,
        order: Order,
        [held_out, n]: [u64; 2],
    ) -> Stored {
        Stored { file, element, width, start, centring, units, order, held_out, n }
    }

    /// How many training rows there are.
    pub fn count(&self) -> u64 {
        self.n
    }

    /// The training rows at these places, one after another.
    ///
    /// # Errors
    /// The file cannot be read any more, or has changed.
    ///
    /// # Panics
    /// If there is no such place.
    pub fn pick(&self, places: &[u64]) -> Result<Vec<f32>> {
        let width = self.centring.columns.width();
        let mut out = vec![0.0; places.len() * width];
        // Pieces that are worth a thread.
        let pieces = out.par_chunks_mut(64 * width).zip(places.par_chunks(64));
        pieces.try_for_each(|(out, places)| {
            let mut bytes = vec![0; self.width * self.element.size()];
            let all: Vec<usize> = (0..self.width).collect();
            let chosen = self.centring.columns.selected().unwrap_or(&all);
            let (mut row, mut raw) = (Vec::new(), Vec::new());
            for (to, place) in out.chunks_exact_mut(width).zip(places) {
                let number = self.order.at(self.held_out + place);
                let path = &self.centring.path;
                let at = self.start + number * bytes.len() as u64;
                read_at(&self.file, &mut bytes, at).map_err(|e| Error::read(path, &e))?;
                row.clear();
                let kinds = self.centring.kinds();
                let wrong = |m| changed(path, number, m);
                if self.centring.standardizes() {
                    raw.clear();
                    self.element.decode_of(&bytes, kinds, chosen, &mut raw).map_err(wrong)?;
                    self.centring.centre(number, &mut raw, &mut row)?;
                } else {
                    self.element.decode_of(&bytes, kinds, chosen, &mut row).map_err(wrong)?;
                    self.centring.columns.order(&mut row);
                    self.centring.check(number, &row)?;
                }
                to.copy_from_slice(&row);
            }
            Ok::<_, Error>(())
        })?;
        if let Some(units) = &self.units {
            units.apply(&mut out);
        }
        Ok(out)
    }
}

fn changed(path: &Path, row: u64, message: String) -> Error {
    Error::input(path, format!("row {}: {message}; it was another number before", row + 1))
}

#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, at)
}

#[cfg(windows)]
fn read_at(file: &File, mut bytes: &mut [u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, bytes, at)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => (bytes, at) = (&mut bytes[n..], at + n as u64),
        }
    }
    Ok(())
}

#[cfg(not(any(unix, windows)))]
fn read_at(_: &File, _: &mut [u8], _: u64) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
