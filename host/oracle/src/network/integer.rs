//! Networks of integers, in integers of 64 bits.

use pushforward::network::{Bits, IntegerMlpSpec, IntegerSpec, SPIN};

use crate::weights::Weights;

/// The outputs of a masked one: of sites integers, of coordinates floats.
pub(crate) fn causal<const FLOATS: bool>(
    spec: &IntegerSpec<FLOATS>,
    weights: &Weights,
    context: &[f64],
    inputs: &[f64],
) -> Vec<f64> {
    let mut x = rounded(&entering(spec, weights, context, inputs));
    if !FLOATS {
        let spin = if context.is_empty() { 1 } else { SPIN.into() };
        x.extend(inputs.iter().map(|x| *x as i64 * spin));
    }
    // Without hidden layers outputs have their biases alone.
    let sums = match spec.hidden.len() {
        0 => integers(weights.get("output.bias")),
        _ => dense(weights, "output", &hidden(&spec.hidden, spec.weights, weights, x.clone())),
    };
    let direct = match weights.find("direct.weight") {
        Some(matrix) => times(matrix, &x, sums.len()),
        None => vec![0; sums.len()],
    };
    let both = sums.into_iter().zip(direct);
    if FLOATS {
        return leaving(weights, both.map(|(sum, direct)| sum + direct));
    }
    let scales = integers(weights.get("output.scales"));
    let output = |((sum, direct), scales): ((i64, i64), &[i64])| {
        let [e, m, of_direct, direct_m] = scales else { unreachable!() };
        shift(rescaled(sum, *e, *m) + rescaled(direct, *of_direct, *direct_m), 18) as f64
    };
    both.zip(scales.chunks(4)).map(output).collect()
}

/// The outputs of a perceptron, which reads floats and gives them.
pub(crate) fn perceptron(spec: &IntegerMlpSpec, weights: &Weights, x: &[f64]) -> Vec<f64> {
    let inputs = rounded(&read(spec.weights, weights, x));
    let sums = dense(weights, "output", &hidden(&spec.hidden, spec.weights, weights, inputs));
    leaving(weights, sums.into_iter())
}

/// How near what a perceptron reads is to the edge between two integers, at the nearest; an integer is ½ away.
pub(crate) fn edge(spec: &IntegerMlpSpec, weights: &Weights, x: &[f64]) -> f64 {
    nearest(&read(spec.weights, weights, x))
}

/// The same of a masked one.
pub(crate) fn causal_edge<const FLOATS: bool>(
    spec: &IntegerSpec<FLOATS>,
    weights: &Weights,
    context: &[f64],
    inputs: &[f64],
) -> f64 {
    nearest(&entering(spec, weights, context, inputs))
}

fn nearest(read: &[f64]) -> f64 {
    read.iter().map(|x| 0.5 - (x - x.round()).abs()).fold(0.5, f64::min)
}

/// What a masked one reads of floats: its context, and its inputs if they are coordinates.
fn entering<const FLOATS: bool>(
    spec: &IntegerSpec<FLOATS>,
    weights: &Weights,
    context: &[f64],
    inputs: &[f64],
) -> Vec<f64> {
    let x = if FLOATS { [context, inputs].concat() } else { context.to_vec() };
    read(spec.weights, weights, &x)
}

/// Floats in units of an integer and within the largest.
fn read(bits: Bits, weights: &Weights, x: &[f64]) -> Vec<f64> {
    let most = most(bits) as f64;
    let scales = weights.find("input.scale").unwrap_or_default();
    x.iter().zip(scales).map(|(x, scale)| (x * scale).clamp(-most, most)).collect()
}

fn rounded(xs: &[f64]) -> Vec<i64> {
    xs.iter().map(|x| x.round_ties_even() as i64).collect()
}

/// Sums as floats.
fn leaving(weights: &Weights, sums: impl Iterator<Item = i64>) -> Vec<f64> {
    sums.zip(weights.get("output.scale")).map(|(sum, scale)| sum as f64 * scale).collect()
}

/// The largest unit.
fn most(weights: Bits) -> i64 {
    (1 << weights.of_unit()) - 1
}

/// The units of the last hidden layer.
fn hidden(sizes: &[usize], bits: Bits, weights: &Weights, mut x: Vec<i64>) -> Vec<i64> {
    let most = most(bits);
    for l in 0..sizes.len() {
        let scales = integers(weights.get(&format!("hidden.{l}.scales")));
        let sums = dense(weights, &format!("hidden.{l}"), &x);
        let unit = |(sum, scales): (i64, &[i64])| {
            let [e, m, below, other] = scales else { unreachable!() };
            let (e, m) = if sum < 0 { (below, other) } else { (e, m) };
            shift(rescaled(sum, *e, *m), 26 - bits.of_unit()).clamp(-most, most)
        };
        x = sums.into_iter().zip(scales.chunks(4)).map(unit).collect();
    }
    x
}

fn integers(xs: &[f64]) -> Vec<i64> {
    xs.iter().map(|x| *x as i64).collect()
}

fn dense(weights: &Weights, name: &str, x: &[i64]) -> Vec<i64> {
    let bias = integers(weights.get(&format!("{name}.bias")));
    let sums = times(weights.get(&format!("{name}.weight")), x, bias.len());
    bias.iter().zip(sums).map(|(bias, sum)| bias + sum).collect()
}

fn times(matrix: &[f64], x: &[i64], rows: usize) -> Vec<i64> {
    let row = |row: usize| &matrix[row * x.len()..(row + 1) * x.len()];
    (0..rows).map(|i| row(i).iter().zip(x).map(|(w, x)| *w as i64 * x).sum()).collect()
}

fn rescaled(sum: i64, e: i64, m: i64) -> i64 {
    ((sum << e) >> 15) * m
}

/// Divided by 2^n and rounded to nearest, halves up.
fn shift(x: i64, n: u32) -> i64 {
    (x + (1 << (n - 1))) >> n
}
