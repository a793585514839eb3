//! Where training starts: parameters drawn from a seed.

use pushforward::model::{Architecture, Model, ModelError};
use pushforward::noise::{block, normal};
use pushforward::simd::Scalar;

/// Key that sets the parameters' noise apart from the batches' of the same seed.
const KEY: u32 = 0x5eed_0001;
/// Slope of a leaky unit at the start: half for spins (as PReLU in van's code), and small for flows.
const SLOPE_MADE: f32 = 0.5;
const SLOPE_FLOW: f32 = 0.1;

/// Sets all parameters from `seed`.
///
/// Hidden weights are normal with variance 2/((1 + slope²) · visible inputs), which keeps the size of
/// activations from layer to layer (He et al., arXiv:1502.01852). Output weights of a spin model are
/// a tenth of that and those of a flow's layer are 0: a spin model starts almost uniform, a flow starts
/// as the identity. An affine layer starts as the identity: data are in units
/// of their own ([`Units`](crate::data::Units)).
///
/// # Errors
/// None for a model that exists; the type is that of [`Model::set_parameters`].
pub fn initialize(model: &mut Model, seed: u64) -> Result<(), ModelError> {
    let architecture = model.architecture().clone();
    let slope = match architecture {
        Architecture::Made(_) => SLOPE_MADE,
        Architecture::RealNvp(_) | Architecture::Nsf(_) | Architecture::Maf(_) => SLOPE_FLOW,
    };
    let key = block([seed as u32, (seed >> 32) as u32], [KEY, KEY]);
    let mut parameters = Vec::with_capacity(architecture.parameters());
    for (name, shape) in architecture.tensors() {
        let size: usize = shape.iter().product();
        if name.ends_with("slope") {
            parameters.extend(std::iter::repeat_n(slope, size));
            continue;
        }
        let factor = match &architecture {
            _ if name.contains("hidden.") && name.ends_with("weight") => 1.0,
            Architecture::Made(_) if name == "output.weight" => 0.1,
            Architecture::Made(_)
            | Architecture::RealNvp(_)
            | Architecture::Nsf(_)
            | Architecture::Maf(_) => 0.0,
        };
        let inputs = shape.last().copied().unwrap_or(1);
        for i in 0..size {
            let (row, column) = (i / inputs.max(1), i % inputs.max(1));
            let visible = architecture.visible(&name, row).unwrap_or(inputs);
            let word =
                block(key, [parameters.len() as u32, (parameters.len() as u64 >> 32) as u32])[0];
            let deviation = (2.0 / ((1.0 + slope * slope) * visible.max(1) as f32)).sqrt();
            let value =
                if column < visible { factor * deviation * normal(Scalar, word) } else { 0.0 };
            parameters.push(value);
        }
    }
    model.set_parameters(&parameters)
}
