//! A table made ready for training: read, split, standardised.
//!
//! A table is held in memory, or left in its file where that is an `.npy` file of more than
//! [`HELD_BYTES`]; `stream` in a config says which. Either way the same numbers come out: rows are
//! centred as they are read, measured in the order of the file, and picked by the same [`Order`]. Of a table
//! in its file at most [`HELD_OUT_BYTES`] are held out, and these are in memory.

use std::fs::File;
use std::path::{Path, PathBuf};

use pushforward::conditional::logistics;
use pushforward::domain::Domain;
use pushforward::model::Support;
use pushforward::model::file::{FNV_START, fnv_onto};

use super::bounds::{Given, GivenParts};
use super::centring::{CentredReader, Centring};
use super::npy::Element;
use super::order::{held_out, split};
use super::own_units::Kinds as OwnKinds;
use super::standardize::Moments;
use super::{Column, Columns, Order, Rows, Stored, Units};
use crate::error::{Error, Result, note};

/// Tables of more bytes (as f32) stay in their file, unless a config says otherwise.
pub const HELD_BYTES: u64 = 1 << 28;
/// Most bytes (as f32) of a table in its file that are held out.
pub const HELD_OUT_BYTES: u64 = 1 << 26;

/// Rows of `width` numbers that this is, one at least.
pub(super) fn most_held_out(width: usize) -> u64 {
    (HELD_OUT_BYTES / (4 * width as u64)).max(1)
}

/// What is held out of training.
#[derive(Clone, Debug, PartialEq)]
pub enum Validation {
    /// This part of the rows, picked at random.
    Part(f64),
    /// All rows of another file, which has the same columns: for rows that belong together, or that come
    /// later than those of training.
    File(PathBuf),
}

impl Validation {
    /// Whether rows are held out at all.
    pub fn any(&self) -> bool {
        *self != Self::Part(0.0)
    }

    /// The part of the table's own rows.
    fn part(&self) -> f64 {
        match self {
            Self::Part(part) => *part,
            Self::File(_) => 0.0,
        }
    }
}

/// Which table, and what is made of it.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The file.
    pub path: &'a Path,
    /// The columns that are modelled, in this order; all that are no context if there is none.
    pub columns: &'a [Column],
    /// Columns that the others are given.
    pub context: &'a [Column],
    /// How many others there must be.
    pub dim: Option<usize>,
    /// Where their values lie; the context is real.
    pub domain: Domain<'a>,
    /// Whether real columns get mean 0 and deviation 1.
    pub standardize: bool,
    /// Whether the columns that are no context stay as they are nevertheless.
    pub kept: bool,
    /// Where these lie, which they do in the file's units if it is not the real line.
    pub support: Support,
    /// Bounds of columns that are no context, which stand only where these are standardised, or have
    /// units of the model's own.
    pub bounds: &'a [Given],
    /// Columns that are parts of a whole, which stand only where they are standardised.
    pub parts: Option<&'a GivenParts>,
    /// Which columns that are no context are no real numbers, if the model has units of its own for these.
    pub own: Option<OwnKinds<'a>>,
    /// Whether rows stay in their file; by its size where nothing is said.
    pub stream: Option<bool>,
    /// What is held out.
    pub validation: &'a Validation,
    /// Of the order.
    pub seed: u64,
}

/// A table ready for training.
#[derive(Debug)]
pub struct Table {
    /// Rows of training.
    pub rows: Rows,
    /// Rows that are held out.
    pub held_out: Vec<f32>,
    /// What they are in units of, where they are standardised.
    pub units: Option<Units>,
    /// The columns.
    pub columns: Columns,
    /// The coordinates in units of the model's own, if that is where they are.
    pub own: Option<Vec<logistics::Column>>,
    /// Of all numbers in the table.
    pub checksum: u64,
}

impl Table {
    /// Reads a table.
    ///
    /// # Errors
    /// It cannot be read, has no rows, more than 2³² or too few to hold any out, or a column is constant or
    /// out of range; it is to be left in its file, which is none that rows can be read from at any place.
    pub fn read(wanted: &Wanted<'_>) -> Result<Table> {
        let reader = CentredReader::open(wanted)?;
        let width = reader.centring.columns.width() as u64;
        let large = |rows: u64| u128::from(rows) * u128::from(4 * width) > HELD_BYTES.into();
        match (reader.reader.start(), reader.reader.rows()) {
            (Some(place), Some(rows)) if wanted.stream.unwrap_or(large(rows)) => {
                Table::leave(wanted, reader, rows, place)
            }
            (None, _) if wanted.stream == Some(true) => {
                let message = "rows cannot be read from it at any place, expected an .npy file, or no \
                               'stream' in [target]";
                Err(Error::input(wanted.path, message))
            }
            _ => Table::hold(wanted, reader),
        }
    }

    /// With the rows of another file held out, if one is wanted.
    fn with_held_out(mut self, wanted: &Wanted<'_>, centring: &Centring) -> Result<Table> {
        let Validation::File(path) = wanted.validation else { return Ok(self) };
        let mut reader = CentredReader::open(&Wanted { path, ..*wanted })?;
        let [own, others] = [&centring.columns, &reader.centring.columns].map(|columns| {
            let each = 0..columns.width();
            each.map(|column| columns.name(column)).collect::<Vec<_>>().join(", ")
        });
        if own != others {
            let message = format!("found {others}, expected {own}, as {}", wanted.path.display());
            return Err(Error::input(path, message));
        }
        reader.centring.first.clone_from(&centring.first);
        let mut rows = reader.all()?;
        if rows.is_empty() {
            return Err(Error::input(path, "has no rows"));
        }
        self.checksum = onto(self.checksum, &rows);
        if let Some(units) = &self.units {
            units.apply(&mut rows);
        }
        self.held_out = rows;
        Ok(self)
    }

    /// In memory.
    fn hold(wanted: &Wanted<'_>, mut reader: CentredReader) -> Result<Table> {
        let rows = reader.all()?;
        let centring = reader.centring;
        let width = centring.columns.width();
        let n = (rows.len() / width) as u64;
        let held = Held::new(wanted, n, u64::MAX)?;
        let checksum = onto(onto(FNV_START, &rows), &centring.first);
        let units = if wanted.standardize {
            let mut moments = Moments::new(width);
            held.training(0, &rows, width, |rows| moments.add(rows));
            moments.centred(&centring);
            held.training(0, &rows, width, |rows| moments.add(rows));
            Some(Units::new(&centring, moments)?)
        } else {
            None
        };
        let own = centring.own.clone().map(|own| {
            let mut moments = Vec::new();
            held.training(0, &rows, width, |rows| own.add(&mut moments, rows, width));
            own.measured(wanted.path, &centring.columns, &moments)
        });
        let own = own.transpose()?;
        let (mut rows, mut held_out) = split(rows, width, held.order, held.n as usize);
        if let Some(units) = &units {
            units.apply(&mut rows);
            units.apply(&mut held_out);
        }
        let columns = centring.columns.clone();
        Table { rows: rows.into(), held_out, units, columns, own, checksum }
            .with_held_out(wanted, &centring)
    }

    /// In its file, which it takes one or two passes through it to measure.
    fn leave(
        wanted: &Wanted<'_>,
        mut reader: CentredReader,
        n: u64,
        place: (Element, usize, u64),
    ) -> Result<Table> {
        let width = reader.centring.columns.width();
        let held = Held::new(wanted, n, most_held_out(width))?;
        let size = n as f64 * width as f64 / f64::from(1 << 28);
        note(format!("{}: {size:.2} GiB as f32, left on disk", wanted.path.display()));
        let mut held_out = vec![0.0; held.n as usize * width];
        let (mut moments, mut checksum) = (Moments::new(width), FNV_START);
        let (own, mut own_moments) = (reader.centring.own.clone(), Vec::new());
        let mut chunk = Vec::new();
        let mut pass = |reader: &mut CentredReader, each: &mut dyn FnMut(u64, &[f32])| {
            let mut first = 0;
            loop {
                chunk.clear();
                match reader.next(&mut chunk)? as u64 {
                    0 => return Ok::<_, Error>(()),
                    read => {
                        each(first, &chunk);
                        first += read;
                    }
                }
            }
        };
        pass(&mut reader, &mut |first, rows| {
            checksum = onto(checksum, rows);
            held.training(first, rows, width, |rows| moments.add(rows));
            if let Some(own) = &own {
                held.training(first, rows, width, |rows| own.add(&mut own_moments, rows, width));
            }
            for (row, place) in held.within(first, rows.len() / width) {
                let row = &rows[(row - first) as usize * width..][..width];
                held_out[*place as usize * width..][..width].copy_from_slice(row);
            }
        })?;
        let units = if wanted.standardize {
            moments.centred(&reader.centring);
            pass(&mut CentredReader::open(wanted)?, &mut |first, rows| {
                held.training(first, rows, width, |rows| moments.add(rows));
            })?;
            Some(Units::new(&reader.centring, moments)?)
        } else {
            None
        };
        if let Some(units) = &units {
            units.apply(&mut held_out);
        }
        let own = own.map(|own| own.measured(wanted.path, &reader.centring.columns, &own_moments));
        let own = own.transpose()?;
        let centring = reader.centring;
        let columns = centring.columns.clone();
        checksum = onto(checksum, &centring.first);
        let file = File::open(wanted.path).map_err(|e| Error::read(wanted.path, &e))?;
        let sizes = [held.n, n - held.n];
        let stored = Stored::new(file, place, centring.clone(), units.clone(), held.order, sizes);
        Table { rows: Rows::Stored(stored.into()), held_out, units, columns, own, checksum }
            .with_held_out(wanted, &centring)
    }
}

fn onto<T: bytemuck::NoUninit>(checksum: u64, numbers: &[T]) -> u64 {
    fnv_onto(checksum, bytemuck::cast_slice::<T, u8>(numbers).iter().copied())
}

/// Rows that are held out.
struct Held {
    order: Order,
    n: u64,
    /// Their numbers in the file, which rise, and their places in the order.
    rows: Vec<(u64, u64)>,
}

impl Held {
    fn new(wanted: &Wanted<'_>, n: u64, most: u64) -> Result<Held> {
        let wrong = |message: String| Err(Error::input(wanted.path, message));
        if n == 0 {
            return wrong("has no rows".into());
        }
        if n > 1 << 32 {
            return wrong(format!("has {n} rows, expected at most 2^32"));
        }
        let held = held_out(n, wanted.validation.part()).min(most);
        if held == n {
            let message = format!("has {n} rows, too few to hold out {}", wanted.validation.part());
            return wrong(message);
        }
        let order = Order::new(n, wanted.seed);
        let mut rows: Vec<_> = (0..held).map(|place| (order.at(place), place)).collect();
        rows.sort_unstable();
        Ok(Held { order, n: held, rows })
    }

    /// Those among `n` rows of the file from `first` on.
    fn within(&self, first: u64, n: usize) -> &[(u64, u64)] {
        let at = |end: u64| self.rows.partition_point(|(row, _)| *row < end);
        &self.rows[at(first)..at(first + n as u64)]
    }

    /// Hands over the others, in the order of the file.
    fn training(&self, first: u64, rows: &[f32], width: usize, mut each: impl FnMut(&[f32])) {
        let mut from = 0;
        for (row, _) in self.within(first, rows.len() / width) {
            let at = (row - first) as usize * width;
            each(&rows[from..at]);
            from = at + width;
        }
        each(&rows[from..]);
    }
}

#[cfg(test)]
mod tests {
    use pushforward::domain::{Element, Kind};
    use pushforward::noise::{block, normal};
    use pushforward::simd::Scalar;

    use super::super::Writer;
    use super::*;

    fn folder(name: &str) -> std::path::PathBuf {
        let name = format!("pushforward-table-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn wanted(path: &Path) -> Wanted<'_> {
        Wanted {
            path,
            columns: &[],
            context: &[],
            dim: None,
            domain: Domain::Uniform(Kind::Real),
            standardize: true,
            kept: false,
            support: Support::Line,
            bounds: &[],
            parts: None,
            own: None,
            stream: None,
            validation: &Validation::Part(0.1),
            seed: 5,
        }
    }

    #[test]
    fn a_table_left_in_its_file_is_the_one_held() {
        let dir = folder("same");
        let n = 10_007;
        let reals: Vec<f32> = (0..4 * n)
            .map(|i| 1e3 * (i % 4) as f32 + normal(Scalar, block([1, 2], [i, 0])[0]))
            .collect();
        let mut writer = Writer::create(&dir.join("reals.npy"), Element::F32, None, 4).unwrap();
        writer.rows(&reals).unwrap();
        writer.finish().unwrap();
        let spins: Vec<i8> =
            (0..9 * n).map(|i| 1 - 2 * (block([3, 4], [i, 0])[0] & 1) as i8).collect();
        let mut writer = Writer::create(&dir.join("spins.npy"), Element::I8, None, 9).unwrap();
        writer.rows(&spins).unwrap();
        writer.finish().unwrap();

        let context = [Column::Number(3), Column::Number(1)];
        for (name, domain, context, standardize) in [
            ("reals.npy", Domain::Uniform(Kind::Real), &context[..], true),
            ("reals.npy", Domain::Uniform(Kind::Real), &[], false),
            ("spins.npy", Domain::Uniform(Kind::Spin), &[], false),
            ("spins.npy", Domain::Uniform(Kind::Spin), &context[..], true),
        ] {
            let path = dir.join(name);
            let [held, left] = [false, true].map(|stream| {
                let stream = Some(stream);
                let kept = !domain.is_real();
                let wanted = Wanted { domain, context, standardize, kept, stream, ..wanted(&path) };
                Table::read(&wanted).unwrap()
            });
            let width = held.columns.width();
            assert_eq!(held.columns, left.columns);
            assert_eq!(held.checksum, left.checksum);
            assert_eq!(held.units, left.units);
            assert_eq!(held.units.is_some(), standardize);
            assert_eq!(held.held_out.len(), 1001 * width);
            assert!(held.held_out == left.held_out);
            assert!(matches!((&held.rows, &left.rows), (Rows::Held(_), Rows::Stored(_))));
            assert_eq!(left.rows.count(width), 9006);
            assert!(
                held.rows.first(usize::MAX, width).unwrap()
                    == left.rows.first(1 << 20, width).unwrap()
            );
            assert!(left.rows.in_memory(width).unwrap().len() == 9006 * width);
        }
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn columns_in_units_of_their_own_are_the_same_held_or_left() {
        let dir = folder("own");
        let path = dir.join("x.npy");
        let n = 5003;
        let value = |i: u32| match i % 2 {
            0 => (block([5, 6], [i, 0])[0] % 7) as f32,
            _ => normal(Scalar, block([5, 7], [i, 0])[0]).exp(),
        };
        let mut writer = Writer::create(&path, Element::F32, None, 2).unwrap();
        writer.rows(&(0..2 * n).map(value).collect::<Vec<_>>()).unwrap();
        writer.finish().unwrap();
        let bounds = [(Column::Number(2), [0.0, f32::INFINITY])];
        let integers = &[Column::Number(1)][..];
        let [held, left] = [false, true].map(|stream| {
            let own = Some(OwnKinds { integers, circles: &[] });
            let wanted = Wanted { bounds: &bounds, own, stream: Some(stream), ..wanted(&path) };
            Table::read(&Wanted { standardize: false, kept: true, ..wanted }).unwrap()
        });
        std::fs::remove_dir_all(dir).unwrap();
        assert_eq!(held.own, left.own);
        assert!(held.held_out == left.held_out);
        let [count, size] = &held.own.unwrap()[..] else { panic!("two columns") };
        assert!(
            count.values == logistics::Values::Integer && (count.location - 3.0).abs() < 0.1,
            "{count:?}"
        );
        // The logarithms are standard normal.
        assert!(size.values == logistics::Values::Real && size.lower == 0.0, "{size:?}");
        assert!(size.location.abs() < 0.05 && (size.scale - 1.0).abs() < 0.05, "{size:?}");
    }

    #[test]
    fn rows_of_another_file_are_held_out_in_the_same_units() {
        let dir = folder("other");
        let [path, other] = ["x.npy", "y.npy"].map(|name| dir.join(name));
        let write = |path: &Path, rows: &[f32]| {
            let mut writer = Writer::create(path, Element::F32, None, 2).unwrap();
            writer.rows(rows).unwrap();
            writer.finish().unwrap();
        };
        let rows = |n: u32| -> Vec<f32> {
            (0..2 * n).map(|i| 7.0 + normal(Scalar, block([8, 9], [i, 0])[0])).collect()
        };
        write(&path, &rows(3000));
        // Rows that training has too, so that they must come out as these.
        write(&other, &rows(200));
        let file = Validation::File(other.clone());
        for stream in [false, true] {
            let wanted = Wanted { stream: Some(stream), ..wanted(&path) };
            let all =
                Table::read(&Wanted { validation: &Validation::Part(0.0), ..wanted }).unwrap();
            let found = Table::read(&Wanted { validation: &file, ..wanted }).unwrap();
            assert_eq!((found.rows.count(2), found.held_out.len()), (3000, 400));
            assert_eq!(found.units, all.units);
            assert_ne!(found.checksum, all.checksum);
            let trained = found.rows.first(3000, 2).unwrap();
            for row in found.held_out.chunks_exact(2) {
                assert!(trained.chunks_exact(2).any(|other| other == row), "{row:?}");
            }
        }
        write(&other, &[]);
        let message = Table::read(&Wanted { validation: &file, ..wanted(&path) }).unwrap_err();
        assert!(message.to_string().contains("y.npy: has no rows"), "{message}");
        std::fs::write(dir.join("y.csv"), "a,b\n1,2\n").unwrap();
        let file = Validation::File(dir.join("y.csv"));
        let message = Table::read(&Wanted { validation: &file, ..wanted(&path) }).unwrap_err();
        let expected = "found column 1 (a), column 2 (b), expected column 1, column 2, as";
        assert!(message.to_string().contains(expected), "{message}");
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_file_that_changes_or_has_no_places_is_an_error() {
        let dir = folder("changed");
        let path = dir.join("x.npy");
        let write = |values: &[f32]| {
            let mut writer = Writer::create(&path, Element::F32, None, 1).unwrap();
            writer.rows(values).unwrap();
            writer.finish().unwrap();
        };
        write(&[1.0, 2.0, 3.0, 4.0]);
        let streamed =
            Wanted { stream: Some(true), validation: &Validation::Part(0.0), ..wanted(&path) };
        let table = Table::read(&streamed).unwrap();
        assert!(table.rows.first(4, 1).is_ok());
        // In place, as the open file sees it.
        let bytes = std::fs::read(&path).unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        file.set_len(bytes.len() as u64 - 1).unwrap();
        assert!(table.rows.first(4, 1).unwrap_err().to_string().contains("x.npy"));
        let mut broken = bytes.clone();
        let end = broken.len();
        broken[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
        std::fs::write(&path, &broken).unwrap();
        let message = table.rows.first(4, 1).unwrap_err().to_string();
        assert!(message.contains("row 4: found NaN") && message.contains("before"), "{message}");

        let csv = dir.join("x.csv");
        std::fs::write(&csv, "1\n2\n3\n").unwrap();
        let message = Table::read(&Wanted { path: &csv, ..streamed }).unwrap_err().to_string();
        assert!(message.contains("expected an .npy file"), "{message}");
        std::fs::remove_dir_all(dir).unwrap();
    }
}
