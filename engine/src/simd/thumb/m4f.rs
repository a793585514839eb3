//! 32-bit weights on a Cortex-M4F, and on any Cortex-M with a single-precision FPU.
//!
//! Weights come in bursts of up to sixteen words, because flash and not the FPU is the limit: a panel
//! of 16 outputs takes four inputs at a time, twelve weights in each burst. The compiler's loop takes
//! half as many instructions again for the plain arithmetic, as does one with `VLDR`.

use crate::kernel::Arith;

/// Panels of 16 outputs of one strip. Returns the end of their weights and of their sums.
///
/// # Safety
/// `k ≥ 1` and `panels ≥ 1`; `w` is valid for reads of `16 k panels` floats, `x` for `k`, and `acc`
/// for reads and writes of `16 panels`.
#[cfg(not(pushforward_core = "m7"))]
#[inline(always)]
pub(super) unsafe fn wide<A: Arith>(
    w: *const f32,
    x: *const f32,
    acc: *mut f32,
    k: usize,
    panels: usize,
) -> (*const f32, *mut f32) {
    // SAFETY: by this function's contract.
    unsafe {
        if A::FUSES { fused::wide(w, x, acc, k, panels) } else { plain::wide(w, x, acc, k, panels) }
    }
}

/// Panels of 4 outputs of one strip, then of 1. Returns the end of their weights.
///
/// # Safety
/// `k ≥ 1`; `w` is valid for reads of `k n` floats, `x` for `k`, and `acc` for reads and writes of
/// `n`.
#[inline(always)]
pub(super) unsafe fn narrow<A: Arith>(
    w: *const f32,
    x: *const f32,
    acc: *mut f32,
    k: usize,
    n: usize,
) -> *const f32 {
    // SAFETY: by this function's contract.
    unsafe {
        if A::FUSES { fused::narrow(w, x, acc, k, n) } else { plain::narrow(w, x, acc, k, n) }
    }
}

/// One input, whose weights lie as its outputs do.
///
/// # Safety
/// `n ≥ 1`; `w` is valid for reads of `n` floats, `x` for one, and `acc` for reads and writes of `n`.
#[cfg(not(pushforward_core = "m55"))]
#[inline(always)]
pub(super) unsafe fn row<A: Arith>(w: *const f32, x: *const f32, acc: *mut f32, n: usize) {
    // SAFETY: by this function's contract.
    unsafe { if A::FUSES { fused::row(w, x, acc, n) } else { plain::row(w, x, acc, n) } }
}

/// The loops in one arithmetic.
macro_rules! loops {
    ($arithmetic:ident) => {
        mod $arithmetic {
            use core::arch::asm;

            /// Sums are in s0–s15, weights in s16–s27, four inputs in s28–s31.
            ///
            /// # Safety
            /// As of the function of this name that calls it.
            #[cfg(not(pushforward_core = "m7"))]
            #[inline(always)]
            pub(super) unsafe fn wide(
                mut w: *const f32,
                x: *const f32,
                mut acc: *mut f32,
                k: usize,
                panels: usize,
            ) -> (*const f32, *mut f32) {
                // SAFETY: by this function's contract: for each panel the inner loops take k rows
                // of 16, four while at least four are left, and one while any is; every register
                // is declared.
                unsafe {
                    asm!(
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
                        "subs {panels}, {panels}, #1",
                        "bne 2b",
                        w = inout(reg) w,
                        x = in(reg) x,
                        acc = inout(reg) acc,
                        k = in(reg) k,
                        panels = inout(reg) panels => _,
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
                (w, acc)
            }

            /// Four sums are in s0–s3, inputs in s4–s7, weights in s8–s23; one sum in s0, inputs in
            /// s8–s15, weights in s16–s23.
            ///
            /// # Safety
            /// As of the function of this name that calls it.
            #[inline(always)]
            pub(super) unsafe fn narrow(
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
                        "subs {n}, {n}, #4",
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
                        options(nostack),
                    );
                }
                w
            }

            /// Eight at a time, then four, two, one.
            ///
            /// # Safety
            /// As of the function of this name that calls it.
            #[cfg(not(pushforward_core = "m55"))]
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
