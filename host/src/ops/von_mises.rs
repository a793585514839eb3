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

use super::noise::fill_words;
use super::{
    Context, Forward, Launch, Layout, Operation, Reverse, Slot, arguments, constants, wide,
};

/// Draws z and sets ln q, or adds the log-density of a z that is there.
#[derive(Clone, Copy, Debug)]
pub struct VonMises {
    /// Coordinates.
    pub dim: usize,
    /// κ.
    pub concentration: f32,
    /// What draws and scores one.
    pub kernel: Kernel,
    /// The base point.
    pub z: Slot,
    /// One row: ln q.
    pub log_q: Slot,
    /// Whether z is drawn.
    pub draw: bool,
}

const NOISE: &str = include_str!("noise.wgsl");
const SHADER: &str = include_str!("von_mises.wgsl");

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
            concentration: self.concentration,
            extent: self.kernel.extent(),
            log_density: self.kernel.log_density(),
            z: layout.offset(self.z),
            log_q: layout.offset(self.log_q),
            coefficient: layout.offset(coefficient),
            dz: layout.offset(dz),
        };
        Launch {
            sources: vec![constants![ATTEMPTS], NOISE.into(), SHADER.into()],
            entry,
            arguments,
            groups,
        }
    }
}

impl Operation for VonMises {
    fn cpu(&self, context: &mut Context<'_>) {
        let n = context.columns();
        if self.draw {
            context.writing(self.z, |context, z| {
                let (level, key, first) = (context.level, context.step.key, context.first);
                let (mut v, mut u) = (vec![0; n], vec![0; n]);
                z.fill(f32::INFINITY);
                for (d, out) in z.chunks_exact_mut(n).enumerate() {
                    for attempt in 0..ATTEMPTS as usize {
                        let word = 2 * (attempt * self.dim + d);
                        fill_words(level, key, first, word, &mut v);
                        fill_words(level, key, first, word + 1, &mut u);
                        let (kernel, words) = (self.kernel, [&v[..], &u[..]]);
                        dispatch(level, Attempt { kernel, words, out });
                        if out.iter().all(|z| z.is_finite()) {
                            break;
                        }
                    }
                    out.iter_mut().filter(|z| !z.is_finite()).for_each(|z| *z = 0.0);
                }
            });
        }
        context.writing(self.log_q, |context, log_q| {
            if self.draw {
                log_q.fill(0.0);
            }
            let (slope, constant) = (-2.0 * self.concentration, self.kernel.log_density());
            wide(
                context.level,
                #[inline(always)]
                || {
                    for row in context.slot(self.z).chunks_exact(n) {
                        for (l, z) in log_q.iter_mut().zip(row) {
                            let sine = sin_reduced(Scalar, 0.5 * z);
                            *l += slope * sine * sine + constant;
                        }
                    }
                },
            );
        });
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        let groups = [Layout::groups(layout.columns()), 1, 1];
        vec![self.launch(layout, [self.z; 2], "von_mises", groups)]
    }
}

impl Forward for VonMises {
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
        reverse.push(VonMisesBackward { von_mises: *self, coefficient, dz });
    }
}

/// dz = −c κ sin z.
#[derive(Clone, Copy, Debug)]
pub struct VonMisesBackward {
    /// The forward operation, of a z that was not drawn.
    pub von_mises: VonMises,
    /// One row: c.
    pub coefficient: Slot,
    /// Gradient of z, overwritten.
    pub dz: Slot,
}

impl Operation for VonMisesBackward {
    fn cpu(&self, context: &mut Context<'_>) {
        let (n, kappa) = (context.columns(), self.von_mises.concentration);
        context.writing(self.dz, |context, dz| {
            let rows = context.slot(self.von_mises.z).chunks_exact(n);
            for (dz, z) in dz.chunks_exact_mut(n).zip(rows) {
                for ((d, z), c) in dz.iter_mut().zip(z).zip(context.slot(self.coefficient)) {
                    *d = -c * kappa * z.sin();
                }
            }
        });
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        let groups = [Layout::groups(layout.columns()), self.von_mises.dim as u32, 1];
        let others = [self.coefficient, self.dz];
        vec![self.von_mises.launch(layout, others, "von_mises_backward", groups)]
    }
}
