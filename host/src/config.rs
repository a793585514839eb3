//! Training configs: TOML with three tables, `[model]`, `[target]` and `[train]`.
//!
//! Every key stands once in `TABLES`; an unknown one is an error that suggests the nearest known
//! key and its table. `--set key=value` edits the document before it is read, so an override is
//! checked as a line in the file is. What is not given takes a default that trains well.

mod hamiltonian;
mod layers;
mod read;
mod record;
mod section;

use std::path::{Path, PathBuf};

use pushforward::activation::AnyActivation;
use pushforward::bijection::Direction;
use pushforward::conditional::CategoricalSpec;
use pushforward::domain::{Domain, Kind};
use pushforward::model::{
    BasePart, BaseSpec, ConditionalPart, ConstraintSpec, EmbeddingSpec, Support, UnivariateSpec,
};
use pushforward::symmetry::GroupSpec;

use crate::data::{Column, Given, GivenParts, Validation};
use crate::error::{Error, Result};
use crate::train::{Objective, Schedule, TrainOptions};
pub use hamiltonian::Hamiltonian;
pub use layers::Mask;
pub(crate) use layers::{base, layers};
pub use section::apply;

/// Keys of one table: those it always takes, and those of each kind.
type Keys = &'static [(&'static str, &'static [&'static str])];

/// Every key there is: table, then (kind, keys), the kind `""` standing for all kinds.
const TABLES: [(&str, Keys); 3] = [
    (
        "model",
        &[
            ("", &["kind", "arithmetic", "context", "embedding"]),
            (
                "made",
                &[
                    "hidden",
                    "activation",
                    "residual",
                    "symmetry",
                    "group",
                    "pairwise",
                    "domain",
                    "categories",
                    "constraint",
                ],
            ),
            (
                "multilevel",
                &[
                    "hidden",
                    "activation",
                    "levels",
                    "reach",
                    "heat_bath",
                    "symmetry",
                    "group",
                    "domain",
                    "categories",
                ],
            ),
            (
                "pixelcnn",
                &[
                    "hidden",
                    "activation",
                    "residual",
                    "reach",
                    "symmetry",
                    "group",
                    "domain",
                    "categories",
                    "constraint",
                ],
            ),
            ("realnvp", &["layers", "hidden", "activation", "residual", "log_scale_bound", "mask"]),
            (
                "nsf",
                &[
                    "layers",
                    "hidden",
                    "activation",
                    "residual",
                    "bins",
                    "bound",
                    "mode",
                    "mask",
                    "fast",
                ],
            ),
            ("maf", &["layers", "hidden", "activation", "residual", "fast", "log_scale_bound"]),
            ("flow", &["base", "layers"]),
            ("table", &["hidden", "activation", "residual", "components"]),
        ],
    ),
    (
        "target",
        &[
            ("", &["hamiltonian", "data"]),
            ("ising2d", &["size", "beta", "coupling", "boundary"]),
            ("ising", &["lattice", "size", "beta", "coupling", "field", "boundary"]),
            ("potts", &["lattice", "size", "states", "beta", "coupling", "boundary"]),
            ("clock", &["lattice", "size", "states", "beta", "coupling", "boundary"]),
            (
                "blume_capel",
                &["lattice", "size", "beta", "coupling", "crystal_field", "field", "boundary"],
            ),
            (
                "lattice_gas",
                &["lattice", "size", "beta", "coupling", "chemical_potential", "boundary"],
            ),
            (
                "edwards_anderson",
                &["lattice", "size", "beta", "disorder", "disorder_seed", "boundary"],
            ),
            ("sherrington_kirkpatrick", &["sites", "beta", "disorder", "disorder_seed"]),
            ("graph", &["sites", "edges", "fields", "shape", "beta"]),
            ("fermions", &["particles", "cutoff", "dimension", "twist", "beta"]),
            ("phi4", &["size", "m2", "lambda"]),
            ("ring2d", &[]),
            ("double_well", &[]),
            (
                "data",
                &[
                    "validation",
                    "standardize",
                    "shape",
                    "columns",
                    "context",
                    "bounds",
                    "integers",
                    "circles",
                    "simplex",
                    "stream",
                ],
            ),
        ],
    ),
    (
        "train",
        &[(
            "",
            &[
                "steps",
                "grow",
                "batch",
                "learning_rate",
                "schedule",
                "gradient",
                "alpha",
                "samples",
                "samples_weight",
                "warm_up",
                "average",
                "weight_decay",
                "initial_scale",
                "actnorm",
                "anneal",
                "patience",
                "clip",
                "seed",
                "log_every",
                "checkpoint_every",
                "evaluate",
            ],
        )],
    ),
];

/// A checked config.
#[derive(Clone, Debug)]
pub struct Config {
    /// What to train.
    pub model: ModelConfig,
    /// What to learn.
    pub target: TargetConfig,
    /// How.
    pub train: TrainConfig,
}

/// `[model]`.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelConfig {
    /// The family and its sizes.
    pub family: Family,
    /// What hidden units of the family's networks make of their sums; leaky in `flow`, whose layers
    /// have their own.
    pub activation: AnyActivation,
    /// Whether hidden layers after a network's first are added to it in pairs.
    pub residual: bool,
    /// Whether dense multiply-adds are fused (the default) or plain.
    pub plain: bool,
    /// What the context passes before anything else reads it.
    pub embedding: Option<EmbeddingSpec>,
    /// The group that discrete sites are the mean over.
    pub group: Option<GroupSpec>,
}

/// Fewer training rows than these are few: they are learnt by heart from where many are learnt well, so
/// hidden layers start smaller.
pub const FEW_ROWS: u64 = 20_000;

/// A model family and its sizes.
#[derive(Clone, Debug, PartialEq)]
pub enum Family {
    /// Masked autoregressive network over spins or categories.
    Made {
        /// Units of each hidden layer; `None`: one layer of four units a site.
        hidden: Option<Vec<usize>>,
        /// Mixture with the flipped model; `None`: where the target has that symmetry.
        z2: Option<bool>,
        /// Direct terms from earlier sites to each logit.
        pairwise: bool,
        /// Categories of the sites; `None`: spins.
        categories: Option<CategoricalSpec>,
        /// Which rows there are; `None`: all, or those of the target's states.
        constraint: Option<ConstraintSpec>,
    },
    /// Network of a square lattice, from coarse to fine, over spins or categories.
    Multilevel {
        /// Units of each hidden layer.
        hidden: Vec<usize>,
        /// Levels with weights of their own; `None`: all.
        levels: Option<usize>,
        /// Squares of the distances that the windows of both stages reach.
        reach: [u32; 2],
        /// Whether the last stage is drawn from the Hamiltonian; `None`: where that allows it.
        heat_bath: Option<bool>,
        /// Whether the network is odd; `None`: where the target has that symmetry.
        z2: Option<bool>,
        /// Categories of the sites; `None`: spins.
        categories: Option<CategoricalSpec>,
    },
    /// Masked convolution over rows of spins or categories.
    Pixelcnn {
        /// Units that a site has in each hidden layer.
        hidden: Vec<usize>,
        /// Rows above and columns to either side that layers read, as far as there are any.
        reach: [usize; 2],
        /// Mixture with the flipped model; `None`: where the target has that symmetry.
        z2: Option<bool>,
        /// Categories of the sites; `None`: spins.
        categories: Option<CategoricalSpec>,
        /// Which rows there are; `None`: all, or those of the target's states.
        constraint: Option<ConstraintSpec>,
    },
    /// Coupling flow over real vectors: `realnvp`, and `nsf` with splines.
    Coupling {
        /// Coupling layers.
        layers: usize,
        /// Hidden units of each conditioner.
        hidden: Vec<usize>,
        /// What moves a coordinate.
        univariate: UnivariateSpec,
        /// Which coordinates a layer keeps.
        mask: Mask,
    },
    /// Masked autoregressive flow over real vectors: `maf`, and `nsf` with splines.
    Autoregressive {
        /// Layers.
        layers: usize,
        /// Hidden units of each network.
        hidden: Vec<usize>,
        /// What moves a coordinate.
        univariate: UnivariateSpec,
        /// Which side the networks read.
        fast: Direction,
    },
    /// A flow over real vectors whose layers are spelled out, from noise to data: `flow`.
    Layers {
        /// The noise, by its name or as a table.
        base: toml::Value,
        /// The layers, which may leave out what has a default.
        layers: Vec<toml::Table>,
        /// Which side the networks of autoregressive layers read.
        fast: Direction,
    },
    /// Masked autoregressive network over the columns of a table, real numbers and integers, each a
    /// mixture: `table`.
    Table {
        /// Units of each hidden layer.
        hidden: Vec<usize>,
        /// Components of each mixture.
        components: usize,
    },
}

/// `[target]`.
#[derive(Clone, Debug, PartialEq)]
pub enum TargetConfig {
    /// A Hamiltonian: learn its Boltzmann distribution.
    Hamiltonian(Hamiltonian),
    /// Samples: maximum likelihood.
    Data {
        /// The array.
        path: PathBuf,
        /// What is held out.
        validation: Validation,
        /// Learn in units of each column's mean and standard deviation; spins stay as they are.
        standardize: bool,
        /// The lattice that a row is, if it is one.
        shape: Option<Vec<usize>>,
        /// The columns that are modelled, in this order; all that are no context if there is none.
        columns: Vec<Column>,
        /// The columns that the others are conditioned on.
        context: Vec<Column>,
        /// Bounds of columns: −∞ or ∞ for none.
        bounds: Vec<Given>,
        /// The columns that are integers.
        integers: Vec<Column>,
        /// The columns that are circles, and where each begins and ends.
        circles: Vec<Given>,
        /// The columns that are parts of a whole.
        simplex: Option<GivenParts>,
        /// Whether rows stay in their file; `None`: by its size.
        stream: Option<bool>,
    },
}

/// `[train]`.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainConfig {
    /// Gradient steps.
    pub steps: u64,
    /// Sides of smaller lattices whose weights are learnt before, with their steps.
    pub grow: Vec<(usize, u64)>,
    /// Samples or rows a step.
    pub batch: usize,
    /// Adam's.
    pub learning_rate: f64,
    /// How that moves.
    pub schedule: Schedule,
    /// What is made small of a flow's free energy, and how.
    pub objective: Objective,
    /// A file of samples whose −ln q is made small beside it, and what that counts.
    pub samples: Option<(PathBuf, f64)>,
    /// Steps over which it first rises.
    pub warm_up: u64,
    /// Decay of the running mean of the parameters, which is the model; 0: the last step's are.
    pub average: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Where hidden layers start: their weights as a multiple of those that keep the size of sums;
    /// `None`: 1, or 0.3 where there are [few rows](FEW_ROWS).
    pub initial_scale: Option<f64>,
    /// Whether layers `affine` start so that they leave rows with mean 0 and variance 1.
    pub actnorm: bool,
    /// Annealing: β's distance shrinks by this factor a step, and is 0 from the middle of the run
    /// on (see [`Target`](crate::train::Target)); `None`: β from the start.
    pub anneal: Option<f64>,
    /// Steps without a better score of the held-out rows after which training ends.
    pub patience: u64,
    /// Largest norm of the gradient.
    pub clip: f64,
    /// Of initial weights and all noise.
    pub seed: u64,
    /// Steps between two rows of `metrics.csv`.
    pub log_every: u64,
    /// Steps between two checkpoints.
    pub checkpoint_every: u64,
    /// Samples of the final evaluation.
    pub evaluate: u64,
}

impl Config {
    /// Reads a config file and applies `overrides` (`key=value` or `table.key=value`).
    ///
    /// # Errors
    /// The file is missing or no TOML, a key is unknown or missing, a value is out of range.
    pub fn load(path: &Path, overrides: &[String]) -> Result<Config> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::read(path, &e))?;
        Config::parse(&text, path, overrides)
    }

    /// As [`Config::load`], from text; `path` names it in errors and anchors relative paths.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(text: &str, path: &Path, overrides: &[String]) -> Result<Config> {
        let mut root = section::document(text, path)?;
        for setting in overrides {
            apply(&mut root, setting)?;
        }
        section::known_tables(&root, path)?;
        let mut target = read::target(path, &root)?;
        let (mut model, kind) = read::model(path, &root, &target)?;
        let train = read::train(path, &root, &target)?;
        if let TargetConfig::Hamiltonian(hamiltonian) = &target {
            let of = hamiltonian.kind();
            let states = hamiltonian.constraint();
            // Most Hamiltonians have all states, and are not made once more to say so.
            let restricts = states.is_some();
            if let Family::Made { constraint, .. } | Family::Pixelcnn { constraint, .. } =
                &mut model.family
            {
                *constraint = constraint.take().or(states);
            }
            if let Family::Pixelcnn { constraint: Some(_), .. } = &model.family {
                let message = "[model] kind: found 'pixelcnn', expected 'made', which alone learns from a \
                               Hamiltonian under a constraint";
                return Err(Error::input(path, message));
            }
            if let Family::Table { .. } = &model.family {
                let message = "[model] kind: found 'table', expected data to learn from, or another \
                               kind";
                return Err(Error::input(path, message));
            }
            let masked_categories =
                matches!(&model.family, Family::Made { categories: Some(_), .. });
            if model.family.domain() != Domain::Uniform(of) || masked_categories {
                return Err(match of {
                    Kind::Real => mismatch(path, kind, "real numbers", "realnvp, nsf, maf or flow"),
                    Kind::Spin => {
                        mismatch(path, kind, "spins", "made, multilevel or pixelcnn of spins")
                    }
                    Kind::Category(n) => {
                        let other = "multilevel or pixelcnn of as many";
                        mismatch(path, kind, &format!("{n} categories"), other)
                    }
                });
            }
            if restricts || model.family.constraint().is_some() {
                let within = hamiltonian.energy_within(model.family.constraint());
                within.map_err(|message| Error::input(path, message))?;
            }
        }
        if let (Some((side, steps)), TargetConfig::Hamiltonian(hamiltonian)) = (
            train.grow.iter().find(|(side, _)| !side.is_power_of_two()).or(train.grow.first()),
            &target,
        ) {
            let wrong = if !matches!(model.family, Family::Multilevel { .. }) {
                Some("expected none: only a 'multilevel' model grows".to_owned())
            } else if hamiltonian.clone().side().is_none() {
                Some(format!("expected none: {kind} over a graph has no side"))
            } else if !side.is_power_of_two() {
                Some(format!("found [{side}, {steps}], expected sides that are powers of two"))
            } else {
                None
            };
            if let Some(message) = wrong {
                return Err(Error::input(path, format!("[train] grow: {message}")));
            }
        }
        match (&model.family, &target) {
            (family, TargetConfig::Data { standardize: true, context, .. })
                if family.keeps_units()
                    && context.is_empty()
                    && section::has(&root, "target", "standardize") =>
            {
                let values = match family {
                    Family::Table { .. } => "a model that has units of its own for each column",
                    _ if family.domain().is_real() => "a base that is not the real line",
                    _ => "discrete values",
                };
                let message =
                    format!("[target] standardize: found true, expected false for {values}");
                return Err(Error::input(path, message));
            }
            _ => {}
        }
        if let TargetConfig::Data { integers, circles, .. } = &target
            && !model.family.has_own_units()
        {
            let given = [("integers", integers.is_empty()), ("circles", circles.is_empty())];
            if let Some((key, _)) = given.iter().find(|(_, none)| !none) {
                let message =
                    format!("[target] {key}: expected kind = 'table' in [model], found '{kind}'");
                return Err(Error::input(path, message));
            }
        }
        if let TargetConfig::Data { bounds, simplex, standardize, .. } = &target {
            let parts = simplex.as_ref().map_or(0, |given| given.parts.len());
            for (key, found) in [("bounds", bounds.len()), ("simplex", parts)] {
                let own_units = model.family.has_own_units();
                let expected = match (model.family.keeps_units(), standardize) {
                    _ if found == 0 || (own_units && key == "bounds") => continue,
                    _ if own_units => "none beside kind = 'table': a flow has parts of a whole",
                    (true, _) => "none: the model's values have bounds of their own",
                    (_, false) => "standardize = true beside them",
                    _ => continue,
                };
                let message = format!("[target] {key}: found {found}, expected {expected}");
                return Err(Error::input(path, message));
            }
        }
        if let TargetConfig::Data { standardize, context, .. } = &mut target
            && model.family.keeps_units()
        {
            *standardize &= !context.is_empty();
        }
        Ok(Config { model, target, train })
    }

    /// The configs of the lattices that are smaller than this one's, each of which is to start the next one, and
    /// the last this one.
    pub fn smaller(&self) -> Vec<(usize, Config)> {
        let one = |(side, steps): &(usize, u64)| {
            let mut config = self.clone();
            let TargetConfig::Hamiltonian(hamiltonian) = &mut config.target else { return None };
            let own = hamiltonian.side()?;
            if side >= own {
                return None;
            }
            *own = *side;
            (config.train.steps, config.train.grow) = (*steps, Vec::new());
            Some((*side, config))
        };
        self.train.grow.iter().filter_map(one).collect()
    }

    /// With the default in force that depends on how many rows there are to train on, if it is rows that
    /// are learnt from.
    pub fn settled(&self, rows: Option<u64>) -> Config {
        let mut config = self.clone();
        let few = rows.is_some_and(|rows| rows < FEW_ROWS);
        config.train.initial_scale.get_or_insert(if few { 0.3 } else { 1.0 });
        config
    }
}

impl TrainConfig {
    /// What the optimiser is told.
    pub fn options(&self) -> TrainOptions {
        TrainOptions {
            steps: self.steps,
            batch: self.batch,
            learning_rate: self.learning_rate,
            schedule: self.schedule,
            objective: self.objective,
            warm_up: self.warm_up,
            average: self.average,
            clip: self.clip,
            weight_decay: self.weight_decay,
            seed: self.seed,
        }
    }
}

impl Family {
    /// Which rows there are, if not all.
    pub fn constraint(&self) -> Option<&ConstraintSpec> {
        match self {
            Family::Made { constraint, .. } | Family::Pixelcnn { constraint, .. } => {
                constraint.as_ref()
            }
            _ => None,
        }
    }

    /// Units of each hidden layer of its networks, if they are alike; one layer where the target says
    /// how many.
    fn hidden(&self) -> Option<&[usize]> {
        match self {
            Family::Made { hidden, .. } => Some(hidden.as_deref().unwrap_or(&[1])),
            Family::Coupling { hidden, .. }
            | Family::Autoregressive { hidden, .. }
            | Family::Multilevel { hidden, .. }
            | Family::Pixelcnn { hidden, .. }
            | Family::Table { hidden, .. } => Some(hidden),
            Family::Layers { .. } => None,
        }
    }

    /// Whether values of its rows are what they are in any units, so that their context alone can be
    /// standardised: they are discrete, or points of an interval or a circle, or the model has units of
    /// its own for them.
    pub fn keeps_units(&self) -> bool {
        match self {
            Family::Layers { base, .. } => match self::base(base) {
                Ok(BaseSpec::Product(base)) => {
                    let both = base.supports(base.coordinates.saturating_add(1));
                    both.iter().any(|support| *support != Support::Line)
                }
                _ => self.support() != Support::Line,
            },
            Family::Table { .. } => true,
            _ => !self.domain().is_real(),
        }
    }

    /// Where the noise of its base lies, and with it the values of its rows, if that is one kind of place.
    pub fn support(&self) -> Support {
        match self {
            Family::Layers { base, .. } => {
                self::base(base).map_or(Support::Line, |base| base.support())
            }
            _ => Support::Line,
        }
    }

    /// Whether the model brings each column to units of its own.
    pub fn has_own_units(&self) -> bool {
        matches!(self, Family::Table { .. })
    }

    /// Where the values of its rows lie.
    pub fn domain(&self) -> Domain<'_> {
        match self {
            Family::Made { categories: Some(spec), .. }
            | Family::Multilevel { categories: Some(spec), .. }
            | Family::Pixelcnn { categories: Some(spec), .. } => spec.domain(),
            Family::Made { .. } | Family::Multilevel { .. } | Family::Pixelcnn { .. } => {
                Domain::Uniform(Kind::Spin)
            }
            Family::Coupling { .. }
            | Family::Autoregressive { .. }
            | Family::Layers { .. }
            | Family::Table { .. } => Domain::Uniform(Kind::Real),
        }
    }
}

impl TargetConfig {
    /// Reads only the `[target]` of a config file.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load(path: &Path) -> Result<TargetConfig> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::read(path, &e))?;
        let root = section::document(&text, path)?;
        section::known_tables(&root, path)?;
        read::target(path, &root)
    }
}

impl TargetConfig {
    /// The file that it learns from, if it does.
    pub fn file(&self) -> Option<&Path> {
        match self {
            TargetConfig::Data { path, .. } => Some(path),
            TargetConfig::Hamiltonian(_) => None,
        }
    }
}

/// A file that a config names, from the config's own folder.
fn beside(path: &Path, file: &str) -> PathBuf {
    path.parent().unwrap_or(Path::new("")).join(file)
}

fn mismatch(path: &Path, kind: &str, values: &str, other: &str) -> Error {
    Error::input(
        path,
        format!("[model] kind: found '{kind}', but the target is over {values}: expected {other}"),
    )
}

#[cfg(test)]
mod tests;
