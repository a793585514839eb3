//! Rows to `.npy` and `.csv`.
//!
//! Writing has two halves. [`Format::encode`] turns rows into bytes on all threads, because text
//! costs more than the rows themselves; [`Writer::write`] hands the bytes on, in order. A caller
//! can so draw and encode one chunk while it writes the one before.

use std::io::{self, BufWriter, StdoutLock, Write};
use std::path::{Path, PathBuf};

use pushforward::domain::Element;
use rayon::prelude::*;

use super::atomic::Atomic;
use super::npy::{self, Header};
use super::place;
use super::read::reads_as_number;
use crate::error::{Error, Result};

/// An array being written front to back in constant memory.
pub struct Writer {
    target: PathBuf,
    header: Header,
    /// Whether `rows` was given; else the header is completed at the end.
    counted: bool,
    rows: u64,
    /// A header that is not written yet.
    pending: Option<Encoded>,
    sink: Sink,
}

enum Sink {
    Npy(Atomic),
    Csv(Atomic),
    Stdout(BufWriter<StdoutLock<'static>>),
}

impl Writer {
    /// Opens `path` for rows of `width` values (`-`: standard output, CSV). One number a row,
    /// written as a vector and not as a column, is width 0. Give `rows` where it is known: the
    /// target may then be a pipe.
    ///
    /// # Errors
    /// The ending is neither `.npy` nor `.csv` and the target is no stream, or it cannot be created.
    pub fn create(
        path: &Path,
        element: Element,
        rows: Option<u64>,
        width: usize,
    ) -> Result<Writer> {
        let ending = place::ending(path);
        let element = match element {
            Element::F32 => npy::Element::F32,
            Element::I8 => npy::Element::I8,
            Element::U8 => npy::Element::U8,
            Element::U16 => npy::Element::U16,
        };
        let shape = [rows.unwrap_or(0)].into_iter().chain((width > 0).then_some(width as u64));
        let header = Header { element, shape: shape.collect() };
        // A device or pipe need not have a telling name.
        let stream = || std::fs::metadata(path).is_ok_and(|m| !m.is_file() && !m.is_dir());
        let sink = if place::is_standard_output(path) {
            Sink::Stdout(BufWriter::new(io::stdout().lock()))
        } else if ending.as_deref() == Some("npy") {
            let mut file = Atomic::create(path)?;
            if rows.is_none() && !file.can_rewrite() {
                let message = "is a stream, and its header needs the number of rows, which is not \
                               known before the end: expected .npy in, or .csv out";
                return Err(Error::input(path, message));
            }
            file.write_all(&header.to_bytes()).map_err(|e| Error::write(path, &e))?;
            Sink::Npy(file)
        } else if ending.as_deref() == Some("csv") || stream() {
            Sink::Csv(Atomic::create(path)?)
        } else {
            let message =
                "has an unknown ending, expected .npy or .csv (or - for CSV on standard output)";
            return Err(Error::input(path, message));
        };
        Ok(Writer {
            target: path.to_owned(),
            header,
            counted: rows.is_some(),
            rows: 0,
            pending: None,
            sink,
        })
    }

    /// Begins a CSV file with a header, written with the first rows or at the end: a command that fails
    /// before leaves nothing. Other formats have none, nor has a table of which a name
    /// reads as a number: its header would be taken for a row.
    ///
    /// # Errors
    /// As [`Writer::write`].
    pub fn header(&mut self, names: &[String]) -> Result<()> {
        if !self.format().text || names.iter().any(|name| reads_as_number(name)) {
            return Ok(());
        }
        let mut builder = csv::WriterBuilder::new();
        let mut line = builder.comment(Some(b'#')).from_writer(Vec::new());
        let failed = |e: &dyn std::fmt::Display| Error::Failed(e.to_string());
        line.write_record(names).map_err(|e| failed(&e))?;
        let line = line.into_inner().map_err(|e| failed(&e))?;
        self.pending = Some(Encoded { pieces: vec![line], rows: 0 });
        Ok(())
    }

    /// What [`Writer::write`] takes.
    pub fn format(&self) -> Format {
        let width = self.header.shape.get(1).map_or(1, |&w| w as usize);
        Format { text: !matches!(self.sink, Sink::Npy(_)), width }
    }

    /// Appends encoded rows.
    ///
    /// # Errors
    /// The disk is full, or standard output was closed.
    pub fn write(&mut self, rows: &Encoded) -> Result<()> {
        if rows.rows > 0
            && let Some(header) = self.pending.take()
        {
            self.write(&header)?;
        }
        self.rows += rows.rows;
        rows.pieces.iter().try_for_each(|piece| match &mut self.sink {
            Sink::Npy(file) | Sink::Csv(file) => {
                file.write_all(piece).map_err(|e| Error::write(&self.target, &e))
            }
            Sink::Stdout(out) => out.write_all(piece).map_err(|e| Error::write(STDOUT, &e)),
        })
    }

    /// Encodes and appends whole rows.
    ///
    /// # Errors
    /// As [`Writer::write`].
    pub fn rows<T: Number>(&mut self, rows: &[T]) -> Result<()> {
        let mut encoded = Encoded::default();
        self.format().encode(rows, &mut encoded);
        self.write(&encoded)
    }

    /// Completes the file: only now does it appear.
    ///
    /// # Errors
    /// As [`Writer::write`].
    pub fn finish(mut self) -> Result<()> {
        if let Some(header) = self.pending.take() {
            self.write(&header)?;
        }
        match self.sink {
            Sink::Npy(mut file) => {
                if !self.counted {
                    self.header.shape[0] = self.rows;
                    file.rewrite_start(&self.header.to_bytes())
                        .map_err(|e| Error::write(&self.target, &e))?;
                }
                file.commit()
            }
            Sink::Csv(file) => file.commit(),
            Sink::Stdout(mut out) => out.flush().map_err(|e| Error::write(STDOUT, &e)),
        }
    }
}

/// As errors name it.
const STDOUT: &str = "standard output";

/// Values of one piece of encoded rows.
const PIECE: usize = 1 << 14;

/// How a [`Writer`]'s rows become bytes.
#[derive(Clone, Copy, Debug)]
pub struct Format {
    text: bool,
    width: usize,
}

/// Rows as bytes; its memory is used again by the next [`Format::encode`].
#[derive(Debug, Default)]
pub struct Encoded {
    pieces: Vec<Vec<u8>>,
    rows: u64,
}

impl Format {
    /// Encodes whole rows, on all threads.
    pub fn encode<T: Number>(self, rows: &[T], out: &mut Encoded) {
        let piece = PIECE.div_ceil(self.width) * self.width;
        out.rows = (rows.len() / self.width) as u64;
        out.pieces.resize_with(rows.len().div_ceil(piece), Vec::new);
        rows.par_chunks(piece).zip(&mut out.pieces).for_each(|(rows, out)| {
            out.clear();
            if self.text {
                for row in rows.chunks(self.width) {
                    for x in row {
                        x.text(out);
                        out.push(b',');
                    }
                    out.pop();
                    out.push(b'\n');
                }
            } else {
                T::bytes(rows, out);
            }
        });
    }
}

/// A value that arrays are written from.
pub trait Number: Copy + Sync {
    /// Appends the shortest decimal that reads back as the value.
    fn text(self, out: &mut Vec<u8>);
    /// Appends values as `.npy` holds them.
    fn bytes(values: &[Self], out: &mut Vec<u8>);
}

impl Number for i8 {
    fn text(self, out: &mut Vec<u8>) {
        match self {
            1 => out.push(b'1'),
            -1 => out.extend(b"-1"),
            other => display(other, out),
        }
    }

    fn bytes(values: &[Self], out: &mut Vec<u8>) {
        out.extend(bytemuck::cast_slice::<_, u8>(values));
    }
}

macro_rules! numbers {
    ($($type:ty),*) => {$(
        impl Number for $type {
            fn text(self, out: &mut Vec<u8>) {
                display(self, out);
            }

            fn bytes(values: &[Self], out: &mut Vec<u8>) {
                if cfg!(target_endian = "big") {
                    out.extend(values.iter().flat_map(|x| x.to_le_bytes()));
                } else {
                    out.extend(bytemuck::cast_slice::<_, u8>(values));
                }
            }
        }
    )*};
}
numbers!(f32, u8, u16);

fn display(x: impl std::fmt::Display, out: &mut Vec<u8>) {
    // A vector takes any number of bytes.
    let _ = write!(out, "{x}");
}
