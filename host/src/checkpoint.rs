//! Checkpoints: where a training run can go on from.
//!
//! A checkpoint is a safetensors file with the parameters and Adam's two moments, `[parameters]`
//! each, the best parameters so far where rows are held out, and in its metadata the step, that of
//! the best and its score, the config in full and a checksum. It is written under a
//! temporary name and renamed, and the one before it is kept, so a run that is killed at any moment
//! leaves a good one. The config is compared, key by key, on resuming: going on with other
//! settings would be neither run.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use pushforward::model::file::fnv;
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};

use crate::data::write_file;
use crate::error::{Error, Result};
use crate::train::TrainState;

const FORMAT: &str = "pushforward-checkpoint-2";

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
pub type State = (TrainState, Option<Best>);

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
pub fn save(folder: &Path, state: &TrainState, best: Option<&Best>, config: &str) -> Result<()> {
    let target = path(folder);
    let mut parts = vec![&state.parameters, &state.first_moment, &state.second_moment];
    parts.extend(best.map(|best| &best.parameters));
    let bytes: Vec<Vec<u8>> =
        parts.iter().map(|p| p.iter().flat_map(|x| x.to_le_bytes()).collect()).collect();
    let failed = |e: &dyn std::fmt::Display| Error::Failed(format!("{}: {e}", target.display()));
    let mut views = Vec::new();
    for (name, data) in NAMES.into_iter().zip(&bytes) {
        let view =
            TensorView::new(Dtype::F32, vec![data.len() / 4], data).map_err(|e| failed(&e))?;
        views.push((name, view));
    }
    let mut metadata = HashMap::from([
        ("format".into(), FORMAT.into()),
        ("step".into(), state.step.to_string()),
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

/// The last one is there where rows are held out.
const NAMES: [&str; 4] = ["parameters", "first_moment", "second_moment", "best"];

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
    let mut bytes = Vec::new();
    for name in &NAMES[..if has_best { 4 } else { 3 }] {
        bytes.push(file.tensor(name).map_err(|e| damaged(&e))?.data().to_vec());
    }
    if checksum(&metadata, &bytes) != entry("checksum")? {
        return Err(damaged(&"its checksum does not match its content"));
    }
    let part = |i: usize| {
        bytes[i].chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
    };
    let step = |key: &str| entry(key)?.parse().map_err(|e| damaged(&format!("{key}: {e}")));
    let best = if has_best {
        let nll = entry("best_nll")?.parse().map_err(|e| damaged(&format!("best_nll: {e}")))?;
        Some(Best { step: step("best_step")?, nll, parameters: part(3) })
    } else {
        None
    };
    let step = step("step")?;
    let state =
        TrainState { step, parameters: part(0), first_moment: part(1), second_moment: part(2) };
    Ok(((state, best), entry("config")?))
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
    let differs = keys.into_iter().find(|k| found.get(*k) != expected.get(*k));
    let name = differs.map_or("", String::as_str);
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
