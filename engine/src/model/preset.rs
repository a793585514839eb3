//! The families of the literature, as descriptions.

use alloc::vec;
use alloc::vec::Vec;

use super::catalogue::{
    BaseSpec, ConditionalSpec, ConstraintSpec, LayerSpec, SitesNetworkSpec, UnivariateSpec,
};
use super::description::{Description, FlowSpec, SitesSpec, Symmetry};
use crate::activation::AnyActivation;
use crate::base::NormalSpec;
use crate::bijection::Direction;
use crate::conditional::logistics::Column;
use crate::conditional::{BernoulliSpec, LogisticsSpec};
use crate::layer::{AffineSpec, AutoregressiveSpec, CouplingSpec};
use crate::network::multilevel::REACH;
use crate::network::{ConvolutionSpec, HeatBathSpec, MaskedSpec, MlpSpec, MultilevelSpec};

/// Sites one after another, by a network that makes the parameters of their conditionals.
pub fn sites(
    shape: &[usize],
    network: impl Into<SitesNetworkSpec>,
    conditional: impl Into<ConditionalSpec>,
) -> Description {
    Description::Sites(SitesSpec {
        shape: shape.to_vec(),
        context: 0,
        embedding: None,
        network: network.into(),
        conditional: conditional.into(),
        constraint: None,
        symmetry: Symmetry::None,
        group: None,
    })
}

/// Sites of which a constraint takes rows out; see [`crate::constraint`]. A flow stays what it is.
pub fn within(mut description: Description, constraint: impl Into<ConstraintSpec>) -> Description {
    if let Description::Sites(sites) = &mut description {
        sites.constraint = Some(constraint.into());
    }
    description
}

/// A masked autoregressive network over spins (MADE): hidden layers of these units, with or without
/// direct terms from spins to logits; see [`crate::sites`].
pub fn made(shape: &[usize], hidden: &[usize], pairwise: bool, symmetry: Symmetry) -> Description {
    let network = MaskedSpec { hidden: hidden.to_vec(), direct: pairwise, ..Default::default() };
    let mut description = sites(shape, network, BernoulliSpec {});
    if let Description::Sites(sites) = &mut description {
        sites.symmetry = symmetry;
    }
    description
}

/// A masked convolution over spins in rows and columns (PixelCNN): hidden layers of these channels, and layers that
/// all read so many rows above and columns to either side; see [`crate::network::convolution`].
pub fn pixelcnn(shape: [usize; 2], hidden: &[usize], reach: [usize; 2]) -> Description {
    let network = ConvolutionSpec {
        columns: shape[1],
        hidden: hidden.to_vec(),
        reach: [reach].repeat(hidden.len() + 1),
        ..Default::default()
    };
    sites(&shape, network, BernoulliSpec {})
}

/// Spins of a square lattice from coarse to fine, as likely as their mirror image: networks of one hidden layer,
/// whose activation is odd, for each level of its own, with or without a heat bath; see
/// [`crate::network::multilevel`].
pub fn multilevel(
    side: usize,
    units: usize,
    activation: AnyActivation,
    heat_bath: Option<HeatBathSpec>,
) -> Description {
    let network = MultilevelSpec {
        hidden: vec![units],
        activation,
        levels: MultilevelSpec::levels_of(side * side),
        reach: REACH,
        biased: false,
        heat_bath,
    };
    sites(&[side, side], network, BernoulliSpec {})
}

/// A masked autoregressive network over the columns of a table, each a mixture of as many logistic
/// distributions: hidden layers of these units, with or without direct terms; see
/// [`crate::conditional::logistics`].
pub fn table(
    columns: Vec<Column>,
    components: usize,
    hidden: &[usize],
    direct: bool,
) -> Description {
    let network = MaskedSpec { hidden: hidden.to_vec(), direct, ..Default::default() };
    sites(&[columns.len()], network, LogisticsSpec { components, columns })
}

/// A flow from standard normal noise through these layers, ended, if asked, by an affine layer.
pub fn flow(
    shape: &[usize],
    layers: impl IntoIterator<Item = LayerSpec>,
    affine: bool,
) -> Description {
    let end = affine.then_some(LayerSpec::Affine(AffineSpec {}));
    Description::Flow(FlowSpec {
        shape: shape.to_vec(),
        context: 0,
        embedding: None,
        base: BaseSpec::Normal(NormalSpec {}),
        layers: layers.into_iter().chain(end).collect(),
    })
}

/// A coupling with a perceptron: RealNVP with an affine map, NSF with a spline; see [`crate::layer`].
pub fn coupling(
    mask: impl IntoIterator<Item = bool>,
    hidden: &[usize],
    univariate: impl Into<UnivariateSpec>,
) -> LayerSpec {
    LayerSpec::Coupling(CouplingSpec {
        mask: mask.into_iter().collect(),
        network: MlpSpec { hidden: hidden.to_vec(), ..Default::default() }.into(),
        univariate: univariate.into(),
    })
}

/// An autoregressive layer with a masked network: MAF where the fast direction is that of the density,
/// IAF where it is that of sampling; see [`crate::layer`].
pub fn autoregressive(
    order: Vec<usize>,
    fast: Direction,
    hidden: &[usize],
    univariate: impl Into<UnivariateSpec>,
) -> LayerSpec {
    LayerSpec::Autoregressive(AutoregressiveSpec {
        order,
        kept: 0,
        fast,
        network: MaskedSpec { hidden: hidden.to_vec(), ..Default::default() }.into(),
        univariate: univariate.into(),
    })
}
