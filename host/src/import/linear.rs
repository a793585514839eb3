//! Layers without a network.

use pushforward::layer::{AffineSpec, LuSpec, PermuteSpec, RotationSpec};

use super::{Layer, State, Tensors, named};
use crate::error::Result;

/// A layer of ours, x = z e^a + b, from a location and a scale of each coordinate.
pub(super) fn affine(
    state: &State,
    [loc, scale]: [&str; 2],
    n: usize,
    ours: impl Fn(f64, f64) -> [f64; 2],
) -> Result<Layer> {
    let (locs, scales) = (wide(state, loc, n)?, wide(state, scale, n)?);
    if let Some(found) = scales.iter().find(|scale| !(**scale > 0.0 && scale.is_finite())) {
        return Err(state.fault(format!("`{scale}`: found {found}, expected numbers above 0")));
    }
    let each = locs.iter().zip(&scales).map(|(loc, scale)| ours(*loc, *scale));
    let (log_scale, shift) = each.map(|[a, b]| (a, b)).unzip();
    Ok(affine_of(log_scale, shift))
}

/// x = z e^a + b.
pub(super) fn affine_of(log_scale: Vec<f64>, shift: Vec<f64>) -> Layer {
    let tensors = named([("log_scale", log_scale), ("shift", shift)]);
    Layer::new(AffineSpec {}, tensors)
}

/// A vector of `n` numbers, or one number for all.
pub(super) fn wide(state: &State, name: &str, n: usize) -> Result<Vec<f64>> {
    match state.get(name)?.data[..] {
        [one] => Ok(vec![one; n]),
        _ => Ok(state.vector(name, n)?.to_vec()),
    }
}

/// What a transform moves: channels of so many pixels each, side by side. A coordinate of a vector is a channel of
/// one.
#[derive(Clone, Copy)]
pub(super) struct Channels {
    pub(super) n: usize,
    pub(super) pixels: usize,
}

impl Channels {
    pub(super) fn of_vector(n: usize) -> Self {
        Self { n, pixels: 1 }
    }

    /// Coordinates in all.
    pub(super) fn coordinates(self) -> usize {
        self.n * self.pixels
    }

    /// The coordinates of some channels.
    pub(super) fn of(self, channels: &[usize]) -> Vec<usize> {
        let of = |c: &usize| c * self.pixels..(c + 1) * self.pixels;
        channels.iter().flat_map(of).collect()
    }

    /// What is one number a channel, for each coordinate.
    pub(super) fn spread(self, each: Vec<f64>) -> Vec<f64> {
        each.into_iter().flat_map(|x| std::iter::repeat_n(x, self.pixels)).collect()
    }
}

/// z_i = x_order(i), of channels.
pub(super) fn permute(state: &State, name: &str, of: Channels) -> Result<Layer> {
    // A layer of ours has x_i = z_order(i).
    let given = state.vector(name, of.n)?;
    let mut order = vec![usize::MAX; of.coordinates()];
    for (i, d) in given.iter().enumerate().filter(|(_, d)| **d < of.n as f64) {
        let places = of.of(&[i]);
        order[*d as usize * of.pixels..][..of.pixels].copy_from_slice(&places);
    }
    if order.contains(&usize::MAX) {
        return Err(state.fault(format!("`{name}`: found {given:?}, expected a permutation")));
    }
    Ok(Layer::new(PermuteSpec { order }, Tensors::new()))
}

/// z = M x of a square matrix, row after row, in the direction of the density: with `P M = L U` found by
/// elimination, and the signs D of the diagonal of U taken out of it, `M = Pᵀ D (D L D) (D U)`, a `lu`, a reflection of
/// each coordinate whose sign is negative, and a permutation. `None` if a column has no pivot.
pub(super) fn dense(n: usize, mut matrix: Vec<f64>) -> Option<Vec<Layer>> {
    let mut rows: Vec<usize> = (0..n).collect();
    for k in 0..n {
        let size = |row: &usize| matrix[row * n + k].abs();
        let pivot = (k..n).max_by(|a, b| size(a).total_cmp(&size(b)))?;
        if !(size(&pivot) > 0.0 && size(&pivot).is_finite()) {
            return None;
        }
        rows.swap(k, pivot);
        for column in 0..n {
            matrix.swap(k * n + column, pivot * n + column);
        }
        for row in k + 1..n {
            let factor = matrix[row * n + k] / matrix[k * n + k];
            matrix[row * n + k] = factor;
            for column in k + 1..n {
                matrix[row * n + column] -= factor * matrix[k * n + column];
            }
        }
    }
    let at = |i: usize, j: usize| matrix[i * n + j];
    let sign = |i: usize| at(i, i).signum();
    let lower = |i, j| sign(i) * at(i, j) * sign(j);
    let mut layers =
        vec![lu(n, lower, |i, j| sign(i) * at(i, j), |i| at(i, i).abs(), vec![0.0; n])];
    let negative: Vec<usize> = (0..n).filter(|i| sign(*i) < 0.0).collect();
    if !negative.is_empty() {
        let unit = |i: &usize| (0..n).map(|j| f64::from(u8::from(j == *i))).collect::<Vec<_>>();
        let tensors = named([("vectors", negative.iter().flat_map(unit).collect())]);
        layers.push(Layer::new(RotationSpec { reflections: negative.len() }, tensors));
    }
    layers.push(Layer::new(PermuteSpec { order: rows }, Tensors::new()));
    Some(layers)
}

/// exp(A − Aᵀ), row after row, of a square matrix A: the exponential series of a power of two of it that is
/// less than ½, squared as often.
pub(super) fn rotation(n: usize, matrix: &[f64]) -> Vec<f64> {
    let entry = |i: usize, j: usize| matrix[i * n + j] - matrix[j * n + i];
    let size = (0..n).map(|i| (0..n).map(|j| entry(i, j).abs()).sum()).fold(0.0, f64::max);
    let halvings = if size > 0.5 { (2.0 * size).log2().ceil().min(60.0) as i32 } else { 0 };
    let share = 0.5f64.powi(halvings);
    let small: Vec<f64> = (0..n * n).map(|k| share * entry(k / n, k % n)).collect();
    let product = |a: &[f64], b: &[f64]| -> Vec<f64> {
        let at = |i: usize, j: usize| (0..n).map(|k| a[i * n + k] * b[k * n + j]).sum();
        (0..n * n).map(|k| at(k / n, k % n)).collect()
    };
    let one: Vec<f64> = (0..n * n).map(|k| f64::from(u8::from(k / n == k % n))).collect();
    let (mut sum, mut term) = (one.clone(), one);
    // Terms that follow are less than 2⁻²⁰/20!.
    for k in 1..20 {
        term = product(&term, &small).iter().map(|x| x / f64::from(k)).collect();
        sum.iter_mut().zip(&term).for_each(|(sum, term)| *sum += term);
    }
    for _ in 0..halvings {
        sum = product(&sum, &sum);
    }
    sum
}

/// z = L (U x) + b, L with ones on its diagonal, from entries below it, above it and on it (of U).
pub(super) fn lu(
    n: usize,
    lower: impl Fn(usize, usize) -> f64,
    upper: impl Fn(usize, usize) -> f64,
    diagonal: impl Fn(usize) -> f64,
    shift: Vec<f64>,
) -> Layer {
    let (mut below, mut above) = (vec![0.0; n * n], vec![0.0; n * n]);
    for i in 0..n {
        for j in 0..i {
            below[i * n + j] = lower(i, j);
        }
        for j in i + 1..n {
            above[j * n + i] = upper(i, j);
        }
    }
    let tensors = named([
        ("lower", below),
        ("upper_transposed", above),
        ("log_diagonal", (0..n).map(|i| diagonal(i).ln()).collect()),
        ("shift", shift),
    ]);
    Layer::new(LuSpec {}, tensors)
}
