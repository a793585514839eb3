//! What a model is made of: a distribution, put together from the parts of the catalogue.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::catalogue::{
    AnySitesNetwork, BaseSpec, ConditionalSpec, ConstraintSpec, LayerSpec, NetworkSpec,
    SitesNetworkSpec, WithConditional,
};
use super::packer::Packer;
use super::part::*;
use super::support::Support;
use super::{ModelError, Tensor};
use crate::bijection::Bijection;
use crate::conditional::{Conditional, Tabulated, tabulated};
use crate::constraint::{Constraint, ConstraintPart};
use crate::distribution::Distribution;
use crate::domain::{Domain, Kind};
use crate::kernel::Plain;
use crate::network::{CausalNetwork, CausalSizes, Network};
use crate::sites::Sites;
use crate::symmetry::{self, Group, GroupSpec, Values};

/// A distribution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Description {
    /// Noise carried through layers; see [`crate::flow`].
    Flow(FlowSpec),
    /// Sites drawn one by one; see [`crate::sites`].
    Sites(SitesSpec),
}

/// A flow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlowSpec {
    /// The array that a row forms, outermost extent first.
    pub shape: Vec<usize>,
    /// Values that it is conditioned on.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub context: usize,
    /// What the layers see of the context, if not the context itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embedding: Option<EmbeddingSpec>,
    /// The noise.
    pub base: BaseSpec,
    /// The layers, from noise to data.
    pub layers: Vec<LayerSpec>,
}

/// A distribution over sites.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SitesSpec {
    /// The array that a row forms, outermost extent first: its sites in this order.
    pub shape: Vec<usize>,
    /// Values that it is conditioned on.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub context: usize,
    /// What the network sees of the context, if not the context itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embedding: Option<EmbeddingSpec>,
    /// What makes the conditionals' parameters.
    pub network: SitesNetworkSpec,
    /// The distribution of a site's value; it says which values there are.
    pub conditional: ConditionalSpec,
    /// Which rows there are, if not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub constraint: Option<ConstraintSpec>,
    /// Symmetry wrapper.
    #[serde(default, skip_serializing_if = "Symmetry::is_none")]
    pub symmetry: Symmetry,
    /// The group that all of this is the mean over, if any; see [`crate::symmetry::Orbit`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupSpec>,
}

/// A network that the context passes once a row, before anything else reads it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmbeddingSpec {
    /// Values that it gives.
    pub outputs: usize,
    /// The network.
    pub network: NetworkSpec,
}

/// A symmetry that a spin model is given by a wrapper.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Symmetry {
    /// None.
    #[default]
    None,
    /// `q(s) = q(−s)`; see [`crate::symmetry::Z2`].
    Z2,
}

impl Symmetry {
    fn is_none(&self) -> bool {
        *self == Symmetry::None
    }
}

/// Masks are written as text, `"0101"`: short, and readable in a header dump.
pub(crate) mod mask_text {
    use super::*;

    pub(crate) fn serialize<S: serde::Serializer>(mask: &[bool], s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&mask.iter().map(|k| if *k { '1' } else { '0' }).collect::<String>())
    }

    pub(crate) fn deserialize<'de, D: serde::Deserializer<'de>>(
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

/// The scratch of a distribution over sites with this network.
struct ScratchOf<N>(N);

impl<N: CausalNetwork> WithConditional for ScratchOf<N> {
    type Output = usize;
    fn with<C: Conditional>(self, conditional: C) -> usize {
        Sites::<_, _, Plain>::trusted(self.0, conditional).scratch()
    }
}

/// A part that has tensors of its own.
enum Part<'a> {
    Embedding(&'a EmbeddingSpec),
    Base(&'a BaseSpec),
    Layer(&'a LayerSpec),
    Network(&'a SitesSpec),
}

impl FlowSpec {
    fn dim(&self) -> usize {
        product(&self.shape)
    }

    /// Where the base's coordinates are carried by the layers; notes layers that cannot.
    fn carried(&self, faults: &mut Faults) -> Vec<Support> {
        let mut supports = self.base.supports(self.dim());
        for (l, layer) in self.layers.iter().enumerate() {
            faults.within(format!("layers.{l}"), |faults| layer.supports(&mut supports, faults));
        }
        supports
    }

    /// Where each coordinate of a row lies; a row elsewhere has density 0.
    pub fn supports(&self) -> Vec<Support> {
        self.carried(&mut Faults::default())
    }

    pub(super) fn sizes(&self) -> Sizes {
        let context = seen(self.context, &self.embedding);
        Sizes { dim: self.dim(), context, initial: Initial::FLOW }
    }
}

impl SitesSpec {
    pub(super) fn sizes(&self) -> CausalSizes {
        let context = seen(self.context, &self.embedding);
        let [inputs, outputs] = self.conditional.sizes();
        CausalSizes { sites: product(&self.shape), inputs, outputs, context }
    }

    /// Sites, and values that each of them has: what a constraint is over. No values if they are not
    /// those of one discrete kind.
    pub fn constrained(&self) -> [usize; 2] {
        let values = match self.conditional.domain() {
            Domain::Uniform(kind) => kind.values(),
            Domain::Each(_) => 0,
        };
        [product(&self.shape), values]
    }

    /// Notes what is wrong with its constraint.
    fn check_constraint(&self, constraint: &ConstraintSpec, faults: &mut Faults) {
        let [sites, values] = self.constrained();
        if values == 0 {
            let expected = "none, or sites that are spins or all have as many categories";
            faults.wrong("constraint", "one", expected);
            return;
        }
        if let SitesNetworkSpec::Multilevel(_) = self.network {
            faults.wrong("constraint", "one", "none, or another network than a multilevel one");
        }
        faults.within("constraint", |faults| constraint.check(sites, values, faults));
        if self.symmetry == Symmetry::Z2 && !constraint.is_even() {
            let expected = "none: a row's mirror image breaks the constraint";
            faults.wrong("symmetry", "z2", expected);
        }
        let Some(group) = &self.group else { return };
        let kept = match constraint {
            ConstraintSpec::Counts(spec) => group.keeps(&spec.counts),
            ConstraintSpec::Increasing(_) | ConstraintSpec::Successors(_) => false,
        };
        if !kept {
            faults.wrong("group", "one", "none: a row's image breaks the constraint");
        }
    }

    /// What the values of all sites are, if they are of one discrete kind.
    fn value_kind(&self) -> Option<Kind> {
        match self.conditional.domain() {
            Domain::Uniform(kind) if kind.values() > 0 => Some(kind),
            _ => None,
        }
    }

    /// The group that it is the mean over.
    pub fn group(&self) -> Option<Group> {
        Some(self.group?.build(&self.shape, self.value_kind()?))
    }

    /// Notes what is wrong with its group.
    fn check_group(&self, faults: &mut Faults) {
        let Some(group) = &self.group else { return };
        match self.value_kind() {
            Some(kind) => faults.within("group", |faults| group.check(&self.shape, kind, faults)),
            None => {
                let expected = "none, or sites that are spins or all have as many categories";
                faults.wrong("group", "one", expected);
            }
        }
        if self.symmetry == Symmetry::Z2 && group.values != Values::Same {
            let expected = "same, beside the symmetry z2";
            faults.wrong("group.values", "reversal", expected);
        }
    }
}

/// The context that the model's parts see.
fn seen(context: usize, embedding: &Option<EmbeddingSpec>) -> usize {
    embedding.as_ref().map_or(context, |embedding| embedding.outputs)
}

fn product(shape: &[usize]) -> usize {
    shape.iter().fold(1, |n, extent| n.saturating_mul(*extent))
}

impl Description {
    /// Values in a sample.
    pub fn dim(&self) -> usize {
        product(self.shape())
    }

    /// Values of context that a sample is conditioned on.
    pub fn context(&self) -> usize {
        match self {
            Description::Flow(flow) => flow.context,
            Description::Sites(sites) => sites.context,
        }
    }

    /// The array that a sample forms.
    pub fn shape(&self) -> &[usize] {
        match self {
            Description::Flow(flow) => &flow.shape,
            Description::Sites(sites) => &sites.shape,
        }
    }

    /// `"flow"` or `"sites"`.
    pub fn kind(&self) -> &'static str {
        match self {
            Description::Flow(_) => "flow",
            Description::Sites(_) => "sites",
        }
    }

    /// Whether its network is one of integers, and its arithmetic so too.
    pub fn is_integer(&self) -> bool {
        matches!(self, Description::Sites(SitesSpec { network: SitesNetworkSpec::Integer(_), .. }))
    }

    /// Where its values lie.
    pub fn domain(&self) -> Domain<'_> {
        match self {
            Description::Flow(_) => Domain::Uniform(Kind::Real),
            Description::Sites(sites) => sites.conditional.domain(),
        }
    }

    /// The network that a context passes first, if there is one.
    pub fn embedding(&self) -> Option<&EmbeddingSpec> {
        match self {
            Description::Flow(flow) => flow.embedding.as_ref(),
            Description::Sites(sites) => sites.embedding.as_ref(),
        }
    }

    /// Checks that all sizes make sense.
    ///
    /// # Errors
    /// All that do not, each with its field's path and what was expected.
    pub fn validate(&self) -> Result<(), ModelError> {
        let mut faults = Faults::default();
        let dim = self.shape().iter().try_fold(1usize, |n, extent| n.checked_mul(*extent));
        if !dim.is_some_and(|dim| (1..=MAX_EXTENT).contains(&dim)) {
            let expected = format!("extents with a product of 1 to {MAX_EXTENT}");
            faults.wrong("shape", format!("{:?}", self.shape()), expected);
        }
        if self.context() > MAX_EXTENT {
            faults.wrong("context", self.context(), format!("at most {MAX_EXTENT}"));
        }
        if let Some(embedding) = self.embedding() {
            faults.within("embedding", |faults| {
                if self.context() == 0 {
                    faults.wrong("network", "an embedding of no context", "none, or a context");
                }
                faults.extent("outputs", embedding.outputs);
                faults.within("network", |faults| embedding.network.check(self.context(), faults));
            });
        }
        match self {
            Description::Flow(flow) => {
                faults.within("base", |faults| flow.base.check(flow.dim(), faults));
                faults.count("layers", flow.layers.len());
                for (l, layer) in flow.layers.iter().enumerate() {
                    faults.within(format!("layers.{l}"), |faults| {
                        layer.check(flow.sizes(), faults);
                    });
                }
                // Layers that are wrong by themselves may have lists of any length.
                if faults.is_empty() {
                    flow.carried(&mut faults);
                }
            }
            Description::Sites(sites) => {
                let n = product(&sites.shape);
                faults.within("network", |faults| {
                    if self.is_integer()
                        && !matches!(sites.conditional, ConditionalSpec::Bernoulli(_))
                    {
                        faults.wrong("kind", "integer", "masked, as the sites are no spins");
                    }
                    sites.network.check(n, faults);
                });
                faults.within("conditional", |faults| sites.conditional.check(n, faults));
                // Of a conditional that is wrong there are no sizes.
                if faults.is_empty() {
                    let sizes = sites.sizes();
                    faults.within("network", |faults| sites.network.check_values(sizes, faults));
                }
                if let (true, Some(constraint)) = (faults.is_empty(), &sites.constraint) {
                    sites.check_constraint(constraint, &mut faults);
                }
                if sites.symmetry == Symmetry::Z2
                    && sites.conditional.domain() != Domain::Uniform(Kind::Spin)
                {
                    faults.wrong("symmetry", "z2", "none: the values are no spins");
                }
                if faults.is_empty() {
                    sites.check_group(&mut faults);
                }
            }
        }
        if !faults.is_empty() {
            return Err(ModelError::Description(faults));
        }
        let mut parameters = 0usize;
        for tensor in self.tensors() {
            parameters = parameters.saturating_add(tensor.size());
            if parameters > MAX_PARAMETERS {
                let found = format!("shape {:?}", tensor.shape);
                let expected = format!("at most {MAX_PARAMETERS} parameters in all");
                faults.wrong(&tensor.name, found, expected);
                return Err(ModelError::Description(faults));
            }
        }
        Ok(())
    }

    /// Its parts in canonical order, which is that of their tensors and of their packed weights.
    fn parts(&self) -> Vec<(String, Part<'_>)> {
        let embedding = self.embedding().map(|spec| ("embedding".into(), Part::Embedding(spec)));
        let mut parts: Vec<_> = embedding.into_iter().collect();
        match self {
            Description::Flow(flow) => {
                parts.push(("base".into(), Part::Base(&flow.base)));
                let layer = |(l, layer)| (format!("layers.{l}"), Part::Layer(layer));
                parts.extend(flow.layers.iter().enumerate().map(layer));
            }
            Description::Sites(sites) => parts.push(("network".into(), Part::Network(sites))),
        }
        parts
    }

    /// The sizes of a flow's layers.
    fn sizes(&self) -> Sizes {
        match self {
            Description::Flow(flow) => flow.sizes(),
            Description::Sites(_) => Sizes { dim: 0, context: 0, initial: Initial::SITES },
        }
    }

    fn part_tensors(&self, path: &str, part: &Part<'_>, tensors: &mut Tensors) {
        tensors.within(path, |tensors| match part {
            Part::Embedding(spec) => {
                let initial = Initial { output: 1.0, ..Initial::FLOW };
                spec.network.tensors(self.context(), spec.outputs, initial, tensors);
            }
            Part::Base(base) => base.tensors(self.dim(), tensors),
            Part::Layer(layer) => layer.tensors(self.sizes(), tensors),
            Part::Network(sites) => sites.network.tensors(sites.sizes(), Initial::SITES, tensors),
        });
    }

    /// All tensors, in canonical order.
    pub fn tensors(&self) -> Vec<TensorSpec> {
        let mut tensors = Tensors::default();
        for (path, part) in self.parts() {
            self.part_tensors(&path, &part, &mut tensors);
        }
        tensors.all
    }

    /// Packed weights of each part.
    pub(super) fn lengths(&self) -> Vec<usize> {
        let length = |(path, part): (String, Part<'_>)| {
            let mut tensors = Tensors::default();
            self.part_tensors(&path, &part, &mut tensors);
            match tensors.all.iter().any(TensorSpec::is_integer) {
                true => Packer::words(|packer| self.pack_part(&part, packer)),
                false => tensors.stored(),
            }
        };
        self.parts().into_iter().map(length).collect()
    }

    fn pack_part(&self, part: &Part<'_>, packer: &mut Packer<'_>) {
        match part {
            Part::Embedding(spec) => spec.network.pack(self.context(), spec.outputs, packer),
            Part::Base(base) => base.pack(self.dim(), packer),
            Part::Layer(layer) => layer.pack(self.sizes(), packer),
            Part::Network(sites) => sites.network.pack(sites.sizes(), packer),
        }
    }

    /// The packed weights: the block that the kernels read.
    pub(super) fn pack<'a>(
        &self,
        tensors: &'a alloc::collections::BTreeMap<String, Tensor>,
    ) -> Packer<'a> {
        let mut packer = Packer::new(tensors);
        for (path, part) in self.parts() {
            packer.within(path, |packer| self.pack_part(&part, packer));
        }
        packer
    }

    /// Whether some of its tensors are of integers.
    pub fn holds_integers(&self) -> bool {
        self.tensors().iter().any(TensorSpec::is_integer)
    }

    /// Parameters in all tensors, masked entries included.
    pub fn parameters(&self) -> usize {
        self.tensors().iter().map(TensorSpec::size).sum()
    }

    /// Packed weights, biases and slopes: words of 32 bits, in which integers lie closer.
    pub fn packed_len(&self) -> usize {
        self.lengths().iter().sum()
    }

    /// Multiply-adds of drawing one sample: each entry of a matrix that the mask shows once, or as often as
    /// sites share it.
    pub fn multiply_adds(&self) -> usize {
        let of = |(path, part): (String, Part<'_>)| {
            let shared = match &part {
                Part::Network(sites) => sites.network.multiply_adds(sites.sizes()),
                Part::Embedding(_) | Part::Base(_) | Part::Layer(_) => None,
            };
            shared.unwrap_or_else(|| {
                let mut tensors = Tensors::default();
                self.part_tensors(&path, &part, &mut tensors);
                let matrices = tensors.all.iter().filter(|tensor| tensor.shape.len() == 2);
                matrices.map(TensorSpec::stored).sum()
            })
        };
        self.parts().into_iter().map(of).sum()
    }

    /// Passes over the weights that one log-probability takes: one for each element of a group.
    pub fn passes(&self) -> usize {
        match self {
            Description::Sites(sites) => {
                let flips = if sites.symmetry == Symmetry::Z2 { 2 } else { 1 };
                flips * sites.group().map_or(1, |group| group.order() as usize)
            }
            Description::Flow(_) => 1,
        }
    }

    /// Values of scratch that the kernel of the distribution without its embedding needs.
    pub(super) fn inner_scratch(&self) -> usize {
        match self {
            Description::Flow(flow) => {
                let build = |layer: &'_ LayerSpec| layer.build(flow.sizes(), &[]).scratch();
                flow.layers.iter().map(build).max().unwrap_or(0)
            }
            Description::Sites(sites) => {
                let [n, values] = sites.constrained();
                let carried = sites.constraint.as_ref().map_or(0, |k| k.build(n, values).state());
                let images = sites.group().map_or(0, |group| symmetry::scratch(&group, n));
                images
                    + carried
                    + match sites.network.build(sites.sizes(), &[]) {
                        AnySitesNetwork::Masked(network) => {
                            sites.conditional.with(ScratchOf(network))
                        }
                        AnySitesNetwork::Multilevel(network) => {
                            sites.conditional.with(ScratchOf(network))
                        }
                        AnySitesNetwork::Convolution(network) => {
                            sites.conditional.with(ScratchOf(network))
                        }
                        AnySitesNetwork::Integer(network) => {
                            ScratchOf(network).with(Tabulated::<false>)
                        }
                    }
            }
        }
    }

    /// Values of scratch that the embedding's kernel needs.
    pub(super) fn embedding_scratch(&self) -> usize {
        self.embedding()
            .map_or(0, |spec| spec.network.build(self.context(), spec.outputs, &[]).scratch())
    }

    /// Floats of scratch to draw or score one row at a time.
    pub fn scratch_len(&self) -> usize {
        let embedded = self.embedding().map_or(0, |spec| spec.outputs);
        let scratch = self.inner_scratch().max(self.embedding_scratch());
        self.context() + self.dim() + embedded + scratch
    }

    /// Whether samples are drawn by inverting a part in steps, and how: such draws are exact up to the
    /// tolerance that the text names, while log-probabilities are as exact as those of any model.
    pub fn inverse(&self) -> Option<String> {
        let (_, sources) = self.source("f32", "");
        sources.inverse().map(str::to_owned)
    }

    /// The distribution's kernel as Rust, for weights of the type `weight`.
    pub fn source(&self, weight: &'static str, arithmetic: &str) -> (Source, Sources) {
        let mut sources = Sources::new(weight);
        sources.code("engine", 20);
        let embedding = self.embedding().map(|spec| {
            sources.code("embedding", 2);
            spec.network.source(self.context(), spec.outputs, &mut sources)
        });
        let scratch = self.inner_scratch();
        let mut source = match self {
            Description::Flow(flow) => {
                sources.table(3);
                let base = flow.base.source(flow.dim(), &mut sources);
                let layers =
                    flow.layers.iter().map(|layer| layer.source(flow.sizes(), &mut sources));
                let layers = compose(layers.collect());
                let Sizes { dim, context, .. } = flow.sizes();
                Source {
                    ty: format!("engine::flow::Flow<{}, {}, {arithmetic}>", base.ty, layers.ty),
                    value: format!(
                        "engine::flow::Flow::trusted([{dim}, {context}, {scratch}], {}, {})",
                        base.value, layers.value
                    ),
                }
            }
            Description::Sites(sites) => {
                sources.code("sites", 5);
                let network = sites.network.source(sites.sizes(), &mut sources);
                let conditional = match (&sites.network, &sites.constraint) {
                    (SitesNetworkSpec::Integer(_), constraint) => {
                        tabulated::source(constraint.is_some(), &mut sources)
                    }
                    (_, None) => sites.conditional.source(&mut sources),
                    (_, Some(_)) => sites.conditional.closed_source(&mut sources),
                };
                let (types, values) = (
                    format!("{}, {}, {arithmetic}", network.ty, conditional.ty),
                    format!("{}, {}", network.value, conditional.value),
                );
                let source = match &sites.constraint {
                    None => Source {
                        ty: format!("engine::sites::Sites<{types}>"),
                        value: format!("engine::sites::Sites::trusted({values})"),
                    },
                    Some(constraint) => {
                        let [n, k] = sites.constrained();
                        let constraint = constraint.source(n, k, &mut sources);
                        Source {
                            ty: format!("engine::sites::Sites<{types}, {}>", constraint.ty),
                            value: format!(
                                "engine::sites::Sites::trusted_within({values}, {})",
                                constraint.value
                            ),
                        }
                    }
                };
                let source = match sites.symmetry {
                    Symmetry::None => source,
                    Symmetry::Z2 => Source {
                        ty: format!("engine::symmetry::Z2<{}>", source.ty),
                        value: format!("engine::symmetry::Z2({})", source.value),
                    },
                };
                match (&sites.group, sites.value_kind()) {
                    (Some(group), Some(kind)) => {
                        group.source(&sites.shape, kind, source, &mut sources)
                    }
                    _ => source,
                }
            }
        };
        if let Some(network) = embedding {
            source = Source {
                ty: format!("engine::embedding::Embedded<{}, {}>", network.ty, source.ty),
                value: format!(
                    "engine::embedding::Embedded::trusted({}, {})",
                    network.value, source.value
                ),
            };
        }
        (source, sources)
    }
}

/// Layers as one bijection: a pair of pairs, in which neighbours of one type are an array.
fn compose(layers: Vec<Source>) -> Source {
    let mut runs: Vec<(String, Vec<String>)> = Vec::new();
    for Source { ty, value } in layers {
        match runs.last_mut() {
            Some((last, values)) if *last == ty => values.push(value),
            _ => runs.push((ty, [value].into())),
        }
    }
    let run = |(ty, values): (String, Vec<String>)| match &values[..] {
        [value] => Source { ty, value: value.clone() },
        values => Source {
            ty: format!("[{ty}; {}]", values.len()),
            value: format!("[{}]", values.join(", ")),
        },
    };
    let mut runs: Vec<Source> = runs.into_iter().map(run).collect();
    // Halved again and again, so that the nesting of the type is logarithmic.
    while runs.len() > 1 {
        let mut pairs = Vec::new();
        for pair in runs.chunks(2) {
            pairs.push(match pair {
                [a, b] => Source {
                    ty: format!("({}, {})", a.ty, b.ty),
                    value: format!("({}, {})", a.value, b.value),
                },
                [one] => one.clone(),
                _ => continue,
            });
        }
        runs = pairs;
    }
    runs.pop().unwrap_or(Source::plain("()"))
}
