//! What the operations of bases without parameters have in common: noise that is drawn, or the density
//! of noise that data became.

use std::borrow::Cow;

use super::noise::fill_words;
use super::{Arguments, Context, Launch, Layout, Reverse, Slot, arguments};

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

    /// The gradients of ln q and, to be written by what is pushed next, of z, if that is wanted; nothing
    /// flows back through a draw.
    pub(super) fn reversed(&self, reverse: &mut Reverse<'_>) -> Option<[Slot; 2]> {
        (!self.draw && reverse.wanted(self.z)).then(|| {
            let (coefficient, dz) = (reverse.gradient(self.log_q), reverse.fresh(self.z));
            reverse.give(self.z, dz);
            [coefficient, dz]
        })
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
    pub(super) fn launch(
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

    /// Adds ln p of the rows of z, which `add` takes one after another, to ln q, or to 0.
    pub(super) fn score(&self, context: &mut Context<'_>, mut add: impl FnMut(&[f32], &mut [f32])) {
        let n = context.columns();
        context.writing(self.log_q, |context, log_q| {
            if !self.adds {
                log_q.fill(0.0);
            }
            context.slot(self.z).chunks_exact(n).for_each(|row| add(row, log_q));
        });
    }

    /// dz from c and z, row by row.
    pub(super) fn slopes(
        &self,
        context: &mut Context<'_>,
        [coefficient, dz]: [Slot; 2],
        slope: impl Fn(f32, f32) -> f32,
    ) {
        let n = context.columns();
        context.writing(dz, |context, dz| {
            for (dz, z) in dz.chunks_exact_mut(n).zip(context.slot(self.z).chunks_exact(n)) {
                for ((d, z), c) in dz.iter_mut().zip(z).zip(context.slot(coefficient)) {
                    *d = slope(*c, *z);
                }
            }
        });
    }
}
