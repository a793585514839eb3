//! A masked network walked site by site: what autoregressive models of spins and of reals share.
//!
//! Each site has one input and `P` outputs; the outputs of site `i` read only inputs of sites
//! before `i` (MADE: Germain et al. 2015, arXiv:1502.03509). Hidden units are sorted by the site
//! that they belong to; unit `u` of a layer with `H` units belongs to site `⌊u N / H⌋`, so
//! `H = w N` is `w` channels a site and any other `H` is allowed:
//!
//! ```text
//! h⁰_u = leaky(b_u + Σ_{j < site(u)} W_uj x_j)
//! hˡ_u = leaky(b_u + Σ_{v: site(v) ≤ site(u)} W_uv hˡ⁻¹_v)
//! out_i = (b_i + Σ_{u: site(u) ≤ i} V_iu h_u) + (Σ_{j < i} J_ij x_j)
//! ```
//!
//! The last sum, the *direct* terms, is optional. Each parenthesis is one accumulator.
//!
//! # Why drawing costs what scoring costs
//! Everything that belongs to site `i` depends only on inputs before `i`. So a walk visits the
//! sites in order, and a [`Visitor`] reads the input of a site or sets it from the site's outputs;
//! either way every weight is read once and no zero is stored or multiplied.
//!
//! Sites go in blocks of [`BLOCK`]. What a block reads from earlier blocks is one big rectangle
//! ([`crate::kernel`]) with many independent accumulators. Inside the block a unit's value is
//! passed on as soon as it is known, to all units of the block that read it: again a rectangle,
//! with few inputs and many outputs, where a unit that collected its own inputs would be one
//! long chain of dependent additions. An accumulator gets its inputs in ascending order both ways,
//! so the block size is a matter of layout and not of bits.
//!
//! # Packed order
//! For each block: for each hidden layer the biases and the rectangle; the biases of the outputs
//! and their rectangle; the direct rectangle. Then for each site: for each hidden layer the slopes
//! of its units and the rectangle from them to the next layer's units (or the outputs) of this and
//! later sites of the block; then from its input to the first layer's units of later sites, and to
//! their outputs.

use core::marker::PhantomData;

use crate::kernel::{Arith, Cursor, Dense, Fused, Lanes, Weight, leaky, take, take_mut};

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

/// What happens at a site once its outputs are known.
pub trait Visitor<L: Lanes> {
    /// Site number `site` has these `P` outputs, which may be overwritten; `input` may be read or
    /// set.
    fn site(&mut self, lanes: L, site: usize, outputs: &mut [L::V], input: &mut L::V);
}

/// The sizes of a masked network.
#[derive(Clone, Copy, Debug)]
pub struct Shape<'a> {
    /// Sites.
    pub sites: usize,
    /// Units of each hidden layer.
    pub hidden: &'a [usize],
    /// Outputs of a site, P.
    pub outputs: usize,
    /// Direct terms from inputs to outputs.
    pub direct: bool,
}

impl Shape<'_> {
    /// Packed weights, biases and slopes.
    pub const fn weights_len(&self) -> usize {
        let mut biases = self.sites * self.outputs;
        let mut rest = self.hidden;
        while let [units, tail @ ..] = rest {
            biases += 2 * *units;
            rest = tail;
        }
        biases + self.multiply_adds()
    }

    /// Multiply-adds of one walk: each unmasked weight once.
    pub const fn multiply_adds(&self) -> usize {
        let Self { sites, hidden, outputs, direct } = *self;
        let mut total = if direct { outputs * sites * sites.saturating_sub(1) / 2 } else { 0 };
        let mut site = 0;
        while site < sites {
            let mut inputs = site;
            let mut rest = hidden;
            while let [units, tail @ ..] = rest {
                let through = units_before(*units, sites, site + 1);
                total += (through - units_before(*units, sites, site)) * inputs;
                inputs = through;
                rest = tail;
            }
            if !hidden.is_empty() {
                total += inputs * outputs;
            }
            site += 1;
        }
        total
    }

    /// Values of scratch that a walk needs besides the inputs: hidden units, and the outputs of a
    /// block.
    pub const fn scratch_values(&self) -> usize {
        let block = if self.sites < BLOCK { self.sites } else { BLOCK };
        let mut values = block * self.outputs * if self.direct { 2 } else { 1 };
        let mut rest = self.hidden;
        while let [units, tail @ ..] = rest {
            values += *units;
            rest = tail;
        }
        values
    }
}

/// Layers whose width is kept, which saves a walk most of its divisions.
const WIDTHS: usize = 4;

/// A masked network over packed weights, borrowed from flash or from a loaded model.
#[derive(Clone, Copy, Debug)]
pub struct Masked<'a, T = f32, A = Fused> {
    shape: Shape<'a>,
    /// Units a site of the first layers, where that is a whole number; else 0.
    widths: [usize; WIDTHS],
    weights: &'a [T],
    arith: PhantomData<A>,
}

impl<'a, T: Weight, A: Arith> Masked<'a, T, A> {
    /// A network of this `shape` over weights packed as the module says.
    ///
    /// `None` if it has no sites or no outputs, if outputs would read nothing, or if there are not
    /// [`Shape::weights_len`] weights.
    pub const fn new(shape: Shape<'a>, weights: &'a [T]) -> Option<Self> {
        if shape.sites == 0
            || shape.outputs == 0
            || (shape.hidden.is_empty() && !shape.direct)
            || weights.len() != shape.weights_len()
        {
            return None;
        }
        Some(Self::trusted(shape, weights))
    }

    /// A network whose sizes were checked before, over weights of which it may be only the first.
    pub(crate) const fn trusted(shape: Shape<'a>, weights: &'a [T]) -> Self {
        let mut widths = [0; WIDTHS];
        let (mut rest, mut of) = (shape.hidden, widths.as_mut_slice());
        while let ([units, tail @ ..], [width, later @ ..]) = (rest, of) {
            *width = match (units.checked_rem(shape.sites), units.checked_div(shape.sites)) {
                (Some(0), Some(width)) => width,
                _ => 0,
            };
            (rest, of) = (tail, later);
        }
        Self { shape, widths, weights, arith: PhantomData }
    }

    /// Units of hidden layer `layer` that belong to sites before `site`.
    #[inline(always)]
    fn before(&self, layer: usize, site: usize) -> usize {
        match self.widths.get(layer) {
            Some(width) if *width > 0 => *width * site,
            _ => {
                let units = self.shape.hidden.get(layer).copied().unwrap_or(0);
                units_before(units, self.shape.sites, site)
            }
        }
    }

    /// Its sizes.
    #[inline(always)]
    pub const fn shape(&self) -> Shape<'a> {
        self.shape
    }

    /// Visits the sites in ascending order with their outputs; `inputs` has one value a site,
    /// `scratch` at least [`Shape::scratch_values`].
    #[inline(always)]
    pub fn walk<L: Lanes>(
        &self,
        lanes: L,
        visitor: &mut impl Visitor<L>,
        inputs: &mut [L::V],
        scratch: &mut [L::V],
    ) {
        let Shape { sites, hidden: sizes, outputs, direct } = self.shape;
        let block = BLOCK.min(sites) * outputs;
        let (outs, scratch) = take_mut(scratch, block);
        let (directs, hidden) = take_mut(scratch, if direct { block } else { 0 });
        let mut weights = Cursor::new(self.weights);
        let mut start = 0;
        while start < sites {
            let end = (start + BLOCK).min(sites);
            let count = (end - start) * outputs;

            // What the block reads from the blocks before it.
            let (mut from, mut known): (&[L::V], usize) = (&*inputs, start);
            let mut later = &mut *hidden;
            for (l, units) in (0..sizes.len()).zip(sizes) {
                let (layer, rest) = take_mut(later, *units);
                let (before, through) = (self.before(l, start), self.before(l, end));
                let n = through - before;
                let acc = between(layer, before, through);
                let (bias, rectangle) = (weights.next(n), weights.next(known * n));
                let dense = Dense { bias, weights: rectangle, slopes: &[] };
                lanes.dense(dense, take(from, known).0, acc);
                (from, known) = (layer, before);
                later = rest;
            }
            let acc = take_mut(outs, count).0;
            // Without hidden layers the outputs read nothing but the direct terms.
            let known = if sizes.is_empty() { 0 } else { known };
            let (bias, rectangle) = (weights.next(count), weights.next(known * count));
            let dense = Dense { bias, weights: rectangle, slopes: &[] };
            lanes.dense(dense, take(from, known).0, acc);
            if direct {
                let acc = take_mut(directs, count).0;
                for a in acc.iter_mut() {
                    *a = lanes.splat(0.0);
                }
                lanes.rectangle(weights.next(start * count), take(inputs, start).0, acc);
            }

            // The triangle inside the block: what is known is passed on at once.
            for site in start..end {
                let here = (site - start) * outputs;
                let mut later = &mut *hidden;
                for (l, units) in (0..sizes.len()).zip(sizes) {
                    let (layer, rest) = take_mut(later, *units);
                    let own = between(layer, self.before(l, site), self.before(l, site + 1));
                    leaky(lanes, own, weights.next(own.len()));
                    let acc = if l + 1 < sizes.len() {
                        between(rest, self.before(l + 1, site), self.before(l + 1, end))
                    } else {
                        between(outs, here, count)
                    };
                    lanes.rectangle(weights.next(own.len() * acc.len()), own, acc);
                    later = rest;
                }
                let out = between(outs, here, here + outputs);
                if direct {
                    for (out, direct) in out.iter_mut().zip(between(directs, here, count)) {
                        add(lanes, out, direct);
                    }
                }
                let input = between(inputs, site, site + 1);
                if let [input] = input {
                    visitor.site(lanes, site, out, input);
                }
                if !sizes.is_empty() {
                    let acc = between(hidden, self.before(0, site + 1), self.before(0, end));
                    lanes.rectangle(weights.next(acc.len()), input, acc);
                }
                if direct {
                    let acc = between(directs, here + outputs, count);
                    lanes.rectangle(weights.next(acc.len()), input, acc);
                }
            }
            start = end;
        }
    }
}

/// `xs[from..to]`, or what there is of it.
#[inline(always)]
fn between<V>(xs: &mut [V], from: usize, to: usize) -> &mut [V] {
    take_mut(take_mut(xs, from).1, to.saturating_sub(from)).0
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
