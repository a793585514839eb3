//! The header of a NumPy `.npy` file (format versions 1.0 to 3.0).
//!
//! <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>: the magic string, two
//! version bytes, the header's length (u16, from version 2 on u32), and a Python dictionary with
//! the keys `descr`, `fortran_order` and `shape`, padded so that the data start at a multiple of 64.

use std::io::Read;

const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// Longer headers belong to structured types, which no sample array has.
const LONGEST: usize = 1 << 16;

/// The type of an element, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    F16,
    F32,
    F64,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    Bool,
}

impl Element {
    const ALL: [(&str, Element, usize); 12] = [
        ("<f4", Element::F32, 4),
        ("<f8", Element::F64, 8),
        ("<f2", Element::F16, 2),
        ("|i1", Element::I8, 1),
        ("<i2", Element::I16, 2),
        ("<i4", Element::I32, 4),
        ("<i8", Element::I64, 8),
        ("|u1", Element::U8, 1),
        ("<u2", Element::U16, 2),
        ("<u4", Element::U32, 4),
        ("<u8", Element::U64, 8),
        ("|b1", Element::Bool, 1),
    ];

    fn row(self) -> (&'static str, Element, usize) {
        Self::ALL.into_iter().find(|(_, e, _)| *e == self).unwrap_or(Self::ALL[0])
    }

    /// Bytes of one element.
    pub(super) fn size(self) -> usize {
        self.row().2
    }
}

/// What the header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) element: Element,
    pub(super) shape: Vec<u64>,
}

impl Header {
    /// Reads the header, leaves `input` at the first element, and says how many bytes that took.
    pub(super) fn read(input: &mut impl Read) -> Result<(Header, u64), String> {
        let mut fixed = [0; 10];
        input.read_exact(&mut fixed).map_err(|_| "is no .npy file: it ends inside the header")?;
        if &fixed[..6] != MAGIC {
            return Err("is no .npy file: it does not start with \\x93NUMPY".into());
        }
        let (prefix, length) = match fixed[6] {
            1 => (10, usize::from(u16::from_le_bytes([fixed[8], fixed[9]]))),
            2 | 3 => {
                let mut more = [0; 2];
                input.read_exact(&mut more).map_err(|_| "ends inside the .npy header")?;
                let length = u32::from_le_bytes([fixed[8], fixed[9], more[0], more[1]]);
                (12, usize::try_from(length).unwrap_or(usize::MAX))
            }
            v => return Err(format!("has .npy version {v}, expected 1, 2 or 3")),
        };
        if length > LONGEST {
            return Err(format!("has a .npy header of {length} bytes, expected at most {LONGEST}"));
        }
        let mut text = vec![0; length];
        input.read_exact(&mut text).map_err(|_| "ends inside the .npy header")?;
        Ok((Self::parse(&String::from_utf8_lossy(&text))?, (prefix + length) as u64))
    }

    fn parse(text: &str) -> Result<Header, String> {
        let field = |name: &str| {
            let quoted = format!("'{name}'");
            let at = text.find(&quoted).or_else(|| text.find(&quoted.replace('\'', "\"")));
            let rest = &text
                [at.ok_or_else(|| format!("has no '{name}' in its .npy header"))? + quoted.len()..];
            Ok::<_, String>(rest.trim_start().trim_start_matches(':').trim_start())
        };
        let descr = field("descr")?;
        let descr = descr.get(1..).and_then(|d| d.split(['\'', '"']).next()).unwrap_or("");
        let element = Element::ALL
            .into_iter()
            .find(|(name, ..)| name[1..] == descr.get(1..).unwrap_or("")[..]);
        let element = match element {
            Some((_, e, size)) if size == 1 || descr.starts_with(['<', '=']) => e,
            _ => {
                return Err(format!(
                    "has element type '{descr}', expected f32, f64, f16, bool or an integer, \
                     little-endian"
                ));
            }
        };
        if !field("fortran_order")?.starts_with("False") {
            return Err("is in Fortran order, expected C order (np.ascontiguousarray)".into());
        }
        let shape = field("shape")?;
        let inside = shape.strip_prefix('(').and_then(|s| s.split_once(')')).map(|(s, _)| s);
        let inside = inside.ok_or("has no tuple as 'shape' in its .npy header")?;
        let shape = inside.split(',').map(str::trim).filter(|s| !s.is_empty());
        let shape = shape
            .map(|s| s.parse().map_err(|_| format!("has '{s}' as a length in its .npy shape")));
        Ok(Header { element, shape: shape.collect::<Result<_, _>>()? })
    }

    /// The header's bytes, version 1.0: 128 of them for one or two axes of any length.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let shape: String = self.shape.iter().map(|n| format!("{n}, ")).collect();
        let shape =
            if self.shape.len() == 1 { shape.trim_end() } else { shape.trim_end_matches(", ") };
        let descr = self.element.row().0;
        let mut text =
            format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}");
        let unpadded = MAGIC.len() + 4 + text.len() + 1;
        text.extend(std::iter::repeat_n(' ', unpadded.next_multiple_of(128) - unpadded));
        text.push('\n');
        let mut bytes = MAGIC.to_vec();
        bytes.extend([1, 0]);
        bytes.extend((text.len() as u16).to_le_bytes());
        bytes.extend(text.as_bytes());
        bytes
    }
}
