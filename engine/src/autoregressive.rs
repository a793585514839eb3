//! Spin models given by their conditionals, and the walk that draws or scores them.

use crate::bernoulli;
use crate::distribution::{Domain, Draws, Tile};
use crate::kernel::{Arith, Lanes, Sum};
use crate::noise::Noise;
use crate::simd::{Kernel, Simd};

/// A model of spins ±1 that can say each site's logit once the sites before it are known.
pub trait Autoregressive {
    /// The rounding of its dense multiply-adds.
    type Arith: Arith;
    /// Sites.
    fn sites(&self) -> usize;
    /// Values of scratch a visit needs besides the spins.
    fn scratch(&self) -> usize;
    /// Walks the sites in order. At each it computes the logit of `+1` from the spins before,
    /// then lets `visitor` look at or set the site's spin.
    fn visit<L: Lanes>(
        &self,
        lanes: L,
        visitor: &mut impl Visitor<L>,
        spins: &mut [L::V],
        scratch: &mut [L::V],
    );
}

/// What happens at a site: a spin is drawn or scored.
pub trait Visitor<L: Lanes> {
    /// Site number `site` has this `logit`; `spin` may be read or written.
    fn site(&mut self, lanes: L, site: usize, logit: &L::V, spin: &mut L::V);
}

/// Draws every spin; adds up its ln p where `log_prob` is wanted.
struct Draw<'d, 'n, L: Lanes, N> {
    draws: &'d mut Draws<'n, L, N>,
    log_prob: Option<Sum<L::V>>,
}

impl<L: Lanes, N: Noise> Visitor<L> for Draw<'_, '_, L, N> {
    #[inline(always)]
    fn site(&mut self, lanes: L, site: usize, logit: &L::V, spin: &mut L::V) {
        let s = lanes.s();
        let words = self.draws.words(lanes, site as u32);
        let each = logit.as_ref().iter().zip(words.as_ref()).zip(spin.as_mut()).enumerate();
        for (r, ((logit, word), spin)) in each {
            let logit = s.load(logit);
            let value = bernoulli::draw(s, logit, s.bits(s.load(word)));
            s.store(value, spin);
            if let Some(sum) = &mut self.log_prob {
                sum.add(lanes, r, bernoulli::log_prob(s, logit, value));
            }
        }
    }
}

/// Adds up ln p of given spins.
struct Score<L: Lanes> {
    log_prob: Sum<L::V>,
}

impl<L: Lanes> Visitor<L> for Score<L> {
    #[inline(always)]
    fn site(&mut self, lanes: L, _: usize, logit: &L::V, spin: &mut L::V) {
        let s = lanes.s();
        for (r, (logit, spin)) in logit.as_ref().iter().zip(spin.as_ref()).enumerate() {
            let p = bernoulli::log_prob(s, s.load(logit), s.load(spin));
            self.log_prob.add(lanes, r, p);
        }
    }
}

/// A visit in a function of its own: one copy for all callers.
struct Visit<'a, M, L: Lanes, T> {
    model: &'a M,
    lanes: L,
    visitor: &'a mut T,
    spins: &'a mut [L::V],
    scratch: &'a mut [L::V],
}

impl<M: Autoregressive, L: Lanes, T: Visitor<L>> Kernel for Visit<'_, M, L, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        self.model.visit(self.lanes, self.visitor, self.spins, self.scratch);
    }
}

/// Draws a tile of configurations and, if wanted, their log-probability (else zeros).
#[inline(always)]
fn draw<M: Autoregressive, L: Lanes, N: Noise>(
    model: &M,
    lanes: L,
    draws: &mut Draws<L, N>,
    spins: &mut [L::V],
    want_log_prob: bool,
    scratch: &mut [L::V],
) -> L::V {
    let log_prob = want_log_prob.then(|| Sum::zero(lanes));
    let mut visitor = Draw { draws, log_prob };
    lanes.call(Visit { model, lanes, visitor: &mut visitor, spins, scratch });
    visitor.log_prob.map_or(lanes.splat(0.0), |sum| sum.value(lanes))
}

/// The log-probability of a tile of configurations.
#[inline(always)]
fn score<M: Autoregressive, L: Lanes>(
    model: &M,
    lanes: L,
    spins: &mut [L::V],
    scratch: &mut [L::V],
) -> L::V {
    let mut visitor = Score { log_prob: Sum::zero(lanes) };
    lanes.call(Visit { model, lanes, visitor: &mut visitor, spins, scratch });
    visitor.log_prob.value(lanes)
}

impl<M: Autoregressive> Tile for M {
    type Arith = M::Arith;
    const DOMAIN: Domain = Domain::Spin;

    #[inline(always)]
    fn dim(&self) -> usize {
        self.sites()
    }

    #[inline(always)]
    fn scratch(&self) -> usize {
        Autoregressive::scratch(self)
    }

    #[inline(always)]
    fn draw<L: Lanes, N: Noise>(
        &self,
        lanes: L,
        draws: &mut Draws<L, N>,
        x: &mut [L::V],
        want_log_prob: bool,
        scratch: &mut [L::V],
    ) -> L::V {
        draw(self, lanes, draws, x, want_log_prob, scratch)
    }

    #[inline(always)]
    fn score<L: Lanes>(&self, lanes: L, x: &mut [L::V], scratch: &mut [L::V]) -> L::V {
        score(self, lanes, x, scratch)
    }
}

/// A spin model made even under the flip of all spins: `q(s) = (m(s) + m(−s)) / 2`.
///
/// A draw of `m` is flipped when the top bit of one more noise word, number `sites`, is set. The
/// log-probability is `ln(e^a + e^b) − ln 2` of the two scores, a symmetric function, so a
/// configuration and its mirror image have the same bits. It takes any [`Autoregressive`] model
/// and is normalised because each of the two terms is.
#[derive(Clone, Copy, Debug)]
pub struct Z2<M>(pub M);

/// `s → −s`, or only where the top bit of `words` is set.
#[inline(always)]
fn flip<L: Lanes>(lanes: L, spins: &mut [L::V], words: &L::V) {
    let s = lanes.s();
    let top = s.splat_u(0x8000_0000);
    for spin in spins {
        for (spin, word) in spin.as_mut().iter_mut().zip(words.as_ref()) {
            let sign = s.and(s.bits(s.load(word)), top);
            s.store(s.from_bits(s.xor(s.bits(s.load(spin)), sign)), spin);
        }
    }
}

/// `ln((e^a + e^b) / 2)`, symmetric in its arguments to the bit.
#[inline(always)]
fn log_mean_exp<L: Lanes>(lanes: L, mut a: L::V, b: &L::V) -> L::V {
    let s = lanes.s();
    for (a, b) in a.as_mut().iter_mut().zip(b.as_ref()) {
        let (x, y) = (s.load(a), s.load(b));
        let less = s.lt(x, y);
        let (high, low) = (s.select(less, y, x), s.select(less, x, y));
        let tail = crate::math::log1p(s, crate::math::exp(s, s.sub(low, high)));
        s.store(s.add(high, s.sub(tail, s.splat(core::f32::consts::LN_2))), a);
    }
    a
}

impl<M: Autoregressive> Tile for Z2<M> {
    type Arith = M::Arith;
    const DOMAIN: Domain = Domain::Spin;

    #[inline(always)]
    fn dim(&self) -> usize {
        self.0.sites()
    }

    #[inline(always)]
    fn scratch(&self) -> usize {
        Autoregressive::scratch(&self.0)
    }

    #[inline(always)]
    fn draw<L: Lanes, N: Noise>(
        &self,
        lanes: L,
        draws: &mut Draws<L, N>,
        x: &mut [L::V],
        want_log_prob: bool,
        scratch: &mut [L::V],
    ) -> L::V {
        let mut log_prob = draw(&self.0, lanes, draws, x, want_log_prob, scratch);
        let mut words = draws.words(lanes, self.0.sites() as u32);
        if want_log_prob {
            // The mirror image is scored, and the flip below is taken against it.
            flip(lanes, x, &lanes.splat(-0.0));
            log_prob = log_mean_exp(lanes, log_prob, &score(&self.0, lanes, x, scratch));
            flip(lanes, core::slice::from_mut(&mut words), &lanes.splat(-0.0));
        }
        flip(lanes, x, &words);
        log_prob
    }

    #[inline(always)]
    fn score<L: Lanes>(&self, lanes: L, x: &mut [L::V], scratch: &mut [L::V]) -> L::V {
        let here = score(&self.0, lanes, x, scratch);
        flip(lanes, x, &lanes.splat(-0.0));
        let mirror = score(&self.0, lanes, x, scratch);
        log_mean_exp(lanes, here, &mirror)
    }
}
