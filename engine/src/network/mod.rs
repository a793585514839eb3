//! Networks: from values to the parameters of a map or of a conditional.
//!
//! A [`Network`] reads all its inputs at once. A [`CausalNetwork`] belongs to an order of *sites* and
//! is walked from site to site: what it says of a site depends on the inputs of earlier sites only,
//! so a [`Visitor`] may read the inputs, when a row is scored, or make them on the way, when one is
//! drawn, and both cost one pass over the weights.

/// [`Network`] of an enum of such networks, for models that are read at run time: one `match`.
#[cfg(feature = "model")]
macro_rules! any_network {
    ($any:ident: $($variant:ident),+) => {
        impl Network for $any<'_> {
            fn inputs(&self) -> usize {
                match self {
                    $(Self::$variant(network) => network.inputs(),)+
                }
            }

            fn outputs(&self) -> usize {
                match self {
                    $(Self::$variant(network) => network.outputs(),)+
                }
            }

            fn scratch(&self) -> usize {
                match self {
                    $(Self::$variant(network) => network.scratch(),)+
                }
            }

            #[inline(always)]
            fn run<'s, L: Lanes>(
                &self,
                lanes: L,
                scratch: &'s mut [L::V],
            ) -> (&'s mut [L::V], &'s mut [L::V]) {
                match self {
                    $(Self::$variant(network) => network.run(lanes, scratch),)+
                }
            }
        }
    };
}
#[cfg(feature = "model")]
pub(crate) use any_network;

/// [`CausalNetwork`] of an enum of such networks, for models that are read at run time: one `match`.
#[cfg(feature = "model")]
macro_rules! any_causal_network {
    ($any:ident $(<const $floats:ident>)?: $($variant:ident),+) => {
        impl $(<const $floats: bool>)? CausalNetwork for $any<'_ $(, $floats)?> {
            #[inline(always)]
            fn sizes(&self) -> CausalSizes {
                match self {
                    $(Self::$variant(network) => network.sizes(),)+
                }
            }

            #[inline(always)]
            fn scratch(&self) -> usize {
                match self {
                    $(Self::$variant(network) => network.scratch(),)+
                }
            }

            #[inline(always)]
            fn walk<L: Lanes>(
                &self,
                lanes: L,
                visitor: &mut impl Visitor<L>,
                context: &[L::V],
                inputs: &mut [L::V],
                scratch: &mut [L::V],
            ) {
                match self {
                    $(Self::$variant(network) => {
                        network.walk(lanes, visitor, context, inputs, scratch);
                    })+
                }
            }
        }
    };
}
#[cfg(feature = "model")]
pub(crate) use any_causal_network;

#[cfg(feature = "model")]
mod called;
pub mod conditioning;
pub mod convolution;
mod integer;
mod integer_mlp;
mod masked;
mod mlp;
pub mod multilevel;
mod owners;
mod periodic;
mod rounded;

#[cfg(feature = "model")]
pub use called::Called;
pub use convolution::Convolution;
#[cfg(feature = "model")]
pub use convolution::{AnyConvolution, ConvolutionSpec};
#[cfg(feature = "model")]
pub use integer::{AnyInteger, Bits, IntegerSpec};
pub use integer::{Integer, SPIN};
pub use integer_mlp::IntegerMlp;
#[cfg(feature = "model")]
pub use integer_mlp::{AnyIntegerMlp, IntegerMlpSpec};
#[cfg(feature = "model")]
pub use masked::{AnyMasked, MaskedSpec};
pub use masked::{BLOCK, Masked, Shape};
pub use mlp::Mlp;
#[cfg(feature = "model")]
pub use mlp::MlpSpec;
pub use multilevel::Multilevel;
#[cfg(feature = "model")]
pub use multilevel::{AnyMultilevel, HeatBathSpec, MultilevelSpec};
pub use owners::{Evenly, Listed, Owners, units_before};
pub use periodic::Periodic;
#[cfg(feature = "model")]
pub use periodic::{AnyCausalPeriodic, AnyPeriodic, PeriodicSpec};
use rounded::{enter, leave};

use crate::activation::Activation;
use crate::kernel::Lanes;
use crate::simd::Simd;

/// Whether `hidden` layers can be residual ([`Mlp`]): as [`in_pairs`] says, and of units without slopes.
pub fn can_be_residual(hidden: &[usize], activation: impl Activation) -> bool {
    in_pairs(hidden) && activation.slopes(1) == 0
}

/// Whether `hidden` layers are a first one and pairs that can be added to it, of as many units.
pub fn in_pairs(hidden: &[usize]) -> bool {
    let mut widths = hidden.windows(2).map(|two| two.first() == two.last());
    hidden.len() % 2 == 1 && widths.all(|equal| equal)
}

/// `to *= from`, feature by feature.
#[inline(always)]
fn multiply<L: Lanes>(lanes: L, to: &mut [L::V], from: &[L::V]) {
    let s = lanes.s();
    for (to, from) in to.iter_mut().zip(from) {
        for (to, from) in to.as_mut().iter_mut().zip(from.as_ref()) {
            s.store(s.mul(s.load(to), s.load(from)), to);
        }
    }
}

/// Values to values.
pub trait Network {
    /// Values that it reads.
    fn inputs(&self) -> usize;
    /// Values that it gives.
    fn outputs(&self) -> usize;
    /// Values of scratch that it needs, inputs and outputs among them.
    fn scratch(&self) -> usize;
    /// The outputs for the inputs that `scratch` begins with, and the part of `scratch` that is free
    /// again: at least as many values as there are inputs or outputs.
    fn run<'s, L: Lanes>(
        &self,
        lanes: L,
        scratch: &'s mut [L::V],
    ) -> (&'s mut [L::V], &'s mut [L::V]);
}

/// The sizes of a causal network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CausalSizes {
    /// Sites.
    pub sites: usize,
    /// Inputs that a site has, all sites alike.
    pub inputs: usize,
    /// Outputs that a site has, all sites alike.
    pub outputs: usize,
    /// Values of context that all outputs read.
    pub context: usize,
}

/// Values to values, site by site.
pub trait CausalNetwork {
    /// Its sizes.
    fn sizes(&self) -> CausalSizes;
    /// Values of scratch that a walk needs besides the inputs.
    fn scratch(&self) -> usize;
    /// Visits each site once with its outputs, in an order of the network's own: ascending, unless it says otherwise. `inputs` has those of all sites, site
    /// after site; `scratch` at least [`CausalNetwork::scratch`] values.
    fn walk<L: Lanes>(
        &self,
        lanes: L,
        visitor: &mut impl Visitor<L>,
        context: &[L::V],
        inputs: &mut [L::V],
        scratch: &mut [L::V],
    );
}

/// Which site is visited, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The site.
    pub site: usize,
    /// Sites that were visited before it.
    pub turn: usize,
}

/// What happens at a site once its outputs are known.
pub trait Visitor<L: Lanes> {
    /// Inputs and outputs of a site, which are the network's. The visitor says so because it often
    /// knows them when compiled, and a walk of small layers is a tenth quicker for it.
    fn sizes(&self) -> [usize; 2];
    /// A site has these outputs, which may be overwritten; its `inputs` may be read or set.
    fn site(&mut self, lanes: L, at: Turn, outputs: &mut [L::V], inputs: &mut [L::V]);
}
