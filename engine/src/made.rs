//! Masked autoregressive network over spins (MADE), drawn incrementally.
//!
//! `q(s) = Π_i q(s_i | s_1 … s_{i−1})` over spins `s_i = ±1`, as variational autoregressive
//! networks use it (Germain et al. 2015, arXiv:1502.03509; Wu, Wang & Zhang, PRL 122, 080602).
//! Hidden units are sorted by the site that they belong to; unit `u` of a layer with `H` units
//! belongs to site `⌊u N / H⌋`, so `H = w N` is `w` channels a site and any other `H` is allowed:
//!
//! ```text
//! h⁰_u = leaky(b_u + Σ_{j < site(u)} W_uj s_j)
//! hˡ_u = leaky(b_u + Σ_{v: site(v) ≤ site(u)} W_uv hˡ⁻¹_v)
//! logit_i = (b_i + Σ_{u: site(u) ≤ i} V_iu h_u) + (Σ_{j < i} J_ij s_j)        q(s_i = +1) = σ(logit_i)
//! ```
//!
//! The last sum, the *direct pairwise terms*, is optional. Each parenthesis is one accumulator.
//!
//! # Why sampling costs what scoring costs
//! Everything that belongs to site `i` depends only on spins before `i`. So both directions walk
//! the sites in order and compute the units of site `i` when they get there; one weight is read
//! once. Reading alone would make short dot products with one chain of additions, so sites go in
//! blocks of [`BLOCK`]: what a block reads from earlier blocks is one big rectangle
//! ([`crate::kernel`]) with many independent accumulators, and only the triangle inside the block
//! goes site by site. An accumulator still gets its inputs in ascending order, so the block size
//! is a matter of layout and not of bits. No zero is stored or multiplied.
//!
//! # Packed order
//! For each block: for each hidden layer the biases and the rectangle; the biases of the logits
//! and their rectangle; the pairwise rectangle. Then for each site: for each hidden layer its
//! triangle's rectangle and its slopes; the logit's and the pairwise row.

use core::marker::PhantomData;

use crate::autoregressive::{Autoregressive, Visitor};
use crate::kernel::{Arith, Cursor, Fused, Lanes, Weight, fill, leaky, take, take_mut};

/// Sites in a block; see the module.
pub const BLOCK: usize = 16;

/// Units of a layer of `units` that belong to sites before `site`, of `sites` in all.
#[inline(always)]
pub const fn units_before(units: usize, sites: usize, site: usize) -> usize {
    // A division by zero sites would be a panic path; there are no units before no site.
    match (units * site + sites.saturating_sub(1)).checked_div(sites) {
        Some(n) => n,
        None => 0,
    }
}

/// A masked autoregressive network over packed weights, borrowed from flash or from a loaded model.
#[derive(Clone, Copy, Debug)]
pub struct Made<'a, T = f32, A = Fused> {
    sites: usize,
    hidden: &'a [usize],
    pairwise: bool,
    weights: &'a [T],
    arith: PhantomData<A>,
}

impl<'a, T: Weight, A: Arith> Made<'a, T, A> {
    /// A network of `sites` spins with these `hidden` layers (units), with or without direct
    /// `pairwise` terms, over weights packed as the module says.
    ///
    /// `None` if there are no sites, a network without inputs to its logits is asked for, or
    /// there are not [`Made::weights_len`] weights.
    pub const fn new(
        sites: usize,
        hidden: &'a [usize],
        pairwise: bool,
        weights: &'a [T],
    ) -> Option<Self> {
        if sites == 0
            || (hidden.is_empty() && !pairwise)
            || weights.len() != Self::weights_len(sites, hidden, pairwise)
        {
            return None;
        }
        Some(Self { sites, hidden, pairwise, weights, arith: PhantomData })
    }

    /// Packed weights, biases and slopes of such a network.
    pub const fn weights_len(sites: usize, hidden: &[usize], pairwise: bool) -> usize {
        let mut biases = sites;
        let mut rest = hidden;
        while let [units, tail @ ..] = rest {
            biases += 2 * *units;
            rest = tail;
        }
        biases + Self::multiply_adds(sites, hidden, pairwise)
    }

    /// Multiply-adds of one sample or one score: each unmasked weight once.
    pub const fn multiply_adds(sites: usize, hidden: &[usize], pairwise: bool) -> usize {
        let mut total = if pairwise { sites * (sites - 1) / 2 } else { 0 };
        let mut site = 0;
        while site < sites {
            let mut inputs = site;
            let mut rest = hidden;
            while let [units, tail @ ..] = rest {
                let before = units_before(*units, sites, site);
                let through = units_before(*units, sites, site + 1);
                total += (through - before) * inputs;
                inputs = through;
                rest = tail;
            }
            if !hidden.is_empty() {
                total += inputs;
            }
            site += 1;
        }
        total
    }

    /// Values of scratch that a run needs besides the spins: hidden units and a block of logits.
    pub const fn scratch_values(hidden: &[usize]) -> usize {
        let mut values = 2 * BLOCK;
        let mut rest = hidden;
        while let [units, tail @ ..] = rest {
            values += *units;
            rest = tail;
        }
        values
    }
}

impl<T: Weight, A: Arith> Autoregressive for Made<'_, T, A> {
    type Arith = A;

    #[inline(always)]
    fn sites(&self) -> usize {
        self.sites
    }

    #[inline(always)]
    fn scratch(&self) -> usize {
        Self::scratch_values(self.hidden)
    }

    #[inline(always)]
    fn visit<L: Lanes>(
        &self,
        lanes: L,
        visitor: &mut impl Visitor<L>,
        spins: &mut [L::V],
        scratch: &mut [L::V],
    ) {
        let sites = self.sites;
        let (logits, scratch) = take_mut(scratch, BLOCK);
        let (pairs, hidden) = take_mut(scratch, BLOCK);
        let mut weights = Cursor::new(self.weights);
        let mut start = 0;
        while start < sites {
            let end = (start + BLOCK).min(sites);
            let count = end - start;

            // What the block reads from the blocks before it.
            let (mut inputs, mut known): (&[L::V], usize) = (&*spins, start);
            let mut later = &mut *hidden;
            for units in self.hidden {
                let (layer, rest) = take_mut(later, *units);
                let before = units_before(*units, sites, start);
                let n = units_before(*units, sites, end) - before;
                let acc = take_mut(take_mut(layer, before).1, n).0;
                fill(lanes, acc, weights.next(n));
                lanes.rectangle(weights.next(known * n), take(inputs, known).0, acc);
                (inputs, known) = (layer, before);
                later = rest;
            }
            let acc = take_mut(logits, count).0;
            fill(lanes, acc, weights.next(count));
            if !self.hidden.is_empty() {
                let x = take(inputs, known).0;
                lanes.rectangle(weights.next(known * count), x, acc);
            }
            if self.pairwise {
                let acc = take_mut(pairs, count).0;
                for p in acc.iter_mut() {
                    *p = lanes.splat(0.0);
                }
                let x = take(spins, start).0;
                lanes.rectangle(weights.next(start * count), x, acc);
            }

            // The triangle inside the block, site by site.
            for (site, (logit, pair)) in (start..end)
                .zip(logits.as_chunks_mut::<1>().0.iter_mut().zip(pairs.as_chunks_mut::<1>().0))
            {
                let (mut inputs, mut from, mut to): (&[L::V], usize, usize) =
                    (&*spins, start, site);
                let mut later = &mut *hidden;
                for units in self.hidden {
                    let (layer, rest) = take_mut(later, *units);
                    let before = units_before(*units, sites, site);
                    let through = units_before(*units, sites, site + 1);
                    let n = through - before;
                    let x = between(inputs, from, to);
                    let acc = take_mut(take_mut(layer, before).1, n).0;
                    lanes.rectangle(weights.next(x.len() * n), x, acc);
                    leaky(lanes, acc, weights.next(n));
                    (inputs, from, to) = (layer, units_before(*units, sites, start), through);
                    later = rest;
                }
                if !self.hidden.is_empty() {
                    let x = between(inputs, from, to);
                    lanes.rectangle(weights.next(x.len()), x, logit);
                }
                if self.pairwise {
                    let x = between(spins, start, site);
                    lanes.rectangle(weights.next(x.len()), x, pair);
                }
                let ([logit], [pair]) = (logit, pair);
                if self.pairwise {
                    add(lanes, logit, pair);
                }
                if let Some(spin) = spins.get_mut(site) {
                    visitor.site(lanes, site, logit, spin);
                }
            }
            start = end;
        }
    }
}

/// `xs[from..to]`, or what there is of it.
#[inline(always)]
fn between<V>(xs: &[V], from: usize, to: usize) -> &[V] {
    take(take(xs, from).1, to.saturating_sub(from)).0
}

/// `a += b`.
#[inline(always)]
fn add<L: Lanes>(lanes: L, a: &mut L::V, b: &L::V) {
    use crate::simd::Simd;
    let s = lanes.s();
    for (a, b) in a.as_mut().iter_mut().zip(b.as_ref()) {
        s.store(s.add(s.load(a), s.load(b)), a);
    }
}
