//! Panels on a Cortex-M55: `VMLADAVA` multiplies sixteen bytes by sixteen and adds the products to a sum.
//!
//! The loop's last turn takes as many inputs as there are, by tail predication.

use core::arch::naked_asm;

use crate::kernel::{PANEL, STRIP};

/// A strip's inputs, as bytes.
pub(super) struct Inputs {
    bytes: [i8; STRIP],
}

impl Inputs {
    #[inline(always)]
    pub(super) fn new(x: &[i32]) -> Self {
        let mut bytes = [0; STRIP];
        bytes.iter_mut().zip(x).for_each(|(to, x)| *to = *x as i8);
        Self { bytes }
    }

    pub(super) fn panel(&self, weights: &[i8], x: &[i32], sums: &mut [i32; PANEL]) {
        let k = x.len();
        if (1..=STRIP).contains(&k) && weights.len() >= k * PANEL {
            // SAFETY: there are k ≥ 1 inputs and 16 k weights. The condition of this file says that
            // the core has Helium.
            unsafe { panel(weights.as_ptr(), self.bytes.as_ptr(), sums, k) }
        }
    }
}

/// Four outputs at a time.
///
/// # Safety
/// `k ≥ 1`; `w` is valid for reads of `16 k` bytes, `x` for `k`. The core has Helium.
#[unsafe(naked)]
unsafe extern "C" fn panel(w: *const i8, x: *const i8, sums: &mut [i32; PANEL], k: usize) {
    naked_asm!(
        ".arch armv8.1-m.main",
        ".arch_extension mve.fp",
        "push {{r4-r12, lr}}",
        "mov r9, r3",
        // From where a pointer ends to where its weights do, in the place of r12, which may be lost.
        "add r12, r3, #15",
        "bic r12, r12, #15",
        "sub r12, r3, r12",
        "str r12, [sp, #32]",
        // The end of the sums.
        "add r11, r2, #64",
        "2:",
        "adds r3, r0, r9",
        "adds r5, r3, r9",
        "adds r7, r5, r9",
        "ldr r4, [r2]",
        "ldr r6, [r2, #4]",
        "ldr r8, [r2, #8]",
        "ldr r10, [r2, #12]",
        "mov r12, r1",
        "dlstp.8 lr, r9",
        "3:",
        "vldrb.u8 q0, [r12], #16",
        "vldrb.u8 q1, [r0], #16",
        "vmladava.s8 r4, q0, q1",
        "vldrb.u8 q2, [r3], #16",
        "vmladava.s8 r6, q0, q2",
        "vldrb.u8 q1, [r5], #16",
        "vmladava.s8 r8, q0, q1",
        "vldrb.u8 q2, [r7], #16",
        "vmladava.s8 r10, q0, q2",
        "letp lr, 3b",
        // The last pointer went past its weights, by as much as each turn.
        "ldr r12, [sp, #32]",
        "add r0, r7, r12",
        "str r4, [r2], #4",
        "str r6, [r2], #4",
        "str r8, [r2], #4",
        "str r10, [r2], #4",
        "cmp r2, r11",
        "bne 2b",
        "pop {{r4-r12, pc}}",
    )
}
