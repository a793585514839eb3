//! Where training starts: parameters drawn from a seed.

use pushforward::model::{Model, ModelError, Start};
use pushforward::noise::{block, normal};
use pushforward::simd::Scalar;

/// Key that sets the parameters' noise apart from the batches' of the same seed.
const KEY: u32 = 0x5eed_0001;
/// Sets all parameters from `seed`.
///
/// Where each tensor starts, its part says ([`Start`]).
///
/// # Errors
/// None for a model that exists; the type is that of [`Model::set_parameters`].
pub fn initialize(model: &mut Model, seed: u64) -> Result<(), ModelError> {
    initialize_scaled(model, seed, 1.0)
}

/// As [`initialize`], with the weights of hidden layers times `scale`. Large ones learn fast, and soon the
/// rows themselves where these are few.
///
/// # Errors
/// As [`initialize`].
pub fn initialize_scaled(model: &mut Model, seed: u64, scale: f32) -> Result<(), ModelError> {
    let key = block([seed as u32, (seed >> 32) as u32], [KEY, KEY]);
    let mut parameters: Vec<f32> = Vec::with_capacity(model.description().parameters());
    for spec in model.description().tensors() {
        let (size, columns) = (spec.size(), spec.shape.last().copied().unwrap_or(1).max(1));
        let (factor, slope) = match spec.start {
            Start::Value(value) => {
                parameters.extend(std::iter::repeat_n(value, size));
                continue;
            }
            Start::Normal { factor, slope } => (factor, slope),
        };
        let hidden = spec.name.split('.').rev().nth(2) == Some("hidden");
        let factor = if hidden { factor * scale } else { factor };
        for i in 0..size {
            let visible = spec.visible(i / columns);
            let n = parameters.len() as u64;
            let word = block(key, [n as u32, (n >> 32) as u32])[0];
            let deviation = (2.0 / ((1.0 + slope * slope) * visible.max(1) as f32)).sqrt();
            let seen = i % columns < visible;
            parameters.push(if seen { factor * deviation * normal(Scalar, word) } else { 0.0 });
        }
    }
    model.set_parameters(&parameters)
}
