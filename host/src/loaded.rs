//! A model read from its file and run by all threads.
//!
//! Rows are cut into pieces that threads take in any order. A row depends only on its index, so
//! neither the cut nor the number of threads shows in the result.

use std::path::Path;

use pushforward::distribution;
use pushforward::domain::Domain;
use pushforward::model::{Description, Model, Sampler};
use pushforward::simd::Level;
use rayon::prelude::*;

use crate::data::Number;
use crate::error::{Error, Result, affordable};

/// An element of a row, as the engine draws it and as files hold it.
pub trait Value: pushforward::domain::Value + Number + Default {}
impl Value for i8 {}
impl Value for u8 {}
impl Value for u16 {}
impl Value for f32 {}

/// Where the log-probability of a draw is taken. For discrete values it is the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum At {
    /// Along the path of the draw.
    #[default]
    Path,
    /// At the row as it was rounded, as `log-prob` would say: a draw and a score.
    Row,
}

/// Samples that any tile of the engine divides.
const TILE: usize = 64;

/// A model ready to draw and score.
#[derive(Debug)]
pub struct Loaded {
    /// Description and weights.
    pub model: Model,
    sampler: Sampler,
}

/// Reads a model file.
///
/// # Errors
/// The file is missing or no valid model.
pub fn read(path: &Path) -> Result<Model> {
    read_with_checksum(path).map(|(model, _)| model)
}

/// The same, with the checksum of the file, by which an instrument knows its model.
///
/// # Errors
/// As [`read`].
pub fn read_with_checksum(path: &Path) -> Result<(Model, u32)> {
    let bytes = std::fs::read(path).map_err(|e| Error::read(path, &e))?;
    // The weights as the model holds them and as they are packed.
    affordable(path.display(), 3 * bytes.len() as u128)?;
    let model = Model::from_bytes(&bytes).map_err(|e| Error::input(path, e))?;
    Ok((model, pushforward_wire::checksum(&bytes)))
}

impl Loaded {
    /// Reads a model file to draw and score with it; `simd` asks for a level by name.
    ///
    /// # Errors
    /// The file is missing or no valid model, or the CPU lacks the level.
    pub fn open(path: &Path, simd: Option<&str>) -> Result<Loaded> {
        let loaded = Loaded::new(read(path)?)?;
        let Some(name) = simd else { return Ok(loaded) };
        match Level::available().find(|level| level.name() == name) {
            Some(level) => Ok(loaded.at(level)),
            None => {
                let known: Vec<_> = Level::available().map(Level::name).collect();
                let expected = known.join(", ");
                Err(Error::Usage(format!(
                    "--simd: found '{name}', expected one of {expected} on this machine"
                )))
            }
        }
    }

    /// Packs a model's weights.
    ///
    /// # Errors
    /// The model cannot be run.
    pub fn new(model: Model) -> Result<Loaded> {
        let sampler = model.sampler().map_err(|e| Error::Failed(e.to_string()))?;
        Ok(Loaded { model, sampler })
    }

    /// The same model at another SIMD level.
    pub fn at(self, level: Level) -> Loaded {
        Loaded { sampler: self.sampler.with_level(level), ..self }
    }

    /// The engine's sampler, for one thread.
    pub fn sampler(&self) -> &Sampler {
        &self.sampler
    }

    /// Values in a row.
    pub fn dim(&self) -> usize {
        self.sampler.dim()
    }

    /// Where the values of a row lie.
    pub fn domain(&self) -> Domain<'_> {
        self.model.description().domain()
    }

    /// Whether it is a flow, a map of noise to rows.
    pub fn has_map(&self) -> bool {
        matches!(self.model.description(), Description::Flow(_))
    }

    /// Whether no value is a real number.
    pub fn is_discrete(&self) -> bool {
        !self.domain().is_real()
    }

    /// Rows of one piece of `rows`: whole tiles, a quarter of a megabyte at most, and a piece for
    /// every thread where there are enough.
    fn piece(&self, rows: usize) -> usize {
        let most = ((1 << 16) / self.dim()).clamp(TILE, 1024);
        rows.div_ceil(rayon::current_num_threads()).clamp(1, most).next_multiple_of(TILE)
    }

    /// Rows worth handing over at once: several pieces for each thread, so that none waits long for
    /// the last.
    pub fn chunk_rows(&self) -> usize {
        8 * rayon::current_num_threads() * self.piece(usize::MAX)
    }

    /// The model given a context: one for all rows, or one a row; none for a model that takes none.
    pub fn given<'a>(&'a self, context: &'a [f32]) -> Given<'a> {
        Given { loaded: self, context }
    }

    /// `n` contexts from number `first` on such as the model's file has: those of its golden rows,
    /// again and again. Nothing for a model that takes none.
    pub fn contexts(&self, first: u64, n: usize) -> Vec<f32> {
        let one = self.model.description().context();
        let golden = self.model.golden().map_or(&[][..], |golden| &golden.context);
        let first = (first % (golden.len() / one.max(1)).max(1) as u64) as usize * one;
        let value = |i| if golden.is_empty() { 0.0 } else { golden[i % golden.len()] };
        (first..first + n * one).map(value).collect()
    }
}

/// A model given a context.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    loaded: &'a Loaded,
    context: &'a [f32],
}

impl<'a> Given<'a> {
    /// The context of the `i`-th piece of rows.
    fn of_piece(&self, i: usize, piece: usize, rows: usize) -> &'a [f32] {
        let one = self.loaded.model.description().context();
        if self.context.len() == one {
            return self.context;
        }
        let end = ((i * piece + rows) * one).min(self.context.len());
        &self.context[(i * piece * one).min(end)..end]
    }

    /// Samples `first, first + 1, …` of the stream `seed` into `rows`, with their
    /// log-probabilities if asked; NaN for a draw that overflowed.
    ///
    /// # Panics
    /// If the buffers do not fit together.
    pub fn sample<V: Value>(
        &self,
        seed: u64,
        first: u64,
        rows: &mut [V],
        log_prob: Option<&mut [f32]>,
    ) {
        match self.try_sample(seed, first, rows, log_prob, At::Path) {
            Ok(()) | Err(distribution::Error::NotFinite { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }

    /// [`Given::sample`] with log-probabilities as `at` says.
    ///
    /// # Errors
    /// As [`distribution::sample`]; of draws that overflowed the first, once all rows are drawn.
    pub fn try_sample<V: Value>(
        &self,
        seed: u64,
        first: u64,
        rows: &mut [V],
        log_prob: Option<&mut [f32]>,
        at: At,
    ) -> std::result::Result<(), distribution::Error> {
        let (dim, sampler) = (self.loaded.dim(), &self.loaded.sampler);
        let piece = self.loaded.piece(rows.len() / dim);
        let pieces = rows.par_chunks_mut(piece * dim).enumerate();
        let first = |i: usize| first + (i * piece) as u64;
        let given = |i: usize, rows: &[V]| sampler.given(self.of_piece(i, piece, rows.len() / dim));
        // Errors are joined in the order of the pieces, so that the first is the first.
        let (ok, join) = (|| Ok(()), std::result::Result::and);
        match log_prob {
            None => pieces
                .map(|(i, rows)| given(i, rows).try_sample(seed, first(i), rows, None))
                .reduce(ok, join),
            Some(log_prob) => pieces
                .zip(log_prob.par_chunks_mut(piece))
                .map(|((i, rows), log_prob)| match at {
                    At::Path => given(i, rows).try_sample(seed, first(i), rows, Some(log_prob)),
                    At::Row => given(i, rows).try_sample_scored(seed, first(i), rows, log_prob),
                })
                .reduce(ok, join),
        }
    }

    /// The log-probability (nats) of each row.
    ///
    /// # Panics
    /// If the buffers' lengths do not fit together.
    pub fn log_prob<V: Value>(&self, rows: &[V], out: &mut [f32]) {
        let (dim, piece) = (self.loaded.dim(), self.loaded.piece(out.len()));
        let pieces = rows.par_chunks(piece * dim).zip(out.par_chunks_mut(piece)).enumerate();
        pieces.for_each(|(i, (rows, out))| {
            self.loaded.sampler.given(self.of_piece(i, piece, out.len())).log_prob(rows, out);
        });
    }
}
