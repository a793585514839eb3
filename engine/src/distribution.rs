//! Distributions: how a model is drawn and scored over any number of rows.
//!
//! A model implements [`Tile`]: draw or score one tile, whatever its width. [`sample`] and
//! [`log_prob`] cut rows into tiles that suit the level, and the rest into narrower ones; a row's
//! bits do not depend on the cut.
//!
//! # Outside the support
//! A model says where its values lie ([`Tile::DOMAIN`]), and what that means is enforced here, once
//! for all models. [`log_prob`] gives −∞ for a row that the model cannot draw: a spin that is not
//! ±1, a NaN, an infinity. It gives −∞ too for a real row so far out that the arithmetic leaves the
//! range of `f32` (its density is 0 as far as `f32` can say), and never NaN.
//!
//! A flow with large weights can overflow while it *draws*. Such a row is written as it came, its
//! log-probability is NaN, so that neither a finite nor an infinite weight can be made of it, and
//! the call returns [`Error::NotFinite`] with the first such sample once all rows are written.
//!
//! # At the path or at the row
//! [`sample`] returns ln q along the path of the draw, where every intermediate value is at hand.
//! The row itself is rounded to `f32`, and ln q of *that* row is what [`log_prob`] says. For spins
//! the two have the same bits; for flows they differ by what the rounding of the row does to ln q
//! ([`crate::coupling`] has the bound). [`sample_scored`] returns the value at the row, at the cost
//! of a draw and a score.

use crate::kernel::{Arith, Batch, Lanes, Single, take, take_mut};
use crate::noise::Noise;
use crate::simd::{Kernel, Level, Simd, dispatch};

/// Vectors of samples in a full tile.
const WIDE: usize = 4;

/// Where the values of a row lie; see the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// Finite real numbers. They are drawn into `f32`; `i8` rows can be scored and are widened
    /// exactly.
    Real,
    /// Spins ±1, as `f32` or `i8`.
    Spin,
}

/// An element of a row: `f32`, or `i8` for spins.
pub trait Value: Copy + Send + Sync + 'static {
    /// Rows to read.
    fn rows(rows: &[Self]) -> Rows<'_>;
    /// Rows to write.
    fn rows_mut(rows: &mut [Self]) -> RowsMut<'_>;
}

/// Rows of either element type: kernels are compiled once for both.
#[derive(Clone, Copy, Debug)]
pub enum Rows<'a> {
    /// Reals, or spins as ±1.0.
    F32(&'a [f32]),
    /// Spins ±1.
    I8(&'a [i8]),
}

/// [`Rows`] to write.
#[derive(Debug)]
pub enum RowsMut<'a> {
    /// Reals, or spins as ±1.0.
    F32(&'a mut [f32]),
    /// Spins ±1.
    I8(&'a mut [i8]),
}

impl Value for f32 {
    fn rows(rows: &[f32]) -> Rows<'_> {
        Rows::F32(rows)
    }
    fn rows_mut(rows: &mut [f32]) -> RowsMut<'_> {
        RowsMut::F32(rows)
    }
}

impl Value for i8 {
    fn rows(rows: &[i8]) -> Rows<'_> {
        Rows::I8(rows)
    }
    fn rows_mut(rows: &mut [i8]) -> RowsMut<'_> {
        RowsMut::I8(rows)
    }
}

impl RowsMut<'_> {
    pub(crate) fn len(&self) -> usize {
        match self {
            RowsMut::F32(rows) => rows.len(),
            RowsMut::I8(rows) => rows.len(),
        }
    }
    fn reborrow(&mut self) -> RowsMut<'_> {
        match self {
            RowsMut::F32(rows) => RowsMut::F32(rows),
            RowsMut::I8(rows) => RowsMut::I8(rows),
        }
    }
}

impl Rows<'_> {
    fn len(&self) -> usize {
        match self {
            Rows::F32(rows) => rows.len(),
            Rows::I8(rows) => rows.len(),
        }
    }
}

/// Features that are transposed together: few enough for their cache lines to stay until all
/// samples have passed.
const TRANSPOSED: usize = 64;

/// Writes a tile, feature by feature in `x`, to the first rows, and returns the rest of them.
#[inline(always)]
fn store_rows<'a, X>(
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
fn load_rows<'a, X: Copy>(
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

/// A distribution with exact draws and exact log-probabilities, one tile at a time.
pub trait Tile {
    /// The rounding of its dense multiply-adds.
    type Arith: Arith;
    /// Where its values lie.
    const DOMAIN: Domain;
    /// Values in a sample.
    fn dim(&self) -> usize;
    /// Values of scratch besides the sample's own.
    fn scratch(&self) -> usize;
    /// Draws a tile into `x` and returns its log-probability (nats), zeros if not wanted.
    fn draw<L: Lanes, N: Noise>(
        &self,
        lanes: L,
        draws: &mut Draws<L, N>,
        x: &mut [L::V],
        want_log_prob: bool,
        scratch: &mut [L::V],
    ) -> L::V;
    /// The log-probability (nats) of the tile in `x`, which it may overwrite. What it says of rows
    /// outside [`Tile::DOMAIN`] does not matter.
    fn score<L: Lanes>(&self, lanes: L, x: &mut [L::V], scratch: &mut [L::V]) -> L::V;
}

/// The noise words of the samples in a tile; a block of two words is computed once.
#[derive(Debug)]
pub struct Draws<'n, L: Lanes, N> {
    noise: &'n mut N,
    first: u64,
    block: Option<u32>,
    /// Bit patterns of words 2·block and 2·block + 1.
    words: [L::V; 2],
}

impl<'n, L: Lanes, N: Noise> Draws<'n, L, N> {
    /// The words of samples `first ..` from `noise`.
    #[inline(always)]
    pub fn new(lanes: L, noise: &'n mut N, first: u64) -> Self {
        Self { noise, first, block: None, words: [lanes.splat(0.0); 2] }
    }

    /// Word number `word` of each sample, as bit patterns.
    #[inline(always)]
    pub fn words(&mut self, lanes: L, word: u32) -> L::V {
        let block = word / 2;
        if self.block != Some(block) {
            self.block = Some(block);
            lanes.call(Refill { draws: self, lanes, block });
        }
        let [even, odd] = &self.words;
        if word.is_multiple_of(2) { *even } else { *odd }
    }
}

/// The next block of noise words, in a function of its own.
struct Refill<'a, 'n, L: Lanes, N> {
    draws: &'a mut Draws<'n, L, N>,
    lanes: L,
    block: u32,
}

impl<L: Lanes, N: Noise> Kernel for Refill<'_, '_, L, N> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let s = self.lanes.s();
        let mut first = self.draws.first;
        let [even, odd] = &mut self.draws.words;
        for (even, odd) in even.as_mut().iter_mut().zip(odd.as_mut()) {
            let [a, b] = self.draws.noise.words(s, first, self.block);
            s.store(s.from_bits(a), even);
            s.store(s.from_bits(b), odd);
            first = first.wrapping_add(<L::S as Simd>::LANES as u64);
        }
    }
}

/// What is wrong with the buffers of a call, or with what was drawn into them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The scratch is too small for even one sample (floats).
    Scratch {
        /// Floats given.
        found: usize,
        /// Floats needed.
        expected: usize,
    },
    /// The rows are not a whole number of samples.
    Rows {
        /// Values given.
        found: usize,
        /// Values in a sample.
        dim: usize,
    },
    /// The log-probabilities are not one a row.
    LogProb {
        /// Floats given.
        found: usize,
        /// Rows given.
        expected: usize,
    },
    /// Real numbers were to be drawn into `i8`, which would cut them off.
    Element,
    /// A draw overflowed: its row or its log-probability is not finite. All rows were written.
    NotFinite {
        /// The first such sample in the stream.
        sample: u64,
    },
}

impl core::fmt::Display for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Error::Scratch { found, expected } => {
                write!(f, "scratch: found {found} floats, expected at least {expected}")
            }
            Error::Rows { found, dim } => {
                write!(f, "rows: found {found} values, expected a multiple of {dim}")
            }
            Error::LogProb { found, expected } => {
                write!(f, "log_prob: found {found} floats, expected one a row, {expected}")
            }
            Error::Element => {
                write!(f, "rows: found i8 elements, expected f32: the model draws real numbers")
            }
            Error::NotFinite { sample } => {
                write!(
                    f,
                    "sample {sample}: found a value that is not finite, expected finite ones: the model overflowed as it drew"
                )
            }
        }
    }
}

impl core::error::Error for Error {}

/// Floats of scratch for calls on `rows` rows at `level`. Less, down to the figure for one row, is
/// allowed and slower.
pub fn scratch_len<D: Tile>(model: &D, level: Level, rows: usize) -> usize {
    let lanes = level.lanes();
    let samples = if rows >= least_rows(lanes) { WIDE * lanes } else { 1 };
    (model.dim() + model.scratch()) * if lanes == 1 { 1 } else { samples }
}

/// Rows from which a whole tile, part of it unused, is quicker than one row at a time.
#[inline(always)]
const fn least_rows(lanes: usize) -> usize {
    WIDE * lanes / 8 + 1
}

/// Draws samples `first, first + 1, …` into `rows` (row-major, `dim` values each) and, if asked,
/// their log-probabilities (nats) along the path of the draw.
///
/// # Errors
/// Buffers of the wrong length, or `i8` rows for real numbers; nothing is written then.
/// [`Error::NotFinite`] if a draw overflowed; everything is written then, NaN as its
/// log-probability.
pub fn sample<D: Tile, N: Noise, X: Value>(
    model: &D,
    level: Level,
    noise: &mut N,
    first: u64,
    rows: &mut [X],
    log_prob: Option<&mut [f32]>,
    scratch: &mut [f32],
) -> Result<(), Error> {
    sample_rows(model, level, noise, first, X::rows_mut(rows), log_prob, scratch)
}

/// [`sample`] on rows of either element type.
///
/// # Errors
/// As [`sample`].
pub fn sample_rows<D: Tile, N: Noise>(
    model: &D,
    level: Level,
    noise: &mut N,
    first: u64,
    rows: RowsMut<'_>,
    log_prob: Option<&mut [f32]>,
    scratch: &mut [f32],
) -> Result<(), Error> {
    if let (Domain::Real, RowsMut::I8(_)) = (D::DOMAIN, &rows) {
        return Err(Error::Element);
    }
    let found = log_prob.as_ref().map(|p| p.len());
    let rows_left = check(model, rows.len(), found, scratch.len())?;
    let failed = None;
    let draw = Sample { model, noise, first, rows, rows_left, log_prob, scratch, failed };
    match dispatch(level, draw) {
        None => Ok(()),
        Some(sample) => Err(Error::NotFinite { sample }),
    }
}

/// [`sample`], with the log-probability (nats) of each row *as it was rounded*: the bits that
/// [`log_prob`] has for it, at the cost of a draw and a score. NaN for a row that is not finite.
///
/// ```
/// use pushforward::coupling::{Coupling, Nsf, moved};
/// use pushforward::distribution::{log_prob, sample_scored};
/// use pushforward::{kernel::Plain, noise::Stream, simd::Level};
///
/// // A spline of two bins moves the second coordinate by the first.
/// let (mask, weights) = ([true, false], [0.1, -0.2, 0.3, 0.0, 0.5, 0.4, -0.3, 0.2, 0.1, -1.0]);
/// let couplings = [Coupling { mask: &mask, moved: moved(&mask), hidden: &[], offset: 0 }];
/// let flow = Nsf::<f32, Plain>::new(2, &couplings, 2, 3.0, false, &weights).unwrap();
/// let (mut rows, mut at_rows, mut scratch) = ([0.0f32; 8], [0.0; 4], [0.0; 1024]);
/// let stream = &mut Stream::new(1);
/// sample_scored(&flow, Level::best(), stream, 0, &mut rows, &mut at_rows, &mut scratch)?;
/// let mut again = [0.0; 4];
/// log_prob(&flow, Level::best(), &rows, &mut again, &mut scratch)?;
/// assert_eq!(at_rows, again);
/// # Ok::<(), pushforward::distribution::Error>(())
/// ```
///
/// # Errors
/// As [`sample`].
pub fn sample_scored<D: Tile, N: Noise, X: Value>(
    model: &D,
    level: Level,
    noise: &mut N,
    first: u64,
    rows: &mut [X],
    log_prob: &mut [f32],
    scratch: &mut [f32],
) -> Result<(), Error> {
    sample_scored_rows(model, level, noise, first, X::rows_mut(rows), log_prob, scratch)
}

/// [`sample_scored`] on rows of either element type.
///
/// # Errors
/// As [`sample`].
pub fn sample_scored_rows<D: Tile, N: Noise>(
    model: &D,
    level: Level,
    noise: &mut N,
    first: u64,
    mut rows: RowsMut<'_>,
    log_prob: &mut [f32],
    scratch: &mut [f32],
) -> Result<(), Error> {
    let out = Some(&mut *log_prob);
    let drawn = sample_rows(model, level, noise, first, rows.reborrow(), out, scratch);
    let scored = matches!(drawn, Ok(()) | Err(Error::NotFinite { .. }));
    // The path of spins is the score, to the bit.
    if let (Domain::Real, true, RowsMut::F32(rows)) = (D::DOMAIN, scored, rows) {
        log_prob_rows(model, level, Rows::F32(rows), log_prob, scratch)?;
        if drawn.is_err() {
            for (row, ln_q) in rows.chunks_exact(model.dim().max(1)).zip(log_prob) {
                if !row.iter().all(|x| x.is_finite()) {
                    *ln_q = f32::NAN;
                }
            }
        }
    }
    drawn
}

/// The log-probability (nats) of each of `rows` (row-major, `dim` values each) into `out`; −∞
/// outside the support, see the module.
///
/// # Errors
/// Buffers of the wrong length; nothing is written then.
pub fn log_prob<D: Tile, X: Value>(
    model: &D,
    level: Level,
    rows: &[X],
    out: &mut [f32],
    scratch: &mut [f32],
) -> Result<(), Error> {
    log_prob_rows(model, level, X::rows(rows), out, scratch)
}

/// [`log_prob`] of rows of either element type.
///
/// # Errors
/// Buffers of the wrong length; nothing is written then.
pub fn log_prob_rows<D: Tile>(
    model: &D,
    level: Level,
    rows: Rows<'_>,
    out: &mut [f32],
    scratch: &mut [f32],
) -> Result<(), Error> {
    check(model, rows.len(), Some(out.len()), scratch.len())?;
    dispatch(level, LogProb { model, rows, out, scratch });
    Ok(())
}

/// The number of rows, if all buffers fit.
#[inline(always)]
fn check<D: Tile>(
    model: &D,
    values: usize,
    log_prob: Option<usize>,
    scratch: usize,
) -> Result<usize, Error> {
    let dim = model.dim();
    let rows = values.checked_div(dim).unwrap_or(0);
    if rows * dim != values {
        return Err(Error::Rows { found: values, dim });
    }
    if let Some(found) = log_prob
        && found != rows
    {
        return Err(Error::LogProb { found, expected: rows });
    }
    let expected = dim + model.scratch();
    if scratch < expected {
        return Err(Error::Scratch { found: scratch, expected });
    }
    Ok(rows)
}

struct Sample<'a, D, N> {
    model: &'a D,
    noise: &'a mut N,
    first: u64,
    rows: RowsMut<'a>,
    rows_left: usize,
    log_prob: Option<&'a mut [f32]>,
    scratch: &'a mut [f32],
    /// The first sample that is not finite.
    failed: Option<u64>,
}

impl<D: Tile, N: Noise> Sample<'_, D, N> {
    /// Draws whole tiles while at least `least` rows are left.
    #[inline(always)]
    fn tiles<L: Lanes>(&mut self, lanes: L, least: usize) {
        let dim = self.model.dim();
        let Some((x, rest)) = buffers::<L>(dim, self.model.scratch(), self.scratch) else { return };
        while self.rows_left >= least {
            let mut draws = Draws::new(lanes, &mut *self.noise, self.first);
            let want = self.log_prob.is_some();
            let mut p = self.model.draw(lanes, &mut draws, L::values(x), want, L::values(rest));
            let n = L::SAMPLES.min(self.rows_left);
            // Spins are ±1 by construction.
            if D::DOMAIN == Domain::Real {
                let outside = outside(lanes, D::DOMAIN, L::values(x));
                settle(lanes, &outside, &mut p, f32::NAN);
                let mut values = lanes_of::<L>(&p).take(n);
                if let (None, Some(i)) = (self.failed, values.position(|p| p.is_nan())) {
                    self.failed = Some(self.first.wrapping_add(i as u64));
                }
            }
            self.rows = match core::mem::replace(&mut self.rows, RowsMut::I8(&mut [])) {
                RowsMut::F32(rows) => RowsMut::F32(store_rows(x, L::SAMPLES, n, dim, rows, |x| x)),
                RowsMut::I8(rows) => {
                    RowsMut::I8(store_rows(x, L::SAMPLES, n, dim, rows, |x| x as i8))
                }
            };
            if let Some(out) = self.log_prob.take() {
                let (now, later) = take_mut(out, n);
                unload::<L>(&p, now);
                self.log_prob = Some(later);
            }
            self.first = self.first.wrapping_add(n as u64);
            self.rows_left -= n;
        }
    }
}

impl<D: Tile, N: Noise> Kernel for Sample<'_, D, N> {
    type Output = Option<u64>;
    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) -> Option<u64> {
        if S::LANES > 1 {
            self.tiles(Batch::<S, D::Arith, WIDE>::new(s), least_rows(S::LANES));
        }
        self.tiles(Single::<S, D::Arith>::new(s), 1);
        self.failed
    }
}

struct LogProb<'a, D> {
    model: &'a D,
    rows: Rows<'a>,
    out: &'a mut [f32],
    scratch: &'a mut [f32],
}

impl<D: Tile> LogProb<'_, D> {
    #[inline(always)]
    fn tiles<L: Lanes>(&mut self, lanes: L, least: usize) {
        let dim = self.model.dim();
        let Some((x, rest)) = buffers::<L>(dim, self.model.scratch(), self.scratch) else { return };
        while self.out.len() >= least {
            let n = L::SAMPLES.min(self.out.len());
            self.rows = match self.rows {
                Rows::F32(rows) => Rows::F32(load_rows(x, L::SAMPLES, n, dim, rows, |x| x)),
                Rows::I8(rows) => Rows::I8(load_rows(x, L::SAMPLES, n, dim, rows, f32::from)),
            };
            let outside = outside(lanes, D::DOMAIN, L::values(x));
            let mut p = self.model.score(lanes, L::values(x), L::values(rest));
            settle(lanes, &outside, &mut p, f32::NEG_INFINITY);
            let (now, later) = take_mut(core::mem::take(&mut self.out), n);
            unload::<L>(&p, now);
            self.out = later;
        }
    }
}

impl<D: Tile> Kernel for LogProb<'_, D> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        if S::LANES > 1 {
            self.tiles(Batch::<S, D::Arith, WIDE>::new(s), least_rows(S::LANES));
        }
        self.tiles(Single::<S, D::Arith>::new(s), 1);
    }
}

/// The sample's buffer and the scratch of a tile, if they fit.
#[inline(always)]
fn buffers<L: Lanes>(
    dim: usize,
    scratch_values: usize,
    scratch: &mut [f32],
) -> Option<(&mut [f32], &mut [f32])> {
    if dim == 0 || scratch.len() < (dim + scratch_values) * L::SAMPLES {
        return None;
    }
    Some(take_mut(scratch, dim * L::SAMPLES))
}

/// The lanes of a value.
#[inline(always)]
fn lanes_of<L: Lanes>(value: &L::V) -> impl Iterator<Item = &f32> {
    value.as_ref().iter().flat_map(|a| a.as_ref())
}

/// The first lanes of a value.
#[inline(always)]
fn unload<L: Lanes>(value: &L::V, out: &mut [f32]) {
    for (to, from) in out.iter_mut().zip(lanes_of::<L>(value)) {
        *to = *from;
    }
}

/// The top bit of a word.
const TOP: u32 = 0x8000_0000;
/// From the bits of ∞ to [`TOP`]: added to the bits of a magnitude, it sets the top bit where the
/// number is not finite.
const TO_TOP: u32 = TOP - f32::INFINITY.to_bits();

/// Samples with a value outside the domain: a word of each, with the top bit set.
#[inline(always)]
fn outside<L: Lanes>(lanes: L, domain: Domain, x: &[L::V]) -> L::V {
    let s = lanes.s();
    // Integers only: no rounding mode or flush to zero changes the answer.
    let (inside, to_top) = match domain {
        Domain::Real => (0, TO_TOP),
        Domain::Spin => (1f32.to_bits(), TOP - 1),
    };
    let mut all = lanes.splat(0.0);
    for x in x {
        for (all, x) in all.as_mut().iter_mut().zip(x.as_ref()) {
            let magnitude = s.and(s.bits(s.load(x)), s.splat_u(!TOP));
            let word = s.add_u(s.xor(magnitude, s.splat_u(inside)), s.splat_u(to_top));
            s.store(s.from_bits(s.or(s.bits(s.load(all)), word)), all);
        }
    }
    all
}

/// Replaces log-probabilities by `otherwise` where the sample is [`outside`] or the log-probability
/// itself is not finite.
#[inline(always)]
fn settle<L: Lanes>(lanes: L, outside: &L::V, log_prob: &mut L::V, otherwise: f32) {
    let s = lanes.s();
    for (p, outside) in log_prob.as_mut().iter_mut().zip(outside.as_ref()) {
        let value = s.load(p);
        let magnitude = s.and(s.bits(value), s.splat_u(!TOP));
        let word = s.or(s.bits(s.load(outside)), s.add_u(magnitude, s.splat_u(TO_TOP)));
        let good = s.lt_u(word, s.splat_u(TOP));
        s.store(s.select(good, value, s.splat(otherwise)), p);
    }
}
