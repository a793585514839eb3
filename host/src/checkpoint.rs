//! Checkpoints: where a training run can go on from.
//!
//! A checkpoint is a safetensors file with the parameters and Adam's two moments, `[parameters]`
//! each, and in its metadata the step, the config's text and a checksum. It is written under a
//! temporary name and renamed, and the one before it is kept, so a run that is killed at any moment
//! leaves a good one. The config's text is compared, key by key, on resuming: going on with other
//! settings would be neither run.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use pushforward::model::file::fnv;
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};

use crate::data::write_file;
use crate::error::{Error, Result};
use crate::train::TrainState;

const FORMAT: &str = "pushforward-checkpoint-1";

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
pub fn save(folder: &Path, state: &TrainState, config: &str) -> Result<()> {
    let target = path(folder);
    let parts = [&state.parameters, &state.first_moment, &state.second_moment];
    let bytes: Vec<Vec<u8>> =
        parts.iter().map(|p| p.iter().flat_map(|x| x.to_le_bytes()).collect()).collect();
    let failed = |e: &dyn std::fmt::Display| Error::Failed(format!("{}: {e}", target.display()));
    let mut views = Vec::new();
    for (name, data) in NAMES.into_iter().zip(&bytes) {
        let view =
            TensorView::new(Dtype::F32, vec![data.len() / 4], data).map_err(|e| failed(&e))?;
        views.push((name, view));
    }
    let metadata = HashMap::from([
        ("format".into(), FORMAT.into()),
        ("step".into(), state.step.to_string()),
        ("config".into(), config.into()),
        ("checksum".into(), checksum(state.step, config, &bytes)),
    ]);
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
pub fn load(folder: &Path, config: &str) -> Result<Option<TrainState>> {
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

const NAMES: [&str; 3] = ["parameters", "first_moment", "second_moment"];

fn parse(bytes: &[u8]) -> std::result::Result<(TrainState, String), String> {
    let damaged = |e: &dyn std::fmt::Display| format!("is no good checkpoint: {e}");
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| damaged(&e))?;
    let file = SafeTensors::deserialize(bytes).map_err(|e| damaged(&e))?;
    let entry = |key: &str| {
        let found = header.metadata().as_ref().and_then(|m| m.get(key)).cloned();
        found.ok_or_else(|| damaged(&format!("its metadata have no '{key}'")))
    };
    let format = entry("format")?;
    if format != FORMAT {
        return Err(damaged(&format!("its format is '{format}', expected '{FORMAT}'")));
    }
    let step = entry("step")?.parse().map_err(|e| damaged(&format!("step: {e}")))?;
    let config = entry("config")?;
    let mut bytes = Vec::new();
    for name in NAMES {
        bytes.push(file.tensor(name).map_err(|e| damaged(&e))?.data().to_vec());
    }
    if checksum(step, &config, &bytes) != entry("checksum")? {
        return Err(damaged(&"its checksum does not match its content"));
    }
    let part = |i: usize| {
        bytes[i].chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
    };
    Ok((
        TrainState { step, parameters: part(0), first_moment: part(1), second_moment: part(2) },
        config,
    ))
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

fn checksum(step: u64, config: &str, data: &[Vec<u8>]) -> String {
    let content = step.to_le_bytes().into_iter().chain(config.bytes());
    format!("{:016x}", fnv(content.chain(data.iter().flatten().copied())))
}
