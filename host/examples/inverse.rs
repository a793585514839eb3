//! How near the couplings of twenty spins are found again, from rows that are drawn with them.
//!
//! `cargo run --release -p pushforward-host --example inverse -- BETA ROWS SEED [FILE.csv]` draws the couplings βJ of all
//! pairs, normal of variance β²/N, and rows by all 2²⁰ probabilities; with a file it writes the rows and ends. Otherwise it
//! prints Δ = √(Σ (J − J_true)²) / N, of βJ over pairs (Wu, Wang & Zhang, PRL 122, 080602), of the naive mean field, −C⁻¹ of the
//! covariances C of the rows, of Sessak & Monasson's expansion (J. Phys. A 42, 055001; as Roudi, Tyrcha & Hertz, PRE 79,
//! 051915, write it), and of `couplings`.

use std::error::Error;
use std::fmt::Write;

use pushforward::model::{Arithmetic, Model, Symmetry, preset};
use pushforward::noise::{block, normal};
use pushforward::simd::Scalar;
use pushforward_host::device::Device;
use pushforward_host::inverse::{Action, Search, seek};
use pushforward_host::linear::{cholesky, solve};
use pushforward_host::train::{Schedule, TrainOptions, initialize};

const N: usize = 20;

/// i, j and βJ of all pairs.
fn pairs(beta: f64, seed: u32) -> Vec<(usize, usize, f64)> {
    let all = (0..N).flat_map(|i| (i + 1..N).map(move |j| (i, j)));
    let scale = beta / (N as f64).sqrt();
    let coupling = |k: usize| scale * f64::from(normal(Scalar, block([seed, 7], [k as u32, 0])[0]));
    all.enumerate().map(|(k, (i, j))| (i, j, coupling(k))).collect()
}

/// Rows by all states' probabilities.
fn rows(pairs: &[(usize, usize, f64)], n: usize, seed: u32) -> Vec<f32> {
    let mut matrix = [[0.0; N]; N];
    for (i, j, k) in pairs {
        (matrix[*i][*j], matrix[*j][*i]) = (*k, *k);
    }
    // Gray's code: one spin flips from a state to the next.
    let mut s = [-1.0f64; N];
    let mut ln = pairs.iter().map(|(.., k)| k).sum::<f64>();
    let mut states = Vec::with_capacity(1 << N);
    let mut code = 0u32;
    for step in 1..=1u32 << N {
        states.push((code, ln));
        let flip = (step.trailing_zeros() as usize).min(N - 1);
        let around: f64 = matrix[flip].iter().zip(&s).map(|(k, s)| k * s).sum();
        ln -= 2.0 * s[flip] * around;
        s[flip] = -s[flip];
        code ^= 1 << flip;
    }
    let most = states.iter().map(|(_, ln)| *ln).fold(f64::NEG_INFINITY, f64::max);
    let mut total = 0.0;
    let ends: Vec<f64> = states
        .iter()
        .map(|(_, ln)| {
            total += (ln - most).exp();
            total
        })
        .collect();
    let row = |i: usize| {
        let [high, low] = block([seed, 8], [i as u32, 1]);
        let uniform = (f64::from(high) + f64::from(low) / 2f64.powi(32)) / 2f64.powi(32);
        let at = ends.partition_point(|end| *end <= uniform * total).min(ends.len() - 1);
        let state = states[at].0;
        (0..N).map(move |i| if state >> i & 1 == 1 { 1.0 } else { -1.0 })
    };
    (0..n).flat_map(row).collect()
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [beta, n, seed, file @ ..] = &arguments[..] else {
        return Err("usage: inverse BETA ROWS SEED [FILE.csv]".into());
    };
    let (beta, n, seed): (f64, usize, u32) = (beta.parse()?, n.parse()?, seed.parse()?);
    let pairs = pairs(beta, seed);
    let rows = rows(&pairs, n, seed);
    if let [file] = file {
        let mut text = String::new();
        for row in rows.chunks(N) {
            let row: Vec<String> = row.iter().map(f32::to_string).collect();
            writeln!(text, "{}", row.join(","))?;
        }
        return Ok(std::fs::write(file, text)?);
    }
    let mean = |f: &dyn Fn(&[f32]) -> f32| {
        rows.chunks(N).map(|row| f64::from(f(row))).sum::<f64>() / n as f64
    };
    let m: Vec<f64> = (0..N).map(|i| mean(&|s| s[i])).collect();
    let of = |i: usize, j: usize| mean(&|s| s[i] * s[j]) - m[i] * m[j];
    let c: Vec<Vec<f64>> = (0..N).map(|i| (0..N).map(|j| of(i, j)).collect()).collect();
    let lower = c.iter().enumerate().map(|(i, row)| row[..=i].to_vec()).collect();
    let factor = cholesky(lower, 0.0).ok_or("the rows' covariances have no inverse")?;
    let unit = |i: usize| (0..N).map(|j| if i == j { 1.0 } else { 0.0 }).collect::<Vec<f64>>();
    let inverted: Vec<Vec<f64>> = (0..N).map(|i| solve(&factor, &unit(i))).collect();
    let delta = |found: &dyn Fn(usize, usize, usize) -> f64| {
        let each = pairs.iter().enumerate().map(|(k, (i, j, is))| (found(k, *i, *j) - is).powi(2));
        each.sum::<f64>().sqrt() / N as f64
    };
    let mean_field = delta(&|_, i, j| -inverted[i][j]);
    let expansion = delta(&|_, i, j| {
        let (c, a, b) = (c[i][j], m[i], m[j]);
        let pair = ((1.0 + a) * (1.0 + b) + c) * ((1.0 - a) * (1.0 - b) + c)
            / (((1.0 + a) * (1.0 - b) - c) * ((1.0 - a) * (1.0 + b) - c));
        let both = c / ((1.0 - a * a) * (1.0 - b * b) - c * c);
        -inverted[i][j] + 0.25 * pair.ln() - both
    });
    let action = Action {
        shape: vec![N],
        beta: 1.0,
        edges: pairs.iter().map(|(i, j, _)| (*i, *j, 0.0)).collect(),
        fields: vec![0.0; N],
        with_fields: false,
    };
    let mut model = Model::new(preset::made(&[N], &[64], true, Symmetry::Z2), Arithmetic::Fused)?;
    initialize(&mut model, 1)?;
    let options = TrainOptions {
        batch: 1000,
        learning_rate: 3e-3,
        schedule: Schedule::Constant,
        ..TrainOptions::default()
    };
    let search = Search { rounds: 30, first: 500, steps: 200, draws: 200_000, options };
    let device = Device::cpu(None)?;
    let mut ess = 0.0;
    let found = seek(action, model, &rows, &search, &device, &mut |round| {
        ess = round.ess;
        Ok(())
    })?;
    let ours = delta(&|k, _, _| f64::from(found.action.edges[k].2));
    let error = found.errors[0].iter().map(|e| e * e).sum::<f64>().sqrt() / N as f64;
    println!(
        "beta {beta}, {n} rows, seed {seed}: mean field {mean_field:.5}, Sessak-Monasson {expansion:.5}, couplings \
         {ours:.5} (expected of so many rows {error:.5}; ESS of the last round {ess:.3})"
    );
    Ok(())
}
