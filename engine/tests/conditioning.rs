//! How far the value returned with a draw (along its path) may be from the density at the row as it
//! was rounded: the bound of [`pushforward::flow`], on deep flows with random weights.

mod common;

use common::{AFFINE, SPLINE, draw, maf, nsf, realnvp, wide};
use pushforward::bijection::Direction;
use pushforward::model::{Arithmetic, Description, Model};
use pushforward::noise::{block, normal};
use pushforward::simd::Scalar;
use pushforward_oracle::Oracle;

const ROWS: usize = 12;
/// The constant of the bound, and half a unit in the last place of 1.
const C: f64 = 16.0;
const U: f64 = 1.0 / (1 << 24) as f64;

/// Weights normal with standard deviation `spread` over the root of their fan-in, biases of 0.3,
/// slopes 0.1.
fn random(description: Description, spread: f32, seed: u32) -> Model {
    let mut model = Model::new(description, Arithmetic::Fused).unwrap();
    let mut parameters = Vec::new();
    for spec in model.description().tensors() {
        for _ in 0..spec.size() {
            let noise = normal(Scalar, block([seed, 4], [parameters.len() as u32, 0])[0]);
            parameters.push(match spec.name.rsplit('.').next() {
                Some("weight") => noise * spread / (spec.shape[1] as f32).sqrt(),
                Some("slope") => 0.1,
                _ => 0.3 * noise,
            });
        }
    }
    model.set_parameters(&parameters).unwrap();
    model
}

/// The flow as it is after its first `n` layers: what it draws are the values between two layers.
fn first_layers(model: &Model, n: usize) -> Model {
    let mut description = model.description().clone();
    if let Description::Flow(flow) = &mut description {
        flow.layers.truncate(n);
    }
    let tensors = description.tensors().into_iter();
    let parameters: Vec<f32> =
        tensors.flat_map(|spec| model.tensor(&spec.name).unwrap().data.clone()).collect();
    let mut first = Model::new(description, model.arithmetic()).unwrap();
    first.set_parameters(&parameters).unwrap();
    first
}

fn norm(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// ∇ ln q at `x`, by central differences in `f64`.
fn gradient(model: &Model, x: &[f64]) -> Vec<f64> {
    let oracle = Oracle::new(model);
    let component = |d: usize| {
        let step = 1e-7 * x[d].abs().max(1e-3);
        let at = |by: f64| {
            let mut moved = x.to_vec();
            moved[d] += by;
            oracle.log_prob(&[], &moved)
        };
        (at(step) - at(-step)) / (2.0 * step)
    };
    (0..x.len()).map(component).collect()
}

/// The bound for each of the first rows of stream 1 (nats), at the values of the draws themselves.
fn bounds(model: &Model) -> Vec<f64> {
    let (dim, layers) = (model.description().dim(), Oracle::new(model).layers());
    let mut bounds = vec![0.0; ROWS];
    for l in 0..=layers {
        let first = first_layers(model, l);
        let (rows, _) = draw(&first, 1, 0, ROWS);
        for (row, bound) in rows.chunks(dim).zip(&mut bounds) {
            let h = wide(row);
            let term = dim as f64 + (1.0 + norm(&h)) * norm(&gradient(&first, &h));
            // Not finite: no bound.
            *bound += if term.is_finite() { C * U * term } else { f64::INFINITY };
        }
    }
    bounds
}

#[test]
fn path_and_row_differ_by_no_more_than_the_bound() {
    let mut wide_gap = 0;
    for (name, description) in [
        ("realnvp d8×1", realnvp(8, 1, &[32, 32], true)),
        ("nsf d8×1", nsf(8, 1, &[32, 32], 8, false)),
        ("maf d8×1", maf(8, 1, &[32, 32], Direction::Density, AFFINE, true)),
        ("iaf splines d4×1", maf(4, 1, &[32, 32], Direction::Sampling, SPLINE, false)),
        ("realnvp d8×8", realnvp(8, 8, &[32, 32], false)),
        ("realnvp d2×16", realnvp(2, 16, &[32, 32], false)),
        ("nsf d8×8", nsf(8, 8, &[32, 32], 8, false)),
        ("nsf d2×8", nsf(2, 8, &[32, 32], 8, false)),
        ("maf d8×8", maf(8, 8, &[32, 32], Direction::Density, AFFINE, false)),
        ("maf splines d4×8", maf(4, 8, &[32, 32], Direction::Density, SPLINE, false)),
        ("iaf d8×8", maf(8, 8, &[32, 32], Direction::Sampling, AFFINE, false)),
    ] {
        let shallow = Model::new(description.clone(), Arithmetic::Fused)
            .is_ok_and(|m| Oracle::new(&m).layers() <= 2);
        let at_four = if shallow { ROWS * 3 } else { 0 };
        for (spread, least) in [(0.3, ROWS * 4), (1.0, ROWS * 3), (4.0, at_four)] {
            let (mut bounded, mut worst, mut gap) = (0, 0f64, 0f64);
            let mut off = [0f64; 2];
            for seed in 0..4 {
                let model = random(description.clone(), spread, seed);
                let (rows, path) = draw(&model, 1, 0, ROWS);
                let mut at_row = vec![0.0; ROWS];
                model.sampler().unwrap().log_prob(&rows, &mut at_row);
                for (i, bound) in bounds(&model).into_iter().enumerate() {
                    let x = wide(&rows[i * description.dim()..][..description.dim()]);
                    let exact = common::log_prob(&model, &x);
                    let difference = f64::from((path[i] - at_row[i]).abs());
                    gap = gap.max(difference);
                    if bound <= 1.0 {
                        bounded += 1;
                        worst = worst.max(difference / bound);
                        for (off, value) in off.iter_mut().zip([path[i], at_row[i]]) {
                            *off = off.max((f64::from(value) - exact).abs() / bound);
                        }
                        assert!(
                            difference <= bound,
                            "{name}, spread {spread}, seed {seed}, row {i}: {difference} > {bound}"
                        );
                    }
                }
            }
            println!(
                "{name:17} spread {spread}: difference up to {gap:.1e}; {bounded} of {} rows have a \
                 bound below 1 nat, which is reached to {worst:.2}; off f64 {off:.2?}",
                4 * ROWS
            );
            assert!(bounded >= least, "{name}, spread {spread}: {bounded}");
            wide_gap += usize::from(gap > 1e-3 && spread <= 1.0);
        }
    }
    assert!(wide_gap > 0, "no flow here would tell a bound from `rounding only`");
}
