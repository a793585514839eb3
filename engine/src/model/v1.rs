//! Format version 1: four kinds of models, each with a description and tensor names of its own.
//!
//! | `kind` | is | tensors |
//! |---|---|---|
//! | `made` | sites, masked network, Bernoulli | `hidden.{l}.…`, `output.…`, `pairwise.weight` |
//! | `realnvp`, `nsf` | a flow of couplings | `coupling.{l}.…`, `affine.…` |
//! | `maf` | a flow of autoregressive layers | `autoregressive.{l}.…`, `affine.…` |

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::Deserialize;

use super::catalogue::{LayerSpec, UnivariateSpec};
use super::description::{Description, Symmetry, mask_text};
use super::part::Faults;
use super::{ModelError, preset};
use crate::bijection::Direction;
use crate::univariate::{AffineSpec, RationalQuadraticSpec};

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum Architecture {
    Made {
        sites: usize,
        hidden: Vec<usize>,
        pairwise: bool,
        #[serde(default)]
        symmetry: Symmetry,
        shape: Vec<usize>,
    },
    RealNvp {
        dim: usize,
        couplings: Vec<Coupling>,
        log_scale_bound: f32,
        affine: bool,
        shape: Vec<usize>,
    },
    Nsf {
        dim: usize,
        couplings: Vec<Coupling>,
        bins: usize,
        bound: f32,
        affine: bool,
        shape: Vec<usize>,
    },
    Maf {
        dim: usize,
        layers: Vec<Autoregressive>,
        fast: Direction,
        transformer: UnivariateSpec,
        affine: bool,
        shape: Vec<usize>,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Coupling {
    #[serde(with = "mask_text")]
    mask: Vec<bool>,
    hidden: Vec<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Autoregressive {
    order: Vec<usize>,
    hidden: Vec<usize>,
}

impl Architecture {
    /// The same model in today's words.
    pub(super) fn description(self) -> Result<Description, ModelError> {
        let couple = |couplings: Vec<Coupling>, map: UnivariateSpec| -> Vec<LayerSpec> {
            let layer = |c: Coupling| preset::coupling(c.mask, &c.hidden, map);
            couplings.into_iter().map(layer).collect()
        };
        let (dim, description) = match self {
            Self::Made { sites, hidden, pairwise, symmetry, shape } => {
                (sites, preset::made(&shape, &hidden, pairwise, symmetry))
            }
            Self::RealNvp { dim, couplings, log_scale_bound, affine, shape } => {
                let layers = couple(couplings, AffineSpec { log_scale_bound }.into());
                (dim, preset::flow(&shape, layers, affine))
            }
            Self::Nsf { dim, couplings, bins, bound, affine, shape } => {
                let layers = couple(couplings, RationalQuadraticSpec::linear(bins, bound).into());
                (dim, preset::flow(&shape, layers, affine))
            }
            Self::Maf { dim, layers, fast, transformer, affine, shape } => {
                let layers = layers.into_iter().map(|Autoregressive { order, hidden }| {
                    preset::autoregressive(order, fast, &hidden, transformer)
                });
                (dim, preset::flow(&shape, layers, affine))
            }
        };
        let product =
            description.shape().iter().try_fold(1usize, |n, extent| n.checked_mul(*extent));
        if product != Some(dim) {
            let mut faults = Faults::default();
            let found = format!("{:?}", description.shape());
            faults.wrong("shape", found, format!("extents with product {dim}"));
            return Err(ModelError::Description(faults));
        }
        Ok(description)
    }
}

/// Today's name of a tensor; any other name stays what it is, to be found unknown.
pub(super) fn rename(description: &Description, name: &str) -> String {
    let flow = match description {
        Description::Sites(_) => {
            return match name {
                "pairwise.weight" => "network.direct.weight".into(),
                _ if name.starts_with("hidden.") || name.starts_with("output.") => {
                    format!("network.{name}")
                }
                _ => name.into(),
            };
        }
        Description::Flow(flow) => flow,
    };
    if let Some(rest) = name.strip_prefix("affine.") {
        return format!("layers.{}.{rest}", flow.layers.len().saturating_sub(1));
    }
    let numbered = ["coupling.", "autoregressive."].iter().find_map(|p| name.strip_prefix(p));
    numbered.map_or_else(|| name.to_string(), |rest| format!("layers.{rest}"))
}
