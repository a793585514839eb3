//! Integer weights: how they are stored, and how their sums become units and outputs.
//!
//! An integer network ([`Integer`](crate::network::Integer)) multiplies integers of 8 or 16 bits and
//! adds them up in 32, in lanes that hold integers ([`Integers`](crate::simd::Integers)). A sum is on a
//! grid of its own, that of its weights times that of its inputs, and *requantisation* brings it to the
//! one of the next layer:
//!
//! ```text
//! rescale(x; e, m) = ⌊x 2^e / 2^15⌋ m
//! unit(x)          = clamp(⌊rescale(x) / 2^(26 − B) + ½⌋, ±(2^B − 1))
//! output(x, y)     = ⌊(rescale(x) + rescale(y)) / 2^18 + ½⌋
//! ```
//!
//! with `e` such that `|x| 2^e ≤ 2^30` for the sums that there are, and `|m| < 2^15`: so nothing overflows
//! 32 bits, no product of 64 is needed, which a Cortex-M0 has not, and up to 15 bits of the sum and of the
//! multiplier are kept. A leaky unit has `e` and `m` for either sign, and B = 7 bits where weights have 8,
//! 11 where they have 16. An output adds two sums, that of hidden units and that of direct terms, each with
//! its own `e` and `m`: direct terms may have weights of 16 bits where the others have 8. Outputs that become
//! floats stay sums, to which those of direct terms are added.
//!
//! Sums that wrap, as an untrusted file's may, are wrong numbers and no fault: all of it is defined for
//! all bits, and the same on every target.

use core::marker::PhantomData;

use super::{Counts, Lanes, Store, Weight, add, next, take, take_mut};
use crate::simd::{Simd, bytes};

/// Bits that an output is shifted right by once its sums are rescaled.
pub const OUTPUT_SHIFT: u32 = 18;
/// The same of a unit of 7 bits, and of 11.
const UNIT_SHIFTS: [u32; 2] = [26 - 7, 26 - 11];
/// Bits that a sum keeps before it is multiplied, its sign not counted.
pub const SUM_BITS: u32 = 15;

/// 16 bits, little-endian.
pub type I16 = [i8; 2];
/// 32 bits, little-endian.
pub type I32 = [i8; 4];

/// Integers that lie among bytes.
pub trait IntegerWeight: Weight {
    /// Bits for the size of a unit that such weights multiply, without the sign.
    const UNIT_BITS: u32;
    /// Bytes seen as integers; a trailing part of one is dropped.
    fn of(bytes: &[i8]) -> &[Self];
    /// Its value.
    fn value(self) -> i32;
}

macro_rules! integer_weight {
    ($ty:ty, $bits:literal, $this:ident => $value:expr, $from:ident => $of:expr, $rectangle:path) => {
        /// Its bits, as lanes of integers take them.
        impl Weight for $ty {
            const BYTES: usize = size_of::<$ty>();
            const SHORT: bool = Self::BYTES <= I16::BYTES;
            #[inline(always)]
            fn pair(self, above: Self) -> u32 {
                self.value() as u32 & 0xffff | (above.value() as u32) << 16
            }
            #[inline(always)]
            fn widen(self) -> f32 {
                f32::from_bits(self.value() as u32)
            }
            #[inline(always)]
            fn rectangle_of_integers(weights: &[Self], x: &[f32], acc: &mut [f32]) -> bool {
                $rectangle(weights, bytes::words(x), bytes::words_mut(acc));
                true
            }
            #[cfg(cortex_m_fpu)]
            #[inline(always)]
            fn rectangle_thumb<A: super::Arith>(weights: &[Self], x: &[f32], acc: &mut [f32]) {
                Self::rectangle_of_integers(weights, x, acc);
            }
            // Integers are no slopes.
            #[cfg(cortex_m_fpu)]
            fn leaky_thumb(_: &[Self], _: &mut [f32]) {}
        }

        impl IntegerWeight for $ty {
            const UNIT_BITS: u32 = $bits;
            #[inline(always)]
            fn of($from: &[i8]) -> &[Self] {
                $of
            }
            #[inline(always)]
            fn value(self) -> i32 {
                let $this = self;
                i32::from($value)
            }
        }
    };
}

integer_weight!(i8, 7, this => this, bytes => bytes, bytes::rectangle);
integer_weight!(
    I16, 11, this => i16::from_le_bytes(this.map(|b| b as u8)), bytes => bytes.as_chunks().0, bytes::rectangle_by_rows
);
integer_weight!(
    I32, 11, this => i32::from_le_bytes(this.map(|b| b as u8)), bytes => bytes.as_chunks().0, bytes::rectangle_by_rows
);

/// Two pairs of an exponent and a multiplier, as four little-endian integers of 16 bits: of a unit for
/// sums from zero on and for others, of an output for the sum of hidden units and for direct terms.
type Scales = [i8; 8];

/// 2^e and m of both pairs.
#[inline(always)]
fn pairs(scales: &Scales) -> [[i32; 2]; 2] {
    let [a, b, c, d, e, f, g, h] = scales.map(|b| b as u8);
    [[[a, b], [c, d]], [[e, f], [g, h]]].map(|[e, m]| {
        [1i32.wrapping_shl(i16::from_le_bytes(e) as u32), i16::from_le_bytes(m).into()]
    })
}

/// `⌊x up / 2^15⌋ · m`.
#[inline(always)]
fn rescale<S: Simd>(s: S, x: S::F, [up, m]: [S::F; 2]) -> S::F {
    let kept = s.sar::<SUM_BITS>(s.bits(s.mul(x, up)));
    s.mul(s.from_bits(kept), m)
}

/// `⌊(x + ½ 2^N) / 2^N⌋`.
#[inline(always)]
fn round<S: Simd, const N: u32>(s: S, x: S::F) -> S::F {
    s.from_bits(s.sar::<N>(s.bits(s.add(x, word(s, 1 << (N - 1))))))
}

/// An integer in every lane.
#[inline(always)]
fn word<S: Simd>(s: S, x: i32) -> S::F {
    s.from_bits(s.splat_u(x as u32))
}

/// The next `n` weights of a rectangle, after which the next one begins a word: cores read words of them.
#[inline(always)]
fn rectangle_of<'a, T: IntegerWeight>(rest: &mut &'a [i8], n: usize) -> &'a [T] {
    let bytes = next(rest, (n * T::BYTES).next_multiple_of(size_of::<f32>()));
    take(T::of(bytes), n).0
}

/// Integer weights in one slice of bytes, in the order in which a network reads them: matrices of `M`,
/// direct terms of `D`, biases of 32 bits, the scales of units and, unless these stay `SUMS`, of outputs;
/// rectangles begin words. It is for lanes of integers.
#[derive(Clone, Copy, Debug)]
pub struct Bytes<'a, M, D, const SUMS: bool = false> {
    bytes: &'a [i8],
    types: PhantomData<(M, D)>,
}

impl<'a, M, D, const SUMS: bool> Bytes<'a, M, D, SUMS> {
    /// These bytes.
    pub const fn new(bytes: &'a [i8]) -> Self {
        Self { bytes, types: PhantomData }
    }

    #[inline(always)]
    fn scales(&mut self, n: usize) -> &'a [Scales] {
        next(&mut self.bytes, n * size_of::<Scales>()).as_chunks().0
    }
}

impl<'a, M, D, const SUMS: bool> Store<'a> for Bytes<'a, M, D, SUMS>
where
    M: IntegerWeight,
    D: IntegerWeight,
{
    type Matrix = M;
    type Direct = D;
    type Bias = I32;
    // Scales are read by `units`.
    type Slope = I32;
    const JOINS: bool = !SUMS;

    fn fits(self, counts: Counts) -> bool {
        let Counts { matrix, direct, bias, slopes, outputs } = counts;
        let scales = (slopes + if SUMS { 0 } else { outputs }) * size_of::<Scales>();
        // At least: how many are between rectangles depends on how many rectangles there are.
        self.bytes.len() >= matrix * M::BYTES + direct * D::BYTES + bias * I32::BYTES + scales
    }

    #[inline(always)]
    fn matrix(&mut self, n: usize) -> &'a [M] {
        rectangle_of(&mut self.bytes, n)
    }

    #[inline(always)]
    fn direct(&mut self, n: usize) -> &'a [D] {
        rectangle_of(&mut self.bytes, n)
    }

    #[inline(always)]
    fn bias(&mut self, n: usize) -> &'a [I32] {
        I32::of(next(&mut self.bytes, n * I32::BYTES))
    }

    #[inline(always)]
    fn slopes(&mut self, n: usize) -> &'a [I32] {
        self.bias(n)
    }

    /// Integers are added in any order: the rectangle's kernel serves, and there is none with biases.
    #[inline(always)]
    fn layer<L: Lanes>(&mut self, lanes: L, slopes: usize, x: &[L::V], out: &mut [L::V]) {
        let bias = self.bias(out.len());
        for (out, bias) in out.iter_mut().zip(bias) {
            *out = lanes.splat(bias.widen());
        }
        lanes.rectangle(self.matrix(x.len() * out.len()), x, out);
        self.units(lanes, take_mut(out, slopes).0);
    }

    #[inline(always)]
    fn units<L: Lanes>(&mut self, lanes: L, sums: &mut [L::V]) {
        let s = lanes.s();
        let most = (1 << M::UNIT_BITS) - 1;
        let (least, most, zero) = (word(s, -most), word(s, most), word(s, 0));
        let scales = self.scales(sums.len());
        for (unit, scales) in sums.iter_mut().zip(scales) {
            let [from_zero, below] = pairs(scales).map(|pair| pair.map(|x| word(s, x)));
            for unit in unit.as_mut() {
                let x = s.load(unit);
                let negative = s.lt(x, zero);
                let mut pair = from_zero;
                for (of, other) in pair.iter_mut().zip(below) {
                    *of = s.select(negative, other, *of);
                }
                let y = rescale(s, x, pair);
                let y = match M::UNIT_BITS {
                    7 => round::<_, { UNIT_SHIFTS[0] }>(s, y),
                    _ => round::<_, { UNIT_SHIFTS[1] }>(s, y),
                };
                let y = s.select(s.lt(y, least), least, y);
                s.store(s.select(s.lt(most, y), most, y), unit);
            }
        }
    }

    #[inline(always)]
    fn join<L: Lanes>(&mut self, lanes: L, outputs: &mut [L::V], direct: &[L::V]) {
        if SUMS {
            return add(lanes, outputs, direct);
        }
        let s = lanes.s();
        let scales = self.scales(outputs.len());
        for (i, (output, scales)) in outputs.iter_mut().zip(scales).enumerate() {
            let [of_hidden, of_direct] = pairs(scales).map(|pair| pair.map(|x| word(s, x)));
            let direct = direct.get(i).map(|of| of.as_ref()).unwrap_or_default();
            for (r, output) in output.as_mut().iter_mut().enumerate() {
                let mut y = rescale(s, s.load(output), of_hidden);
                if let Some(direct) = direct.get(r) {
                    y = s.add(y, rescale(s, s.load(direct), of_direct));
                }
                s.store(round::<_, OUTPUT_SHIFT>(s, y), output);
            }
        }
    }
}
