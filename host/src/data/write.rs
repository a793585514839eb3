//! Rows to `.npy` and `.csv`.

use std::io::{self, BufWriter, StdoutLock, Write};
use std::path::{Path, PathBuf};

use super::Domain;
use super::atomic::Atomic;
use super::npy::{Element, Header};
use crate::error::{Error, Result};

/// An array being written front to back in constant memory.
pub struct Writer {
    target: PathBuf,
    header: Header,
    /// Whether `rows` was given; else the header is completed at the end.
    counted: bool,
    rows: u64,
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
    /// The ending is neither `.npy` nor `.csv`, or the file cannot be created.
    pub fn create(path: &Path, domain: Domain, rows: Option<u64>, width: usize) -> Result<Writer> {
        let ending = path.extension().map(|e| e.to_ascii_lowercase());
        let element = if domain == Domain::Spin { Element::I8 } else { Element::F32 };
        let shape = [rows.unwrap_or(0)].into_iter().chain((width > 0).then_some(width as u64));
        let header = Header { element, shape: shape.collect() };
        let sink = if path.as_os_str() == "-" {
            Sink::Stdout(BufWriter::new(io::stdout().lock()))
        } else if ending.as_ref().is_some_and(|e| e == "npy") {
            let mut file = Atomic::create(path)?;
            file.write_all(&header.to_bytes()).map_err(|e| Error::write(path, &e))?;
            Sink::Npy(file)
        } else if ending.is_some_and(|e| e == "csv") {
            Sink::Csv(Atomic::create(path)?)
        } else {
            let message =
                "has an unknown ending, expected .npy or .csv (or - for CSV on standard output)";
            return Err(Error::input(path, message));
        };
        Ok(Writer { target: path.to_owned(), header, counted: rows.is_some(), rows: 0, sink })
    }

    /// Appends whole rows of spins.
    ///
    /// # Errors
    /// The disk is full, or standard output was closed.
    pub fn spins(&mut self, rows: &[i8]) -> Result<()> {
        self.rows(rows, bytemuck::cast_slice(rows))
    }

    /// Appends whole rows of real numbers.
    ///
    /// # Errors
    /// As [`Writer::spins`].
    pub fn reals(&mut self, rows: &[f32]) -> Result<()> {
        if cfg!(target_endian = "big") {
            let bytes: Vec<u8> = rows.iter().flat_map(|x| x.to_le_bytes()).collect();
            return self.rows(rows, &bytes);
        }
        self.rows(rows, bytemuck::cast_slice(rows))
    }

    fn rows<T: std::fmt::Display>(&mut self, rows: &[T], bytes: &[u8]) -> Result<()> {
        let width = self.header.shape.get(1).map_or(1, |&w| w as usize);
        self.rows += (rows.len() / width) as u64;
        match &mut self.sink {
            Sink::Npy(file) => file.write_all(bytes).map_err(|e| Error::write(&self.target, &e)),
            Sink::Csv(file) => {
                csv_rows(file, rows, width).map_err(|e| Error::write(&self.target, &e))
            }
            Sink::Stdout(out) => csv_rows(out, rows, width).map_err(closed),
        }
    }

    /// Completes the file: only now does it appear.
    ///
    /// # Errors
    /// As [`Writer::spins`].
    pub fn finish(mut self) -> Result<()> {
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
            Sink::Stdout(mut out) => out.flush().map_err(closed),
        }
    }
}

fn closed(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Error::Closed,
        _ => Error::write("standard output", &error),
    }
}

fn csv_rows<T: std::fmt::Display>(
    out: &mut impl Write,
    rows: &[T],
    width: usize,
) -> io::Result<()> {
    for row in rows.chunks(width) {
        for (i, x) in row.iter().enumerate() {
            if i > 0 {
                out.write_all(b",")?;
            }
            write!(out, "{x}")?;
        }
        out.write_all(b"\n")?;
    }
    Ok(())
}
