//! `sample`: exact samples, streamed in constant memory.

use std::path::PathBuf;

use super::{no_context, stop_if_interrupted};
use crate::data::{Domain, Writer};
use crate::error::{Error, Result};
use crate::loaded::{Loaded, Value};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The model file.
    model: PathBuf,
    /// How many samples.
    #[arg(short, long = "number", value_name = "N")]
    n: u64,
    /// Names the stream of samples.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Index of the first sample in the stream.
    #[arg(long, value_name = "I", default_value_t = 0)]
    first: u64,
    /// Context rows, for models that take any.
    #[arg(long, value_name = "C")]
    context: Option<PathBuf>,
    /// Where to, .npy or .csv; `-` is standard output as CSV.
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
    /// Also write each sample's log-probability (nats).
    #[arg(long, value_name = "FILE")]
    log_prob: Option<PathBuf>,
    /// Rows drawn at a time; the result does not depend on it.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    batch: Option<u32>,
    /// SIMD level (scalar, sse2, neon, avx2, avx512); the result does not depend on it.
    #[arg(long)]
    simd: Option<String>,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let model = Loaded::open(&args.model, args.simd.as_deref())?;
    no_context(&args.model, args.context.as_deref())?;
    if args.first.checked_add(args.n).is_none() {
        return Err(Error::Usage(
            "--first + -n: found more than 2^64, the length of a stream".into(),
        ));
    }
    if let Some(log_prob) = &args.log_prob
        && *log_prob == args.output
    {
        return Err(Error::Usage("-o and --log-prob: found the same file twice".into()));
    }
    if model.spins() { write::<i8>(args, &model) } else { write::<f32>(args, &model) }
}

fn write<V: Value>(args: &Args, model: &Loaded) -> Result<()> {
    let dim = model.dim();
    let domain = if model.spins() { Domain::Spin } else { Domain::Real };
    let mut rows_to = Writer::create(&args.output, domain, Some(args.n), dim)?;
    let log_prob_to = args.log_prob.as_ref();
    let mut log_prob_to =
        log_prob_to.map(|p| Writer::create(p, Domain::Real, Some(args.n), 0)).transpose()?;
    let chunk = args.batch.map_or_else(|| model.chunk_rows(), |b| b as usize);
    let mut rows =
        vec![V::default(); chunk.min(usize::try_from(args.n).unwrap_or(usize::MAX)) * dim];
    let mut log_prob = vec![0.0; rows.len() / dim];
    let mut done = 0;
    while done < args.n {
        stop_if_interrupted()?;
        let n = usize::try_from(args.n - done).unwrap_or(usize::MAX).min(chunk);
        let (rows, log_prob) = (&mut rows[..n * dim], &mut log_prob[..n]);
        model.sample(
            args.seed,
            args.first + done,
            rows,
            log_prob_to.is_some().then_some(&mut *log_prob),
        );
        V::write(&mut rows_to, rows)?;
        if let Some(to) = &mut log_prob_to {
            to.reals(log_prob)?;
        }
        done += n as u64;
    }
    if let Some(to) = log_prob_to {
        to.finish()?;
    }
    rows_to.finish()
}
