//! A model read from its file and run by all threads.
//!
//! Rows are cut into pieces that threads take in any order. A row depends only on its index, so
//! neither the cut nor the number of threads shows in the result.

use std::path::Path;

use pushforward::distribution;
use pushforward::model::{Model, Sampler};
use pushforward::simd::Level;
use rayon::prelude::*;

use crate::data::Number;
use crate::error::{Error, Result, affordable};

/// An element of a row, as the engine draws it and as files hold it.
pub trait Value: pushforward::domain::Value + Number + Default {}
impl Value for i8 {}
impl Value for f32 {}

/// Where the log-probability of a draw is taken. For spins it is the same.
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
    let bytes = std::fs::read(path).map_err(|e| Error::read(path, &e))?;
    // The weights as the model holds them and as they are packed.
    affordable(path.display(), 3 * bytes.len() as u128)?;
    Model::from_bytes(&bytes).map_err(|e| Error::input(path, e))
}

impl Loaded {
    /// Reads a model file to draw and score with it; `simd` asks for a level by name.
    ///
    /// # Errors
    /// The file is missing or no valid model, the model takes a context, or the CPU lacks the level.
    pub fn open(path: &Path, simd: Option<&str>) -> Result<Loaded> {
        let model = read(path)?;
        // Drawing and scoring here give no context.
        let context = model.description().context();
        if context > 0 {
            let message = format!(
                "takes a context of {context} values, which this program has no way to give yet: \
                 compile it with `model!`, or load it with `pushforward::model::Sampler::given`"
            );
            return Err(Error::input(path, message));
        }
        let loaded = Loaded::new(model)?;
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

    /// Whether rows are spins.
    pub fn spins(&self) -> bool {
        !self.model.description().domain().is_real()
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

    /// [`Loaded::sample`] with log-probabilities as `at` says.
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
        let piece = self.piece(rows.len() / self.dim());
        let pieces = rows.par_chunks_mut(piece * self.dim()).enumerate();
        let first = |i: usize| first + (i * piece) as u64;
        // Errors are joined in the order of the pieces, so that the first is the first.
        let (ok, join) = (|| Ok(()), std::result::Result::and);
        match log_prob {
            None => pieces
                .map(|(i, rows)| self.sampler.try_sample(seed, first(i), rows, None))
                .reduce(ok, join),
            Some(log_prob) => pieces
                .zip(log_prob.par_chunks_mut(piece))
                .map(|((i, rows), log_prob)| match at {
                    At::Path => self.sampler.try_sample(seed, first(i), rows, Some(log_prob)),
                    At::Row => self.sampler.try_sample_scored(seed, first(i), rows, log_prob),
                })
                .reduce(ok, join),
        }
    }

    /// The log-probability (nats) of each row.
    ///
    /// # Panics
    /// If the buffers' lengths do not fit together.
    pub fn log_prob<V: Value>(&self, rows: &[V], out: &mut [f32]) {
        let piece = self.piece(out.len());
        let pieces = rows.par_chunks(piece * self.dim()).zip(out.par_chunks_mut(piece));
        pieces.for_each(|(rows, out)| self.sampler.log_prob(rows, out));
    }
}
