//! How a masked network takes a context, besides reading it as inputs.
//!
//! A dense layer makes of the context one number for each unit of some hidden layers. With `g` for it,
//! `s` for a unit's sum and layers counted from 0:
//!
//! ```text
//! read    nothing: the first layer reads the context
//! added   s + unit(g) in layer 0;  s + g in layers 1, 3, … of a residual network    nflows' MADE
//! gated   the first layer reads the context; s σ(g) in layers 2, 4, … of a residual network, before
//!         they are added to the stream          nflows' ResidualNet, normflows' MADE (GLU: Dauphin et
//!                                               al., arXiv:1612.08083)
//! ```
//!
//! What depends on the context alone is computed once a walk, before the first site. Like an activation
//! it is a type, so that networks that read their context hold nothing of it.

use core::fmt::Debug;

/// What a layer's sums do with the number that is made for each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// They have its unit added.
    AddUnit,
    /// They have it added.
    Add,
    /// They are multiplied by its logistic function.
    Gate,
}

/// How a network takes a context; see the module.
pub trait Conditioning: Copy + Debug + Send + Sync + 'static {
    /// Whether any hidden layer does more than read it.
    const JOINS: bool = true;
    /// What hidden layer `layer` does, of a residual network or another.
    fn join(self, layer: usize, residual: bool) -> Option<Join>;
    /// Whether the first layer reads the context.
    fn reads(self) -> bool;
}

/// The first layer reads it.
#[derive(Clone, Copy, Debug)]
pub struct Read;

/// It is added.
#[derive(Clone, Copy, Debug)]
pub struct Added;

/// It is read, and gates what is added to the stream.
#[derive(Clone, Copy, Debug)]
pub struct Gated;

impl Conditioning for Read {
    const JOINS: bool = false;

    #[inline(always)]
    fn join(self, _: usize, _: bool) -> Option<Join> {
        None
    }

    #[inline(always)]
    fn reads(self) -> bool {
        true
    }
}

impl Conditioning for Added {
    #[inline(always)]
    fn join(self, layer: usize, residual: bool) -> Option<Join> {
        match layer {
            0 => Some(Join::AddUnit),
            _ if residual && layer % 2 == 1 => Some(Join::Add),
            _ => None,
        }
    }

    #[inline(always)]
    fn reads(self) -> bool {
        false
    }
}

impl Conditioning for Gated {
    #[inline(always)]
    fn join(self, layer: usize, residual: bool) -> Option<Join> {
        (residual && layer > 0 && layer.is_multiple_of(2)).then_some(Join::Gate)
    }

    #[inline(always)]
    fn reads(self) -> bool {
        true
    }
}

/// How a network takes a context, by its name in a file.
#[cfg(feature = "model")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnyConditioning {
    /// [`Read`]
    #[default]
    Read,
    /// [`Added`]
    Added,
    /// [`Gated`]
    Gated,
}

#[cfg(feature = "model")]
impl AnyConditioning {
    /// Whether it is the default, which files do not name.
    pub(crate) fn is_read(&self) -> bool {
        *self == Self::Read
    }
}

#[cfg(feature = "model")]
impl Conditioning for AnyConditioning {
    #[inline(always)]
    fn join(self, layer: usize, residual: bool) -> Option<Join> {
        match self {
            Self::Read => Read.join(layer, residual),
            Self::Added => Added.join(layer, residual),
            Self::Gated => Gated.join(layer, residual),
        }
    }

    #[inline(always)]
    fn reads(self) -> bool {
        self != Self::Added
    }
}
