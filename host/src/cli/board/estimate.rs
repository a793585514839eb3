//! `board estimate`: the device weighs its own rows against an Ising model, in constant memory.

use pushforward_wire::message::Sums;
use serde_json::json;

use super::line::{self, Line};
use crate::cli::{count, print, print_json, table};
use crate::error::{Error, Result};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    line: Line,
    #[command(flatten)]
    model: line::Model,
    /// How many samples.
    #[arg(short, long = "number", value_name = "N", value_parser = count, default_value = "10000")]
    n: u64,
    /// Names the stream of samples.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    seed: u64,
    /// β times the coupling of the nearest-neighbour Ising model on a periodic lattice.
    #[arg(long, value_name = "BETA")]
    beta: f32,
    /// Spins in a row of the lattice; a square if not given.
    #[arg(long)]
    width: Option<u32>,
    /// One JSON object on standard output.
    #[arg(long)]
    json: bool,
}

/// Samples of one request: what a reset costs.
const CHUNK: u64 = 1000;

pub(super) fn run(args: &Args) -> Result<()> {
    if args.n < 2 || !args.beta.is_finite() {
        return Err(Error::Usage("expected -n of at least 2 and a finite --beta".into()));
    }
    let mut client = args.line.open(args.model.path())?;
    let client = &mut client.client;
    let dim = client.identity().dim;
    let width = args.width.unwrap_or(dim.isqrt() as u32);
    if width == 0
        || !dim.is_multiple_of(width as usize)
        || (args.width.is_none() && width as usize * width as usize != dim)
    {
        return Err(Error::Usage(format!(
            "--width: expected the width of a lattice of {dim} spins, found {width}"
        )));
    }
    let mut sums = Sums::NONE;
    let mut done = 0;
    while done < args.n {
        let n = (args.n - done).min(CHUNK);
        sums.add(&client.estimate(args.seed, done, n as u32, width, args.beta)?);
        done += n;
    }
    let n = args.n as f64;
    let ess = sums.sum * sums.sum / (n * sums.squares);
    let figures = [
        ("n", n),
        ("elbo", sums.ln_sum / n),
        ("ln_z", sums.ln_max + (sums.sum / n).ln()),
        // To first order, as `pushforward::correct` has it; the device does not watch the tail.
        ("ln_z_error", ((1.0 / ess - 1.0) / (n - 1.0)).max(0.0).sqrt()),
        ("ess", ess),
        ("largest_weight", 1.0 / sums.sum),
    ];
    if args.json {
        let figures = figures.iter().map(|(name, x)| ((*name).into(), json!(x)));
        return print_json(&serde_json::Value::Object(figures.collect()));
    }
    print(&table(&figures.map(|(name, x)| (name.replace('_', " "), x.to_string()))))
}
