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
//! | file | layout | condition | what it does |
//! |---|---|---|---|
//! | `rows.rs` | [`Layout::Rows`] | everywhere else | Rust |
//! | `rv32.rs` | [`Layout::Rows`] | 32-bit RISC-V with `M` | `LB`, `MUL`, `ADD`, sixteen sums in registers |
//! | `v6m.rs` | [`Layout::Words`] | `thumbv6m-none-eabi` | four weights a word without taking it apart |
//! | `dsp.rs` | [`Layout::Pairs`] | `thumbv7em-*`; `cfg(pushforward_core = "m33")`, one that has the DSP extension | two inputs of two outputs in an instruction and a half |
//! | `m55.rs` | [`Layout::Columns`] | `cfg(pushforward_core = "m55")` | sixteen inputs of an output an instruction of Helium |
//!
//! Only panels of 16 outputs are packed in a way of their own; narrower ones lie by rows everywhere.

#[cfg(pushforward_bytes = "pairs")]
mod dsp;
#[cfg(pushforward_bytes = "columns")]
mod m55;
#[cfg(pushforward_bytes = "rows")]
mod rows;
#[cfg(pushforward_bytes = "rv32")]
mod rv32;
#[cfg(pushforward_bytes = "words")]
mod v6m;

#[cfg(pushforward_bytes = "pairs")]
use dsp::Inputs;
#[cfg(pushforward_bytes = "columns")]
use m55::Inputs;
#[cfg(pushforward_bytes = "rows")]
use rows::Inputs;
#[cfg(pushforward_bytes = "rv32")]
use rv32::Inputs;
#[cfg(pushforward_bytes = "words")]
use v6m::Inputs;

use crate::kernel::{PANEL, STRIP, next};

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
    pub const TARGET: Layout = if cfg!(pushforward_bytes = "words") {
        Layout::Words
    } else if cfg!(pushforward_bytes = "pairs") {
        Layout::Pairs
    } else if cfg!(pushforward_bytes = "columns") {
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
        let (four, rest) = rest.as_chunks_mut::<4>();
        for sums in four {
            by_rows(next(&mut weights, 4 * x.len()), x, sums);
        }
        for sums in rest.as_chunks_mut::<1>().0 {
            by_rows(next(&mut weights, x.len()), x, sums);
        }
    }
}

/// A panel that lies by rows.
#[inline(always)]
fn by_rows<const W: usize>(weights: &[i8], x: &[i32], sums: &mut [i32; W]) {
    for (row, x) in weights.as_chunks::<W>().0.iter().zip(x) {
        for (sum, weight) in sums.iter_mut().zip(row) {
            *sum = sum.wrapping_add(i32::from(*weight).wrapping_mul(*x));
        }
    }
}
