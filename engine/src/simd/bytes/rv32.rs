//! Panels on a 32-bit RISC-V that multiplies: sixteen sums stay in registers, where the compiler keeps
//! some in memory.

use core::arch::naked_asm;

use crate::kernel::PANEL;

/// A strip's inputs, as they are.
pub(super) struct Inputs;

impl Inputs {
    #[inline(always)]
    pub(super) fn new(_: &[i32]) -> Self {
        Self
    }

    pub(super) fn panel(&self, weights: &[i8], x: &[i32], sums: &mut [i32; PANEL]) {
        let k = x.len();
        if k > 0 && weights.len() >= k * PANEL {
            // SAFETY: there are k ≥ 1 inputs and 16 k weights. The condition of this file says that
            // the core multiplies.
            unsafe { panel(weights.as_ptr(), x.as_ptr(), sums, k) }
        }
    }
}

/// The product of the input in s7 and one weight, added to a sum.
macro_rules! term {
    ($($at:literal $sum:literal)+) => {
        concat!($("lb s8, ", $at, "(a0)\nmul s8, s8, s7\nadd ", $sum, ", ", $sum, ", s8\n",)+)
    };
}

/// Each sum by its place.
macro_rules! sums {
    ($op:literal: $($at:literal $sum:literal)+) => {
        concat!($($op, " ", $sum, ", ", $at, "(a2)\n",)+)
    };
}

/// All sixteen outputs.
///
/// # Safety
/// `k ≥ 1`; `w` is valid for reads of `16 k` bytes, `x` for `k` words. The core has the extension `M`.
#[unsafe(naked)]
unsafe extern "C" fn panel(w: *const i8, x: *const i32, sums: &mut [i32; PANEL], k: usize) {
    naked_asm!(
        ".option push",
        ".option arch, +m",
        "addi sp, sp, -48",
        "sw s0, 0(sp)",
        "sw s1, 4(sp)",
        "sw s2, 8(sp)",
        "sw s3, 12(sp)",
        "sw s4, 16(sp)",
        "sw s7, 24(sp)",
        "sw s8, 28(sp)",
        // The end of the inputs.
        "slli a3, a3, 2",
        "add a3, a1, a3",
        sums!("lw": 0 "t0" 4 "t1" 8 "t2" 12 "t3" 16 "t4" 20 "t5" 24 "t6" 28 "a4" 32 "a5" 36 "a6"
            40 "a7" 44 "s0" 48 "s1" 52 "s2" 56 "s3" 60 "s4"),
        "2:",
        "lw s7, 0(a1)",
        term!(0 "t0" 1 "t1" 2 "t2" 3 "t3" 4 "t4" 5 "t5" 6 "t6" 7 "a4" 8 "a5" 9 "a6"
            10 "a7" 11 "s0" 12 "s1" 13 "s2" 14 "s3" 15 "s4"),
        "addi a0, a0, 16",
        "addi a1, a1, 4",
        "bne a1, a3, 2b",
        sums!("sw": 0 "t0" 4 "t1" 8 "t2" 12 "t3" 16 "t4" 20 "t5" 24 "t6" 28 "a4" 32 "a5" 36 "a6"
            40 "a7" 44 "s0" 48 "s1" 52 "s2" 56 "s3" 60 "s4"),
        "lw s0, 0(sp)",
        "lw s1, 4(sp)",
        "lw s2, 8(sp)",
        "lw s3, 12(sp)",
        "lw s4, 16(sp)",
        "lw s7, 24(sp)",
        "lw s8, 28(sp)",
        "addi sp, sp, 48",
        "ret",
        ".option pop",
    )
}
