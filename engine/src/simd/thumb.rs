//! The rectangle of a Cortex-M with a single-precision FPU, walked by pointers.
//!
//! `core` has no `f32::mul_add` on stable Rust, and the exact emulation of [`super::fma`] costs
//! hundreds of instructions in software `f64` here, so the fused arithmetic needs `VFMA.F32` by
//! hand. The compiler also rejects float operands of `asm!` on these targets, which is why a block
//! keeps its sums in registers of its own choice: it loads them once, streams weights and inputs
//! past them and stores them at the end. The plain arithmetic takes the same road with `VMUL.F32` and
//! `VADD.F32`: the compiler's loop takes half as many instructions again. And a microcontroller's
//! rectangles are small, where slices of slices cost more than the products.
//!
//! Weights are read in storage order ([`crate::kernel`]), as bursts of up to sixteen words, because
//! flash and not the FPU is the limit. A panel of 16 outputs takes four inputs at a time. A rectangle
//! with one input has no panels to speak of: its weights lie as its outputs do.
//!
//! The bits are those of [`super::fma`], or of a product and a sum, except that a NaN may carry another
//! payload; the firmware binary `selftest` compares the two through a pinned table. 16-bit weights
//! are widened by the FPU's own conversion, which is exact.

use core::arch::asm;
use core::mem::MaybeUninit;

use half::f16;

use crate::kernel::{Arith, Arithmetic, PANEL, STRIP};

/// Adds a rectangle of `x.len() × acc.len()` packed weights; nothing where there are fewer weights.
#[inline(never)]
pub(crate) fn rectangle<A: Arith>(weights: &[f32], x: &[f32], acc: &mut [f32]) {
    if fits(weights.len(), x, acc) {
        let (k, n) = (x.len(), acc.len());
        // SAFETY: there are k n weights, k ≥ 1 inputs and n ≥ 1 sums, which nothing else borrows.
        unsafe { strips::<A>(weights.as_ptr(), x.as_ptr(), acc.as_mut_ptr(), k, n) }
    }
}

/// [`rectangle`] for 16-bit weights, which are widened into a buffer: the whole rectangle where it
/// is small, else some rows of a panel at a time.
#[inline(never)]
pub(crate) fn rectangle_16<A: Arith>(weights: &[f16], x: &[f32], acc: &mut [f32]) {
    if !fits(weights.len(), x, acc) {
        return;
    }
    let (k, n, acc) = (x.len(), acc.len(), acc.as_mut_ptr());
    let (mut w, mut x) = (weights.as_ptr().cast::<u16>(), x.as_ptr());
    let mut buffer = [MaybeUninit::<f32>::uninit(); BUFFER];
    let wide = buffer.as_mut_ptr().cast::<f32>();
    // SAFETY: there are k n weights, k ≥ 1 inputs and n ≥ 1 sums, which nothing else borrows. Each
    // call takes the next of them in storage order, k n in all, and widens at most BUFFER of them,
    // which it then reads.
    unsafe {
        if k <= STRIP && k * n <= BUFFER {
            widen_run(w, wide, k * n);
            return strips::<A>(wide, x, acc, k, n);
        }
        let mut inputs = k;
        while inputs > 0 {
            let strip = inputs.min(STRIP);
            let mut outputs = 0;
            while outputs < n {
                let (width, most) = match n - outputs {
                    PANEL.. => (PANEL, BUFFER / PANEL),
                    4.. => (4, BUFFER / 4),
                    _ => (1, BUFFER),
                };
                let mut row = 0;
                while row < strip {
                    let rows = most.min(strip - row);
                    widen_run(w, wide, rows * width);
                    strips::<A>(wide, x.add(row), acc.add(outputs), rows, width);
                    w = w.add(rows * width);
                    row += rows;
                }
                outputs += width;
            }
            x = x.add(strip);
            inputs -= strip;
        }
    }
}

/// Floats that 16-bit weights are widened to at a time; a strip of single outputs fits.
const BUFFER: usize = 128;

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
    // SAFETY: by this function's contract; a strip takes the next rows of `w` and their inputs.
    unsafe {
        if k == 1 {
            return match A::ARITHMETIC {
                Arithmetic::Fused => fused::row(w, x, acc, n),
                Arithmetic::Plain => plain::row(w, x, acc, n),
            };
        }
        while k > 0 {
            let rows = k.min(STRIP);
            w = match A::ARITHMETIC {
                Arithmetic::Fused => fused::strip(w, x, acc, rows, n),
                Arithmetic::Plain => plain::strip(w, x, acc, rows, n),
            };
            x = x.add(rows);
            k -= rows;
        }
    }
}

/// Widens 16-bit weights to 32 bits, exactly, as many as both slices have.
#[inline(always)]
pub(crate) fn widen(from: &[half::f16], to: &mut [f32]) {
    let n = from.len().min(to.len());
    if n > 0 {
        // SAFETY: `from` has n ≥ 1 elements, `to` too, and they cannot overlap.
        unsafe { widen_run(from.as_ptr().cast(), to.as_mut_ptr(), n) }
    }
}

/// Eight weights at a time by `VCVTB` and `VCVTT`, then the rest one by one.
///
/// # Safety
/// `n ≥ 1`; `from` is valid for reads of `n` half-words, `to` for writes of `n` floats.
#[inline(never)]
unsafe fn widen_run(from: *const u16, to: *mut f32, n: usize) {
    // SAFETY: by this function's contract: the first loop takes 8 weights while at least 8 are
    // left, the second one while any is. `LDR` may be given an address that is not a multiple of
    // four (`VLDM` may not, hence the way through core registers). Every register is declared.
    unsafe {
        asm!(
            "subs {n}, {n}, #8",
            "blo 3f",
            "2:",
            "ldr {a}, [{from}], #4",
            "ldr {b}, [{from}], #4",
            "vmov s0, s1, {a}, {b}",
            "ldr {a}, [{from}], #4",
            "ldr {b}, [{from}], #4",
            "vmov s2, s3, {a}, {b}",
            "vcvtb.f32.f16 s8, s0",
            "vcvtt.f32.f16 s9, s0",
            "vcvtb.f32.f16 s10, s1",
            "vcvtt.f32.f16 s11, s1",
            "vcvtb.f32.f16 s12, s2",
            "vcvtt.f32.f16 s13, s2",
            "vcvtb.f32.f16 s14, s3",
            "vcvtt.f32.f16 s15, s3",
            "vstmia {to}!, {{s8-s15}}",
            "subs {n}, {n}, #8",
            "bhs 2b",
            "3:",
            "adds {n}, {n}, #8",
            "beq 5f",
            "4:",
            "ldrh {a}, [{from}], #2",
            "vmov s0, {a}",
            "vcvtb.f32.f16 s8, s0",
            "vstmia {to}!, {{s8}}",
            "subs {n}, {n}, #1",
            "bne 4b",
            "5:",
            from = inout(reg) from => _,
            to = inout(reg) to => _,
            n = inout(reg) n => _,
            a = out(reg) _,
            b = out(reg) _,
            out("s0") _, out("s1") _, out("s2") _, out("s3") _,
            out("s8") _, out("s9") _, out("s10") _, out("s11") _,
            out("s12") _, out("s13") _, out("s14") _, out("s15") _,
            options(nostack),
        );
    }
}

/// `√x` by one `VSQRT.F32`, correctly rounded.
#[inline(always)]
pub(crate) fn sqrt(x: f32) -> f32 {
    let mut bits = x.to_bits();
    // SAFETY: works on registers only; the ABI (`eabihf`) says that the FPU is there and enabled,
    // and the float register is declared as clobbered.
    unsafe {
        asm!(
            "vmov s0, {x}",
            "vsqrt.f32 s0, s0",
            "vmov {x}, s0",
            x = inout(reg) bits,
            out("s0") _,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    f32::from_bits(bits)
}

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

/// The loops over a strip's panels and over a single row, in one arithmetic.
macro_rules! loops {
    ($arithmetic:ident) => {
        mod $arithmetic {
            use super::asm;

            /// One strip: panels of 16 outputs, then of 4, then of 1. Returns the end of its
            /// weights.
            ///
            /// Sixteen sums are in s0–s15, weights in s16–s27, four inputs in s28–s31; four sums in
            /// s0–s3, inputs in s4–s7, weights in s8–s23; one sum in s0, inputs in s8–s15, weights
            /// in s16–s23.
            ///
            /// # Safety
            /// `k ≥ 1` and `n ≥ 1`; `w` is valid for reads of `k n` floats, `x` for `k`, and `acc`
            /// for reads and writes of `n`.
            #[inline(always)]
            pub(super) unsafe fn strip(
                mut w: *const f32,
                x: *const f32,
                acc: *mut f32,
                k: usize,
                n: usize,
            ) -> *const f32 {
                // SAFETY: by this function's contract: `n` counts down by the width of each panel
                // and stops before it would be less than nothing, and for each panel the inner
                // loops take k rows of that width, so that all reads and writes are inside; every
                // register is declared.
                unsafe {
                    asm!(
                        "subs {n}, {n}, #16",
                        "blo 6f",
                        "2:",
                        "vldmia {acc}, {{s0-s15}}",
                        "mov {xi}, {x}",
                        "subs {i}, {k}, #4",
                        "blo 4f",
                        "3:",
                        "vldmia {xi}!, {{s28-s31}}",
                        "vldmia {w}!, {{s16-s27}}",
                        terms!($arithmetic:
                            [0 16 28] [1 17 28] [2 18 28] [3 19 28] [4 20 28] [5 21 28]
                            [6 22 28] [7 23 28] [8 24 28] [9 25 28] [10 26 28] [11 27 28]),
                        "vldmia {w}!, {{s16-s27}}",
                        terms!($arithmetic:
                            [12 16 28] [13 17 28] [14 18 28] [15 19 28] [0 20 29] [1 21 29]
                            [2 22 29] [3 23 29] [4 24 29] [5 25 29] [6 26 29] [7 27 29]),
                        "vldmia {w}!, {{s16-s27}}",
                        terms!($arithmetic:
                            [8 16 29] [9 17 29] [10 18 29] [11 19 29] [12 20 29] [13 21 29]
                            [14 22 29] [15 23 29] [0 24 30] [1 25 30] [2 26 30] [3 27 30]),
                        "vldmia {w}!, {{s16-s27}}",
                        terms!($arithmetic:
                            [4 16 30] [5 17 30] [6 18 30] [7 19 30] [8 20 30] [9 21 30]
                            [10 22 30] [11 23 30] [12 24 30] [13 25 30] [14 26 30]
                            [15 27 30]),
                        "vldmia {w}!, {{s16-s27}}",
                        terms!($arithmetic:
                            [0 16 31] [1 17 31] [2 18 31] [3 19 31] [4 20 31] [5 21 31]
                            [6 22 31] [7 23 31] [8 24 31] [9 25 31] [10 26 31] [11 27 31]),
                        "vldmia {w}!, {{s16-s19}}",
                        terms!($arithmetic:
                            [12 16 31] [13 17 31] [14 18 31] [15 19 31]),
                        "subs {i}, {i}, #4",
                        "bhs 3b",
                        "4:",
                        "adds {i}, {i}, #4",
                        "beq 5f",
                        "9:",
                        "vldmia {xi}!, {{s28}}",
                        "vldmia {w}!, {{s16-s27}}",
                        terms!($arithmetic:
                            [0 16 28] [1 17 28] [2 18 28] [3 19 28] [4 20 28] [5 21 28]
                            [6 22 28] [7 23 28] [8 24 28] [9 25 28] [10 26 28] [11 27 28]),
                        "vldmia {w}!, {{s16-s19}}",
                        terms!($arithmetic:
                            [12 16 28] [13 17 28] [14 18 28] [15 19 28]),
                        "subs {i}, {i}, #1",
                        "bne 9b",
                        "5:",
                        "vstmia {acc}!, {{s0-s15}}",
                        "subs {n}, {n}, #16",
                        "bhs 2b",
                        "6:",
                        "adds {n}, {n}, #12",
                        "blo 6f",
                        "2:",
                        "vldmia {acc}, {{s0-s3}}",
                        "mov {xi}, {x}",
                        "subs {i}, {k}, #4",
                        "blo 4f",
                        "3:",
                        "vldmia {xi}!, {{s4-s7}}",
                        "vldmia {w}!, {{s8-s23}}",
                        terms!($arithmetic:
                            [0 8 4] [1 9 4] [2 10 4] [3 11 4]),
                        terms!($arithmetic:
                            [0 12 5] [1 13 5] [2 14 5] [3 15 5]),
                        terms!($arithmetic:
                            [0 16 6] [1 17 6] [2 18 6] [3 19 6]),
                        terms!($arithmetic:
                            [0 20 7] [1 21 7] [2 22 7] [3 23 7]),
                        "subs {i}, {i}, #4",
                        "bhs 3b",
                        "4:",
                        "lsls {i}, {k}, #31",
                        "bcc 4f",
                        "vldmia {xi}!, {{s4-s5}}",
                        "vldmia {w}!, {{s8-s15}}",
                        terms!($arithmetic:
                            [0 8 4] [1 9 4] [2 10 4] [3 11 4]),
                        terms!($arithmetic:
                            [0 12 5] [1 13 5] [2 14 5] [3 15 5]),
                        "4:",
                        "bpl 5f",
                        "vldmia {xi}!, {{s4}}",
                        "vldmia {w}!, {{s8-s11}}",
                        terms!($arithmetic:
                            [0 8 4] [1 9 4] [2 10 4] [3 11 4]),
                        "5:",
                        "vstmia {acc}!, {{s0-s3}}",
                        "subs {n}, {n}, #4",
                        "bhs 2b",
                        "6:",
                        "adds {n}, {n}, #4",
                        "beq 6f",
                        "2:",
                        "vldmia {acc}, {{s0}}",
                        "mov {xi}, {x}",
                        "subs {i}, {k}, #8",
                        "blo 4f",
                        "3:",
                        "vldmia {xi}!, {{s8-s15}}",
                        "vldmia {w}!, {{s16-s23}}",
                        terms!($arithmetic:
                            [0 16 8] [0 17 9] [0 18 10] [0 19 11] [0 20 12] [0 21 13]
                            [0 22 14] [0 23 15]),
                        "subs {i}, {i}, #8",
                        "bhs 3b",
                        "4:",
                        "lsls {i}, {k}, #30",
                        "bcc 4f",
                        "vldmia {xi}!, {{s8-s11}}",
                        "vldmia {w}!, {{s16-s19}}",
                        terms!($arithmetic:
                            [0 16 8] [0 17 9] [0 18 10] [0 19 11]),
                        "4:",
                        "bpl 4f",
                        "vldmia {xi}!, {{s8-s9}}",
                        "vldmia {w}!, {{s16-s17}}",
                        terms!($arithmetic:
                            [0 16 8] [0 17 9]),
                        "4:",
                        "lsls {i}, {k}, #31",
                        "bpl 5f",
                        "vldmia {xi}!, {{s8}}",
                        "vldmia {w}!, {{s16}}",
                        terms!($arithmetic:
                            [0 16 8]),
                        "5:",
                        "vstmia {acc}!, {{s0}}",
                        "subs {n}, {n}, #1",
                        "bne 2b",
                        "6:",
                        w = inout(reg) w,
                        x = in(reg) x,
                        acc = inout(reg) acc => _,
                        k = in(reg) k,
                        n = inout(reg) n => _,
                        xi = out(reg) _,
                        i = out(reg) _,
                        out("s0") _, out("s1") _, out("s2") _, out("s3") _,
                        out("s4") _, out("s5") _, out("s6") _, out("s7") _,
                        out("s8") _, out("s9") _, out("s10") _, out("s11") _,
                        out("s12") _, out("s13") _, out("s14") _, out("s15") _,
                        out("s16") _, out("s17") _, out("s18") _, out("s19") _,
                        out("s20") _, out("s21") _, out("s22") _, out("s23") _,
                        out("s24") _, out("s25") _, out("s26") _, out("s27") _,
                        out("s28") _, out("s29") _, out("s30") _, out("s31") _,
                        options(nostack),
                    );
                }
                w
            }

            /// One input, whose weights lie as its outputs do: eight, four, two, one.
            ///
            /// # Safety
            /// `n ≥ 1`; `w` is valid for reads of `n` floats, `x` for one, and `acc` for reads and
            /// writes of `n`.
            #[inline(always)]
            pub(super) unsafe fn row(w: *const f32, x: *const f32, acc: *mut f32, n: usize) {
                // SAFETY: by this function's contract: the loop takes eight outputs while at least
                // eight are left, what follows as many as the last three bits of `n` say; every
                // register is declared.
                unsafe {
                    asm!(
                        "vldmia {x}, {{s0}}",
                        "subs {n}, {n}, #8",
                        "blo 3f",
                        "2:",
                        "vldmia {w}!, {{s8-s15}}",
                        "vldmia {acc}, {{s1-s4}}",
                        terms!($arithmetic:
                            [1 8 0] [2 9 0] [3 10 0] [4 11 0]),
                        "vstmia {acc}!, {{s1-s4}}",
                        "vldmia {acc}, {{s1-s4}}",
                        terms!($arithmetic:
                            [1 12 0] [2 13 0] [3 14 0] [4 15 0]),
                        "vstmia {acc}!, {{s1-s4}}",
                        "subs {n}, {n}, #8",
                        "bhs 2b",
                        "3:",
                        "lsls {i}, {n}, #30",
                        "bcc 4f",
                        "vldmia {w}!, {{s8-s11}}",
                        "vldmia {acc}, {{s1-s4}}",
                        terms!($arithmetic:
                            [1 8 0] [2 9 0] [3 10 0] [4 11 0]),
                        "vstmia {acc}!, {{s1-s4}}",
                        "4:",
                        "bpl 5f",
                        "vldmia {w}!, {{s8-s9}}",
                        "vldmia {acc}, {{s1-s2}}",
                        terms!($arithmetic:
                            [1 8 0] [2 9 0]),
                        "vstmia {acc}!, {{s1-s2}}",
                        "5:",
                        "lsls {i}, {n}, #31",
                        "bpl 6f",
                        "vldmia {w}!, {{s8}}",
                        "vldmia {acc}, {{s1}}",
                        terms!($arithmetic:
                            [1 8 0]),
                        "vstmia {acc}!, {{s1}}",
                        "6:",
                        w = inout(reg) w => _,
                        x = in(reg) x,
                        acc = inout(reg) acc => _,
                        n = inout(reg) n => _,
                        i = out(reg) _,
                        out("s0") _, out("s1") _, out("s2") _, out("s3") _,
                        out("s4") _, out("s8") _, out("s9") _, out("s10") _,
                        out("s11") _, out("s12") _, out("s13") _, out("s14") _,
                        out("s15") _,
                        options(nostack),
                    );
                }
            }
        }
    };
}

loops!(fused);
loops!(plain);
