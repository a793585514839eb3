//! `log-prob`: scores rows, streamed in constant memory.

use std::path::PathBuf;

use super::{no_context, stop_if_interrupted};
use crate::data::{Domain, Encoded, Reader, Writer, distinct};
use crate::error::Result;
use crate::loaded::Loaded;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The model file.
    model: PathBuf,
    /// One row per sample, .npy or .csv; `-` is standard input as CSV.
    data: PathBuf,
    /// Context rows, for models that take any.
    #[arg(long, value_name = "C")]
    context: Option<PathBuf>,
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
    rows: Vec<f32>,
    scores: Vec<f32>,
    encoded: Encoded,
}

/// The pool scores and encodes a chunk while this thread writes the one before and reads the next.
pub(super) fn run(args: &Args) -> Result<()> {
    let model = Loaded::open(&args.model, args.simd.as_deref())?;
    no_context(&args.model, args.context.as_deref())?;
    distinct(("-o", &args.output), ("DATA", &args.data), true)?;
    distinct(("-o", &args.output), ("the model", &args.model), true)?;
    let domain = if model.spins() { Domain::Spin } else { Domain::Real };
    let mut reader = Reader::open(&args.data, Some(model.dim()), domain)?;
    let mut writer = Writer::create(&args.output, Domain::Real, reader.rows(), 0)?;
    let format = writer.format();
    let mut read = |chunk: &mut Chunk| {
        chunk.rows.clear();
        let n = reader.next_rows(model.chunk_rows(), &mut chunk.rows)?;
        chunk.scores.resize(n, 0.0);
        Ok(n > 0)
    };
    let score = |chunk: &mut Chunk| {
        model.log_prob(&chunk.rows, &mut chunk.scores);
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
    writer.write(&other.encoded)?;
    writer.finish()
}
