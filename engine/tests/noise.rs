//! Threefry against its known answers, streams across pages and levels, normals over all words.

use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use pushforward::noise::{FromRng, Noise, SampleRng, Stream, block, normal};
use pushforward::simd::{Kernel, Level, Scalar, Simd, dispatch};
use rand_core::{Rng, SeedableRng};

/// Two words a sample, as floats of the same bits, sample after sample.
struct Words<'a, N>(&'a mut N, u64, u32, &'a mut Vec<[u32; 2]>);

fn unpack<S: Simd>(s: S, x: S::U) -> Vec<u32> {
    let mut array = S::chunks(&[0.0; 64]).0[0];
    s.store(s.from_bits(x), &mut array);
    array.as_ref().iter().map(|x| x.to_bits()).collect()
}

impl<N: Noise> Kernel for Words<'_, N> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Words(noise, first, block, out) = self;
        let [a, b] = noise.words(s, first, block);
        out.extend(unpack(s, a).into_iter().zip(unpack(s, b)).map(|(a, b)| [a, b]));
    }
}

fn words(level: Level, noise: &mut impl Noise, first: u64, block: u32) -> Vec<[u32; 2]> {
    let mut out = Vec::new();
    dispatch(level, Words(noise, first, block, &mut out));
    out
}

struct Normals<'a>(&'a [f32], &'a mut [f32]);

impl Kernel for Normals<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (x, rest) = S::chunks(self.0);
        assert!(rest.is_empty());
        for (x, y) in x.iter().zip(S::chunks_mut(self.1).0) {
            s.store(normal(s, s.bits(s.load(x))), y);
        }
    }
}

fn normals(level: Level, words: impl Iterator<Item = u32>) -> Vec<f32> {
    let x: Vec<f32> = words.map(f32::from_bits).collect();
    let mut y = vec![0.0; x.len()];
    dispatch(level, Normals(&x, &mut y));
    y
}

/// The vectors of the Random123 distribution (`kat_vectors`, threefry2x32 20).
#[test]
fn threefry_known_answers() {
    let ones = [u32::MAX; 2];
    assert_eq!(block([0, 0], [0, 0]), [0x6b20_0159, 0x99ba_4efe]);
    assert_eq!(block(ones, ones), [0x1cb9_96fc, 0xbb00_2be7]);
    assert_eq!(
        block([0x1319_8a2e, 0x0370_7344], [0x243f_6a88, 0x85a3_08d3]),
        [0xc492_3a9c, 0x483d_f7a0]
    );
}

#[test]
fn words_are_the_definition_at_every_level_and_page() {
    let seed = 0x0123_4567_89ab_cdef;
    let key = [0x89ab_cdef, 0x0123_4567];
    let page = 1u64 << 32;
    let starts =
        [0, 1, 1000, page - 17, page - 16, page - 8, page - 3, page, 7 * page - 5, u64::MAX];
    for level in Level::available() {
        let mut stream = Stream::new(seed);
        for first in starts {
            for number in [0, 3, u32::MAX - 1] {
                for (lane, pair) in words(level, &mut stream, first, number).into_iter().enumerate()
                {
                    let index = first.wrapping_add(lane as u64);
                    let key = match (index >> 32) as u32 {
                        0 => key,
                        p => block(key, [p, u32::MAX]),
                    };
                    assert_eq!(
                        pair,
                        block(key, [index as u32, number]),
                        "{level:?} {index} {number}"
                    );
                }
            }
        }
    }
}

#[test]
fn sample_rng_is_the_stream() {
    let mut stream = Stream::new(9);
    for index in [0, 5, 3 << 32] {
        let mut rng = SampleRng::new(9, index);
        for number in 0..4 {
            assert_eq!([rng.next_u32(), rng.next_u32()], stream.words(Scalar, index, number));
        }
        for word in 0..8 {
            let mut sought = SampleRng::seed_from_u64(9);
            sought.seek(index, word);
            let both = stream.words(Scalar, index, word as u32 / 2);
            assert_eq!(sought.next_u32(), both[word as usize % 2]);
        }
    }
    let last = (1 << 33) - 3;
    let mut rng = SampleRng::new(9, 0);
    rng.seek(4, last);
    let mut past = rng.clone();
    past.seek(4, last + 1);
    assert_eq!(rng.next_u32(), stream.words(Scalar, 4, u32::MAX - 1)[1]);
    let [a, b] = stream.words(Scalar, 5, 0);
    assert_eq!([rng.next_u32(), rng.next_u32()], [a, b]);
    assert_eq!(past.next_u64(), u64::from(a) | u64::from(b) << 32);
    let mut bytes = [0; 6];
    SampleRng::from_seed(9u64.to_le_bytes()).fill_bytes(&mut bytes);
    let [a, b] = stream.words(Scalar, 0, 0);
    assert_eq!(bytes[..4], a.to_le_bytes());
    assert_eq!(bytes[4..], b.to_le_bytes()[..2]);
}

#[test]
fn any_generator_in_sequence() {
    for level in Level::available() {
        let mut noise = FromRng(SampleRng::new(3, 0));
        let mut rng = SampleRng::new(3, 0);
        for _ in 0..3 {
            let got = words(level, &mut noise, 0, 0);
            let first: Vec<u32> = got.iter().map(|_| rng.next_u32()).collect();
            let second: Vec<u32> = got.iter().map(|_| rng.next_u32()).collect();
            assert_eq!(got, first.into_iter().zip(second).map(|(a, b)| [a, b]).collect::<Vec<_>>());
        }
    }
}

/// Error of `x` against -Φ⁻¹((v + ½)/2³²), in ulp and relative: the residual of Φ at `x`, exact
/// in `f64` and free of cancellation on both sides of 3/4, over the density.
struct Residual {
    x: f32,
    tail: f64,
    centre: f64,
    over_density: f64,
    ulp: f64,
}

impl Residual {
    fn new(x: f32) -> Self {
        let z = f64::from(x) * std::f64::consts::FRAC_1_SQRT_2;
        let (tail, centre) =
            if x < 0.75 { (0.0, libm::erf(z) / 2.0) } else { (libm::erfc(z) / 2.0, 0.0) };
        let over_density = (z * z).exp() * (2.0 * std::f64::consts::PI).sqrt();
        let ulp = f64::from(f32::from_bits(x.to_bits() + 1)) - f64::from(x);
        Self { x, tail, centre, over_density, ulp }
    }

    fn error(&self, v: u32) -> f64 {
        let scale = 1.0 / 4_294_967_296.0;
        let residual = if self.x < 0.75 {
            (f64::from(0x7fff_ffff - v) + 0.5) * scale - self.centre
        } else {
            self.tail - (f64::from(v) + 0.5) * scale
        };
        residual * self.over_density
    }
}

#[test]
fn normal_everywhere() {
    const BLOCK: u64 = 1 << 16;
    let next = AtomicU64::new(0);
    let worst = Mutex::new([(0.0, 0); 2]);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(|| {
                let mut mine = [(0.0, 0); 2];
                loop {
                    let first = next.fetch_add(BLOCK, Ordering::Relaxed);
                    if first >= 1 << 31 {
                        break;
                    }
                    let range = first as u32..(first + BLOCK) as u32;
                    let x = normals(Level::best(), range.clone());
                    let mirrored = normals(Level::best(), range.clone().map(|v| v | 1 << 31));
                    let mut residual = Residual::new(1.0);
                    for ((v, x), y) in range.zip(x).zip(mirrored) {
                        assert_eq!(y.to_bits(), x.to_bits() | 1 << 31, "odd at {v:#x}");
                        if x != residual.x {
                            residual = Residual::new(x);
                        }
                        let error = residual.error(v).abs();
                        for (worst, e) in
                            mine.iter_mut().zip([error / residual.ulp, error / f64::from(x)])
                        {
                            if e > worst.0 {
                                *worst = (e, v);
                            }
                        }
                    }
                }
                for (worst, mine) in worst.lock().unwrap().iter_mut().zip(mine) {
                    if mine.0 > worst.0 {
                        *worst = mine;
                    }
                }
            });
        }
    });
    let [(ulp, at), (relative, there)] = worst.into_inner().unwrap();
    println!("normal: {ulp:.5} ulp at {at:#x}, {relative:.4e} relative at {there:#x}");
    // As in tests/math.rs: libm's error is nothing to the third decimal.
    assert!((ulp - 3.07517).abs() < 1e-3, "{ulp} ulp at {at:#x}");
    assert!(relative < 2.3e-7, "{relative} at {there:#x}");
}

#[test]
fn normal_bits_are_equal_at_every_level() {
    let sweep = || (0..1u32 << 24).map(|i| i.wrapping_mul(256).wrapping_add(i >> 16));
    let oracle = normals(Level::Scalar, sweep());
    for level in Level::available() {
        let got = normals(level, sweep());
        assert!(got.iter().zip(&oracle).all(|(a, b)| a.to_bits() == b.to_bits()), "{level:?}");
    }
}

#[test]
fn normal_distribution() {
    const N: usize = 1 << 22;
    let mut rng = SampleRng::seed_from_u64(2024);
    let mut x: Vec<f64> =
        normals(Level::best(), (0..N).map(|_| rng.next_u32())).into_iter().map(f64::from).collect();
    let n = N as f64;
    let moment = |k: i32| x.iter().map(|x| x.powi(k)).sum::<f64>() / n;
    // Four standard deviations of each estimate.
    for (k, exact, variance) in [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0f64)] {
        let m = moment(k);
        assert!((m - exact).abs() < 4.0 * (variance / n).sqrt(), "moment {k}: {m}");
    }
    x.sort_by(f64::total_cmp);
    let mut ks = 0.0f64;
    for (i, x) in x.iter().enumerate() {
        let cdf = libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2) / 2.0;
        ks = ks.max((cdf - i as f64 / n).abs()).max((cdf - (i + 1) as f64 / n).abs());
    }
    println!("KS distance {ks:e}, scaled {}", ks * n.sqrt());
    // Passed by 99.9 % of truly normal samples (Kolmogorov's distribution).
    assert!(ks * n.sqrt() < 1.95);
    // The range of the map itself.
    assert!((normal(Scalar, 0) - 6.337_957_5).abs() < 2e-6);
    assert!((normal(Scalar, 0x7fff_ffff) - 2.918_1e-10).abs() < 1e-13);
}

#[test]
fn pinned_bits() {
    let mut stream = Stream::new(1);
    let got: Vec<[u32; 2]> = (0..3).map(|i| stream.words(Scalar, i, 0)).collect();
    assert_eq!(
        got,
        [[0xb435_a7fa, 0x96eb_2785], [0x0ec6_6872, 0x2d84_e7b1], [0x0296_e954, 0x802f_d53b]]
    );
    let pinned = [
        (0, 0x40ca_d08d),
        (1, 0x40c5_5364),
        (0x1234_5678, 0x3fbb_d931),
        (0x4000_0000, 0x3f2c_ab5c),
        (0x7fff_ffff, 0x2fa0_6c99),
        (0x9abc_def0, 0xbfa0_d924),
        (u32::MAX, 0xafa0_6c99),
    ];
    for (word, bits) in pinned {
        assert_eq!(normal(Scalar, word).to_bits(), bits, "{word:#x}");
    }
}
