//! The model description: the one that training writes, codegen compiles and the host loads.
//!
//! A [`Model`] is a [`Description`], an arithmetic, named tensors and where they came from. It is
//! validated when it is read ([`Model::from_bytes`]) or built, and cannot be wrong afterwards: the
//! samplers made from it have no error left to report. The file format is specified in [`mod@file`].

//!
//! # Where does it go?
//! A part (a layer, a network, a map, a conditional, a base) is described in the file of its kernel, by
//! one of the traits here ([`LayerPart`] and its like), and is one line of the `catalogue`. Checks,
//! tensors, packing, counts, the sampler and the source that `model!` writes follow.

mod catalogue;
mod description;
mod error;
pub mod file;
mod names;
mod packer;
mod part;
pub mod preset;
mod sampler;
mod support;
mod v1;

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

pub use catalogue::{
    AnyBase, AnyCausalNetwork, AnyConstraint, AnyLayer, AnyNetwork, AnyPlainBase, AnyPlainLayer,
    AnySitesNetwork, AnyUnivariate, BaseSpec, CausalNetworkSpec, ConditionalSpec, ConstraintSpec,
    LayerSpec, NetworkSpec, PlainBaseSpec, PlainLayerSpec, SitesNetworkSpec, UnivariateSpec,
};
pub(crate) use description::mask_text;
pub use description::{Description, EmbeddingSpec, FlowSpec, SitesSpec, Symmetry};
pub use error::ModelError;
pub use names::Names;
pub use packer::Packer;
pub use part::{
    BasePart, CausalPart, ConditionalPart, Fault, Faults, Initial, LayerPart, NetworkPart, Sizes,
    Source, Sources, Start, TensorSpec, Tensors, Units, UnivariatePart, Visible,
};
pub(crate) use part::{is_false, is_none, is_zero};
pub use sampler::Sampler;
pub use support::Support;
pub(crate) use support::real_line;

pub use safetensors::Dtype;

pub use crate::kernel::Arithmetic;
use crate::noise::{Stream, normal};
use crate::simd::Scalar;

/// A dense array of 32-bit floats, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Extents, outermost first.
    pub shape: Vec<usize>,
    /// The elements, as many as the product of `shape`.
    pub data: Vec<f32>,
}

/// Rows that a file carries so that any reader can see that it computes the same bits. Two are equal
/// if all their bits are: 0 and −0 differ.
#[derive(Clone, Debug)]
pub struct Golden {
    /// The seed of the rows; their indices are `0, 1, …`.
    pub seed: u64,
    /// What each row is given, `[n, context]` flattened; empty for a model without context.
    pub context: Vec<f32>,
    /// The rows, `[n, dim]` flattened.
    pub rows: Vec<f32>,
    /// The log-probability returned with each row (nats).
    pub log_prob: Vec<f32>,
}

impl PartialEq for Golden {
    fn eq(&self, other: &Self) -> bool {
        let equal =
            |a: &[f32], b: &[f32]| a.iter().map(|x| x.to_bits()).eq(b.iter().map(|x| x.to_bits()));
        self.seed == other.seed
            && equal(&self.context, &other.context)
            && equal(&self.rows, &other.rows)
            && equal(&self.log_prob, &other.log_prob)
    }
}

/// A trained model: description and weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    description: Description,
    arithmetic: Arithmetic,
    tensors: BTreeMap<String, Tensor>,
    golden: Option<Golden>,
    names: Option<Names>,
    /// Free-form facts about the model's origin, kept in the file: tool, configuration, figures.
    pub provenance: serde_json::Map<String, serde_json::Value>,
}

impl Model {
    /// A model with all parameters zero.
    ///
    /// # Errors
    /// A description that makes no sense; see [`Description::validate`].
    pub fn new(description: Description, arithmetic: Arithmetic) -> Result<Self, ModelError> {
        description.validate()?;
        check_arithmetic(&description, arithmetic)?;
        let tensors = description
            .tensors()
            .into_iter()
            .map(|spec| {
                let data = vec![0.0; spec.size()];
                (spec.name, Tensor { shape: spec.shape, data })
            })
            .collect();
        let provenance = serde_json::Map::new();
        Ok(Self { description, arithmetic, tensors, golden: None, names: None, provenance })
    }

    /// The parts and their sizes.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// How dense multiply-adds round.
    pub fn arithmetic(&self) -> Arithmetic {
        self.arithmetic
    }

    /// The same weights under another arithmetic: another model, with other bits. A model of integers
    /// has no other.
    #[must_use]
    pub fn with_arithmetic(mut self, arithmetic: Arithmetic) -> Self {
        if check_arithmetic(&self.description, arithmetic).is_ok() {
            self.arithmetic = arithmetic;
        }
        self.golden = None;
        self
    }

    /// The rows stored in the file the model was read from, or given by
    /// [`Model::with_golden_rows`].
    pub fn golden(&self) -> Option<&Golden> {
        self.golden.as_ref()
    }

    /// The seed and the number of its golden rows, or of those that a file of it would have.
    pub fn golden_stream(&self) -> (u64, usize) {
        self.golden.as_ref().map_or((0, 8), |golden| (golden.seed, golden.log_prob.len()))
    }

    /// The model with samples `0 … n−1` of the stream `seed` as its golden rows, drawn now. Contexts,
    /// if it takes any, are standard normal noise of the same stream.
    ///
    /// # Errors
    /// No rows or more than [`file::MAX_GOLDEN_ROWS`], or a draw that is not finite.
    pub fn with_golden_rows(mut self, seed: u64, n: usize) -> Result<Self, ModelError> {
        let context = self.golden_context(seed, n);
        self.set_golden(seed, n, context)?;
        Ok(self)
    }

    /// The model with the first samples of the stream `seed` as its golden rows, given these contexts,
    /// `[n, context]`: such as it was trained with.
    ///
    /// # Errors
    /// As [`Model::with_golden_rows`]; not a whole number of contexts.
    pub fn with_golden_contexts(
        mut self,
        seed: u64,
        context: Vec<f32>,
    ) -> Result<Self, ModelError> {
        let one = self.description.context().max(1);
        let n = if context.len().is_multiple_of(one) { context.len() / one } else { 0 };
        self.set_golden(seed, n, context)?;
        Ok(self)
    }

    fn set_golden(&mut self, seed: u64, n: usize, context: Vec<f32>) -> Result<(), ModelError> {
        file::check_golden_count(n)?;
        let golden = self.draw_golden(seed, n, context)?;
        file::check_golden(&golden)?;
        self.golden = Some(golden);
        Ok(())
    }

    /// What the columns of its table are called, if the model says.
    pub fn names(&self) -> Option<&Names> {
        self.names.as_ref()
    }

    /// The model with names for its columns, or without. It draws the same bits.
    ///
    /// # Errors
    /// Another number of names than of values; one that is empty, too long, on two lines or there
    /// twice.
    pub fn with_names(mut self, names: Option<Names>) -> Result<Self, ModelError> {
        names.iter().try_for_each(|names| names.check(&self.description))?;
        self.names = names;
        Ok(self)
    }

    /// A tensor by name.
    pub fn tensor(&self, name: &str) -> Option<&Tensor> {
        self.tensors.get(name)
    }

    /// All parameters, tensor after tensor in the order of [`Description::tensors`].
    pub fn parameters(&self) -> Vec<f32> {
        let mut all = Vec::new();
        for spec in self.description.tensors() {
            if let Some(tensor) = self.tensors.get(&spec.name) {
                all.extend_from_slice(&tensor.data);
            }
        }
        all
    }

    /// Replaces all parameters; the order is that of [`Model::parameters`]. Masked entries are set
    /// to zero whatever is given for them.
    ///
    /// # Errors
    /// The wrong number of parameters, or one that is not finite.
    pub fn set_parameters(&mut self, parameters: &[f32]) -> Result<(), ModelError> {
        let expected = self.description.parameters();
        if parameters.len() != expected {
            return Err(ModelError::Parameters { found: parameters.len(), expected });
        }
        let mut rest = parameters;
        let mut tensors = BTreeMap::new();
        for spec in self.description.tensors() {
            let (now, later) = rest.split_at(spec.size());
            rest = later;
            let mut data = now.to_vec();
            spec.mask(&mut data);
            check_entries(&spec, &data)?;
            tensors.insert(spec.name, Tensor { shape: spec.shape, data });
        }
        self.tensors = tensors;
        self.golden = None;
        Ok(())
    }

    /// Every weight rounded to the nearest 16-bit float: the model that a build with
    /// `weights = "f16"` runs.
    ///
    /// # Errors
    /// A weight beyond the range of 16-bit floats.
    pub fn rounded_to_f16(&self) -> Result<Self, ModelError> {
        let rounded: Vec<f32> =
            self.parameters().iter().map(|w| half::f16::from_f32(*w).to_f32()).collect();
        let mut model = self.clone();
        model.set_parameters(&rounded)?;
        Ok(model)
    }

    /// The weights in packed order: the block that the kernels read.
    pub fn packed(&self) -> Vec<f32> {
        self.description.pack(&self.tensors).out
    }

    /// Of the packed words' bytes, the rectangles of 8-bit weights that a target may lay out in a way of its
    /// own ([`crate::simd::bytes`]): where each begins, its inputs and its outputs.
    pub fn rectangles_of_bytes(&self) -> Vec<[usize; 3]> {
        self.description.pack(&self.tensors).rectangles
    }

    /// Scores and draws with this model at run time.
    ///
    /// # Errors
    /// None for a model that was read or built; the packed size is checked all the same.
    pub fn sampler(&self) -> Result<Sampler, ModelError> {
        Sampler::new(self)
    }

    /// Draws the golden rows again; `true` if there are none or every bit is equal.
    ///
    /// # Errors
    /// As [`Model::sampler`].
    pub fn golden_rows_hold(&self) -> Result<bool, ModelError> {
        let Some(golden) = &self.golden else { return Ok(true) };
        Ok(self.fresh_golden()? == *golden)
    }

    /// The golden rows, drawn again, or the usual ones of a model that has none.
    fn fresh_golden(&self) -> Result<Golden, ModelError> {
        let (seed, n) = self.golden_stream();
        let context = match &self.golden {
            Some(golden) => golden.context.clone(),
            None => self.golden_context(seed, n),
        };
        self.draw_golden(seed, n, context)
    }

    /// Noise that no row is drawn with: the stream's last samples.
    fn golden_context(&self, seed: u64, n: usize) -> Vec<f32> {
        let (mut stream, one) = (Stream::new(seed), self.description.context());
        let word = |i: usize| {
            let sample = u64::MAX - (i / one) as u64;
            let value = i % one;
            normal(Scalar, stream.block(sample, (value / 2) as u32)[value % 2])
        };
        (0..n * one).map(word).collect()
    }

    fn draw_golden(&self, seed: u64, n: usize, context: Vec<f32>) -> Result<Golden, ModelError> {
        let mut rows = vec![0.0; n * self.description.dim()];
        let mut log_prob = vec![0.0; n];
        // The buffers fit; what else may be wrong shows in the rows, for `check_golden` to name.
        let sampler = self.sampler()?;
        let _drawn = sampler.given(&context).try_sample(seed, 0, &mut rows, Some(&mut log_prob));
        Ok(Golden { seed, context, rows, log_prob })
    }
}

fn check_arithmetic(description: &Description, found: Arithmetic) -> Result<(), ModelError> {
    let expected = if description.is_integer() { "integer" } else { "fused or plain" };
    match (found == Arithmetic::Integer) == description.is_integer() {
        true => Ok(()),
        false => Err(ModelError::Arithmetic { found, expected }),
    }
}

fn check_entries(spec: &TensorSpec, data: &[f32]) -> Result<(), ModelError> {
    check_finite(&spec.name, data)?;
    let wrong = data.iter().enumerate().find_map(|(i, x)| Some((i, *x, spec.wrong(*x)?)));
    match wrong {
        Some((index, found, expected)) => {
            Err(ModelError::Integer { tensor: spec.name.clone(), index, found, expected })
        }
        None => Ok(()),
    }
}

fn check_finite(name: &str, data: &[f32]) -> Result<(), ModelError> {
    match data.iter().position(|x| !x.is_finite()) {
        Some(index) => {
            Err(ModelError::NotFinite { tensor: name.into(), index, found: data[index] })
        }
        None => Ok(()),
    }
}
