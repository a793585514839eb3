//! The families of the literature, as descriptions.

use alloc::vec::Vec;

use super::catalogue::{BaseSpec, LayerSpec, UnivariateSpec};
use super::description::{Description, FlowSpec, SitesSpec, Symmetry};
use crate::base::NormalSpec;
use crate::bijection::Direction;
use crate::conditional::logistics::Column;
use crate::conditional::{BernoulliSpec, LogisticsSpec};
use crate::layer::{AffineSpec, AutoregressiveSpec, CouplingSpec};
use crate::network::{MaskedSpec, MlpSpec};

/// A masked autoregressive network over spins (MADE): hidden layers of these units, with or without
/// direct terms from spins to logits; see [`crate::sites`].
pub fn made(shape: &[usize], hidden: &[usize], pairwise: bool, symmetry: Symmetry) -> Description {
    Description::Sites(SitesSpec {
        shape: shape.to_vec(),
        context: 0,
        embedding: None,
        network: MaskedSpec { hidden: hidden.to_vec(), direct: pairwise, ..Default::default() }
            .into(),
        conditional: BernoulliSpec {}.into(),
        symmetry,
    })
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
    let mut description = made(&[columns.len()], hidden, direct, Symmetry::None);
    if let Description::Sites(sites) = &mut description {
        sites.conditional = LogisticsSpec { components, columns }.into();
    }
    description
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
