//! Rows in a random order, the first of them held out.
//!
//! The order is a permutation that can be asked for any place alone, in no memory: a table that stays
//! in its file is split as one that is read whole. It is a Feistel network (Luby & Rackoff, SIAM J.
//! Comput. 17, 373) over the next even number of bits, whose round function is a Threefry word, walked
//! until it comes back below the number of rows (Black & Rogaway, CT-RSA 2002). It depends on the
//! seed and the number of rows alone.

use pushforward::noise::block;
use rayon::prelude::*;

/// Four are indistinguishable from chance where halves are long; those of short tables are not.
const ROUNDS: u32 = 8;

/// A random order of `n` rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    n: u64,
    /// Bits of half a number.
    half: u32,
    key: [u32; 2],
}

impl Order {
    /// The order of `n` rows that `seed` says.
    ///
    /// # Panics
    /// If there are more than 2³² rows.
    pub fn new(n: u64, seed: u64) -> Order {
        assert!(n <= 1 << 32, "more than 2^32 rows");
        let half = (u64::BITS - n.saturating_sub(1).leading_zeros()).div_ceil(2).max(1);
        // A stream of its own, so that the order is independent of all other noise of the run.
        Order { n, half, key: block([seed as u32, (seed >> 32) as u32], [0x6f72_6465, 0x72]) }
    }

    /// Which row has this place.
    pub fn at(&self, place: u64) -> u64 {
        debug_assert!(place < self.n);
        let mask = (1u32 << self.half) - 1;
        let mut number = place;
        loop {
            let (mut left, mut right) = ((number >> self.half) as u32, number as u32 & mask);
            for round in 0..ROUNDS {
                (left, right) = (right, left ^ (block(self.key, [right, round])[0] & mask));
            }
            number = u64::from(left) << self.half | u64::from(right);
            if number < self.n {
                return number;
            }
        }
    }
}

/// How many of `n` rows are held out: ⌊`fraction` · n⌉.
pub(super) fn held_out(n: u64, fraction: f64) -> u64 {
    (n as f64 * fraction).round() as u64
}

/// Reorders `rows`, `[n][width]`, and cuts them into those for training and the first `held_out` of the
/// order. The rows are moved in place along the cycles of the permutation: a table is held once, beside
/// eight bytes a row for as long as this takes.
pub(super) fn split(
    mut rows: Vec<f32>,
    width: usize,
    order: Order,
    held_out: usize,
) -> (Vec<f32>, Vec<f32>) {
    let n = rows.len() / width;
    let mut places: Vec<u64> = (0..n as u64).into_par_iter().map(|place| order.at(place)).collect();
    // Training rows first, so that the smaller part is the one that is copied.
    places.rotate_left(held_out);
    permute(&mut rows, width, &mut places);
    drop(places);
    let held_out = rows.split_off((n - held_out) * width);
    (rows, held_out)
}

/// Puts row `order[i]` in place `i`; uses `order` up.
fn permute(rows: &mut [f32], width: usize, order: &mut [u64]) {
    const DONE: u64 = u64::MAX;
    let mut first = vec![0.0; width];
    for start in 0..order.len() {
        if order[start] == DONE {
            continue;
        }
        first.copy_from_slice(&rows[start * width..(start + 1) * width]);
        let mut place = start;
        loop {
            let from = std::mem::replace(&mut order[place], DONE) as usize;
            if from == start {
                rows[place * width..(place + 1) * width].copy_from_slice(&first);
                break;
            }
            rows.copy_within(from * width..(from + 1) * width, place * width);
            place = from;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_has_every_row_once() {
        for n in [1, 2, 3, 4, 5, 16, 17, 255, 1000, 65_537] {
            for seed in [0, 1, u64::MAX] {
                let order = Order::new(n, seed);
                let mut rows: Vec<u64> = (0..n).map(|place| order.at(place)).collect();
                rows.sort_unstable();
                assert!(rows.iter().copied().eq(0..n), "{n} {seed}");
            }
        }
        let order = Order::new(1 << 32, 3);
        assert!((0..1000).all(|place| order.at(place) < 1 << 32));
    }

    /// χ² of which row is first, and of which pair is, over many seeds.
    #[test]
    fn every_row_is_as_likely_to_be_held_out() {
        for n in [5usize, 12, 40] {
            let seeds = 40_000;
            let (mut first, mut pairs) = (vec![0; n], vec![0; n * n]);
            for seed in 0..seeds {
                let order = Order::new(n as u64, seed);
                let [a, b] = [0, 1].map(|place| order.at(place) as usize);
                first[a] += 1;
                pairs[a * n + b] += 1;
            }
            let chi_squared = |counts: &mut dyn Iterator<Item = u64>, cells: usize| {
                let expected = seeds as f64 / cells as f64;
                counts.map(|c| (c as f64 - expected).powi(2) / expected).sum::<f64>()
            };
            for (found, cells) in [
                (chi_squared(&mut first.iter().copied(), n), n),
                (
                    chi_squared(
                        &mut (0..n * n).filter(|i| i / n != i % n).map(|i| pairs[i]),
                        n * (n - 1),
                    ),
                    n * (n - 1),
                ),
            ] {
                let freedom = (cells - 1) as f64;
                assert!((found - freedom).abs() < 5.0 * (2.0 * freedom).sqrt(), "{n}: {found}");
            }
        }
    }

    #[test]
    fn a_split_is_the_order() {
        for (n, width) in [(0, 3), (1, 1), (2, 2), (1000, 7), (40_000, 1)] {
            let rows: Vec<f32> = (0..n * width).map(|i| i as f32).collect();
            for (fraction, seed) in [(0.1, 1), (0.0, 7), (0.9, u64::MAX)] {
                let order = Order::new(n as u64, seed);
                let held = held_out(n as u64, fraction) as usize;
                let row = |place: usize| {
                    let at = order.at(place as u64) as usize;
                    rows[at * width..(at + 1) * width].iter().copied()
                };
                let expected: [Vec<f32>; 2] =
                    [(held..n).flat_map(row).collect(), (0..held).flat_map(row).collect()];
                let found = split(rows.clone(), width, order, held);
                assert!([found.0, found.1] == expected, "{n} {width} {fraction}");
            }
        }
    }
}
