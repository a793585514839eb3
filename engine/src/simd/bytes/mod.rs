//! Rectangles of 8-bit weights, in whole numbers.
//!
//! Sums wrap at 32 bits and are exact below, so order does not matter, the bits are equal everywhere,
//! and each core may store a panel as its instructions like it best. A model is packed as
//! [`kernel`](crate::kernel) says, by rows; [`Layout::pack`] makes a core's own of it, one rectangle
//! after another, of the same size. It is `const`, so that generated code may pack where it is compiled
//! for its target, and runs for any core on any other.
//!
//! A weight is −127 to 127, an input −127 to 127: what quantised activations are, and spins.
//!
//! | file | layout | where | what it does |
//! |---|---|---|---|
//! | `rows.rs` | [`Layout::Rows`] | everywhere else | Rust |
//! | `rv32.rs` | [`Layout::Rows`] | 32-bit RISC-V with `M` | `LB`, `MUL`, `ADD`, sixteen sums in registers |
//! | `v6m.rs` | [`Layout::Words`] | `thumbv6m-*` | four weights a word without taking it apart |
//! | `v7m.rs` | [`Layout::Words`] | `thumbv7m-*`, `thumbv8m.main-*` | the same, with `MLA` |
//! | `dsp.rs` | [`Layout::Pairs`] | `thumbv7em-*`, `pushforward_core="m33"` | two inputs of two outputs in three instructions |
//! | `m55.rs` | [`Layout::Columns`] | `pushforward_core="m55"` | sixteen inputs of an output an instruction of Helium |
//!
//! The build script says which by `cfg(pushforward_bytes)`, the file's name: by the target, and by the
//! core where a board names it (`rustflags = ["--cfg", "pushforward_core=\"m33\""]`). The DSP extension
//! is an option of a Cortex-M33; the board says by the name that it is there.
//!
//! Only panels of 16 outputs are packed in a way of their own; narrower ones lie by rows everywhere.

#[cfg(pushforward_bytes = "dsp")]
mod dsp;
#[cfg(pushforward_bytes = "m55")]
mod m55;
#[cfg(pushforward_bytes = "rows")]
mod rows;
#[cfg(pushforward_bytes = "rv32")]
mod rv32;
#[cfg(pushforward_bytes = "v6m")]
mod v6m;
#[cfg(pushforward_bytes = "v7m")]
mod v7m;
#[cfg(any(pushforward_bytes = "v6m", pushforward_bytes = "v7m"))]
mod words;

#[cfg(pushforward_bytes = "dsp")]
use dsp::Inputs;
#[cfg(pushforward_bytes = "m55")]
use m55::Inputs;
#[cfg(pushforward_bytes = "rows")]
use rows::Inputs;
#[cfg(pushforward_bytes = "rv32")]
use rv32::Inputs;
#[cfg(pushforward_bytes = "v6m")]
use {
    v6m::{ANYWHERE, half},
    words::Inputs,
};
#[cfg(pushforward_bytes = "v7m")]
use {
    v7m::{ANYWHERE, half},
    words::Inputs,
};

use crate::kernel::{IntegerWeight, PANEL, STRIP, next};

/// How a core stores a panel of 16 outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `[input][16]`, as a model is packed.
    Rows,
    /// `[half][input][8]`, each weight plus 128: half a panel after the other.
    ///
    /// The word of four outputs, shifted right by 0, 8, 16 and 24 bits and multiplied by the input, is
    /// summed as it is; the last sum is that of one output, and 256 times a sum is the excess of the
    /// one before. The 128 are taken off by the sum of the inputs.
    Words,
    /// `[half][pair of inputs][4][2]`: half-words `256 b + a` of two outputs' weights `a` and `b`, of
    /// one input and of the next; a last row without another lies by rows, after the rest.
    ///
    /// A multiplication of both half-words gives `Σ a x + 256 Σ b x`, one of their low bytes alone
    /// `Σ a x`; the difference is exact while `|Σ b x| < 2²³`, and a strip has 64 inputs.
    Pairs,
    /// `[16][input]`.
    Columns,
}

impl Layout {
    /// What [`rectangle`] reads on this target.
    pub const TARGET: Layout = if cfg!(any(pushforward_bytes = "v6m", pushforward_bytes = "v7m")) {
        Layout::Words
    } else if cfg!(pushforward_bytes = "dsp") {
        Layout::Pairs
    } else if cfg!(pushforward_bytes = "m55") {
        Layout::Columns
    } else {
        Layout::Rows
    };

    /// Packs one rectangle of `inputs × outputs` weights, which lie by rows, in this layout. Does
    /// nothing where there are not so many of both.
    pub const fn pack(self, rows: &[i8], inputs: usize, outputs: usize, to: &mut [i8]) {
        let weights = inputs * outputs;
        if rows.len() != weights || to.len() != weights {
            return;
        }
        let (mut start, mut i) = (0, 0);
        while i < inputs {
            let k = if inputs - i < STRIP { inputs - i } else { STRIP };
            let mut o = 0;
            while o < outputs {
                let width = match outputs - o {
                    PANEL.. => PANEL,
                    4.. => 4,
                    _ => 1,
                };
                let mut at = 0;
                while at < k * width {
                    let (to_at, weight) = match width {
                        PANEL => self.place(rows, start, k, at),
                        _ => (at, get(rows, start + at)),
                    };
                    if let Some((_, [to, ..])) = to.split_at_mut_checked(start + to_at) {
                        *to = weight;
                    }
                    at += 1;
                }
                start += k * width;
                o += width;
            }
            i += k;
        }
    }

    /// Where the weight number `at` of the panel of `k` inputs at `start` goes, and what it becomes.
    const fn place(self, rows: &[i8], start: usize, k: usize, at: usize) -> (usize, i8) {
        let (i, o, weight) = (at / PANEL, at % PANEL, get(rows, start + at));
        match self {
            Layout::Rows => (at, weight),
            Layout::Words => ((o / 8 * k + i) * 8 + o % 8, weight ^ -128),
            Layout::Columns => (o * k + i, weight),
            Layout::Pairs if i == k / 2 * 2 => (at, weight),
            Layout::Pairs => {
                // The upper byte of 256 b + a is one less where a is negative.
                let carried = o % 2 == 1 && get(rows, start + at - 1) < 0;
                let pair = o / 8 * (k / 2) + i / 2;
                (pair * 16 + o % 8 / 2 * 4 + i % 2 * 2 + o % 2, weight.wrapping_sub(carried as i8))
            }
        }
    }
}

/// One weight, without a panic path for the linker to keep.
const fn get(weights: &[i8], at: usize) -> i8 {
    match weights.split_at_checked(at) {
        Some((_, [weight, ..])) => *weight,
        _ => 0,
    }
}

/// The bytes of a model's weights with those rectangles laid out for this target that are listed, each as
/// where it begins, its inputs and its outputs.
#[doc(hidden)]
pub const fn laid_out<const N: usize>(rows: [u8; N], rectangles: &[[usize; 3]]) -> [u8; N] {
    let mut to = rows;
    if matches!(Layout::TARGET, Layout::Rows) {
        return to;
    }
    let mut rest = rectangles;
    while let [[start, inputs, outputs], later @ ..] = rest {
        let weights = *inputs * *outputs;
        if let Some((_, from)) = signed(&rows).split_at_checked(*start)
            && let Some((from, _)) = from.split_at_checked(weights)
            && let Some((_, to)) = signed_mut(&mut to).split_at_mut_checked(*start)
            && let Some((to, _)) = to.split_at_mut_checked(weights)
        {
            Layout::TARGET.pack(from, *inputs, *outputs, to);
        }
        rest = later;
    }
    to
}

const fn signed(bytes: &[u8]) -> &[i8] {
    // SAFETY: the same bytes; every bit pattern is an i8.
    unsafe { core::slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len()) }
}

const fn signed_mut(bytes: &mut [u8]) -> &mut [i8] {
    // SAFETY: the same bytes, borrowed as long; every bit pattern is an i8 and a u8.
    unsafe { core::slice::from_raw_parts_mut(bytes.as_mut_ptr().cast(), bytes.len()) }
}

/// The words of lanes that hold integers.
#[inline(always)]
pub(crate) fn words(lanes: &[f32]) -> &[i32] {
    // SAFETY: the same words; every bit pattern is an i32.
    unsafe { core::slice::from_raw_parts(lanes.as_ptr().cast(), lanes.len()) }
}

/// [`words`] that change.
#[inline(always)]
pub(crate) fn words_mut(lanes: &mut [f32]) -> &mut [i32] {
    // SAFETY: the same words, borrowed as long; every bit pattern is an i32 and an f32.
    unsafe { core::slice::from_raw_parts_mut(lanes.as_mut_ptr().cast(), lanes.len()) }
}

/// Adds a rectangle of `x.len() × acc.len()` weights that are packed in [`Layout::TARGET`]:
/// `acc[o] += Σ_i w[i][o] x[i]`. Fewer weights leave the last outputs as they were.
pub fn rectangle(mut weights: &[i8], x: &[i32], acc: &mut [i32]) {
    // Most rectangles of a walk: what one site is to others of its block.
    if let ([x], ..PANEL) = (x, acc.len()) {
        return row(weights, *x, acc);
    }
    for x in x.chunks(STRIP) {
        let (wide, rest) = acc.as_chunks_mut::<PANEL>();
        if !wide.is_empty() {
            let inputs = Inputs::new(x);
            for sums in wide {
                let panel = next(&mut weights, PANEL * x.len());
                if panel.len() < PANEL * x.len() {
                    return;
                }
                inputs.panel(panel, x, sums);
            }
        }
        narrow(&mut weights, x, rest);
    }
}

/// [`rectangle`] of weights of any width, which lie by rows everywhere.
pub(crate) fn rectangle_by_rows<T: IntegerWeight>(mut weights: &[T], x: &[i32], acc: &mut [i32]) {
    if let [x] = x {
        return row(weights, *x, acc);
    }
    for x in x.chunks(STRIP) {
        let (wide, rest) = acc.as_chunks_mut::<PANEL>();
        for sums in wide {
            by_rows(next(&mut weights, PANEL * x.len()), x, sums);
        }
        narrow(&mut weights, x, rest);
    }
}

/// The panels of a strip that are not whole.
#[inline(always)]
fn narrow<T: IntegerWeight>(weights: &mut &[T], x: &[i32], acc: &mut [i32]) {
    let (four, rest) = acc.as_chunks_mut::<4>();
    for sums in four {
        by_rows(next(weights, 4 * x.len()), x, sums);
    }
    for sums in rest.as_chunks_mut::<1>().0 {
        by_rows(next(weights, x.len()), x, sums);
    }
}

/// One input, whose weights lie as its outputs do.
#[inline(always)]
fn row<T: IntegerWeight>(weights: &[T], x: i32, acc: &mut [i32]) {
    for (acc, weight) in acc.iter_mut().zip(weights) {
        *acc = acc.wrapping_add(weight.value().wrapping_mul(x));
    }
}

/// A panel that lies by rows.
#[inline(always)]
fn by_rows<T: IntegerWeight, const W: usize>(weights: &[T], x: &[i32], sums: &mut [i32; W]) {
    for (row, x) in weights.as_chunks::<W>().0.iter().zip(x) {
        for (sum, weight) in sums.iter_mut().zip(row) {
            *sum = sum.wrapping_add(weight.value().wrapping_mul(*x));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The weight of an input and an output of a panel of `k` inputs, as a kernel of the layout sees it.
    fn seen(layout: Layout, panel: &[i8], k: usize, i: usize, o: usize) -> i32 {
        match layout {
            Layout::Words => i32::from(panel[(o / 8 * k + i) * 8 + o % 8] as u8) - 128,
            Layout::Columns => i32::from(panel[o * k + i]),
            Layout::Pairs if i / 2 < k / 2 => {
                let at = o / 8 * (k / 2) * 16 + i / 2 * 16 + o % 8 / 2 * 4 + i % 2 * 2;
                let both = i32::from(i16::from_le_bytes([panel[at] as u8, panel[at + 1] as u8]));
                let first = i32::from(panel[at]);
                if o.is_multiple_of(2) { first } else { (both - first) >> 8 }
            }
            _ => i32::from(panel[i * PANEL + o]),
        }
    }

    #[test]
    fn every_layout_holds_the_weights_of_the_rows() {
        for (k, n) in [(1, 16), (2, 32), (7, 21), (64, 16), (67, 37)] {
            let rows: Vec<i8> = (0..k * n).map(|i| (i * 89 % 255) as u8 as i8).collect();
            let rows: Vec<i8> = rows.into_iter().map(|w| w.max(-127)).collect();
            for layout in [Layout::Rows, Layout::Words, Layout::Pairs, Layout::Columns] {
                let mut packed = vec![0; k * n];
                layout.pack(&rows, k, n, &mut packed);
                let mut start = 0;
                for strip in [k.min(STRIP), k.saturating_sub(STRIP)] {
                    for panel in (0..n / PANEL).map(|p| start + p * PANEL * strip) {
                        for (i, o) in (0..strip).flat_map(|i| (0..PANEL).map(move |o| (i, o))) {
                            let expected = i32::from(rows[panel + i * PANEL + o]);
                            assert_eq!(seen(layout, &packed[panel..], strip, i, o), expected);
                        }
                    }
                    let (narrow, end) = (start + n / PANEL * PANEL * strip, start + n * strip);
                    assert_eq!(packed[narrow..end], rows[narrow..end]);
                    start = end;
                }
            }
        }
    }

    #[test]
    fn a_rectangle_is_the_sum_of_its_products() {
        // Eight weights by rows: panels of 4 and of 1.
        let (weights, x) = ([1, -2, 3, -4, 5, 6, -7, 127, 9, -127], [3, -5]);
        let mut acc = [1, 0, 0, 0, i32::MAX];
        rectangle(&weights, &x, &mut acc);
        assert_eq!(
            acc,
            [1 + 3 - 25, -6 - 30, 9 + 35, -12 - 635, (i32::MAX).wrapping_add(27 + 635)]
        );
    }
}
