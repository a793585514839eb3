//! `quantize`: a smaller model, and what that costs.

use std::path::PathBuf;

use pushforward::model::file::MAX_GOLDEN_ROWS;
use pushforward::network::Bits;
use serde_json::{Map, Value as Json, json};

use super::context::Contexts;
use crate::config::TargetConfig;
use crate::data::{distinct, write_file};
use crate::error::{Error, Result};
use crate::estimate::estimate;
use crate::loaded::Loaded;
use crate::quantize::{divergence, integers};

/// Fewer contexts than these do not show how large what is read gets.
const FEW_CONTEXTS: usize = 256;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The model file.
    model: PathBuf,
    /// How weights are stored.
    #[arg(long)]
    weights: Weights,
    /// How direct terms of a model of spins are stored, where weights are integers; as those if not given.
    #[arg(long)]
    direct: Option<Integers>,
    /// Chooses how integers are rounded, in at most so many passes over each matrix, so that roundings make good for
    /// each other.
    #[arg(long, value_name = "STEPS", default_value_t = 0, hide_default_value = true)]
    tune: u32,
    /// The smaller model's file.
    #[arg(short, long, value_name = "FILE.safetensors")]
    output: PathBuf,
    /// A config whose [target] is a Hamiltonian, against which both models are held.
    #[arg(long, value_name = "CONFIG.toml")]
    energy: Option<PathBuf>,
    /// Contexts that a conditional model is measured and compared on: the first 4096 of this table, one a row; those of
    /// the model's golden rows if not given.
    #[arg(long, value_name = "FILE")]
    context: Option<String>,
    /// How many samples the two models are compared on.
    #[arg(short, long = "number", value_name = "N", default_value = "10000", value_parser = super::estimate::at_least_two)]
    n: u64,
    /// Names the stream of these samples.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// One JSON object on standard output.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Weights {
    /// Floats of 16 bits.
    F16,
    /// Integers of 8 bits: of spins, and of a flow's couplings and autoregressive layers.
    I8,
    /// Integers of 16 bits.
    I16,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Integers {
    /// 8 bits.
    I8,
    /// 16 bits.
    I16,
}

impl From<Integers> for Bits {
    fn from(of: Integers) -> Bits {
        match of {
            Integers::I8 => Bits::I8,
            Integers::I16 => Bits::I16,
        }
    }
}

pub(super) fn run(args: &Args) -> Result<()> {
    distinct(("-o", &args.output), ("the model", &args.model), true)?;
    let source = Loaded::open(&args.model, None)?;
    let parent = match &args.context {
        None => None,
        Some(context) => {
            distinct(("-o", &args.output), ("--context", context.as_ref()), true)?;
            let contexts = Contexts::open(&args.model, &source, Some(context))?;
            let contexts = contexts.first(MAX_GOLDEN_ROWS)?;
            let model = source.model.clone().with_golden_contexts(0, contexts);
            Some(Loaded::new(model.map_err(|e| Error::input(&args.model, e))?)?)
        }
    };
    let parent = parent.as_ref().unwrap_or(&source);
    let packed = |model: &Loaded| model.model.description().packed_len();
    let (child, bytes) = match args.weights {
        Weights::F16 => {
            for (flag, given) in [("--direct", args.direct.is_some()), ("--tune", args.tune > 0)] {
                if given {
                    let message = format!("{flag}: found with --weights f16, expected i8 or i16");
                    return Err(Error::Usage(message));
                }
            }
            if parent.model.description().holds_integers() {
                let message = "weights: found integers already, expected floats";
                return Err(Error::input(&args.model, message));
            }
            let child = parent.model.rounded_to_f16();
            (child.map_err(|e| Error::input(&args.model, e))?, 2 * packed(parent))
        }
        Weights::I8 | Weights::I16 => {
            let bits = if let Weights::I8 = args.weights { Bits::I8 } else { Bits::I16 };
            let direct = args.direct.map(Bits::from);
            let child = integers(parent, bits, direct, args.tune);
            let mut child = child.map_err(|e| Error::input(&args.model, e))?;
            let of = json!({ "weights": bits, "direct": direct, "tune": args.tune });
            child.provenance.insert("quantized".into(), of);
            let bytes = 4 * child.description().packed_len();
            (child, bytes)
        }
    };
    let child = Loaded::new(child)?;
    let go_on = &super::stop_if_interrupted;
    let [kl, kl_error] = divergence(parent, &child, args.n, args.seed, go_on)?;
    let before = 4 * packed(parent);
    let mut object = Map::new();
    let number = |x: f64| if x.is_finite() { json!(x) } else { Json::Null };
    object.insert("bytes".into(), json!(bytes));
    object.insert("bytes_before".into(), json!(before));
    object.insert("kl_per_value".into(), number(kl));
    object.insert("kl_per_value_error".into(), number(kl_error));
    let share = 100.0 * bytes as f64 / before as f64;
    let mut lines = vec![
        ("weights".to_owned(), format!("{bytes} bytes of flash, of {before} ({share:.1} %)")),
        (
            "KL a value".to_owned(),
            format!("{kl:.3e} ± {kl_error:.1e} nats from the model given (n = {})", args.n),
        ),
    ];
    if parent.model.description().context() > 0 {
        let (_, contexts) = parent.model.golden_stream();
        object.insert("contexts".into(), json!(contexts));
        lines.push(("contexts".into(), contexts.to_string()));
        if contexts < FEW_CONTEXTS && child.model.description().holds_integers() {
            let text = "what the model reads was measured on few contexts, and others may be clamped: \
                        --context FILE gives more";
            lines.push(("warning".into(), text.into()));
        }
    }
    if let Some(path) = &args.energy {
        let TargetConfig::Hamiltonian(hamiltonian) = TargetConfig::load(path)? else {
            return Err(Error::input(path, "[target] found data, expected a hamiltonian"));
        };
        let energy = super::estimate::checked_energy(&hamiltonian, parent)
            .map_err(|m| Error::input(path, m))?;
        for (name, model) in [("parent", parent), ("child", &child)] {
            let found = estimate(model, &*energy, hamiltonian.beta(), args.n, args.seed, go_on)?;
            let k_hat = found.k_hat.map_or("none".into(), |k| format!("{k:.2}"));
            lines.push((format!("ESS {name}"), format!("{:.4}, Pareto k̂ {k_hat}", found.ess)));
            lines.extend(found.warnings().into_iter().map(|text| ("warning".into(), text)));
            object.insert(name.into(), Json::Object(found.to_json()));
        }
    }
    match args.json {
        true => super::print_json(&Json::Object(object))?,
        false => super::print(&super::table(&lines))?,
    }
    let child = match source.model.golden() {
        Some(golden) if !golden.context.is_empty() => {
            child.model.with_golden_contexts(golden.seed, golden.context.clone())
        }
        _ => {
            let (seed, n) = source.model.golden_stream();
            child.model.with_golden_rows(seed, n)
        }
    };
    let child = child.map_err(|e| Error::Failed(e.to_string()))?;
    let bytes = child.to_bytes().map_err(|e| Error::Failed(e.to_string()))?;
    write_file(&args.output, &bytes)
}
