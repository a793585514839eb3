//! Panels on a Cortex-M0 or M0+, which multiplies 32 bits by 32 in an instruction and takes two to get a
//! byte out of a word.
//!
//! So it does not take bytes out ([`Layout::Words`](super::Layout::Words)): a word shifted right by 0, 8,
//! 16 and 24 bits is multiplied as it is, and what is too much goes at the end, once for all inputs.

use core::arch::naked_asm;

use super::words::Inputs;

/// One input, in r2, for eight outputs, whose sums are in r6 to r12 and lr.
macro_rules! row {
    ($x:literal) => {
        concat!(
            "ldr r2, [r1, #",
            $x,
            "]\n",
            "ldm r0!, {{r4, r5}}
             lsrs r3, r4, #24
             muls r3, r2, r3
             add r9, r3
             lsrs r3, r4, #16
             muls r3, r2, r3
             add r8, r3
             lsrs r3, r4, #8
             muls r3, r2, r3
             adds r7, r7, r3
             muls r4, r2, r4
             adds r6, r6, r4
             lsrs r3, r5, #24
             muls r3, r2, r3
             add lr, r3
             lsrs r3, r5, #16
             muls r3, r2, r3
             add r12, r3
             lsrs r3, r5, #8
             muls r3, r2, r3
             add r11, r3
             muls r5, r2, r5
             add r10, r5\n",
        )
    };
}

/// Four outputs' raw sums, of which `a` and `b` are in two low registers and the others moved to r3 and
/// r4, to memory.
macro_rules! end {
    ($a:literal $b:literal) => {
        concat!(
            "lsls r5, r",
            $b,
            ", #8\n",
            "subs r",
            $a,
            ", r",
            $a,
            ", r5\n",
            "lsls r5, r3, #8\n",
            "subs r",
            $b,
            ", r",
            $b,
            ", r5\n",
            "lsls r5, r4, #8\n",
            "subs r3, r3, r5\n",
            "ldr r5, [r2]\n",
            "adds r",
            $a,
            ", r",
            $a,
            ", r5\n",
            "ldr r5, [r2, #4]\n",
            "adds r",
            $b,
            ", r",
            $b,
            ", r5\n",
            "ldr r5, [r2, #8]\n",
            "adds r3, r3, r5\n",
            "ldr r5, [r2, #12]\n",
            "adds r4, r4, r5\n",
            "stm r2!, {{r",
            $a,
            ", r",
            $b,
            "}}\n",
            "stm r2!, {{r3, r4}}\n",
        )
    };
}

/// Whether weights may begin beside a word.
pub(super) const ANYWHERE: bool = false;

/// Half a panel: eight outputs.
///
/// # Safety
/// As [`words`](super::words) calls it: `inputs.k ≥ 1`; `w` is valid for reads of `8 k` bytes and a multiple of four, `x` is valid for reads of `k`
/// words, `sums` for reads and writes of eight.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn half(w: *const i8, x: *const i32, sums: *mut i32, inputs: &Inputs) {
    naked_asm!(
        "push {{r4-r7, lr}}",
        "mov r4, r8",
        "mov r5, r9",
        "mov r6, r10",
        "mov r7, r11",
        "push {{r2, r4-r7}}",
        // The ends of the inputs in eights, and of all, lie below the sums' address.
        "ldm r3!, {{r4}}",
        "lsls r4, r4, #2",
        "adds r5, r1, r4",
        "lsrs r4, r4, #5",
        "lsls r4, r4, #5",
        "adds r4, r1, r4",
        "push {{r4, r5}}",
        "mov r2, r4",
        "ldm r3!, {{r4-r7}}",
        "mov r8, r6",
        "mov r9, r7",
        "mov r12, r6",
        "mov lr, r7",
        "mov r10, r4",
        "mov r11, r5",
        "mov r6, r4",
        "mov r7, r5",
        "cmp r1, r2",
        // A branch on a condition reaches 256 bytes.
        "bne 2f",
        "b 3f",
        "2:",
        row!(0),
        row!(4),
        row!(8),
        row!(12),
        row!(16),
        row!(20),
        row!(24),
        row!(28),
        "adds r1, r1, #32",
        "ldr r3, [sp]",
        "cmp r1, r3",
        "beq 3f",
        "b 2b",
        "3:",
        "ldr r3, [sp, #4]",
        "cmp r1, r3",
        "beq 5f",
        "4:",
        row!(0),
        "adds r1, r1, #4",
        "ldr r3, [sp, #4]",
        "cmp r1, r3",
        "bne 4b",
        "5:",
        "add sp, sp, #8",
        "pop {{r2}}",
        "mov r3, r8",
        "mov r4, r9",
        end!(6 7),
        "mov r6, r10",
        "mov r7, r11",
        "mov r3, r12",
        "mov r4, lr",
        end!(6 7),
        "pop {{r4-r7}}",
        "mov r8, r4",
        "mov r9, r5",
        "mov r10, r6",
        "mov r11, r7",
        "pop {{r4-r7, pc}}",
    )
}
