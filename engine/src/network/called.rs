//! Networks in functions of their own, for models that are read at run time.
//!
//! A compiled model is one program, in which a network's walk and what happens at a site are one loop.
//! A model that is read may be any of them, and a walk for each network *and* each visitor, on each
//! level, takes minutes to compile. So the walks that are not the usual families' know their visitor by
//! its table of functions.

use super::{CausalNetwork, CausalSizes, Network, Turn, Visitor};
use crate::kernel::Lanes;
use crate::simd::{Kernel, Simd};

/// A network that is called, or walked with a visitor that is called.
#[derive(Clone, Copy, Debug)]
pub struct Called<N>(pub N);

impl<N: Network> Network for Called<N> {
    fn inputs(&self) -> usize {
        self.0.inputs()
    }

    fn outputs(&self) -> usize {
        self.0.outputs()
    }

    fn scratch(&self) -> usize {
        self.0.scratch()
    }

    #[inline(always)]
    fn run<'s, L: Lanes>(
        &self,
        lanes: L,
        scratch: &'s mut [L::V],
    ) -> (&'s mut [L::V], &'s mut [L::V]) {
        lanes.call(Run { network: &self.0, lanes, scratch })
    }
}

/// A network at work.
struct Run<'n, 's, L: Lanes, N> {
    network: &'n N,
    lanes: L,
    scratch: &'s mut [L::V],
}

impl<'s, L: Lanes, N: Network> Kernel for Run<'_, 's, L, N> {
    type Output = (&'s mut [L::V], &'s mut [L::V]);
    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> Self::Output {
        self.network.run(self.lanes, self.scratch)
    }
}

impl<N: CausalNetwork> CausalNetwork for Called<N> {
    fn sizes(&self) -> CausalSizes {
        self.0.sizes()
    }

    fn scratch(&self) -> usize {
        self.0.scratch()
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
        let visitor = &mut Own(visitor);
        lanes.call(Walk { network: &self.0, lanes, visitor, context, inputs, scratch });
    }
}

/// A walk.
struct Walk<'w, L: Lanes, N> {
    network: &'w N,
    lanes: L,
    visitor: &'w mut dyn Visitor<L>,
    context: &'w [L::V],
    inputs: &'w mut [L::V],
    scratch: &'w mut [L::V],
}

impl<L: Lanes, N: CausalNetwork> Kernel for Walk<'_, L, N> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self { network, lanes, mut visitor, context, inputs, scratch } = self;
        network.walk(lanes, &mut visitor, context, inputs, scratch);
    }
}

impl<L: Lanes> Visitor<L> for &mut (dyn Visitor<L> + '_) {
    #[inline(always)]
    fn sizes(&self) -> [usize; 2] {
        (**self).sizes()
    }

    #[inline(always)]
    fn site(&mut self, lanes: L, at: Turn, outputs: &mut [L::V], inputs: &mut [L::V]) {
        (**self).site(lanes, at, outputs, inputs);
    }
}

/// A visitor whose function begins at the level of the lanes: one that a table points to does not
/// inherit it.
struct Own<'v, V>(&'v mut V);

impl<L: Lanes, V: Visitor<L>> Visitor<L> for Own<'_, V> {
    fn sizes(&self) -> [usize; 2] {
        self.0.sizes()
    }

    fn site(&mut self, lanes: L, at: Turn, outputs: &mut [L::V], inputs: &mut [L::V]) {
        lanes.call(Site { visitor: &mut *self.0, lanes, at, outputs, inputs });
    }
}

/// A visit.
struct Site<'v, L: Lanes, V> {
    visitor: &'v mut V,
    lanes: L,
    at: Turn,
    outputs: &'v mut [L::V],
    inputs: &'v mut [L::V],
}

impl<L: Lanes, V: Visitor<L>> Kernel for Site<'_, L, V> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self { visitor, lanes, at, outputs, inputs } = self;
        visitor.site(lanes, at, outputs, inputs);
    }
}
