//! `sample`: exact samples, streamed in constant memory.

use std::path::PathBuf;

use pushforward::distribution;
use pushforward::domain::Element;

use super::context::Contexts;
use super::{count, stop_if_interrupted};
use crate::data::{Encoded, Writer, distinct};
use crate::error::{Error, Result, affordable};
use crate::loaded::{At, Loaded, Value};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The model file.
    model: PathBuf,
    /// How many samples: 1000000, 1_000_000 or 1e6.
    #[arg(short, long = "number", value_name = "N", value_parser = count)]
    n: u64,
    /// Names the stream of samples.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Index of the first sample in the stream.
    #[arg(long, value_name = "I", default_value_t = 0)]
    first: u64,
    /// What a conditional model is given: a file with one context for each sample or one for all, or
    /// the values of one, 0.3,1.2.
    #[arg(long, value_name = "C", allow_hyphen_values = true)]
    context: Option<String>,
    /// Where to, .npy or .csv; `-` is standard output as CSV. A model that names its columns begins
    /// CSV with a header.
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
    /// Also write each sample's log-probability (nats).
    #[arg(long, value_name = "FILE")]
    log_prob: Option<PathBuf>,
    /// Where it is taken: along the path of the draw, or at the row as it was rounded (the value of
    /// `log-prob`; twice the work). For discrete values they are equal, for flows see `check`.
    #[arg(long, value_enum, default_value_t, requires = "log_prob")]
    log_prob_at: At,
    /// Rows drawn at a time; the result does not depend on it.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    batch: Option<u32>,
    /// SIMD level (scalar, sse2, neon, avx2, avx512); the result does not depend on it.
    #[arg(long)]
    simd: Option<String>,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let model = Loaded::open(&args.model, args.simd.as_deref())?;
    let contexts = Contexts::open(&args.model, &model, args.context.as_deref())?;
    super::in_stream(args.first, args.n)?;
    let output = ("-o", &*args.output);
    distinct(output, ("the model", &args.model), true)?;
    if let Some(log_prob) = &args.log_prob {
        distinct(output, ("--log-prob", log_prob), false)?;
        distinct(("--log-prob", log_prob), ("the model", &args.model), true)?;
    }
    if let Some(context) = &args.context {
        distinct(output, ("--context", context.as_ref()), true)?;
    }
    match model.domain().element() {
        Element::F32 => write::<f32>(args, &model, contexts),
        Element::I8 => write::<i8>(args, &model, contexts),
        Element::U8 => write::<u8>(args, &model, contexts),
        Element::U16 => write::<u16>(args, &model, contexts),
    }
}

/// Samples on their way to the files.
#[derive(Default)]
struct Chunk<V> {
    contexts: Vec<f32>,
    rows: Vec<V>,
    log_prob: Vec<f32>,
    encoded: Encoded,
    log_prob_encoded: Encoded,
    /// A draw that overflowed.
    failed: Option<distribution::Error>,
}

/// The pool draws and encodes a chunk while this thread writes the one before: memory does not
/// depend on the number of samples, and a slow disk or reader costs only what exceeds the drawing.
///
/// A draw that overflows does not stop the work, which may have taken hours: its row is written as
/// it came, its log-probability as NaN, and the command fails once all is written, so that neither
/// the good rows are lost nor the bad ones go unseen.
fn write<V: Value>(args: &Args, model: &Loaded, mut contexts: Contexts) -> Result<()> {
    let dim = model.dim();
    let element = model.domain().element();
    let mut rows_to = Writer::create(&args.output, element, Some(args.n), dim)?;
    if let Some(names) = model.model.names() {
        rows_to.header(&names.row)?;
    }
    let log_prob_to = args.log_prob.as_ref();
    let mut log_prob_to =
        log_prob_to.map(|p| Writer::create(p, Element::F32, Some(args.n), 0)).transpose()?;
    let (format, log_prob_format) = (rows_to.format(), log_prob_to.as_ref().map(Writer::format));
    let draw = |done: u64, n: usize, chunk: &mut Chunk<V>| {
        chunk.rows.resize(n * dim, V::default());
        let log_prob = log_prob_format.map(|_| {
            chunk.log_prob.resize(n, 0.0);
            &mut chunk.log_prob[..]
        });
        let (first, at) = (args.first + done, args.log_prob_at);
        let given = model.given(&chunk.contexts);
        chunk.failed = given.try_sample(args.seed, first, &mut chunk.rows, log_prob, at).err();
        format.encode(&chunk.rows, &mut chunk.encoded);
        if let Some(format) = log_prob_format {
            format.encode(&chunk.log_prob, &mut chunk.log_prob_encoded);
        }
    };
    let most = args.batch.map_or_else(|| model.chunk_rows(), |b| b as usize);
    if let Some(rows) = args.batch {
        // Two chunks, each with room for as much text as for numbers, or a little more.
        let given = model.model.description().context();
        let row = 2 * (size_of::<V>() * dim + size_of::<f32>() * (1 + given)) as u128;
        affordable(format!("--batch {rows}"), 2 * u128::from(args.n.min(rows.into())) * row)?;
    }
    let (mut drawn, mut ready) = (Chunk::default(), Chunk::default());
    let (mut done, mut failed) = (0, None);
    while done < args.n {
        stop_if_interrupted()?;
        let n = usize::try_from(args.n - done).unwrap_or(usize::MAX).min(most);
        contexts.next(n, &mut drawn.contexts)?;
        rayon::in_place_scope(|pool| {
            pool.spawn(|_| draw(done, n, &mut drawn));
            put(&ready, &mut rows_to, log_prob_to.as_mut())
        })?;
        (drawn, ready) = (ready, drawn);
        failed = failed.or(ready.failed);
        done += n as u64;
    }
    contexts.end()?;
    put(&ready, &mut rows_to, log_prob_to.as_mut())?;
    if let Some(to) = log_prob_to {
        to.finish()?;
    }
    rows_to.finish()?;
    match failed {
        None => Ok(()),
        Some(error) => Err(Error::Failed(format!(
            "{}: {error}; all rows are written, with NaN as the log-probability of such",
            args.model.display()
        ))),
    }
}

fn put<V>(chunk: &Chunk<V>, rows_to: &mut Writer, log_prob_to: Option<&mut Writer>) -> Result<()> {
    rows_to.write(&chunk.encoded)?;
    log_prob_to.map_or(Ok(()), |to| to.write(&chunk.log_prob_encoded))
}
