//! Distributions: how a model is drawn and scored over any number of rows.
//!
//! A model implements [`Distribution`]: draw or score one tile, whatever its width. [`sample`] and
//! [`log_prob`] cut rows into tiles that suit the level, and the rest into narrower ones; a row's
//! bits do not depend on the cut.
//!
//! # Given a context
//! A conditional model, `p(x | c)`, is asked for [`Given`] a context: the same for all rows, or one a
//! row. A model without context is `Given` nothing, and a reference to it will do.
//!
//! # Outside the support
//! A model says where its values lie ([`Distribution::domain`]), and what that means is enforced here, once
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
//! ([`crate::flow`] has the bound). [`sample_scored`] returns the value at the row, at the cost
//! of a draw and a score.

use crate::domain::{
    Domain, Element, Rows, RowsMut, TO_TOP, TOP, Value, load_rows, outside, store_rows,
};
use crate::kernel::{Arith, Batch, Lanes, Single, take, take_mut};
use crate::noise::Noise;
use crate::simd::{Kernel, Level, Simd, dispatch};

/// Vectors of samples in a full tile.
const WIDE: usize = 4;

/// A distribution with exact draws and exact log-probabilities, one tile at a time.
pub trait Distribution {
    /// The rounding of its dense multiply-adds.
    type Arith: Arith;
    /// Whether values may be categories, and so rows of unsigned integers.
    const CATEGORIES: bool = false;
    /// Where its values lie.
    fn domain(&self) -> Domain<'_>;
    /// Values in a sample.
    fn dim(&self) -> usize;
    /// Values of context that it is conditioned on.
    fn context(&self) -> usize;
    /// Values of scratch besides the sample's own and the context's.
    fn scratch(&self) -> usize;
    /// Draws a tile into `x`, given its context, and returns its log-probability (nats), zeros if not
    /// wanted.
    fn draw<L: Lanes, N: Noise>(
        &self,
        lanes: L,
        draws: &mut Draws<L, N>,
        context: &[L::V],
        x: &mut [L::V],
        want_log_prob: bool,
        scratch: &mut [L::V],
    ) -> L::V;
    /// The log-probability (nats) of the tile in `x`, given its context; it may overwrite `x`. What it
    /// says of rows outside [`Distribution::domain`] does not matter.
    fn score<L: Lanes>(
        &self,
        lanes: L,
        context: &[L::V],
        x: &mut [L::V],
        scratch: &mut [L::V],
    ) -> L::V;
}

/// A distribution given a context.
#[derive(Debug)]
pub struct Given<'a, D> {
    /// The distribution.
    pub model: &'a D,
    /// Its context: the values of one, for all rows, or one context a row.
    pub context: &'a [f32],
}

impl<D> Clone for Given<'_, D> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<D> Copy for Given<'_, D> {}

impl<'a, D> From<&'a D> for Given<'a, D> {
    #[inline(always)]
    fn from(model: &'a D) -> Self {
        Self { model, context: &[] }
    }
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

    /// Where the words come from, and the first sample of the tile.
    #[inline(always)]
    pub(crate) fn source(&mut self) -> (&mut N, u64) {
        (self.noise, self.first)
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
    /// The context is not that of one row, nor one a row.
    Context {
        /// Floats given.
        found: usize,
        /// Floats of one row's.
        one: usize,
        /// Rows given.
        rows: usize,
    },
    /// Rows of this type do not hold the model's values.
    Element {
        /// The type.
        found: Element,
        /// One that does.
        expected: Element,
    },
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
            Error::Context { found, one, rows } => {
                write!(
                    f,
                    "context: found {found} floats, expected {one}, or {one} for each of {rows} rows"
                )
            }
            Error::Element { found, expected } => {
                let (found, expected) = (found.name(), expected.name());
                write!(
                    f,
                    "rows: found {found} elements, expected {expected}, which hold the model's values"
                )
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
pub fn scratch_len<D: Distribution>(model: &D, level: Level, rows: usize) -> usize {
    let lanes = level.lanes();
    let samples = if rows >= least_rows(lanes) { WIDE * lanes } else { 1 };
    values(model) * if lanes == 1 { 1 } else { samples }
}

/// Values that one sample takes: context, row and scratch.
#[inline(always)]
fn values<D: Distribution>(model: &D) -> usize {
    model.context() + model.dim() + model.scratch()
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
/// Buffers of the wrong length, or rows that do not hold the values; nothing is written then.
/// [`Error::NotFinite`] if a draw overflowed; everything is written then, NaN as its
/// log-probability.
pub fn sample<'a, D: Distribution + 'a, N: Noise, X: Value>(
    model: impl Into<Given<'a, D>>,
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
pub fn sample_rows<'a, D: Distribution + 'a, N: Noise>(
    model: impl Into<Given<'a, D>>,
    level: Level,
    noise: &mut N,
    first: u64,
    rows: RowsMut<'_>,
    log_prob: Option<&mut [f32]>,
    scratch: &mut [f32],
) -> Result<(), Error> {
    let given = model.into();
    let domain = given.model.domain();
    if !domain.holds(rows.element()) {
        return Err(Error::Element { found: rows.element(), expected: domain.element() });
    }
    let found = log_prob.as_ref().map(|p| p.len());
    let rows_left = check(given, rows.len(), found, scratch.len())?;
    let failed = None;
    let draw = Sample { given, noise, first, rows, row: 0, rows_left, log_prob, scratch, failed };
    match dispatch(level, draw) {
        None => Ok(()),
        Some(sample) => Err(Error::NotFinite { sample }),
    }
}

/// [`sample`], with the log-probability (nats) of each row *as it was rounded*: the bits that
/// [`log_prob`] has for it, at the cost of a draw and a score. NaN for a row that is not finite.
///
/// ```
/// use pushforward::distribution::{log_prob, sample_scored};
/// use pushforward::{activation::Leaky, base::Normal, flow::Flow, kernel::Plain};
/// use pushforward::{layer::Coupling, network::Mlp};
/// use pushforward::{noise::Stream, simd::Level, univariate::RationalQuadratic};
///
/// // A spline of two bins moves the second coordinate by the first.
/// let weights: &[f32] = &[0.1, -0.2, 0.3, 0.0, 0.5, 0.4, -0.3, 0.2, 0.1, -1.0];
/// let network: Mlp = Mlp::new(1, &[], 5, Leaky, weights).unwrap();
/// let mask = [true, false];
/// let spline = RationalQuadratic::new(2, 3.0).unwrap();
/// let coupling = Coupling::new(&mask, network, spline).unwrap();
/// let flow = Flow::<_, _, Plain>::new(2, 0, Normal, coupling).unwrap();
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
pub fn sample_scored<'a, D: Distribution + 'a, N: Noise, X: Value>(
    model: impl Into<Given<'a, D>>,
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
pub fn sample_scored_rows<'a, D: Distribution + 'a, N: Noise>(
    model: impl Into<Given<'a, D>>,
    level: Level,
    noise: &mut N,
    first: u64,
    mut rows: RowsMut<'_>,
    log_prob: &mut [f32],
    scratch: &mut [f32],
) -> Result<(), Error> {
    let given = model.into();
    let out = Some(&mut *log_prob);
    let drawn = sample_rows(given, level, noise, first, rows.reborrow(), out, scratch);
    let scored = matches!(drawn, Ok(()) | Err(Error::NotFinite { .. }));
    let model = given.model;
    // The path of discrete values is the score, to the bit.
    if let (true, true, RowsMut::F32(rows)) = (model.domain().is_real(), scored, rows) {
        log_prob_rows(given, level, Rows::F32(rows), log_prob, scratch)?;
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
pub fn log_prob<'a, D: Distribution + 'a, X: Value>(
    model: impl Into<Given<'a, D>>,
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
pub fn log_prob_rows<'a, D: Distribution + 'a>(
    model: impl Into<Given<'a, D>>,
    level: Level,
    rows: Rows<'_>,
    out: &mut [f32],
    scratch: &mut [f32],
) -> Result<(), Error> {
    let given = model.into();
    if let (false, Rows::U8(_) | Rows::U16(_)) = (D::CATEGORIES, rows) {
        let expected = given.model.domain().element();
        return Err(Error::Element { found: rows.element(), expected });
    }
    check(given, rows.len(), Some(out.len()), scratch.len())?;
    dispatch(level, LogProb { given, rows, row: 0, out, scratch });
    Ok(())
}

/// The number of rows, if all buffers fit.
#[inline(always)]
fn check<D: Distribution>(
    given: Given<'_, D>,
    found: usize,
    log_prob: Option<usize>,
    scratch: usize,
) -> Result<usize, Error> {
    let Given { model, context } = given;
    let (dim, one) = (model.dim(), model.context());
    let rows = found.checked_div(dim).unwrap_or(0);
    if rows * dim != found {
        return Err(Error::Rows { found, dim });
    }
    if context.len() != one && context.len() != one * rows {
        return Err(Error::Context { found: context.len(), one, rows });
    }
    if let Some(found) = log_prob
        && found != rows
    {
        return Err(Error::LogProb { found, expected: rows });
    }
    let expected = values(model);
    if scratch < expected {
        return Err(Error::Scratch { found: scratch, expected });
    }
    Ok(rows)
}

struct Sample<'a, D, N> {
    given: Given<'a, D>,
    noise: &'a mut N,
    first: u64,
    rows: RowsMut<'a>,
    /// The first of them in the call.
    row: usize,
    rows_left: usize,
    log_prob: Option<&'a mut [f32]>,
    scratch: &'a mut [f32],
    /// The first sample that is not finite.
    failed: Option<u64>,
}

impl<D: Distribution, N: Noise> Sample<'_, D, N> {
    /// Draws whole tiles while at least `least` rows are left.
    #[inline(always)]
    fn tiles<L: Lanes>(&mut self, lanes: L, least: usize) {
        let Given { model, context: contexts } = self.given;
        let (domain, one, dim) = (model.domain(), model.context(), model.dim());
        let Some([context, x, scratch]) = buffers::<L>([one, dim, model.scratch()], self.scratch)
        else {
            return;
        };
        while self.rows_left >= least {
            let (row, n) = (self.row, L::SAMPLES.min(self.rows_left));
            if one > 0 {
                apart(lanes, Contexts { lanes, one, contexts, row, n, context });
            }
            let mut draws = Draws::new(lanes, &mut *self.noise, self.first);
            let want = self.log_prob.is_some();
            let (given, values) = (&*L::values(context), L::values(x));
            let log_prob = model.draw(lanes, &mut draws, given, values, want, L::values(scratch));
            let (rows, out) = (self.rows.take(), self.log_prob.take());
            let tile = Drawn { lanes, domain, dim, n, x, log_prob };
            let (rows, out, failed) = if D::CATEGORIES {
                apart(lanes, Write::<_, true> { tile, rows, out })
            } else {
                apart(lanes, Write::<_, false> { tile, rows, out })
            };
            (self.rows, self.log_prob) = (rows, out);
            if let (None, Some(i)) = (self.failed, failed) {
                self.failed = Some(self.first.wrapping_add(i as u64));
            }
            self.first = self.first.wrapping_add(n as u64);
            self.row += n;
            self.rows_left -= n;
        }
    }
}

impl<D: Distribution, N: Noise> Kernel for Sample<'_, D, N> {
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
    given: Given<'a, D>,
    rows: Rows<'a>,
    /// The first of them in the call.
    row: usize,
    out: &'a mut [f32],
    scratch: &'a mut [f32],
}

impl<D: Distribution> LogProb<'_, D> {
    #[inline(always)]
    fn tiles<L: Lanes>(&mut self, lanes: L, least: usize) {
        let Given { model, context: contexts } = self.given;
        let (domain, one, dim) = (model.domain(), model.context(), model.dim());
        let Some([context, x, scratch]) = buffers::<L>([one, dim, model.scratch()], self.scratch)
        else {
            return;
        };
        while self.out.len() >= least {
            let (row, rows, n) = (self.row, self.rows, L::SAMPLES.min(self.out.len()));
            if one > 0 {
                apart(lanes, Contexts { lanes, one, contexts, row, n, context });
            }
            let outside;
            (self.rows, outside) = if D::CATEGORIES {
                apart(lanes, Read::<_, true> { lanes, domain, dim, n, rows, x })
            } else {
                apart(lanes, Read::<_, false> { lanes, domain, dim, n, rows, x })
            };
            let (given, values) = (&*L::values(context), L::values(x));
            let log_prob = model.score(lanes, given, values, L::values(scratch));
            let out = core::mem::take(&mut self.out);
            self.out = apart(lanes, Scored { lanes, outside, log_prob, n, out });
            self.row += n;
        }
    }
}

impl<D: Distribution> Kernel for LogProb<'_, D> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        if S::LANES > 1 {
            self.tiles(Batch::<S, D::Arith, WIDE>::new(s), least_rows(S::LANES));
        }
        self.tiles(Single::<S, D::Arith>::new(s), 1);
    }
}

// What a tile reads and writes is the same for all models: these are functions of their own, one copy
// for all, which is half of the code that a program with all models would otherwise have.

/// Runs a kernel in a function of its own; in its place on a microcontroller, whose few calls each have
/// one type of element, so that there is no code for others.
#[inline(always)]
fn apart<L: Lanes, K: Kernel>(lanes: L, kernel: K) -> K::Output {
    if cfg!(target_os = "none") { kernel.run(lanes.s()) } else { lanes.call(kernel) }
}

/// Writes the contexts of rows `row .. row + n` into a tile's buffer.
struct Contexts<'t, L: Lanes> {
    lanes: L,
    /// Values of one, not 0.
    one: usize,
    contexts: &'t [f32],
    row: usize,
    n: usize,
    context: &'t mut [f32],
}

impl<L: Lanes> Kernel for Contexts<'_, L> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self { lanes, one, contexts, row, n, context } = self;
        if contexts.len() == one {
            for (to, value) in L::values(context).iter_mut().zip(contexts) {
                *to = lanes.splat(*value);
            }
        } else {
            load_rows(context, L::SAMPLES, n, one, take(contexts, row * one).1, |x| x);
        }
    }
}

/// A tile that was drawn.
struct Drawn<'t, L: Lanes> {
    lanes: L,
    domain: Domain<'t>,
    dim: usize,
    /// Its rows that are wanted.
    n: usize,
    x: &'t mut [f32],
    log_prob: L::V,
}

/// Writes a tile that was drawn; gives back what is left to write, and the first of its rows that is not
/// finite.
struct Write<'t, 'r, L: Lanes, const CATEGORIES: bool> {
    tile: Drawn<'t, L>,
    rows: RowsMut<'r>,
    out: Option<&'r mut [f32]>,
}

impl<'r, L: Lanes, const CATEGORIES: bool> Kernel for Write<'_, 'r, L, CATEGORIES> {
    type Output = (RowsMut<'r>, Option<&'r mut [f32]>, Option<usize>);
    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> Self::Output {
        let Self { tile: Drawn { lanes, domain, dim, n, x, log_prob: mut p }, rows, out } = self;
        let mut failed = None;
        // Discrete values are inside by construction.
        if domain.is_real() {
            let outside = outside(lanes, domain, CATEGORIES, L::values(x));
            settle(lanes, &outside, &mut p, f32::NAN);
            failed = lanes_of::<L>(&p).take(n).position(|p| p.is_nan());
        }
        let rows = match rows {
            RowsMut::F32(rows) => RowsMut::F32(store_rows(x, L::SAMPLES, n, dim, rows, |x| x)),
            RowsMut::I8(rows) => RowsMut::I8(store_rows(x, L::SAMPLES, n, dim, rows, |x| x as i8)),
            RowsMut::U8(rows) if CATEGORIES => {
                RowsMut::U8(store_rows(x, L::SAMPLES, n, dim, rows, |x| x as u8))
            }
            RowsMut::U16(rows) if CATEGORIES => {
                RowsMut::U16(store_rows(x, L::SAMPLES, n, dim, rows, |x| x as u16))
            }
            rows => rows,
        };
        let out = out.map(|out| unload::<L>(&p, n, out));
        (rows, out, failed)
    }
}

/// Reads a tile to be scored; gives back the rows that are left, and which of the tile's are [`outside`].
struct Read<'t, 'r, L: Lanes, const CATEGORIES: bool> {
    lanes: L,
    domain: Domain<'t>,
    dim: usize,
    n: usize,
    rows: Rows<'r>,
    x: &'t mut [f32],
}

impl<'r, L: Lanes, const CATEGORIES: bool> Kernel for Read<'_, 'r, L, CATEGORIES> {
    type Output = (Rows<'r>, L::V);
    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> Self::Output {
        let Self { lanes, domain, dim, n, rows, x } = self;
        let rows = match rows {
            Rows::F32(rows) => Rows::F32(load_rows(x, L::SAMPLES, n, dim, rows, |x| x)),
            Rows::I8(rows) => Rows::I8(load_rows(x, L::SAMPLES, n, dim, rows, f32::from)),
            Rows::U8(rows) if CATEGORIES => {
                Rows::U8(load_rows(x, L::SAMPLES, n, dim, rows, f32::from))
            }
            Rows::U16(rows) if CATEGORIES => {
                Rows::U16(load_rows(x, L::SAMPLES, n, dim, rows, f32::from))
            }
            rows => rows,
        };
        (rows, outside(lanes, domain, CATEGORIES, L::values(x)))
    }
}

/// Writes a tile's scores; gives back where the next are written.
struct Scored<'r, L: Lanes> {
    lanes: L,
    outside: L::V,
    log_prob: L::V,
    n: usize,
    out: &'r mut [f32],
}

impl<'r, L: Lanes> Kernel for Scored<'r, L> {
    type Output = &'r mut [f32];
    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> Self::Output {
        let Self { lanes, outside, log_prob: mut p, n, out } = self;
        settle(lanes, &outside, &mut p, f32::NEG_INFINITY);
        unload::<L>(&p, n, out)
    }
}

/// A tile's context, row and scratch, of so many values, cut from the scratch of a call, if they fit.
fn buffers<L: Lanes>(sizes: [usize; 3], scratch: &mut [f32]) -> Option<[&mut [f32]; 3]> {
    let [context, dim, more] = sizes;
    if dim == 0 || scratch.len() < (context + dim + more) * L::SAMPLES {
        return None;
    }
    let (context, scratch) = take_mut(scratch, context * L::SAMPLES);
    let (x, scratch) = take_mut(scratch, dim * L::SAMPLES);
    Some([context, x, scratch])
}

/// The lanes of a value.
#[inline(always)]
fn lanes_of<L: Lanes>(value: &L::V) -> impl Iterator<Item = &f32> {
    value.as_ref().iter().flat_map(|a| a.as_ref())
}

/// Writes the first lanes of a value, and returns the rest of where they go.
#[inline(always)]
fn unload<'r, L: Lanes>(value: &L::V, n: usize, out: &'r mut [f32]) -> &'r mut [f32] {
    let (now, later) = take_mut(out, n);
    for (to, from) in now.iter_mut().zip(lanes_of::<L>(value)) {
        *to = *from;
    }
    later
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
