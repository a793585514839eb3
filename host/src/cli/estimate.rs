//! `estimate`: free energy of a Hamiltonian from a model's samples.

use std::path::PathBuf;

use pushforward::domain::{Domain, Kind};
use pushforward::model::Description;
use serde_json::{Value as Json, json};

use crate::config::{Hamiltonian, TargetConfig};
use crate::energy::Energy;
use crate::error::{Error, Result};
use crate::estimate::estimate;
use crate::loaded::Loaded;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The model file.
    model: PathBuf,
    /// A config whose [target] is the Hamiltonian.
    #[arg(long, value_name = "CONFIG.toml")]
    energy: PathBuf,
    /// How many samples.
    #[arg(short, long = "number", value_name = "N", value_parser = at_least_two)]
    n: u64,
    /// Names the stream of samples.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// One JSON object on standard output.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let model = Loaded::open(&args.model, None)?;
    let TargetConfig::Hamiltonian(hamiltonian) = TargetConfig::load(&args.energy)? else {
        return Err(Error::input(&args.energy, "[target] found data, expected a hamiltonian"));
    };
    let energy = checked_energy(&hamiltonian, &model).map_err(|m| Error::input(&args.energy, m))?;
    let found = estimate(
        &model,
        &*energy,
        hamiltonian.beta(),
        args.n,
        args.seed,
        &super::stop_if_interrupted,
    )?;
    if args.json {
        let mut object = found.to_json();
        object.insert("hamiltonian".into(), json!(energy.name()));
        object.insert("beta".into(), json!(hamiltonian.beta()));
        object.insert("seed".into(), json!(args.seed));
        return super::print_json(&Json::Object(object));
    }
    super::print(&super::table(&found.lines()))
}

/// A number of samples that has error bars.
pub(super) fn at_least_two(text: &str) -> std::result::Result<u64, String> {
    match super::count(text)? {
        0 | 1 => Err("expected 2 or more".into()),
        n => Ok(n),
    }
}

/// The energy, if the model is over the same space.
pub(super) fn checked_energy(
    hamiltonian: &Hamiltonian,
    model: &Loaded,
) -> std::result::Result<std::sync::Arc<dyn Energy>, String> {
    let constraint = match model.model.description() {
        Description::Sites(sites) => sites.constraint.as_ref(),
        Description::Flow(_) => None,
    };
    let energy = hamiltonian.energy_within(constraint)?;
    let name = energy.name();
    let context = model.model.description().context();
    if context > 0 {
        return Err(format!(
            "[target] {name} gives no context, but the model takes one of {context} values"
        ));
    }
    if energy.dim() != model.dim() {
        return Err(format!(
            "[target] {name} has dimension {}, but the model has {}",
            energy.dim(),
            model.dim()
        ));
    }
    if Domain::Uniform(energy.kind()) != model.domain() {
        let kind = |kind: Kind| match kind {
            Kind::Real => "real numbers",
            Kind::Spin => "spins",
            Kind::Category(_) => "categories",
        };
        return Err(format!(
            "[target] {name} is over {}, but the model is over {}",
            kind(energy.kind()),
            kind(model.domain().kind(0))
        ));
    }
    Ok(energy)
}
