//! MADE of stat-mech-van, the code of variational autoregressive networks (Wu, Wang & Zhang, PRL 122, 080602).
//!
//! Its masked layers count units channel after channel; ours are sorted by site. The first layer is exclusive
//! (`net.0`), each of the others (`net.{k}.1`) has learned leaky units in front of it (`net.{k}.0`), and the
//! last is the logit of +1. Without Z2 and with biases the code sets the first probability to ½; here the first
//! logit is 0. Its `log_prob` adds 10⁻⁷ to every probability, so that those of a spin do not sum to one; the
//! exporter writes log-probabilities without it, and ours are of the distribution that is drawn.

use pushforward::conditional::BernoulliSpec;
use pushforward::model::{Description, SitesNetworkSpec, Symmetry, preset};
use pushforward::network::MaskedSpec;

use super::settings::Settings;
use super::{State, Tensors, named, van_pixelcnn};
use crate::error::Result;

/// A masked layer, its channels before and after the sites.
struct Layer {
    /// `[outputs][inputs]`, both sorted by site.
    weight: Vec<f64>,
    bias: Vec<f64>,
    channels: usize,
}

/// The distribution, and its tensors.
pub(super) fn sites(state: &State, settings: &Settings) -> Result<(Description, Tensors)> {
    if state.get("net.0.weight")?.shape.len() == 4 {
        return van_pixelcnn::sites(state, settings);
    }
    let (n, z2) = (settings.features, settings.z2()?);
    let mut layers = vec![layer(state, "net.0", n, 1, true)?];
    let mut slopes = Vec::new();
    for k in 1.. {
        let path = format!("net.{k}");
        if !state.has_within(&format!("{path}.")) {
            break;
        }
        if state.has_within(&format!("{path}.block.")) {
            return Err(state.fault(format!(
                "`{path}.block`: a residual block of stat-mech-van, whose units stand inside it, has no \
                 counterpart: expected a network without `res_block`"
            )));
        }
        let channels = layers[k - 1].channels;
        let slope = state.vector(&format!("{path}.0.weight"), channels * n)?;
        slopes.push((0..channels * n).map(|u| slope[u % channels * n + u / channels]).collect());
        layers.push(layer(state, &format!("{path}.1"), n, channels, false)?);
    }
    let starts_evenly = starts_evenly(state, z2)?;
    let direct = slopes.is_empty();
    let mut tensors = Tensors::new();
    let hidden: Vec<usize> = layers.iter().map(|layer| layer.channels * n).collect();
    let (_, hidden) = hidden.split_last().unwrap_or((&0, &[]));
    let last = layers.pop().ok_or_else(|| state.fault("no layers"))?;
    if last.channels != 1 {
        let found = last.channels;
        return Err(state.fault(format!("the last layer: found {found} channels, expected 1")));
    }
    for (l, (layer, slope)) in layers.into_iter().zip(slopes).enumerate() {
        let name = |what: &str| format!("network.hidden.{l}.{what}");
        tensors.extend([
            (name("weight"), layer.weight),
            (name("bias"), layer.bias),
            (name("slope"), slope),
        ]);
    }
    let Layer { mut weight, mut bias, .. } = last;
    if starts_evenly {
        let inputs = weight.len() / n;
        weight[..inputs].fill(0.0);
        bias[0] = 0.0;
    }
    let to = if direct { "network.direct.weight" } else { "network.output.weight" };
    tensors.extend(named([(to, weight), ("network.output.bias", bias)]));
    let network = MaskedSpec { hidden: hidden.to_vec(), direct, ..Default::default() };
    let side = n.isqrt();
    let shape = if settings.is_square() && side * side == n { vec![side, side] } else { vec![n] };
    Ok((spins(&shape, network, z2), tensors))
}

/// Spins by a network, as likely as their mirror image or not.
pub(super) fn spins(
    shape: &[usize],
    network: impl Into<SitesNetworkSpec>,
    z2: bool,
) -> Description {
    let mut description = preset::sites(shape, network, BernoulliSpec {});
    if let Description::Sites(sites) = &mut description
        && z2
    {
        sites.symmetry = Symmetry::Z2;
    }
    description
}

/// Whether the first probability is ½, whatever the weights.
pub(super) fn starts_evenly(state: &State, z2: bool) -> Result<bool> {
    let evenly = !z2 && state.has("net.0.bias");
    for (name, x) in [("x_hat_mask", 0.0), ("x_hat_bias", 0.5)] {
        if state.has(name) {
            let first = state.get(name)?.data.first().copied();
            if !evenly || first != Some(x) {
                return Err(state.fault(format!("`{name}`: found {first:?} first, expected {x}")));
            }
        }
    }
    Ok(evenly)
}

/// The biases of a layer of so many units, zeros if it has none.
pub(super) fn bias(state: &State, path: &str, units: usize) -> Result<Vec<f64>> {
    let name = format!("{path}.bias");
    match state.has(&name) {
        true => Ok(state.vector(&name, units)?.to_vec()),
        false => Ok(vec![0.0; units]),
    }
}

/// A masked layer of `inputs` channels on `n` sites, sorted by site.
fn layer(state: &State, path: &str, n: usize, inputs: usize, exclusive: bool) -> Result<Layer> {
    let name = |what: &str| format!("{path}.{what}");
    let ([rows, columns], weight) = state.matrix(&name("weight"))?;
    let channels = rows / n;
    if columns != inputs * n || channels == 0 || rows != channels * n {
        return Err(state.fault(format!(
            "`{path}.weight`: found shape {:?}, expected [channels · {n}, {}]",
            [rows, columns],
            inputs * n
        )));
    }
    let mask = &state.shaped(&name("mask"), &[rows, columns])?.data;
    let mut sorted = vec![0.0; rows * columns];
    for (i, row) in sorted.chunks_exact_mut(columns).enumerate() {
        let (site, channel) = (i / channels, i % channels);
        for (j, to) in row.iter_mut().enumerate() {
            let (from, of) = (j / inputs, j % inputs);
            let at = (channel * n + site) * columns + of * n + from;
            let seen = if exclusive { from < site } else { from <= site };
            if (mask[at] != 0.0) != seen {
                return Err(state.fault(format!(
                    "`{path}.mask`: unit {channel} of site {site} and unit {of} of site {from}: found {}, \
                     expected {}",
                    mask[at],
                    u8::from(seen)
                )));
            }
            *to = if seen { weight[at] } else { 0.0 };
        }
    }
    let bias = bias(state, path, rows)?;
    let bias = (0..rows).map(|i| bias[i % channels * n + i / channels]).collect();
    Ok(Layer { weight: sorted, bias, channels })
}
