//! Bernoulli conditionals of spins: ln q = Σ\_i ln σ(s\_i a\_i) from logits a.
//!
//! Backward, with c the derivative of the loss with respect to ln q: da\_i = c s\_i σ(−s\_i a\_i).
//! The probabilities are the engine's fixed-point ones; their distance from σ is below 2⁻³².

use std::borrow::Cow;

use pushforward::conditional::bernoulli;
use pushforward::math;
use pushforward::simd::{Kernel, Level, Simd, dispatch};

use super::close::CLOSED;
use super::transform::LOGISTIC;
use super::{Context, Forward, Launch, Layout, Operation, Reverse, Slot, arguments, constants};

/// ln q of spins from their logits, for each column.
#[derive(Clone, Copy, Debug)]
pub struct Spins {
    /// Number of spins.
    pub sites: usize,
    /// Spins ±1.
    pub x: Slot,
    /// Logits of +1.
    pub logits: Slot,
    /// One row: the sum of the log-probabilities, nats.
    pub log_q: Slot,
}

/// A logit beyond this is of a value that alone is open.
const ALONE: f32 = 0.5 * CLOSED;

const SHADER: &str = include_str!("spins.wgsl");

struct LogProb<'a> {
    x: &'a [f32],
    logits: &'a [f32],
    log_q: &'a mut [f32],
}

impl Kernel for LogProb<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let n = self.log_q.len();
        self.log_q.fill(0.0);
        for (x, a) in self.x.chunks_exact(n).zip(self.logits.chunks_exact(n)) {
            let sums = S::chunks_mut(self.log_q).0;
            for ((sum, x), a) in sums.iter_mut().zip(S::chunks(x).0).zip(S::chunks(a).0) {
                let term = bernoulli::log_prob(s, s.load(a), s.load(x));
                s.store(s.add(s.load(sum), term), sum);
            }
        }
    }
}

struct Draw<'a> {
    logits: &'a [f32],
    words: &'a [u32],
    x: &'a mut [f32],
}

impl Kernel for Draw<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let mut words = self.words.iter().copied();
        for (x, a) in S::chunks_mut(self.x).0.iter_mut().zip(S::chunks(self.logits).0) {
            let word = s.from_words(|| words.next().unwrap_or(0));
            let a = s.load(a);
            let drawn = bernoulli::draw(s, a, word);
            // A value that is closed is not drawn at all.
            let drawn = s.select(s.lt(a, s.splat(-ALONE)), s.splat(-1.0), drawn);
            s.store(s.select(s.lt(s.splat(ALONE), a), s.splat(1.0), drawn), x);
        }
    }
}

/// Draws the spins of the first copy of a site, one for each word, and mirrors them into the second, if `x` has
/// one.
pub(super) fn draw(level: Level, logits: &[f32], words: &[u32], x: &mut [f32]) {
    let (x, mirror) = x.split_at_mut(words.len());
    dispatch(level, Draw { logits: &logits[..words.len()], words, x });
    for (m, x) in mirror.iter_mut().zip(x) {
        *m = -*x;
    }
}

/// The same of one spin, in WGSL.
pub(super) fn draw_in_wgsl() -> [Cow<'static, str>; 2] {
    [constants![ALONE], include_str!("draw_spin.wgsl").into()]
}

impl Spins {
    fn launch(
        &self,
        layout: &Layout,
        [coefficient, dlogits]: [Slot; 2],
        entry: &'static str,
        groups: [u32; 3],
    ) -> Launch {
        let arguments = arguments! {
            sites: self.sites,
            x: layout.offset(self.x),
            logits: layout.offset(self.logits),
            log_q: layout.offset(self.log_q),
            coefficient: layout.offset(coefficient),
            dlogits: layout.offset(dlogits),
        };
        Launch { sources: vec![LOGISTIC.into(), SHADER.into()], entry, arguments, groups }
    }
}

impl Operation for Spins {
    fn cpu(&self, context: &mut Context<'_>) {
        context.writing(self.log_q, |context, log_q| {
            let (x, logits) = (context.slot(self.x), context.slot(self.logits));
            dispatch(context.level, LogProb { x, logits, log_q });
        });
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        let groups = [Layout::groups(layout.columns()), 1, 1];
        vec![self.launch(layout, [self.log_q; 2], "spins", groups)]
    }
}

impl Forward for Spins {
    fn reads(&self) -> Vec<Slot> {
        vec![self.logits]
    }

    fn writes(&self) -> Vec<Slot> {
        vec![self.log_q]
    }

    fn backward(&self, reverse: &mut Reverse<'_>) {
        if let Some([coefficient, dlogits]) = reverse.scored(self.logits, self.log_q) {
            reverse.push(SpinsBackward { spins: *self, coefficient, dlogits });
        }
    }
}

/// Gradient of the logits.
#[derive(Clone, Copy, Debug)]
pub struct SpinsBackward {
    /// The forward operation.
    pub spins: Spins,
    /// One row: the derivative of the loss with respect to each column's ln q.
    pub coefficient: Slot,
    /// Gradient of the logits, overwritten.
    pub dlogits: Slot,
}

struct Slope<'a> {
    x: &'a [f32],
    logits: &'a [f32],
    coefficient: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for Slope<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let n = self.coefficient.len();
        let coefficient = S::chunks(self.coefficient).0;
        for ((out, x), a) in self
            .out
            .chunks_exact_mut(n)
            .zip(self.x.chunks_exact(n))
            .zip(self.logits.chunks_exact(n))
        {
            let rows = S::chunks_mut(out).0.iter_mut().zip(S::chunks(x).0).zip(S::chunks(a).0);
            for (((out, x), a), c) in rows.zip(coefficient) {
                let x = s.load(x);
                let wrong = math::sigmoid(s, s.sub(s.splat(0.0), s.mul(x, s.load(a))));
                s.store(s.mul(s.mul(s.load(c), x), wrong), out);
            }
        }
    }
}

impl Operation for SpinsBackward {
    fn cpu(&self, context: &mut Context<'_>) {
        context.writing(self.dlogits, |context, out| {
            let (x, logits) = (context.slot(self.spins.x), context.slot(self.spins.logits));
            dispatch(
                context.level,
                Slope { x, logits, coefficient: context.slot(self.coefficient), out },
            );
        });
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        let groups = [Layout::groups(layout.columns()), self.spins.sites as u32, 1];
        let others = [self.coefficient, self.dlogits];
        vec![self.spins.launch(layout, others, "spins_backward", groups)]
    }
}
