//! `devices`: what can train here.

use pushforward::simd::Level;
use serde_json::{Map, Value as Json, json};

use crate::device::{DeviceInfo, devices};
use crate::error::Result;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// One JSON object on standard output.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let found = devices();
    let levels: Vec<_> = Level::available().map(Level::name).collect();
    if args.json {
        let limits = |d: &DeviceInfo| {
            d.limits.iter().map(|(k, v)| ((*k).into(), json!(v))).collect::<Map<_, _>>()
        };
        let device = |d: &DeviceInfo| {
            json!({ "kind": d.kind, "name": d.name, "backend": d.backend, "device_type": d.device_type,
                    "usable": d.usable, "limits": limits(d) })
        };
        let devices: Vec<Json> = found.iter().map(device).collect();
        return super::print_json(&json!({ "cpu_features": levels, "devices": devices }));
    }
    let mut lines = vec![("simd".to_owned(), levels.join(", "))];
    for d in &found {
        let use_by = if d.usable { "" } else { "  (software: for testing, never picked)" };
        lines.push((
            d.kind.to_owned(),
            format!("{}, {}, {}{use_by}", d.name, d.backend, d.device_type),
        ));
        lines.extend(d.limits.iter().map(|(name, value)| (format!("  {name}"), value.to_string())));
    }
    if !found.iter().any(|d| d.kind == "gpu") {
        lines.push(("gpu".into(), "none: training runs on the CPU".into()));
    }
    super::print(&super::table(&lines))
}
