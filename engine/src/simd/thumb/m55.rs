//! Weights of 32 and 16 bits on a Cortex-M55, four outputs an instruction of Helium.
//!
//! Helium reads and writes subnormal numbers as zero, whatever `FPSCR` asks for, and says so in two
//! flags that stay set: input denormal (IDC) and underflow (UFC), which also a result has that
//! rounding would have made normal. A panel's sums are stored only if neither is set; else the same
//! panel is done by the kernel of a Cortex-M4F, which keeps subnormals, so that the bits are those of
//! every other core. A model whose numbers are ordinary pays for the question, three instructions a
//! panel; one whose sums are subnormal pays twice.
//!
//! Single outputs have no vectors to fill, and go the other core's way at once.

use core::arch::asm;

use super::{halves, m4f};
use crate::kernel::{Arith, PANEL};

/// Panels of 16 outputs of one strip. Returns the end of their weights and of their sums.
///
/// # Safety
/// `k ≥ 1` and `panels ≥ 1`; `w` is valid for reads of `16 k panels` floats, `x` for `k`, and `acc`
/// for reads and writes of `16 panels`.
#[inline(always)]
pub(super) unsafe fn wide<A: Arith>(
    mut w: *const f32,
    x: *const f32,
    mut acc: *mut f32,
    k: usize,
    mut panels: usize,
) -> (*const f32, *mut f32) {
    // SAFETY: by this function's contract; a kernel returns as many panels as it left, and where
    // their weights and sums begin.
    unsafe {
        loop {
            (w, acc, panels) = if A::FUSES {
                wide_fused(w, x, acc, k, panels)
            } else {
                wide_plain(w, x, acc, k, panels)
            };
            if panels == 0 {
                return (w, acc);
            }
            (w, acc) = m4f::wide::<A>(w, x, acc, k, 1);
            panels -= 1;
            if panels == 0 {
                return (w, acc);
            }
        }
    }
}

/// Panels of 4 outputs of one strip, then of 1. Returns the end of their weights.
///
/// # Safety
/// `k ≥ 1` and `n ≥ 1`; `w` is valid for reads of `k n` floats, `x` for `k`, and `acc` for reads and
/// writes of `n`.
#[inline(always)]
pub(super) unsafe fn narrow<A: Arith>(
    mut w: *const f32,
    x: *const f32,
    mut acc: *mut f32,
    k: usize,
    n: usize,
) -> *const f32 {
    let (mut panels, rest) = (n / 4, n % 4);
    // SAFETY: as in `wide`, of panels of 4; the rest follows them.
    unsafe {
        while panels > 0 {
            (w, acc, panels) = if A::FUSES {
                four_fused(w, x, acc, k, panels)
            } else {
                four_plain(w, x, acc, k, panels)
            };
            if panels > 0 {
                w = m4f::narrow::<A>(w, x, acc, k, 4);
                acc = acc.add(4);
                panels -= 1;
            }
        }
        if rest > 0 { m4f::narrow::<A>(w, x, acc, k, rest) } else { w }
    }
}

/// One strip of 16-bit weights. Returns the end of its weights.
///
/// # Safety
/// As [`narrow`], with half-words for the floats of `w`.
#[inline(always)]
pub(super) unsafe fn strip_16<A: Arith>(
    mut w: *const u16,
    x: *const f32,
    mut acc: *mut f32,
    k: usize,
    n: usize,
) -> *const u16 {
    let (mut panels, mut rest) = (n / PANEL, n % PANEL);
    // SAFETY: as in `wide` and `narrow`.
    unsafe {
        while panels > 0 {
            (w, acc, panels) = if A::FUSES {
                wide_fused_16(w, x, acc, k, panels)
            } else {
                wide_plain_16(w, x, acc, k, panels)
            };
            if panels > 0 {
                w = halves::strip::<A>(w, x, acc, k, PANEL);
                acc = acc.add(PANEL);
                panels -= 1;
            }
        }
        panels = rest / 4;
        rest %= 4;
        while panels > 0 {
            (w, acc, panels) = if A::FUSES {
                four_fused_16(w, x, acc, k, panels)
            } else {
                four_plain_16(w, x, acc, k, panels)
            };
            if panels > 0 {
                w = halves::strip::<A>(w, x, acc, k, 4);
                acc = acc.add(4);
                panels -= 1;
            }
        }
        if rest > 0 { halves::strip::<A>(w, x, acc, k, rest) } else { w }
    }
}

/// The next four weights to a register.
macro_rules! load {
    (f32 $w:literal) => {
        concat!("vldrw.u32 q", $w, ", [{w}], #16\n")
    };
    (u16 $w:literal) => {
        concat!("vldrh.u32 q", $w, ", [{w}], #8\n", "vcvtb.f32.f16 q", $w, ", q", $w, "\n",)
    };
}

/// Sums `qA += qW · x`, the input in a core register.
macro_rules! term {
    (fused $acc:literal $w:literal $x:literal) => {
        concat!("vfma.f32 q", $acc, ", q", $w, ", {", $x, "}\n")
    };
    (plain $acc:literal $w:literal $x:literal) => {
        concat!(
            "vmul.f32 q",
            $w,
            ", q",
            $w,
            ", {",
            $x,
            "}\n",
            "vadd.f32 q",
            $acc,
            ", q",
            $acc,
            ", q",
            $w,
            "\n",
        )
    };
}

/// A row of a panel: the next load stands before the sum that waits for the one before it.
macro_rules! row {
    ($t:ident $a:ident 16 $x:literal) => {
        concat!(
            load!($t 4), load!($t 5), term!($a 0 4 $x),
            load!($t 6), term!($a 1 5 $x),
            load!($t 7), term!($a 2 6 $x), term!($a 3 7 $x),
        )
    };
    ($t:ident $a:ident 4 $x:literal) => {
        concat!(load!($t 4), term!($a 0 4 $x))
    };
}

macro_rules! sums {
    ($op:literal 16) => {
        concat!(
            $op,
            " q0, [{acc}]\n",
            $op,
            " q1, [{acc}, #16]\n",
            $op,
            " q2, [{acc}, #32]\n",
            $op,
            " q3, [{acc}, #48]\n",
        )
    };
    ($op:literal 4) => {
        concat!($op, " q0, [{acc}]\n")
    };
}

macro_rules! panels {
    ($name:ident, $t:ident, $arithmetic:ident, $width:tt) => {
        /// Panels of one strip, until one meets a subnormal number. Returns where the weights and
        /// the sums of those that are left begin, and how many they are.
        ///
        /// Sums are in q0–q3, weights in q4–q7.
        ///
        /// # Safety
        /// `k ≥ 1` and `panels ≥ 1`; `w` is valid for reads of as many weights as these panels
        /// have, `x` of `k` floats, and `acc` for reads and writes of as many sums.
        #[inline(always)]
        unsafe fn $name(
            mut w: *const $t,
            x: *const f32,
            mut acc: *mut f32,
            k: usize,
            mut panels: usize,
        ) -> (*const $t, *mut f32, usize) {
            // SAFETY: by this function's contract: for each panel the loop takes two rows at a time
            // while two are left, then one where one is, and only then are its sums stored. This
            // core has Helium, or the board says wrongly that it is this core. Every register is
            // declared; `VPR` is zero, for nothing else here uses Helium.
            unsafe {
                asm!(
                    ".arch armv8.1-m.main",
                    ".arch_extension mve.fp",
                    "vmrs {i}, fpscr",
                    "bic {i}, {i}, #0x88",
                    "vmsr fpscr, {i}",
                    "2:",
                    "mov {first}, {w}",
                    "mov {xi}, {x}",
                    sums!("vldrw.u32" $width),
                    "lsrs {i}, {k}, #1",
                    "beq 4f",
                    "dls lr, {i}",
                    "3:",
                    "ldrd {a}, {b}, [{xi}], #8",
                    row!($t $arithmetic $width "a"),
                    row!($t $arithmetic $width "b"),
                    "le lr, 3b",
                    "4:",
                    // The flags are still those of the shift.
                    "bcc 5f",
                    "ldr {a}, [{xi}]",
                    row!($t $arithmetic $width "a"),
                    "5:",
                    "vmrs {i}, fpscr",
                    "tst {i}, #0x88",
                    "bne 6f",
                    sums!("vstrw.32" $width),
                    "adds {acc}, {acc}, #4 * {width}",
                    "subs {panels}, {panels}, #1",
                    "bne 2b",
                    "b 7f",
                    "6:",
                    "mov {w}, {first}",
                    "7:",
                    width = const $width,
                    w = inout(reg) w,
                    x = in(reg) x,
                    acc = inout(reg) acc,
                    k = in(reg) k,
                    panels = inout(reg) panels,
                    first = out(reg) _,
                    xi = out(reg) _,
                    i = out(reg) _,
                    a = out(reg) _,
                    b = out(reg) _,
                    out("lr") _,
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
            (w, acc, panels)
        }
    };
}

panels!(wide_fused, f32, fused, 16);
panels!(wide_plain, f32, plain, 16);
panels!(four_fused, f32, fused, 4);
panels!(four_plain, f32, plain, 4);
panels!(wide_fused_16, u16, fused, 16);
panels!(wide_plain_16, u16, plain, 16);
panels!(four_fused_16, u16, fused, 4);
panels!(four_plain_16, u16, plain, 4);
