//! A masked convolution: of each layer all sites, each from what is before it around it.

use pushforward::network::ConvolutionSpec;

use super::mlp::unit;
use crate::weights::Weights;

pub(crate) fn run(
    spec: &ConvolutionSpec,
    weights: &Weights,
    context: &[f64],
    sites: usize,
    inputs: &[f64],
) -> Vec<f64> {
    let columns = spec.columns as i64;
    let rows = sites as i64 / columns;
    let hidden = spec.hidden.len();
    let mut below = inputs.to_vec();
    // Sums that later ones are added to.
    let mut stream: Vec<f64> = Vec::new();
    for (l, [up, beside]) in spec.reach.iter().map(|r| r.map(|n| n as i64)).enumerate() {
        let name = if l < hidden { format!("hidden.{l}") } else { "output".into() };
        let channels = below.len() / sites;
        let mut sums = Vec::new();
        for site in 0..rows * columns {
            let mut read = if l == 0 { context.to_vec() } else { Vec::new() };
            for (dy, dx) in (-up..=0).flat_map(|dy| (-beside..=beside).map(move |dx| (dy, dx))) {
                if dy == 0 && (dx > 0 || (dx == 0 && l == 0)) {
                    continue;
                }
                let (y, x) = (site / columns + dy, site % columns + dx);
                let inside = y >= 0 && (0..columns).contains(&x);
                let first = (y * columns + x) * channels as i64;
                read.extend(
                    (0..channels).map(|c| if inside { below[first as usize + c] } else { 0.0 }),
                );
            }
            sums.extend(weights.dense(&name, &read));
        }
        let starts = l % 2 == 0 && l < hidden;
        if spec.residual && starts {
            stream.resize(sums.len(), 0.0);
            stream.iter_mut().zip(&sums).for_each(|(stream, sum)| *stream += sum);
            sums.clone_from(&stream);
        }
        let has_units = l < hidden && (!spec.residual || !starts || l + 1 == hidden);
        let slopes = weights.find(&format!("{name}.slope"));
        if has_units {
            for (i, sum) in sums.iter_mut().enumerate() {
                let slope = slopes.map_or(0.0, |slopes| slopes[i % slopes.len()]);
                *sum = unit(spec.activation, slope, *sum);
            }
        }
        below = sums;
    }
    if spec.uniform_start {
        let outputs = below.len() / sites;
        below[..outputs].fill(0.0);
    }
    below
}
