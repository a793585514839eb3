//! `board sample`: rows of the stream, drawn on the device.

use std::path::PathBuf;

use bytemuck::Pod;
use pushforward::domain::Element;

use super::line::{self, Device, Given, Typed};
use crate::cli::{count, in_stream};
use crate::data::{Writer, distinct};
use crate::error::{Result, note};
use crate::loaded::Value;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    device: Given,
    /// How many samples.
    #[arg(short, long = "number", value_name = "N", value_parser = count)]
    n: u64,
    /// Names the stream of samples; 0 takes a seed from the device's entropy, and says which.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Index of the first sample in the stream.
    #[arg(long, value_name = "I", default_value_t = 0)]
    first: u64,
    /// Where to, .npy or .csv; `-` is standard output as CSV.
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
    /// Also write each sample's log-probability (nats).
    #[arg(long, value_name = "FILE")]
    log_prob: Option<PathBuf>,
}

/// Rows that are asked for before they are written.
const CHUNK: u64 = 2048;

pub(super) fn run(args: &Args) -> Result<()> {
    in_stream(args.first, args.n)?;
    if let Some(log_prob) = &args.log_prob {
        distinct(("-o", &args.output), ("--log-prob", log_prob), false)?;
    }
    let device = args.device.open()?;
    let element = line::element(device.client.identity().element);
    line::with(element, Sample { args, device, element })
}

struct Sample<'a> {
    args: &'a Args,
    device: Device,
    element: Element,
}

impl Typed for Sample<'_> {
    fn run<V: Value + Pod>(self) -> Result<()> {
        let Sample { args, device: Device { mut client, .. }, element } = self;
        let (n, dim, bytes) = (args.n, client.identity().dim, client.identity().row_bytes());
        let seed = match args.seed {
            0 => {
                let seed = client.entropy()?;
                note(format!("seed {seed}, of the device's entropy"));
                seed
            }
            seed => seed,
        };
        let mut rows_to = Writer::create(&args.output, element, Some(n), dim)?;
        let log_prob_to = args.log_prob.as_ref();
        let mut log_prob_to =
            log_prob_to.map(|p| Writer::create(p, Element::F32, Some(n), 0)).transpose()?;
        let mut done = 0;
        while done < n {
            let now = (n - done).min(CHUNK) as usize;
            let (mut rows, mut log_prob) = (vec![0; now * bytes], vec![0; now]);
            client.sample(seed, args.first + done, &mut rows, &mut log_prob)?;
            rows_to.rows(&line::values::<V>(&rows))?;
            if let Some(to) = &mut log_prob_to {
                to.rows(&log_prob.into_iter().map(f32::from_bits).collect::<Vec<_>>())?;
            }
            done += now as u64;
        }
        if let Some(to) = log_prob_to {
            to.finish()?;
        }
        rows_to.finish()
    }
}
