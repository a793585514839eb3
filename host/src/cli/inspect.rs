//! `inspect`: what a model file says about itself.

use std::path::PathBuf;

use pushforward::conditional::logistics::{Column, Values};
use pushforward::model::{ConditionalSpec, Description, Dtype, Model, Names, TensorSpec};
use pushforward_emit::{Module, Options};
use serde_json::{Value as Json, json};

use crate::error::{Error, Result};
use crate::loaded::read;

/// Columns that are told of.
const MOST: usize = 16;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The model file.
    model: PathBuf,
    /// One JSON object on standard output.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let model = &read(&args.model)?;
    let description = model.description();
    let inverse = description.inverse();
    let sampling = if inverse.is_some() { "none" } else { "exact" };
    let bytes = |weights: &str| {
        let mut options = Options::default();
        options.set("weights", weights)?;
        options.set("sampling", sampling)?;
        Module::new(model, options).map(|m| (m.flash(), m.scratch_bytes()))
    };
    let (flash, scratch) = bytes("f32").map_err(|e| Error::input(&args.model, e))?;
    // A weight beyond the range of f16 leaves only f32.
    let flash_f16 = bytes("f16").ok().map(|(flash, _)| flash.total());
    let adds = description.multiply_adds();
    let stored: usize = description.tensors().iter().map(TensorSpec::stored).sum();
    let arithmetic = model.arithmetic().name();
    if args.json {
        let tensor = |spec: &TensorSpec| json!({ "name": spec.name, "shape": spec.shape });
        return super::print_json(&json!({
            "kind": description.kind(),
            "dim": description.dim(),
            "shape": description.shape(),
            "columns": model.names(),
            "distribution": description,
            "layers": description.tensors().iter().map(tensor).collect::<Vec<_>>(),
            "parameters": description.parameters(),
            "stored_parameters": stored,
            "multiply_adds_per_sample": adds,
            "multiply_adds_per_log_prob": adds * description.passes(),
            "flash_bytes": flash.total(),
            "flash": { "weights": flash.weights, "tables": flash.tables, "code": flash.code },
            "flash_bytes_f16": flash_f16,
            "scratch_bytes": scratch,
            "arithmetic": arithmetic,
            "inverse": inverse,
            "golden_rows": model.golden().map_or(0, |g| g.log_prob.len()),
            "provenance": model.provenance,
        }));
    }
    let mut lines = vec![
        ("kind".to_owned(), describe(description)),
        ("row".into(), format!("{} values, shape {:?}", description.dim(), description.shape())),
    ];
    lines.extend(model.names().map(|names| ("columns".into(), called(names))));
    lines.extend(columns(model));
    lines.extend([
        (
            "parameters".into(),
            format!("{} ({stored} stored, the rest masked)", description.parameters()),
        ),
        (
            "multiply-adds".into(),
            format!("{adds} a sample, {} a log-probability", adds * description.passes()),
        ),
        (
            "flash".into(),
            format!(
                "{} bytes{}: {} weights, {} tables, {} code at most (Cortex-M4F)",
                flash.total(),
                flash_f16.map_or(String::new(), |f| format!(", {f} with f16 weights")),
                flash.weights,
                flash.tables,
                flash.code
            ),
        ),
        ("scratch".into(), format!("{scratch} bytes a row")),
        ("arithmetic".into(), arithmetic.into()),
        ("samples".into(), inverse.unwrap_or_else(|| "exact".into())),
        ("golden rows".into(), model.golden().map_or(0, |g| g.log_prob.len()).to_string()),
    ]);
    for spec in description.tensors() {
        let of = match spec.dtype {
            Dtype::F32 => String::new(),
            integers => format!(" {integers}"),
        };
        lines.push((format!("  {}", spec.name), format!("{:?}{of}", spec.shape)));
    }
    let mut text = super::table(&lines);
    for (name, value) in &model.provenance {
        match value {
            Json::String(value) if value.contains('\n') => {
                text += &format!("\n{name}:\n");
                value.lines().for_each(|line| text += &format!("  {line}\n"));
            }
            Json::String(value) => text += &format!("\n{name}: {value}\n"),
            Json::Object(fields) => {
                let told = |value: &Json| match value {
                    Json::Array(entries) if entries.len() > 8 => {
                        format!("{} entries", entries.len())
                    }
                    other => other.to_string(),
                };
                let fields: Vec<_> =
                    fields.iter().map(|(k, v)| (format!("  {k}"), told(v))).collect();
                text += &format!("\n{name}:\n{}", super::table(&fields));
            }
            other => text += &format!("\n{name}: {other}\n"),
        }
    }
    super::print(&text)
}

/// What the columns of a table are, or the first of them.
fn columns(model: &Model) -> Vec<(String, String)> {
    let Description::Sites(sites) = model.description() else { return Vec::new() };
    let ConditionalSpec::Logistics(spec) = &sites.conditional else { return Vec::new() };
    let line = |(d, column): (usize, &Column)| {
        let name = model.names().and_then(|names| names.row.get(d));
        let kind = match column.values {
            Values::Real => "real",
            Values::Integer => "integer",
            Values::Circle => "circle",
        };
        let between = match [column.lower, column.upper].map(f32::is_finite) {
            [false, false] => String::new(),
            [true, false] => format!(" from {}", column.lower),
            [false, true] => format!(" to {}", column.upper),
            [true, true] => format!(" from {} to {}", column.lower, column.upper),
        };
        let name = name.map_or_else(|| format!("  column {}", d + 1), |name| format!("  {name}"));
        (name, format!("{kind}{between}"))
    };
    let mut lines: Vec<_> = spec.columns.iter().enumerate().take(MOST).map(line).collect();
    if let Some(more) = spec.columns.len().checked_sub(MOST).filter(|more| *more > 0) {
        lines.push(("  …".into(), format!("and {more} more")));
    }
    lines
}

/// The names of a model's columns in a line, or as many as fit.
pub(super) fn called(names: &Names) -> String {
    let list = |names: &[String]| match names.len() {
        0..=MOST => names.join(", "),
        n => format!("{}, and {} more", names[..MOST].join(", "), n - MOST),
    };
    let given = match &names.context[..] {
        [] => String::new(),
        context => format!("; given {}", list(context)),
    };
    list(&names.row) + &given
}

/// A model's parts and their sizes in a line, as the description has them.
pub(super) fn describe(description: &Description) -> String {
    // By way of the text, in which 0.001 is what it is in the file, and not the f32 next to it.
    let text = serde_json::to_string(description).unwrap_or_default();
    let json = serde_json::from_str(&text).unwrap_or_default();
    let Json::Object(mut fields) = json else { return String::new() };
    let mut words = vec![word(&fields.remove("kind").unwrap_or_default())];
    words.push(format!("{} values", description.dim()));
    fields.remove("shape");
    let layers = fields.remove("layers").unwrap_or_default();
    words.extend(fields.into_iter().map(|(name, value)| field(&name, &value)));
    // Neighbours that read alike are counted.
    let layers: Vec<String> = layers.as_array().into_iter().flatten().map(word).collect();
    let runs = layers.chunk_by(|a, b| a == b).map(|run| match run {
        [one] => one.clone(),
        many => format!("{} × {}", many.len(), many[0]),
    });
    words.extend(runs);
    words.join(", ")
}

/// A part: its kind, and its fields in brackets.
fn word(value: &Json) -> String {
    let Json::Object(fields) = value else {
        return value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    };
    // One entry a coordinate: too many for a line.
    let told =
        |name: &String| !["kind", "mask", "order", "through", "columns"].contains(&&name[..]);
    let told = fields.iter().filter(|(name, _)| told(name));
    let inner: Vec<String> = told.map(|(name, value)| field(name, value)).collect();
    let kind = fields.get("kind").map(word).unwrap_or_default();
    let space = if kind.is_empty() { "" } else { " " };
    if inner.is_empty() { kind } else { format!("{kind}{space}({})", inner.join(", ")) }
}

fn field(name: &str, value: &Json) -> String {
    match value {
        Json::Object(fields) if fields.contains_key("kind") => word(value),
        _ => format!("{name} {}", word(value)),
    }
}
