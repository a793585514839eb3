//! What goes into a step and what it measures: the numbers that differ from one step to the next.

/// Most steps between two read-backs from a GPU.
pub(crate) const BLOCK: usize = 64;
/// Numbers a step measures on a GPU, with room.
pub(crate) const READINGS: usize = 8;

/// Numbers that differ from step to step; the same bytes on both devices.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
pub struct StepInputs {
    /// Key of the step's noise.
    pub key: [u32; 2],
    /// β_t of the loss.
    pub beta: f32,
    /// β of the target, for the effective sample size.
    pub beta_full: f32,
    /// Learning rate.
    pub rate: f32,
    /// 1/(1 − β₁ᵗ).
    pub correction_1: f32,
    /// 1/(1 − β₂ᵗ).
    pub correction_2: f32,
    /// Longest gradient.
    pub clip: f32,
    /// Weight decay times learning rate.
    pub decay: f32,
    /// Place of the step's readings.
    pub slot: u32,
}

/// What a step measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Readings {
    /// Mean loss of the batch.
    pub loss: f64,
    /// Variance of the loss over the batch.
    pub variance: f64,
    /// Mean energy.
    pub energy: f64,
    /// Effective sample size, as a fraction.
    pub ess: f64,
    /// Norm of the gradient before clipping.
    pub grad_norm: f64,
}
