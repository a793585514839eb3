//! `log-prob`: scores rows, streamed in constant memory.

use std::path::PathBuf;

use super::{no_context, stop_if_interrupted};
use crate::data::{Domain, Reader, Writer};
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

pub(super) fn run(args: &Args) -> Result<()> {
    let model = Loaded::open(&args.model, args.simd.as_deref())?;
    no_context(&args.model, args.context.as_deref())?;
    let domain = if model.spins() { Domain::Spin } else { Domain::Real };
    let mut reader = Reader::open(&args.data, Some(model.dim()), domain)?;
    let (mut rows, mut scores) = (Vec::new(), Vec::new());
    let mut writer = Writer::create(&args.output, Domain::Real, None, 0)?;
    loop {
        stop_if_interrupted()?;
        rows.clear();
        let n = reader.next_rows(model.chunk_rows(), &mut rows)?;
        if n == 0 {
            return writer.finish();
        }
        scores.resize(n, 0.0);
        model.log_prob(&rows, &mut scores);
        writer.reals(&scores)?;
    }
}
