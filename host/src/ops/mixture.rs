//! The base of a flow with several modes: a mixture of diagonal normals.
//!
//! ln p(z) = ln Σ\_k e^(t\_k), t\_k = ln w\_k + Σ\_d (−½ u\_kd² − a\_kd − ½ ln 2π) with u\_kd =
//! (z\_d − m\_kd) e^(−a\_kd) and w the softmax of the logits, which the engine has in fixed point, to 2⁻³².
//!
//! Backward, with the shares γ\_k = e^(t\_k) / p and c the derivative of the loss with respect to ln q:
//! dz\_d = −c Σ\_k γ\_k u\_kd e^(−a\_kd), dm\_kd = Σ c γ\_k u\_kd e^(−a\_kd), da\_kd = Σ c γ\_k (u\_kd² − 1),
//! dlogit\_k = Σ c (γ\_k − w\_k). A log-scale beyond its bound has no slope.
//!
//! There is no drawing of it here: a component that is drawn does not move with the logits, so the
//! draws have no gradient.

use std::ops::Range;

use pushforward::base::mixture::MAX_LOG_SCALE;
use pushforward::math::{exp, ln};
use pushforward::simd::Scalar;

use super::{
    Arguments, Context, Forward, HALF_LN_TAU, Launch, Layout, Operation, Reverse, Slot, arguments,
    constants, dot_with, sum, wide,
};

/// Adds ln p of a z that is there to ln q.
#[derive(Clone, Copy, Debug)]
pub struct Mixture {
    /// Coordinates.
    pub dim: usize,
    /// Components.
    pub components: usize,
    /// First parameter of the logits.
    pub logits: usize,
    /// First parameter of the means, `[components][dim]`.
    pub mean: usize,
    /// First parameter of the log-scales, `[components][dim]`.
    pub log_scale: usize,
    /// The base point.
    pub z: Slot,
    /// `[components]`: their shares.
    pub shares: Slot,
    /// One row: ln q.
    pub log_q: Slot,
}

const SHADER: &str = include_str!("mixture.wgsl");

/// A component's normal of one coordinate.
#[derive(Clone, Copy)]
struct Normal {
    mean: f32,
    log_scale: f32,
    /// e^(−a).
    inverse: f32,
}

impl Mixture {
    fn normal(&self, parameters: &[f32], at: usize) -> Normal {
        let log_scale = parameters[self.log_scale + at].clamp(-MAX_LOG_SCALE, MAX_LOG_SCALE);
        let inverse = exp(Scalar, -log_scale);
        Normal { mean: parameters[self.mean + at], log_scale, inverse }
    }

    /// ln w of each component.
    fn log_weights(&self, parameters: &[f32]) -> Vec<f32> {
        let logits = &parameters[self.logits..][..self.components];
        let most = logits.iter().copied().fold(f32::MIN, f32::max);
        let whole = logits.iter().map(|a| (a - most).exp()).sum::<f32>().ln();
        logits.iter().map(|a| a - most - whole).collect()
    }

    fn arguments(&self, layout: &Layout, [coefficient, dz]: [Slot; 2]) -> Arguments {
        arguments! {
            dim: self.dim,
            components: self.components,
            logits: self.logits,
            mean: self.mean,
            log_scale: self.log_scale,
            z: layout.offset(self.z),
            shares: layout.offset(self.shares),
            log_q: layout.offset(self.log_q),
            coefficient: layout.offset(coefficient),
            dz: layout.offset(dz),
        }
    }

    fn launch(
        &self,
        layout: &Layout,
        others: [Slot; 2],
        entry: &'static str,
        groups: [u32; 3],
    ) -> Launch {
        let arguments = self.arguments(layout, others);
        Launch { sources: vec![constants![MAX_LOG_SCALE], SHADER.into()], entry, arguments, groups }
    }
}

impl Operation for Mixture {
    fn cpu(&self, context: &mut Context<'_>) {
        let (n, dim, level) = (context.columns(), self.dim, context.level);
        let log_weights = self.log_weights(context.parameters);
        context.writing(self.shares, |context, shares| {
            context.writing(self.log_q, |context, log_q| {
                let (parameters, z) = (context.parameters, context.slot(self.z));
                wide(
                    level,
                    #[inline(always)]
                    || {
                        let mut most = vec![f32::MIN; n];
                        for (k, terms) in shares.chunks_exact_mut(n).enumerate() {
                            terms.fill(log_weights[k]);
                            for (d, z) in z.chunks_exact(n).enumerate() {
                                let normal = self.normal(parameters, k * dim + d);
                                for (t, z) in terms.iter_mut().zip(z) {
                                    let u = (z - normal.mean) * normal.inverse;
                                    *t -= 0.5 * u * u + (normal.log_scale + HALF_LN_TAU);
                                }
                            }
                            for (most, t) in most.iter_mut().zip(&*terms) {
                                *most = if *most < *t { *t } else { *most };
                            }
                        }
                        let mut whole = vec![0.0; n];
                        for terms in shares.chunks_exact_mut(n) {
                            for ((t, most), whole) in terms.iter_mut().zip(&most).zip(&mut whole) {
                                *t = exp(Scalar, *t - most);
                                *whole += *t;
                            }
                        }
                        for shares in shares.chunks_exact_mut(n) {
                            shares.iter_mut().zip(&whole).for_each(|(s, whole)| *s /= whole);
                        }
                        for ((l, most), whole) in log_q.iter_mut().zip(&most).zip(&whole) {
                            *l += most + ln(Scalar, *whole);
                        }
                    },
                );
            });
        });
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        let groups = [Layout::groups(layout.columns()), 1, 1];
        vec![self.launch(layout, [self.z; 2], "mixture", groups)]
    }
}

impl Forward for Mixture {
    fn reads(&self) -> Vec<Slot> {
        vec![self.z]
    }

    fn writes(&self) -> Vec<Slot> {
        vec![self.shares, self.log_q]
    }

    fn parameters(&self) -> Vec<Range<usize>> {
        let matrix = self.components * self.dim;
        [(self.logits, self.components), (self.mean, matrix), (self.log_scale, matrix)]
            .map(|(start, len)| start..start + len)
            .to_vec()
    }

    fn backward(&self, reverse: &mut Reverse<'_>) {
        let (coefficient, dz) = (reverse.gradient(self.log_q), reverse.fresh(self.z));
        let wanted = reverse.wanted(self.z);
        if wanted {
            reverse.give(self.z, dz);
        }
        reverse.push(MixtureBackward { mixture: *self, coefficient, dz });
        if !wanted {
            reverse.release(dz);
        }
    }
}

/// dz and the gradients of all parameters.
#[derive(Clone, Copy, Debug)]
pub struct MixtureBackward {
    /// The forward operation.
    pub mixture: Mixture,
    /// One row: c.
    pub coefficient: Slot,
    /// Gradient of z, overwritten.
    pub dz: Slot,
}

impl Operation for MixtureBackward {
    fn cpu(&self, context: &mut Context<'_>) {
        let (n, level, f) = (context.columns(), context.level, &self.mixture);
        let dim = f.dim;
        let log_weights = f.log_weights(context.parameters);
        context.writing(self.dz, |context, dz| {
            let starts = [f.logits, f.mean, f.log_scale];
            let fresh = starts.map(|start| context.fresh(start));
            let of = |s: Slot| &context.slots[s.0][..];
            let (z, shares, coefficient) = (of(f.z), of(f.shares), of(self.coefficient));
            let (parameters, gradient) = (context.parameters, &mut *context.gradient);
            let mut give = |tensor: usize, at: usize, value: f32| {
                let g = &mut gradient[starts[tensor] + at];
                *g = if fresh[tensor] { value } else { *g + value };
            };
            wide(
                level,
                #[inline(always)]
                || {
                    dz.fill(0.0);
                    let total = sum(coefficient);
                    let mut weighted = vec![0.0; n];
                    for (k, shares) in shares.chunks_exact(n).enumerate() {
                        let pairs = coefficient.iter().zip(shares);
                        weighted.iter_mut().zip(pairs).for_each(|(w, (c, share))| *w = c * share);
                        give(0, k, sum(&weighted) - total * log_weights[k].exp());
                        let rows = z.chunks_exact(n).zip(dz.chunks_exact_mut(n));
                        for (d, (z, dz)) in rows.enumerate() {
                            let at = k * dim + d;
                            let normal = f.normal(parameters, at);
                            let of_u = |z: f32| (z - normal.mean) * normal.inverse;
                            for ((dz, z), w) in dz.iter_mut().zip(z).zip(&weighted) {
                                *dz -= w * of_u(*z) * normal.inverse;
                            }
                            let dm = dot_with(&weighted, z, |w, z| w * of_u(z)) * normal.inverse;
                            let da = dot_with(&weighted, z, |w, z| w * (of_u(z) * of_u(z) - 1.0));
                            let free = parameters[f.log_scale + at].abs() <= MAX_LOG_SCALE;
                            give(1, at, dm);
                            give(2, at, if free { da } else { 0.0 });
                        }
                    }
                },
            );
        });
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        let (f, others) = (&self.mixture, [self.coefficient, self.dz]);
        let (dim, components) = (f.dim as u32, f.components as u32);
        let columns = Layout::groups(layout.columns());
        vec![
            f.launch(layout, others, "mixture_backward", [columns, dim, 1]),
            f.launch(layout, others, "mixture_parameters", [dim + 1, components, 1]),
        ]
    }
}
