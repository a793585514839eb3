//! Rows of a `.npy` file, or of one in an archive.

use std::io::Read;

use half::f16;
use pushforward::domain::Kind;

use super::cell::{Cell, truth};
use super::{Fault, Kinds, Opened, PIECE, Sink, Source};
use crate::data::npy::{Element, Header};

/// An open array.
pub(super) struct Npy {
    input: Box<dyn Read>,
    pub(super) element: Element,
    /// Where the first row begins, in a file of its own.
    pub(super) start: Option<u64>,
    /// Values in a row.
    width: usize,
    /// Rows that are left.
    pub(super) left: u64,
}

impl Npy {
    /// Reads the header, which must fit the `length` of the file; `alone` if it is none of an archive's.
    pub(super) fn open(
        mut input: Box<dyn Read>,
        length: Option<u64>,
        alone: bool,
    ) -> Result<Opened, String> {
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
        let (element, start) =
            (header.element, (alone && length.is_some()).then_some(header_bytes));
        let width = width as usize;
        Ok((Source::Npy(Npy { input, element, start, width, left: *rows }), width, None))
    }

    /// Appends up to `rows` rows and says how many.
    pub(super) fn next_rows<T: Cell>(
        &mut self,
        rows: usize,
        to: &mut Sink<'_, T>,
    ) -> Result<usize, Fault> {
        let n = rows.min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let (element, values) = (self.element, to.reserve(n)?);
        if let Some(chosen) = to.chosen {
            let mut row = vec![0; self.width * element.size()];
            for _ in 0..n {
                self.input.read_exact(&mut row).map_err(unreadable)?;
                element.decode_of(&row, to.kinds, chosen, to.out).map_err(Fault::Value)?;
            }
            self.left -= n as u64;
            return Ok(n);
        }
        let mut bytes = vec![0; PIECE.min(values * element.size())];
        while to.len() < values {
            let size = bytes.len().min((values - to.len()) * element.size());
            let piece = &mut bytes[..size];
            self.input.read_exact(piece).map_err(unreadable)?;
            element.decode(piece, to.kinds, to.len(), to.out).map_err(Fault::Value)?;
        }
        self.left -= n as u64;
        Ok(n)
    }
}

fn unreadable(error: std::io::Error) -> Fault {
    Fault::File(format!("cannot be read: {error}"))
}

impl Element {
    /// Appends these values of a row; on an error `out` ends before the faulty one.
    pub(in crate::data) fn decode_of<T: Cell>(
        self,
        row: &[u8],
        kinds: &Kinds,
        chosen: &[usize],
        out: &mut Vec<T>,
    ) -> Result<(), String> {
        let mut each = chosen.iter().enumerate();
        each.try_for_each(|(i, column)| {
            self.decode(&row[column * self.size()..][..self.size()], kinds, i, out)
        })
    }

    /// Appends the values of whole elements, of which the first has number `first`; on an error `out`
    /// ends before the faulty one.
    pub(in crate::data) fn decode<T: Cell>(
        self,
        bytes: &[u8],
        kinds: &Kinds,
        first: usize,
        out: &mut Vec<T>,
    ) -> Result<(), String> {
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
            Element::Bool => each.push(out, |[b], kind| match b {
                0 | 1 => truth(b == 1, kind),
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
        value: impl Fn([u8; N], Kind) -> Result<T, String>,
    ) -> Result<(), String> {
        let elements = (self.first..).zip(self.bytes.as_chunks().0);
        for (index, bytes) in elements {
            out.push(value(*bytes, self.kinds.at(index))?);
        }
        Ok(())
    }
}
