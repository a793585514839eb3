//! Rows in a random order, the first of them held out.
//!
//! The order is that of Threefry words, one pair for each row's index, so it depends on the seed
//! alone. The rows themselves are moved in place along the cycles of the permutation: a data set
//! is held once, beside eight bytes a row for as long as this takes.

use pushforward::noise::block;
use rayon::prelude::*;

/// Reorders `rows`, `[n][width]`, and cuts them into a part for training and one of
/// ⌊`fraction` · n⌉ rows that is held out.
///
/// # Panics
/// If there are more than 2³² rows.
pub fn split(mut rows: Vec<f32>, width: usize, fraction: f64, seed: u64) -> (Vec<f32>, Vec<f32>) {
    let n = rows.len() / width;
    let held_out = (n as f64 * fraction).round() as usize;
    let mut order = order(n, seed);
    // Training rows first, so that the smaller part is the one that is copied.
    order.rotate_left(held_out);
    permute(&mut rows, width, &mut order);
    drop(order);
    let held_out = rows.split_off((n - held_out) * width);
    (rows, held_out)
}

/// Where the row of each place comes from.
fn order(n: usize, seed: u64) -> Vec<u64> {
    assert!(n as u64 <= 1 << 32, "more than 2^32 rows");
    // A stream of its own, so that the order is independent of all other noise of the run.
    let key = block([seed as u32, (seed >> 32) as u32], [0x6f72_6465, 0x72]);
    let words = |i: u64| block(key, [i as u32, 0]);
    let index = |packed: u64| packed & 0xffff_ffff;
    // The first word beside the index decides nearly always; the second is computed again where
    // two first words are equal.
    let pack = |i: usize| u64::from(words(i as u64)[0]) << 32 | i as u64;
    let mut order: Vec<u64> = (0..n).into_par_iter().map(pack).collect();
    order.par_sort_unstable_by(|&a, &b| {
        (a >> 32).cmp(&(b >> 32)).then_with(|| {
            let second = |packed| (words(index(packed))[1], packed);
            second(a).cmp(&second(b))
        })
    });
    order.par_iter_mut().for_each(|packed| *packed = index(*packed));
    order
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

    /// The same, as one would write it down.
    fn plain(rows: &[f32], width: usize, fraction: f64, seed: u64) -> (Vec<f32>, Vec<f32>) {
        let n = rows.len() / width;
        let key = block([seed as u32, (seed >> 32) as u32], [0x6f72_6465, 0x72]);
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by_key(|&i| block(key, [i as u32, (i as u64 >> 32) as u32]));
        let held_out = (n as f64 * fraction).round() as usize;
        let gather = |order: &[usize]| {
            order.iter().flat_map(|&i| &rows[i * width..(i + 1) * width]).copied().collect()
        };
        (gather(&order[held_out..]), gather(&order[..held_out]))
    }

    #[test]
    fn the_order_is_that_of_the_words() {
        // Enough rows that some of their first words are equal.
        for (n, width) in [(0, 3), (1, 1), (2, 2), (1000, 7), (400_000, 1)] {
            let rows: Vec<f32> = (0..n * width).map(|i| i as f32).collect();
            for (fraction, seed) in [(0.1, 1), (0.0, 7), (0.9, u64::MAX)] {
                let found = split(rows.clone(), width, fraction, seed);
                assert!(found == plain(&rows, width, fraction, seed), "{n} {width} {fraction}");
            }
        }
        let firsts = order(400_000, 1);
        let key = block([1, 0], [0x6f72_6465, 0x72]);
        let word = |i: u64| block(key, [i as u32, 0])[0];
        assert!(firsts.windows(2).any(|pair| word(pair[0]) == word(pair[1])));
    }
}
