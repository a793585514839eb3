//! Masked autoregressive network over spins (MADE).
//!
//! `q(s) = Π_i q(s_i | s_1 … s_{i−1})` over spins `s_i = ±1`, `q(s_i = +1) = σ(logit_i)`, as
//! variational autoregressive networks use it (Wu, Wang & Zhang, PRL 122, 080602). The logits are
//! the outputs of a masked network ([`crate::masked`]: its formulas and its packed order), one a
//! site; its direct terms are the *pairwise* terms `Σ_{j < i} J_ij s_j`.

use crate::autoregressive::{Autoregressive, Visitor};
use crate::kernel::{Arith, Fused, Lanes, Weight};
use crate::masked::{self, Masked, Shape};

/// A masked autoregressive network over packed weights, borrowed from flash or from a loaded model.
#[derive(Clone, Copy, Debug)]
pub struct Made<'a, T = f32, A = Fused>(Masked<'a, T, A>);

impl<'a, T: Weight, A: Arith> Made<'a, T, A> {
    /// A network of `sites` spins with these `hidden` layers (units), with or without direct
    /// `pairwise` terms, over weights packed as [`crate::masked`] says.
    ///
    /// `None` if there are no sites, a network without inputs to its logits is asked for, or
    /// there are not as many weights as [`Made::shape`] needs.
    pub const fn new(
        sites: usize,
        hidden: &'a [usize],
        pairwise: bool,
        weights: &'a [T],
    ) -> Option<Self> {
        match Masked::new(Self::shape(sites, hidden, pairwise), weights) {
            Some(network) => Some(Self(network)),
            None => None,
        }
    }

    /// A network whose sizes were checked before, by `model!` or when the model was read. Wrong sizes
    /// give wrong values and no panic.
    #[doc(hidden)]
    pub const fn trusted(shape: Shape<'a>, weights: &'a [T]) -> Self {
        Self(Masked::trusted(shape, weights))
    }

    /// The sizes of such a network.
    pub const fn shape(sites: usize, hidden: &[usize], pairwise: bool) -> Shape<'_> {
        Shape { sites, hidden, outputs: 1, direct: pairwise }
    }
}

/// A visitor of logits as one of a network's outputs.
struct Logits<'v, V>(&'v mut V);

impl<L: Lanes, V: Visitor<L>> masked::Visitor<L> for Logits<'_, V> {
    #[inline(always)]
    fn site(&mut self, lanes: L, site: usize, outputs: &mut [L::V], input: &mut L::V) {
        if let [logit] = outputs {
            self.0.site(lanes, site, logit, input);
        }
    }
}

impl<T: Weight, A: Arith> Autoregressive for Made<'_, T, A> {
    type Arith = A;

    #[inline(always)]
    fn sites(&self) -> usize {
        self.0.shape().sites
    }

    #[inline(always)]
    fn scratch(&self) -> usize {
        self.0.shape().scratch_values()
    }

    #[inline(always)]
    fn visit<L: Lanes>(
        &self,
        lanes: L,
        visitor: &mut impl Visitor<L>,
        spins: &mut [L::V],
        scratch: &mut [L::V],
    ) {
        self.0.walk(lanes, &mut Logits(visitor), spins, scratch);
    }
}
