//! `report`: the page of plots again, from what one run or several left.

use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::report;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folders of runs, as `train` fills them.
    #[arg(required = true, value_name = "DIR")]
    folders: Vec<PathBuf>,
    /// Where to write the page; report.html in the run's folder if not given, in this one if there are
    /// several runs.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let folders: Vec<&Path> = args.folders.iter().map(PathBuf::as_path).collect();
    let own = match folders[..] {
        [folder] => folder.join("report.html"),
        _ => PathBuf::from("report.html"),
    };
    let target = args.output.as_deref().unwrap_or(&own);
    report::write(&folders, target, None, &super::stop_if_interrupted)?;
    super::print(&format!("saved {}\n", target.display()))
}
