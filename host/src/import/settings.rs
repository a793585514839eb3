//! What a state dict does not record: a TOML that the exporter writes, or a person.
//!
//! ```toml
//! library = "zuko"
//! version = "1.6.0"
//! features = 5
//! context = 2
//!
//! # What all transforms have in common, unless a [[transforms]] of the same number says otherwise.
//! [transform]
//! univariate = "MonotonicRQSTransform"
//! bound = 5.0
//! slope = 0.001
//! activation = "ReLU"
//!
//! # Of a base that is a mixture of zuko's.
//! [base]
//! epsilon = 1e-6
//!
//! # Of a network over spins.
//! [sites]
//! z2 = true
//! square = true
//!
//! # Of an embedding network its layers, in order.
//! [[embedding]]
//! kind = "Standardize"
//! ```
//!
//! Values are those of the library's own names and arguments.

use std::path::{Path, PathBuf};

use pushforward::activation::AnyActivation;
use serde::Deserialize;

use super::Library;
use crate::error::{Error, Result};

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    #[serde(skip)]
    file: PathBuf,
    /// The library's name.
    pub library: String,
    /// Its version.
    pub version: String,
    /// Coordinates.
    pub features: usize,
    /// Values of context, before any embedding.
    #[serde(default)]
    pub context: usize,
    /// What is said of all transforms.
    #[serde(default)]
    transform: Transform,
    /// What is said of one.
    #[serde(default)]
    transforms: Vec<Transform>,
    /// What is said of the base.
    #[serde(default)]
    base: Base,
    /// What is said of a network over spins.
    #[serde(default)]
    sites: Sites,
    /// Layers of an embedding network.
    #[serde(default)]
    pub embedding: Vec<Embedding>,
}

/// A transform.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Transform {
    path: Option<String>,
    kind: Option<String>,
    univariate: Option<String>,
    bound: Option<f32>,
    slope: Option<f32>,
    activation: Option<String>,
    tails: Option<String>,
    scale: Option<String>,
    hidden_features: Option<usize>,
    leaky: Option<f64>,
    circular: Option<Vec<usize>>,
    range: Option<[usize; 2]>,
    shape: Option<[usize; 3]>,
    factor: Option<usize>,
}

/// A base.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Base {
    epsilon: Option<f64>,
}

/// A network over spins.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sites {
    z2: Option<bool>,
    #[serde(default)]
    square: bool,
}

/// A layer of an embedding network: the name of its class.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Embedding {
    /// The class.
    pub kind: String,
}

/// What is said of one transform, to be asked for by name.
#[derive(Clone, Copy, Debug)]
pub struct Of<'a> {
    settings: &'a Settings,
    number: usize,
}

impl Settings {
    /// Reads the file.
    ///
    /// # Errors
    /// It is missing or malformed, or of another library.
    pub fn read(file: &Path, library: Library) -> Result<Self> {
        let text = std::fs::read_to_string(file).map_err(|e| Error::read(file, &e))?;
        let settings: Settings = toml::from_str(&text).map_err(|e| Error::input(file, e))?;
        let settings = Settings { file: file.into(), ..settings };
        if settings.library != library.name() {
            let found = &settings.library;
            let message = format!("library: found \"{found}\", expected \"{}\"", library.name());
            return Err(settings.fault(message));
        }
        if settings.features == 0 {
            return Err(settings.fault("features: found 0, expected at least 1"));
        }
        Ok(settings)
    }

    /// Something that is wrong with the file.
    pub fn fault(&self, message: impl ToString) -> Error {
        Error::input(&self.file, message)
    }

    /// What is said of transform `number`.
    pub fn of(&self, number: usize) -> Of<'_> {
        Of { settings: self, number }
    }

    /// What is added to the scales of a mixture's components.
    ///
    /// # Errors
    /// It is not said.
    pub fn base_epsilon(&self) -> Result<f64> {
        self.base.epsilon.ok_or_else(|| {
            self.fault(
                "no `epsilon` in [base]: what is added to the scales of a mixture's components, and the \
                 state dict does not record it",
            )
        })
    }

    /// Whether spins are as likely as their mirror image.
    ///
    /// # Errors
    /// It is not said.
    pub fn z2(&self) -> Result<bool> {
        self.sites.z2.ok_or_else(|| {
            self.fault(
                "no `z2` in [sites]: whether the distribution is made even, and the state dict does not \
                 record it",
            )
        })
    }

    /// Whether spins are those of a square.
    pub fn is_square(&self) -> bool {
        self.sites.square
    }

    /// The number of transforms that are described one by one; 0 if none is.
    pub fn described(&self) -> usize {
        self.transforms.len()
    }
}

impl<'a> Of<'a> {
    fn get<T>(&self, field: impl Fn(&'a Transform) -> &'a Option<T>) -> Option<&'a T> {
        let own = self.settings.transforms.get(self.number).and_then(|own| field(own).as_ref());
        own.or(field(&self.settings.transform).as_ref())
    }

    /// Something that is wrong with a field.
    pub fn wrong(&self, field: &str, found: &str, expected: &str) -> Error {
        let path = format!("transforms.{}.{field}", self.number);
        self.settings.fault(format!("{path}: found \"{found}\", expected {expected}"))
    }

    fn need<T>(&self, field: &str, value: Option<T>, why: &str) -> Result<T> {
        value.ok_or_else(|| {
            let Self { settings, number } = self;
            let place = format!("`{field}` in [transform] or in [[transforms]] {number}");
            settings.fault(format!("no {place}: {why}, and the state dict does not record it"))
        })
    }

    /// Where its tensors are: how their names begin, without a dot at the end.
    ///
    /// # Errors
    /// It is not said.
    pub fn path(&self) -> Result<&'a str> {
        self.get(|t| &t.path).map(String::as_str).ok_or_else(|| {
            self.settings.fault(format!(
                "no `path` in [[transforms]] {}: how the names of its tensors begin",
                self.number
            ))
        })
    }

    /// The slope of leaky units.
    ///
    /// # Errors
    /// It is not said.
    pub fn leaky(&self) -> Result<f64> {
        self.need("leaky", self.get(|t| &t.leaky).copied(), "the slope of leaky units below 0")
    }

    /// The activation of a network of normflows' `MLP`, which may be leaky.
    ///
    /// # Errors
    /// It is not said, or is none that there is here.
    pub fn mlp_activation(&self) -> Result<AnyActivation> {
        match self.get(|t| &t.activation).map(String::as_str) {
            Some("LeakyReLU") => Ok(AnyActivation::Leaky),
            _ => self.activation(),
        }
    }

    /// The coordinates that are angles, if the others have tails of their own.
    pub fn circular(&self) -> Option<&'a [usize]> {
        self.get(|t| &t.circular).map(Vec::as_slice)
    }

    /// The coordinates that it moves, if these are not all: the first, and the one after the last.
    ///
    /// # Errors
    /// There are none, or not so many.
    pub fn range(&self) -> Result<Option<[usize; 2]>> {
        let n = self.settings.features;
        match self.get(|t| &t.range).copied() {
            Some([first, end]) if first >= end || end > n => {
                let expected = format!("[first, end] with 0 ≤ first < end ≤ {n}");
                Err(self.wrong("range", &format!("[{first}, {end}]"), &expected))
            }
            range => Ok(range.filter(|range| *range != [0, n])),
        }
    }

    /// `[channels, height, width]` of what it moves, `n` coordinates, if that is an image.
    ///
    /// # Errors
    /// It has not so many.
    pub fn shape(&self, n: usize) -> Result<Option<[usize; 3]>> {
        let shape = self.get(|t| &t.shape).copied();
        let size = |[c, h, w]: [usize; 3]| c.checked_mul(h)?.checked_mul(w);
        match shape {
            Some(image) if size(image) != Some(n) => {
                let expected = format!("[channels, height, width] of {n} coordinates");
                Err(self.wrong("shape", &format!("{image:?}"), &expected))
            }
            shape => Ok(shape),
        }
    }

    /// The same of what moves nothing else.
    ///
    /// # Errors
    /// It is not said, or has not so many.
    pub fn image(&self, n: usize) -> Result<[usize; 3]> {
        self.need("shape", self.shape(n)?, "[channels, height, width] of what it moves")
    }

    /// The factor of a squeeze.
    ///
    /// # Errors
    /// It is not said.
    pub fn factor(&self) -> Result<usize> {
        self.need("factor", self.get(|t| &t.factor).copied(), "the rows and columns of a square")
    }

    /// The tails of a spline.
    ///
    /// # Errors
    /// They are not said.
    pub fn tails(&self) -> Result<&'a str> {
        let tails = self.get(|t| &t.tails).map(String::as_str);
        self.need("tails", tails, "what the spline is beyond its interval")
    }

    /// What makes scales of raw ones.
    ///
    /// # Errors
    /// It is not said.
    pub fn scale(&self) -> Result<&'a str> {
        let scale = self.get(|t| &t.scale).map(String::as_str);
        self.need("scale", scale, "what makes a scale of a raw one")
    }

    /// The width by whose root a network's widths and heights are divided, if they are.
    pub fn hidden_features(&self) -> Option<usize> {
        self.get(|t| &t.hidden_features).copied()
    }

    /// The transform's class, if it is said.
    pub fn kind(&self) -> Option<&'a str> {
        self.get(|t| &t.kind).map(String::as_str)
    }

    /// The class of what moves a coordinate.
    ///
    /// # Errors
    /// It is not said.
    pub fn univariate(&self) -> Result<&'a str> {
        let univariate = self.get(|t| &t.univariate).map(String::as_str);
        self.need("univariate", univariate, "what moves a coordinate")
    }

    /// The bound of a spline.
    ///
    /// # Errors
    /// It is not said.
    pub fn bound(&self) -> Result<f32> {
        self.need("bound", self.get(|t| &t.bound).copied(), "the end of the spline's interval")
    }

    /// The least slope of a map.
    ///
    /// # Errors
    /// It is not said; `why` says more of it.
    pub fn slope(&self, why: &str) -> Result<f32> {
        self.need("slope", self.get(|t| &t.slope).copied(), why)
    }

    /// The activation of hidden units.
    ///
    /// # Errors
    /// It is not said, or is none that there is here.
    pub fn activation(&self) -> Result<AnyActivation> {
        let name = self.get(|t| &t.activation).map(String::as_str);
        let name = self.need("activation", name, "what hidden units make of their sums")?;
        activation(name).ok_or_else(|| self.wrong("activation", name, ACTIVATIONS))
    }
}

/// Activations as PyTorch's classes name them, for messages.
pub(super) const ACTIVATIONS: &str =
    "ReLU, Tanh, ELU, SiLU or GELU (of PyTorch's default arguments)";

/// An activation by the name of PyTorch's class.
pub(super) fn activation(name: &str) -> Option<AnyActivation> {
    Some(match name {
        "ReLU" => AnyActivation::Relu,
        "Tanh" => AnyActivation::Tanh,
        "ELU" => AnyActivation::Elu,
        "SiLU" => AnyActivation::Silu,
        "GELU" => AnyActivation::Gelu,
        _ => return None,
    })
}
