//! A masked network of integers, in integers of 64 bits.

use pushforward::network::IntegerSpec;

use crate::weights::Weights;

pub(crate) fn run(spec: &IntegerSpec, weights: &Weights, inputs: &[f64]) -> Vec<f64> {
    let inputs = integers(inputs);
    let bits = spec.weights.of_unit();
    let most = (1 << bits) - 1;
    let mut x = inputs.clone();
    for l in 0..spec.hidden.len() {
        let scales = integers(weights.get(&format!("hidden.{l}.scales")));
        let sums = dense(weights, &format!("hidden.{l}"), &x);
        let unit = |(sum, scales): (i64, &[i64])| {
            let [e, m, below, other] = scales else { unreachable!() };
            let (e, m) = if sum < 0 { (below, other) } else { (e, m) };
            shift(rescaled(sum, *e, *m), 26 - bits).clamp(-most, most)
        };
        x = sums.into_iter().zip(scales.chunks(4)).map(unit).collect();
    }
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

fn integers(xs: &[f64]) -> Vec<i64> {
    xs.iter().map(|x| *x as i64).collect()
}

fn dense(weights: &Weights, name: &str, x: &[i64]) -> Vec<i64> {
    let bias = integers(weights.get(&format!("{name}.bias")));
    let sums = times(weights.get(&format!("{name}.weight")), x, bias.len());
    bias.iter().zip(sums).map(|(bias, sum)| bias + sum).collect()
}

fn times(matrix: &[f64], x: &[i64], rows: usize) -> Vec<i64> {
    let row = |row: &[f64]| row.iter().zip(x).map(|(w, x)| *w as i64 * x).sum();
    matrix.chunks(matrix.len() / rows).map(row).collect()
}

fn rescaled(sum: i64, e: i64, m: i64) -> i64 {
    ((sum << e) >> 15) * m
}

/// Divided by 2^n and rounded to nearest, halves up.
fn shift(x: i64, n: u32) -> i64 {
    (x + (1 << (n - 1))) >> n
}
