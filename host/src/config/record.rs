//! A config written out in full: every key in force, also those that were not given.
//!
//! A default may be another one in a later version; what a model was trained with is what its file
//! says. The text is itself a config that trains the same model.

use std::path::Path;

use pushforward::bijection::Direction;
use pushforward::conditional::CategoricalSpec;
use pushforward::model::{
    Description, EmbeddingSpec, NetworkSpec, SitesNetworkSpec, SitesSpec, Symmetry, UnivariateSpec,
};
use toml::{Table, Value};

use crate::data::{Column, Given, GivenParts, Validation};
use crate::energy::{Bonds, Disorder, Edge, States};
use crate::train::{Gradient, Schedule};

use super::{Config, Family, Hamiltonian, ModelConfig, TargetConfig, TrainConfig};

impl Config {
    /// The config as TOML, with the sizes that `description` took from the target. The path of a data
    /// file is reduced to its name.
    pub fn record(&self, description: &Description) -> String {
        let tables = [
            ("model", model(&self.model, description)),
            ("target", target(&self.target)),
            ("train", train(&self.train, &self.target)),
        ];
        let tables = tables.map(|(name, entries)| (name.to_owned(), Value::Table(entries)));
        Table::from_iter(tables).to_string()
    }
}

/// TOML's tables from keys and values.
macro_rules! table {
    ($($key:ident = $value:expr),* $(,)?) => {
        Table::from_iter([$((stringify!($key).to_owned(), Value::from($value))),*])
    };
}

fn model(config: &ModelConfig, description: &Description) -> Table {
    let mut table = table! { arithmetic = if config.plain { "plain" } else { "fused" } };
    if let Some(EmbeddingSpec { outputs, network: NetworkSpec::Mlp(network) }) = &config.embedding {
        let hidden = sizes(&network.hidden);
        let embedding = table! { outputs = *outputs as i64, hidden = hidden };
        table.insert("embedding".into(), embedding.into());
    }
    table.extend(known("group", config.group.as_ref().map(written)));
    if !matches!(config.family, Family::Layers { .. }) {
        table.insert("activation".into(), written(&config.activation));
        if !matches!(config.family, Family::Multilevel { .. }) {
            table.insert("residual".into(), config.residual.into());
        }
    }
    table.extend(match &config.family {
        Family::Made { hidden, z2, pairwise, categories, constraint } => {
            let (hidden, z2) = match description {
                Description::Sites(SitesSpec {
                    network: SitesNetworkSpec::Masked(network),
                    symmetry,
                    ..
                }) => (Some(&network.hidden), Some(*symmetry == Symmetry::Z2)),
                _ => (hidden.as_ref(), *z2),
            };
            let mut table = table! { kind = "made", pairwise = *pairwise };
            table.extend(known("constraint", constraint.as_ref().map(written)));
            table.extend(known("hidden", hidden.map(|units| sizes(units))));
            table.extend(of_sites(z2, categories.as_ref()));
            table
        }
        Family::Multilevel { hidden, levels, reach, heat_bath, z2, categories } => {
            let (levels, heat_bath, z2) = match description {
                Description::Sites(SitesSpec {
                    network: SitesNetworkSpec::Multilevel(network),
                    ..
                }) => {
                    (Some(network.levels), Some(network.heat_bath.is_some()), Some(!network.biased))
                }
                _ => (*levels, *heat_bath, *z2),
            };
            let mut table = table! {
                kind = "multilevel", hidden = sizes(hidden),
                reach = sizes(&reach.map(|square| square as usize)),
            };
            table.extend(known("levels", levels.map(|levels| levels as i64)));
            table.extend(known("heat_bath", heat_bath));
            table.extend(of_sites(z2, categories.as_ref()));
            table
        }
        Family::Pixelcnn { hidden, reach, z2, categories, constraint } => {
            let z2 = match description {
                Description::Sites(sites) => Some(sites.symmetry == Symmetry::Z2),
                Description::Flow(_) => *z2,
            };
            let mut table =
                table! { kind = "pixelcnn", hidden = sizes(hidden), reach = sizes(reach) };
            table.extend(known("constraint", constraint.as_ref().map(written)));
            table.extend(of_sites(z2, categories.as_ref()));
            table
        }
        Family::Coupling { layers, hidden, univariate: t, mask } => {
            let mut table = layered(*t, "realnvp", "coupling", *layers, hidden);
            table.insert("mask".into(), mask.name().into());
            table
        }
        Family::Autoregressive { layers, hidden, univariate: t, fast } => {
            let fast = match fast {
                Direction::Density => "density",
                Direction::Sampling => "sampling",
            };
            let mut table = layered(*t, "maf", "autoregressive", *layers, hidden);
            table.insert("fast".into(), fast.into());
            table
        }
        Family::Table { hidden, components } => {
            let components = *components as i64;
            table! { kind = "table", hidden = sizes(hidden), components = components }
        }
        Family::Layers { base, layers, .. } => match description {
            Description::Flow(spec) => table! {
                kind = "flow", base = written(&spec.base), layers = written(&spec.layers),
            },
            Description::Sites(_) => {
                table! { kind = "flow", base = base.clone(), layers = layers.clone() }
            }
        },
    });
    table
}

/// A key, unless neither the config nor a description says its value.
fn known(key: &str, value: Option<impl Into<Value>>) -> Option<(String, Value)> {
    Some((key.to_owned(), value?.into()))
}

/// What spins or other sites are.
fn of_sites(z2: Option<bool>, categories: Option<&CategoricalSpec>) -> Table {
    let mut table = match categories {
        Some(spec) => table! { domain = "category", categories = written(&spec.categories) },
        None => Table::new(),
    };
    table.extend(known("symmetry", z2.map(|z2| if z2 { "z2" } else { "none" })));
    table
}

/// What flows share; `affine` is what the family of an affine univariate is called, and `mode`
/// that of a spline's.
fn layered(
    univariate: UnivariateSpec,
    affine: &str,
    mode: &str,
    layers: usize,
    hidden: &[usize],
) -> Table {
    let mut table = match written(&univariate) {
        Value::Table(map) => map,
        _ => Table::new(),
    };
    table.extend(match univariate {
        UnivariateSpec::Affine(_) => table! { kind = affine },
        _ => table! { kind = "nsf", mode = mode },
    });
    table.extend(table! { layers = layers as i64, hidden = sizes(hidden) });
    table
}

/// A file's name, without its folder.
fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// What lies beyond the edge of a lattice.
fn boundary(periodic: bool) -> &'static str {
    if periodic { "periodic" } else { "open" }
}

fn target(config: &TargetConfig) -> Table {
    match config {
        TargetConfig::Hamiltonian(hamiltonian) => match *hamiltonian {
            Hamiltonian::Ising2d { size, beta, coupling, periodic } => {
                let boundary = boundary(periodic);
                table! {
                    hamiltonian = "ising2d", size = size as i64, beta = beta, coupling = coupling,
                    boundary = boundary,
                }
            }
            Hamiltonian::Ising { lattice, size, beta, constants, periodic } => {
                let boundary = boundary(periodic);
                let [coupling, field] = constants.map(decimal);
                table! {
                    hamiltonian = "ising", lattice = lattice.word(), size = size as i64, beta = beta,
                    coupling = coupling, field = field, boundary = boundary,
                }
            }
            Hamiltonian::Pairs { states, lattice, size, beta, coupling, periodic } => {
                let mut table = table! {
                    hamiltonian = states.name(), lattice = lattice.word(), size = size as i64,
                    beta = beta, coupling = decimal(coupling), boundary = boundary(periodic),
                };
                table.extend(match states {
                    States::Potts { q } | States::Clock { q } => table! { states = i64::from(q) },
                    States::LatticeGas { chemical_potential } => {
                        table! { chemical_potential = decimal(chemical_potential) }
                    }
                    States::BlumeCapel { crystal_field, field } => {
                        let [crystal_field, field] = [crystal_field, field].map(decimal);
                        table! { crystal_field = crystal_field, field = field }
                    }
                });
                table
            }
            Hamiltonian::Glass { bonds, disorder, seed, beta } => {
                let disorder = match disorder {
                    Disorder::Bimodal => "bimodal",
                    Disorder::Normal => "normal",
                };
                let mut table = table! {
                    hamiltonian = bonds.name(), beta = beta, disorder = disorder,
                    disorder_seed = seed as i64,
                };
                table.extend(match bonds {
                    Bonds::Lattice(lattice, size, periodic) => table! {
                        lattice = lattice.word(), size = size as i64, boundary = boundary(periodic),
                    },
                    Bonds::All(sites) => table! { sites = sites as i64 },
                });
                table
            }
            Hamiltonian::Graph { ref shape, beta, ref edges, ref fields } => {
                let edge = |(i, j, coupling): &Edge| {
                    Value::from(vec![
                        Value::from(*i as i64),
                        Value::from(*j as i64),
                        decimal(*coupling).into(),
                    ])
                };
                let edges = edges.iter().map(edge).collect::<Vec<_>>();
                let sites = fields.len() as i64;
                let field = |(i, h): (usize, &f32)| {
                    Value::from(vec![Value::from(i as i64), decimal(*h).into()])
                };
                let fields = fields.iter().enumerate().filter(|(_, h)| **h != 0.0).map(field);
                let fields = fields.collect::<Vec<_>>();
                table! {
                    hamiltonian = "graph", sites = sites, shape = sizes(shape), beta = beta,
                    edges = edges, fields = fields,
                }
            }
            Hamiltonian::Fermions { particles, cutoff, ref twist, beta } => table! {
                hamiltonian = "fermions", particles = particles as i64, cutoff = cutoff as i64,
                dimension = twist.len() as i64, twist = twist.clone(), beta = beta,
            },
            Hamiltonian::Phi4 { size, m2, lambda } => {
                table! { hamiltonian = "phi4", size = size as i64, m2 = m2, lambda = lambda }
            }
            Hamiltonian::Ring2d => table! { hamiltonian = "ring2d" },
            Hamiltonian::DoubleWell => table! { hamiltonian = "double_well" },
        },
        TargetConfig::Data {
            path,
            validation,
            standardize,
            shape,
            columns,
            context,
            bounds,
            integers,
            circles,
            simplex,
            stream,
        } => {
            let column = |column: &Column| match column {
                Column::Number(number) => Value::from(*number as i64),
                Column::Name(name) => Value::from(name.as_str()),
            };
            let validation = match validation {
                Validation::Part(part) => Value::from(*part),
                Validation::File(file) => name(file).into(),
            };
            let mut table = table! {
                data = name(path), validation = validation, standardize = *standardize,
            };
            if let Some(shape) = shape {
                table.insert("shape".into(), sizes(shape));
            }
            if let Some(stream) = stream {
                table.insert("stream".into(), (*stream).into());
            }
            let ended = |given: &[Given]| {
                let one = |(column, ends): &Given| {
                    let ends = ends.map(f64::from).to_vec();
                    let name = match column {
                        Column::Number(number) => number.to_string(),
                        Column::Name(name) => name.clone(),
                    };
                    (name, Value::from(ends))
                };
                Value::Table(given.iter().map(one).collect())
            };
            for (key, given) in [("bounds", bounds), ("circles", circles)] {
                if !given.is_empty() {
                    table.insert(key.into(), ended(given));
                }
            }
            if let Some(GivenParts { parts, total }) = simplex {
                let parts = parts.iter().map(column).collect::<Vec<_>>();
                let parts = table! { parts = parts, total = decimal(*total) };
                table.insert("simplex".into(), parts.into());
            }
            for (key, named) in [("integers", integers), ("columns", columns), ("context", context)]
            {
                if !named.is_empty() {
                    let named = named.iter().map(column).collect::<Vec<_>>();
                    table.insert(key.into(), named.into());
                }
            }
            table
        }
    }
}

fn train(config: &TrainConfig, target: &TargetConfig) -> Table {
    let mut table = table! {
        steps = config.steps as i64,
        batch = config.batch as i64,
        learning_rate = config.learning_rate,
        schedule = match config.schedule {
            Schedule::CosineSecondHalf => "cosine",
            Schedule::Constant => "constant",
            Schedule::Plateau => "plateau",
        },
        warm_up = config.warm_up as i64,
        average = config.average,
        weight_decay = config.weight_decay,
        initial_scale = config.initial_scale.unwrap_or(1.0),
        clip = config.clip,
        seed = config.seed as i64,
        log_every = config.log_every as i64,
        checkpoint_every = config.checkpoint_every as i64,
    };
    table.extend(match target {
        TargetConfig::Hamiltonian(_) => {
            let anneal = config.anneal.unwrap_or(0.0);
            let gradient = match config.objective.gradient {
                Gradient::Total => "total",
                Gradient::Path => "path",
            };
            let (alpha, evaluate) = (config.objective.alpha, config.evaluate as i64);
            let mut table = table! {
                anneal = anneal, gradient = gradient, alpha = alpha, evaluate = evaluate,
            };
            if !config.grow.is_empty() {
                let pair =
                    |(side, steps): &(usize, u64)| Value::from(vec![*side as i64, *steps as i64]);
                let grow: Vec<Value> = config.grow.iter().map(pair).collect();
                table.insert("grow".into(), grow.into());
            }
            if let Some((file, weight)) = &config.samples {
                let samples = name(file);
                table.extend(table! { samples = samples, samples_weight = *weight });
            }
            table
        }
        TargetConfig::Data { .. } => {
            table! { patience = config.patience as i64, actnorm = config.actnorm }
        }
    });
    table
}

/// A part as a config has it.
fn written(part: &impl serde::Serialize) -> Value {
    fn decimals(value: &mut Value) {
        match value {
            Value::Float(x) if f64::from(*x as f32) == *x => *x = decimal(*x as f32),
            Value::Array(values) => values.iter_mut().for_each(decimals),
            Value::Table(table) => table.iter_mut().for_each(|(_, value)| decimals(value)),
            _ => {}
        }
    }
    let mut value = Value::try_from(part).unwrap_or_else(|e| Value::String(e.to_string()));
    decimals(&mut value);
    value
}

fn sizes(sizes: &[usize]) -> Value {
    Value::from(sizes.iter().map(|&n| n as i64).collect::<Vec<_>>())
}

/// The shortest decimal that reads as this f32.
fn decimal(x: f32) -> f64 {
    x.to_string().parse().unwrap_or(x.into())
}
