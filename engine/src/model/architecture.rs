//! What a model is made of: layers, sizes, tensor names and shapes.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::{ModelError, Tensor};
use crate::made::Made;
use crate::masked::{Shape, units_before};
use crate::realnvp::{Coupling, RealNvp};

/// Largest extent of any layer: keeps sizes of untrusted files far from overflow.
const MAX_EXTENT: usize = 1 << 20;
/// Largest number of parameters.
const MAX_PARAMETERS: usize = 1 << 30;
/// Most layers of one kind.
const MAX_LAYERS: usize = 1 << 10;

/// The families of models.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Architecture {
    /// A masked autoregressive network over spins; see [`crate::made`].
    Made(MadeSpec),
    /// A flow of affine couplings; see [`crate::realnvp`].
    RealNvp(RealNvpSpec),
}

/// A symmetry that a spin model is given by a wrapper.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Symmetry {
    /// None.
    #[default]
    None,
    /// `q(s) = q(−s)`; see [`crate::autoregressive::Z2`].
    Z2,
}

/// Sizes of a masked autoregressive network over spins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MadeSpec {
    /// Spins.
    pub sites: usize,
    /// Units of each hidden layer.
    pub hidden: Vec<usize>,
    /// Direct pairwise terms from spins to logits.
    pub pairwise: bool,
    /// Symmetry wrapper.
    #[serde(default)]
    pub symmetry: Symmetry,
    /// The lattice that the sites form, rows first; its product is `sites`.
    pub shape: Vec<usize>,
}

/// Sizes of a flow of affine couplings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RealNvpSpec {
    /// Coordinates.
    pub dim: usize,
    /// The couplings, in the order from noise to data.
    pub couplings: Vec<CouplingSpec>,
    /// Bound of each log-scale.
    pub log_scale_bound: f32,
    /// Whether an affine layer (log-scale and shift a coordinate) follows the couplings.
    pub affine: bool,
    /// The lattice that the coordinates form, rows first; its product is `dim`.
    pub shape: Vec<usize>,
}

/// One affine coupling.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CouplingSpec {
    /// Per coordinate: kept (`1` in the file) or moved (`0`).
    #[serde(with = "mask_text")]
    pub mask: Vec<bool>,
    /// Units of each hidden layer of its network.
    pub hidden: Vec<usize>,
}

/// Masks are written as text, `"0101"`: short, and readable in a header dump.
mod mask_text {
    use super::*;

    pub(super) fn serialize<S: serde::Serializer>(mask: &[bool], s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&mask.iter().map(|k| if *k { '1' } else { '0' }).collect::<String>())
    }

    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(
        d: D,
    ) -> Result<Vec<bool>, D::Error> {
        let text = String::deserialize(d)?;
        text.chars()
            .map(|c| match c {
                '1' => Ok(true),
                '0' => Ok(false),
                other => Err(serde::de::Error::custom(format!(
                    "mask: found `{other}`, expected a text of 0 and 1"
                ))),
            })
            .collect()
    }
}

fn wrong(field: &str, found: impl ToString, expected: impl ToString) -> ModelError {
    ModelError::Architecture {
        field: field.into(),
        found: found.to_string(),
        expected: expected.to_string(),
    }
}

fn check_extent(field: &str, n: usize) -> Result<(), ModelError> {
    if n == 0 || n > MAX_EXTENT {
        return Err(wrong(field, n, format!("1 to {MAX_EXTENT}")));
    }
    Ok(())
}

fn check_layers(field: &str, n: usize) -> Result<(), ModelError> {
    if n > MAX_LAYERS {
        return Err(wrong(field, format!("{n} layers"), format!("at most {MAX_LAYERS}")));
    }
    Ok(())
}

fn check_shape(shape: &[usize], dim: usize) -> Result<(), ModelError> {
    let product = shape.iter().try_fold(1usize, |p, n| p.checked_mul(*n));
    if shape.is_empty() || product != Some(dim) {
        return Err(wrong("shape", format!("{shape:?}"), format!("extents with product {dim}")));
    }
    Ok(())
}

impl Architecture {
    /// Values in a sample.
    pub fn dim(&self) -> usize {
        match self {
            Architecture::Made(made) => made.sites,
            Architecture::RealNvp(flow) => flow.dim,
        }
    }

    /// The lattice that a sample forms.
    pub fn shape(&self) -> &[usize] {
        match self {
            Architecture::Made(made) => &made.shape,
            Architecture::RealNvp(flow) => &flow.shape,
        }
    }

    /// The family's name in configs and files.
    pub fn kind(&self) -> &'static str {
        match self {
            Architecture::Made(_) => "made",
            Architecture::RealNvp(_) => "realnvp",
        }
    }

    /// Whether samples are spins ±1 (else real numbers).
    pub fn is_discrete(&self) -> bool {
        match self {
            Architecture::Made(_) => true,
            Architecture::RealNvp(_) => false,
        }
    }

    /// Checks that all sizes make sense.
    ///
    /// # Errors
    /// The first field that does not, with what was expected.
    pub fn validate(&self) -> Result<(), ModelError> {
        match self {
            Architecture::Made(made) => {
                check_extent("sites", made.sites)?;
                check_layers("hidden", made.hidden.len())?;
                for units in &made.hidden {
                    check_extent("hidden", *units)?;
                }
                if made.hidden.is_empty() && !made.pairwise {
                    return Err(wrong(
                        "pairwise",
                        "false with no hidden layer",
                        "true, or at least one hidden layer",
                    ));
                }
                check_shape(&made.shape, made.sites)?;
            }
            Architecture::RealNvp(flow) => {
                check_extent("dim", flow.dim)?;
                check_layers("couplings", flow.couplings.len())?;
                for (l, coupling) in flow.couplings.iter().enumerate() {
                    let field = format!("couplings.{l}.mask");
                    if coupling.mask.len() != flow.dim {
                        return Err(wrong(&field, coupling.mask.len(), flow.dim));
                    }
                    if coupling.mask.iter().all(|kept| *kept) {
                        return Err(wrong(&field, "all ones", "at least one moved coordinate"));
                    }
                    check_layers(&format!("couplings.{l}.hidden"), coupling.hidden.len())?;
                    for units in &coupling.hidden {
                        check_extent(&format!("couplings.{l}.hidden"), *units)?;
                    }
                }
                let bound = flow.log_scale_bound;
                if !(1e-3..=80.0).contains(&bound) {
                    return Err(wrong("log_scale_bound", bound, "0.001 to 80"));
                }
                check_shape(&flow.shape, flow.dim)?;
            }
        }
        let mut parameters = 0usize;
        for (name, shape) in self.tensors() {
            let n = shape.iter().try_fold(1usize, |p, n| p.checked_mul(*n));
            parameters = n.map_or(usize::MAX, |n| parameters.saturating_add(n));
            if parameters > MAX_PARAMETERS {
                let expected = format!("at most {MAX_PARAMETERS} parameters in all");
                return Err(wrong(&name, format!("shape {shape:?}"), expected));
            }
        }
        Ok(())
    }

    /// Names and shapes of all tensors, in canonical order. Matrices are `[outputs, inputs]`.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let mut all = Vec::new();
        match self {
            Architecture::Made(made) => {
                let inputs = hidden_tensors("", made.sites, &made.hidden, &mut all);
                if !made.hidden.is_empty() {
                    all.push(("output.weight".into(), vec![made.sites, inputs]));
                }
                all.push(("output.bias".into(), vec![made.sites]));
                if made.pairwise {
                    all.push(("pairwise.weight".into(), vec![made.sites, made.sites]));
                }
            }
            Architecture::RealNvp(flow) => {
                for (l, coupling) in flow.couplings.iter().enumerate() {
                    let kept = coupling.mask.iter().filter(|kept| **kept).count();
                    let outputs = 2 * (coupling.mask.len() - kept);
                    let prefix = format!("coupling.{l}.");
                    let inputs = hidden_tensors(&prefix, kept, &coupling.hidden, &mut all);
                    all.push((format!("{prefix}output.weight"), vec![outputs, inputs]));
                    all.push((format!("{prefix}output.bias"), vec![outputs]));
                }
                if flow.affine {
                    all.push(("affine.log_scale".into(), vec![flow.dim]));
                    all.push(("affine.shift".into(), vec![flow.dim]));
                }
            }
        }
        all
    }

    /// Parameters in all tensors, masked entries included.
    pub fn parameters(&self) -> usize {
        self.tensors().iter().map(|(_, shape)| shape.iter().product::<usize>()).sum()
    }

    /// Inputs that output `row` of the tensor `name` may read: a prefix, for masked layers.
    pub fn visible(&self, name: &str, row: usize) -> Option<usize> {
        let Architecture::Made(made) = self else { return None };
        let sites = made.sites;
        let site_of = |units: usize, unit: usize| unit * sites / units;
        if name == "pairwise.weight" {
            return Some(row);
        }
        if name == "output.weight" {
            return Some(units_before(*made.hidden.last()?, sites, row + 1));
        }
        let layer = name.strip_prefix("hidden.")?.strip_suffix(".weight")?;
        let layer: usize = layer.parse().ok()?;
        let site = site_of(*made.hidden.get(layer)?, row);
        match layer.checked_sub(1) {
            None => Some(site),
            Some(below) => Some(units_before(*made.hidden.get(below)?, sites, site + 1)),
        }
    }

    /// Sets the masked entries of a tensor to zero.
    pub(super) fn mask(&self, name: &str, tensor: &mut Tensor) {
        let [_, inputs] = tensor.shape[..] else { return };
        for (row, weights) in tensor.data.chunks_mut(inputs.max(1)).enumerate() {
            if let Some(visible) = self.visible(name, row) {
                weights[visible..].fill(0.0);
            }
        }
    }

    /// Multiply-adds of drawing one sample (each unmasked weight once).
    pub fn multiply_adds(&self) -> usize {
        match self {
            Architecture::Made(made) => made.network().multiply_adds(),
            Architecture::RealNvp(flow) => {
                flow.couplings().iter().map(Coupling::multiply_adds).sum()
            }
        }
    }

    /// Passes over the weights that one log-probability takes: two under Z2, else one.
    pub fn passes(&self) -> usize {
        match self {
            Architecture::Made(MadeSpec { symmetry: Symmetry::Z2, .. }) => 2,
            Architecture::Made(_) | Architecture::RealNvp(_) => 1,
        }
    }

    /// Packed weights, biases and slopes.
    pub fn packed_len(&self) -> usize {
        match self {
            Architecture::Made(made) => made.network().weights_len(),
            Architecture::RealNvp(flow) => {
                RealNvp::<f32>::weights_len(flow.dim, &flow.couplings(), flow.affine)
            }
        }
    }

    /// Floats of scratch to draw or score one row at a time.
    pub fn scratch_len(&self) -> usize {
        match self {
            Architecture::Made(made) => made.sites + made.network().scratch_values(),
            Architecture::RealNvp(flow) => {
                flow.dim + RealNvp::<f32>::scratch_values(&flow.couplings())
            }
        }
    }
}

/// Appends a stack of leaky layers and returns the width of its last.
fn hidden_tensors(
    prefix: &str,
    mut inputs: usize,
    hidden: &[usize],
    all: &mut Vec<(String, Vec<usize>)>,
) -> usize {
    for (l, units) in hidden.iter().enumerate() {
        all.push((format!("{prefix}hidden.{l}.weight"), vec![*units, inputs]));
        all.push((format!("{prefix}hidden.{l}.bias"), vec![*units]));
        all.push((format!("{prefix}hidden.{l}.slope"), vec![*units]));
        inputs = *units;
    }
    inputs
}

impl MadeSpec {
    /// The sizes of its network.
    pub fn network(&self) -> Shape<'_> {
        Made::<f32>::shape(self.sites, &self.hidden, self.pairwise)
    }
}

impl RealNvpSpec {
    /// The couplings as the engine runs them.
    pub fn couplings(&self) -> Vec<Coupling<'_>> {
        let mut offset = 0;
        self.couplings
            .iter()
            .map(|spec| {
                let coupling = Coupling { mask: &spec.mask, hidden: &spec.hidden, offset };
                offset += coupling.weights_len();
                coupling
            })
            .collect()
    }
}
