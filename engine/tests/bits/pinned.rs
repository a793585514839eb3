//! Bits that every target computes: one table, read by the engine's test `targets` and by the
//! firmware's `selftest`.

use pushforward::kernel::{Arith, Fused, Lanes, Plain, Single, Weight};
use pushforward::math::{exp, ln, log1p, sigmoid, sin_reduced, softplus, tanh};
use pushforward::noise::{block, normal};
use pushforward::simd::embed::f16;
use pushforward::simd::{Scalar, Simd};
use pushforward::univariate::mixture_cdf::{Cdf, Logistic, Normal};
use pushforward::univariate::{MixtureCdf, Parameters, RationalQuadratic, Univariate};

/// Name, pinned hash, and what computes it. A changed hash is a value-breaking change.
pub(super) type Entry = (&'static str, u64, fn() -> u64);

/// The table.
pub(super) const TABLE: [Entry; 16] = [
    ("exp", 0x8b3e_56ea_8390_3b25, || function(|x| exp(Scalar, x))),
    ("ln", 0xfe48_0ff8_125d_33fe, || function(|x| ln(Scalar, x))),
    ("log1p", 0x06ce_5e29_f877_18b3, || function(|x| log1p(Scalar, x))),
    ("tanh", 0xb0b9_91e7_5592_5aba, || function(|x| tanh(Scalar, x))),
    ("sigmoid", 0x8780_8ca1_609a_8260, || function(|x| sigmoid(Scalar, x))),
    ("softplus", 0x0ca1_dc82_bad7_e9e9, || function(|x| softplus(Scalar, x))),
    ("sin_reduced", 0xb46b_4451_842a_bdc0, || function(|x| sin_reduced(Scalar, x))),
    ("normal", 0xb383_e469_4c7d_99ac, || {
        hash((0..4096).map(|i| normal(Scalar, word(i)).to_bits()))
    }),
    ("threefry", 0x34fd_2ad5_cedc_ce74, || {
        hash((0..4096).map(|i| block([i, 7], [i, 1]).iter().fold(0, |a, b| a ^ b)))
    }),
    ("dense_fused", 0x94d2_169b_565e_0e82, || dense(Single::<Scalar, Fused>::new(Scalar), hard)),
    ("dense_plain", 0x1121_5219_69cf_1c1a, || dense(Single::<Scalar, Plain>::new(Scalar), hard)),
    ("dense_fused_f16", 0xbe0a_60ab_c9f0_0f23, || {
        dense(Single::<Scalar, Fused>::new(Scalar), half)
    }),
    ("dense_plain_f16", 0xbcc7_b3f5_280d_1248, || {
        dense(Single::<Scalar, Plain>::new(Scalar), half)
    }),
    ("sqrt", 0x433e_d969_a6e1_9391, || function(|x| Scalar.sqrt(x))),
    ("rational_quadratic", 0x5fb8_6542_823c_0909, spline),
    ("mixture_cdf", 0xffe0_6b05_7885_f136, || {
        mixture_cdf(Logistic) ^ mixture_cdf(Normal).rotate_left(1)
    }),
];

/// FNV-1a over words.
fn hash(words: impl Iterator<Item = u32>) -> u64 {
    words.fold(0xcbf2_9ce4_8422_2325, |h, w| (h ^ u64::from(w)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// A word of noise.
fn word(i: u32) -> u32 {
    block([0, 0], [i, 0])[0]
}

/// The bits of a result; NaNs differ between targets and count as one.
fn bits(x: f32) -> u32 {
    if x.is_nan() { 0x7fc0_0000 } else { x.to_bits() }
}

/// A function at 4096 arguments of every exponent and both signs.
fn function(f: impl Fn(f32) -> f32) -> u64 {
    hash((0..4096).map(|i| bits(f(f32::from_bits(word(i))))))
}

/// A number that makes dense sums hard: of any size, zero, subnormal, or near 1 so that sums
/// cancel; seldom infinite or NaN.
fn hard(i: u32) -> f32 {
    let w = word(i);
    f32::from_bits(match (w >> 24) & 15 {
        0 => w & 0x807f_ffff,
        1 => w & 0x8000_0000,
        2 if w & 0x3f == 0 => w,
        2 | 3 => w & 0x80ff_ffff | 0x2000_0000,
        4 => w & 0x80ff_ffff | 0x7000_0000,
        _ => w & 0x8000_ffff | 0x3f80_0000,
    })
}

/// Any 16-bit float that is finite, subnormals among them.
fn half(i: u32) -> f16 {
    let bits = word(i) as u16;
    f16::from_bits(if bits & 0x7c00 == 0x7c00 { bits & 0x83ff } else { bits })
}

/// Rectangles of 21 outputs (panels of 16, 4 and 1) and 0 to 40 inputs.
fn dense<A: Arith, T: Weight>(single: Single<Scalar, A>, weight: fn(u32) -> T) -> u64
where
    Single<Scalar, A>: Lanes<S = Scalar, V = [<Scalar as Simd>::Array; 1]>,
{
    const OUTPUTS: usize = 21;
    const INPUTS: usize = 40;
    let mut weights = [weight(0); OUTPUTS * INPUTS];
    let mut x = [[[0.0]]; INPUTS];
    let mut acc = [[[0.0]]; OUTPUTS];
    let mut next = 0;
    let mut state = 0;
    for round in 0..200 {
        let inputs = round % (INPUTS + 1);
        for number in &mut weights {
            *number = weight(next);
            next = u32::wrapping_add(next, 1);
        }
        let inputs_and_sums = x.iter_mut().chain(&mut acc);
        for number in inputs_and_sums.flatten().flatten() {
            *number = hard(next);
            next = u32::wrapping_add(next, 1);
        }
        let used = weights.get(..OUTPUTS * inputs).unwrap_or_default();
        single.rectangle(used, x.get(..inputs).unwrap_or_default(), &mut acc);
        state ^= hash(acc.as_flattened().as_flattened().iter().map(|a| bits(*a)));
        state = state.rotate_left(1);
    }
    state
}

/// The parameters of a map.
struct Numbers<const N: usize>([f32; N]);

impl<const N: usize> Numbers<N> {
    /// The noise of a coordinate.
    fn of(i: u32) -> Self {
        Self(core::array::from_fn(|p| {
            normal(Scalar, word(u32::wrapping_mul(N as u32, i).wrapping_add(p as u32)))
        }))
    }
}

impl<const N: usize> Parameters<Scalar> for Numbers<N> {
    fn get(&self, p: usize) -> f32 {
        self.0.get(p).copied().unwrap_or(0.0)
    }
    fn set(&mut self, p: usize, value: f32) {
        if let Some(to) = self.0.get_mut(p) {
            *to = value;
        }
    }
}

/// Both directions of a map of `N` parameters, at points of ±4.
fn both<const N: usize>(map: impl Univariate) -> u64 {
    hash((0..1024u32).flat_map(|i| {
        let x = word(i) as i32 as f32 * (4.0 / 2_147_483_648.0);
        let (z, a) = map.density(Scalar, x, &mut Numbers::<N>::of(i));
        let (y, b) = map.sampling(Scalar, x, &mut Numbers::<N>::of(i));
        [z, a, y, b].map(f32::to_bits)
    }))
}

/// A spline of six bins, inside and outside its bound.
fn spline() -> u64 {
    RationalQuadratic::new(6, 3.0).map_or(0, both::<17>)
}

/// Distribution functions of three components.
fn mixture_cdf(cdf: impl Cdf) -> u64 {
    MixtureCdf::new(cdf, 3, 1.0, 0.0).map_or(0, both::<9>)
}
