//! `board flash`: the instrument, built around a model and written to a board.

use std::path::PathBuf;
use std::process::Command;

use super::line;
use crate::board::{self, Folder};
use crate::cli::print;
use crate::error::{Error, Result};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The model file.
    model: PathBuf,
    /// The board, a folder of `firmware/boards`.
    #[arg(long, value_name = "NAME")]
    board: String,
    #[command(flatten)]
    storage: line::Storage,
}

pub(super) fn run(args: &Args) -> Result<()> {
    crate::loaded::read(&args.model)?;
    let name = &args.board;
    let folder =
        board::checkout().map(|checkout| board::folder(&checkout, Some(name))).transpose()?;
    if folder.as_ref().is_some_and(Folder::is_emulated) {
        return Err(Error::Usage(format!(
            "--board {name}: it is emulated, expected a board with a probe; `board verify --board {name}` starts it"
        )));
    }
    let built = line::build(name, Some(&args.model), &args.storage)?;
    let run = built.command("instrument");
    // What `probe-rs run` takes, `probe-rs download` does too.
    let mut words = run.get_args();
    if run.get_program() != "probe-rs" || words.next().is_none_or(|word| word != "run") {
        return Err(Error::Failed(format!(
            "--board {name}: its runner is {}, expected `probe-rs run`",
            run.get_program().display()
        )));
    }
    let status = Command::new("probe-rs").arg("download").args(words).status();
    let status = status.map_err(|e| Error::Failed(format!("probe-rs cannot be run: {e}")))?;
    if !status.success() {
        return Err(Error::Failed(format!("probe-rs: {status}")));
    }
    print(&format!("{name} runs the instrument; `board info --port PORT` asks it who it is\n"))
}
