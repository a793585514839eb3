//! The rectangle of a Cortex-M with a single-precision FPU, walked by pointers.
//!
//! `core` has no `f32::mul_add` on stable Rust, and the exact emulation of [`super::fma`] costs
//! hundreds of instructions in software `f64` here, so the fused arithmetic needs `VFMA.F32` by
//! hand. The compiler also rejects float operands of `asm!` on these targets, which is why a block
//! keeps its sums in registers of its own choice: it loads them once, streams weights and inputs
//! past them and stores them at the end. The plain arithmetic takes the same road. And a
//! microcontroller's rectangles are small, where slices of slices cost more than the products.
//!
//! Weights are read in storage order ([`crate::kernel`]).
//!
//! # One file a family of kernels, one condition each
//! | file | what | where |
//! |---|---|---|
//! | `m4f.rs` | 32-bit weights | `cfg(cortex_m_fpu)`: any Cortex-M with such an FPU that has no kernel of its own below |
//! | `halves.rs` | 16-bit weights | the same |
//! | `ends.rs` | what stands around a rectangle: biases, leaky units; and the square root | the same |
//! | `m7.rs` | panels of 16 outputs in the order in which two instructions start at once | `cfg(pushforward_core = "m7")` |
//! | `m55.rs` | panels of 16 and 4 outputs with Helium, for both weights | `cfg(pushforward_core = "m55")` |
//!
//! The build script says `cortex_m_fpu` by the target's name. No `cfg` that the compiler offers tells
//! one core from another, not even with `-C target-cpu`; so a board's configuration names its core
//! where it wants its kernels: `rustflags = ["--cfg", "pushforward_core=\"m7\""]`. Any core of
//! this architecture can run `m4f.rs`, and nothing changes but time.
//!
//! The bits are those of [`super::fma`], or of a product and a sum, except that a NaN may carry another
//! payload; the firmware binary `kernels` compares each kernel with scalar code for all small sizes,
//! `selftest` through a pinned table.

use super::embed::f16;

use crate::kernel::{Arith, PANEL, STRIP};

/// `sA += sW · sX` for each `[A W X]`, in order, as the arithmetic rounds it. The plain one leaves the
/// products where the weights were.
macro_rules! terms {
    (fused: $([$acc:literal $w:literal $x:literal])+) => {
        concat!($("vfma.f32 s", $acc, ", s", $w, ", s", $x, "\n",)+)
    };
    (plain: $([$acc:literal $w:literal $x:literal])+) => {
        concat!(
            $("vmul.f32 s", $w, ", s", $w, ", s", $x, "\n",)+
            $("vadd.f32 s", $acc, ", s", $acc, ", s", $w, "\n",)+
        )
    };
}

mod ends;
mod halves;
mod m4f;
#[cfg(pushforward_core = "m55")]
mod m55;
#[cfg(pushforward_core = "m7")]
mod m7;

pub(crate) use ends::{copy, leaky, leaky_16, sqrt, widen};
#[cfg(not(pushforward_core = "m55"))]
use halves::{row as row_16, strip as strip_16};
#[cfg(not(any(pushforward_core = "m7", pushforward_core = "m55")))]
use m4f::{narrow, row, wide};
#[cfg(pushforward_core = "m55")]
use m55::{narrow, strip_16, wide};
#[cfg(pushforward_core = "m7")]
use {
    m4f::{narrow, row},
    m7::wide,
};

/// Adds a rectangle of `x.len() × acc.len()` packed weights; nothing where there are fewer weights.
#[inline(never)]
pub(crate) fn rectangle<A: Arith>(weights: &[f32], x: &[f32], acc: &mut [f32]) {
    if fits(weights.len(), x, acc) {
        let (k, n) = (x.len(), acc.len());
        // SAFETY: there are k n weights, k ≥ 1 inputs and n ≥ 1 sums, which nothing else borrows.
        unsafe { strips::<A>(weights.as_ptr(), x.as_ptr(), acc.as_mut_ptr(), k, n) }
    }
}

/// [`rectangle`] for 16-bit weights.
#[inline(never)]
pub(crate) fn rectangle_16<A: Arith>(weights: &[f16], x: &[f32], acc: &mut [f32]) {
    if fits(weights.len(), x, acc) {
        let (k, n) = (x.len(), acc.len());
        // SAFETY: there are k n weights, k ≥ 1 inputs and n ≥ 1 sums, which nothing else borrows;
        // `f16` is a transparent `u16`.
        unsafe {
            strips_16::<A>(weights.as_ptr().cast(), x.as_ptr(), acc.as_mut_ptr(), k, n);
        }
    }
}

/// Whether a rectangle has weights for all its products, and has any.
#[inline(always)]
fn fits(weights: usize, x: &[f32], acc: &[f32]) -> bool {
    let products = x.len() as u64 * acc.len() as u64;
    0 < products && products <= weights as u64
}

/// A rectangle, strip by strip.
///
/// # Safety
/// `k ≥ 1` and `n ≥ 1`; `w` is valid for reads of `k n` floats, `x` for `k`, and `acc` for reads and
/// writes of `n`.
#[inline(always)]
unsafe fn strips<A: Arith>(
    mut w: *const f32,
    mut x: *const f32,
    acc: *mut f32,
    mut k: usize,
    n: usize,
) {
    // SAFETY: by this function's contract; a strip takes the next rows of `w` and their inputs, and
    // its panels of 16 outputs the first of `acc`.
    unsafe {
        #[cfg(not(pushforward_core = "m55"))]
        if k == 1 {
            return row::<A>(w, x, acc, n);
        }
        while k > 0 {
            let rows = k.min(STRIP);
            let mut acc = acc;
            if n >= PANEL {
                (w, acc) = wide::<A>(w, x, acc, rows, n / PANEL);
            }
            let rest = n % PANEL;
            if rest > 0 {
                w = narrow::<A>(w, x, acc, rows, rest);
            }
            x = x.add(rows);
            k -= rows;
        }
    }
}

/// [`strips`] for 16-bit weights.
///
/// # Safety
/// As [`strips`], with half-words for the floats of `w`.
#[inline(always)]
unsafe fn strips_16<A: Arith>(
    mut w: *const u16,
    mut x: *const f32,
    acc: *mut f32,
    mut k: usize,
    n: usize,
) {
    // SAFETY: by this function's contract; a strip takes the next rows of `w` and their inputs.
    unsafe {
        #[cfg(not(pushforward_core = "m55"))]
        if k == 1 {
            return row_16::<A>(w, x, acc, n);
        }
        while k > 0 {
            let rows = k.min(STRIP);
            w = strip_16::<A>(w, x, acc, rows, n);
            x = x.add(rows);
            k -= rows;
        }
    }
}
