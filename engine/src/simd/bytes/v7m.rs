//! Panels on a Cortex-M3, or any that is not known to have the DSP extension.
//!
//! As on a Cortex-M0 a word is multiplied as it is ([`Layout::Words`](super::Layout::Words)); `MLA` adds in
//! the same instruction.

use core::arch::naked_asm;

use super::words::Inputs;

/// One input, in r2, for eight outputs, whose sums are in r4 to r11.
macro_rules! row {
    () => {
        // `LDM` would be one instruction, but may not read weights that begin beside a word.
        "ldr r2, [r1], #4
         ldr r12, [r0], #4
         ldr lr, [r0], #4
         mla r4, r12, r2, r4
         lsr r3, r12, #8
         mla r5, r3, r2, r5
         lsr r3, r12, #16
         mla r6, r3, r2, r6
         lsr r3, r12, #24
         mla r7, r3, r2, r7
         mla r8, lr, r2, r8
         lsr r3, lr, #8
         mla r9, r3, r2, r9
         lsr r3, lr, #16
         mla r10, r3, r2, r10
         lsr r3, lr, #24
         mla r11, r3, r2, r11\n"
    };
}

/// Four outputs' raw sums to memory.
macro_rules! end {
    ($a:literal $b:literal $c:literal $d:literal) => {
        concat!(
            "ldm r2, {{r0, r1, r3, r12}}\n",
            "sub r",
            $a,
            ", r",
            $a,
            ", r",
            $b,
            ", lsl #8\n",
            "sub r",
            $b,
            ", r",
            $b,
            ", r",
            $c,
            ", lsl #8\n",
            "sub r",
            $c,
            ", r",
            $c,
            ", r",
            $d,
            ", lsl #8\n",
            "add r0, r0, r",
            $a,
            "\n",
            "add r1, r1, r",
            $b,
            "\n",
            "add r3, r3, r",
            $c,
            "\n",
            "add r12, r12, r",
            $d,
            "\n",
            "stm r2!, {{r0, r1, r3, r12}}\n",
        )
    };
}

/// Whether weights may begin beside a word.
pub(super) const ANYWHERE: bool = true;

/// Half a panel: eight outputs.
///
/// # Safety
/// As [`words`](super::words) calls it: `inputs.k ≥ 1`; `w` is valid for reads of `8 k` bytes, `x` for reads of `k` words, `sums` for reads and writes of eight.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn half(w: *const i8, x: *const i32, sums: *mut i32, inputs: &Inputs) {
    naked_asm!(
        "push {{r2, r4-r11, lr}}",
        // The ends of the inputs in fours, and of all, lie below the sums' address.
        "ldm r3!, {{r12}}",
        "add lr, r1, r12, lsl #2",
        "bic r12, r12, #3",
        "add r12, r1, r12, lsl #2",
        "push {{r12, lr}}",
        "ldm r3, {{r4-r7}}",
        "mov r8, r4",
        "mov r9, r5",
        "mov r10, r6",
        "mov r11, r7",
        "cmp r1, r12",
        "beq 3f",
        "2:",
        row!(),
        row!(),
        row!(),
        row!(),
        "ldr r3, [sp]",
        "cmp r1, r3",
        "bne 2b",
        "3:",
        "ldr r3, [sp, #4]",
        "cmp r1, r3",
        "beq 5f",
        "4:",
        row!(),
        "ldr r3, [sp, #4]",
        "cmp r1, r3",
        "bne 4b",
        "5:",
        "add sp, sp, #8",
        "pop {{r2}}",
        end!(4 5 6 7),
        end!(8 9 10 11),
        "pop {{r4-r11, pc}}",
    )
}
