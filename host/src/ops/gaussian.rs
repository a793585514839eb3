//! The base of a flow: independent standard normal coordinates.
//!
//! ln N(z) = −½ Σ z² − (D/2) ln 2π. Coordinate d of a sample is made of word d of its stream by the
//! engine's inverse distribution function.

use pushforward::noise::normal;
use pushforward::simd::{Kernel, Simd, dispatch};

use super::noise::fill_words;
use super::{Context, Forward, HALF_LN_TAU, Launch, Layout, Operation, Reverse, Slot, arguments};

/// Draws z and sets ln q, or adds the log-density of a z that is there.
#[derive(Clone, Copy, Debug)]
pub struct Gaussian {
    /// Coordinates.
    pub dim: usize,
    /// The base point.
    pub z: Slot,
    /// One row: ln q.
    pub log_q: Slot,
    /// Whether z is drawn.
    pub draw: bool,
}

const NOISE: &str = include_str!("noise.wgsl");
const SHADER: &str = include_str!("gaussian.wgsl");

struct Normals<'a> {
    words: &'a [u32],
    out: &'a mut [f32],
}

impl Kernel for Normals<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let mut words = self.words.iter().copied();
        for out in S::chunks_mut(self.out).0 {
            let word = s.from_words(|| words.next().unwrap_or(0));
            s.store(normal(s, word), out);
        }
    }
}

impl Gaussian {
    fn launch(
        &self,
        layout: &Layout,
        [coefficient, dz]: [Slot; 2],
        entry: &'static str,
        groups: [u32; 3],
    ) -> Launch {
        let arguments = arguments! {
            dim: self.dim,
            draw: self.draw,
            z: layout.offset(self.z),
            log_q: layout.offset(self.log_q),
            coefficient: layout.offset(coefficient),
            dz: layout.offset(dz),
        };
        Launch { sources: vec![NOISE.into(), SHADER.into()], entry, arguments, groups }
    }
}

impl Operation for Gaussian {
    fn cpu(&self, context: &mut Context<'_>) {
        let n = context.columns();
        if self.draw {
            context.writing(self.z, |context, z| {
                let mut words = vec![0; n];
                for (d, out) in z.chunks_exact_mut(n).enumerate() {
                    fill_words(context.level, context.step.key, context.first, d, &mut words);
                    dispatch(context.level, Normals { words: &words, out });
                }
            });
        }
        context.writing(self.log_q, |context, log_q| {
            if self.draw {
                log_q.fill(0.0);
            }
            for row in context.slot(self.z).chunks_exact(n) {
                for (l, z) in log_q.iter_mut().zip(row) {
                    *l -= 0.5 * z * z + HALF_LN_TAU;
                }
            }
        });
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        let groups = [Layout::groups(layout.columns()), 1, 1];
        vec![self.launch(layout, [self.z; 2], "gaussian", groups)]
    }
}

impl Forward for Gaussian {
    fn reads(&self) -> Vec<Slot> {
        if self.draw { Vec::new() } else { vec![self.z] }
    }

    fn writes(&self) -> Vec<Slot> {
        if self.draw { vec![self.z, self.log_q] } else { vec![self.log_q] }
    }

    fn backward(&self, reverse: &mut Reverse<'_>) {
        if self.draw || !reverse.wanted(self.z) {
            return;
        }
        let (coefficient, dz) = (reverse.gradient(self.log_q), reverse.fresh(self.z));
        reverse.give(self.z, dz);
        reverse.push(GaussianBackward { gaussian: *self, coefficient, dz });
    }
}

/// dz = −c z, c the derivative of the loss with respect to ln q.
#[derive(Clone, Copy, Debug)]
pub struct GaussianBackward {
    /// The forward operation, of a z that was not drawn.
    pub gaussian: Gaussian,
    /// One row: c.
    pub coefficient: Slot,
    /// Gradient of z, overwritten.
    pub dz: Slot,
}

impl Operation for GaussianBackward {
    fn cpu(&self, context: &mut Context<'_>) {
        let n = context.columns();
        context.writing(self.dz, |context, dz| {
            for (dz, z) in dz.chunks_exact_mut(n).zip(context.slot(self.gaussian.z).chunks_exact(n))
            {
                for ((d, z), c) in dz.iter_mut().zip(z).zip(context.slot(self.coefficient)) {
                    *d = -c * z;
                }
            }
        });
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        let groups = [Layout::groups(layout.columns()), self.gaussian.dim as u32, 1];
        let others = [self.coefficient, self.dz];
        vec![self.gaussian.launch(layout, others, "gaussian_backward", groups)]
    }
}
