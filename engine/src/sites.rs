//! Distributions over sites, each drawn given those before: `q(x) = Π_i q(x_i | x_1 … x_{i−1})`, in the order in
//! which the network visits them. Their noise words are in that order too.
//!
//! A [`CausalNetwork`] says what it makes of the sites before, a [`Conditional`] turns that into the
//! distribution of the site's value. With a masked network and [`Bernoulli`](crate::conditional)
//! spins it is MADE (Germain et al. 2015, arXiv:1502.03509) as variational autoregressive networks
//! use it (Wu, Wang & Zhang, PRL 122, 080602); the network's direct terms are then the pairwise terms
//! `Σ_{j < i} J_ij s_j`.
//!
//! A [`Constraint`] says which rows there are: it closes values of which the conditional then has none.
//!
//! The path of a draw and the score of its row have the same bits.

use core::marker::PhantomData;

use crate::conditional::Conditional;
use crate::constraint::{Constraint, Free};
use crate::distribution::{Distribution, Draws};
use crate::domain::Domain;
use crate::kernel::{Arith, Fused, Lanes, Sum, take_mut};
use crate::network::{CausalNetwork, CausalSizes, Turn, Visitor};
use crate::noise::Noise;
use crate::simd::{Kernel, Simd};

/// A distribution over the sites of a network; see the module.
#[derive(Clone, Copy, Debug)]
pub struct Sites<N, C, A = Fused, K = Free> {
    network: N,
    conditional: C,
    constraint: K,
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

impl<N: CausalNetwork, C: Conditional, A: Arith, K: Constraint> Sites<N, C, A, K> {
    /// [`Sites::new`] over the rows of a constraint. The conditional has to be one that closes values: one
    /// that does not draws all rows.
    pub fn within(network: N, conditional: C, constraint: K) -> Option<Self> {
        let Sites { network, conditional, .. } = Sites::<N, C, A>::new(network, conditional)?;
        Some(Self::trusted_within(network, conditional, constraint))
    }
}

impl<N, C, A> Sites<N, C, A> {
    /// A distribution whose sizes were checked before, by `model!` or when the model was read. Wrong
    /// sizes give wrong values and no panic.
    #[doc(hidden)]
    pub const fn trusted(network: N, conditional: C) -> Self {
        Self::trusted_within(network, conditional, Free)
    }
}

impl<N, C, A, K> Sites<N, C, A, K> {
    /// [`Sites::trusted`] over the rows of a constraint, whose values the conditional can close.
    #[doc(hidden)]
    pub const fn trusted_within(network: N, conditional: C, constraint: K) -> Self {
        Self { network, conditional, constraint, arith: PhantomData }
    }
}

/// Closes values of a site before it is drawn or scored.
#[inline(always)]
fn close<L: Lanes, C: Conditional, K: Constraint>(
    lanes: L,
    at: Turn,
    conditional: &C,
    constraint: &K,
    state: &[L::V],
    outputs: &mut [L::V],
) {
    if !K::FREE {
        let open = |k, r| constraint.open(lanes, at.turn, k, state, r);
        conditional.close(lanes, at.site, outputs, open);
    }
}

/// Takes a site's value along.
#[inline(always)]
fn note<L: Lanes, C: Conditional, K: Constraint>(
    lanes: L,
    conditional: &C,
    constraint: &K,
    state: &mut [L::V],
    value: &L::V,
) {
    if !K::FREE {
        constraint.note(lanes, &conditional.number(lanes, value), state);
    }
}

/// Draws every value; adds up its ln p where `log_prob` is wanted.
struct Draw<'d, 'n, L: Lanes, C, K, N> {
    conditional: &'d C,
    constraint: &'d K,
    /// What the constraint carries.
    state: &'d mut [L::V],
    /// The row, where the network's inputs are something else.
    x: &'d mut [L::V],
    draws: &'d mut Draws<'n, L, N>,
    log_prob: Option<Sum<L::V>>,
}

impl<L: Lanes, C: Conditional, K: Constraint, N: Noise> Visitor<L> for Draw<'_, '_, L, C, K, N> {
    #[inline(always)]
    fn sizes(&self) -> [usize; 2] {
        [self.conditional.inputs(), self.conditional.outputs()]
    }

    #[inline(always)]
    fn site(&mut self, lanes: L, at: Turn, outputs: &mut [L::V], inputs: &mut [L::V]) {
        let site = at.site;
        let word = C::WORDS * at.turn as u32;
        let first = self.draws.words(lanes, word);
        // A block has two words: no other block is computed.
        let second = if C::WORDS == 2 { self.draws.words(lanes, word + 1) } else { first };
        let words = [&first, &second];
        let (conditional, log_prob) = (self.conditional, self.log_prob.as_mut());
        let (constraint, state) = (self.constraint, &mut *self.state);
        close(lanes, at, conditional, constraint, state, outputs);
        if C::IN_PLACE {
            let Some(value) = inputs.first_mut() else { return };
            conditional.draw(lanes, site, outputs, words, value, log_prob);
            note(lanes, conditional, constraint, state, value);
        } else {
            let Some(value) = self.x.get_mut(site) else { return };
            conditional.draw(lanes, site, outputs, words, value, log_prob);
            note(lanes, conditional, constraint, state, value);
            conditional.enter(lanes, site, value, inputs);
        }
    }
}

/// Adds up ln p of given values.
struct Score<'d, L: Lanes, C, K> {
    conditional: &'d C,
    constraint: &'d K,
    state: &'d mut [L::V],
    x: &'d mut [L::V],
    log_prob: Sum<L::V>,
}

impl<L: Lanes, C: Conditional, K: Constraint> Visitor<L> for Score<'_, L, C, K> {
    #[inline(always)]
    fn sizes(&self) -> [usize; 2] {
        [self.conditional.inputs(), self.conditional.outputs()]
    }

    #[inline(always)]
    fn site(&mut self, lanes: L, at: Turn, outputs: &mut [L::V], inputs: &mut [L::V]) {
        let site = at.site;
        let (conditional, log_prob) = (self.conditional, &mut self.log_prob);
        let (constraint, state) = (self.constraint, &mut *self.state);
        close(lanes, at, conditional, constraint, state, outputs);
        if C::IN_PLACE {
            let Some(value) = inputs.first() else { return };
            conditional.log_prob(lanes, site, outputs, value, log_prob);
            note(lanes, conditional, constraint, state, value);
        } else {
            let Some(value) = self.x.get(site) else { return };
            conditional.log_prob(lanes, site, outputs, value, log_prob);
            note(lanes, conditional, constraint, state, value);
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

impl<N: CausalNetwork, C: Conditional, A: Arith, K: Constraint> Sites<N, C, A, K> {
    /// Inputs of all sites, where they are something else than the row.
    #[inline(always)]
    fn inputs(&self) -> usize {
        let CausalSizes { sites, inputs, .. } = self.network.sizes();
        if C::IN_PLACE { 0 } else { sites * inputs }
    }

    /// What the constraint carries, the row that the visitor has and the network's inputs, which are one and
    /// the same or not, and scratch.
    #[inline(always)]
    fn split<'x, V>(&self, x: &'x mut [V], scratch: &'x mut [V]) -> [&'x mut [V]; 4] {
        let (state, scratch) = take_mut(scratch, self.constraint.state());
        if C::IN_PLACE {
            return [state, &mut [], x, scratch];
        }
        let (inputs, scratch) = take_mut(scratch, self.inputs());
        [state, x, inputs, scratch]
    }
}

impl<N: CausalNetwork, C: Conditional, A: Arith, K: Constraint> Distribution for Sites<N, C, A, K> {
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
        self.network.scratch() + self.inputs() + self.constraint.state()
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
        let Self { network, conditional, constraint, .. } = self;
        let log_prob = want_log_prob.then(|| Sum::zero(lanes));
        let [state, x, inputs, scratch] = self.split(x, scratch);
        constraint.start(lanes, state);
        let mut visitor = Draw { conditional, constraint, state, x, draws, log_prob };
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
        let Self { network, conditional, constraint, .. } = self;
        let [state, x, inputs, scratch] = self.split(x, scratch);
        constraint.start(lanes, state);
        let mut visitor = Score { conditional, constraint, state, x, log_prob: Sum::zero(lanes) };
        lanes.call(Walk { network, lanes, visitor: &mut visitor, context, inputs, scratch });
        let mut log_prob = conditional.total(lanes, &visitor.log_prob);
        if !K::FREE {
            let s = lanes.s();
            for (r, log_prob) in log_prob.as_mut().iter_mut().enumerate() {
                let kept = constraint.kept(lanes, visitor.state, r);
                let value = s.select(kept, s.load(log_prob), s.splat(f32::NEG_INFINITY));
                s.store(value, log_prob);
            }
        }
        log_prob
    }
}
