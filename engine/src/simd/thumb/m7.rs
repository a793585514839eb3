//! 32-bit weights on a Cortex-M7, which starts a load and a multiply-add at once.
//!
//! A multiply-add stands beside a load of the weight that is four further on, so that neither waits;
//! weights go round in eight registers. The plain arithmetic is `VMLA.F32`, which rounds its product
//! as `VMUL.F32` does: on this core it is as quick as one instruction, on a Cortex-M4 slower than two.
//! The last row of a strip loads no further than its end.

use core::arch::asm;

use crate::kernel::Arith;

/// Panels of 16 outputs of one strip. Returns the end of their weights and of their sums.
///
/// # Safety
/// `k ≥ 1` and `panels ≥ 1`; `w` is valid for reads of `16 k panels` floats, `x` for `k`, and `acc`
/// for reads and writes of `16 panels`.
#[inline(always)]
pub(super) unsafe fn wide<A: Arith>(
    w: *const f32,
    x: *const f32,
    acc: *mut f32,
    k: usize,
    panels: usize,
) -> (*const f32, *mut f32) {
    // SAFETY: by this function's contract.
    unsafe { if A::FUSES { fused(w, x, acc, k, panels) } else { plain(w, x, acc, k, panels) } }
}

/// A multiply-add for each `[sum weight]` with input `x`, and beside it a load to each `[to offset]`.
macro_rules! beside {
    ($op:literal $x:literal: $([$acc:literal $w:literal, $to:literal $offset:literal])+) => {
        concat!($(
            $op, " s", $acc, ", s", $w, ", s", $x, "\n",
            "vldr s", $to, ", [{w}, #", $offset, "]\n",
        )+)
    };
    ($op:literal $x:literal: $([$acc:literal $w:literal])+) => {
        concat!($($op, " s", $acc, ", s", $w, ", s", $x, "\n",)+)
    };
}

/// The first three quarters of a row, which load the rest of it from the bytes that are listed.
macro_rules! most {
    ($op:literal $x:literal: $a:literal $b:literal $c:literal $d:literal $e:literal $f:literal
        $g:literal $h:literal $i:literal $j:literal $k:literal $l:literal) => {
        beside!($op $x:
            [0 16, 20 $a] [1 17, 21 $b] [2 18, 22 $c] [3 19, 23 $d]
            [4 20, 16 $e] [5 21, 17 $f] [6 22, 18 $g] [7 23, 19 $h]
            [8 16, 20 $i] [9 17, 21 $j] [10 18, 22 $k] [11 19, 23 $l])
    };
}

macro_rules! wide {
    ($name:ident, $op:literal) => {
        /// Sums are in s0–s15, weights in s16–s23, the inputs of two rows in s24 and s25.
        ///
        /// # Safety
        /// As [`wide`].
        #[inline(always)]
        unsafe fn $name(
            mut w: *const f32,
            x: *const f32,
            mut acc: *mut f32,
            k: usize,
            panels: usize,
        ) -> (*const f32, *mut f32) {
            // SAFETY: by this function's contract: for each panel the loop takes two rows while at
            // least two are left besides the last one, then one where one is, then the last one.
            // All but the last load the first four weights and the input of the row after them.
            // Every register is declared.
            unsafe {
                asm!(
                    "2:",
                    "vldmia {acc}, {{s0-s15}}",
                    "mov {xi}, {x}",
                    "vldmia {xi}!, {{s24}}",
                    "vldr s16, [{w}]",
                    "vldr s17, [{w}, #4]",
                    "vldr s18, [{w}, #8]",
                    "vldr s19, [{w}, #12]",
                    "subs {i}, {k}, #3",
                    "blo 4f",
                    "3:",
                    most!($op 24: 16 20 24 28 32 36 40 44 48 52 56 60),
                    "vldmia {xi}!, {{s25}}",
                    beside!($op 24: [12 20, 16 64] [13 21, 17 68] [14 22, 18 72] [15 23, 19 76]),
                    most!($op 25: 80 84 88 92 96 100 104 108 112 116 120 124),
                    "vldmia {xi}!, {{s24}}",
                    beside!($op 25:
                        [12 20, 16 128] [13 21, 17 132] [14 22, 18 136] [15 23, 19 140]),
                    "add {w}, {w}, #128",
                    "subs {i}, {i}, #2",
                    "bhs 3b",
                    "4:",
                    "adds {i}, {i}, #1",
                    "bmi 5f",
                    most!($op 24: 16 20 24 28 32 36 40 44 48 52 56 60),
                    beside!($op 24: [12 20, 16 64] [13 21, 17 68] [14 22, 18 72] [15 23, 19 76]),
                    "vldmia {xi}!, {{s24}}",
                    "add {w}, {w}, #64",
                    "5:",
                    most!($op 24: 16 20 24 28 32 36 40 44 48 52 56 60),
                    beside!($op 24: [12 20] [13 21] [14 22] [15 23]),
                    "add {w}, {w}, #64",
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
                    out("s24") _, out("s25") _,
                    options(nostack),
                );
            }
            (w, acc)
        }
    };
}

wide!(fused, "vfma.f32");
wide!(plain, "vmla.f32");
