//! Networks of integers, in integers of 64 bits.

use pushforward::network::{Bits, IntegerMlpSpec, IntegerSpec};

use crate::weights::Weights;

/// The outputs of a masked one.
pub(crate) fn run(spec: &IntegerSpec, weights: &Weights, inputs: &[f64]) -> Vec<f64> {
    let inputs = integers(inputs);
    let x = hidden(&spec.hidden, spec.weights, weights, inputs.clone());
    // Without hidden layers outputs have their biases alone.
    let sums = match spec.hidden.len() {
        0 => integers(weights.get("output.bias")),
        _ => dense(weights, "output", &x),
    };
    let direct = match weights.find("direct.weight") {
        Some(matrix) => times(matrix, &inputs, sums.len()),
        None => vec![0; sums.len()],
    };
    let scales = integers(weights.get("output.scales"));
    let output = |((sum, direct), scales): ((i64, i64), &[i64])| {
        let [e, m, of_direct, direct_m] = scales else { unreachable!() };
        shift(rescaled(sum, *e, *m) + rescaled(direct, *of_direct, *direct_m), 18) as f64
    };
    sums.into_iter().zip(direct).zip(scales.chunks(4)).map(output).collect()
}

/// The outputs of a perceptron, which reads floats and gives them.
pub(crate) fn perceptron(spec: &IntegerMlpSpec, weights: &Weights, x: &[f64]) -> Vec<f64> {
    let inputs = read(spec, weights, x).map(|x| x.round_ties_even() as i64).collect();
    let sums = dense(weights, "output", &hidden(&spec.hidden, spec.weights, weights, inputs));
    sums.iter().zip(weights.get("output.scale")).map(|(sum, scale)| *sum as f64 * scale).collect()
}

/// How near what it reads is to the edge between two integers, at the nearest; an integer is ½ away.
pub(crate) fn edge(spec: &IntegerMlpSpec, weights: &Weights, x: &[f64]) -> f64 {
    read(spec, weights, x).map(|x| 0.5 - (x - x.round()).abs()).fold(0.5, f64::min)
}

/// What it reads, in units of an integer and within the largest.
fn read<'a>(
    spec: &IntegerMlpSpec,
    weights: &'a Weights,
    x: &'a [f64],
) -> impl Iterator<Item = f64> + 'a {
    let most = most(spec.weights) as f64;
    x.iter().zip(weights.get("input.scale")).map(move |(x, scale)| (x * scale).clamp(-most, most))
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
