//! What stands around a rectangle on a Cortex-M with a single-precision FPU: biases that sums start at,
//! and leaky units; and the square root.
//!
//! For a row of 64 units the compiler's loops, one unit a turn and a call of its byte by byte `memcpy`,
//! cost a quarter of the rectangle of 64 inputs before them.

use core::arch::asm;

use super::super::embed::f16;

/// Copies a run of floats, as many as both slices have.
#[inline(never)]
pub(crate) fn copy(from: &[f32], to: &mut [f32]) {
    let n = from.len().min(to.len());
    if n > 0 {
        let (from, to) = (from.as_ptr(), to.as_mut_ptr());
        // SAFETY: both slices have n ≥ 1 elements, and they cannot overlap. The loop takes eight
        // while at least eight are left, what follows as many as the last three bits of `n` say.
        // Every register is declared.
        unsafe {
            asm!(
                "subs {n}, {n}, #8",
                "blo 3f",
                "2:",
                "vldmia {from}!, {{s0-s7}}",
                "vstmia {to}!, {{s0-s7}}",
                "subs {n}, {n}, #8",
                "bhs 2b",
                "3:",
                "lsls {n}, {n}, #30",
                "bcc 4f",
                "vldmia {from}!, {{s0-s3}}",
                "vstmia {to}!, {{s0-s3}}",
                "4:",
                "bpl 5f",
                "vldmia {from}!, {{s0-s1}}",
                "vstmia {to}!, {{s0-s1}}",
                "5:",
                "lsls {n}, {n}, #1",
                "bpl 6f",
                "vldmia {from}!, {{s0}}",
                "vstmia {to}!, {{s0}}",
                "6:",
                from = inout(reg) from => _,
                to = inout(reg) to => _,
                n = inout(reg) n => _,
                out("s0") _, out("s1") _, out("s2") _, out("s3") _,
                out("s4") _, out("s5") _, out("s6") _, out("s7") _,
                options(nostack),
            );
        }
    }
}

/// Widens 16-bit weights to 32 bits, exactly, as many as both slices have.
#[inline(never)]
pub(crate) fn widen(from: &[f16], to: &mut [f32]) {
    let n = from.len().min(to.len());
    if n > 0 {
        let (from, to) = (from.as_ptr(), to.as_mut_ptr());
        // SAFETY: both slices have n ≥ 1 elements, and they cannot overlap. The first loop takes
        // four while at least four are left, the second one while any is. `LDR` may be given an
        // address that is not a multiple of four. Every register is declared.
        unsafe {
            asm!(
                "subs {n}, {n}, #4",
                "blo 3f",
                "2:",
                "ldr {a}, [{from}], #4",
                "ldr {b}, [{from}], #4",
                "vmov s0, s1, {a}, {b}",
                "vcvtb.f32.f16 s4, s0",
                "vcvtt.f32.f16 s5, s0",
                "vcvtb.f32.f16 s6, s1",
                "vcvtt.f32.f16 s7, s1",
                "vstmia {to}!, {{s4-s7}}",
                "subs {n}, {n}, #4",
                "bhs 2b",
                "3:",
                "adds {n}, {n}, #4",
                "beq 5f",
                "4:",
                "ldrh {a}, [{from}], #2",
                "vmov s0, {a}",
                "vcvtb.f32.f16 s4, s0",
                "vstmia {to}!, {{s4}}",
                "subs {n}, {n}, #1",
                "bne 4b",
                "5:",
                from = inout(reg) from => _,
                to = inout(reg) to => _,
                n = inout(reg) n => _,
                a = out(reg) _,
                b = out(reg) _,
                out("s0") _, out("s1") _, out("s4") _, out("s5") _, out("s6") _, out("s7") _,
                options(nostack),
            );
        }
    }
}

/// The units in core registers decide: above zero is a float whose bits are above zero as an integer.
/// The others are multiplied by their slopes.
macro_rules! units {
    ($([$unit:literal $slope:literal $bits:literal])+) => {
        concat!($(
            "cmp {", $bits, "}, #0\n",
            "it le\n",
            "vmulle.f32 s", $unit, ", s", $unit, ", s", $slope, "\n",
        )+)
    };
}

/// A function of slopes and units, from how four slopes come to s8–s11 and how one comes to s8.
macro_rules! leaky {
    ($(#[$doc:meta])* $name:ident, $slope:ty, [$($four:literal),+], [$($one:literal),+]) => {
        $(#[$doc])*
        #[inline(never)]
        pub(crate) fn $name(slopes: &[$slope], units: &mut [f32]) {
            let n = slopes.len().min(units.len());
            if n > 0 {
                let (slopes, units) = (slopes.as_ptr(), units.as_mut_ptr());
                // SAFETY: both slices have n ≥ 1 elements, and they cannot overlap. The first loop
                // takes four while at least four are left, the second one while any is. `LDR` may
                // be given an address that is not a multiple of four. Every register is declared.
                unsafe {
                    asm!(
                        "subs {n}, {n}, #4",
                        "blo 3f",
                        "2:",
                        $($four,)+
                        "vldmia {units}, {{s0-s3}}",
                        "ldrd {a}, {b}, [{units}]",
                        "ldrd {c}, {d}, [{units}, #8]",
                        units!([0 8 "a"] [1 9 "b"] [2 10 "c"] [3 11 "d"]),
                        "vstmia {units}!, {{s0-s3}}",
                        "subs {n}, {n}, #4",
                        "bhs 2b",
                        "3:",
                        "adds {n}, {n}, #4",
                        "beq 5f",
                        "4:",
                        $($one,)+
                        "vldmia {units}, {{s0}}",
                        "ldr {a}, [{units}]",
                        units!([0 8 "a"]),
                        "vstmia {units}!, {{s0}}",
                        "subs {n}, {n}, #1",
                        "bne 4b",
                        "5:",
                        slopes = inout(reg) slopes => _,
                        units = inout(reg) units => _,
                        n = inout(reg) n => _,
                        a = out(reg) _,
                        b = out(reg) _,
                        c = out(reg) _,
                        d = out(reg) _,
                        out("s0") _, out("s1") _, out("s2") _, out("s3") _,
                        out("s4") _, out("s5") _,
                        out("s8") _, out("s9") _, out("s10") _, out("s11") _,
                        options(nostack),
                    );
                }
            }
        }
    };
}

leaky! {
    /// Leaky units, as many as both slices have.
    leaky, f32, ["vldmia {slopes}!, {{s8-s11}}"], ["vldmia {slopes}!, {{s8}}"]
}

leaky! {
    /// [`leaky`] with slopes of 16 bits.
    leaky_16, f16, [
        "ldr {a}, [{slopes}], #4",
        "ldr {b}, [{slopes}], #4",
        "vmov s4, s5, {a}, {b}",
        "vcvtb.f32.f16 s8, s4",
        "vcvtt.f32.f16 s9, s4",
        "vcvtb.f32.f16 s10, s5",
        "vcvtt.f32.f16 s11, s5"
    ], [
        "ldrh {a}, [{slopes}], #2",
        "vmov s4, {a}",
        "vcvtb.f32.f16 s8, s4"
    ]
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
