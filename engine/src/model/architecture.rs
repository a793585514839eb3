//! What a model is made of: layers, sizes, tensor names and shapes.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::{ModelError, Tensor};
use crate::coupling::{self, Coupling};
use crate::made::Made;
use crate::maf::{self, Fast, Layer};
use crate::masked::{Shape, units_before};
use crate::rational_quadratic::{MAX_BINS, MAX_BOUND, MIN_BOUND};
use crate::transformer::{MAX_LOG_SCALE_BOUND, MIN_LOG_SCALE_BOUND};

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
    /// A flow of affine couplings; see [`crate::coupling`].
    RealNvp(RealNvpSpec),
    /// A flow of rational-quadratic spline couplings; see [`crate::coupling`] and
    /// [`crate::rational_quadratic`].
    Nsf(NsfSpec),
    /// A masked autoregressive flow; see [`crate::maf`].
    Maf(MafSpec),
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

/// Sizes of a flow of rational-quadratic spline couplings (a neural spline flow).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NsfSpec {
    /// Coordinates.
    pub dim: usize,
    /// The couplings, in the order from noise to data.
    pub couplings: Vec<CouplingSpec>,
    /// Bins of each spline.
    pub bins: usize,
    /// The splines move `[-bound, bound]` and are the identity outside.
    pub bound: f32,
    /// Whether an affine layer (log-scale and shift a coordinate) follows the couplings.
    pub affine: bool,
    /// The lattice that the coordinates form, rows first; its product is `dim`.
    pub shape: Vec<usize>,
}

/// Sizes of a masked autoregressive flow. With a spline as its transformer it is the
/// autoregressive neural spline flow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MafSpec {
    /// Coordinates.
    pub dim: usize,
    /// The layers, in the order from noise to data.
    pub layers: Vec<AutoregressiveSpec>,
    /// The side whose values the networks read.
    pub fast: Fast,
    /// What moves a coordinate.
    pub transformer: TransformerSpec,
    /// Whether an affine layer (log-scale and shift a coordinate) follows the layers.
    pub affine: bool,
    /// The lattice that the coordinates form, rows first; its product is `dim`.
    pub shape: Vec<usize>,
}

/// One layer of a masked autoregressive flow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AutoregressiveSpec {
    /// The coordinate at each position: a permutation of `0..dim`.
    pub order: Vec<usize>,
    /// Units of each hidden layer of its network.
    pub hidden: Vec<usize>,
}

/// A monotone map of one coordinate, whose parameters a network gives.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum TransformerSpec {
    /// `x exp(s) + t` with a bounded log-scale `s`.
    Affine {
        /// Bound of each log-scale.
        log_scale_bound: f32,
    },
    /// A monotone rational-quadratic spline.
    RationalQuadratic {
        /// Bins of the spline.
        bins: usize,
        /// The spline moves `[-bound, bound]` and is the identity outside.
        bound: f32,
    },
}

impl TransformerSpec {
    /// Parameters a coordinate: what a network gives for each that is moved.
    pub fn parameters(&self) -> usize {
        match self {
            TransformerSpec::Affine { .. } => 2,
            TransformerSpec::RationalQuadratic { bins, .. } => 3 * bins - 1,
        }
    }

    /// Checks the fields, which an error calls `prefix` and their name.
    fn validate(&self, prefix: &str) -> Result<(), ModelError> {
        match *self {
            TransformerSpec::Affine { log_scale_bound } => {
                if !(MIN_LOG_SCALE_BOUND..=MAX_LOG_SCALE_BOUND).contains(&log_scale_bound) {
                    let field = format!("{prefix}log_scale_bound");
                    let expected = format!("{MIN_LOG_SCALE_BOUND} to {MAX_LOG_SCALE_BOUND}");
                    return Err(wrong(&field, log_scale_bound, expected));
                }
            }
            TransformerSpec::RationalQuadratic { bins, bound } => {
                if !(2..=MAX_BINS).contains(&bins) {
                    return Err(wrong(&format!("{prefix}bins"), bins, format!("2 to {MAX_BINS}")));
                }
                if !(MIN_BOUND..=MAX_BOUND).contains(&bound) {
                    let expected = format!("{MIN_BOUND} to {MAX_BOUND}");
                    return Err(wrong(&format!("{prefix}bound"), bound, expected));
                }
            }
        }
        Ok(())
    }
}

/// One coupling.
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

fn check_hidden(field: &str, hidden: &[usize]) -> Result<(), ModelError> {
    check_layers(field, hidden.len())?;
    hidden.iter().try_for_each(|units| check_extent(field, *units))
}

fn check_couplings(couplings: &[CouplingSpec], dim: usize) -> Result<(), ModelError> {
    check_layers("couplings", couplings.len())?;
    for (l, coupling) in couplings.iter().enumerate() {
        let field = format!("couplings.{l}.mask");
        if coupling.mask.len() != dim {
            return Err(wrong(&field, coupling.mask.len(), dim));
        }
        if coupling.mask.iter().all(|kept| *kept) {
            return Err(wrong(&field, "all ones", "at least one moved coordinate"));
        }
        check_hidden(&format!("couplings.{l}.hidden"), &coupling.hidden)?;
    }
    Ok(())
}

fn check_autoregressive(layers: &[AutoregressiveSpec], dim: usize) -> Result<(), ModelError> {
    check_layers("layers", layers.len())?;
    for (l, layer) in layers.iter().enumerate() {
        let mut seen = vec![false; dim];
        for d in &layer.order {
            if let Some(seen) = seen.get_mut(*d) {
                *seen = true;
            }
        }
        if layer.order.len() != dim || seen.contains(&false) {
            let expected = format!("a permutation of 0 to {}", dim - 1);
            return Err(wrong(
                &format!("layers.{l}.order"),
                format!("{:?}", layer.order),
                expected,
            ));
        }
        let field = format!("layers.{l}.hidden");
        if layer.hidden.is_empty() {
            return Err(wrong(&field, "no hidden layer", "at least one"));
        }
        check_hidden(&field, &layer.hidden)?;
    }
    Ok(())
}

impl Architecture {
    /// Values in a sample.
    pub fn dim(&self) -> usize {
        match self {
            Architecture::Made(made) => made.sites,
            Architecture::RealNvp(flow) => flow.dim,
            Architecture::Nsf(flow) => flow.dim,
            Architecture::Maf(flow) => flow.dim,
        }
    }

    /// The lattice that a sample forms.
    pub fn shape(&self) -> &[usize] {
        match self {
            Architecture::Made(made) => &made.shape,
            Architecture::RealNvp(flow) => &flow.shape,
            Architecture::Nsf(flow) => &flow.shape,
            Architecture::Maf(flow) => &flow.shape,
        }
    }

    /// The family's name in configs and files.
    pub fn kind(&self) -> &'static str {
        match self {
            Architecture::Made(_) => "made",
            Architecture::RealNvp(_) => "realnvp",
            Architecture::Nsf(_) => "nsf",
            Architecture::Maf(_) => "maf",
        }
    }

    /// Whether samples are spins ±1 (else real numbers).
    pub fn is_discrete(&self) -> bool {
        match self {
            Architecture::Made(_) => true,
            Architecture::RealNvp(_) | Architecture::Nsf(_) | Architecture::Maf(_) => false,
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
                check_hidden("hidden", &made.hidden)?;
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
                check_couplings(&flow.couplings, flow.dim)?;
                flow.transformer().validate("")?;
                check_shape(&flow.shape, flow.dim)?;
            }
            Architecture::Nsf(flow) => {
                check_extent("dim", flow.dim)?;
                check_couplings(&flow.couplings, flow.dim)?;
                flow.transformer().validate("")?;
                check_shape(&flow.shape, flow.dim)?;
            }
            Architecture::Maf(flow) => {
                check_extent("dim", flow.dim)?;
                check_autoregressive(&flow.layers, flow.dim)?;
                flow.transformer.validate("transformer.")?;
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
                let outputs = flow.transformer().parameters();
                coupling_tensors(&flow.couplings, outputs, &mut all);
                affine_tensors(flow.affine, flow.dim, &mut all);
            }
            Architecture::Nsf(flow) => {
                let outputs = flow.transformer().parameters();
                coupling_tensors(&flow.couplings, outputs, &mut all);
                affine_tensors(flow.affine, flow.dim, &mut all);
            }
            Architecture::Maf(flow) => {
                let outputs = flow.transformer.parameters() * flow.dim;
                for (l, layer) in flow.layers.iter().enumerate() {
                    let prefix = format!("autoregressive.{l}.");
                    let inputs = hidden_tensors(&prefix, flow.dim, &layer.hidden, &mut all);
                    all.push((format!("{prefix}output.weight"), vec![outputs, inputs]));
                    all.push((format!("{prefix}output.bias"), vec![outputs]));
                }
                affine_tensors(flow.affine, flow.dim, &mut all);
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
        match self {
            Architecture::Made(_) if name == "pairwise.weight" => Some(row),
            Architecture::Made(made) => masked_visible(made.sites, &made.hidden, 1, name, row),
            Architecture::RealNvp(_) | Architecture::Nsf(_) => None,
            Architecture::Maf(flow) => {
                let (l, tensor) = name.strip_prefix("autoregressive.")?.split_once('.')?;
                let layer = flow.layers.get(l.parse::<usize>().ok()?)?;
                let outputs = flow.transformer.parameters();
                masked_visible(flow.dim, &layer.hidden, outputs, tensor, row)
            }
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
        let couplings = |couplings: &[Coupling], transformer: TransformerSpec| {
            let parameters = transformer.parameters();
            couplings.iter().map(|c| c.multiply_adds(parameters)).sum()
        };
        match self {
            Architecture::Made(made) => made.network().multiply_adds(),
            Architecture::RealNvp(flow) => couplings(&flow.couplings(), flow.transformer()),
            Architecture::Nsf(flow) => couplings(&flow.couplings(), flow.transformer()),
            Architecture::Maf(flow) => {
                let parameters = flow.transformer.parameters();
                let layers = flow.layers();
                layers.iter().map(|layer| layer.network(parameters).multiply_adds()).sum()
            }
        }
    }

    /// Passes over the weights that one log-probability takes: two under Z2, else one.
    pub fn passes(&self) -> usize {
        match self {
            Architecture::Made(MadeSpec { symmetry: Symmetry::Z2, .. }) => 2,
            Architecture::Made(_)
            | Architecture::RealNvp(_)
            | Architecture::Nsf(_)
            | Architecture::Maf(_) => 1,
        }
    }

    /// Packed weights, biases and slopes.
    pub fn packed_len(&self) -> usize {
        match self {
            Architecture::Made(made) => made.network().weights_len(),
            Architecture::RealNvp(flow) => {
                let parameters = flow.transformer().parameters();
                coupling::weights_len(flow.dim, &flow.couplings(), parameters, flow.affine)
            }
            Architecture::Nsf(flow) => {
                let parameters = flow.transformer().parameters();
                coupling::weights_len(flow.dim, &flow.couplings(), parameters, flow.affine)
            }
            Architecture::Maf(flow) => {
                let parameters = flow.transformer.parameters();
                maf::weights_len(flow.dim, &flow.layers(), parameters, flow.affine)
            }
        }
    }

    /// Where the weights of each coupling or layer start in the packed block.
    pub(super) fn offsets(&self) -> Vec<usize> {
        match self {
            Architecture::Made(_) => Vec::new(),
            Architecture::RealNvp(flow) => coupling_offsets(&flow.couplings, flow.transformer()),
            Architecture::Nsf(flow) => coupling_offsets(&flow.couplings, flow.transformer()),
            Architecture::Maf(flow) => flow.offsets(),
        }
    }

    /// Floats of scratch to draw or score one row at a time.
    pub fn scratch_len(&self) -> usize {
        let besides = match self {
            Architecture::Made(made) => made.network().scratch_values(),
            Architecture::RealNvp(flow) => {
                coupling::scratch_values(&flow.couplings(), flow.transformer().parameters())
            }
            Architecture::Nsf(flow) => {
                coupling::scratch_values(&flow.couplings(), flow.transformer().parameters())
            }
            Architecture::Maf(flow) => {
                maf::scratch_values(flow.dim, &flow.layers(), flow.transformer.parameters())
            }
        };
        self.dim() + besides
    }
}

/// Inputs that row `row` of a tensor of a masked network with `outputs` outputs a site may read.
fn masked_visible(
    sites: usize,
    hidden: &[usize],
    outputs: usize,
    name: &str,
    row: usize,
) -> Option<usize> {
    if name == "output.weight" {
        return Some(units_before(*hidden.last()?, sites, row / outputs + 1));
    }
    let layer = name.strip_prefix("hidden.")?.strip_suffix(".weight")?;
    let layer: usize = layer.parse().ok()?;
    let site = row * sites / *hidden.get(layer)?;
    match layer.checked_sub(1) {
        None => Some(site),
        Some(below) => Some(units_before(*hidden.get(below)?, sites, site + 1)),
    }
}

/// Appends the networks of couplings with `outputs` parameters for each moved coordinate.
fn coupling_tensors(
    couplings: &[CouplingSpec],
    outputs: usize,
    all: &mut Vec<(String, Vec<usize>)>,
) {
    for (l, coupling) in couplings.iter().enumerate() {
        let kept = coupling.mask.iter().filter(|kept| **kept).count();
        let outputs = outputs * (coupling.mask.len() - kept);
        let prefix = format!("coupling.{l}.");
        let inputs = hidden_tensors(&prefix, kept, &coupling.hidden, all);
        all.push((format!("{prefix}output.weight"), vec![outputs, inputs]));
        all.push((format!("{prefix}output.bias"), vec![outputs]));
    }
}

/// Appends an affine layer, if there is one.
fn affine_tensors(affine: bool, dim: usize, all: &mut Vec<(String, Vec<usize>)>) {
    if affine {
        all.push(("affine.log_scale".into(), vec![dim]));
        all.push(("affine.shift".into(), vec![dim]));
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

impl NsfSpec {
    /// What moves a coordinate.
    pub fn transformer(&self) -> TransformerSpec {
        TransformerSpec::RationalQuadratic { bins: self.bins, bound: self.bound }
    }

    /// The couplings as the engine runs them.
    pub fn couplings(&self) -> Vec<Coupling<'_>> {
        self.couplings_at(&coupling_offsets(&self.couplings, self.transformer()))
    }

    pub(super) fn couplings_at(&self, offsets: &[usize]) -> Vec<Coupling<'_>> {
        couplings_at(&self.couplings, offsets)
    }
}

impl RealNvpSpec {
    /// What moves a coordinate.
    pub fn transformer(&self) -> TransformerSpec {
        TransformerSpec::Affine { log_scale_bound: self.log_scale_bound }
    }

    /// The couplings as the engine runs them.
    pub fn couplings(&self) -> Vec<Coupling<'_>> {
        self.couplings_at(&coupling_offsets(&self.couplings, self.transformer()))
    }

    pub(super) fn couplings_at(&self, offsets: &[usize]) -> Vec<Coupling<'_>> {
        couplings_at(&self.couplings, offsets)
    }
}

impl MafSpec {
    /// The layers as the engine runs them.
    pub fn layers(&self) -> Vec<Layer<'_>> {
        self.layers_at(&self.offsets())
    }

    pub(super) fn layers_at(&self, offsets: &[usize]) -> Vec<Layer<'_>> {
        let at = |(spec, offset)| layer_at(spec, offset);
        self.layers.iter().zip(offsets.iter().copied()).map(at).collect()
    }

    fn offsets(&self) -> Vec<usize> {
        let parameters = self.transformer.parameters();
        starts(self.layers.iter().map(|spec| layer_at(spec, 0).network(parameters).weights_len()))
    }
}

fn layer_at(spec: &AutoregressiveSpec, offset: usize) -> Layer<'_> {
    Layer { order: &spec.order, hidden: &spec.hidden, offset }
}

/// Where the weights of parts start that have these lengths.
fn starts(lengths: impl Iterator<Item = usize>) -> Vec<usize> {
    lengths.scan(0, |end, n| Some(core::mem::replace(end, *end + n))).collect()
}

fn coupling_offsets(couplings: &[CouplingSpec], transformer: TransformerSpec) -> Vec<usize> {
    let parameters = transformer.parameters();
    starts(couplings.iter().map(|spec| coupling_at(spec, 0).weights_len(parameters)))
}

fn coupling_at(spec: &CouplingSpec, offset: usize) -> Coupling<'_> {
    let moved = spec.mask.iter().filter(|kept| !**kept).count();
    Coupling { mask: &spec.mask, moved, hidden: &spec.hidden, offset }
}

fn couplings_at<'a>(couplings: &'a [CouplingSpec], offsets: &[usize]) -> Vec<Coupling<'a>> {
    couplings.iter().zip(offsets).map(|(spec, offset)| coupling_at(spec, *offset)).collect()
}
