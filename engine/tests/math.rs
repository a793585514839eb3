//! The elementary functions over every `f32` there is, and the same bits at every level.
//!
//! The reference is `f64`, whose functions err by about 2⁻²⁹ of an `f32`'s last place on any
//! system, so a worst error pinned to three decimals cannot fail because of the reference: it
//! fails only when the function changes.

use std::f32::consts::FRAC_PI_2;
use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use pushforward::math;
use pushforward::simd::{Kernel, Level, Simd, dispatch};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Function {
    Exp,
    Ln,
    Log1p,
    Tanh,
    Sigmoid,
    Softplus,
    SinReduced,
    CosPi,
    SinPi,
}

use Function::{CosPi, Exp, Ln, Log1p, Sigmoid, SinPi, SinReduced, Softplus, Tanh};

const ALL: [Function; 9] = [Exp, Ln, Log1p, Tanh, Sigmoid, Softplus, SinReduced, CosPi, SinPi];

impl Function {
    /// Whether the function is of use there. Beyond two periods the argument is reduced exactly.
    fn is_for(self, x: f32) -> bool {
        match self {
            SinReduced => x.abs() <= FRAC_PI_2,
            CosPi | SinPi => x.abs() <= 4.0,
            _ => true,
        }
    }
}

struct Apply<'a>(Function, &'a [f32], &'a mut [f32]);

impl Kernel for Apply<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Apply(function, x, y) = self;
        match function {
            Exp => map(s, x, y, math::exp::<S>),
            Ln => map(s, x, y, math::ln::<S>),
            Log1p => map(s, x, y, math::log1p::<S>),
            Tanh => map(s, x, y, math::tanh::<S>),
            Sigmoid => map(s, x, y, math::sigmoid::<S>),
            Softplus => map(s, x, y, math::softplus::<S>),
            SinReduced => map(s, x, y, math::sin_reduced::<S>),
            CosPi => map(s, x, y, |s, x| math::cos_sin_pi(s, x)[0]),
            SinPi => map(s, x, y, |s, x| math::cos_sin_pi(s, x)[1]),
        }
    }
}

#[inline(always)]
fn map<S: Simd>(s: S, x: &[f32], y: &mut [f32], f: impl Fn(S, S::F) -> S::F) {
    let (x, rest) = S::chunks(x);
    assert!(rest.is_empty());
    for (x, y) in x.iter().zip(S::chunks_mut(y).0) {
        s.store(f(s, s.load(x)), y);
    }
}

fn apply(level: Level, function: Function, x: &[f32]) -> Vec<f32> {
    let mut y = vec![0.0; x.len()];
    dispatch(level, Apply(function, x, &mut y));
    y
}

/// Where the answer is a limit or two terms of a series to more than `f64`'s precision, that is
/// used: three quarters of all floats are beyond 110 or within 2⁻³⁰, and the walk is quick.
fn reference(function: Function, x: f64) -> f64 {
    let tiny = x.abs() < 1.0 / 1_073_741_824.0;
    match function {
        Exp if x > 110.0 => f64::INFINITY,
        Exp | Sigmoid | Softplus if x < -110.0 => 0.0,
        Exp if tiny => 1.0 + x,
        Exp => x.exp(),
        Ln => x.ln(),
        Log1p if tiny => x - x * x / 2.0,
        Log1p => x.ln_1p(),
        Tanh if x.abs() > 20.0 => x.signum(),
        Tanh if x.abs() < 1.0 / 32768.0 => x - x * x * x / 3.0,
        Tanh => x.tanh(),
        Sigmoid if x > 110.0 => 1.0,
        Sigmoid if tiny => 0.5 + x / 4.0,
        Sigmoid if x < 0.0 => {
            let e = x.exp();
            e / (1.0 + e)
        }
        Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Softplus if x > 110.0 => x,
        Softplus if tiny => std::f64::consts::LN_2 + x / 2.0,
        Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
        SinReduced if x.abs() < 1.0 / 32768.0 => x - x * x * x / 6.0,
        SinReduced => x.sin(),
        SinPi => sin_pi(x - 2.0 * (x / 2.0).round()),
        CosPi => {
            let angle = (x - 2.0 * (x / 2.0).round()).abs();
            sin_pi(0.5 - angle)
        }
    }
}

/// sin π x for |x| ≤ 1, by the nearest zero or peak.
fn sin_pi(x: f64) -> f64 {
    use std::f64::consts::PI;
    let size = x.abs();
    let sine = match size {
        _ if size <= 0.25 => (PI * size).sin(),
        _ if size < 0.75 => (PI * (0.5 - size)).cos(),
        _ => (PI * (1.0 - size)).sin(),
    };
    sine.copysign(x)
}

/// The error of `y` in units in the last place of `exact`; infinity stands for 2^128, where the
/// next float would be.
fn ulps(y: f32, exact: f64) -> f64 {
    if y.is_nan() || exact.is_nan() {
        return if y.is_nan() && exact.is_nan() { 0.0 } else { f64::INFINITY };
    }
    let huge = f64::from_bits((1023 + 128) << 52);
    let exact = exact.clamp(-huge, huge);
    let y = f64::from(y).clamp(-huge, huge);
    let exponent = ((exact.to_bits() >> 52) & 0x7ff).clamp(1023 - 126, 1023 + 127);
    (y - exact).abs() * f64::from_bits((2046 + 23 - exponent) << 52)
}

const BLOCK: u64 = 1 << 16;

/// The worst error over all inputs, and where.
fn walk(function: Function) -> (f64, f32) {
    let next = AtomicU64::new(0);
    let worst = Mutex::new((0.0, 0.0));
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut mine = (0.0, 0.0);
                loop {
                    let first = next.fetch_add(BLOCK, Ordering::Relaxed);
                    if first >= 1 << 32 {
                        break;
                    }
                    let x: Vec<f32> =
                        (first..first + BLOCK).map(|b| f32::from_bits(b as u32)).collect();
                    for (&x, y) in x.iter().zip(apply(Level::best(), function, &x)) {
                        if !function.is_for(x) {
                            continue;
                        }
                        let error = ulps(y, reference(function, f64::from(x)));
                        if error > mine.0 {
                            mine = (error, x);
                        }
                    }
                }
                let mut worst = worst.lock().unwrap();
                if mine.0 > worst.0 {
                    *worst = mine;
                }
            });
        }
    });
    worst.into_inner().unwrap()
}

fn check(function: Function, pinned: f64) {
    let (error, x) = walk(function);
    println!("{function:?}: {error:.5} ulp at {x:e} ({:#010x})", x.to_bits());
    assert!((error - pinned).abs() < 1e-3, "{function:?}: {error} ulp at {x:e}, pinned {pinned}");
}

#[test]
fn exp_everywhere() {
    check(Exp, 0.98861);
}

#[test]
fn ln_everywhere() {
    check(Ln, 0.85996);
}

#[test]
fn log1p_everywhere() {
    check(Log1p, 1.43595);
}

#[test]
fn tanh_everywhere() {
    check(Tanh, 2.49837);
}

#[test]
fn sigmoid_everywhere() {
    check(Sigmoid, 2.40188);
}

#[test]
fn softplus_everywhere() {
    check(Softplus, 1.70201);
}

#[test]
fn sin_reduced_on_its_domain() {
    check(SinReduced, 1.91852);
}

#[test]
fn cos_pi_of_two_periods() {
    check(CosPi, 2.19234);
}

#[test]
fn sin_pi_of_two_periods() {
    check(SinPi, 2.13138);
}

const SPECIAL: [u32; 24] = [
    0x0000_0000, // 0
    0x0000_0001,
    0x0000_1234,
    0x007f_ffff, // largest subnormal
    0x0080_0000,
    0x3280_0000, // 2^-26
    0x3300_0000, // 2^-25
    0x3380_0000, // 2^-24
    0x3f35_04f2,
    0x3f35_04f3, // sqrt(1/2)
    0x3f7f_ffff,
    0x3f80_0000, // 1
    0x3f80_0001,
    0x3fb5_04f3, // sqrt(2)
    0x4110_0000, // 9
    0x42ae_ac50, // 87.3365
    0x42b1_7217, // 88.7228
    0x42b1_7218,
    0x42cf_f1b5, // 103.972
    0x4b80_0000, // 2^24
    0x7f00_0000, // 2^127
    0x7f7f_ffff, // largest
    0x7f80_0000, // infinity
    0x7fc0_0000, // NaN
];

fn with_signs() -> Vec<f32> {
    SPECIAL.iter().flat_map(|&b| [f32::from_bits(b), f32::from_bits(b | 1 << 31)]).collect()
}

#[test]
fn bits_are_equal_at_every_level() {
    let mut x: Vec<f32> =
        (0..1u32 << 24).map(|i| f32::from_bits(i.wrapping_mul(256) ^ (i >> 13))).collect();
    x.extend(with_signs());
    for function in ALL {
        let oracle = apply(Level::Scalar, function, &x);
        for level in Level::available() {
            for ((x, a), b) in x.iter().zip(apply(level, function, &x)).zip(&oracle) {
                let same = a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan();
                assert!(
                    same,
                    "{function:?}({x:e}) = {a:e} at {level:?}, {b:e} at the scalar level"
                );
            }
        }
    }
}

struct SquareRoots<'a>(&'a [f32], &'a mut [f32]);

impl Kernel for SquareRoots<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        map(s, self.0, self.1, S::sqrt);
    }
}

/// A root rounded to `f64` and then to `f32` is the correctly rounded one: 53 ≥ 2·24 + 2 bits.
#[test]
fn square_roots_are_rounded_correctly_at_every_level() {
    let mut x: Vec<f32> =
        (0..1u32 << 24).map(|i| f32::from_bits(i.wrapping_mul(256) ^ (i >> 13))).collect();
    x.extend(with_signs());
    for level in Level::available() {
        let mut y = vec![0.0; x.len()];
        dispatch(level, SquareRoots(&x, &mut y));
        for (x, y) in x.iter().zip(y) {
            let exact = f64::from(*x).sqrt() as f32;
            let same = y.to_bits() == exact.to_bits() || y.is_nan() && exact.is_nan();
            assert!(same, "√{x:e} = {y:e} at {level:?}, not {exact:e}");
        }
    }
}

#[test]
fn special_cases() {
    let (inf, nan, tiny) = (f32::INFINITY, f32::NAN, f32::from_bits(1));
    let cases = [
        (Exp, -inf, 0.0),
        (Exp, inf, inf),
        (Exp, -0.0, 1.0),
        (Exp, 88.72283, f32::from_bits(0x7f7f_ff84)),
        (Exp, 88.72284, inf),
        (Exp, f32::from_bits(0xc2cf_f1b4), tiny),
        (Exp, f32::from_bits(0xc2cf_f1b5), 0.0),
        (Ln, 0.0, -inf),
        (Ln, -0.0, -inf),
        (Ln, -tiny, nan),
        (Ln, -inf, nan),
        (Ln, inf, inf),
        (Ln, tiny, -103.278_93),
        (Ln, 1.0, 0.0),
        (Log1p, -1.0, -inf),
        (Log1p, -1.000_000_1, nan),
        (Log1p, -inf, nan),
        (Log1p, inf, inf),
        (Log1p, 0.0, 0.0),
        (Log1p, -0.0, -0.0),
        (Log1p, tiny, tiny),
        (Log1p, -tiny, -tiny),
        (Tanh, inf, 1.0),
        (Tanh, -inf, -1.0),
        (Tanh, -0.0, -0.0),
        (Tanh, tiny, tiny),
        (Sigmoid, -inf, 0.0),
        (Sigmoid, inf, 1.0),
        (Sigmoid, -0.0, 0.5),
        (Sigmoid, -103.0, tiny),
        (Softplus, -inf, 0.0),
        (Softplus, inf, inf),
        (Softplus, 0.0, std::f32::consts::LN_2),
        (Softplus, -103.0, tiny),
        (SinReduced, 0.0, 0.0),
        (SinReduced, -0.0, 0.0),
        (SinReduced, tiny, tiny),
        (SinReduced, -tiny, -tiny),
        (SinReduced, FRAC_PI_2, 1.0),
    ];
    for (function, x, y) in cases {
        let got = apply(Level::Scalar, function, &[x])[0];
        let same = got.to_bits() == y.to_bits() || got.is_nan() && y.is_nan();
        assert!(same, "{function:?}({x:e}) = {got:e}, not {y:e}");
    }
    for function in ALL {
        assert!(apply(Level::Scalar, function, &[nan])[0].is_nan(), "{function:?}(NaN)");
    }
}

#[test]
fn tanh_is_odd() {
    let x: Vec<f32> = (0..1u32 << 20).map(|i| f32::from_bits(i << 11)).collect();
    let minus: Vec<f32> = x.iter().map(|x| -x).collect();
    let (a, b) = (apply(Level::best(), Tanh, &x), apply(Level::best(), Tanh, &minus));
    assert!(a.iter().zip(b).all(|(a, b)| a.is_nan() || (-a).to_bits() == b.to_bits()));
}

/// A change of any function changes this number: FNV-1a over the bits of 2²⁰ results each.
#[test]
fn pinned_bits() {
    let x: Vec<f32> = (0..1u32 << 20).map(|i| f32::from_bits(i << 12 | i >> 8)).collect();
    let hashes = ALL.map(|function| {
        apply(Level::best(), function, &x).iter().fold(0xcbf2_9ce4_8422_2325, |h: u64, y| {
            let bits = if y.is_nan() { 0x7fc0_0000 } else { y.to_bits() };
            (h ^ u64::from(bits)).wrapping_mul(0x0000_0100_0000_01b3)
        })
    });
    let pinned = [
        0x534e_f4a4_7cf4_d943,
        0xb73a_b303_8b0b_dc65,
        0x4109_8003_dea8_4b87,
        0xc846_ba26_8f7e_97fa,
        0x23d5_8dad_12f4_665c,
        0xe0b5_d630_e4dc_6f1c,
        0xc913_027d_80c5_e84b,
        0x591b_b9fe_9fb6_959b,
        0xa086_9e0e_747f_e604,
    ];
    assert_eq!(hashes, pinned, "{hashes:#018x?}");
}
