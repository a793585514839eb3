//! The command line: one verb, one file.

mod bench;
mod check;
mod codegen;
mod demo;
mod devices;
mod estimate;
mod inspect;
mod log_prob;
mod sample;
mod train;

use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Parser, Subcommand};

use crate::error::{Error, Result};

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
    /// How fast a model is on this machine.
    Bench(bench::Args),
    /// The Rust that the macro emits for a model.
    Codegen(codegen::Args),
    /// What can train here.
    Devices(devices::Args),
}

/// Set by Ctrl-C; long loops look at it between chunks.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Parses the arguments, runs the verb, prints an error if there is one.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => {
            // Help and version are no errors; a closed standard output is none of ours.
            let _ = e.print();
            return ExitCode::from(if e.use_stderr() { 2 } else { 0 });
        }
    };
    // Without a handler Ctrl-C still ends the program, only less tidily.
    let _ = ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(1);
        }
    });
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if !matches!(error, Error::Closed) {
                eprintln!("error: {error}");
            }
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(cli: Cli) -> Result<()> {
    if let Some(n) = cli.threads {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n.into()).build_global();
        pool.map_err(|e| Error::Failed(format!("--threads {n}: {e}")))?;
    }
    match cli.verb {
        Verb::Demo(args) => demo::run(&args),
        Verb::Train(args) => train::run(&args),
        Verb::Sample(args) => sample::run(&args),
        Verb::LogProb(args) => log_prob::run(&args),
        Verb::Inspect(args) => inspect::run(&args),
        Verb::Check(args) => check::run(&args),
        Verb::Estimate(args) => estimate::run(&args),
        Verb::Bench(args) => bench::run(&args),
        Verb::Codegen(args) => codegen::run(&args),
        Verb::Devices(args) => devices::run(&args),
    }
}

/// Whether Ctrl-C was pressed.
fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// Ends a loop that Ctrl-C asked to end; files being written are then removed.
fn stop_if_interrupted() -> Result<()> {
    if interrupted() { Err(Error::Failed("interrupted".into())) } else { Ok(()) }
}

/// A number of samples, also as `1_000_000` or `1e6`.
fn count(text: &str) -> std::result::Result<u64, String> {
    let digits = text.replace('_', "");
    let exact = |x: &f64| x.fract() == 0.0 && (0.0..9e15).contains(x);
    let rounded = || digits.parse().ok().filter(exact).map(|x| x as u64);
    digits.parse().ok().or_else(rounded).ok_or_else(|| "expected a whole number".into())
}

/// Prints to standard output; its reader going away is no error.
fn print(text: &str) -> Result<()> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|_| Error::Closed)
}

fn print_json(value: &serde_json::Value) -> Result<()> {
    print(&format!("{value:#}\n"))
}

/// Lines of name and value, the values in a column.
fn table(lines: &[(String, String)]) -> String {
    let width = lines.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    lines.iter().map(|(name, value)| format!("{name:width$}  {value}\n")).collect()
}

/// A context for a model that takes none is refused, never ignored.
fn no_context(model: &Path, context: Option<&Path>) -> Result<()> {
    match context {
        None => Ok(()),
        Some(file) => {
            let message = format!("--context {}: the model takes no context", file.display());
            Err(Error::input(model, message))
        }
    }
}
