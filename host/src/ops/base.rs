//! What the operations of bases without parameters have in common: noise that is drawn, or the density
//! of noise that data became.

use std::borrow::Cow;

use pushforward::simd::{Kernel, Level, Simd, dispatch};

use super::noise::fill_words;
use super::{Arguments, Context, Forward, Launch, Layout, Operation, Reverse, Slot, arguments};

const NOISE: &str = include_str!("noise.wgsl");

/// Draws z, or takes a z that is there, and sets ln q to its log-density or adds that.
#[derive(Clone, Copy, Debug)]
pub struct Base {
    /// Coordinates.
    pub dim: usize,
    /// The base point.
    pub z: Slot,
    /// One row: ln q.
    pub log_q: Slot,
    /// Whether z is drawn.
    pub draw: bool,
    /// The number of the first noise word, an even one.
    pub word: usize,
    /// Whether ln q is there, to be added to.
    pub adds: bool,
}

impl Base {
    pub(super) fn reads(&self) -> Vec<Slot> {
        if self.draw { Vec::new() } else { vec![self.z] }
    }

    pub(super) fn writes(&self) -> Vec<Slot> {
        if self.draw { vec![self.z, self.log_q] } else { vec![self.log_q] }
    }

    /// The arguments of its calls; the last two places are used by backward ones.
    pub(super) fn arguments(&self, layout: &Layout, [coefficient, dz]: [Slot; 2]) -> Arguments {
        arguments! {
            dim: self.dim,
            draw: self.draw,
            adds: self.adds,
            word: self.word,
            z: layout.offset(self.z),
            log_q: layout.offset(self.log_q),
            coefficient: layout.offset(coefficient),
            dz: layout.offset(dz),
        }
    }

    /// A call of `base.wgsl` after a text of one coordinate: `base`, a row, or `base_backward`, `dim` rows
    /// of threads.
    fn launch(
        &self,
        layout: &Layout,
        text: Vec<Cow<'static, str>>,
        own: Arguments,
        gradients: Option<[Slot; 2]>,
    ) -> Launch {
        let (entry, rows) = match gradients {
            None => ("base", 1),
            Some(_) => ("base_backward", self.dim as u32),
        };
        let mut sources = vec![NOISE.into()];
        sources.extend(text);
        sources.push(include_str!("base.wgsl").into());
        let arguments = self.arguments(layout, gradients.unwrap_or([self.z; 2])).and(own);
        Launch { sources, entry, arguments, groups: [Layout::groups(layout.columns()), rows, 1] }
    }

    /// Makes coordinate d of each sample from word d of its stream, if z is drawn.
    pub(super) fn draw(&self, context: &mut Context<'_>, mut make: impl FnMut(&[u32], &mut [f32])) {
        if !self.draw {
            return;
        }
        let n = context.columns();
        context.writing(self.z, |context, z| {
            let mut words = vec![0; n];
            for (d, out) in z.chunks_exact_mut(n).enumerate() {
                fill_words(
                    context.level,
                    context.step.key,
                    context.first,
                    self.word + d,
                    &mut words,
                );
                make(&words, out);
            }
        });
    }

    /// Likewise, if z is drawn, by a quantile function.
    pub(super) fn draw_quantiles(&self, context: &mut Context<'_>, quantile: impl Quantile) {
        let level = context.level;
        self.draw(context, |words, out| dispatch(level, Values { quantile, words, out }));
    }
}

/// A distribution of one coordinate as a function of a noise word.
pub(super) trait Quantile: Copy {
    /// The value of a word.
    fn value<S: Simd>(&self, s: S, word: S::U) -> S::F;
}

/// A row of values.
struct Values<'a, Q> {
    quantile: Q,
    words: &'a [u32],
    out: &'a mut [f32],
}

impl<Q: Quantile> Kernel for Values<'_, Q> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let mut words = self.words.iter().copied();
        for out in S::chunks_mut(self.out).0 {
            let word = s.from_words(|| words.next().unwrap_or(0));
            s.store(self.quantile.value(s, word), out);
        }
    }
}

/// A distribution without parameters of one coordinate, whose density has a slope.
pub trait Density: Copy + std::fmt::Debug + Send + Sync + 'static {
    /// Draws z.
    fn draw(&self, base: &Base, context: &mut Context<'_>);

    /// Adds ln p of a row of z to ln q.
    fn add_log_prob(&self, level: Level, z: &[f32], log_q: &mut [f32]);

    /// c ∂ln p/∂z.
    fn backward(&self, c: f32, z: f32) -> f32;

    /// WGSL text that stands before `base.wgsl`.
    fn text(&self) -> Vec<Cow<'static, str>>;

    /// Arguments of that text.
    fn arguments(&self) -> Arguments;
}

/// A base of independent coordinates, each distributed as the engine's own.
#[derive(Clone, Copy, Debug)]
pub struct Independent<D> {
    /// What it draws or scores.
    pub base: Base,
    /// The distribution of a coordinate.
    pub density: D,
}

impl<D: Density> Independent<D> {
    fn launch(&self, layout: &Layout, gradients: Option<[Slot; 2]>) -> Vec<Launch> {
        let (text, own) = (self.density.text(), self.density.arguments());
        vec![self.base.launch(layout, text, own, gradients)]
    }
}

impl<D: Density> Operation for Independent<D> {
    fn cpu(&self, context: &mut Context<'_>) {
        let Base { z, log_q, draw, adds, .. } = self.base;
        if draw {
            self.density.draw(&self.base, context);
        }
        let (n, level) = (context.columns(), context.level);
        context.writing(log_q, |context, log_q| {
            if !adds {
                log_q.fill(0.0);
            }
            let rows = context.slot(z).chunks_exact(n);
            rows.for_each(|row| self.density.add_log_prob(level, row, log_q));
        });
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        self.launch(layout, None)
    }
}

impl<D: Density> Forward for Independent<D> {
    fn reads(&self) -> Vec<Slot> {
        self.base.reads()
    }

    fn writes(&self) -> Vec<Slot> {
        self.base.writes()
    }

    /// Nothing flows back through a draw.
    fn backward(&self, reverse: &mut Reverse<'_>) {
        if self.base.draw {
            return;
        }
        if let Some(gradients) = reverse.scored(self.base.z, self.base.log_q) {
            reverse.push(IndependentBackward { independent: *self, gradients });
        }
    }
}

/// dz = c ∂ln p/∂z, c the derivative of the loss with respect to ln q.
#[derive(Clone, Copy, Debug)]
pub struct IndependentBackward<D> {
    /// The forward operation, of a z that was not drawn.
    pub independent: Independent<D>,
    /// One row, c; and the gradient of z, overwritten.
    pub gradients: [Slot; 2],
}

impl<D: Density> Operation for IndependentBackward<D> {
    fn cpu(&self, context: &mut Context<'_>) {
        let ([coefficient, dz], n) = (self.gradients, context.columns());
        let Independent { base, density } = self.independent;
        context.writing(dz, |context, dz| {
            for (dz, z) in dz.chunks_exact_mut(n).zip(context.slot(base.z).chunks_exact(n)) {
                for ((d, z), c) in dz.iter_mut().zip(z).zip(context.slot(coefficient)) {
                    *d = density.backward(*c, *z);
                }
            }
        });
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        self.independent.launch(layout, Some(self.gradients))
    }
}
