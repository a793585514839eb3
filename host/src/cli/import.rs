//! `import`: a model of another library, from what its exporter writes.

use std::path::PathBuf;

use crate::data::{distinct, is_standard_output, write_file};
use crate::error::{Error, Result, note};
use crate::import::{self, CLOSE, Library};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The library that the model comes from.
    library: Option<Library>,
    /// The state dict, with rows and their log-densities: FILE.safetensors.
    state: Option<PathBuf>,
    /// What the state dict does not record; FILE.toml beside the state dict if not given.
    #[arg(long, value_name = "FILE.toml")]
    settings: Option<PathBuf>,
    /// The model file.
    #[arg(short, long, value_name = "FILE.safetensors")]
    output: Option<PathBuf>,
    /// Print the Python script that writes both files from a live object, and do nothing else.
    #[arg(long, value_name = "LIBRARY", conflicts_with_all = ["library", "state", "settings", "output"])]
    exporter: Option<Library>,
}

pub(super) fn run(args: &Args) -> Result<()> {
    if let Some(library) = args.exporter {
        return super::print(library.exporter());
    }
    let need = |what: &str| Error::Usage(format!("{what} is missing; see `import --help`"));
    let library = args.library.ok_or_else(|| need("the library"))?;
    let state = args.state.as_ref().ok_or_else(|| need("the state dict (FILE.safetensors)"))?;
    let output =
        args.output.as_ref().ok_or_else(|| need("-o FILE.safetensors, the model file,"))?;
    if is_standard_output(output) {
        return Err(Error::Usage("-o -: a model is a file".into()));
    }
    distinct(("-o", output), ("the state dict", state), true)?;
    let settings = args.settings.clone().unwrap_or_else(|| state.with_extension("toml"));
    if args.settings.is_none() && state.exists() && !settings.exists() {
        let message = "no such file: what the state dict does not record, which the exporter writes \
                       beside it; --settings names another";
        return Err(Error::input(&settings, message));
    }
    let imported = import::read(library, state, &settings)?;
    let model = imported.model()?;
    let fault = |e: pushforward::model::ModelError| Error::Failed(e.to_string());
    let found = imported.source.difference_of(&model).map_err(fault)?;
    let (allowed, single) = (imported.source.allowed(), imported.source.single());
    if found > allowed {
        return Err(Error::input(
            state,
            format!(
                "in f32 log-densities differ from the source's by {found:.1e} (relative to 1 + their \
                 size), expected at most {allowed:.1e}; the source's own f32 is off by {single:.1e}"
            ),
        ));
    }
    if found > CLOSE {
        note(format!(
            "warning: the flow is ill-conditioned: in f32 log-densities are off by {found:.1e}, as the \
             source's own are by {single:.1e} (relative to 1 + their size)"
        ));
    }
    const GOLDEN: usize = 8;
    let contexts = imported.source.contexts(GOLDEN);
    let model = if contexts.is_empty() {
        model.with_golden_rows(0, GOLDEN)
    } else {
        model.with_golden_contexts(0, contexts)
    };
    let model = model.map_err(fault)?;
    write_file(output, &model.to_bytes().map_err(fault)?)?;
    let description = model.description();
    let lines = [
        ("from", format!("{} {}, {}", library.name(), imported.from.1, state.display())),
        ("model", format!("{} values, {} of context", description.dim(), description.context())),
        ("parameters", description.parameters().to_string()),
        ("rows of the source", imported.source.len().to_string()),
        ("ln q in f64", format!("differs by {:.1e} of 1 + its size", imported.difference)),
        ("ln q in f32", format!("differs by {found:.1e} of 1 + its size")),
        ("written", output.display().to_string()),
    ];
    super::print(&super::table(&lines.map(|(name, value)| (name.to_string(), value))))
}
