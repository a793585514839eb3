//! Domains: where the values of a row lie, and the element types that rows may have.
//!
//! A kernel holds every value as an `f32`. Rows in memory are of the element type that suits the
//! domain: `f32` for real numbers, `i8` for spins, `u8` or `u16` for categories.

use crate::kernel::{Lanes, take, take_mut};
use crate::simd::Simd;

/// Where one value lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Finite real numbers.
    Real,
    /// Spins ±1.
    Spin,
    /// Whole numbers from 0 to one less than this, which is 2 to 65,536.
    Category(u32),
}

/// Where the values of a row lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain<'a> {
    /// All alike.
    Uniform(Kind),
    /// Site by site.
    Each(&'a [Kind]),
}

impl Kind {
    /// How many values there are; 0 of real numbers.
    pub fn values(self) -> usize {
        match self {
            Kind::Real => 0,
            Kind::Spin => 2,
            Kind::Category(n) => n as usize,
        }
    }

    /// The number of a value among them, from 0: a spin of −1 is 0, one of +1 is 1.
    pub fn number(self, value: f32) -> usize {
        match self {
            Kind::Spin => usize::from(value > 0.0),
            Kind::Real | Kind::Category(_) => value as usize,
        }
    }

    /// The value of a number: [`Kind::number`] the other way round.
    pub fn value(self, number: usize) -> f32 {
        match self {
            Kind::Spin => 2.0 * number as f32 - 1.0,
            Kind::Real | Kind::Category(_) => number as f32,
        }
    }

    /// Whether it is one of these values.
    pub fn contains(self, value: f32) -> bool {
        match self {
            Kind::Real => value.is_finite(),
            Kind::Spin => value == 1.0 || value == -1.0,
            // By bits: −0 is no category.
            Kind::Category(n) => {
                (value as u32) < n && (value as u32 as f32).to_bits() == value.to_bits()
            }
        }
    }

    /// Whether rows of this element type hold every value.
    pub const fn holds(self, element: Element) -> bool {
        match (self, element) {
            (_, Element::F32) | (Kind::Spin, Element::I8) => true,
            (Kind::Category(n), Element::U8) => n <= 1 << 8,
            (Kind::Category(n), Element::U16) => n <= 1 << 16,
            _ => false,
        }
    }
}

/// What a value has to be.
impl core::fmt::Display for Kind {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Kind::Real => f.write_str("a finite number"),
            Kind::Spin => f.write_str("-1 or 1"),
            Kind::Category(n) => write!(f, "a whole number from 0 to {}", n.saturating_sub(1)),
        }
    }
}

impl Domain<'_> {
    /// Where the value of a site lies.
    pub fn kind(self, site: usize) -> Kind {
        match self {
            Domain::Uniform(kind) => kind,
            Domain::Each(kinds) => kinds.get(site).copied().unwrap_or(Kind::Real),
        }
    }

    /// The element type that rows have unless another is asked for: the smallest that holds every
    /// value.
    pub fn element(self) -> Element {
        let small = [Element::I8, Element::U8, Element::U16];
        small.into_iter().find(|element| self.holds(*element)).unwrap_or(Element::F32)
    }

    /// Whether rows of this element type hold every value.
    pub fn holds(self, element: Element) -> bool {
        match self {
            Domain::Uniform(kind) => kind.holds(element),
            Domain::Each(kinds) => kinds.iter().all(|kind| kind.holds(element)),
        }
    }

    /// Whether any value is a real number: then the path of a draw and the density at its row
    /// differ, and a draw can overflow.
    #[inline(always)]
    pub fn is_real(self) -> bool {
        match self {
            Domain::Uniform(kind) => matches!(kind, Kind::Real),
            Domain::Each(kinds) => kinds.contains(&Kind::Real),
        }
    }
}

/// The element types of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// 32-bit floats: every domain.
    F32,
    /// Bytes with a sign: spins; real numbers that happen to be such can be scored.
    I8,
    /// Bytes: up to 256 categories.
    U8,
    /// 16-bit words: all categories.
    U16,
}

impl Element {
    /// Its name in Rust.
    pub const fn name(self) -> &'static str {
        match self {
            Element::F32 => "f32",
            Element::I8 => "i8",
            Element::U8 => "u8",
            Element::U16 => "u16",
        }
    }

    /// Bytes of one.
    pub const fn bytes(self) -> usize {
        match self {
            Element::F32 => size_of::<f32>(),
            Element::I8 | Element::U8 => 1,
            Element::U16 => size_of::<u16>(),
        }
    }
}

/// An element of a row.
pub trait Value: Copy + Send + Sync + 'static {
    /// Rows to read.
    fn rows(rows: &[Self]) -> Rows<'_>;
    /// Rows to write.
    fn rows_mut(rows: &mut [Self]) -> RowsMut<'_>;
}

/// Rows of any element type: kernels are compiled once for all.
#[derive(Clone, Copy, Debug)]
pub enum Rows<'a> {
    /// [`Element::F32`]
    F32(&'a [f32]),
    /// [`Element::I8`]
    I8(&'a [i8]),
    /// [`Element::U8`]
    U8(&'a [u8]),
    /// [`Element::U16`]
    U16(&'a [u16]),
}

/// [`Rows`] to write.
#[derive(Debug)]
pub enum RowsMut<'a> {
    /// [`Element::F32`]
    F32(&'a mut [f32]),
    /// [`Element::I8`]
    I8(&'a mut [i8]),
    /// [`Element::U8`]
    U8(&'a mut [u8]),
    /// [`Element::U16`]
    U16(&'a mut [u16]),
}

macro_rules! elements {
    ($($name:ident($ty:ty)),+) => {
        $(impl Value for $ty {
            fn rows(rows: &[$ty]) -> Rows<'_> {
                Rows::$name(rows)
            }
            fn rows_mut(rows: &mut [$ty]) -> RowsMut<'_> {
                RowsMut::$name(rows)
            }
        })+

        impl Rows<'_> {
            pub(crate) fn len(&self) -> usize {
                match self {
                    $(Rows::$name(rows) => rows.len(),)+
                }
            }
            pub(crate) fn element(&self) -> Element {
                match self {
                    $(Rows::$name(_) => Element::$name,)+
                }
            }
        }

        impl RowsMut<'_> {
            pub(crate) fn len(&self) -> usize {
                match self {
                    $(RowsMut::$name(rows) => rows.len(),)+
                }
            }
            pub(crate) fn element(&self) -> Element {
                match self {
                    $(RowsMut::$name(_) => Element::$name,)+
                }
            }
            /// Leaves no rows behind.
            pub(crate) fn take(&mut self) -> Self {
                core::mem::replace(self, RowsMut::I8(&mut []))
            }
            pub(crate) fn reborrow(&mut self) -> RowsMut<'_> {
                match self {
                    $(RowsMut::$name(rows) => RowsMut::$name(rows),)+
                }
            }
        }
    };
}

elements!(F32(f32), I8(i8), U8(u8), U16(u16));

/// Features that are transposed together: few enough for their cache lines to stay until all
/// samples have passed.
const TRANSPOSED: usize = 64;

/// Writes a tile, feature by feature in `x`, to the first rows, and returns the rest of them.
#[inline(always)]
pub(crate) fn store_rows<'a, X>(
    x: &[f32],
    samples: usize,
    n: usize,
    dim: usize,
    rows: &'a mut [X],
    to: impl Fn(f32) -> X,
) -> &'a mut [X] {
    let (tile, later) = take_mut(rows, n * dim);
    for (block, x) in (0..dim).zip(x.chunks(TRANSPOSED * samples)) {
        for (i, row) in (0..samples).zip(tile.chunks_exact_mut(dim)) {
            let row = take_mut(row, block * TRANSPOSED).1;
            for (out, feature) in row.iter_mut().zip(x.chunks_exact(samples)) {
                if let Some(value) = feature.get(i) {
                    *out = to(*value);
                }
            }
        }
    }
    later
}

/// Reads the first rows into a tile; lanes past the end repeat row 0 (their results are dropped).
#[inline(always)]
pub(crate) fn load_rows<'a, X: Copy>(
    x: &mut [f32],
    samples: usize,
    n: usize,
    dim: usize,
    rows: &'a [X],
    from: impl Fn(X) -> f32,
) -> &'a [X] {
    let (tile, later) = take(rows, n * dim);
    let first = take(tile, dim).0;
    for (block, x) in (0..dim).zip(x.chunks_mut(TRANSPOSED * samples)) {
        let all = tile.chunks_exact(dim).chain(core::iter::repeat(first));
        for (i, row) in (0..samples).zip(all) {
            let row = take(row, block * TRANSPOSED).1;
            for (value, feature) in row.iter().zip(x.chunks_exact_mut(samples)) {
                if let Some(to) = feature.get_mut(i) {
                    *to = from(*value);
                }
            }
        }
    }
    later
}

/// The top bit of a word.
pub(crate) const TOP: u32 = 0x8000_0000;
/// From the bits of ∞ to [`TOP`]: added to the bits of a magnitude, it sets the top bit where the
/// number is not finite.
pub(crate) const TO_TOP: u32 = TOP - f32::INFINITY.to_bits();

/// Samples with a value outside the domain: a word of each, with the top bit set.
///
/// A domain of which no site is a category has `categories` unset, so that a program for spins does
/// not hold the code.
#[inline(always)]
pub(crate) fn outside<L: Lanes>(
    lanes: L,
    domain: Domain<'_>,
    categories: bool,
    x: &[L::V],
) -> L::V {
    let mut all = lanes.splat(0.0);
    match domain {
        Domain::Uniform(kind) => add_outside(lanes, kind, categories, x, &mut all),
        Domain::Each(kinds) => {
            for (kind, x) in kinds.iter().zip(x) {
                add_outside(lanes, *kind, categories, core::slice::from_ref(x), &mut all);
            }
        }
    }
    all
}

#[inline(always)]
fn add_outside<L: Lanes>(lanes: L, kind: Kind, categories: bool, x: &[L::V], all: &mut L::V) {
    let s = lanes.s();
    // Integers only: no rounding mode or flush to zero changes the answer.
    let (inside, to_top) = match kind {
        Kind::Category(n) if categories => {
            let most = s.splat_u(n);
            for x in x {
                for (all, x) in all.as_mut().iter_mut().zip(x.as_ref()) {
                    let x = s.load(x);
                    let whole = s.trunc_to_i32(x);
                    let wrong = s.xor(s.bits(s.i32_to_float(whole)), s.bits(x));
                    // All ones in the place of a number that is not a whole one.
                    let word = s.select(
                        s.lt_u(wrong, s.splat_u(1)),
                        s.from_bits(whole),
                        s.from_bits(s.splat_u(!0)),
                    );
                    let word = s.select(
                        s.lt_u(s.bits(word), most),
                        s.splat(0.0),
                        s.from_bits(s.splat_u(TOP)),
                    );
                    s.store(s.from_bits(s.or(s.bits(s.load(all)), s.bits(word))), all);
                }
            }
            return;
        }
        Kind::Real | Kind::Category(_) => (0, TO_TOP),
        Kind::Spin => (1f32.to_bits(), TOP - 1),
    };
    for x in x {
        for (all, x) in all.as_mut().iter_mut().zip(x.as_ref()) {
            let magnitude = s.and(s.bits(s.load(x)), s.splat_u(!TOP));
            let word = s.add_u(s.xor(magnitude, s.splat_u(inside)), s.splat_u(to_top));
            s.store(s.from_bits(s.or(s.bits(s.load(all)), word)), all);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Batch, Plain, Single};
    use crate::simd::{Kernel, Level, Simd, dispatch};

    const VALUES: [f32; 17] = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        4.0,
        5.0,
        0.5,
        -0.5,
        2.0,
        3.999_999_8,
        1e9,
        -1e9,
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        1e-45,
        65_535.0,
    ];
    const KINDS: [Kind; 5] =
        [Kind::Real, Kind::Spin, Kind::Category(2), Kind::Category(5), Kind::Category(1 << 16)];

    /// What `outside` says of one value, in all lanes of a tile.
    struct Outside<'a>(Domain<'a>, f32);
    impl Kernel for Outside<'_> {
        type Output = bool;
        #[inline(always)]
        fn run<S: Simd>(self, s: S) -> bool {
            let Self(domain, value) = self;
            let batch = Batch::<S, Plain, 2>::new(s);
            let words = outside(batch, domain, true, &[batch.splat(value)]);
            let words = words.as_ref().iter().flat_map(|a| a.as_ref());
            let all: std::vec::Vec<bool> = words.map(|w| w.to_bits() & TOP != 0).collect();
            let single = Single::<S, Plain>::new(s);
            let [[one]] = outside(single, domain, true, &[[[value]]]);
            assert!(all.iter().all(|o| *o == (one.to_bits() & TOP != 0)), "{domain:?} {value}");
            all[0]
        }
    }

    #[test]
    fn kernels_and_kinds_agree_on_what_is_outside() {
        for level in Level::available() {
            for kind in KINDS {
                for value in VALUES {
                    let found = dispatch(level, Outside(Domain::Uniform(kind), value));
                    assert_eq!(found, !kind.contains(value), "{level:?} {kind:?} {value}");
                    let each = dispatch(level, Outside(Domain::Each(&[kind]), value));
                    assert_eq!(each, found, "{level:?} {kind:?} {value}, site by site");
                }
            }
        }
    }

    #[test]
    fn rows_have_the_smallest_elements_that_hold_them() {
        let expected = [Element::F32, Element::I8, Element::U8, Element::U8, Element::U16];
        for (kind, element) in KINDS.into_iter().zip(expected) {
            assert_eq!(Domain::Uniform(kind).element(), element, "{kind:?}");
            assert!(Domain::Uniform(kind).holds(Element::F32));
        }
        let mixed = Domain::Each(&[Kind::Category(300), Kind::Category(3)]);
        assert_eq!((mixed.element(), mixed.is_real()), (Element::U16, false));
        let mixed = Domain::Each(&[Kind::Spin, Kind::Category(3)]);
        assert_eq!(mixed.element(), Element::F32);
        assert_eq!(mixed.kind(1).to_string(), "a whole number from 0 to 2");
    }
}
