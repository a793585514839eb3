//! The base of a flow on a circle: independent von Mises coordinates.
//!
//! ln p(z) = Σ (−2κ sin²(z/2) + ln p(0)); that data lie on the circle is checked before a training
//! starts. A coordinate of a sample is drawn from the words of its stream as the engine does it, by
//! attempts; a shader may decide an attempt otherwise where both sides of its comparison are nearly
//! equal. A draw has no parameters, so nothing flows back through it; of data, dz = −c κ sin z, where c
//! is the derivative of the loss with respect to ln q.

use std::borrow::Cow;

use pushforward::base::VonMises;
use pushforward::base::von_mises::ATTEMPTS;
use pushforward::math::sin_reduced;
use pushforward::simd::{Kernel, Level, Scalar, Simd, dispatch};

use super::base::{Base, Density};
use super::noise::fill_words;
use super::{Arguments, Context, arguments, constants, wide};

/// An attempt for all columns that are ∞ yet.
struct Attempt<'a> {
    kernel: VonMises,
    words: [&'a [u32]; 2],
    out: &'a mut [f32],
}

impl Kernel for Attempt<'_> {
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

impl Density for VonMises {
    fn draw(&self, base: &Base, context: &mut Context<'_>) {
        let (n, level, dim) = (context.columns(), context.level, base.dim);
        context.writing(base.z, |context, z| {
            let (key, first) = (context.step.key, context.first);
            let (mut v, mut u) = (vec![0; n], vec![0; n]);
            z.fill(f32::INFINITY);
            for (d, out) in z.chunks_exact_mut(n).enumerate() {
                for attempt in 0..ATTEMPTS as usize {
                    let word = base.word + 2 * (attempt * dim + d);
                    fill_words(level, key, first, word, &mut v);
                    fill_words(level, key, first, word + 1, &mut u);
                    dispatch(level, Attempt { kernel: *self, words: [&v, &u], out });
                    if out.iter().all(|z| z.is_finite()) {
                        break;
                    }
                }
                out.iter_mut().filter(|z| !z.is_finite()).for_each(|z| *z = 0.0);
            }
        });
    }

    fn add_log_prob(&self, level: Level, z: &[f32], log_q: &mut [f32]) {
        let (slope, constant) = (-2.0 * self.concentration(), self.log_density());
        wide(
            level,
            #[inline(always)]
            || {
                for (l, z) in log_q.iter_mut().zip(z) {
                    let sine = sin_reduced(Scalar, 0.5 * z);
                    *l += slope * sine * sine + constant;
                }
            },
        );
    }

    fn backward(&self, c: f32, z: f32) -> f32 {
        -c * self.concentration() * z.sin()
    }

    fn text(&self) -> Vec<Cow<'static, str>> {
        vec![constants![ATTEMPTS], include_str!("von_mises.wgsl").into()]
    }

    fn arguments(&self) -> Arguments {
        arguments! {
            concentration: self.concentration(),
            extent: self.extent(),
            log_density: self.log_density(),
        }
    }
}
