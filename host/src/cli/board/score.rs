//! `board score`: readings whose ln p is too low to be draws of the model, found by the device.

use std::path::PathBuf;

use serde_json::json;

use super::line::Given;
use super::log_prob::Bytes;
use crate::cli::{print, print_json};
use crate::error::{Error, Result};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// One reading a row, in any format that `log-prob` reads.
    data: PathBuf,
    #[command(flatten)]
    device: Given,
    /// How often a reading that is a draw of the model may be called none, at most.
    #[arg(long, value_name = "RATE", default_value_t = 0.01)]
    false_alarms: f64,
    /// The stream whose rows the threshold is found from.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    seed: u64,
    /// One JSON object on standard output.
    #[arg(long)]
    json: bool,
}

/// Rows of the model that are to be below the threshold: the more, the nearer the rate is to what is asked for.
const BELOW: u32 = 10;

pub(super) fn run(args: &Args) -> Result<()> {
    let rate = args.false_alarms;
    if !(1e-6..=0.5).contains(&rate) {
        return Err(Error::Usage(format!("--false-alarms: found {rate}, expected 1e-6 to 0.5")));
    }
    let mut device = args.device.open()?;
    let client = &mut device.client;
    let n = (f64::from(BELOW) / rate).ceil() as u32 - 1;
    let threshold = client.threshold(args.seed, 0, n, BELOW)?;
    let mut rows = Bytes::open(&args.data, client.identity())?;
    let mut scores = Vec::new();
    while let Some(bytes) = rows.next()? {
        for row in bytes.chunks(client.identity().row_bytes()) {
            scores.push(client.score(row, threshold)?);
        }
    }
    let alarms = scores.iter().filter(|(_, alarm)| *alarm).count();
    if args.json {
        // −∞ and NaN are no numbers in JSON.
        let scores = scores.iter().map(|(l, alarm)| json!({ "log_prob": l, "alarm": alarm }));
        return print_json(&json!({
            "threshold": threshold,
            "false_alarm_rate": f64::from(BELOW) / f64::from(n + 1),
            "rows": scores.len(),
            "alarms": alarms,
            "scores": scores.collect::<Vec<_>>(),
        }));
    }
    let mut text = String::from("log_prob,alarm\n");
    scores.iter().for_each(|(l, alarm)| text += &format!("{l},{}\n", u8::from(*alarm)));
    crate::error::note(format!("{alarms} of {} readings below ln p = {threshold}", scores.len()));
    print(&text)
}
