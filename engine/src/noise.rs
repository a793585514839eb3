//! Where randomness comes from: words that are a pure function of (seed, sample index, word).
//!
//! The words are those of Threefry2x32 with 20 rounds (Salmon, Moraes, Dror & Shaw, *Parallel
//! random numbers: as easy as 1, 2, 3*, SC'11), a keyed bijection of 64-bit counters made of
//! additions, rotations and exclusive ors of 32-bit words, which vectors, shaders and the smallest
//! microcontrollers all run exactly. A stateful generator would tie a sample to the order in which
//! samples are drawn, hence to batch size and threads; a counter does not.
//!
//! **Layout.** The key is the seed, low word first. Block `b` of sample `i` is the function of the
//! counter `(i mod 2³², b)` and holds words `2b` and `2b + 1` of that sample. Indices from 2³² on
//! are in pages: page `p = i div 2³² > 0` has its own key, block `(p, 2³² - 1)` under the seed's
//! key; that block number belongs to page keys and to no sample.
//!
//! [`Noise`] is what samplers draw from: [`Stream`] is the above, [`FromRng`] takes any generator
//! of the `rand` ecosystem instead, hardware entropy included, and [`SampleRng`] is the converse,
//! a `rand` generator over one sample's words.

use core::convert::Infallible;

pub use rand_core::Rng;
use rand_core::{SeedableRng, TryRng, utils};

use crate::math::{ln_normal, polynomial};
use crate::simd::{Scalar, Simd};

/// The key-schedule parity of Threefish, cut to 32 bits.
const PARITY: u32 = 0x1bd1_1bda;
/// The block number that page keys use.
const PAGE_BLOCK: u32 = u32::MAX;

/// `LEFT + RIGHT` must be 32.
#[inline(always)]
fn mix<S: Simd, const LEFT: u32, const RIGHT: u32>(s: S, [a, b]: [S::U; 2]) -> [S::U; 2] {
    let a = s.add_u(a, b);
    [a, s.xor(s.or(s.shl::<LEFT>(b), s.shr::<RIGHT>(b)), a)]
}

#[inline(always)]
fn four_even<S: Simd>(s: S, x: [S::U; 2]) -> [S::U; 2] {
    let x = mix::<S, 15, 17>(s, mix::<S, 13, 19>(s, x));
    mix::<S, 6, 26>(s, mix::<S, 26, 6>(s, x))
}

#[inline(always)]
fn four_odd<S: Simd>(s: S, x: [S::U; 2]) -> [S::U; 2] {
    let x = mix::<S, 29, 3>(s, mix::<S, 17, 15>(s, x));
    mix::<S, 24, 8>(s, mix::<S, 16, 16>(s, x))
}

/// Threefry2x32-20 of one counter a lane, all under one key.
#[inline(always)]
pub fn threefry<S: Simd>(s: S, [k0, k1]: [u32; 2], counter: [S::U; 2]) -> [S::U; 2] {
    let k2 = PARITY ^ k0 ^ k1;
    let inject = |[a, b]: [S::U; 2], ka: u32, kb: u32, round: u32| {
        [s.add_u(a, s.splat_u(ka)), s.add_u(b, s.splat_u(kb.wrapping_add(round)))]
    };
    let x = inject(counter, k0, k1, 0);
    let x = inject(four_even(s, x), k1, k2, 1);
    let x = inject(four_odd(s, x), k2, k0, 2);
    let x = inject(four_even(s, x), k0, k1, 3);
    let x = inject(four_odd(s, x), k1, k2, 4);
    inject(four_even(s, x), k2, k0, 5)
}

/// Threefry2x32-20 of one counter.
///
/// ```
/// assert_eq!(pushforward::noise::block([0, 0], [0, 0]), [0x6b20_0159, 0x99ba_4efe]);
/// ```
pub fn block(key: [u32; 2], counter: [u32; 2]) -> [u32; 2] {
    threefry(Scalar, key, counter)
}

/// The key of a seed and a page of 2³² samples: see the [module](self).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threefry {
    seed: [u32; 2],
    page: u32,
    key: [u32; 2],
}

impl Threefry {
    /// The generator of `seed`.
    pub const fn new(seed: u64) -> Self {
        let seed = [seed as u32, (seed >> 32) as u32];
        Self { seed, page: 0, key: seed }
    }

    /// The key of sample `index`, remembered until another page is asked for.
    #[inline]
    pub fn key(&mut self, index: u64) -> [u32; 2] {
        let page = (index >> 32) as u32;
        if page != self.page {
            self.page = page;
            self.key = if page == 0 { self.seed } else { block(self.seed, [page, PAGE_BLOCK]) };
        }
        self.key
    }

    /// Words `2·number` and `2·number + 1` of sample `index`; `number` < 2³² - 1.
    #[inline]
    pub fn block(&mut self, index: u64, number: u32) -> [u32; 2] {
        block(self.key(index), [index as u32, number])
    }
}

/// What a sampler draws from.
pub trait Noise {
    /// Words `2·block` and `2·block + 1` of samples `first`, `first + 1`, …, one sample a lane.
    fn words<S: Simd>(&mut self, s: S, first: u64, block: u32) -> [S::U; 2];
}

/// The words of a seed: random access, the same on every target.
///
/// ```
/// use pushforward::{noise::{Noise, Stream, block}, simd::Scalar};
/// let mut noise = Stream::new(7);
/// assert_eq!(noise.words(Scalar, 5, 2), block([7, 0], [5, 2]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream(Threefry);

impl Stream {
    /// The stream of `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(Threefry::new(seed))
    }

    /// Words `2·number` and `2·number + 1` of sample `index`; `number` < 2³² - 1.
    #[inline]
    pub fn block(&mut self, index: u64, number: u32) -> [u32; 2] {
        self.0.block(index, number)
    }
}

impl Noise for Stream {
    #[inline(always)]
    fn words<S: Simd>(&mut self, s: S, first: u64, block: u32) -> [S::U; 2] {
        let low = first as u32;
        if low.checked_add(S::LANES as u32 - 1).is_some() {
            let lanes = s.add_u(s.splat_u(low), s.lane_numbers());
            return threefry(s, self.0.key(first), [lanes, s.splat_u(block)]);
        }
        // The vector ends on another page: lane by lane.
        let mut each = |word: fn([u32; 2]) -> u32| {
            let mut index = first;
            s.from_words(|| {
                let both = self.0.block(index, block);
                index = index.wrapping_add(1);
                word(both)
            })
        };
        [each(|[a, _]| a), each(|[_, b]| b)]
    }
}

/// The words of another source from a block on, which is block 0 here.
#[derive(Debug)]
pub struct After<'a, N> {
    /// The source.
    pub noise: &'a mut N,
    /// Blocks that are left out.
    pub blocks: u32,
}

impl<N: Noise> Noise for After<'_, N> {
    #[inline(always)]
    fn words<S: Simd>(&mut self, s: S, first: u64, block: u32) -> [S::U; 2] {
        self.noise.words(s, first, block.wrapping_add(self.blocks))
    }
}

/// Words of any generator, taken in the order in which the sampler asks.
///
/// Not random access: the sample index is ignored, so what a sample gets depends on everything
/// drawn before and on the SIMD level. For hardware entropy, and for distribution tests against
/// another generator. A generator that can fail is wrapped in [`rand_core::UnwrapErr`] first,
/// which panics when it does.
///
/// ```
/// use pushforward::{noise::{FromRng, Noise, SampleRng}, simd::Scalar};
/// let mut noise = FromRng(SampleRng::new(7, 0));
/// let first = noise.words(Scalar, 0, 0);
/// assert_ne!(noise.words(Scalar, 0, 0), first);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FromRng<R>(pub R);

impl<R: Rng> Noise for FromRng<R> {
    #[inline(always)]
    fn words<S: Simd>(&mut self, s: S, _first: u64, _block: u32) -> [S::U; 2] {
        [s.from_words(|| self.0.next_u32()), s.from_words(|| self.0.next_u32())]
    }
}

/// The words of one sample as a generator of the `rand` ecosystem, which can be sought.
///
/// After its last word (2³³ - 2 of them) it goes on with the next sample's first. Not for
/// cryptography.
///
/// ```
/// use pushforward::noise::{SampleRng, block};
/// use rand_core::Rng;
/// let mut rng = SampleRng::new(7, 5);
/// rng.seek(5, 4);
/// assert_eq!([rng.next_u32(), rng.next_u32()], block([7, 0], [5, 2]));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleRng {
    threefry: Threefry,
    index: u64,
    block: u32,
    /// The second word of the block before, if it is next.
    odd: Option<u32>,
}

impl SampleRng {
    /// Words of a sample before [`PAGE_BLOCK`].
    const WORDS: u64 = 2 * PAGE_BLOCK as u64;

    /// At word 0 of sample `index` under `seed`.
    pub const fn new(seed: u64, index: u64) -> Self {
        Self { threefry: Threefry::new(seed), index, block: 0, odd: None }
    }

    /// Goes to word `word` of sample `index`.
    pub fn seek(&mut self, index: u64, word: u64) {
        self.index = index.wrapping_add(word / Self::WORDS);
        let word = word % Self::WORDS;
        self.block = (word / 2) as u32;
        self.odd = None;
        if word % 2 == 1 {
            self.next();
        }
    }

    fn next(&mut self) -> u32 {
        if let Some(word) = self.odd.take() {
            return word;
        }
        let [even, odd] = self.threefry.block(self.index, self.block);
        self.odd = Some(odd);
        self.block += 1;
        if self.block == PAGE_BLOCK {
            self.block = 0;
            self.index = self.index.wrapping_add(1);
        }
        even
    }
}

impl TryRng for SampleRng {
    type Error = Infallible;

    #[inline]
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.next())
    }
    #[inline]
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        utils::next_u64_via_u32(self)
    }
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        utils::fill_bytes_via_next_word(bytes, || self.try_next_u32())
    }
}

/// The 8 bytes are the seed, little-endian; starts at word 0 of sample 0.
impl SeedableRng for SampleRng {
    type Seed = [u8; 8];

    fn from_seed(seed: [u8; 8]) -> Self {
        Self::new(u64::from_le_bytes(seed), 0)
    }
    /// The seed as it is: `seed_from_u64(s)` draws what a sampler with seed `s` draws.
    fn seed_from_u64(seed: u64) -> Self {
        Self::new(seed, 0)
    }
}

/// √(π/2), the limit of |x|/(1 - 2p) at the centre.
const START: f32 = 1.2533141;
/// A mean slope of |x|/(1 - 2p) in w, which leaves the quotient below a small correction.
const SLOPE: f32 = 0.25;
/// Numerator of the slope's correction on 0 ≤ w ≤ 31·ln 2.
const NUMERATOR: [f32; 6] =
    [0.07811711, 0.023775728, 0.0009629162, 0.0002486542, -7.5264356e-06, -7.405356e-07];
/// Its denominator.
const DENOMINATOR: [f32; 6] =
    [1.0, 0.09529071, 0.03464543, 0.0023133582, 0.0002480242, 3.7225755e-06];

/// One word to one standard normal number, by the inverse of the distribution function.
///
/// The top bit of the word is the sign bit of the result. The other 31, as an integer `v`, give
/// the probability of the tail beyond it, `p = (v + ½)/2³²`, and `|x| = -Φ⁻¹(p)` to 3.08 ulp
/// (2.3e-7 relative, in the tail and at the centre alike). The support is thus 2³² points of equal
/// probability, symmetric about zero, the outermost ±6.338 and the innermost
/// ±2.9e-10; a true normal number lies beyond with probability 2⁻³².
///
/// Method: `|x|/(1 - 2p)` is a smooth function of `w = -ln(4p(1-p))` from the centre to the tail
/// (the variable of M. Giles, *Approximating the erfinv function*, 2010): a line and a rational
/// correction `√(π/2) + w (¼ + P(w)/Q(w))`, a minimax fit of our own
/// (`tests/reference/fit_math.py`). The correction is small, so that its rounding errors are too.
///
/// ```
/// use pushforward::{noise::normal, simd::Scalar};
/// let x = normal(Scalar, 681_419_126); // p = 0.158655...
/// assert!((x - 1.0).abs() < 1e-6);
/// assert_eq!(normal(Scalar, 681_419_126 | 1 << 31), -x);
/// ```
#[inline(always)]
pub fn normal<S: Simd>(s: S, words: S::U) -> S::F {
    let x = normal_quantile(s, normal_parts(s, words));
    s.from_bits(s.or(s.bits(x), s.and(words, s.splat_u(0x8000_0000))))
}

/// `4p` and `1 − 2p` of words as [`normal`] reads them: both from integers, so both relatively accurate where
/// they are small.
#[inline(always)]
pub(crate) fn normal_parts<S: Simd>(s: S, words: S::U) -> [S::F; 2] {
    let low = s.splat_u(0x7fff_ffff);
    let v = s.and(words, low);
    let half = s.splat(0.5);
    let tail = s.mul(s.add(s.i32_to_float(v), half), s.splat(1.0 / 1_073_741_824.0));
    let centre = s.mul(s.add(s.i32_to_float(s.xor(v, low)), half), s.splat(1.0 / 2_147_483_648.0));
    [tail, centre]
}

/// `-Φ⁻¹(p)` of `4p` and `1 − 2p`, which is not negative.
#[inline(always)]
pub(crate) fn normal_quantile<S: Simd>(s: S, [tail, centre]: [S::F; 2]) -> S::F {
    let product = s.mul(tail, s.sub(s.splat(1.0), s.mul(tail, s.splat(0.25))));
    let w = s.sub(s.splat(0.0), ln_normal(s, product));
    let correction = s.div(polynomial(s, w, NUMERATOR), polynomial(s, w, DENOMINATOR));
    let ratio = s.add(s.mul(w, s.add(correction, s.splat(SLOPE))), s.splat(START));
    s.mul(centre, ratio)
}
