//! A model loaded at run time, run by the same kernels as a compiled one.

use alloc::vec;
use alloc::vec::Vec;

use super::{
    Architecture, Arithmetic, MafSpec, Model, ModelError, Symmetry, TransformerSpec, pack,
};
use crate::autoregressive::Z2;
use crate::coupling::{Nsf, RealNvp};
use crate::distribution::{self, Rows, RowsMut, Tile, Value};
use crate::kernel::{Arith, Fused, Plain};
use crate::made::Made;
use crate::maf::Maf;
use crate::noise::{Noise, Stream};
use crate::rational_quadratic::RationalQuadratic;
use crate::simd::Level;
use crate::transformer::Affine;

/// Draws exact samples of a loaded model and scores rows, at the widest SIMD level of the CPU.
///
/// It holds packed weights and no state, so threads can share it. Each call allocates its scratch;
/// give it hundreds of rows at a time where speed matters.
#[derive(Clone, Debug)]
pub struct Sampler {
    architecture: Architecture,
    arithmetic: Arithmetic,
    level: Level,
    /// Where each layer's weights start: what a call would otherwise count again.
    offsets: Vec<usize>,
    scratch: usize,
    weights: Aligned,
}

/// Something to do with a model's concrete type.
trait Use {
    type Output;
    fn with<D: Tile>(self, model: &D) -> Self::Output;
}

struct Draw<'a, N> {
    level: Level,
    noise: &'a mut N,
    first: u64,
    rows: RowsMut<'a>,
    log_prob: Option<&'a mut [f32]>,
    /// Whether log-probabilities are those of the rounded rows.
    scored: bool,
}

impl<N: Noise> Use for Draw<'_, N> {
    type Output = Result<(), distribution::Error>;
    fn with<D: Tile>(self, model: &D) -> Self::Output {
        let Self { level, noise, first, rows, log_prob, scored } = self;
        let n = rows.len().checked_div(model.dim()).unwrap_or(0);
        let mut scratch = Aligned::new(distribution::scratch_len(model, level, n));
        let scratch = scratch.as_mut();
        match log_prob {
            Some(log_prob) if scored => distribution::sample_scored_rows(
                model, level, noise, first, rows, log_prob, scratch,
            ),
            log_prob => {
                distribution::sample_rows(model, level, noise, first, rows, log_prob, scratch)
            }
        }
    }
}

struct Score<'a> {
    level: Level,
    rows: Rows<'a>,
    out: &'a mut [f32],
}

impl Use for Score<'_> {
    type Output = Result<(), distribution::Error>;
    fn with<D: Tile>(self, model: &D) -> Self::Output {
        let Self { level, rows, out } = self;
        let mut scratch = Aligned::new(distribution::scratch_len(model, level, out.len()));
        distribution::log_prob_rows(model, level, rows, out, scratch.as_mut())
    }
}

impl Sampler {
    pub(super) fn new(model: &Model) -> Result<Self, ModelError> {
        let architecture = model.architecture().clone();
        let packed = pack(model);
        let expected = architecture.packed_len();
        if packed.len() != expected {
            return Err(ModelError::Parameters { found: packed.len(), expected });
        }
        let mut weights = Aligned::new(packed.len());
        weights.as_mut().copy_from_slice(&packed);
        let level = Level::best();
        let offsets = architecture.offsets();
        let scratch = architecture.scratch_len() - architecture.dim();
        let arithmetic = model.arithmetic();
        Ok(Self { architecture, arithmetic, level, offsets, scratch, weights })
    }

    /// The same sampler at another level; the bits are equal.
    #[must_use]
    pub fn with_level(self, level: Level) -> Self {
        Self { level, ..self }
    }

    /// The level it runs at.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Values in a sample.
    pub fn dim(&self) -> usize {
        self.architecture.dim()
    }

    /// Draws samples `first, first + 1, …` of the stream `seed` into `rows` (row-major, `dim`
    /// values each) and, if asked, their log-probabilities (nats, one a row). A draw that overflowed
    /// has NaN as its log-probability; [`Sampler::try_sample`] says which was the first.
    ///
    /// # Panics
    /// If `rows` is not a whole number of samples, `log_prob` not one value a row, or real numbers
    /// are to be drawn into `i8`: mistakes of the calling program. See [`Sampler::try_sample`] for the form that returns them.
    pub fn sample<X: Value>(
        &self,
        seed: u64,
        first: u64,
        rows: &mut [X],
        log_prob: Option<&mut [f32]>,
    ) {
        match self.try_sample(seed, first, rows, log_prob) {
            Ok(()) | Err(distribution::Error::NotFinite { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }

    /// [`Sampler::sample`] with wrong buffers and draws that overflowed as errors.
    ///
    /// # Errors
    /// As [`distribution::sample`].
    pub fn try_sample<X: Value>(
        &self,
        seed: u64,
        first: u64,
        rows: &mut [X],
        log_prob: Option<&mut [f32]>,
    ) -> Result<(), distribution::Error> {
        self.sample_stream(seed, first, X::rows_mut(rows), log_prob, false)
    }

    /// [`Sampler::try_sample`] with the log-probability (nats) of each row *as it was rounded*: the
    /// bits of [`Sampler::log_prob`], at the cost of a draw and a score. For spins they are those of
    /// the draw itself.
    ///
    /// # Errors
    /// As [`distribution::sample`].
    pub fn try_sample_scored<X: Value>(
        &self,
        seed: u64,
        first: u64,
        rows: &mut [X],
        log_prob: &mut [f32],
    ) -> Result<(), distribution::Error> {
        self.sample_stream(seed, first, X::rows_mut(rows), Some(log_prob), true)
    }

    /// Not generic, so that the kernels are compiled in this crate and not in every user's.
    fn sample_stream(
        &self,
        seed: u64,
        first: u64,
        rows: RowsMut<'_>,
        log_prob: Option<&mut [f32]>,
        scored: bool,
    ) -> Result<(), distribution::Error> {
        let noise = &mut Stream::new(seed);
        self.with(Draw { level: self.level, noise, first, rows, log_prob, scored })
    }

    /// [`Sampler::try_sample`] from any [`Noise`].
    ///
    /// # Errors
    /// As [`distribution::sample`].
    pub fn try_sample_with<X: Value, N: Noise>(
        &self,
        noise: &mut N,
        first: u64,
        rows: &mut [X],
        log_prob: Option<&mut [f32]>,
    ) -> Result<(), distribution::Error> {
        let rows = X::rows_mut(rows);
        self.with(Draw { level: self.level, noise, first, rows, log_prob, scored: false })
    }

    /// The log-probability (nats) of each of `rows` (row-major, `dim` values each) into `out`; −∞
    /// for a row that the model cannot draw.
    ///
    /// # Panics
    /// If `rows` is not a whole number of samples or `out` not one value a row.
    pub fn log_prob<X: Value>(&self, rows: &[X], out: &mut [f32]) {
        if let Err(error) = self.try_log_prob(rows, out) {
            panic!("{error}");
        }
    }

    /// [`Sampler::log_prob`] with wrong buffer lengths as errors.
    ///
    /// # Errors
    /// Buffers of the wrong length.
    pub fn try_log_prob<X: Value>(
        &self,
        rows: &[X],
        out: &mut [f32],
    ) -> Result<(), distribution::Error> {
        self.score_rows(X::rows(rows), out)
    }

    fn score_rows(&self, rows: Rows<'_>, out: &mut [f32]) -> Result<(), distribution::Error> {
        self.with(Score { level: self.level, rows, out })
    }

    fn with<U: Use>(&self, then: U) -> U::Output {
        match self.arithmetic {
            Arithmetic::Fused => self.with_arith::<Fused, U>(then),
            Arithmetic::Plain => self.with_arith::<Plain, U>(then),
        }
    }

    fn with_arith<A: Arith, U: Use>(&self, then: U) -> U::Output {
        let weights = self.weights.as_ref();
        match &self.architecture {
            Architecture::Made(spec) => {
                let made = Made::<f32, A>::trusted(spec.network(), weights);
                match spec.symmetry {
                    Symmetry::None => then.with(&made),
                    Symmetry::Z2 => then.with(&Z2(made)),
                }
            }
            Architecture::RealNvp(spec) => {
                let couplings = spec.couplings_at(&self.offsets);
                let transformer =
                    Affine::new(spec.log_scale_bound).expect("validated when the model was built");
                then.with(&RealNvp::<f32, A>::trusted(
                    spec.dim,
                    &couplings,
                    transformer,
                    spec.affine,
                    self.scratch,
                    weights,
                ))
            }
            Architecture::Nsf(spec) => {
                let couplings = spec.couplings_at(&self.offsets);
                let transformer = RationalQuadratic::new(spec.bins, spec.bound)
                    .expect("validated when the model was built");
                then.with(&Nsf::<f32, A>::trusted(
                    spec.dim,
                    &couplings,
                    transformer,
                    spec.affine,
                    self.scratch,
                    weights,
                ))
            }
            Architecture::Maf(spec) => {
                let MafSpec { dim, fast, transformer, affine, .. } = *spec;
                let layers = spec.layers_at(&self.offsets);
                match transformer {
                    TransformerSpec::Affine { log_scale_bound } => {
                        let transformer = Affine::new(log_scale_bound)
                            .expect("validated when the model was built");
                        let flow = Maf::<_, f32, A>::trusted(
                            dim,
                            &layers,
                            fast,
                            transformer,
                            affine,
                            self.scratch,
                            weights,
                        );
                        then.with(&flow)
                    }
                    TransformerSpec::RationalQuadratic { bins, bound } => {
                        let transformer = RationalQuadratic::new(bins, bound)
                            .expect("validated when the model was built");
                        let flow = Maf::<_, f32, A>::trusted(
                            dim,
                            &layers,
                            fast,
                            transformer,
                            affine,
                            self.scratch,
                            weights,
                        );
                        then.with(&flow)
                    }
                }
            }
        }
    }
}

/// Floats that start on a cache line, so that no vector load crosses one.
#[derive(Debug)]
struct Aligned {
    buffer: Vec<f32>,
    start: usize,
    len: usize,
}

impl Aligned {
    fn new(len: usize) -> Self {
        const LINE: usize = 64;
        let buffer = vec![0.0; len + LINE / size_of::<f32>()];
        let start = buffer.as_ptr().align_offset(LINE).min(LINE / size_of::<f32>());
        Self { buffer, start, len }
    }

    fn as_ref(&self) -> &[f32] {
        &self.buffer[self.start..self.start + self.len]
    }

    fn as_mut(&mut self) -> &mut [f32] {
        &mut self.buffer[self.start..self.start + self.len]
    }
}

impl Clone for Aligned {
    fn clone(&self) -> Self {
        let mut copy = Self::new(self.len);
        copy.as_mut().copy_from_slice(self.as_ref());
        copy
    }
}
