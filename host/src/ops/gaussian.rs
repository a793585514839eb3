//! The base of a flow: independent standard normal coordinates.
//!
//! ln N(z) = −½ Σ z² − (D/2) ln 2π. Coordinate d of a sample is made of word d of its stream by the
//! engine's inverse distribution function.

use pushforward::noise::normal;
use pushforward::simd::{Kernel, Simd, dispatch};

use super::base::Base;
use super::{Context, Forward, HALF_LN_TAU, Launch, Layout, Operation, Reverse, Slot, arguments};

/// The normal distribution.
#[derive(Clone, Copy, Debug)]
pub struct Gaussian {
    /// What it draws or scores.
    pub base: Base,
}

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
    fn launch(&self, layout: &Layout, gradients: Option<[Slot; 2]>) -> Vec<Launch> {
        let text =
            vec![include_str!("normal_quantile.wgsl").into(), include_str!("gaussian.wgsl").into()];
        vec![self.base.launch(layout, text, arguments! {}, gradients)]
    }
}

impl Operation for Gaussian {
    fn cpu(&self, context: &mut Context<'_>) {
        let level = context.level;
        self.base.draw(context, |words, out| dispatch(level, Normals { words, out }));
        self.base.score(context, |row, log_q| {
            for (l, z) in log_q.iter_mut().zip(row) {
                *l -= 0.5 * z * z + HALF_LN_TAU;
            }
        });
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        self.launch(layout, None)
    }
}

impl Forward for Gaussian {
    fn reads(&self) -> Vec<Slot> {
        self.base.reads()
    }

    fn writes(&self) -> Vec<Slot> {
        self.base.writes()
    }

    fn backward(&self, reverse: &mut Reverse<'_>) {
        if let Some(gradients) = self.base.reversed(reverse) {
            reverse.push(GaussianBackward { gaussian: *self, gradients });
        }
    }
}

/// dz = −c z, c the derivative of the loss with respect to ln q.
#[derive(Clone, Copy, Debug)]
pub struct GaussianBackward {
    /// The forward operation, of a z that was not drawn.
    pub gaussian: Gaussian,
    /// One row, c; and the gradient of z, overwritten.
    pub gradients: [Slot; 2],
}

impl Operation for GaussianBackward {
    fn cpu(&self, context: &mut Context<'_>) {
        self.gaussian.base.slopes(context, self.gradients, |c, z| -c * z);
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        self.gaussian.launch(layout, Some(self.gradients))
    }
}
