//! Clipping by the global norm, then Adam with decoupled decay.
//!
//! g ← g · min(1, clip/|g|); m ← β₁ m + (1 − β₁) g; v ← β₂ v + (1 − β₂) g²;
//! p ← p − rate · m̂/(√v̂ + ε) − decay · p, with β₁ = 0.9, β₂ = 0.999, ε = 10⁻⁸ and m̂, v̂ corrected
//! for their start at 0 (Kingma & Ba, arXiv:1412.6980; Loshchilov & Hutter, arXiv:1711.05101). Where a
//! running mean of the parameters is kept, p̄ ← p̄ + share · (p − p̄) (Polyak & Juditsky, SIAM J. Control
//! Optim. 30, 838).

use super::{BLOCK, GROUP, Launch, READINGS, StepInputs, arguments, constants};

/// β₁.
pub(crate) const BETA_1: f64 = 0.9;
/// β₂.
pub(crate) const BETA_2: f64 = 0.999;
const EPSILON: f32 = 1e-8;

/// Partial sums of the squared norm on the GPU.
pub(crate) const PARTS: usize = 256;

/// Factor that brings a gradient of this norm within the clip.
pub(crate) fn clip_scale(step: &StepInputs, norm: f64) -> f32 {
    (f64::from(step.clip) / norm).min(1.0) as f32
}

/// One step of Adam for some of the parameters; `scale` multiplies the gradient.
#[inline(always)]
pub(crate) fn adam(
    step: &StepInputs,
    scale: f32,
    g: &[f32],
    p: &mut [f32],
    m: &mut [f32],
    v: &mut [f32],
) {
    for (((g, p), m), v) in g.iter().zip(p).zip(m).zip(v) {
        let g = g * scale;
        *m = BETA_1 as f32 * *m + (1.0 - BETA_1) as f32 * g;
        *v = BETA_2 as f32 * *v + (1.0 - BETA_2) as f32 * g * g;
        let direction = (*m * step.correction_1) / ((*v * step.correction_2).sqrt() + EPSILON);
        *p -= step.rate * direction + step.decay * *p;
    }
}

/// The running mean of some of the parameters.
#[inline(always)]
pub(crate) fn average(step: &StepInputs, p: &[f32], mean: &mut [f32]) {
    for (p, mean) in p.iter().zip(mean) {
        *mean += step.average * (p - *mean);
    }
}

/// The WGSL calls for `n` parameters, whose gradient lies there in so many parts. The first, which
/// ends the backward pass, adds them up. The partial sums of the norm lie behind the readings of a
/// block; every workgroup of the second call adds these up for itself.
pub(crate) fn gpu(n: usize, parts: usize) -> [Launch; 2] {
    let first = READINGS * BLOCK;
    let launch = |entry, groups| Launch {
        sources: vec![
            constants![BETA_1, BETA_2, EPSILON, PARTS, FIRST_PART = first],
            include_str!("optimizer.wgsl").into(),
        ],
        entry,
        arguments: arguments! { count: n, parts: parts },
        groups,
    };
    let groups = n.div_ceil(GROUP).min(PARTS) as u32;
    [launch("sum_parts", [PARTS as u32, 1, 1]), launch("adam", [groups, 1, 1])]
}
