//! Every operation of every SIMD level has the bits of the scalar level, and the scalar level's
//! fused multiply-add those of the C library's.

use pushforward::noise::block;
use pushforward::simd::{Kernel, Level, Scalar, Simd, dispatch};

/// An operation on up to three operands, with integers as the bits of floats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Add,
    Sub,
    Mul,
    Div,
    Sqrt,
    MulAdd,
    Select,
    TruncToI32,
    I32ToFloat,
    AddU,
    SubU,
    Dot,
    Xor,
    And,
    Or,
    Shl0,
    Shl1,
    Shl13,
    Shl31,
    Shr0,
    Shr1,
    Shr13,
    Shr31,
    SelectU,
    FromWords,
}

use Operation::*;

const ALL: [Operation; 25] = [
    Add, Sub, Mul, Div, Sqrt, MulAdd, Select, TruncToI32, I32ToFloat, AddU, SubU, Dot, Xor, And,
    Or, Shl0, Shl1, Shl13, Shl31, Shr0, Shr1, Shr13, Shr31, SelectU, FromWords,
];

impl Operation {
    #[inline(always)]
    fn apply<S: Simd>(self, s: S, a: S::F, b: S::F, c: S::F) -> S::F {
        let (x, y) = (s.bits(a), s.bits(b));
        let word = match self {
            Add => return s.add(a, b),
            Sub => return s.sub(a, b),
            Mul => return s.mul(a, b),
            Div => return s.div(a, b),
            Sqrt => return s.sqrt(a),
            MulAdd => return s.mul_add(a, b, c),
            Select => return s.select(s.lt(a, b), b, c),
            SelectU => return s.select(s.lt_u(x, y), b, c),
            I32ToFloat => return s.i32_to_float(x),
            TruncToI32 => s.trunc_to_i32(a),
            AddU => s.add_u(x, y),
            SubU => s.sub_u(x, y),
            Dot => s.dot(x, y, s.bits(c)),
            Xor => s.xor(x, y),
            And => s.and(x, y),
            Or => s.or(x, y),
            Shl0 => s.shl::<0>(x),
            Shl1 => s.shl::<1>(x),
            Shl13 => s.shl::<13>(x),
            Shl31 => s.shl::<31>(x),
            Shr0 => s.shr::<0>(x),
            Shr1 => s.shr::<1>(x),
            Shr13 => s.shr::<13>(x),
            Shr31 => s.shr::<31>(x),
            FromWords => {
                let mut words = S::array(0.0);
                s.store(a, &mut words);
                let mut words = words.as_ref().iter();
                s.from_words(|| words.next().map_or(0, |x| x.to_bits()))
            }
        };
        s.from_bits(word)
    }

    /// Whether the result is arithmetic, in which the payload of a NaN is nobody's promise.
    fn rounds(self) -> bool {
        matches!(self, Add | Sub | Mul | Div | Sqrt | MulAdd)
    }

    /// Whether the operation has a specified result for this operand.
    fn is_specified(self, a: f32) -> bool {
        self != TruncToI32 || a.abs() < 2147483648.0
    }
}

/// Operands of every lane.
#[derive(Default)]
struct Operands([Vec<f32>; 3]);

impl Operands {
    fn push(&mut self, operands: [f32; 3]) {
        for (list, x) in self.0.iter_mut().zip(operands) {
            list.push(x);
        }
    }

    /// Whole vectors at every level.
    fn pad(mut self) -> Self {
        while !self.0[0].len().is_multiple_of(16) {
            self.push([1.0; 3]);
        }
        self
    }
}

struct Apply<'a>(Operation, &'a Operands);

impl Kernel for Apply<'_> {
    type Output = Vec<f32>;
    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> Vec<f32> {
        let Apply(operation, Operands(lists)) = self;
        let [a, b, c] = lists.each_ref().map(|list| S::chunks(list).0);
        let mut out = vec![0.0; lists[0].len()];
        for (out, ((a, b), c)) in S::chunks_mut(&mut out).0.iter_mut().zip(a.iter().zip(b).zip(c)) {
            s.store(operation.apply(s, s.load(a), s.load(b), s.load(c)), out);
        }
        out
    }
}

/// Zeros, subnormals, the ends of every range, infinities and NaNs, with both signs.
fn special() -> Vec<f32> {
    let positive = [
        0.0,
        f32::from_bits(1),
        f32::from_bits(0x007f_ffff),
        f32::MIN_POSITIVE,
        f32::EPSILON,
        0.5,
        f32::from_bits(0x3f7f_ffff),
        1.0,
        f32::from_bits(0x3f80_0001),
        1.5,
        3.0,
        8_388_607.5,
        16_777_216.0,
        2_147_483_520.0,
        4_294_967_296.0,
        f32::MAX,
        f32::INFINITY,
        f32::NAN,
        f32::from_bits(0x7f80_0001),
    ];
    positive.into_iter().chain(positive.map(|x| -x)).collect()
}

fn words(i: u32) -> [u32; 4] {
    let ([a, b], [c, d]) = (block([3, 1], [i, 0]), block([3, 1], [i, 1]));
    [a, b, c, d]
}

/// Any bits.
fn random(i: u32) -> [f32; 3] {
    let [a, b, c, _] = words(i);
    [a, b, c].map(f32::from_bits)
}

/// Sums at which an emulation that rounds twice fails: the product is half-way between two floats
/// (its 25 bits are those of two factors of 12 and 13), or cancels against the third operand, which
/// is else as much smaller as its exponent can make it. The scale reaches subnormal results.
fn hard(i: u32) -> [f32; 3] {
    let [a, b, c, d] = words(i);
    let scale = |exponent: i32| f64::from(exponent).exp2();
    let sign = |bit: u32| if d >> bit & 1 == 0 { 1.0 } else { -1.0 };
    let low = (d >> 8 & 63) as i32;
    let x = f64::from(a >> 21 | 1 << 11 | 1) * sign(0) * scale(-low);
    let y = f64::from(b >> 20 | 1 << 12 | 1) * sign(1) * scale(-((d >> 14 & 63) as i32) - 23);
    let z = match d >> 20 & 3 {
        0 => -x * y,
        1 => x * y * scale(-((c & 127) as i32)),
        _ => f64::from(c >> 8) * sign(2) * scale(-((c & 127) as i32) - 60),
    };
    [x as f32, y as f32, z as f32]
}

fn operands(list: impl Iterator<Item = [f32; 3]>) -> Operands {
    let mut operands = Operands::default();
    list.for_each(|each| operands.push(each));
    operands.pad()
}

fn bits(x: f32, any_nan: bool) -> u32 {
    if any_nan && x.is_nan() { f32::NAN.to_bits() } else { x.to_bits() }
}

/// Compares all levels with `expected` and says which operands differ.
fn compare(operation: Operation, operands: &Operands, expected: &[f32]) {
    for level in Level::available() {
        let found = dispatch(level, Apply(operation, operands));
        assert_eq!(found.len(), expected.len());
        for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
            let each = operands.0.each_ref().map(|list| list[i]);
            if operation.is_specified(each[0]) {
                assert_eq!(
                    bits(*found, operation.rounds()),
                    bits(*expected, operation.rounds()),
                    "{operation:?}{each:x?} is {found:e} at level {}, not {expected:e}",
                    level.name()
                );
            }
        }
    }
}

#[test]
fn every_operation_is_that_of_the_scalar_level() {
    let special = special();
    let pairs = special.iter().flat_map(|a| special.iter().map(|b| [*a, *b, -7.5]));
    let operands = operands(pairs.chain((0..100_000).map(random)));
    for operation in ALL {
        let expected = dispatch(Level::Scalar, Apply(operation, &operands));
        compare(operation, &operands, &expected);
    }
}

#[test]
fn fused_multiply_adds_round_once() {
    let special = special();
    let triples = special.iter().flat_map(|a| {
        special.iter().flat_map(|b| special.iter().map(|c| [*a, *b, *c])).collect::<Vec<_>>()
    });
    let triples = triples.chain((0..1_000_000).map(random)).chain((0..1_000_000).map(hard));
    let operands = operands(triples);
    let [a, b, c] = operands.0.each_ref();
    let exact: Vec<f32> = a.iter().zip(b).zip(c).map(|((a, b), c)| a.mul_add(*b, *c)).collect();
    compare(MulAdd, &operands, &exact);
    // The triples are hard: many differ from a sum that is rounded to f64 first.
    let twice = a.iter().zip(b).zip(c).zip(&exact).filter(|(((a, b), c), exact)| {
        let twice = (f64::from(**a) * f64::from(**b) + f64::from(**c)) as f32;
        twice.to_bits() != exact.to_bits() && !exact.is_nan()
    });
    assert!(twice.count() > 10_000);
}

struct Lanes;

impl Kernel for Lanes {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        assert_eq!(S::LANES, S::LEVEL.lanes());
        let store = |x: S::F| {
            let mut a = S::array(0.0);
            s.store(x, &mut a);
            a.as_ref().to_vec()
        };
        let numbers: Vec<f32> = (0..S::LANES as u32).map(|i| i as f32).collect();
        assert_eq!(store(s.i32_to_float(s.lane_numbers())), numbers);
        assert_eq!(store(s.splat(2.5)), vec![2.5; S::LANES]);
        assert_eq!(store(s.from_bits(s.splat_u(0x4020_0000))), vec![2.5; S::LANES]);

        let halves = s.interleave(s.splat(1.0), s.i32_to_float(s.lane_numbers()));
        let turns: Vec<f32> = numbers.iter().flat_map(|i| [1.0, *i]).collect();
        assert_eq!(halves.map(store).concat(), turns, "{:?}", S::LEVEL);

        let row: [f32; 21] = core::array::from_fn(|i| i as f32 + 1.0);
        for n in 0..=row.len() {
            let first = store(s.load_first(&row[..n]));
            let expected = (0..S::LANES).map(|l| if l < n { row[l] } else { 0.0 });
            assert_eq!(first, expected.collect::<Vec<_>>(), "{n} floats at {:?}", S::LEVEL);
            let mut to = [-1.0; 21];
            s.store_first(s.splat(2.5), &mut to[..n]);
            let stored = to.iter().take_while(|x| **x == 2.5).count();
            assert_eq!(stored, n.min(S::LANES), "{n} floats at {:?}", S::LEVEL);
            assert!(to[stored..].iter().all(|x| *x == -1.0), "{n} floats at {:?}", S::LEVEL);
        }
    }
}

#[test]
fn lanes_are_in_order() {
    for level in Level::available() {
        dispatch(level, Lanes);
    }
}

#[test]
fn levels_are_ordered_and_named() {
    let levels: Vec<_> = Level::available().collect();
    assert_eq!(levels.first(), Some(&Scalar::LEVEL));
    assert_eq!(levels.last(), Some(&Level::best()));
    assert!(levels.windows(2).all(|pair| pair[0] < pair[1] && pair[0].name() != pair[1].name()));
    // What every CPU of an architecture has.
    let baseline = if cfg!(target_arch = "x86_64") {
        Some("sse2")
    } else if cfg!(target_arch = "aarch64") {
        Some("neon")
    } else if cfg!(target_feature = "simd128") {
        Some("simd128")
    } else {
        None
    };
    assert_eq!(levels.get(1).map(|l| l.name()), baseline);
}
