//! Networks of integers, and made-up parameters of them.

use pushforward::model::{
    CausalNetworkSpec, Description, Dtype, LayerSpec, NetworkSpec, SitesNetworkSpec,
};
use pushforward::network::{Bits, IntegerMlpSpec, IntegerSpec, MaskedSpec, MlpSpec};

/// A model with its networks in integers: of spins, or of a flow's layers.
pub(crate) fn of_integers(
    mut description: Description,
    weights: Bits,
    direct: Option<Bits>,
) -> Description {
    match &mut description {
        Description::Sites(sites) => {
            if let SitesNetworkSpec::Masked(MaskedSpec { hidden, .. }) = &sites.network {
                sites.network = IntegerSpec { hidden: hidden.clone(), weights, direct }.into();
            }
        }
        Description::Flow(flow) => {
            for layer in &mut flow.layers {
                if let LayerSpec::Coupling(coupling) = layer
                    && let NetworkSpec::Mlp(MlpSpec { hidden, .. }) = &coupling.network
                {
                    coupling.network = IntegerMlpSpec { hidden: hidden.clone(), weights }.into();
                }
                if let LayerSpec::Autoregressive(layer) = layer
                    && let CausalNetworkSpec::Masked(MaskedSpec { hidden, .. }) = &layer.network
                {
                    let spec = IntegerSpec::<true> { hidden: hidden.clone(), weights, direct };
                    layer.network = spec.into();
                }
            }
        }
    }
    description
}

/// The largest integers that tensors hold, times numbers of −1 to 1, and scales that make units and outputs of
/// the sums, with room for the largest. Tensors of floats are three tenths of their numbers.
pub(crate) fn integers(description: &Description, numbers: &[f32]) -> Vec<f32> {
    let tensors = description.tensors();
    let is_of_8 = tensors.iter().any(|tensor| tensor.dtype == Dtype::I8);
    let has = |end| tensors.iter().any(|tensor| tensor.name.ends_with(end));
    // Spins count as 127 beside a context.
    let given_spins = has("input.scale") && has("output.scales");
    // Bits of 16 at most, an exponent, and the scales on the way in and out.
    let (most_of_16, exponent, read, given) = match is_of_8 {
        true => (if given_spins { 255.0 } else { 32767.0 }, 9.0, 30.0, 1e-5),
        false => (2047.0, 2.0, 500.0, 3e-8),
    };
    let mut rest = numbers;
    let mut all = Vec::new();
    for tensor in tensors {
        let (now, later) = rest.split_at(tensor.size());
        rest = later;
        let is = |end| tensor.name.ends_with(end);
        let of = |i: usize, x: f32| match tensor.dtype {
            Dtype::F32 if is("input.scale") => read,
            Dtype::F32 if is("output.scale") => x * given,
            Dtype::F32 => x * 0.3,
            _ if is("scales") && i.is_multiple_of(2) => exponent,
            // Multipliers are up to half of the largest.
            _ if is("scales") => (x * 16384.0).round(),
            Dtype::I8 => (x * 127.0).round(),
            Dtype::I16 => (x * most_of_16).round(),
            _ => (x * 5000.0).round(),
        };
        all.extend(now.iter().enumerate().map(|(i, x)| of(i, *x)));
    }
    all
}
