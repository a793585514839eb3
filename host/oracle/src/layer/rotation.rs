//! x = H_k … H_1 z, with H x = x − 2 v (v·x) / (v·v).

use pushforward::bijection::Direction;

use crate::weights::Weights;

pub(crate) fn apply(weights: &Weights, direction: Direction, values: &mut [f64]) -> f64 {
    let mut vectors: Vec<&[f64]> = weights.get("vectors").chunks(values.len()).collect();
    if direction == Direction::Density {
        vectors.reverse();
    }
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    for v in vectors {
        let square = dot(v, v);
        if square >= f64::from(f32::MIN_POSITIVE) {
            let along = 2.0 * dot(v, values) / square;
            values.iter_mut().zip(v).for_each(|(x, v)| *x -= along * v);
        }
    }
    0.0
}
