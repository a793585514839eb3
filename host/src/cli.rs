//! The command line: one verb, one file.

mod bench;
mod board;
mod check;
mod codegen;
mod context;
mod couplings;
mod demo;
mod devices;
mod estimate;
mod import;
mod inspect;
mod log_prob;
mod picture;
mod quantize;
mod report;
mod sample;
mod sweep;
mod train;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::error::{Error, Result, note};
use crate::signals;

/// Train an exact sampler, save it, and draw and score with the same bits everywhere.
#[derive(Debug, Parser)]
#[command(name = "pushforward", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
    /// Worker threads; all cores if not given. Results do not depend on it.
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// The tour: train, save, score against the exact answer, compile, run on an emulated Cortex-M.
    Demo(demo::Args),
    /// Learn a distribution from a Hamiltonian or from data.
    Train(train::Args),
    /// A model at each of a few temperatures, from one to the next, with a table of what they give.
    Sweep(sweep::Args),
    /// The couplings of a graph that rows of spins come from, and a model of it.
    Couplings(couplings::Args),
    /// Draw exact samples: same seed and index, same row.
    Sample(sample::Args),
    /// Exact log-probability or log-density (nats) of each row.
    LogProb(log_prob::Args),
    /// Layers, sizes, costs and history of a model.
    Inspect(inspect::Args),
    /// Audit a model: integrity, both paths, log-det, normalisation.
    Check(check::Args),
    /// Free energy of a Hamiltonian, variational and importance-corrected.
    Estimate(estimate::Args),
    /// The report again from what a run left, or of several runs side by side.
    Report(report::Args),
    /// A model of another library, from what its exporter writes.
    Import(import::Args),
    /// A smaller model, with its divergence from the one given.
    Quantize(quantize::Args),
    /// How fast a model is on this machine.
    Bench(bench::Args),
    /// Talk to a device that runs the instrument.
    Board(board::Args),
    /// The Rust that the macro emits for a model, or a library for C around it.
    Codegen(codegen::Args),
    /// What can train here.
    Devices(devices::Args),
}

/// Parses the arguments, runs the verb, prints an error if there is one.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => {
            // Help and version are no errors and go to standard output.
            let written = e.print().and_then(|()| std::io::stdout().flush());
            return match written {
                Err(fault) if !e.use_stderr() => ended(Err(Error::write(STDOUT, &fault))),
                _ => ExitCode::from(if e.use_stderr() { 2 } else { 0 }),
            };
        }
    };
    signals::listen(matches!(
        cli.verb,
        Verb::Inspect(_) | Verb::Check(_) | Verb::Codegen(_) | Verb::Devices(_)
    ));
    ended(run(cli))
}

/// Says what went wrong, if anything did.
fn ended(result: Result<()>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    if !matches!(error, Error::Closed) {
        note(format!("error: {error}"));
    }
    ExitCode::from(error.exit_code())
}

fn run(cli: Cli) -> Result<()> {
    if let Some(n) = cli.threads {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n.into()).build_global();
        pool.map_err(|e| Error::Failed(format!("--threads {n}: {e}")))?;
    }
    match cli.verb {
        Verb::Demo(args) => demo::run(&args),
        Verb::Train(args) => train::run(&args),
        Verb::Sweep(args) => sweep::run(&args),
        Verb::Couplings(args) => couplings::run(&args),
        Verb::Sample(args) => sample::run(&args),
        Verb::LogProb(args) => log_prob::run(&args),
        Verb::Inspect(args) => inspect::run(&args),
        Verb::Check(args) => check::run(&args),
        Verb::Estimate(args) => estimate::run(&args),
        Verb::Report(args) => report::run(&args),
        Verb::Import(args) => import::run(&args),
        Verb::Quantize(args) => quantize::run(&args),
        Verb::Bench(args) => bench::run(&args),
        Verb::Board(args) => board::run(&args),
        Verb::Codegen(args) => codegen::run(&args),
        Verb::Devices(args) => devices::run(&args),
    }
}

/// Ends a loop that a signal asked to end; files being written are then removed.
fn stop_if_interrupted() -> Result<()> {
    if signals::received() { Err(Error::Interrupted("interrupted".into())) } else { Ok(()) }
}

/// Checks that a stream has so many rows from `first` on.
fn in_stream(first: u64, n: u64) -> Result<()> {
    let message = "--first + -n: found more than 2^64, the length of a stream";
    first.checked_add(n).map(|_| ()).ok_or_else(|| Error::Usage(message.into()))
}

/// A number of samples, also as `1_000_000` or `1e6`.
fn count(text: &str) -> std::result::Result<u64, String> {
    let digits = text.replace('_', "");
    let exact = |x: &f64| x.fract() == 0.0 && (0.0..9e15).contains(x);
    let rounded = || digits.parse().ok().filter(exact).map(|x| x as u64);
    digits.parse().ok().or_else(rounded).ok_or_else(|| "expected a whole number".into())
}

/// As errors name it.
const STDOUT: &str = "standard output";

/// Prints to standard output; its reader going away is no error.
fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|e| Error::write(STDOUT, &e))
}

fn print_json(value: &serde_json::Value) -> Result<()> {
    print(&format!("{value:#}\n"))
}

/// Lines of name and value, the values in a column.
fn table(lines: &[(String, String)]) -> String {
    let width = lines.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    lines.iter().map(|(name, value)| format!("{name:width$}  {value}\n")).collect()
}
