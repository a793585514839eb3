//! `board`: a device that runs the instrument, on a serial port, a socket or in an emulator.

mod estimate;
mod flash;
mod line;
mod list;
mod log_prob;
mod monitor;
mod sample;
mod score;
mod verify;

use pushforward_wire::message::{Arithmetic, Storage};
use serde_json::json;

use crate::board::client::Identity;
use crate::error::Result;
use line::Line;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Serial ports of this machine, and boards that firmware is built for.
    List(list::Args),
    /// Who answers: its model, board and arithmetic.
    Info(Info),
    /// Draw on the device.
    Sample(sample::Args),
    /// Score rows on the device.
    LogProb(log_prob::Args),
    /// Draw random slices of the stream on the device, replay them here, compare the bits.
    Verify(verify::Args),
    /// Weigh the device's rows against an Ising model, there.
    Estimate(estimate::Args),
    /// Find readings that are no draws of the model, at a stated rate of false alarms.
    Score(score::Args),
    /// Show rows as they come.
    Monitor(monitor::Args),
    /// Build the instrument around a model and write it to a board, by probe-rs.
    Flash(flash::Args),
}

pub(super) fn run(args: &Args) -> Result<()> {
    match &args.verb {
        Verb::List(args) => list::run(args),
        Verb::Info(args) => info(args),
        Verb::Sample(args) => sample::run(args),
        Verb::LogProb(args) => log_prob::run(args),
        Verb::Verify(args) => verify::run(args),
        Verb::Estimate(args) => estimate::run(args),
        Verb::Score(args) => score::run(args),
        Verb::Monitor(args) => monitor::run(args),
        Verb::Flash(args) => flash::run(args),
    }
}

#[derive(Debug, clap::Args)]
struct Info {
    #[command(flatten)]
    line: Line,
    #[command(flatten)]
    model: line::Model,
    /// Also run the device's self-test.
    #[arg(long)]
    selftest: bool,
    /// One JSON object on standard output.
    #[arg(long)]
    json: bool,
}

fn info(args: &Info) -> Result<()> {
    let mut device = args.line.open(args.model.path())?;
    let tested = if args.selftest { Some(device.client.self_test()?) } else { None };
    let identity = device.client.refresh()?;
    let Identity { model, dim, element, context, body, rows, damaged, oversize, board, .. } =
        identity;
    let arithmetic = match identity.arithmetic {
        Arithmetic::Fused => "fused",
        Arithmetic::Plain => "plain",
        Arithmetic::Integer => "integer",
    };
    let (weights, named) = match identity.storage {
        Storage::File => ("file", "as the model file has them"),
        Storage::F16 => ("f16", "the model file's, rounded to 16-bit floats"),
    };
    let element = line::element(*element).name();
    let version = pushforward_wire::VERSION;
    if args.json {
        let tested = tested.map(|(ran, failed)| json!({ "ran": ran, "failed": failed }));
        super::print_json(&json!({
            "board": board,
            "protocol": version,
            "model": format!("{model:08x}"),
            "dim": dim,
            "element": element,
            "context": context,
            "arithmetic": arithmetic,
            "weights": weights,
            "request_bytes": body,
            "request_rows": rows,
            "damaged_frames": damaged,
            "oversize_frames": oversize,
            "selftest": tested,
        }))?;
    } else {
        let mut lines = vec![
            ("board".to_owned(), board.clone()),
            ("protocol".into(), format!("version {version}")),
            ("model".into(), format!("checksum {model:08x}")),
            ("row".into(), format!("{dim} values, {element}")),
            ("context".into(), format!("{context} values")),
            ("arithmetic".into(), arithmetic.into()),
            ("weights".into(), named.into()),
            ("requests".into(), format!("up to {body} bytes, {rows} rows to score")),
            (
                "frames".into(),
                format!("{damaged} damaged, {oversize} too long, since the last reset"),
            ),
        ];
        if let Some((ran, failed)) = tested {
            lines.push(("self-test".into(), format!("{} of {ran} equal", ran - failed.min(ran))));
        }
        super::print(&super::table(&lines))?;
    }
    match tested {
        Some((_, failed)) if failed > 0 => Err(crate::error::Error::Failed(format!(
            "the device's self-test: found {failed} comparisons that differ, expected none"
        ))),
        _ => Ok(()),
    }
}
