//! `board verify`: random slices of the stream, drawn on the device and here.

use std::path::PathBuf;
use std::time::Instant;

use bytemuck::Pod;
use indicatif::{ProgressBar, ProgressStyle};
use pushforward_wire::message::Storage;
use serde_json::json;

use super::line::{self, Device, Line, Typed};
use crate::cli::context::Contexts;
use crate::cli::{count, print, print_json, table};
use crate::error::{Error, Result};
use crate::loaded::{Loaded, Value, read_with_checksum};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The model file that the device's firmware was built around.
    model: PathBuf,
    #[command(flatten)]
    line: Line,
    /// How many rows.
    #[arg(short, long = "number", value_name = "N", value_parser = count, default_value = "10000")]
    n: u64,
    /// Names the stream, and chooses the slices.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    seed: u64,
    /// The one context that a conditional model is given; those of the model's golden rows if not given.
    #[arg(long, value_name = "C", allow_hyphen_values = true)]
    context: Option<String>,
    /// One JSON object on standard output.
    #[arg(long)]
    json: bool,
}

/// Rows of a slice.
const SLICE: u64 = 1024;

pub(super) fn run(args: &Args) -> Result<()> {
    let (model, expected) = read_with_checksum(&args.model)?;
    let model = Loaded::new(model)?;
    let one = model.model.description().context();
    let context = match &args.context {
        None => None,
        Some(_) if one == 0 => {
            return Err(Error::input(&args.model, "--context: the model takes no context"));
        }
        Some(argument) => Some(Contexts::of_width(argument, one)?),
    };
    let device = args.line.open(Some(&args.model))?;
    let found = device.client.identity().model;
    if found != expected {
        return Err(Error::input(
            &args.model,
            format!("the device: found a model with checksum {found:08x}, expected {expected:08x}"),
        ));
    }
    // The model whose bits are there.
    let rounded = match device.client.identity().storage {
        Storage::File => None,
        Storage::F16 => {
            let rounded = model.model.rounded_to_f16().map_err(|e| Error::input(&args.model, e))?;
            Some(Loaded::new(rounded)?)
        }
    };
    let element = line::element(device.client.identity().element);
    if element != model.domain().element() || device.client.identity().dim != model.dim() {
        return Err(Error::input(&args.model, "the device: its rows are of another shape"));
    }
    line::with(element, Verify { args, model, rounded, context, device })
}

struct Verify<'a> {
    args: &'a Args,
    model: Loaded,
    /// What is replayed in its place.
    rounded: Option<Loaded>,
    context: Option<Vec<f32>>,
    device: Device,
}

impl Typed for Verify<'_> {
    fn run<V: Value + Pod>(self) -> Result<()> {
        let Verify { args, model, rounded, context, device: Device { mut client, .. } } = self;
        let replayed = rounded.as_ref().unwrap_or(&model);
        let (dim, bytes) = (model.dim(), client.identity().row_bytes());
        let bar = ProgressBar::new(args.n);
        let style = ProgressStyle::with_template("{bar:24} {pos}/{len} rows  {msg}  {eta} left");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        let start = Instant::now();
        let (mut done, mut differing) = (0, None);
        for slice in 0.. {
            if done == args.n || differing.is_some() {
                break;
            }
            let n = (args.n - done).min(SLICE) as usize;
            let first = place(args.seed, slice);
            let context = context.clone().unwrap_or_else(|| model.contexts(slice, 1));
            if !context.is_empty() {
                client.set_context(&context)?;
            }
            let (mut rows, mut log_prob) = (vec![0; n * bytes], vec![0; n]);
            client.sample(args.seed, first, &mut rows, &mut log_prob)?;
            let (mut expected, mut scores) = (vec![V::default(); n * dim], vec![0f32; n]);
            replayed.given(&context).sample(args.seed, first, &mut expected, Some(&mut scores));
            let expected = bytemuck::cast_slice::<V, u8>(&expected).chunks(bytes);
            let scores = scores.iter().map(|x| x.to_bits());
            let equal = rows.chunks(bytes).zip(&log_prob).zip(expected.zip(scores));
            let differs = equal.map(|((row, l), (r, s))| row != r || *l != s);
            let places: Vec<_> = (first..).zip(differs).filter(|(_, d)| *d).collect();
            differing = places.first().map(|(index, _)| (*index, places.len()));
            done += n as u64;
            bar.set_position(done);
            bar.set_message(format!("{} asked again", client.retries));
        }
        bar.finish_and_clear();
        let seconds = start.elapsed().as_secs_f64();
        let retries = client.retries;
        let identity = client.refresh()?;
        let (rate, wrong) = (done as f64 / seconds, differing.map_or(0, |(_, n)| n));
        if args.json {
            print_json(&json!({
                "board": identity.board,
                "rows": done,
                "differing": wrong,
                "first_difference": differing.map(|(index, _)| index),
                "retries": retries,
                "damaged_frames": identity.damaged,
                "rows_per_second": rate,
                "seconds": seconds,
            }))?;
        } else {
            print(&table(&[
                ("board".into(), identity.board.clone()),
                ("rows".into(), format!("{done}, {wrong} of them differ")),
                ("asked again".into(), format!("{retries} requests")),
                ("rate".into(), format!("{rate:.0} rows/s")),
            ]))?;
        }
        match differing {
            None => Ok(()),
            Some((index, _)) => Err(Error::Failed(format!(
                "seed {}, sample {index}: found other bits on the device, expected those drawn here",
                args.seed
            ))),
        }
    }
}

/// The first row of a slice: SplitMix64 of its number, in the lower half of the stream.
fn place(seed: u64, slice: u64) -> u64 {
    let z = seed.wrapping_add(slice.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ z >> 31) >> 1
}
