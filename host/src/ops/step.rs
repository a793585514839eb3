//! What goes into a step and what it measures: the numbers that differ from one step to the next.

/// Most steps between two read-backs from a GPU.
pub(crate) const BLOCK: usize = 64;
/// Numbers a step measures on a GPU, with room; then the place of each.
pub(crate) const READINGS: usize = 8;
pub(crate) const READING_LOSS: usize = 0;
pub(crate) const READING_VARIANCE: usize = 1;
pub(crate) const READING_ENERGY: usize = 2;
pub(crate) const READING_ESS: usize = 3;
pub(crate) const READING_GRAD_NORM: usize = 4;

/// Declares the step's numbers once, for both devices: the Rust type, and the WGSL one, `Step`.
macro_rules! step_inputs {
    ($($(#[$doc:meta])* $name:ident: $rust:ty as $wgsl:literal),* $(,)?) => {
        /// Numbers that differ from step to step; the same bytes on both devices.
        #[repr(C)]
        #[derive(Clone, Copy, Debug, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
        pub struct StepInputs {
            $($(#[$doc])* pub $name: $rust),*
        }

        impl StepInputs {
            /// The declaration of `Step`.
            pub(crate) const WGSL: &str = concat!(
                "struct Step {\n",
                $("    ", stringify!($name), ": ", $wgsl, ",\n",)*
                "}\n",
            );
        }
    };
}

step_inputs! {
    /// Key of the step's noise.
    key: [u32; 2] as "vec2<u32>",
    /// β_t of the loss.
    beta: f32 as "f32",
    /// β of the target, for the effective sample size.
    beta_full: f32 as "f32",
    /// Learning rate.
    rate: f32 as "f32",
    /// 1/(1 − β₁ᵗ).
    correction_1: f32 as "f32",
    /// 1/(1 − β₂ᵗ).
    correction_2: f32 as "f32",
    /// Longest gradient.
    clip: f32 as "f32",
    /// Weight decay times learning rate.
    decay: f32 as "f32",
    /// Share of the new parameters in their running mean; 0: none is kept.
    average: f32 as "f32",
    /// Place of the step's readings.
    slot: u32 as "u32",
    /// The first of the rows that the step is given, if it is.
    first_row: u32 as "u32",
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

impl Readings {
    /// From a step's numbers on a GPU.
    pub(crate) fn of_gpu(numbers: &[f32]) -> Self {
        let at = |place: usize| f64::from(numbers[place]);
        Self {
            loss: at(READING_LOSS),
            variance: at(READING_VARIANCE),
            energy: at(READING_ENERGY),
            ess: at(READING_ESS),
            grad_norm: at(READING_GRAD_NORM),
        }
    }
}
