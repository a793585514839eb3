//! The catalogue: one variant for each part of a kind, in its description and as a kernel.
//!
//! A model that is read at run time goes through these enums, each with one `match`; a compiled model
//! names its parts' types and never meets them.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::packer::Packer;
use super::part::*;
use super::support::{self, Support};
use crate::activation::AnyActivation;
use crate::base::{self, Base, Normal};
use crate::bijection::{Bijection, Direction, Tile};
use crate::conditional::{self, Bernoulli, Categorical, Conditional};
use crate::constraint::{self, Constraint, ConstraintPart, Mask};
use crate::distribution::Draws;
use crate::domain::Domain;
use crate::kernel::{Lanes, Sum};
use crate::layer::{self, Affine, Autoregressive, Coupling};
use crate::network::{self, Called, CausalNetwork, CausalSizes, Mlp, Network, Visitor};
use crate::noise::Noise;
use crate::simd::{Kernel, Simd};
use crate::univariate::rational_quadratic::AnyRationalQuadratic;
use crate::univariate::{self, Parameters, Univariate, UnivariateChoice, WithUnivariate};

/// The enum of a kind's descriptions, and a macro that matches on it.
macro_rules! descriptions {
    ($(#[$doc:meta])* $spec:ident, $each:ident: $($variant:ident($describes:ty),)+) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind", rename_all = "snake_case")]
        pub enum $spec {
            $(#[allow(missing_docs, reason = "the part's own type says it")] $variant($describes),)+
        }

        $(impl From<$describes> for $spec {
            fn from(part: $describes) -> Self {
                Self::$variant(part)
            }
        })+

        macro_rules! $each {
            ($enum:ident, $value:expr, $part:ident => $then:expr) => {
                match $value {
                    $($enum::$variant($part) => $then,)+
                }
            };
            ($enum:ident to $to:ident, $value:expr, $part:ident => $then:expr) => {
                match $value {
                    $($enum::$variant($part) => $to::$variant($then),)+
                }
            };
        }
    };
}

/// The same with the enum of the kind's kernels.
macro_rules! catalogue {
    (
        $(#[$doc:meta])* $spec:ident, $(#[$any_doc:meta])* $any:ident $(<$life:lifetime>)?, $each:ident:
        $($variant:ident($describes:ty, $kernel:ty),)+
    ) => {
        descriptions! { $(#[$doc])* $spec, $each: $($variant($describes),)+ }

        $(#[$any_doc])*
        #[derive(Clone, Copy, Debug)]
        pub enum $any $(<$life>)? {
            $(#[allow(missing_docs, reason = "the kernel's own type says it")] $variant($kernel),)+
        }
    };
}

/// Methods of a kind that are its part's.
macro_rules! delegate {
    ($each:ident, $enum:ident: $($(#[$attribute:meta])* $visibility:vis fn $method:ident(
        $($argument:ident: $type:ty),*
    ) $(-> $output:ty)?;)+) => {
        $($(#[$attribute])* $visibility fn $method(&self, $($argument: $type),*) $(-> $output)? {
            $each!($enum, self, part => part.$method($($argument),*))
        })+
    };
}

/// The layers of a flow, and what one of some coordinates may run: all but such a one.
macro_rules! layers {
    ($($variant:ident($describes:ty, $kernel:ty),)+) => {
        catalogue! {
            /// A layer of a flow; see [`crate::layer`].
            LayerSpec,
            /// A layer's kernel.
            AnyLayer<'a>, each_layer:
            $($variant($describes, $kernel),)+
            Partial(layer::PartialSpec, layer::Partial<AnyPlainLayer<'a>>),
        }
        catalogue! {
            /// A layer of some of a flow's coordinates.
            PlainLayerSpec,
            /// Its kernel.
            AnyPlainLayer<'a>, each_plain_layer:
            $($variant($describes, $kernel),)+
        }

        impl From<PlainLayerSpec> for LayerSpec {
            fn from(plain: PlainLayerSpec) -> Self {
                each_plain_layer!(PlainLayerSpec to LayerSpec, plain, part => part)
            }
        }
    };
}

layers! {
    Coupling(layer::CouplingSpec, Coupling<'a, AnyNetwork<'a>, AnyUnivariate>),
    Autoregressive(
        layer::AutoregressiveSpec, Autoregressive<'a, AnyCausalNetwork<'a>, AnyUnivariate, true>
    ),
    Affine(layer::AffineSpec, Affine<'a>),
    Bounds(layer::BoundsSpec, layer::Bounds<'a>),
    Permute(layer::PermuteSpec, layer::Permute<'a>),
    Lu(layer::LuSpec, layer::Lu<'a>),
    Rotation(layer::RotationSpec, layer::Rotation<'a>),
    Simplex(layer::SimplexSpec, layer::Simplex<'a>),
}

catalogue! {
    /// A network; see [`crate::network`].
    NetworkSpec,
    /// A network's kernel.
    AnyNetwork<'a>, each_network:
    Mlp(network::MlpSpec, Called<Mlp<'a, &'a [f32], AnyActivation>>),
    Integer(network::IntegerMlpSpec, network::AnyIntegerMlp<'a>),
    Periodic(network::PeriodicSpec<network::MlpSpec>, network::AnyPeriodic<'a>),
}

catalogue! {
    /// A causal network; see [`crate::network`].
    CausalNetworkSpec,
    /// A causal network's kernel.
    AnyCausalNetwork<'a>, each_causal:
    Masked(network::MaskedSpec, network::AnyMasked<'a>),
    Integer(network::IntegerSpec<true>, network::AnyInteger<'a, true>),
    Periodic(network::PeriodicSpec<network::MaskedSpec>, network::AnyCausalPeriodic<'a>),
}

catalogue! {
    /// The network of a distribution over sites; see [`crate::network`]. The kernels have no walk in common:
    /// a network of integers goes with one conditional, and compiled with all of them it would take minutes to
    /// build.
    SitesNetworkSpec,
    /// Its kernel.
    AnySitesNetwork<'a>, each_sites_network:
    Masked(network::MaskedSpec, network::AnyMasked<'a>),
    Integer(network::IntegerSpec, network::AnyInteger<'a>),
    Multilevel(network::MultilevelSpec, network::AnyMultilevel<'a>),
    Convolution(network::ConvolutionSpec, network::AnyConvolution<'a>),
}

catalogue! {
    /// A monotone map of one coordinate; see [`crate::univariate`].
    #[derive(Copy)]
    UnivariateSpec,
    /// A map's kernel.
    AnyUnivariate, each_univariate:
    Affine(univariate::AffineSpec, univariate::Affine),
    RationalQuadratic(univariate::RationalQuadraticSpec, AnyRationalQuadratic),
    LocationScale(
        univariate::LocationScaleSpec,
        univariate::location_scale::LocationScale<univariate::location_scale::AnyScale>
    ),
    Sinh(univariate::SinhSpec, univariate::Sinh),
    CubicRational(univariate::CubicRationalSpec, univariate::CubicRational),
    MixtureCdf(
        univariate::MixtureCdfSpec,
        univariate::MixtureCdf<univariate::mixture_cdf::AnyCdf>
    ),
}

descriptions! {
    /// The distribution of a site's value; see [`crate::conditional`]. Its kernels have no enum: which
    /// one it is decides what the network reads, so a distribution over sites is made for each.
    ConditionalSpec, each_conditional:
    Bernoulli(conditional::BernoulliSpec),
    Categorical(conditional::CategoricalSpec),
    Logistics(conditional::LogisticsSpec),
}

catalogue! {
    /// Which rows a distribution over sites has; see [`crate::constraint`].
    ConstraintSpec,
    /// A constraint's kernel.
    AnyConstraint<'a>, each_constraint:
    Counts(constraint::CountsSpec, constraint::Counts<'a>),
    Increasing(constraint::IncreasingSpec, constraint::Increasing),
    Successors(constraint::SuccessorsSpec, constraint::Successors<'a, Vec<u16>>),
}

/// The noise that a flow starts from, and what a product may be made of: all but products.
macro_rules! bases {
    ($($variant:ident($describes:ty, $kernel:ty),)+) => {
        catalogue! {
            /// The noise that a flow starts from; see [`crate::base`].
            BaseSpec,
            /// A base's kernel.
            AnyBase<'a>, each_base:
            $($variant($describes, $kernel),)+
            Product(base::ProductSpec, base::Product<AnyPlainBase<'a>, AnyPlainBase<'a>>),
        }
        catalogue! {
            /// The noise of some of a flow's coordinates.
            PlainBaseSpec,
            /// Its kernel.
            AnyPlainBase<'a>, each_plain_base:
            $($variant($describes, $kernel),)+
        }

        impl From<PlainBaseSpec> for BaseSpec {
            fn from(plain: PlainBaseSpec) -> Self {
                each_plain_base!(PlainBaseSpec to BaseSpec, plain, part => part)
            }
        }
    };
}

bases! {
    Normal(base::NormalSpec, Normal),
    Uniform(base::UniformSpec, base::Uniform),
    Mixture(base::MixtureSpec, base::Mixture<'a>),
    VonMises(base::VonMisesSpec, base::VonMises),
    TruncatedNormal(base::TruncatedNormalSpec, base::TruncatedNormal),
}

/// The methods of a catalogue of layers.
macro_rules! layer_methods {
    ($each:ident, $spec:ident, $any:ident) => {
        impl LayerPart for $spec {
            type Built<'a> = $any<'a>;
            delegate! { $each, $spec:
                fn check(sizes: Sizes, faults: &mut Faults);
                fn supports(supports: &mut [Support], faults: &mut Faults);
                fn tensors(sizes: Sizes, tensors: &mut Tensors);
                fn pack(sizes: Sizes, packer: &mut Packer<'_>);
                fn source(sizes: Sizes, sources: &mut Sources) -> Source;
            }
            fn build<'a>(&'a self, sizes: Sizes, weights: &'a [f32]) -> $any<'a> {
                $each!($spec to $any, self, part => part.build(sizes, weights))
            }
        }

        impl Bijection for $any<'_> {
            delegate! { $each, $any:
                fn fits(dim: usize, context: usize) -> bool;
                fn scratch() -> usize;
            }
            #[inline(always)]
            fn apply<L: Lanes>(&self, lanes: L, direction: Direction, tile: &mut Tile<'_, L>) {
                $each!($any, self, layer => layer.apply(lanes, direction, tile));
            }
        }
    };
}

impl LayerSpec {
    /// The autoregressive layer that it is, or that it runs of some coordinates.
    pub fn autoregressive(&self) -> Option<&layer::AutoregressiveSpec> {
        match self {
            Self::Autoregressive(spec) => Some(spec),
            Self::Partial(layer::PartialSpec {
                layer: PlainLayerSpec::Autoregressive(spec),
                ..
            }) => Some(spec),
            _ => None,
        }
    }
}

layer_methods!(each_layer, LayerSpec, AnyLayer);
layer_methods!(each_plain_layer, PlainLayerSpec, AnyPlainLayer);

impl NetworkPart for NetworkSpec {
    type Built<'a> = AnyNetwork<'a>;
    delegate! { each_network, NetworkSpec:
        fn check(inputs: usize, faults: &mut Faults);
        fn tensors(inputs: usize, outputs: usize, initial: Initial, tensors: &mut Tensors);
        fn pack(inputs: usize, outputs: usize, packer: &mut Packer<'_>);
        fn source(inputs: usize, outputs: usize, sources: &mut Sources) -> Source;
    }
    fn build<'a>(&'a self, inputs: usize, outputs: usize, weights: &'a [f32]) -> AnyNetwork<'a> {
        each_network!(NetworkSpec to AnyNetwork, self, part => part.build(inputs, outputs, weights))
    }
}

network::any_network!(AnyNetwork: Mlp, Integer, Periodic);

/// The methods of a catalogue of causal networks.
macro_rules! causal_methods {
    ($each:ident, $spec:ident, $any:ident) => {
        impl CausalPart for $spec {
            type Built<'a> = $any<'a>;
            delegate! { $each, $spec:
                fn check(sites: usize, faults: &mut Faults);
                fn check_values(sizes: CausalSizes, faults: &mut Faults);
                fn multiply_adds(sizes: CausalSizes) -> Option<usize>;
                fn tensors(sizes: CausalSizes, initial: Initial, tensors: &mut Tensors);
                fn pack(sizes: CausalSizes, packer: &mut Packer<'_>);
                fn source(sizes: CausalSizes, sources: &mut Sources) -> Source;
            }
            fn build<'a>(&'a self, sizes: CausalSizes, weights: &'a [f32]) -> $any<'a> {
                $each!($spec to $any, self, part => part.build(sizes, weights))
            }
        }
    };
}

causal_methods!(each_causal, CausalNetworkSpec, AnyCausalNetwork);
causal_methods!(each_sites_network, SitesNetworkSpec, AnySitesNetwork);

network::any_causal_network!(AnyCausalNetwork: Masked, Integer, Periodic);

/// A network over sites whose walk calls its visitor ([`Called`]). It is not one `match` with the masked
/// ones: their walk costs some percent more with this in it.
#[derive(Clone, Copy, Debug)]
pub(super) enum AnyCalled<'a> {
    Multilevel(network::AnyMultilevel<'a>),
    Convolution(network::AnyConvolution<'a>),
}

network::any_causal_network!(AnyCalled: Multilevel, Convolution);

impl UnivariateSpec {
    delegate! { each_univariate, UnivariateSpec:
        pub(crate) fn check(faults: &mut Faults);
        /// Parameters a coordinate.
        pub fn parameters() -> usize;
        pub(crate) fn source(sources: &mut Sources) -> Source;
    }
    /// Notes which of the supports of coordinates that it moves it is no bijection of.
    pub(crate) fn supports(&self, moved: impl Iterator<Item = Support>, faults: &mut Faults) {
        for support in support::distinct(moved) {
            each_univariate!(UnivariateSpec, self, part => part.support(support, faults));
        }
    }
    pub(crate) fn build(&self) -> AnyUnivariate {
        let valid = "validated when the model was built";
        each_univariate!(UnivariateSpec to AnyUnivariate, self, part => part.build().expect(valid))
    }
}

impl UnivariateChoice for AnyUnivariate {
    #[inline(always)]
    fn parameters(&self) -> usize {
        each_univariate!(AnyUnivariate, self, map => UnivariateChoice::parameters(map))
    }
    /// The maps of the usual families are known to the layer, which is then compiled for each. A layer
    /// compiled for every map there is would take minutes to build, so the others are called.
    #[inline(always)]
    fn choose<K: WithUnivariate>(&self, then: K) -> K::Output {
        match self {
            Self::Affine(map) => then.with(*map),
            Self::RationalQuadratic(AnyRationalQuadratic::Floored(map)) => then.with(*map),
            other => then.with(CalledMap(*other)),
        }
    }
}

/// A map that is known when it is called, in a function of its own.
#[derive(Clone, Copy, Debug)]
struct CalledMap(AnyUnivariate);

impl Univariate for CalledMap {
    fn parameters(&self) -> usize {
        UnivariateChoice::parameters(&self.0)
    }

    #[inline(always)]
    fn density<S: Simd>(&self, s: S, x: S::F, parameters: &mut impl Parameters<S>) -> (S::F, S::F) {
        let apply = Apply { s, direction: Direction::Density, value: x, parameters };
        s.vectorize(Call { map: self.0, apply })
    }

    #[inline(always)]
    fn sampling<S: Simd>(
        &self,
        s: S,
        z: S::F,
        parameters: &mut impl Parameters<S>,
    ) -> (S::F, S::F) {
        let apply = Apply { s, direction: Direction::Sampling, value: z, parameters };
        s.vectorize(Call { map: self.0, apply })
    }
}

/// A call of a map.
struct Call<'p, S: Simd, P> {
    map: AnyUnivariate,
    apply: Apply<'p, S, P>,
}

impl<S: Simd, P: Parameters<S>> Kernel for Call<'_, S, P> {
    type Output = (S::F, S::F);
    #[inline(always)]
    fn run<Level: Simd>(self, _: Level) -> Self::Output {
        each_univariate!(AnyUnivariate, self.map, map => map.choose(self.apply))
    }
}

/// A map at work, once its type is known.
struct Apply<'p, S: Simd, P> {
    s: S,
    direction: Direction,
    value: S::F,
    parameters: &'p mut P,
}

impl<S: Simd, P: Parameters<S>> WithUnivariate for Apply<'_, S, P> {
    type Output = (S::F, S::F);
    #[inline(always)]
    fn with<U: Univariate>(self, univariate: U) -> Self::Output {
        univariate.apply(self.s, self.direction, self.value, self.parameters)
    }
}

impl ConditionalSpec {
    delegate! { each_conditional, ConditionalSpec:
        pub(super) fn check(sites: usize, faults: &mut Faults);
        /// Where values lie.
        pub fn domain() -> Domain<'_>;
        pub(super) fn source(sources: &mut Sources) -> Source;
    }
    /// Inputs and outputs of a site.
    pub fn sizes(&self) -> [usize; 2] {
        each_conditional!(ConditionalSpec, self, part => {
            let built = part.build();
            [built.inputs(), built.outputs()]
        })
    }
    pub(super) fn with<U: WithConditional>(&self, then: U) -> U::Output {
        each_conditional!(ConditionalSpec, self, part => then.with(part.build()))
    }
}

impl ConditionalSpec {
    /// [`ConditionalSpec::with`] of one that closes values, if it can.
    pub(super) fn with_closed<U: WithConditional>(&self, then: U) -> Option<U::Output> {
        match self {
            Self::Bernoulli(_) => Some(then.with(Bernoulli::<true>)),
            Self::Categorical(spec) => {
                let [most, _] = self.sizes();
                Some(then.with(Categorical::<true>::trusted(spec.domain(), most)))
            }
            Self::Logistics(_) => None,
        }
    }

    /// [`ConditionalSpec::source`] of the same.
    pub(super) fn closed_source(&self, sources: &mut Sources) -> Source {
        let source = self.source(sources);
        let ty = match self {
            Self::Bernoulli(_) => "engine::conditional::Bernoulli<true>".into(),
            Self::Categorical(_) => "engine::conditional::Categorical<'static, true>".into(),
            Self::Logistics(_) => source.ty,
        };
        Source { ty, ..source }
    }
}

impl ConstraintPart for ConstraintSpec {
    type Built<'a> = AnyConstraint<'a>;
    delegate! { each_constraint, ConstraintSpec:
        fn check(sites: usize, values: usize, faults: &mut Faults);
        fn source(sites: usize, values: usize, sources: &mut Sources) -> Source;
        fn keeps(row: &[usize]) -> bool;
        fn is_even() -> bool;
    }
    fn build(&self, sites: usize, values: usize) -> AnyConstraint<'_> {
        each_constraint!(ConstraintSpec to AnyConstraint, self, part => part.build(sites, values))
    }
}

impl Constraint for AnyConstraint<'_> {
    #[inline(always)]
    fn state(&self) -> usize {
        each_constraint!(AnyConstraint, self, part => part.state())
    }

    #[inline(always)]
    fn start<L: Lanes>(&self, lanes: L, state: &mut [L::V]) {
        each_constraint!(AnyConstraint, self, part => part.start(lanes, state));
    }

    #[inline(always)]
    fn open<L: Lanes>(&self, lanes: L, turn: usize, k: usize, state: &[L::V], r: usize) -> Mask<L> {
        each_constraint!(AnyConstraint, self, part => part.open(lanes, turn, k, state, r))
    }

    #[inline(always)]
    fn note<L: Lanes>(&self, lanes: L, number: &L::V, state: &mut [L::V]) {
        each_constraint!(AnyConstraint, self, part => part.note(lanes, number, state));
    }

    #[inline(always)]
    fn kept<L: Lanes>(&self, lanes: L, state: &[L::V], r: usize) -> Mask<L> {
        each_constraint!(AnyConstraint, self, part => part.kept(lanes, state, r))
    }
}

/// Something to do with a conditional's concrete type.
pub(super) trait WithConditional {
    type Output;
    fn with<C: Conditional>(self, conditional: C) -> Self::Output;
}

/// The methods of a catalogue of bases.
macro_rules! base_methods {
    ($each:ident, $spec:ident, $any:ident) => {
        impl BasePart for $spec {
            type Built<'a> = $any<'a>;
            delegate! { $each, $spec:
                fn check(dim: usize, faults: &mut Faults);
                fn support() -> Support;
                fn supports(dim: usize) -> Vec<Support>;
                fn tensors(dim: usize, tensors: &mut Tensors);
                fn pack(dim: usize, packer: &mut Packer<'_>);
                fn source(dim: usize, sources: &mut Sources) -> Source;
            }
            fn build<'a>(&'a self, dim: usize, weights: &'a [f32]) -> $any<'a> {
                $each!($spec to $any, self, part => part.build(dim, weights))
            }
        }

        impl Base for $any<'_> {
            delegate! { $each, $any:
                fn fits(dim: usize) -> bool;
                #[inline(always)]
                fn blocks(dim: usize) -> Option<u32>;
            }
            #[inline(always)]
            fn draw<L: Lanes, N: Noise>(&self, lanes: L, draws: &mut Draws<L, N>, z: &mut [L::V]) {
                $each!($any, self, base => base.draw(lanes, draws, z));
            }
            #[inline(always)]
            fn log_prob<L: Lanes>(&self, lanes: L, z: &[L::V], log_prob: &mut Sum<L::V>) {
                $each!($any, self, base => base.log_prob(lanes, z, log_prob));
            }
        }
    };
}

base_methods!(each_base, BaseSpec, AnyBase);
base_methods!(each_plain_base, PlainBaseSpec, AnyPlainBase);
