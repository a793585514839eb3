//! Models trained elsewhere: from another library's state dict to a model with the same density.
//!
//! An import reads two files, which the library's exporter writes from a live object
//! ([`Library::exporter`]): the state dict as `.safetensors`, with rows of the flow and their
//! log-densities beside it, and a TOML with what a state dict does not record ([`settings`]). Three things
//! make it trustworthy:
//!
//! * Nothing is guessed. What a state dict does not say (bounds, least slopes, activations) is demanded
//!   by name, masks are read as they are, and every tensor must be used: one that is left over is as
//!   wrong as one that is missing.
//! * A flow is put together from this project's own parts, in `f64` ([`Imported`]), and the `f64` oracle
//!   has to give the source's log-densities to [`SAME`]. Only then weights are rounded.
//! * The rows stay in the model's file, and `check` holds the engine to them.
//!
//! # Where does it go?
//! A library is one file with its exporter beside it. What libraries share, is here: the state dict
//! ([`state`]), and networks with any masks, which become networks whose units are sorted by the site
//! that may read them first ([`network`]).

mod embedding;
mod linear;
mod network;
mod nflows;
mod normflows;
pub mod settings;
mod source;
mod state;
mod van;
mod van_pixelcnn;
mod zuko;

use std::collections::BTreeMap;
use std::path::Path;

use pushforward::layer::PartialSpec;
use pushforward::model::{
    Arithmetic, BaseSpec, Description, EmbeddingSpec, FlowSpec, Model, PlainLayerSpec,
};
use pushforward_oracle::Oracle;

pub use self::source::{CLOSE, SourceRows};
pub use self::state::State;
use crate::error::{Error, Result};
use settings::Settings;

/// How far the `f64` oracle may be from the source's log-density, relative to 1 + its size: both compute
/// the same formulas in another order.
pub const SAME: f64 = 1e-10;

/// A library that models come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Library {
    /// zuko, 1.0 and later.
    Zuko,
    /// nflows 0.14.
    Nflows,
    /// normflows 1.7.
    Normflows,
    /// stat-mech-van, of 2019: its MADE and its PixelCNN.
    Van,
}

impl Library {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Library::Zuko => "zuko",
            Library::Nflows => "nflows",
            Library::Normflows => "normflows",
            Library::Van => "van",
        }
    }

    /// A Python script that writes an import's files from a live object.
    pub fn exporter(self) -> &'static str {
        match self {
            Library::Zuko => concat!(include_str!("zuko.py"), include_str!("exporter.py")),
            Library::Nflows => concat!(include_str!("nflows.py"), include_str!("exporter.py")),
            Library::Normflows => {
                concat!(include_str!("normflows.py"), include_str!("exporter.py"))
            }
            Library::Van => concat!(include_str!("van.py"), include_str!("exporter.py")),
        }
    }
}

/// Tensors of a part in `f64`, by their names in it.
type Tensors = BTreeMap<String, Vec<f64>>;

/// Tensors by their names.
fn named<const N: usize>(tensors: [(&str, Vec<f64>); N]) -> Tensors {
    tensors.map(|(name, data)| (name.to_string(), data)).into()
}

/// A layer of ours, its tensors, and the coordinates that it moves if these are not all.
struct Layer {
    spec: PlainLayerSpec,
    tensors: Tensors,
    range: Option<[usize; 2]>,
}

impl Layer {
    /// Of all coordinates.
    fn new(spec: impl Into<PlainLayerSpec>, tensors: Tensors) -> Self {
        Self { spec: spec.into(), tensors, range: None }
    }
}

/// The standard normal distribution as base.
fn standard_normal() -> (BaseSpec, Tensors) {
    (pushforward::base::NormalSpec {}.into(), Tensors::new())
}

/// A model put together, not yet rounded.
#[derive(Debug)]
pub struct Imported {
    /// What it is made of.
    pub description: Description,
    /// All parameters, tensor after tensor in canonical order.
    pub parameters: Vec<f64>,
    /// The source's rows.
    pub source: SourceRows,
    /// The greatest difference of the oracle's log-density from the source's, relative to 1 + its size.
    pub difference: f64,
    /// Where it comes from: the library and its version.
    pub from: (Library, String),
}

/// Reads what a library exported.
///
/// # Errors
/// A file is missing or malformed; a part has no counterpart here; something that the state dict does
/// not record is not said; a tensor is missing, left over or of the wrong shape; the source's rows do
/// not come out.
pub fn read(library: Library, state: &Path, settings: &Path) -> Result<Imported> {
    let state = State::read(state)?;
    let settings = Settings::read(settings, library)?;
    let mut source = SourceRows::read(&state, settings.features, settings.context)?;
    let (description, tensors) = match library {
        Library::Zuko => zuko::flow(&state, &settings)?.put_together(&settings, &mut source),
        Library::Nflows => nflows::flow(&state, &settings)?.put_together(&settings, &mut source),
        Library::Normflows => {
            normflows::flow(&state, &settings)?.put_together(&settings, &mut source)
        }
        Library::Van => van::sites(&state, &settings)?,
    };
    state.all_used()?;
    description.validate().map_err(|e| settings.fault(e))?;
    let parameters = parameters(&description, tensors)?;
    let oracle = Oracle::with_parameters(&description, &parameters);
    let difference = source.difference(|context, row| oracle.log_prob(context, row));
    if difference > SAME {
        return Err(state.fault(format!(
            "the source's rows are not reproduced: log-densities in f64 differ by {difference:.1e} \
             (relative to 1 + their size), expected at most {SAME:e}. Something that the state dict does \
             not record (a bound, a least slope, an activation, the library's version) is not as the \
             settings say"
        )));
    }
    Ok(Imported { description, parameters, source, difference, from: (library, settings.version) })
}

/// The parts of a flow.
struct Parts {
    embedding: Option<(EmbeddingSpec, Tensors)>,
    base: (BaseSpec, Tensors),
    /// In the direction of the density: the first moves the data.
    layers: Vec<Layer>,
    /// What the source's log-densities lack of those of a distribution (nats).
    lacks: f64,
}

impl Parts {
    /// The flow, and its tensors; the source's rows are given what they lack.
    fn put_together(self, settings: &Settings, source: &mut SourceRows) -> (Description, Tensors) {
        source.raise(self.lacks);
        let mut tensors = Tensors::new();
        let mut within = |path: &str, of: Tensors| {
            tensors.extend(of.into_iter().map(|(name, data)| (format!("{path}.{name}"), data)));
        };
        let embedding = self.embedding.map(|(spec, of)| {
            within("embedding", of);
            spec
        });
        let (base, base_tensors) = self.base;
        within("base", base_tensors);
        let mut specs = Vec::with_capacity(self.layers.len());
        for (l, layer) in self.layers.into_iter().rev().enumerate() {
            let Layer { spec, tensors, range } = layer;
            let path = format!("layers.{l}");
            specs.push(match range {
                None => {
                    within(&path, tensors);
                    spec.into()
                }
                Some(range) => {
                    within(&format!("{path}.layer"), tensors);
                    PartialSpec { range, layer: spec }.into()
                }
            });
        }
        let description = Description::Flow(FlowSpec {
            shape: vec![settings.features],
            context: settings.context,
            embedding,
            base,
            layers: specs,
        });
        (description, tensors)
    }
}

/// All parameters, tensor after tensor in canonical order.
fn parameters(description: &Description, mut tensors: Tensors) -> Result<Vec<f64>> {
    let mut parameters = Vec::new();
    for spec in description.tensors() {
        let data = tensors.remove(&spec.name).unwrap_or_default();
        if data.len() != spec.size() {
            let (name, found, expected) = (&spec.name, data.len(), spec.size());
            return Err(Error::Failed(format!(
                "the import's own `{name}`: found {found} numbers, expected {expected}: a fault of this \
                 program"
            )));
        }
        parameters.extend(data);
    }
    Ok(parameters)
}

impl Imported {
    /// The model, its weights rounded to `f32`, with the source's rows in its provenance.
    ///
    /// # Errors
    /// A weight that is beyond `f32`.
    pub fn model(&self) -> Result<Model> {
        let fault = |e: &dyn std::fmt::Display| Error::Failed(e.to_string());
        let mut model =
            Model::new(self.description.clone(), Arithmetic::Fused).map_err(|e| fault(&e))?;
        let rounded: Vec<f32> = self.parameters.iter().map(|x| *x as f32).collect();
        model.set_parameters(&rounded).map_err(|e| fault(&e))?;
        model.provenance.insert("tool".into(), crate::run::tool().into());
        let mut source = self.source.to_json();
        let (library, version) = &self.from;
        source["library"] = library.name().into();
        source["version"] = version.as_str().into();
        model.provenance.insert("source".into(), source);
        Ok(model)
    }
}
