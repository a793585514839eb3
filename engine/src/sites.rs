//! Distributions over sites, each drawn given those before: `q(x) = Π_i q(x_i | x_1 … x_{i−1})`.
//!
//! A [`CausalNetwork`] says what it makes of the sites before, a [`Conditional`] turns that into the
//! distribution of the site's value. With a masked network and [`Bernoulli`](crate::conditional)
//! spins it is MADE (Germain et al. 2015, arXiv:1502.03509) as variational autoregressive networks
//! use it (Wu, Wang & Zhang, PRL 122, 080602); the network's direct terms are then the pairwise terms
//! `Σ_{j < i} J_ij s_j`.
//!
//! The path of a draw and the score of its row have the same bits.

use core::marker::PhantomData;

use crate::conditional::Conditional;
use crate::distribution::{Distribution, Draws};
use crate::domain::Domain;
use crate::kernel::{Arith, Fused, Lanes, Sum, take_mut};
use crate::network::{CausalNetwork, CausalSizes, Visitor};
use crate::noise::Noise;
use crate::simd::{Kernel, Simd};

/// A distribution over the sites of a network; see the module.
#[derive(Clone, Copy, Debug)]
pub struct Sites<N, C, A = Fused> {
    network: N,
    conditional: C,
    arith: PhantomData<A>,
}

impl<N: CausalNetwork, C: Conditional, A: Arith> Sites<N, C, A> {
    /// `None` if the network has not the inputs and outputs that the conditional asks of each site.
    pub fn new(network: N, conditional: C) -> Option<Self> {
        let CausalSizes { sites, inputs, outputs, .. } = network.sizes();
        let fits = conditional.fits(sites)
            && inputs == conditional.inputs()
            && outputs == conditional.outputs();
        fits.then(|| Self::trusted(network, conditional))
    }
}

impl<N, C, A> Sites<N, C, A> {
    /// A distribution whose sizes were checked before, by `model!` or when the model was read. Wrong
    /// sizes give wrong values and no panic.
    #[doc(hidden)]
    pub const fn trusted(network: N, conditional: C) -> Self {
        Self { network, conditional, arith: PhantomData }
    }
}

/// Draws every value; adds up its ln p where `log_prob` is wanted.
struct Draw<'d, 'n, L: Lanes, C, N> {
    conditional: &'d C,
    /// The row, where the network's inputs are something else.
    x: &'d mut [L::V],
    draws: &'d mut Draws<'n, L, N>,
    log_prob: Option<Sum<L::V>>,
}

impl<L: Lanes, C: Conditional, N: Noise> Visitor<L> for Draw<'_, '_, L, C, N> {
    #[inline(always)]
    fn sizes(&self) -> [usize; 2] {
        [self.conditional.inputs(), self.conditional.outputs()]
    }

    #[inline(always)]
    fn site(&mut self, lanes: L, site: usize, outputs: &mut [L::V], inputs: &mut [L::V]) {
        let word = C::WORDS * site as u32;
        let first = self.draws.words(lanes, word);
        // A block has two words: no other block is computed.
        let second = if C::WORDS == 2 { self.draws.words(lanes, word + 1) } else { first };
        let words = [&first, &second];
        let (conditional, log_prob) = (self.conditional, self.log_prob.as_mut());
        if C::IN_PLACE {
            let Some(value) = inputs.first_mut() else { return };
            conditional.draw(lanes, site, outputs, words, value, log_prob);
        } else {
            let Some(value) = self.x.get_mut(site) else { return };
            conditional.draw(lanes, site, outputs, words, value, log_prob);
            conditional.enter(lanes, site, value, inputs);
        }
    }
}

/// Adds up ln p of given values.
struct Score<'d, L: Lanes, C> {
    conditional: &'d C,
    x: &'d mut [L::V],
    log_prob: Sum<L::V>,
}

impl<L: Lanes, C: Conditional> Visitor<L> for Score<'_, L, C> {
    #[inline(always)]
    fn sizes(&self) -> [usize; 2] {
        [self.conditional.inputs(), self.conditional.outputs()]
    }

    #[inline(always)]
    fn site(&mut self, lanes: L, site: usize, outputs: &mut [L::V], inputs: &mut [L::V]) {
        let (conditional, log_prob) = (self.conditional, &mut self.log_prob);
        if C::IN_PLACE {
            let Some(value) = inputs.first() else { return };
            conditional.log_prob(lanes, site, outputs, value, log_prob);
        } else {
            let Some(value) = self.x.get(site) else { return };
            conditional.log_prob(lanes, site, outputs, value, log_prob);
            conditional.enter(lanes, site, value, inputs);
        }
    }
}

/// A walk in a function of its own: one copy for all callers.
struct Walk<'a, M, L: Lanes, T> {
    network: &'a M,
    lanes: L,
    visitor: &'a mut T,
    context: &'a [L::V],
    inputs: &'a mut [L::V],
    scratch: &'a mut [L::V],
}

impl<M: CausalNetwork, L: Lanes, T: Visitor<L>> Kernel for Walk<'_, M, L, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        self.network.walk(self.lanes, self.visitor, self.context, self.inputs, self.scratch);
    }
}

impl<N: CausalNetwork, C: Conditional, A: Arith> Sites<N, C, A> {
    /// Inputs of all sites, where they are something else than the row.
    #[inline(always)]
    fn inputs(&self) -> usize {
        let CausalSizes { sites, inputs, .. } = self.network.sizes();
        if C::IN_PLACE { 0 } else { sites * inputs }
    }

    /// The row that the visitor has and the network's inputs, which are one and the same or not.
    #[inline(always)]
    fn split<'x, V>(&self, x: &'x mut [V], scratch: &'x mut [V]) -> [&'x mut [V]; 3] {
        if C::IN_PLACE {
            return [&mut [], x, scratch];
        }
        let (inputs, scratch) = take_mut(scratch, self.inputs());
        [x, inputs, scratch]
    }
}

impl<N: CausalNetwork, C: Conditional, A: Arith> Distribution for Sites<N, C, A> {
    type Arith = A;
    const CATEGORIES: bool = C::CATEGORIES;

    #[inline(always)]
    fn domain(&self) -> Domain<'_> {
        self.conditional.domain()
    }

    #[inline(always)]
    fn dim(&self) -> usize {
        self.network.sizes().sites
    }

    #[inline(always)]
    fn context(&self) -> usize {
        self.network.sizes().context
    }

    #[inline(always)]
    fn scratch(&self) -> usize {
        self.network.scratch() + self.inputs()
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
        let Self { network, conditional, .. } = self;
        let log_prob = want_log_prob.then(|| Sum::zero(lanes));
        let [x, inputs, scratch] = self.split(x, scratch);
        let mut visitor = Draw { conditional, x, draws, log_prob };
        lanes.call(Walk { network, lanes, visitor: &mut visitor, context, inputs, scratch });
        visitor.log_prob.map_or(lanes.splat(0.0), |sum| conditional.total(lanes, &sum))
    }

    #[inline(always)]
    fn score<L: Lanes>(
        &self,
        lanes: L,
        context: &[L::V],
        x: &mut [L::V],
        scratch: &mut [L::V],
    ) -> L::V {
        let Self { network, conditional, .. } = self;
        let [x, inputs, scratch] = self.split(x, scratch);
        let mut visitor = Score { conditional, x, log_prob: Sum::zero(lanes) };
        lanes.call(Walk { network, lanes, visitor: &mut visitor, context, inputs, scratch });
        conditional.total(lanes, &visitor.log_prob)
    }
}
