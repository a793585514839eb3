//! `inspect`: what a model file says about itself.

use std::path::PathBuf;

use pushforward::model::{Architecture, Fast, TransformerSpec};
use pushforward_emit::{Module, Options};
use serde_json::{Value as Json, json};

use crate::error::{Error, Result};
use crate::loaded::Loaded;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The model file.
    model: PathBuf,
    /// One JSON object on standard output.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let loaded = Loaded::open(&args.model, None)?;
    let model = &loaded.model;
    let architecture = model.architecture();
    let bytes = |weights: &str| {
        let mut options = Options::default();
        options.set("weights", weights)?;
        Module::new(model, options).map(|m| (m.flash(), m.scratch_bytes()))
    };
    let (flash, scratch) = bytes("f32").map_err(|e| Error::input(&args.model, e))?;
    // A weight beyond the range of f16 leaves only f32.
    let flash_f16 = bytes("f16").ok().map(|(flash, _)| flash.total());
    let adds = architecture.multiply_adds();
    let arithmetic = serde_json::to_value(model.arithmetic()).unwrap_or(Json::Null);
    if args.json {
        let tensor = |(name, shape): &(String, Vec<usize>)| json!({ "name": name, "shape": shape });
        return super::print_json(&json!({
            "kind": architecture.kind(),
            "dim": architecture.dim(),
            "shape": architecture.shape(),
            "architecture": architecture,
            "layers": architecture.tensors().iter().map(tensor).collect::<Vec<_>>(),
            "parameters": architecture.parameters(),
            "stored_parameters": architecture.packed_len(),
            "multiply_adds_per_sample": adds,
            "multiply_adds_per_log_prob": adds * architecture.passes(),
            "flash_bytes": flash.total(),
            "flash": { "weights": flash.weights, "tables": flash.tables, "code": flash.code },
            "flash_bytes_f16": flash_f16,
            "scratch_bytes": scratch,
            "arithmetic": arithmetic,
            "golden_rows": model.golden().map_or(0, |g| g.log_prob.len()),
            "provenance": model.provenance,
        }));
    }
    let mut lines = vec![
        ("kind".to_owned(), describe(architecture)),
        ("row".into(), format!("{} values, shape {:?}", architecture.dim(), architecture.shape())),
        (
            "parameters".into(),
            format!(
                "{} ({} stored, the rest masked)",
                architecture.parameters(),
                architecture.packed_len()
            ),
        ),
        (
            "multiply-adds".into(),
            format!("{adds} a sample, {} a log-probability", adds * architecture.passes()),
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
        ("arithmetic".into(), arithmetic.as_str().unwrap_or("").to_owned()),
        ("golden rows".into(), model.golden().map_or(0, |g| g.log_prob.len()).to_string()),
    ];
    for (name, shape) in architecture.tensors() {
        lines.push((format!("  {name}"), format!("{shape:?}")));
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
                let fields: Vec<_> =
                    fields.iter().map(|(k, v)| (format!("  {k}"), v.to_string())).collect();
                text += &format!("\n{name}:\n{}", super::table(&fields));
            }
            other => text += &format!("\n{name}: {other}\n"),
        }
    }
    super::print(&text)
}

/// A family and its sizes in a line.
pub(super) fn describe(architecture: &Architecture) -> String {
    match architecture {
        Architecture::Made(made) => format!(
            "made, {} spins, hidden {:?}, {}symmetry {}",
            made.sites,
            made.hidden,
            if made.pairwise { "pairwise terms, " } else { "" },
            match made.symmetry {
                pushforward::model::Symmetry::None => "none",
                pushforward::model::Symmetry::Z2 => "z2",
            }
        ),
        Architecture::RealNvp(flow) => format!(
            "realnvp, {} real numbers, {} couplings, hidden {:?}{}",
            flow.dim,
            flow.couplings.len(),
            flow.couplings.first().map_or(&[][..], |c| &c.hidden),
            if flow.affine { ", standardised" } else { "" }
        ),
        Architecture::Nsf(flow) => format!(
            "nsf, {} real numbers, {} couplings, hidden {:?}, {} bins on ±{}{}",
            flow.dim,
            flow.couplings.len(),
            flow.couplings.first().map_or(&[][..], |c| &c.hidden),
            flow.bins,
            flow.bound,
            if flow.affine { ", standardised" } else { "" }
        ),
        Architecture::Maf(flow) => format!(
            "maf, {} real numbers, {} layers, hidden {:?}, {}, networks read {}{}",
            flow.dim,
            flow.layers.len(),
            flow.layers.first().map_or(&[][..], |l| &l.hidden),
            match flow.transformer {
                TransformerSpec::Affine { .. } => "affine".to_owned(),
                TransformerSpec::RationalQuadratic { bins, bound } => {
                    format!("{bins} bins on ±{bound}")
                }
            },
            match flow.fast {
                Fast::Density => "data",
                Fast::Sampling => "noise",
            },
            if flow.affine { ", standardised" } else { "" }
        ),
    }
}
