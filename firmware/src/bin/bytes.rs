//! Compares this core's kernel of 8-bit weights with scalar code, for all small sizes, and says what a
//! multiply-add of a panel costs.
//!
//! `k` inputs are 0 to 70, so that a strip is full, empty and followed by another; `n` outputs are 0 to
//! 40, so that panels of each width follow each other. Weights begin on a word or beside one.

#![no_std]
#![no_main]

use pushforward::kernel::{PANEL, STRIP};
use pushforward::simd::bytes::{Layout, rectangle};
use pushforward_firmware::measure::Instructions;
use pushforward_firmware::{BOARD, board, entry, report};

const INPUTS: usize = 70;
const OUTPUTS: usize = 40;

/// A word without a pattern for each pair.
fn hash(a: u32, b: u32) -> u32 {
    let x = a.wrapping_mul(0x9e37_79b1) ^ b.wrapping_add(0x7f4a_7c15).wrapping_mul(0x85eb_ca6b);
    let x = (x ^ x >> 15).wrapping_mul(0x2c1b_3c6d);
    x ^ x >> 13
}

/// A weight or an input, −127 to 127, the largest ones often.
fn byte(word: u32) -> i8 {
    match word >> 28 {
        0 => -127,
        1 => 127,
        // All but −128.
        _ => ((word >> 4) as i8).max(-127),
    }
}

/// Weights by rows, as a model is packed, and as this core stores them.
#[repr(align(4))]
struct Weights {
    packed: [i8; 4 + INPUTS * OUTPUTS],
    rows: [i8; INPUTS * OUTPUTS],
}

impl Weights {
    /// Packs a rectangle, so many bytes beside a word.
    fn pack(&mut self, k: usize, n: usize, beside: usize) {
        let mut to = self.rows.iter_mut();
        for start in (0..k).step_by(STRIP) {
            let strip = start..k.min(start + STRIP);
            let mut from = 0;
            while from < n {
                let width = match n - from {
                    PANEL.. => PANEL,
                    4.. => 4,
                    _ => 1,
                };
                for i in strip.clone() {
                    for (o, to) in (from..from + width).zip(&mut to) {
                        *to = byte(hash(i as u32, o as u32));
                    }
                }
                from += width;
            }
        }
        if let (Some(rows), Some(packed)) =
            (self.rows.get(..k * n), self.packed.get_mut(beside..beside + k * n))
        {
            Layout::TARGET.pack(rows, k, n, packed);
        }
    }
}

fn differing(weights: &mut Weights, x: &[i32; INPUTS]) -> [u64; 2] {
    let mut starts = [0; OUTPUTS];
    starts.iter_mut().zip(0..).for_each(|(start, o)| *start = hash(4000, o) as i32);
    let mut sums = starts;
    let (mut differ, mut of) = (0, 0);
    for k in 0..=INPUTS {
        if let Some(last) = k.checked_sub(1)
            && let Some(x) = x.get(last)
        {
            for (sum, o) in sums.iter_mut().zip(0..) {
                let weight = i32::from(byte(hash(last as u32, o)));
                *sum = sum.wrapping_add(weight.wrapping_mul(*x));
            }
        }
        for n in 0..=OUTPUTS {
            let beside = (k + n) % 4;
            weights.pack(k, n, beside);
            let mut acc = starts;
            rectangle(
                weights.packed.get(beside..beside + k * n).unwrap_or_default(),
                x.get(..k).unwrap_or_default(),
                acc.get_mut(..n).unwrap_or_default(),
            );
            let expected = sums.iter().take(n).chain(starts.iter().skip(n));
            differ += acc.iter().zip(expected).filter(|(a, b)| a != b).count() as u64;
            of += n as u64;
        }
    }
    [differ, of]
}

#[entry]
fn main() -> ! {
    let clock = Instructions::start();
    report::line("board").word(BOARD).end();
    let mut ok = true;
    let mut weights = Weights { packed: [0; _], rows: [0; _] };
    let (mut bytes, mut spins) = ([0; INPUTS], [0; INPUTS]);
    bytes.iter_mut().zip(0..).for_each(|(x, i)| *x = byte(hash(3000, i)).into());
    spins.iter_mut().zip(0..).for_each(|(x, i)| *x = (hash(5000, i) as i32 >> 31) | 1);
    for (name, x) in [("bytes", &bytes), ("spins", &spins)] {
        let [differ, of] = differing(&mut weights, x);
        report::line("compared").word(name).decimal(of).decimal(differ).end();
        ok &= differ == 0;
    }
    let (x, mut acc) = ([1; STRIP], [0; 2 * PANEL]);
    let mut run = |n: usize| {
        let (weights, acc) = (weights.packed.get(..n * STRIP), acc.get_mut(..n));
        let (weights, acc) = (weights.unwrap_or_default(), acc.unwrap_or_default());
        clock.count(|| (0..100).for_each(|_| rectangle(weights, &x, acc))).1
    };
    let (two, one) = (run(2 * PANEL), run(PANEL));
    let cost = two.saturating_sub(one).wrapping_mul(10) / (PANEL * STRIP) as u64;
    report::line("cost").word("bytes").decimal(cost).end();
    report::line("kernels").word(if ok { "ok" } else { "failed" }).end();
    board::exit(ok)
}
