//! Checkpoints: where a training run can go on from.
//!
//! A checkpoint is a safetensors file with the parameters and Adam's two moments, `[parameters]`
//! each, the parameters' running mean where one is kept, the best parameters so far where rows are held
//! out, and in its metadata the step, what the learning rate is scaled by and since when, the step of
//! the best and its score, the config in full and a checksum. It is written under a
//! temporary name and renamed, and the one before it is kept, so a run that is killed at any moment
//! leaves a good one. The config is compared, key by key, on resuming: going on with other
//! settings would be neither run. What may differ is [how long](BUDGET) the run is and how often it is
//! looked at.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use pushforward::model::file::fnv;
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};

use crate::data::write_file;
use crate::error::{Error, Result};
use crate::train::TrainState;

const FORMAT: &str = "pushforward-checkpoint-3";
/// Keys of `[train]` that may be others on resuming. The schedules of learning rate and β are those of the
/// new number of steps, from the step that the run has reached.
const BUDGET: [&str; 6] =
    ["steps", "patience", "anneal", "evaluate", "log_every", "checkpoint_every"];

/// The parameters that score held-out rows best so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Best {
    /// The step they are of.
    pub step: u64,
    /// Mean of −ln q over the held-out rows, in the units of training (nats).
    pub nll: f64,
    /// In canonical order.
    pub parameters: Vec<f32>,
}

/// All that a run goes on from.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// The trainer's.
    pub train: TrainState,
    /// What held-out rows said, where there are any.
    pub best: Option<Best>,
    /// The step in which the learning rate was last scaled.
    pub scaled: u64,
}

/// The newest checkpoint of a run.
pub fn path(folder: &Path) -> PathBuf {
    folder.join("checkpoint.safetensors")
}

/// The one before it.
pub fn previous(folder: &Path) -> PathBuf {
    folder.join("checkpoint.previous.safetensors")
}

/// Writes a checkpoint into `folder`, keeping the one before.
///
/// # Errors
/// The disk is full or the folder cannot be written.
pub fn save(folder: &Path, state: &State, config: &str) -> Result<()> {
    let target = path(folder);
    let State { train, best, scaled } = state;
    let parts = [
        Some(&train.parameters),
        Some(&train.first_moment),
        Some(&train.second_moment),
        Some(&train.average).filter(|average| !average.is_empty()),
        best.as_ref().map(|best| &best.parameters),
    ];
    let named = NAMES.into_iter().zip(parts).filter_map(|(name, part)| Some((name, part?)));
    let (names, bytes): (Vec<_>, Vec<Vec<u8>>) = named
        .map(|(name, part)| (name, part.iter().flat_map(|x| x.to_le_bytes()).collect()))
        .unzip();
    let failed = |e: &dyn std::fmt::Display| Error::Failed(format!("{}: {e}", target.display()));
    let mut views = Vec::new();
    for (name, data) in names.into_iter().zip(&bytes) {
        let view =
            TensorView::new(Dtype::F32, vec![data.len() / 4], data).map_err(|e| failed(&e))?;
        views.push((name, view));
    }
    let mut metadata = HashMap::from([
        ("format".into(), FORMAT.into()),
        ("step".into(), train.step.to_string()),
        ("rate_scale".into(), train.rate_scale.to_string()),
        ("scaled".into(), scaled.to_string()),
        ("config".into(), config.into()),
    ]);
    if let Some(best) = best {
        metadata.insert("best_step".into(), best.step.to_string());
        metadata.insert("best_nll".into(), best.nll.to_string());
    }
    metadata.insert("checksum".into(), checksum(&metadata, &bytes));
    let file = serialize(views, Some(metadata)).map_err(|e| failed(&e))?;
    if target.exists() {
        fs::rename(&target, previous(folder)).map_err(|e| Error::write(previous(folder), &e))?;
    }
    write_file(&target, &file)
}

/// The newest good checkpoint in `folder`; `None` if there is none at all.
///
/// # Errors
/// There are checkpoints but none is good, or the good one is of another config.
pub fn load(folder: &Path, config: &str) -> Result<Option<State>> {
    let mut fault = None;
    for file in [path(folder), previous(folder)] {
        let bytes = match fs::read(&file) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
            Err(e) => return Err(Error::read(&file, &e)),
        };
        match parse(&bytes) {
            Ok((state, text)) => {
                same_config(&file, &text, config)?;
                if fault.is_some() {
                    // In the place of the damaged one, so that it is not the next to be overwritten.
                    fs::rename(&file, path(folder)).map_err(|e| Error::write(path(folder), &e))?;
                }
                return Ok(Some(state));
            }
            Err(message) => fault = fault.or(Some(Error::input(&file, message))),
        }
    }
    fault.map_or(Ok(None), Err)
}

/// The last two are there where a mean is kept and where rows are held out.
const NAMES: [&str; 5] = ["parameters", "first_moment", "second_moment", "average", "best"];

fn parse(bytes: &[u8]) -> std::result::Result<(State, String), String> {
    let damaged = |e: &dyn std::fmt::Display| format!("is no good checkpoint: {e}");
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| damaged(&e))?;
    let file = SafeTensors::deserialize(bytes).map_err(|e| damaged(&e))?;
    let metadata = header.metadata().clone().unwrap_or_default();
    let entry = |key: &str| {
        let found = metadata.get(key).cloned();
        found.ok_or_else(|| damaged(&format!("its metadata have no '{key}'")))
    };
    let format = entry("format")?;
    if format != FORMAT {
        return Err(damaged(&format!("its format is '{format}', expected '{FORMAT}'")));
    }
    let has_best = metadata.contains_key("best_step");
    let needed = |name: &str| match name {
        "average" => false,
        "best" => has_best,
        _ => true,
    };
    // Nothing for a part that is not there and need not be.
    let mut parts: [Vec<u8>; NAMES.len()] = Default::default();
    for (part, name) in parts.iter_mut().zip(NAMES) {
        match file.tensor(name) {
            Ok(tensor) => *part = tensor.data().to_vec(),
            Err(e) if needed(name) => return Err(damaged(&e)),
            Err(_) => {}
        }
    }
    if checksum(&metadata, &parts) != entry("checksum")? {
        return Err(damaged(&"its checksum does not match its content"));
    }
    let floats =
        |bytes: Vec<u8>| bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
    let [parameters, first_moment, second_moment, average, best] = parts.map(floats);
    let step = |key: &str| entry(key)?.parse().map_err(|e| damaged(&format!("{key}: {e}")));
    let number = |key: &str| entry(key)?.parse().map_err(|e| damaged(&format!("{key}: {e}")));
    let best = if has_best {
        Some(Best { step: step("best_step")?, nll: number("best_nll")?, parameters: best })
    } else {
        None
    };
    let (step_reached, rate_scale) = (step("step")?, number("rate_scale")?);
    let train = TrainState {
        step: step_reached,
        parameters,
        first_moment,
        second_moment,
        average,
        rate_scale,
    };
    Ok((State { train, best, scaled: step("scaled")? }, entry("config")?))
}

fn same_config(file: &Path, found: &str, expected: &str) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    let table = |text: &str| text.parse::<toml::Table>().unwrap_or_default();
    let flat = |text: &str| {
        let tables = table(text).into_iter();
        let keys = tables.flat_map(|(name, value)| match value {
            toml::Value::Table(t) => {
                t.into_iter().map(|(k, v)| (format!("[{name}] {k}"), v)).collect()
            }
            other => vec![(name, other)],
        });
        keys.collect::<std::collections::BTreeMap<_, _>>()
    };
    let (found, expected) = (flat(found), flat(expected));
    let keys = found.keys().chain(expected.keys());
    let budget = |key: &&String| BUDGET.iter().any(|k| key.strip_prefix("[train] ") == Some(k));
    let differs = keys.filter(|k| !budget(k)).find(|k| found.get(*k) != expected.get(*k));
    let Some(name) = differs else { return Ok(()) };
    let show = |v: Option<&toml::Value>| v.map_or("nothing".into(), ToString::to_string);
    let (found, expected) = (show(found.get(name)), show(expected.get(name)));
    let message = format!(
        "was made with {name} = {found}, but the config now says {expected}: --resume needs the same config"
    );
    Err(Error::input(file, message))
}

/// Of all metadata but itself, in the order of their names, and of the tensors.
fn checksum(metadata: &HashMap<String, String>, data: &[Vec<u8>]) -> String {
    let mut entries: Vec<_> = metadata.iter().filter(|(key, _)| *key != "checksum").collect();
    entries.sort();
    let text = entries.into_iter().flat_map(|(key, value)| key.bytes().chain(value.bytes()));
    format!("{:016x}", fnv(text.chain(data.iter().flatten().copied())))
}
