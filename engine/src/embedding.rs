//! Embedding: a network that the context passes before a distribution sees it.

use crate::distribution::{Distribution, Draws};
use crate::domain::Domain;
use crate::kernel::{Lanes, take_mut};
use crate::network::Network;
use crate::noise::Noise;
use crate::simd::{Kernel, Simd};

/// `p(x | network(c))`: the network runs once a row, however often the distribution reads its
/// outputs.
#[derive(Clone, Copy, Debug)]
pub struct Embedded<N, D> {
    network: N,
    model: D,
}

impl<N: Network, D: Distribution> Embedded<N, D> {
    /// `None` if the network's outputs are not the model's context.
    pub fn new(network: N, model: D) -> Option<Self> {
        (network.outputs() == model.context()).then_some(Self { network, model })
    }
}

impl<N, D> Embedded<N, D> {
    /// A distribution whose sizes were checked before, by `model!` or when the model was read. Wrong
    /// sizes give wrong values and no panic.
    #[doc(hidden)]
    pub const fn trusted(network: N, model: D) -> Self {
        Self { network, model }
    }
}

impl<N: Network, D: Distribution> Embedded<N, D> {
    #[inline(always)]
    fn embed<'s, L: Lanes>(
        &self,
        lanes: L,
        context: &[L::V],
        scratch: &'s mut [L::V],
    ) -> (&'s [L::V], &'s mut [L::V]) {
        embed(&self.network, lanes, context, scratch)
    }
}

/// The embedded context, and the scratch that is left.
#[inline(always)]
pub(crate) fn embed<'s, L: Lanes, N: Network>(
    network: &N,
    lanes: L,
    context: &[L::V],
    scratch: &'s mut [L::V],
) -> (&'s [L::V], &'s mut [L::V]) {
    let (embedded, scratch) = take_mut(scratch, network.outputs());
    lanes.call(Embed { network, lanes, context, embedded, scratch });
    (embedded, scratch)
}

/// The network at work, in a function of its own: one copy for all distributions.
struct Embed<'e, L: Lanes, N> {
    network: &'e N,
    lanes: L,
    context: &'e [L::V],
    embedded: &'e mut [L::V],
    scratch: &'e mut [L::V],
}

impl<L: Lanes, N: Network> Kernel for Embed<'_, L, N> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self { network, lanes, context, embedded, scratch } = self;
        for (to, from) in scratch.iter_mut().zip(context) {
            *to = *from;
        }
        for (to, from) in embedded.iter_mut().zip(network.run(lanes, scratch).0) {
            *to = *from;
        }
    }
}

impl<N: Network, D: Distribution> Distribution for Embedded<N, D> {
    type Arith = D::Arith;
    const CATEGORIES: bool = D::CATEGORIES;

    #[inline(always)]
    fn domain(&self) -> Domain<'_> {
        self.model.domain()
    }

    #[inline(always)]
    fn dim(&self) -> usize {
        self.model.dim()
    }

    #[inline(always)]
    fn context(&self) -> usize {
        self.network.inputs()
    }

    #[inline(always)]
    fn scratch(&self) -> usize {
        self.network.outputs() + self.network.scratch().max(self.model.scratch())
    }

    #[inline(always)]
    fn draw<L: Lanes, R: Noise>(
        &self,
        lanes: L,
        draws: &mut Draws<L, R>,
        context: &[L::V],
        x: &mut [L::V],
        want_log_prob: bool,
        scratch: &mut [L::V],
    ) -> L::V {
        let (embedded, scratch) = self.embed(lanes, context, scratch);
        self.model.draw(lanes, draws, embedded, x, want_log_prob, scratch)
    }

    #[inline(always)]
    fn score<L: Lanes>(
        &self,
        lanes: L,
        context: &[L::V],
        x: &mut [L::V],
        scratch: &mut [L::V],
    ) -> L::V {
        let (embedded, scratch) = self.embed(lanes, context, scratch);
        self.model.score(lanes, embedded, x, scratch)
    }
}
