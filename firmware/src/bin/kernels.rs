//! Compares this core's dense kernels and leaky units with scalar code, bit for bit, for all small
//! sizes, and says what a multiply-add of a panel costs.
//!
//! `k` inputs are 0 to 70, so that a strip is full, empty and followed by another; `n` outputs are 0 to
//! 40, so that panels of each width follow each other. 16-bit weights start on a word and beside one.
//! Weights, inputs and sums are ordinary numbers, or with zeros of both signs and subnormal numbers
//! among them, or so small that most sums are subnormal.

#![no_std]
#![no_main]

use pushforward::kernel::{Arith, Dense, Fused, Lanes, PANEL, Plain, STRIP, Single, Weight};
use pushforward::simd::embed::f16;
use pushforward::simd::{Scalar, fma};
use pushforward_firmware::measure::Instructions;
use pushforward_firmware::{BOARD, board, entry, report};

const INPUTS: usize = 70;
const OUTPUTS: usize = 40;

/// What the numbers of a run are like.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Ordinary,
    Mixed,
    Tiny,
}

const KINDS: [(&str, Kind); 3] =
    [("ordinary", Kind::Ordinary), ("mixed", Kind::Mixed), ("tiny", Kind::Tiny)];

/// A word without a pattern for each pair.
fn hash(a: u32, b: u32) -> u32 {
    let x = a.wrapping_mul(0x9e37_79b1) ^ b.wrapping_add(0x7f4a_7c15).wrapping_mul(0x85eb_ca6b);
    let x = (x ^ x >> 15).wrapping_mul(0x2c1b_3c6d);
    let x = (x ^ x >> 12).wrapping_mul(0x297a_2d39);
    x ^ x >> 15
}

/// A finite number from a random word.
fn number(kind: Kind, word: u32) -> f32 {
    let (sign, significand) = (word & 0x8000_0000, word & 0x007f_ffff);
    let choice = word >> 23 & 0xff;
    let exponent = match kind {
        // 1/8 to 4.
        Kind::Ordinary => 124 + choice % 5,
        Kind::Mixed => match choice {
            0..20 => return f32::from_bits(sign),
            20..30 => 0,
            _ => 124 + choice % 5,
        },
        // Products of 2^-150 to 2^-126.
        Kind::Tiny => 52 + choice % 12,
    };
    f32::from_bits(sign | exponent << 23 | significand)
}

/// The same for a weight of 16 bits: there the tiny ones are 2^-24 to 2^-13.
fn short(kind: Kind, word: u32) -> f16 {
    let (sign, significand) = (word >> 16 & 0x8000, word & 0x3ff);
    let choice = word >> 23 & 0xff;
    let exponent = match kind {
        Kind::Ordinary => 12 + choice % 5,
        Kind::Mixed => match choice {
            0..20 => return f16::from_bits(sign as u16),
            20..60 => 0,
            _ => 12 + choice % 5,
        },
        Kind::Tiny => choice % 3,
    };
    f16::from_bits((sign | exponent << 10 | significand) as u16)
}

/// Weights by input and output.
type Table<T> = [[T; OUTPUTS]; INPUTS];

/// Room for the packed weights of a table, and for one more before them.
type Packed<T> = [T; 1 + INPUTS * OUTPUTS];

/// Packs the first `k` rows of the first `n` columns as the engine's `kernel` says.
fn pack<T: Copy>(weights: &Table<T>, k: usize, n: usize, to: &mut [T]) {
    let mut to = to.iter_mut();
    for strip in weights.get(..k).unwrap_or_default().chunks(STRIP) {
        let mut from = 0;
        while from < n {
            let width = match n - from {
                PANEL.. => PANEL,
                4.. => 4,
                _ => 1,
            };
            for row in strip {
                let panel = row.get(from..from + width).unwrap_or_default();
                for (weight, to) in panel.iter().zip(&mut to) {
                    *to = *weight;
                }
            }
            from += width;
        }
    }
}

/// Runs the kernel.
fn rectangle<A: Arith, T: Weight>(weights: &[T], x: &[f32], acc: &mut [f32]) {
    let (x, acc) = (x.as_chunks().0.as_chunks().0, acc.as_chunks_mut().0.as_chunks_mut().0);
    Single::<Scalar, A>::new(Scalar).rectangle(weights, x, acc);
}

/// Runs the layer, which starts at biases and ends in leaky units.
fn layer<'a, A: Arith, T: Weight>(layer: Dense<'a, &'a [T]>, x: &[f32], out: &mut [f32]) {
    let (x, out) = (x.as_chunks().0.as_chunks().0, out.as_chunks_mut().0.as_chunks_mut().0);
    Single::<Scalar, A>::new(Scalar).dense(layer, x, out);
}

/// How many results of a kernel differ from those of scalar code, of how many.
fn differing<A: Arith, T: Weight>(kind: Kind, weight: fn(Kind, u32) -> T) -> [u64; 2] {
    let zero = weight(kind, 0);
    let mut weights: Table<T> = [[zero; OUTPUTS]; INPUTS];
    for (i, row) in (0..).zip(&mut weights) {
        row.iter_mut().zip(0..).for_each(|(to, o)| *to = weight(kind, hash(i, o)));
    }
    let (mut bias, mut slopes) = ([zero; OUTPUTS], [zero; OUTPUTS]);
    bias.iter_mut().zip(0..).for_each(|(to, o)| *to = weight(kind, hash(1000, o)));
    slopes.iter_mut().zip(0..).for_each(|(to, o)| *to = weight(kind, hash(2000, o)));
    // Tiny inputs have products with weights of 2^-150 to 2^-126, tiny sums begin below.
    let tiny = |word: u32| word & 0x80ff_ffff;
    let of = |word: u32| match kind {
        Kind::Tiny if T::BYTES < 4 => f32::from_bits(tiny(word) + ((word >> 28 & 7) << 23)),
        _ => number(kind, word),
    };
    let mut x = [0.0; INPUTS];
    x.iter_mut().zip(0..).for_each(|(x, i)| *x = of(hash(3000, i)));
    let mut starts = [0.0; OUTPUTS];
    for (start, o) in starts.iter_mut().zip(0..) {
        let word = hash(4000, o);
        *start = if kind == Kind::Tiny { f32::from_bits(tiny(word)) } else { number(kind, word) };
    }

    let mut packed: Packed<T> = [zero; _];
    // The sums of the inputs so far: of the rectangle, and of the layer.
    let mut sums = starts;
    let mut sums_of_layer = [0.0; OUTPUTS];
    sums_of_layer.iter_mut().zip(&bias).for_each(|(sum, bias)| *sum = bias.widen());
    let mut found = [0, 0];
    let mut compare = |results: &[f32; OUTPUTS], n: usize, sums: &[f32; OUTPUTS]| {
        // What lies behind the outputs stays as it was.
        let expected = sums.iter().take(n).chain(starts.iter().skip(n));
        let wrong = results.iter().zip(expected).filter(|(a, b)| a.to_bits() != b.to_bits());
        let [differ, of] = &mut found;
        *differ += wrong.count() as u64;
        *of += n as u64;
    };
    for k in 0..=INPUTS {
        if let Some(last) = k.checked_sub(1)
            && let (Some(row), Some(x)) = (weights.get(last), x.get(last))
        {
            for sums in [&mut sums, &mut sums_of_layer] {
                for (sum, weight) in sums.iter_mut().zip(row) {
                    *sum = if A::FUSES {
                        fma(weight.widen(), *x, *sum)
                    } else {
                        *sum + weight.widen() * *x
                    };
                }
            }
        }
        let mut units = sums_of_layer;
        for (unit, slope) in units.iter_mut().zip(&slopes) {
            *unit = if *unit > 0.0 { *unit } else { slope.widen() * *unit };
        }
        let x = x.get(..k).unwrap_or_default();
        for n in 0..=OUTPUTS {
            // 16-bit weights lie on a word, or beside one.
            for skipped in 0..=usize::from(T::BYTES < 4) {
                let (_, packed) = packed.split_at_mut_checked(skipped).unwrap_or_default();
                pack(&weights, k, n, packed);
                let weights = packed.get(..k * n).unwrap_or_default();
                let mut acc = starts;
                rectangle::<A, T>(weights, x, acc.get_mut(..n).unwrap_or_default());
                compare(&acc, n, &sums);
                let bias = bias.get(..n).unwrap_or_default();
                let slopes = slopes.get(..n).unwrap_or_default();
                let mut out = starts;
                let of = Dense { bias, weights, slopes };
                layer::<A, T>(of, x, out.get_mut(..n).unwrap_or_default());
                compare(&out, n, &units);
            }
        }
    }
    found
}

/// Instructions of 64 inputs for one more panel of 16 outputs, in thousandths for a multiply-add.
fn cost<A: Arith, T: Weight>(clock: &Instructions, weight: fn(Kind, u32) -> T) -> u64 {
    let weights = [weight(Kind::Ordinary, 0); 2 * PANEL * STRIP];
    let (x, mut acc) = ([1.0; STRIP], [0.0; 2 * PANEL]);
    let mut run = |n: usize| {
        let (weights, acc) = (weights.get(..n * STRIP), acc.get_mut(..n));
        let (weights, acc) = (weights.unwrap_or_default(), acc.unwrap_or_default());
        clock.count(|| (0..100).for_each(|_| rectangle::<A, T>(weights, &x, acc))).1
    };
    run(2 * PANEL).saturating_sub(run(PANEL)).wrapping_mul(10) / (PANEL * STRIP) as u64
}

/// The lines of one kernel; whether it has scalar code's bits.
fn kernel<A: Arith, T: Weight>(
    clock: &Instructions,
    name: &str,
    weight: fn(Kind, u32) -> T,
) -> bool {
    let mut ok = true;
    for (of, kind) in KINDS {
        let [differing, results] = differing::<A, T>(kind, weight);
        report::line("compared").word(name).word(of).decimal(results).decimal(differing).end();
        ok &= differing == 0;
    }
    report::line("cost").word(name).decimal(cost::<A, T>(clock, weight)).end();
    ok
}

#[entry]
fn main() -> ! {
    let clock = Instructions::start();
    report::line("board").word(BOARD).end();
    let mut ok = kernel::<Plain, f32>(&clock, "plain", number);
    ok &= kernel::<Plain, f16>(&clock, "plain_f16", short);
    if Fused::IS_NATIVE {
        ok &= kernel::<Fused, f32>(&clock, "fused", number);
        ok &= kernel::<Fused, f16>(&clock, "fused_f16", short);
    }
    report::line("kernels").word(if ok { "ok" } else { "failed" }).end();
    board::exit(ok)
}
