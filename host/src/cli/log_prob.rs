//! `log-prob`: scores rows, streamed in constant memory.

use std::path::{Path, PathBuf};

use pushforward::domain::{Domain, Element, Kind};

use super::context::Contexts;
use super::stop_if_interrupted;
use crate::data::{Columns, Encoded, Reader, Writer, distinct};
use crate::error::{Error, Result};
use crate::fit::apart;
use crate::loaded::Loaded;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The model file.
    model: PathBuf,
    /// One row per sample, .npy, .npz, .csv, .parquet or .arrow; `-` is standard input as CSV. Where the
    /// model and the file name columns, they are matched by name, and others are left out.
    data: PathBuf,
    /// What a conditional model is given: a file with one context for each row or one for all, or the
    /// values of one, 0.3,1.2; not needed where DATA has its columns by name.
    #[arg(long, value_name = "C", allow_hyphen_values = true)]
    context: Option<String>,
    /// Where to, .npy or .csv; `-` is standard output as CSV.
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
    /// SIMD level (scalar, sse2, neon, avx2, avx512); the result does not depend on it.
    #[arg(long)]
    simd: Option<String>,
}

/// Rows on their way through.
#[derive(Default)]
struct Chunk {
    contexts: Vec<f32>,
    rows: Vec<f32>,
    scores: Vec<f32>,
    encoded: Encoded,
}

/// The pool scores and encodes a chunk while this thread writes the one before and reads the next.
pub(super) fn run(args: &Args) -> Result<()> {
    let model = Loaded::open(&args.model, args.simd.as_deref())?;
    let standard = Path::new("-");
    if args.data == standard && args.context.as_deref().is_some_and(|c| c == "-") {
        return Err(Error::Usage("DATA and --context: found - for both, expected one file".into()));
    }
    distinct(("-o", &args.output), ("DATA", &args.data), true)?;
    distinct(("-o", &args.output), ("the model", &args.model), true)?;
    if let Some(context) = &args.context {
        distinct(("-o", &args.output), ("--context", context.as_ref()), true)?;
    }
    let (mut reader, mut contexts) = match with_contexts(args, &model)? {
        Some(reader) => (reader, None),
        None => {
            let contexts = Contexts::open(&args.model, &model, args.context.as_deref())?;
            let names = model.model.names().map(|names| &names.row[..]);
            let reader = Reader::open_named(&args.data, names, model.dim(), model.domain())?;
            (reader, Some(contexts))
        }
    };
    let mut writer = Writer::create(&args.output, Element::F32, reader.rows(), 0)?;
    let format = writer.format();
    let mut read = |chunk: &mut Chunk| {
        chunk.rows.clear();
        let n = reader.next_rows(model.chunk_rows(), &mut chunk.rows)?;
        chunk.scores.resize(n, 0.0);
        match &mut contexts {
            Some(contexts) if n > 0 => contexts.next(n, &mut chunk.contexts)?,
            Some(_) => {}
            None => {
                let (rows, given) = apart(&chunk.rows, model.dim(), reader.width());
                (chunk.rows, chunk.contexts) = (rows.into_owned(), given);
            }
        }
        Ok(n > 0)
    };
    let score = |chunk: &mut Chunk| {
        model.given(&chunk.contexts).log_prob(&chunk.rows, &mut chunk.scores);
        format.encode(&chunk.scores, &mut chunk.encoded);
    };
    let (mut scored, mut other) = (Chunk::default(), Chunk::default());
    let mut more = read(&mut scored)?;
    while more {
        stop_if_interrupted()?;
        more = rayon::in_place_scope(|pool| {
            pool.spawn(|_| score(&mut scored));
            writer.write(&other.encoded)?;
            read(&mut other)
        })?;
        (scored, other) = (other, scored);
    }
    contexts.map_or(Ok(()), Contexts::end)?;
    writer.write(&other.encoded)?;
    writer.finish()
}

/// The data, where they are a table that has, by name, all columns of a conditional model: each row
/// and what it is given.
fn with_contexts(args: &Args, model: &Loaded) -> Result<Option<Reader>> {
    let names = model.model.names().filter(|names| !names.context.is_empty());
    let (Some(names), None) = (names, &args.context) else { return Ok(None) };
    let kinds = (0..model.dim()).map(|d| model.domain().kind(d));
    let kinds: Vec<_> = kinds.chain(names.context.iter().map(|_| Kind::Real)).collect();
    let mut reader = Reader::open(&args.data, None, Domain::Each(&kinds))?;
    if reader.places(&names.context)?.is_none() {
        return Ok(None);
    }
    Ok(Columns::named(&args.data, &mut reader, names, &[])?.map(|_| reader))
}
