//! A config made concrete: the model that it describes, with weights to start from, and what that learns
//! from.

use std::path::Path;
use std::sync::Arc;

use pushforward::conditional::logistics::Column;
use pushforward::conditional::{BernoulliSpec, CategoricalSpec, LogisticsSpec};
use pushforward::domain::{Domain, Kind};
use pushforward::layer::{AutoregressiveSpec, CouplingSpec};
use pushforward::model::file::{FNV_START, fnv_onto};
use pushforward::model::{
    Arithmetic, BaseSpec, ConditionalSpec, ConstraintSpec, Description, FlowSpec, LayerSpec, Model,
    ModelError, SitesNetworkSpec, SitesSpec, Symmetry, TensorSpec, preset,
};
use pushforward::network::{ConvolutionSpec, HeatBathSpec, MaskedSpec, MlpSpec, MultilevelSpec};
use serde_json::Value as Json;

use crate::config::{self, Config, Family, Hamiltonian, ModelConfig, TargetConfig};
use crate::data::{OwnKinds, Reader, Rows, Table, Units, Wanted};
use crate::energy::Energy;
use crate::error::{Error, Result, affordable};
use crate::train::{ACTNORM_ROWS, Samples, Target, broken, initialize_scaled, start_actnorm};

/// A config made concrete: the model before training, what it learns from, what is held out.
#[derive(Debug)]
pub struct Problem {
    /// The model, initialised.
    pub model: Model,
    /// What to learn.
    pub target: Target,
    /// Held-out rows, `[n][dim + context]`; empty for Hamiltonians.
    pub validation: Vec<f32>,
    /// The units of model and rows, where they are not those of the file.
    pub units: Option<Units>,
    /// The Hamiltonian, if the target is one.
    pub energy: Option<(Arc<dyn Energy>, Hamiltonian)>,
    /// The config with all defaults in force, for the record.
    pub record: String,
    /// What identifies the run: that, and the checksums of the data and of what it starts from.
    pub identity: String,
    /// The checksum of the weights that it starts from, if it is not from new ones.
    pub from: Option<String>,
}

impl Problem {
    /// Builds model and target from a config.
    ///
    /// # Errors
    /// The data cannot be read or does not fit the model; a size is out of range.
    pub fn new(config: &Config, path: &Path) -> Result<Problem> {
        let wrong = |e: &dyn std::fmt::Display| Error::input(path, e);
        let (mut checksum, mut units, mut context, mut names) = (String::new(), None, 0, None);
        let mut own = None;
        let (shape, target, validation, energy) = match &config.target {
            TargetConfig::Hamiltonian(hamiltonian) => {
                let constraint = config.model.family.constraint();
                let energy = hamiltonian.energy_within(constraint).map_err(|e| wrong(&e))?;
                let (beta, anneal) = (hamiltonian.beta(), config.train.anneal);
                let samples = match &config.train.samples {
                    Some((file, weight)) => {
                        let rows = rows(file, energy.dim())?;
                        let bytes = rows.iter().flat_map(|x| x.to_le_bytes());
                        let sum = fnv_onto(FNV_START, bytes);
                        checksum = format!("\n[samples]\nchecksum = \"{sum:016x}\"\n");
                        Some(Samples { rows: rows.into(), weight: *weight })
                    }
                    None => None,
                };
                let target = Target::Energy { energy: Arc::clone(&energy), beta, anneal, samples };
                (energy.shape(), target, Vec::new(), Some((energy, hamiltonian.clone())))
            }
            TargetConfig::Data {
                path: file,
                validation,
                shape,
                standardize,
                columns,
                context: given,
                bounds,
                integers,
                circles,
                simplex,
                stream,
            } => {
                let domain = config.model.family.domain();
                let dim = shape.as_ref().map(|s| s.iter().product());
                let own_kinds = OwnKinds { integers, circles };
                let wanted = Wanted {
                    path: file,
                    columns,
                    context: given,
                    dim: match domain {
                        Domain::Each(kinds) => Some(dim.unwrap_or(kinds.len())),
                        Domain::Uniform(_) => dim,
                    },
                    domain,
                    standardize: *standardize,
                    kept: config.model.family.keeps_units(),
                    support: config.model.family.support(),
                    bounds,
                    parts: simplex.as_ref(),
                    own: config.model.family.has_own_units().then_some(own_kinds),
                    stream: *stream,
                    validation,
                    seed: config.train.seed,
                };
                let table = Table::read(&wanted)?;
                let dim = table.columns.dim;
                context = table.columns.width() - dim;
                checksum = format!("\n[data]\nchecksum = \"{:016x}\"\n", table.checksum);
                names = table.columns.names().map(|names| (file, names));
                units = table.units;
                own = table.own;
                let target = Target::Data { rows: table.rows };
                (shape.clone().unwrap_or_else(|| vec![dim]), target, table.held_out, None)
            }
        };
        let rows = match &target {
            Target::Data { rows } => Some(rows.count(shape.iter().product::<usize>() + context)),
            Target::Energy { .. } => None,
        };
        let config = &config.settled(rows);
        let description = description(
            &config.model,
            &config.target,
            &shape,
            energy.as_ref().is_some_and(|(e, _)| e.even()),
            context,
            own,
        )
        .map_err(|e| wrong(&e))?;
        let arithmetic = if config.model.plain { Arithmetic::Plain } else { Arithmetic::Fused };
        description.validate().map_err(|e| wrong(&e))?;
        if let Description::Flow(flow) = &description
            && let BaseSpec::Product(_) = flow.base
            && let (Target::Data { rows }, Some(file)) = (&target, config.target.file())
        {
            let rows = rows.in_memory(description.dim() + context)?;
            lie_where_noise_goes(flow, [&rows, &validation])
                .map_err(|message| Error::input(file, message))?;
        }
        if let (Target::Data { rows }, Some(file)) = (&target, config.target.file()) {
            // Rows that stay in their file are looked at when they are read.
            let held: &[f32] = match rows {
                Rows::Held(rows) => rows,
                Rows::Stored(_) => &[],
            };
            let dim = description.dim();
            let mut all =
                [held, &validation].into_iter().flat_map(|rows| rows.chunks(dim + context));
            if let Some(values) = all.find_map(|row| broken(&description, &row[..dim])) {
                let expected = "expected one that keeps to [model] constraint";
                return Err(Error::input(file, format!("a row: found {values}, {expected}")));
            }
        }
        // The weights, and twice as numbers in a row while they are set.
        affordable("[model]", 3 * 4 * description.parameters() as u128)?;
        let mut model = Model::new(description, arithmetic).map_err(|e| wrong(&e))?;
        initialize_scaled(
            &mut model,
            config.train.seed,
            config.train.initial_scale.unwrap_or(1.0) as f32,
        )
        .map_err(|e| wrong(&e))?;
        if let (true, Target::Data { rows }) = (config.train.actnorm, &target) {
            let width = model.description().dim() + context;
            start_actnorm(&mut model, &rows.first(ACTNORM_ROWS, width)?).map_err(|e| wrong(&e))?;
        }
        if let Some((file, names)) = names {
            model = model.with_names(Some(names)).map_err(|e| Error::input(file, e))?;
        }
        let record = config.record(model.description());
        let identity = record.clone() + &checksum;
        Ok(Problem { model, target, validation, units, energy, record, identity, from: None })
    }

    /// Starts from the weights of a model that was trained before, for this target or another one.
    ///
    /// # Errors
    /// It is not what the config describes, or its weights are beyond `f32` in the units of these rows.
    pub fn start_from(&mut self, other: &Model) -> std::result::Result<(), String> {
        let text = |e: ModelError| e.to_string();
        let own = match &self.units {
            Some(units) => units.fold(&self.model).map_err(text)?,
            None => self.model.clone(),
        };
        let grown = grown(other, &own);
        let other = grown.as_ref().unwrap_or(other);
        let texts = [other, &own].map(|model| {
            // By way of the text, in which 0.001 is what it is in a file, and not the f32 next to it.
            let text = serde_json::to_string(model.description()).unwrap_or_default();
            serde_json::from_str(&text).unwrap_or_default()
        });
        if let Some((place, found, expected)) = first_difference(&texts) {
            return Err(format!(
                "`{place}`: found {found}, expected {expected}, as the config and its data say"
            ));
        }
        let start = match &self.units {
            Some(units) => units.unfold(other).map_err(text)?,
            None => other.clone(),
        };
        let mut model =
            Model::new(start.description().clone(), self.model.arithmetic()).map_err(text)?;
        model.set_parameters(&start.parameters()).map_err(text)?;
        self.model = model.with_names(self.model.names().cloned()).map_err(text)?;
        let bytes = other.parameters().into_iter().flat_map(f32::to_le_bytes);
        let from = format!("{:016x}", fnv_onto(FNV_START, bytes));
        self.identity += &format!("from = \"{from}\"\n");
        self.from = Some(from);
        Ok(())
    }

    /// What −ln q of training rows has more in the file's units than in those of model and rows, in the
    /// mean (nats).
    pub fn ln_scale(&self) -> f64 {
        self.units.as_ref().map_or(0.0, Units::ln_scale)
    }

    /// The same of this row.
    pub fn ln_scale_of(&self, row: &[f32]) -> f64 {
        self.units.as_ref().map_or(0.0, |units| units.ln_scale_of(row))
    }
}

/// A model of a lattice as one of another's side and heat bath, if there is nothing else in which they
/// differ: levels that it has not start as the coarsest of those that it has.
fn grown(other: &Model, own: &Model) -> Option<Model> {
    let (Description::Sites(from), Description::Sites(to)) =
        (other.description(), own.description())
    else {
        return None;
    };
    let (SitesNetworkSpec::Multilevel(network), SitesNetworkSpec::Multilevel(like)) =
        (&from.network, &to.network)
    else {
        return None;
    };
    let (levels, heat_bath) = (like.levels, like.heat_bath.clone());
    let same = MultilevelSpec { levels, heat_bath, ..network.clone() };
    if same.heat_bath.is_some() != network.heat_bath.is_some() {
        return None;
    }
    let spec = SitesSpec { shape: to.shape.clone(), network: same.into(), ..from.clone() };
    let mut model = Model::new(Description::Sites(spec), other.arithmetic()).ok()?;
    // The name that a tensor of a level has, or of the coarsest that there is.
    let there = |name: &str| {
        let (level, rest) = name.strip_prefix("network.levels.")?.split_once('.')?;
        let level = level.parse::<usize>().ok()?.min(network.levels - 1);
        Some(format!("network.levels.{level}.{rest}"))
    };
    let mut parameters = Vec::new();
    for TensorSpec { name, .. } in model.description().tensors() {
        let found = other.tensor(&there(&name).unwrap_or_else(|| name.clone()));
        // Of a lattice of one level there may be none of the kind.
        let found = found.or(own.tensor(&name));
        parameters.extend(found.iter().flat_map(|tensor| &tensor.data));
    }
    model.set_parameters(&parameters).ok()?;
    Some(model)
}

/// Whether rows lie where a flow brings noise of several kinds; of one kind, the reader has seen to it.
///
/// # Errors
/// One does not.
fn lie_where_noise_goes(flow: &FlowSpec, rows: [&[f32]; 2]) -> std::result::Result<(), String> {
    let supports = flow.supports();
    let width = supports.len() + flow.context;
    for row in rows.into_iter().flat_map(|rows| rows.chunks_exact(width)) {
        let mut each = row.iter().zip(&supports).enumerate();
        if let Some((d, (x, support))) = each.find(|(_, (x, support))| !support.contains(**x)) {
            let column = d + 1;
            return Err(format!(
                "coordinate {column} of a row: found {x}, expected a value of {support}"
            ));
        }
    }
    Ok(())
}

/// Rows of a file, as they are.
fn rows(file: &Path, dim: usize) -> Result<Vec<f32>> {
    let mut reader = Reader::open(file, Some(dim), Domain::Uniform(Kind::Real))?;
    let rows = reader.all()?;
    match rows.is_empty() {
        true => Err(Error::input(file, "has no rows")),
        false => Ok(rows),
    }
}

/// Where two values differ first, and what is there.
fn first_difference([a, b]: &[Json; 2]) -> Option<(String, String, String)> {
    let within = |key: &str, a: Option<&Json>, b: Option<&Json>| {
        let pair = [a, b].map(|x| x.cloned().unwrap_or_default());
        let (place, found, expected) = first_difference(&pair)?;
        let dot = if place.is_empty() { "" } else { "." };
        Some((format!("{key}{dot}{place}"), found, expected))
    };
    match (a, b) {
        (Json::Object(own), Json::Object(others)) => {
            let keys = own.keys().chain(others.keys().filter(|key| !own.contains_key(*key)));
            keys.into_iter().find_map(|key| within(key, own.get(key), others.get(key)))
        }
        (Json::Array(own), Json::Array(others))
            if own.iter().chain(others).any(|x| x.is_object()) =>
        {
            let longer = own.len().max(others.len());
            (0..longer).find_map(|i| within(&i.to_string(), own.get(i), others.get(i)))
        }
        _ if a == b => None,
        _ => {
            let said = |x: &Json| match x {
                Json::Null => "nothing".to_owned(),
                x => x.to_string(),
            };
            Some((String::new(), said(a), said(b)))
        }
    }
}

fn description(
    config: &ModelConfig,
    target: &TargetConfig,
    shape: &[usize],
    even: bool,
    context: usize,
    own: Option<Vec<Column>>,
) -> std::result::Result<Description, String> {
    let embedding = config.embedding.clone().filter(|_| context > 0);
    let seen = embedding.as_ref().map_or(context, |embedding| embedding.outputs);
    let mut description = unconditional(config, target, shape, even, seen, own)?;
    match &mut description {
        Description::Flow(spec) => (spec.context, spec.embedding) = (context, embedding),
        Description::Sites(spec) => (spec.context, spec.embedding) = (context, embedding),
    }
    Ok(description)
}

/// The conditional of sites of these categories, or of spins.
fn of_sites(categories: &Option<CategoricalSpec>) -> ConditionalSpec {
    match categories {
        Some(categories) => categories.clone().into(),
        None => BernoulliSpec {}.into(),
    }
}

/// What draws the last stage of a lattice, if it is to be the Hamiltonian.
fn bath(
    target: &TargetConfig,
    wanted: Option<bool>,
) -> std::result::Result<Option<HeatBathSpec>, String> {
    let bath = match target {
        TargetConfig::Hamiltonian(hamiltonian) => hamiltonian.heat_bath(),
        TargetConfig::Data { .. } => None,
    };
    if wanted == Some(true) && bath.is_none() {
        return Err("[model] heat_bath: found true, expected false unless the Hamiltonian is one of nearest \
                    neighbours on a square lattice that wraps around"
            .into());
    }
    Ok(bath.filter(|_| wanted != Some(false)))
}

fn unconditional(
    config: &ModelConfig,
    target: &TargetConfig,
    shape: &[usize],
    even: bool,
    seen: usize,
    own: Option<Vec<Column>>,
) -> std::result::Result<Description, String> {
    let dim: usize = shape.iter().product();
    let affine = matches!(target, TargetConfig::Data { standardize: true, .. })
        && !config.family.keeps_units();
    let (activation, residual) = (config.activation, config.residual);
    let symmetry =
        |z2: Option<bool>| if z2.unwrap_or(even) { Symmetry::Z2 } else { Symmetry::None };
    let masked = |hidden: &[usize], direct| MaskedSpec {
        hidden: hidden.to_vec(),
        direct,
        activation,
        residual,
        ..Default::default()
    };
    let sites =
        |network: SitesNetworkSpec, conditional, symmetry, constraint: &Option<ConstraintSpec>| {
            Description::Sites(SitesSpec {
                shape: shape.to_vec(),
                context: 0,
                embedding: None,
                network,
                conditional,
                constraint: constraint.clone(),
                symmetry,
                group: config.group,
            })
        };
    Ok(match &config.family {
        Family::Made { hidden, z2, pairwise, categories, constraint } => {
            let hidden = hidden.clone().unwrap_or_else(|| vec![4 * dim]);
            let symmetry = symmetry(*z2);
            let conditional = of_sites(categories);
            sites(masked(&hidden, *pairwise).into(), conditional, symmetry, constraint)
        }
        Family::Multilevel { hidden, levels, reach, heat_bath, z2, categories } => {
            let network = MultilevelSpec {
                hidden: hidden.clone(),
                activation,
                levels: levels.unwrap_or(MultilevelSpec::levels_of(dim)),
                reach: *reach,
                biased: !z2.unwrap_or(even),
                heat_bath: bath(target, *heat_bath)?,
            };
            let is_square = matches!(shape, [height, width] if height == width);
            if !is_square || MultilevelSpec::levels_of(dim) == 0 {
                return Err(format!(
                    "[model] kind: found 'multilevel' for the shape {shape:?}, expected a square whose side \
                     is a power of two"
                ));
            }
            if !network.biased && !activation.is_odd() {
                let expected =
                    "expected one that is odd, 'tanh' or 'smoothstep', beside symmetry = 'z2'";
                return Err(format!("[model] activation: {expected}"));
            }
            if !network.biased && !even && matches!(target, TargetConfig::Hamiltonian(_)) {
                let expected = "expected 'none': the energy changes when all spins flip";
                return Err(format!("[model] symmetry: found 'z2', {expected}"));
            }
            sites(network.into(), of_sites(categories), Symmetry::None, &None)
        }
        Family::Pixelcnn { hidden, reach, z2, categories, constraint } => {
            let [rows, columns] = match *shape {
                [columns] => [1, columns],
                [rows, columns] => [rows, columns],
                _ => {
                    return Err(format!(
                        "[model] kind: found 'pixelcnn' for the shape {shape:?}, expected one of a sequence or \
                         of rows and columns"
                    ));
                }
            };
            let [up, beside] = [(reach[0], rows), (reach[1], columns)]
                .map(|(reach, n)| reach.min(n.saturating_sub(1)));
            // The layer inside a block reads its own site.
            let inside = |l: usize| residual && l % 2 == 1 && l < hidden.len();
            let reach = |l: usize| if inside(l) { [0, 0] } else { [up, beside] };
            let network = ConvolutionSpec {
                columns,
                hidden: hidden.clone(),
                reach: (0..=hidden.len()).map(reach).collect(),
                activation,
                residual,
                uniform_start: false,
            };
            let symmetry = symmetry(*z2);
            sites(network.into(), of_sites(categories), symmetry, constraint)
        }
        Family::Table { hidden, components } => {
            let (components, columns) = (*components, own.unwrap_or_default());
            let conditional = LogisticsSpec { components, columns }.into();
            sites(masked(hidden, true).into(), conditional, Symmetry::None, &None)
        }
        Family::Coupling { layers, hidden, univariate, mask } => {
            let layer = |l| -> LayerSpec {
                let mask = (0..dim).map(|d| mask.keeps(d, l, shape)).collect();
                let network = MlpSpec { hidden: hidden.clone(), activation, residual }.into();
                CouplingSpec { mask, network, univariate: *univariate }.into()
            };
            preset::flow(shape, (0..*layers).map(layer), affine)
        }
        Family::Autoregressive { layers, hidden, univariate, fast } => {
            let order = |layer: usize| match layer % 2 {
                0 => (0..dim).collect(),
                _ => (0..dim).rev().collect(),
            };
            let layer = |l| -> LayerSpec {
                let (network, order) = (masked(hidden, false).into(), order(l));
                AutoregressiveSpec { order, kept: 0, fast: *fast, network, univariate: *univariate }
                    .into()
            };
            preset::flow(shape, (0..*layers).map(layer), affine)
        }
        Family::Layers { base, layers, fast } => {
            let base = config::base(base).map_err(|m| format!("[model] base: {m}"))?;
            let layers = config::layers(layers, &base, shape, seen, *fast)
                .map_err(|(l, m)| format!("[[model.layers]] number {}: {m}", l + 1))?;
            // Standardisation is undone by a last affine layer.
            let ends = matches!(layers.last(), Some(LayerSpec::Affine(_)));
            let mut description = preset::flow(shape, layers, affine && !ends);
            if let Description::Flow(flow) = &mut description {
                flow.base = base;
            }
            description
        }
    })
}
