//! A distribution of spins made even under the flip of all.

use crate::distribution::{Distribution, Draws};
use crate::domain::Domain;
use crate::kernel::Lanes;
use crate::noise::Noise;
use crate::simd::Simd;

/// `q(s) = (m(s) + m(−s)) / 2`.
///
/// A draw of `m` is flipped when the top bit of one more noise word, number `dim`, is set. The
/// log-probability is `ln(e^a + e^b) − ln 2` of the two scores, a symmetric function, so a
/// configuration and its mirror image have the same bits. It takes any distribution that draws a
/// word a site, and is normalised because each of the two terms is.
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
        // Of two rows that are impossible there is no difference.
        let gap = s.select(s.lt(s.splat(f32::NEG_INFINITY), high), s.sub(low, high), s.splat(0.0));
        let tail = crate::math::log1p(s, crate::math::exp(s, gap));
        s.store(s.add(high, s.sub(tail, s.splat(core::f32::consts::LN_2))), a);
    }
    a
}

impl<M: Distribution> Distribution for Z2<M> {
    type Arith = M::Arith;

    #[inline(always)]
    fn domain(&self) -> Domain<'_> {
        self.0.domain()
    }

    #[inline(always)]
    fn dim(&self) -> usize {
        self.0.dim()
    }

    #[inline(always)]
    fn context(&self) -> usize {
        self.0.context()
    }

    #[inline(always)]
    fn scratch(&self) -> usize {
        self.0.scratch()
    }

    #[inline(always)]
    fn draw<L: Lanes, N: Noise>(
        &self,
        lanes: L,
        draws: &mut Draws<L, N>,
        context: &[L::V],
        x: &mut [L::V],
        want_log_prob: bool,
        scratch: &mut [L::V],
    ) -> L::V {
        let mut log_prob = self.0.draw(lanes, draws, context, x, want_log_prob, scratch);
        let mut words = draws.words(lanes, self.0.dim() as u32);
        if want_log_prob {
            // The mirror image is scored, and the flip below is taken against it.
            flip(lanes, x, &lanes.splat(-0.0));
            log_prob = log_mean_exp(lanes, log_prob, &self.0.score(lanes, context, x, scratch));
            flip(lanes, core::slice::from_mut(&mut words), &lanes.splat(-0.0));
        }
        flip(lanes, x, &words);
        log_prob
    }

    #[inline(always)]
    fn score<L: Lanes>(
        &self,
        lanes: L,
        context: &[L::V],
        x: &mut [L::V],
        scratch: &mut [L::V],
    ) -> L::V {
        let here = self.0.score(lanes, context, x, scratch);
        flip(lanes, x, &lanes.splat(-0.0));
        let mirror = self.0.score(lanes, context, x, scratch);
        log_mean_exp(lanes, here, &mirror)
    }
}
