//! The base of a flow on a box: independent normal coordinates that are cut off at both ends.
//!
//! ln p(z) = Σ (ln p(0) − z²/2); that data lie in the box is checked before a training starts. Coordinate d of a
//! sample is made of word d of its stream as the engine does it.

use pushforward::base::TruncatedNormal as Drawn;
use pushforward::simd::{Kernel, Simd, dispatch};

use super::base::Base;
use super::{Context, Forward, Launch, Layout, Operation, Reverse, Slot, arguments};

/// The truncated normal distribution.
#[derive(Clone, Copy, Debug)]
pub struct TruncatedNormal {
    /// What it draws or scores.
    pub base: Base,
    /// What draws a coordinate.
    pub kernel: Drawn,
}

struct Values<'a> {
    kernel: Drawn,
    words: &'a [u32],
    out: &'a mut [f32],
}

impl Kernel for Values<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let mut words = self.words.iter().copied();
        for out in S::chunks_mut(self.out).0 {
            let word = s.from_words(|| words.next().unwrap_or(0));
            s.store(self.kernel.value(s, word), out);
        }
    }
}

impl TruncatedNormal {
    fn launch(&self, layout: &Layout, gradients: Option<[Slot; 2]>) -> Vec<Launch> {
        let [left, beyond, log_density] = self.kernel.parts();
        let own = arguments! {
            bound: self.kernel.bound(),
            left: left,
            beyond: beyond,
            log_density: log_density,
        };
        let text = vec![
            include_str!("normal_quantile.wgsl").into(),
            include_str!("truncated_normal.wgsl").into(),
        ];
        vec![self.base.launch(layout, text, own, gradients)]
    }
}

impl Operation for TruncatedNormal {
    fn cpu(&self, context: &mut Context<'_>) {
        let (level, kernel) = (context.level, self.kernel);
        self.base.draw(context, |words, out| dispatch(level, Values { kernel, words, out }));
        let [.., log_density] = kernel.parts();
        self.base.score(context, |row, log_q| {
            for (l, z) in log_q.iter_mut().zip(row) {
                *l += log_density - 0.5 * z * z;
            }
        });
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        self.launch(layout, None)
    }
}

impl Forward for TruncatedNormal {
    fn reads(&self) -> Vec<Slot> {
        self.base.reads()
    }

    fn writes(&self) -> Vec<Slot> {
        self.base.writes()
    }

    fn backward(&self, reverse: &mut Reverse<'_>) {
        if let Some(gradients) = self.base.reversed(reverse) {
            reverse.push(TruncatedNormalBackward { normal: *self, gradients });
        }
    }
}

/// dz = −c z, c the derivative of the loss with respect to ln q.
#[derive(Clone, Copy, Debug)]
pub struct TruncatedNormalBackward {
    /// The forward operation, of a z that was not drawn.
    pub normal: TruncatedNormal,
    /// One row, c; and the gradient of z, overwritten.
    pub gradients: [Slot; 2],
}

impl Operation for TruncatedNormalBackward {
    fn cpu(&self, context: &mut Context<'_>) {
        self.normal.base.slopes(context, self.gradients, |c, z| -c * z);
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        self.normal.launch(layout, Some(self.gradients))
    }
}
