//! The base of a flow on a circle: independent von Mises coordinates.
//!
//! ln p(z) = Σ (−2κ sin²(z/2) + ln p(0)); that data lie on the circle is checked before a training
//! starts. A coordinate of a sample is drawn from the words of its stream as the engine does it, by
//! attempts; a shader may decide an attempt otherwise where both sides of its comparison are nearly
//! equal. A draw has no parameters, so nothing flows back through it; of data, dz = −c κ sin z, where c
//! is the derivative of the loss with respect to ln q.

use pushforward::base::VonMises as Kernel;
use pushforward::base::von_mises::ATTEMPTS;
use pushforward::math::sin_reduced;
use pushforward::simd::{self, Scalar, Simd, dispatch};

use super::base::Base;
use super::noise::fill_words;
use super::{
    Context, Forward, Launch, Layout, Operation, Reverse, Slot, arguments, constants, wide,
};

/// The von Mises distribution.
#[derive(Clone, Copy, Debug)]
pub struct VonMises {
    /// What it draws or scores.
    pub base: Base,
    /// What draws and scores a coordinate.
    pub kernel: Kernel,
}

/// An attempt for all columns that are ∞ yet.
struct Attempt<'a> {
    kernel: Kernel,
    words: [&'a [u32]; 2],
    out: &'a mut [f32],
}

impl simd::Kernel for Attempt<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let [mut v, mut u] = self.words.map(|words| words.iter().copied());
        for out in S::chunks_mut(self.out).0 {
            let words = [&mut v, &mut u].map(|words| s.from_words(|| words.next().unwrap_or(0)));
            let (before, now) = (s.load(out), self.kernel.attempt(s, words));
            s.store(s.select(s.lt(before, s.splat(f32::INFINITY)), before, now), out);
        }
    }
}

impl VonMises {
    fn launch(&self, layout: &Layout, gradients: Option<[Slot; 2]>) -> Vec<Launch> {
        let own = arguments! {
            concentration: self.kernel.concentration(),
            extent: self.kernel.extent(),
            log_density: self.kernel.log_density(),
        };
        let text = vec![constants![ATTEMPTS], include_str!("von_mises.wgsl").into()];
        vec![self.base.launch(layout, text, own, gradients)]
    }
}

impl Operation for VonMises {
    fn cpu(&self, context: &mut Context<'_>) {
        let Base { dim, z, draw, word: start, .. } = self.base;
        let (n, level, kernel) = (context.columns(), context.level, self.kernel);
        if draw {
            context.writing(z, |context, z| {
                let (key, first) = (context.step.key, context.first);
                let (mut v, mut u) = (vec![0; n], vec![0; n]);
                z.fill(f32::INFINITY);
                for (d, out) in z.chunks_exact_mut(n).enumerate() {
                    for attempt in 0..ATTEMPTS as usize {
                        let word = start + 2 * (attempt * dim + d);
                        fill_words(level, key, first, word, &mut v);
                        fill_words(level, key, first, word + 1, &mut u);
                        dispatch(level, Attempt { kernel, words: [&v, &u], out });
                        if out.iter().all(|z| z.is_finite()) {
                            break;
                        }
                    }
                    out.iter_mut().filter(|z| !z.is_finite()).for_each(|z| *z = 0.0);
                }
            });
        }
        let (slope, constant) = (-2.0 * kernel.concentration(), kernel.log_density());
        self.base.score(context, |row, log_q| {
            wide(
                level,
                #[inline(always)]
                || {
                    for (l, z) in log_q.iter_mut().zip(row) {
                        let sine = sin_reduced(Scalar, 0.5 * z);
                        *l += slope * sine * sine + constant;
                    }
                },
            );
        });
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        self.launch(layout, None)
    }
}

impl Forward for VonMises {
    fn reads(&self) -> Vec<Slot> {
        self.base.reads()
    }

    fn writes(&self) -> Vec<Slot> {
        self.base.writes()
    }

    fn backward(&self, reverse: &mut Reverse<'_>) {
        if let Some(gradients) = self.base.reversed(reverse) {
            reverse.push(VonMisesBackward { von_mises: *self, gradients });
        }
    }
}

/// dz = −c κ sin z.
#[derive(Clone, Copy, Debug)]
pub struct VonMisesBackward {
    /// The forward operation, of a z that was not drawn.
    pub von_mises: VonMises,
    /// One row, c; and the gradient of z, overwritten.
    pub gradients: [Slot; 2],
}

impl Operation for VonMisesBackward {
    fn cpu(&self, context: &mut Context<'_>) {
        let kappa = self.von_mises.kernel.concentration();
        self.von_mises.base.slopes(context, self.gradients, |c, z| -c * kappa * z.sin());
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        self.von_mises.launch(layout, Some(self.gradients))
    }
}
