//! Made-up parameters of networks of integers.

use pushforward::model::{Description, Dtype, SitesNetworkSpec, SitesSpec};
use pushforward::network::Bits;

/// The largest integers that tensors hold, times numbers of −1 to 1, and scales that make units and logits of
/// the sums, with room for the largest.
///
/// # Panics
/// If the network is not one of integers.
pub(crate) fn integers(description: &Description, numbers: &[f32]) -> Vec<f32> {
    let Description::Sites(SitesSpec { network: SitesNetworkSpec::Integer(network), .. }) =
        description
    else {
        panic!("a network of floats");
    };
    let (most_of_16, exponent) = match network.weights {
        Bits::I8 => (32767.0, 9.0),
        Bits::I16 => (2047.0, 2.0),
    };
    let mut rest = numbers;
    let mut all = Vec::new();
    for tensor in description.tensors() {
        let (now, later) = rest.split_at(tensor.size());
        rest = later;
        let most = match tensor.dtype {
            Dtype::I8 => 127.0,
            Dtype::I16 => most_of_16,
            _ => 5000.0,
        };
        let is_scales = tensor.name.ends_with("scales");
        all.extend(now.iter().enumerate().map(|(i, x)| match (is_scales, i % 2) {
            (true, 0) => exponent,
            // Multipliers are up to half of the largest.
            (true, _) => (x * 16384.0).round(),
            (false, _) => (x * most).round(),
        }));
    }
    all
}
