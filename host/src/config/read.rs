//! The tables of a config, read key by key: what is not given takes its default.

use std::collections::BTreeMap;
use std::path::Path;

use pushforward::activation::AnyActivation;
use pushforward::bijection::Direction;
use pushforward::conditional::categorical::CATEGORIES;
use pushforward::conditional::logistics::COMPONENTS;
use pushforward::conditional::{Categorical, CategoricalSpec, Categories};
use pushforward::domain::Kind;
use pushforward::layer::are_bounds;
use pushforward::layer::simplex::TOTALS;
use pushforward::model::{ConditionalPart, ConstraintSpec, EmbeddingSpec, Faults, UnivariateSpec};
use pushforward::network::MlpSpec;
use pushforward::network::multilevel::REACH;
use pushforward::univariate::rational_quadratic::{MAX_BINS, MAX_BOUND, MIN_BOUND};
use pushforward::univariate::{
    AffineSpec, MAX_LOG_SCALE_BOUND, MIN_LOG_SCALE_BOUND, RationalQuadraticSpec,
};

use super::layers::log_scale_bound;
use super::section::{self, Section};
use super::{Family, Mask, ModelConfig, TargetConfig, TrainConfig, beside, hamiltonian};
use crate::data::{Column, Given, GivenParts, Validation};
use crate::error::Result;
use crate::train::{Gradient, Objective, Schedule};

/// `[model]`, and its kind.
pub(super) fn model<'a>(
    path: &'a Path,
    root: &'a toml::Table,
    target: &TargetConfig,
) -> Result<(ModelConfig, &'a str)> {
    let section = Section::open(path, root, "model")?;
    let kind = section.kind(
        "kind",
        &["made", "multilevel", "pixelcnn", "realnvp", "nsf", "maf", "flow", "table"],
    )?;
    section.known(kind)?;
    let plain = section.choice("arithmetic", &["fused", "plain"])?.unwrap_or("fused") == "plain";
    let given = match target {
        TargetConfig::Data { context, .. } => context.len(),
        TargetConfig::Hamiltonian(_) => 0,
    };
    if let Some(found) = section.get::<usize>("context")?.filter(|found| *found != given) {
        let message = format!("found {found}, expected {given}, the columns of [target] context");
        return Err(section.fault("context", message));
    }
    let embedding = embedding(&section)?;
    if embedding.is_some() && given == 0 {
        return Err(section.fault("embedding", "there is no [target] context to embed"));
    }
    let family = match kind {
        "made" => made(&section)?,
        "multilevel" => multilevel(&section, target)?,
        "pixelcnn" => pixelcnn(&section, target)?,
        "realnvp" => coupling(&section, 8, affine(&section, 1.0)?)?,
        "maf" => {
            let map = affine(&section, log_scale_bound(fast(target)))?;
            autoregressive(&section, 5, map, target)?
        }
        "flow" => Family::Layers {
            base: section.get("base")?.unwrap_or("normal".into()),
            layers: section.need("layers", section.get("layers")?)?,
            fast: fast(target),
        },
        "table" => {
            let [fewest, most] = COMPONENTS;
            Family::Table {
                hidden: section.sizes("hidden", 1)?.unwrap_or_else(|| vec![64, 64]),
                components: section.within("components", fewest..=most)?.unwrap_or(8),
            }
        }
        _ => {
            let bins = section.within("bins", 2..=MAX_BINS)?.unwrap_or(8);
            let bound =
                section.number("bound", MIN_BOUND.into()..=MAX_BOUND.into())?.unwrap_or(5.0) as f32;
            let spline =
                UnivariateSpec::RationalQuadratic(RationalQuadraticSpec::linear(bins, bound));
            let modes = ["coupling", "autoregressive"];
            let mode = section.choice("mode", &modes)?.unwrap_or("coupling");
            let other = if mode == "coupling" { "fast" } else { "mask" };
            if section::has(root, "model", other) {
                return Err(section.fault(other, format!("mode '{mode}' does not take it")));
            }
            match mode {
                "coupling" => coupling(&section, 8, spline)?,
                _ => autoregressive(&section, 8, spline, target)?,
            }
        }
    };
    let (mut activation, mut residual) = (AnyActivation::Leaky, false);
    if let Some(hidden) = family.hidden() {
        let usual = match family {
            Family::Multilevel { .. } => AnyActivation::Smoothstep,
            _ => AnyActivation::Leaky,
        };
        activation = section.get("activation")?.unwrap_or(usual);
        residual = section.get("residual")?.unwrap_or_default();
        let mut faults = Faults::default();
        if let Family::Pixelcnn { .. } = family {
            faults.in_pairs(residual, hidden);
        } else {
            faults.residual(residual, hidden, activation);
        }
        if let Some(fault) = faults.all().first() {
            let message = format!("found {}, expected {}", fault.found, fault.expected);
            return Err(section.fault(&fault.field, message));
        }
    }
    let group = section.get("group")?;
    if let (Some(_), TargetConfig::Data { .. }) = (&group, target) {
        let message = "expected none, to learn from data: rows are learnt as they are, not as all their images";
        return Err(section.fault("group", message));
    }
    Ok((ModelConfig { family, activation, residual, plain, embedding, group }, kind))
}

/// `embedding = { outputs = 8, hidden = [16] }`.
fn embedding(section: &Section<'_>) -> Result<Option<EmbeddingSpec>> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Embedding {
        outputs: usize,
        hidden: Vec<usize>,
    }
    let embedding = section.get::<Embedding>("embedding")?;
    Ok(embedding.map(|Embedding { outputs, hidden }| {
        let network = MlpSpec { hidden, ..Default::default() }.into();
        EmbeddingSpec { outputs, network }
    }))
}

/// Whether spins are to be as likely as their mirror image.
fn z2(section: &Section<'_>) -> Result<Option<bool>> {
    Ok(section.choice("symmetry", &["none", "z2"])?.map(|s| s == "z2"))
}

fn made(section: &Section<'_>) -> Result<Family> {
    let hidden = section.sizes("hidden", 0)?;
    let z2 = z2(section)?;
    let pairwise = section.get("pairwise")?.unwrap_or(true);
    if !pairwise && hidden.as_ref().is_some_and(Vec::is_empty) {
        return Err(section.fault("pairwise", "found false, expected true where hidden is empty"));
    }
    let categories = categories(section, z2, None)?;
    let constraint = constraint(section)?;
    Ok(Family::Made { hidden, z2, pairwise, categories, constraint })
}

fn constraint(section: &Section<'_>) -> Result<Option<ConstraintSpec>> {
    if section.value("constraint").is_some_and(|given| !given.is_table()) {
        let example = "{ kind = 'counts', counts = [8, 8] }";
        let message = format!("expected a table: {example}, or kind 'increasing' or 'successors'");
        return Err(section.fault("constraint", message));
    }
    section.get("constraint")
}

fn pixelcnn(section: &Section<'_>, target: &TargetConfig) -> Result<Family> {
    let z2 = z2(section)?;
    let reach: [usize; 2] = section.get("reach")?.unwrap_or([3, 3]);
    if reach == [0, 0] {
        return Err(section.fault("reach", "found [0, 0], expected rows or columns"));
    }
    Ok(Family::Pixelcnn {
        hidden: section.sizes("hidden", 1)?.unwrap_or_else(|| vec![16, 16]),
        reach,
        categories: categories(section, z2, states(target))?,
        constraint: constraint(section)?,
        z2,
    })
}

fn multilevel(section: &Section<'_>, target: &TargetConfig) -> Result<Family> {
    let z2 = z2(section)?;
    Ok(Family::Multilevel {
        hidden: section.sizes("hidden", 1)?.unwrap_or_else(|| vec![32]),
        levels: section.within("levels", 1..=10)?,
        reach: section.get("reach")?.unwrap_or(REACH),
        heat_bath: section.get("heat_bath")?,
        categories: categories(section, z2, states(target))?,
        z2,
    })
}

/// `domain = "category"` and `categories`, or what is usual, or spins.
fn categories(
    section: &Section<'_>,
    z2: Option<bool>,
    usual: Option<CategoricalSpec>,
) -> Result<Option<CategoricalSpec>> {
    let categories = section.get("categories")?;
    let categories = categories.map(|categories| CategoricalSpec { categories });
    if categories.as_ref().is_some_and(|spec| Categorical::new(spec.domain()).is_none()) {
        let [fewest, most] = CATEGORIES;
        return Err(section.fault("categories", format!("expected {fewest} to {most} a site")));
    }
    let domain = section.choice("domain", &["spin", "category"])?;
    match (domain, &categories) {
        (Some("category"), None) => {
            return Err(section.fault("categories", "is missing for the domain 'category'"));
        }
        (None | Some("spin"), Some(_)) => {
            return Err(section.fault("categories", "expected domain = 'category' beside it"));
        }
        _ => {}
    }
    let categories = categories.or(usual);
    if categories.is_some() && z2 == Some(true) {
        return Err(section.fault("symmetry", "found 'z2', expected 'none' for categories"));
    }
    Ok(categories)
}

/// The states of a target's sites, if they are no spins.
fn states(target: &TargetConfig) -> Option<CategoricalSpec> {
    match target {
        TargetConfig::Hamiltonian(hamiltonian) => match hamiltonian.kind() {
            Kind::Category(n) => Some(CategoricalSpec { categories: Categories::All(n) }),
            Kind::Spin | Kind::Real => None,
        },
        TargetConfig::Data { .. } => None,
    }
}

fn affine(section: &Section<'_>, bound: f64) -> Result<UnivariateSpec> {
    let bounds = MIN_LOG_SCALE_BOUND.into()..=MAX_LOG_SCALE_BOUND.into();
    let bound = section.number("log_scale_bound", bounds)?.unwrap_or(bound);
    Ok(UnivariateSpec::Affine(AffineSpec { log_scale_bound: bound as f32 }))
}

/// How many layers, and the hidden units of each one's network.
fn sizes(section: &Section<'_>, layers: usize) -> Result<(usize, Vec<usize>)> {
    let layers = section.within("layers", 1..=256)?.unwrap_or(layers);
    Ok((layers, section.sizes("hidden", 1)?.unwrap_or_else(|| vec![64, 64])))
}

fn coupling(section: &Section<'_>, layers: usize, univariate: UnivariateSpec) -> Result<Family> {
    let (layers, hidden) = sizes(section, layers)?;
    let mask = section.choice("mask", &["checkerboard", "halves"])?;
    let mask = mask.and_then(Mask::of).unwrap_or(Mask::Checkerboard);
    Ok(Family::Coupling { layers, hidden, univariate, mask })
}

/// The side that the networks read follows from the target: a step has what it starts from whole,
/// and would have to make the other side coordinate by coordinate.
fn autoregressive(
    section: &Section<'_>,
    layers: usize,
    univariate: UnivariateSpec,
    target: &TargetConfig,
) -> Result<Family> {
    let (layers, hidden) = sizes(section, layers)?;
    let fast = fast(target);
    let (word, source) = match fast {
        Direction::Sampling => ("sampling", "a Hamiltonian"),
        Direction::Density => ("density", "data"),
    };
    let given = section.choice("fast", &["density", "sampling"])?;
    if let Some(given) = given.filter(|given| *given != word) {
        let message = format!("found '{given}', expected '{word}' to learn from {source}");
        return Err(section.fault("fast", message));
    }
    Ok(Family::Autoregressive { layers, hidden, univariate, fast })
}

/// The side that a step starts from.
fn fast(target: &TargetConfig) -> Direction {
    match target {
        TargetConfig::Hamiltonian(_) => Direction::Sampling,
        TargetConfig::Data { .. } => Direction::Density,
    }
}

/// `bounds = { price = "positive", share = [0, 1] }`, by names or numbers of columns.
fn bounds(section: &Section<'_>) -> Result<Vec<Given>> {
    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    enum Ends {
        Word(String),
        Pair([f64; 2]),
    }
    let given = section.get::<BTreeMap<String, Ends>>("bounds")?.unwrap_or_default();
    let one = |(name, ends): (String, Ends)| {
        let [lower, upper] = match &ends {
            Ends::Pair(ends) => ends.map(|end| end as f32),
            Ends::Word(word) if word == "positive" => [0.0, f32::INFINITY],
            Ends::Word(word) => {
                let message = format!(
                    "{name}: found '{word}', expected 'positive' or [lower, upper], of which -inf and \
                     inf are none"
                );
                return Err(section.fault("bounds", message));
            }
        };
        if !are_bounds(lower, upper) {
            let message = format!(
                "{name}: found [{lower}, {upper}], expected a lower bound and an upper one, of which \
                 -inf and inf are none"
            );
            return Err(section.fault("bounds", message));
        }
        Ok((column(name), [lower, upper]))
    };
    given.into_iter().map(one).collect()
}

/// A column as a key of a table.
fn column(name: String) -> Column {
    match name.parse() {
        Ok(number) => Column::Number(number),
        Err(_) => Column::Name(name),
    }
}

/// `simplex = ["sand", "silt"]`, or `{ parts = ["sand", "silt"], total = 100 }`.
fn simplex(section: &Section<'_>) -> Result<Option<GivenParts>> {
    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    enum Parts {
        OfOne(Vec<Column>),
        Of { parts: Vec<Column>, total: f64 },
    }
    let Some(given) = section.get::<Parts>("simplex")? else { return Ok(None) };
    let (parts, total) = match given {
        Parts::OfOne(parts) => (parts, 1.0),
        Parts::Of { parts, total } => (parts, total),
    };
    let [least, most] = TOTALS.map(f64::from);
    if parts.is_empty() || !(least..=most).contains(&total) {
        let found = parts.len();
        let message = format!(
            "found {found} parts of {total}, expected at least one, but not the last, of {least} to {most}"
        );
        return Err(section.fault("simplex", message));
    }
    Ok(Some(GivenParts { parts, total: total as f32 }))
}

/// `circles = { phase = [0, 24] }`, by names or numbers of columns.
fn circles(section: &Section<'_>) -> Result<Vec<Given>> {
    let given = section.get::<BTreeMap<String, [f64; 2]>>("circles")?.unwrap_or_default();
    let one = |(name, ends): (String, [f64; 2])| {
        let [lower, upper] = ends.map(|end| end as f32);
        if !(are_bounds(lower, upper) && lower.is_finite() && upper.is_finite()) {
            let message = format!(
                "{name}: found [{lower}, {upper}], expected where the circle begins and where it ends"
            );
            return Err(section.fault("circles", message));
        }
        Ok((column(name), [lower, upper]))
    };
    given.into_iter().map(one).collect()
}

/// `validation = 0.1`, or `validation = "later.csv"`.
fn validation(section: &Section<'_>, path: &Path) -> Result<Validation> {
    use toml::Value::{Float, Integer, String};
    match section.value("validation") {
        Some(String(file)) => Ok(Validation::File(beside(path, file))),
        None | Some(Float(_) | Integer(_)) => {
            Ok(Validation::Part(section.number("validation", 0.0..=0.9)?.unwrap_or(0.1)))
        }
        Some(_) => {
            let message = "expected the part of the rows that is held out, or a file of rows";
            Err(section.fault("validation", message))
        }
    }
}

/// `[target]`.
pub(super) fn target(path: &Path, root: &toml::Table) -> Result<TargetConfig> {
    let section = Section::open(path, root, "target")?;
    if let Some(file) = section.get::<String>("data")? {
        if section.get::<toml::Value>("hamiltonian")?.is_some() {
            return Err(
                section.fault("hamiltonian", "found beside 'data', expected one of the two")
            );
        }
        section.known("data")?;
        return Ok(TargetConfig::Data {
            path: beside(path, &file),
            validation: validation(&section, path)?,
            standardize: section.get("standardize")?.unwrap_or(true),
            shape: section.sizes("shape", 1)?,
            context: section.get("context")?.unwrap_or_default(),
            bounds: bounds(&section)?,
            circles: circles(&section)?,
            simplex: simplex(&section)?,
            columns: section.get("columns")?.unwrap_or_default(),
            integers: section.get("integers")?.unwrap_or_default(),
            stream: section.get("stream")?,
        });
    }
    hamiltonian::read(&section, path).map(TargetConfig::Hamiltonian)
}

/// Whether the target is a Hamiltonian of real numbers.
fn learns_real_energy(target: &TargetConfig) -> bool {
    matches!(target, TargetConfig::Hamiltonian(hamiltonian) if hamiltonian.kind() == Kind::Real)
}

/// `[train]`.
pub(super) fn train(path: &Path, root: &toml::Table, target: &TargetConfig) -> Result<TrainConfig> {
    let section = Section::open_or_empty(path, root, "train");
    section.known("")?;
    let most = 1 << 40;
    let steps = section.within("steps", 1..=most)?.unwrap_or(2000) as u64;
    let learns_data = matches!(target, TargetConfig::Data { .. });
    let anneal = section.number("anneal", 0.0..=1.0 - 1e-9)?;
    if anneal.is_some_and(|a| a > 0.0) && learns_data {
        return Err(
            section.fault("anneal", "there is no temperature to anneal when learning from data")
        );
    }
    let patience = section.within("patience", 1..=most)?;
    if patience.is_some() && !learns_data {
        return Err(section.fault("patience", "a Hamiltonian has no rows to hold out"));
    }
    let held_out = matches!(target, TargetConfig::Data { validation, .. } if validation.any());
    let schedule = match section.choice("schedule", &["cosine", "constant", "plateau"])? {
        Some("constant") => Schedule::Constant,
        Some("plateau") if !held_out => {
            let message = "found 'plateau', which needs data with rows held out, expected 'cosine' or \
                           'constant'";
            return Err(section.fault("schedule", message));
        }
        Some("plateau") => Schedule::Plateau,
        _ => Schedule::CosineSecondHalf,
    };
    let gradient = match section.choice("gradient", &["total", "path"])? {
        Some("path") if learns_data => {
            let message = "found 'path', which is of a flow that learns from a Hamiltonian, expected \
                           'total'";
            return Err(section.fault("gradient", message));
        }
        Some("path") => Gradient::Path,
        _ => Gradient::Total,
    };
    let alpha = section.number("alpha", 0.0..=1.0)?.unwrap_or(1.0);
    if learns_data && alpha != 1.0 {
        let message = format!("found {alpha}, which is of a flow that learns from a Hamiltonian");
        return Err(section.fault("alpha", message));
    }
    let objective = Objective { gradient, alpha };
    let weight = section.number("samples_weight", f64::MIN_POSITIVE..=1e6)?;
    let samples = section.get::<String>("samples")?;
    let samples = match (samples, weight) {
        (Some(_), _) if alpha != 1.0 || !learns_real_energy(target) => {
            let message = "expected none, unless a flow learns from a Hamiltonian of real numbers, with \
                           alpha = 1";
            return Err(section.fault("samples", message));
        }
        (None, Some(_)) => {
            return Err(section.fault("samples_weight", "expected 'samples' beside it"));
        }
        (Some(file), weight) => Some((beside(path, &file), weight.unwrap_or(1.0))),
        (None, None) => None,
    };
    let default_anneal = if learns_data { 0.0 } else { f64::exp(-10.0 / steps as f64).min(0.99) };
    let actnorm = section.get("actnorm")?.unwrap_or(false);
    if actnorm && !learns_data {
        return Err(
            section.fault("actnorm", "found true, expected a target that is a table's rows")
        );
    }
    let grow = section.get::<Vec<(usize, u64)>>("grow")?.unwrap_or_default();
    if !grow.is_empty() && learns_data {
        return Err(section.fault("grow", "there is no lattice to grow when learning from data"));
    }
    if let Some((side, steps)) =
        grow.iter().find(|(side, steps)| !(2..=1024).contains(side) || *steps == 0)
    {
        let message =
            format!("found [{side}, {steps}], expected sides from 2 to 1024 with their steps");
        return Err(section.fault("grow", message));
    }
    Ok(TrainConfig {
        steps,
        grow,
        batch: section.within("batch", 2..=1 << 24)?.unwrap_or(512),
        learning_rate: section.number("learning_rate", f64::MIN_POSITIVE..=1e3)?.unwrap_or(2e-3),
        schedule,
        objective,
        samples,
        warm_up: section.within("warm_up", 0..=most)?.unwrap_or(0) as u64,
        average: section.number("average", 0.0..=1.0 - 1e-9)?.unwrap_or(0.0),
        initial_scale: section.number("initial_scale", 0.01..=10.0)?,
        actnorm,
        weight_decay: section.number("weight_decay", 0.0..=1.0)?.unwrap_or(0.0),
        anneal: Some(anneal.unwrap_or(default_anneal)).filter(|&a| a > 0.0),
        patience: patience.map_or((steps / 2).max(1), |p| p as u64),
        clip: section.number("clip", f64::MIN_POSITIVE..=f64::MAX)?.unwrap_or(1.0),
        seed: section.get("seed")?.unwrap_or(1),
        log_every: section.within("log_every", 1..=most)?.unwrap_or(10) as u64,
        checkpoint_every: section.within("checkpoint_every", 1..=most)?.unwrap_or(200) as u64,
        evaluate: section.within("evaluate", 2..=most)?.unwrap_or(20_000) as u64,
    })
}
