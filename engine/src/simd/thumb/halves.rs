//! Weights of 16 bits on a Cortex-M4F and above, widened inside the panel.
//!
//! `VCVTB` and `VCVTT` widen the halves of a register that a burst has filled, exactly, into the
//! registers that the multiply-adds read: nothing goes through memory. A burst needs an address that
//! is a multiple of four, which 16-bit weights need not have; panels that lie beside one come through
//! core registers, which read anywhere.

use core::arch::asm;

use crate::kernel::Arith;

/// One strip: panels of 16 outputs, then of 4, then of 1. Returns the end of its weights.
///
/// # Safety
/// As of `rectangle`'s strips: `k ≥ 1` and `n ≥ 1`; `w` is valid for reads of `k n` half-words, `x`
/// for `k` floats, and `acc` for reads and writes of `n`.
#[inline(always)]
pub(super) unsafe fn strip<A: Arith>(
    w: *const u16,
    x: *const f32,
    acc: *mut f32,
    k: usize,
    n: usize,
) -> *const u16 {
    // SAFETY: by this function's contract.
    unsafe { if A::FUSES { fused::strip(w, x, acc, k, n) } else { plain::strip(w, x, acc, k, n) } }
}

/// One input, whose weights lie as its outputs do.
///
/// # Safety
/// `n ≥ 1`; `w` is valid for reads of `n` half-words, `x` for one float, and `acc` for reads and
/// writes of `n`.
#[cfg(not(pushforward_core = "m55"))]
#[inline(always)]
pub(super) unsafe fn row<A: Arith>(w: *const u16, x: *const f32, acc: *mut f32, n: usize) {
    // SAFETY: by this function's contract.
    unsafe { if A::FUSES { fused::row(w, x, acc, n) } else { plain::row(w, x, acc, n) } }
}

/// Widens the two weights of each `[packed low high]`.
macro_rules! widen {
    ($([$packed:literal $low:literal $high:literal])+) => {
        concat!($(
            "vcvtb.f32.f16 s", $low, ", s", $packed, "\n",
            "vcvtt.f32.f16 s", $high, ", s", $packed, "\n",
        )+)
    };
}

/// The next four weights to two registers, from any address.
macro_rules! four {
    ($low:literal $high:literal) => {
        concat!(
            "ldr {a}, [{w}], #4\n",
            "ldr {b}, [{w}], #4\n",
            "vmov s",
            $low,
            ", s",
            $high,
            ", {a}, {b}\n",
        )
    };
}

/// A row of a panel of 16, packed in s24–s31.
macro_rules! sixteen {
    ($arithmetic:ident, $x:literal) => {
        concat!(
            widen!([24 20 21] [25 22 23]),
            terms!($arithmetic: [0 20 $x] [1 21 $x] [2 22 $x] [3 23 $x]),
            widen!([26 20 21] [27 22 23]),
            terms!($arithmetic: [4 20 $x] [5 21 $x] [6 22 $x] [7 23 $x]),
            widen!([28 20 21] [29 22 23]),
            terms!($arithmetic: [8 20 $x] [9 21 $x] [10 22 $x] [11 23 $x]),
            widen!([30 20 21] [31 22 23]),
            terms!($arithmetic: [12 20 $x] [13 21 $x] [14 22 $x] [15 23 $x]),
        )
    };
}

macro_rules! loops {
    ($arithmetic:ident) => {
        mod $arithmetic {
            use super::asm;

            /// Sixteen sums are in s0–s15, inputs in s16–s17, weights as they are stored in s24–s31
            /// and widened in s20–s23; four sums in s0–s3, inputs in s4–s7, weights in s24–s31 and
            /// s8–s11; one sum in s0, inputs in s4–s7, weights in s24–s25 and s8–s11.
            ///
            /// # Safety
            /// As of the function of this name that calls it.
            #[inline(always)]
            pub(super) unsafe fn strip(
                mut w: *const u16,
                x: *const f32,
                acc: *mut f32,
                k: usize,
                n: usize,
            ) -> *const u16 {
                // SAFETY: by this function's contract: `n` counts down by the width of each panel
                // and stops before it would be less than nothing, and for each panel the inner
                // loops take k rows of that width, so that all reads and writes are inside. `VLDM`
                // reads weights only where `w` is a multiple of four: a row of 16 or 4 weights
                // keeps it one. Every register is declared.
                unsafe {
                    asm!(
                        "subs {n}, {n}, #16",
                        "blo 6f",
                        "2:",
                        "vldmia {acc}, {{s0-s15}}",
                        "mov {xi}, {x}",
                        "mov {i}, {k}",
                        "lsls {a}, {w}, #31",
                        "bcs 4f",
                        "subs {i}, {i}, #2",
                        "blo 8f",
                        "3:",
                        "vldmia {xi}!, {{s16-s17}}",
                        "vldmia {w}!, {{s24-s31}}",
                        sixteen!($arithmetic, 16),
                        "vldmia {w}!, {{s24-s31}}",
                        sixteen!($arithmetic, 17),
                        "subs {i}, {i}, #2",
                        "bhs 3b",
                        "8:",
                        "adds {i}, {i}, #2",
                        "beq 5f",
                        // A last row.
                        "4:",
                        "vldmia {xi}!, {{s16}}",
                        four!(24 25),
                        four!(26 27),
                        four!(28 29),
                        four!(30 31),
                        sixteen!($arithmetic, 16),
                        "subs {i}, {i}, #1",
                        "bne 4b",
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
                        "mov {i}, {k}",
                        "lsls {a}, {w}, #31",
                        "bcs 4f",
                        "subs {i}, {i}, #4",
                        "blo 8f",
                        "3:",
                        "vldmia {xi}!, {{s4-s7}}",
                        "vldmia {w}!, {{s24-s31}}",
                        widen!([24 8 9] [25 10 11]),
                        terms!($arithmetic: [0 8 4] [1 9 4] [2 10 4] [3 11 4]),
                        widen!([26 8 9] [27 10 11]),
                        terms!($arithmetic: [0 8 5] [1 9 5] [2 10 5] [3 11 5]),
                        widen!([28 8 9] [29 10 11]),
                        terms!($arithmetic: [0 8 6] [1 9 6] [2 10 6] [3 11 6]),
                        widen!([30 8 9] [31 10 11]),
                        terms!($arithmetic: [0 8 7] [1 9 7] [2 10 7] [3 11 7]),
                        "subs {i}, {i}, #4",
                        "bhs 3b",
                        "8:",
                        "adds {i}, {i}, #4",
                        "beq 5f",
                        "4:",
                        "vldmia {xi}!, {{s4}}",
                        four!(24 25),
                        widen!([24 8 9] [25 10 11]),
                        terms!($arithmetic: [0 8 4] [1 9 4] [2 10 4] [3 11 4]),
                        "subs {i}, {i}, #1",
                        "bne 4b",
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
                        "subs {i}, {k}, #4",
                        "blo 8f",
                        "3:",
                        "vldmia {xi}!, {{s4-s7}}",
                        four!(24 25),
                        widen!([24 8 9] [25 10 11]),
                        terms!($arithmetic: [0 8 4] [0 9 5] [0 10 6] [0 11 7]),
                        "subs {i}, {i}, #4",
                        "bhs 3b",
                        "8:",
                        "adds {i}, {i}, #4",
                        "beq 5f",
                        "4:",
                        "vldmia {xi}!, {{s4}}",
                        "ldrh {a}, [{w}], #2",
                        "vmov s24, {a}",
                        "vcvtb.f32.f16 s8, s24",
                        terms!($arithmetic: [0 8 4]),
                        "subs {i}, {i}, #1",
                        "bne 4b",
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
                        a = out(reg) _,
                        b = out(reg) _,
                        out("s0") _, out("s1") _, out("s2") _, out("s3") _,
                        out("s4") _, out("s5") _, out("s6") _, out("s7") _,
                        out("s8") _, out("s9") _, out("s10") _, out("s11") _,
                        out("s12") _, out("s13") _, out("s14") _, out("s15") _,
                        out("s16") _, out("s17") _,
                        out("s20") _, out("s21") _, out("s22") _, out("s23") _,
                        out("s24") _, out("s25") _, out("s26") _, out("s27") _,
                        out("s28") _, out("s29") _, out("s30") _, out("s31") _,
                        options(nostack),
                    );
                }
                w
            }

            /// The first weight alone if it lies beside a word, then eight at a time, four, two,
            /// one.
            ///
            /// # Safety
            /// As of the function of this name that calls it.
            #[cfg(not(pushforward_core = "m55"))]
            #[inline(always)]
            pub(super) unsafe fn row(w: *const u16, x: *const f32, acc: *mut f32, n: usize) {
                // SAFETY: by this function's contract: one output is taken where there is one, the
                // loop takes eight while at least eight are left, what follows as many as the last
                // three bits of `n` say. `VLDM` reads weights from multiples of four: the first
                // weight alone makes `w` one, and all but the last take an even number. Every
                // register is declared.
                unsafe {
                    asm!(
                        "vldmia {x}, {{s0}}",
                        "lsls {i}, {w}, #31",
                        "bcc 1f",
                        "ldrh {i}, [{w}], #2",
                        "vldmia {acc}, {{s1}}",
                        "vmov s5, {i}",
                        "vcvtb.f32.f16 s8, s5",
                        terms!($arithmetic: [1 8 0]),
                        "vstmia {acc}!, {{s1}}",
                        "subs {n}, {n}, #1",
                        "1:",
                        "subs {n}, {n}, #8",
                        "blo 3f",
                        "2:",
                        "vldmia {w}!, {{s12-s15}}",
                        "vldmia {acc}, {{s1-s4}}",
                        widen!([12 8 9] [13 10 11]),
                        terms!($arithmetic: [1 8 0] [2 9 0] [3 10 0] [4 11 0]),
                        "vstmia {acc}!, {{s1-s4}}",
                        "vldmia {acc}, {{s1-s4}}",
                        widen!([14 8 9] [15 10 11]),
                        terms!($arithmetic: [1 8 0] [2 9 0] [3 10 0] [4 11 0]),
                        "vstmia {acc}!, {{s1-s4}}",
                        "subs {n}, {n}, #8",
                        "bhs 2b",
                        "3:",
                        "lsls {i}, {n}, #30",
                        "bcc 4f",
                        "vldmia {w}!, {{s12-s13}}",
                        "vldmia {acc}, {{s1-s4}}",
                        widen!([12 8 9] [13 10 11]),
                        terms!($arithmetic: [1 8 0] [2 9 0] [3 10 0] [4 11 0]),
                        "vstmia {acc}!, {{s1-s4}}",
                        "4:",
                        "bpl 5f",
                        "vldmia {w}!, {{s12}}",
                        "vldmia {acc}, {{s1-s2}}",
                        widen!([12 8 9]),
                        terms!($arithmetic: [1 8 0] [2 9 0]),
                        "vstmia {acc}!, {{s1-s2}}",
                        "5:",
                        "lsls {i}, {n}, #31",
                        "bpl 6f",
                        "ldrh {i}, [{w}]",
                        "vldmia {acc}, {{s1}}",
                        "vmov s5, {i}",
                        "vcvtb.f32.f16 s8, s5",
                        terms!($arithmetic: [1 8 0]),
                        "vstmia {acc}!, {{s1}}",
                        "6:",
                        w = inout(reg) w => _,
                        x = in(reg) x,
                        acc = inout(reg) acc => _,
                        n = inout(reg) n => _,
                        i = out(reg) _,
                        out("s0") _, out("s1") _, out("s2") _, out("s3") _,
                        out("s4") _, out("s5") _, out("s8") _, out("s9") _,
                        out("s10") _, out("s11") _, out("s12") _, out("s13") _,
                        out("s14") _, out("s15") _,
                        options(nostack),
                    );
                }
            }
        }
    };
}

loops!(fused);
loops!(plain);
