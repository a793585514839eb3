//! Panels on a Cortex-M with the DSP extension: M4, M7, most M33.
//!
//! `SMLAD` multiplies two half-words by two and adds both products. A half-word holds the weights of
//! two outputs ([`Layout::Pairs`](super::Layout::Pairs)), so that two of them, and one `SXTB16`, do four
//! multiplications.

use core::arch::naked_asm;

use super::by_rows;
use crate::kernel::{PANEL, STRIP};

/// A strip's inputs, two in a word.
pub(super) struct Inputs {
    pairs: [u32; STRIP / 2],
}

impl Inputs {
    #[inline(always)]
    pub(super) fn new(x: &[i32]) -> Self {
        let mut pairs = [0; STRIP / 2];
        for (to, [a, b]) in pairs.iter_mut().zip(x.as_chunks().0) {
            *to = (*a as u32 & 0xffff) | (*b as u32) << 16;
        }
        Self { pairs }
    }

    pub(super) fn panel(&self, weights: &[i8], x: &[i32], sums: &mut [i32; PANEL]) {
        let pairs = x.len() / 2;
        if (1..=self.pairs.len()).contains(&pairs) && weights.len() >= pairs * 2 * PANEL {
            let (w, x, sums) = (weights.as_ptr(), self.pairs.as_ptr(), sums.as_mut_ptr());
            let half = if w.addr().is_multiple_of(4) { half } else { half_beside };
            // SAFETY: there are so many pairs, at least one, and 32 weights for each, 16 of them for
            // eight outputs; `w` was asked where it lies, and 16 more lie alike. The condition of this
            // file says that the core has the DSP extension.
            unsafe {
                half(w, x, sums, pairs);
                half(w.add(pairs * PANEL), x, sums.add(PANEL / 2), pairs);
            }
        }
        if let (1, Some(last), Some((_, row))) =
            (x.len() % 2, x.last(), weights.split_at_checked(pairs * 2 * PANEL))
        {
            by_rows(row, core::slice::from_ref(last), sums);
        }
    }
}

/// What tells the assembler of the extension, where the target's name does not.
#[cfg(pushforward_core = "m33")]
macro_rules! core {
    () => {
        ".cpu cortex-m33"
    };
}
#[cfg(not(pushforward_core = "m33"))]
macro_rules! core {
    () => {
        ""
    };
}

/// Two inputs, whose word is in r2, for eight outputs. Sums of both outputs of a half-word are in r4, r6,
/// r8 and r10, of the first in r5, r7, r9 and r11.
macro_rules! pair {
    ($load:literal) => {
        concat!(
            "ldr r2, [r1], #4\n",
            $load,
            "smlad r4, r3, r2, r4
             smlad r6, r12, r2, r6
             sxtb16 r3, r3
             sxtb16 r12, r12
             smlad r5, r3, r2, r5
             smlad r7, r12, r2, r7\n",
            $load,
            "smlad r8, r3, r2, r8
             smlad r10, r12, r2, r10
             sxtb16 r3, r3
             sxtb16 r12, r12
             smlad r9, r3, r2, r9
             smlad r11, r12, r2, r11\n",
        )
    };
}

/// Sums that start at what the first of two outputs has: their difference starts at zero.
macro_rules! start {
    ($both:literal $first:literal $at:literal) => {
        concat!("ldr r", $first, ", [r2, #", $at, "]\n", "mov r", $both, ", r", $first, "\n",)
    };
}

/// Two outputs' sums to memory.
macro_rules! end {
    ($both:literal $first:literal) => {
        concat!(
            "ldr r12, [r2, #4]\n",
            "sub r",
            $both,
            ", r",
            $both,
            ", r",
            $first,
            "\n",
            "add r12, r12, r",
            $both,
            ", asr #8\n",
            "strd r",
            $first,
            ", r12, [r2], #8\n",
        )
    };
}

macro_rules! half {
    ($(#[$doc:meta])* $name:ident, $load:literal) => {
        $(#[$doc])*
        #[unsafe(naked)]
        unsafe extern "C" fn $name(w: *const i8, x: *const u32, sums: *mut i32, pairs: usize) {
            naked_asm!(
                core!(),
                "push {{r2, r4-r11, lr}}",
                "mov lr, r3",
                start!(4 5 0),
                start!(6 7 8),
                start!(8 9 16),
                start!(10 11 24),
                "subs lr, lr, #8",
                "blo 4f",
                "3:",
                pair!($load),
                pair!($load),
                pair!($load),
                pair!($load),
                pair!($load),
                pair!($load),
                pair!($load),
                pair!($load),
                "subs lr, lr, #8",
                "bhs 3b",
                "4:",
                "adds lr, lr, #8",
                "beq 6f",
                "5:",
                pair!($load),
                "subs lr, lr, #1",
                "bne 5b",
                "6:",
                "pop {{r2}}",
                end!(4 5),
                end!(6 7),
                end!(8 9),
                end!(10 11),
                "pop {{r4-r11, pc}}",
            )
        }
    };
}

half! {
    /// Half a panel: eight outputs.
    ///
    /// # Safety
    /// `pairs ≥ 1`; `w` is a multiple of four and valid for reads of `16 pairs` weights, `x` for `pairs`
    /// words and `sums` for reads and writes of eight. The core has the DSP extension.
    half, "ldm r0!, {{r3, r12}}\n"
}

half! {
    /// [`half`] for weights that begin beside a word, where `LDM` may not read and `LDR` may.
    ///
    /// # Safety
    /// As [`half`], of any address.
    half_beside, "ldr r3, [r0], #4\nldr r12, [r0], #4\n"
}
