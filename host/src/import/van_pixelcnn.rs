//! PixelCNN of stat-mech-van: convolutions of `[channels, channels, rows, columns]`, of which a mask shows what is
//! before the middle.
//!
//! The first (`net.0`) is exclusive. Each of the others has leaky units in front of it: `net.{k}.0` and `net.{k}.1`;
//! or, in a residual block, a convolution of one site before both (`net.{k}.block.0`, `.1`, `.2`), whose units then
//! stand inside the block. With `final_conv` a convolution of one site comes last. A mask that reaches past the
//! lattice is cut to it: what is outside is 0. Without Z2 and with biases the first probability is ½, which a
//! uniform start is.

use pushforward::model::Description;
use pushforward::network::ConvolutionSpec;

use super::settings::Settings;
use super::van::{bias, spins, starts_evenly};
use super::{State, Tensors};
use crate::error::Result;

/// A convolution.
struct Layer {
    /// `[channels][offsets][channels below]`, the offsets row after row.
    weight: Vec<f64>,
    bias: Vec<f64>,
    channels: usize,
    reach: [usize; 2],
    /// Those of the units on top, if there are any.
    slope: Option<Vec<f64>>,
}

/// The distribution, and its tensors.
pub(super) fn sites(state: &State, settings: &Settings) -> Result<(Description, Tensors)> {
    let (n, z2) = (settings.features, settings.z2()?);
    let side = n.isqrt();
    if side * side != n {
        return Err(state.fault(format!("a PixelCNN of {n} sites, expected those of a square")));
    }
    let mut layers = vec![layer(state, "net.0", side, 1, true)?];
    let mut residual = false;
    let mut k = 1;
    while state.has_within(&format!("net.{k}.")) {
        let path = format!("net.{k}");
        let block = format!("{path}.block");
        let below = layers[layers.len() - 1].channels;
        if state.has_within(&format!("{block}.")) {
            residual = true;
            let mut inner = layer(state, &format!("{block}.0"), side, below, false)?;
            let slope = state.vector(&format!("{block}.1.weight"), inner.channels)?;
            inner.slope = Some(slope.to_vec());
            let added = layer(state, &format!("{block}.2"), side, inner.channels, false)?;
            layers.extend([inner, added]);
        } else {
            let last = state.has(&format!("{path}.weight"));
            let units = if last { path.clone() } else { format!("{path}.0") };
            let slope = state.vector(&format!("{units}.weight"), below)?.to_vec();
            if let Some(under) = layers.last_mut() {
                under.slope = Some(slope);
            }
            k += usize::from(last);
            let path = if last { format!("net.{k}") } else { format!("{path}.1") };
            layers.push(layer(state, &path, side, below, false)?);
        }
        k += 1;
    }
    let hidden: Vec<usize> = layers.iter().map(|layer| layer.channels).collect();
    let (last, hidden) = hidden.split_last().unwrap_or((&0, &[]));
    if *last != 1 {
        return Err(state.fault(format!("the last layer: found {last} channels, expected 1")));
    }
    if residual && hidden.len() % 2 == 0 {
        return Err(state.fault("`final_conv` after residual blocks has no counterpart"));
    }
    let network = ConvolutionSpec {
        columns: side,
        hidden: hidden.to_vec(),
        reach: layers.iter().map(|layer| layer.reach).collect(),
        residual,
        uniform_start: starts_evenly(state, z2)?,
        ..Default::default()
    };
    let mut tensors = Tensors::new();
    for (l, layer) in layers.into_iter().enumerate() {
        let path = format!("network.{}", network.path(l));
        let name = |what: &str| format!("{path}.{what}");
        tensors.extend([(name("weight"), layer.weight), (name("bias"), layer.bias)]);
        if let Some(slope) = layer.slope {
            tensors.insert(name("slope"), slope);
        }
    }
    Ok((spins(&[side, side], network, z2), tensors))
}

/// A convolution of `below` channels on a square of this side.
fn layer(state: &State, path: &str, side: usize, below: usize, exclusive: bool) -> Result<Layer> {
    let name = |what: &str| format!("{path}.{what}");
    let array = state.get(&name("weight"))?;
    let (channels, width) = match array.shape[..] {
        [channels, from, rows, columns]
            if from == below && rows == columns && rows % 2 == 1 && channels > 0 =>
        {
            (channels, rows)
        }
        _ => {
            return Err(state.fault(format!(
                "`{path}.weight`: found shape {:?}, expected [channels, {below}, k, k] with k odd",
                array.shape
            )));
        }
    };
    let weight = state.numbers(&name("weight"), &array.shape)?;
    let half = width / 2;
    let seen = |i: usize, j: usize| i < half || (i == half && j < half + usize::from(!exclusive));
    if state.has(&name("mask")) || width > 1 {
        let mask = &state.shaped(&name("mask"), &[width, width])?.data;
        for (at, found) in mask.iter().enumerate() {
            let expected = seen(at / width, at % width);
            if (*found != 0.0) != expected {
                return Err(state.fault(format!(
                    "`{path}.mask`: row {}, column {}: found {found}, expected {}",
                    at / width,
                    at % width,
                    u8::from(expected)
                )));
            }
        }
    }
    let reach = half.min(side - 1);
    let inside = half - reach..half + reach + 1;
    let mut offsets = Vec::new();
    for i in inside.clone() {
        offsets.extend(inside.clone().filter(|j| seen(i, *j)).map(|j| i * width + j));
    }
    let mut sorted = Vec::with_capacity(channels * offsets.len() * below);
    for row in weight.chunks_exact(below * width * width) {
        for at in &offsets {
            sorted.extend((0..below).map(|from| row[from * width * width + at]));
        }
    }
    let bias = bias(state, path, channels)?;
    Ok(Layer { weight: sorted, bias, channels, reach: [reach; 2], slope: None })
}
