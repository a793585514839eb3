//! The dense panel of a Cortex-M with a single-precision FPU, on its fused multiply-add.
//!
//! `core` has no `f32::mul_add` on stable Rust, and the exact emulation of [`super::fma`] costs
//! hundreds of instructions in software `f64` here, so the fused arithmetic needs `VFMA.F32` by
//! hand. The compiler also rejects float operands of `asm!` on these targets, which is why each
//! block keeps its sums in registers of its own choice: it loads them once, streams weights and
//! inputs past them and stores them at the end. Weights are read in storage order, as a burst of
//! up to sixteen words, because flash and not the FPU is the limit.
//!
//! ```text
//! for k in 0..min(weights.len(), x.len())   // ascending: the order of the numeric contract
//!     for o in 0..W
//!         acc[o] = fma(weights[k][o], x[k], acc[o])
//! ```
//!
//! The bits are those of [`super::fma`], except that a NaN may carry another payload; the firmware
//! binary `selftest` compares the two through a pinned table. 16-bit weights are widened by the
//! FPU's own conversion, which is exact.

use core::arch::asm;

/// Adds the products of a panel and its inputs to `acc`, each with one rounding, in ascending
/// input order. Inputs without a row of weights, and rows without an input, are left out.
///
/// `W` = 16, 4 and 1 keep all sums in registers; any other width goes through memory.
#[inline(always)]
pub(crate) fn panel_fused<const W: usize>(weights: &[[f32; W]], x: &[f32], acc: &mut [f32; W]) {
    let n = weights.len().min(x.len());
    if n == 0 {
        return;
    }
    let (w, x_ptr, acc_ptr) = (weights.as_ptr().cast::<f32>(), x.as_ptr(), acc.as_mut_ptr());
    match W {
        // SAFETY: `w` starts n rows of W = 16 floats, `x_ptr` n ≥ 1 floats, `acc_ptr` 16 floats
        // that nothing else borrows.
        16 => unsafe { panel_16(w, x_ptr, acc_ptr, n) },
        // SAFETY: the same with W = 4.
        4 => unsafe { panel_4(w, x_ptr, acc_ptr, n) },
        // SAFETY: the same with W = 1.
        1 => unsafe { panel_1(w, x_ptr, acc_ptr, n) },
        _ => {
            for (row, &x) in weights.iter().zip(x) {
                for (a, &w) in acc.iter_mut().zip(row) {
                    *a = fma(w, x, *a);
                }
            }
        }
    }
}

/// Widens 16-bit weights to 32 bits, exactly, as many as both slices have.
#[inline(always)]
pub(crate) fn widen(from: &[half::f16], to: &mut [f32]) {
    let n = from.len().min(to.len());
    if n > 0 {
        // SAFETY: `from` has n ≥ 1 elements, `to` too, and they cannot overlap.
        unsafe { widen_run(from.as_ptr().cast(), to.as_mut_ptr(), n) }
    }
}

/// Eight weights at a time by `VCVTB` and `VCVTT`, then the rest one by one.
///
/// # Safety
/// `n ≥ 1`; `from` is valid for reads of `n` half-words, `to` for writes of `n` floats.
#[inline(never)]
unsafe fn widen_run(from: *const u16, to: *mut f32, n: usize) {
    // SAFETY: by this function's contract: the first loop takes 8 weights while at least 8 are
    // left, the second one while any is. `LDR` may be given an address that is not a multiple of
    // four (`VLDM` may not, hence the way through core registers). Every register is declared.
    unsafe {
        asm!(
            "subs {n}, {n}, #8",
            "blo 3f",
            "2:",
            "ldr {a}, [{from}], #4",
            "ldr {b}, [{from}], #4",
            "vmov s0, s1, {a}, {b}",
            "ldr {a}, [{from}], #4",
            "ldr {b}, [{from}], #4",
            "vmov s2, s3, {a}, {b}",
            "vcvtb.f32.f16 s8, s0",
            "vcvtt.f32.f16 s9, s0",
            "vcvtb.f32.f16 s10, s1",
            "vcvtt.f32.f16 s11, s1",
            "vcvtb.f32.f16 s12, s2",
            "vcvtt.f32.f16 s13, s2",
            "vcvtb.f32.f16 s14, s3",
            "vcvtt.f32.f16 s15, s3",
            "vstmia {to}!, {{s8-s15}}",
            "subs {n}, {n}, #8",
            "bhs 2b",
            "3:",
            "adds {n}, {n}, #8",
            "beq 5f",
            "4:",
            "ldrh {a}, [{from}], #2",
            "vmov s0, {a}",
            "vcvtb.f32.f16 s8, s0",
            "vstmia {to}!, {{s8}}",
            "subs {n}, {n}, #1",
            "bne 4b",
            "5:",
            from = inout(reg) from => _,
            to = inout(reg) to => _,
            n = inout(reg) n => _,
            a = out(reg) _,
            b = out(reg) _,
            out("s0") _, out("s1") _, out("s2") _, out("s3") _,
            out("s8") _, out("s9") _, out("s10") _, out("s11") _,
            out("s12") _, out("s13") _, out("s14") _, out("s15") _,
            options(nostack),
        );
    }
}

/// `a · b + c` with one rounding, by one `VFMA.F32`.
#[inline(always)]
pub(crate) fn fma(a: f32, b: f32, c: f32) -> f32 {
    let mut bits = c.to_bits();
    // SAFETY: works on registers only; the ABI (`eabihf`) says that the FPU is there and enabled,
    // and the three float registers are declared as clobbered.
    unsafe {
        asm!(
            "vmov s0, {c}",
            "vmov s1, s2, {a}, {b}",
            "vfma.f32 s0, s1, s2",
            "vmov {c}, s0",
            a = in(reg) a.to_bits(),
            b = in(reg) b.to_bits(),
            c = inout(reg) bits,
            out("s0") _, out("s1") _, out("s2") _,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    f32::from_bits(bits)
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

/// Sixteen sums in s0–s15, half a row of weights in s16–s23, the input in s24.
///
/// # Safety
/// `n ≥ 1`; `w` is valid for reads of `16 n` floats, `x` for `n`, and `acc` for reads and writes
/// of 16.
#[inline(never)]
unsafe fn panel_16(w: *const f32, x: *const f32, acc: *mut f32, n: usize) {
    // SAFETY: by this function's contract: the loop runs n times and moves `w` by 16 and `x` by
    // one float each time, so all reads are inside; every register it changes is declared.
    unsafe {
        asm!(
            "vldmia {acc}, {{s0-s15}}",
            "2:",
            "vldmia {x}!, {{s24}}",
            "vldmia {w}!, {{s16-s23}}",
            "vfma.f32 s0, s16, s24",
            "vfma.f32 s1, s17, s24",
            "vfma.f32 s2, s18, s24",
            "vfma.f32 s3, s19, s24",
            "vfma.f32 s4, s20, s24",
            "vfma.f32 s5, s21, s24",
            "vfma.f32 s6, s22, s24",
            "vfma.f32 s7, s23, s24",
            "vldmia {w}!, {{s16-s23}}",
            "vfma.f32 s8, s16, s24",
            "vfma.f32 s9, s17, s24",
            "vfma.f32 s10, s18, s24",
            "vfma.f32 s11, s19, s24",
            "vfma.f32 s12, s20, s24",
            "vfma.f32 s13, s21, s24",
            "vfma.f32 s14, s22, s24",
            "vfma.f32 s15, s23, s24",
            "subs {n}, {n}, #1",
            "bne 2b",
            "vstmia {acc}, {{s0-s15}}",
            acc = in(reg) acc,
            w = inout(reg) w => _,
            x = inout(reg) x => _,
            n = inout(reg) n => _,
            out("s0") _, out("s1") _, out("s2") _, out("s3") _,
            out("s4") _, out("s5") _, out("s6") _, out("s7") _,
            out("s8") _, out("s9") _, out("s10") _, out("s11") _,
            out("s12") _, out("s13") _, out("s14") _, out("s15") _,
            out("s16") _, out("s17") _, out("s18") _, out("s19") _,
            out("s20") _, out("s21") _, out("s22") _, out("s23") _,
            out("s24") _,
            options(nostack),
        );
    }
}

/// Four sums in s0–s3; four rows of weights in s8–s23 and their inputs in s4–s7 at a time, then
/// the rest row by row.
///
/// # Safety
/// `n ≥ 1`; `w` is valid for reads of `4 n` floats, `x` for `n`, and `acc` for reads and writes
/// of 4.
#[inline(never)]
unsafe fn panel_4(w: *const f32, x: *const f32, acc: *mut f32, n: usize) {
    // SAFETY: by this function's contract: the first loop takes 4 rows while at least 4 are left,
    // the second one row while any is, so all reads are inside; every register is declared.
    unsafe {
        asm!(
            "vldmia {acc}, {{s0-s3}}",
            "subs {n}, {n}, #4",
            "blo 3f",
            "2:",
            "vldmia {x}!, {{s4-s7}}",
            "vldmia {w}!, {{s8-s23}}",
            "vfma.f32 s0, s8, s4",
            "vfma.f32 s1, s9, s4",
            "vfma.f32 s2, s10, s4",
            "vfma.f32 s3, s11, s4",
            "vfma.f32 s0, s12, s5",
            "vfma.f32 s1, s13, s5",
            "vfma.f32 s2, s14, s5",
            "vfma.f32 s3, s15, s5",
            "vfma.f32 s0, s16, s6",
            "vfma.f32 s1, s17, s6",
            "vfma.f32 s2, s18, s6",
            "vfma.f32 s3, s19, s6",
            "vfma.f32 s0, s20, s7",
            "vfma.f32 s1, s21, s7",
            "vfma.f32 s2, s22, s7",
            "vfma.f32 s3, s23, s7",
            "subs {n}, {n}, #4",
            "bhs 2b",
            "3:",
            "adds {n}, {n}, #4",
            "beq 5f",
            "4:",
            "vldmia {x}!, {{s4}}",
            "vldmia {w}!, {{s8-s11}}",
            "vfma.f32 s0, s8, s4",
            "vfma.f32 s1, s9, s4",
            "vfma.f32 s2, s10, s4",
            "vfma.f32 s3, s11, s4",
            "subs {n}, {n}, #1",
            "bne 4b",
            "5:",
            "vstmia {acc}, {{s0-s3}}",
            acc = in(reg) acc,
            w = inout(reg) w => _,
            x = inout(reg) x => _,
            n = inout(reg) n => _,
            out("s0") _, out("s1") _, out("s2") _, out("s3") _,
            out("s4") _, out("s5") _, out("s6") _, out("s7") _,
            out("s8") _, out("s9") _, out("s10") _, out("s11") _,
            out("s12") _, out("s13") _, out("s14") _, out("s15") _,
            out("s16") _, out("s17") _, out("s18") _, out("s19") _,
            out("s20") _, out("s21") _, out("s22") _, out("s23") _,
            options(nostack),
        );
    }
}

/// One sum in s0; eight weights in s16–s23 and their inputs in s8–s15 at a time, then the rest
/// one by one.
///
/// # Safety
/// `n ≥ 1`; `w` and `x` are valid for reads of `n` floats, and `acc` for reads and writes of one.
#[inline(never)]
unsafe fn panel_1(w: *const f32, x: *const f32, acc: *mut f32, n: usize) {
    // SAFETY: by this function's contract: the first loop takes 8 products while at least 8 are
    // left, the second one while any is, so all reads are inside; every register is declared.
    unsafe {
        asm!(
            "vldmia {acc}, {{s0}}",
            "subs {n}, {n}, #8",
            "blo 3f",
            "2:",
            "vldmia {x}!, {{s8-s15}}",
            "vldmia {w}!, {{s16-s23}}",
            "vfma.f32 s0, s16, s8",
            "vfma.f32 s0, s17, s9",
            "vfma.f32 s0, s18, s10",
            "vfma.f32 s0, s19, s11",
            "vfma.f32 s0, s20, s12",
            "vfma.f32 s0, s21, s13",
            "vfma.f32 s0, s22, s14",
            "vfma.f32 s0, s23, s15",
            "subs {n}, {n}, #8",
            "bhs 2b",
            "3:",
            "adds {n}, {n}, #8",
            "beq 5f",
            "4:",
            "vldmia {x}!, {{s8}}",
            "vldmia {w}!, {{s16}}",
            "vfma.f32 s0, s16, s8",
            "subs {n}, {n}, #1",
            "bne 4b",
            "5:",
            "vstmia {acc}, {{s0}}",
            acc = in(reg) acc,
            w = inout(reg) w => _,
            x = inout(reg) x => _,
            n = inout(reg) n => _,
            out("s0") _,
            out("s8") _, out("s9") _, out("s10") _, out("s11") _,
            out("s12") _, out("s13") _, out("s14") _, out("s15") _,
            out("s16") _, out("s17") _, out("s18") _, out("s19") _,
            out("s20") _, out("s21") _, out("s22") _, out("s23") _,
            options(nostack),
        );
    }
}
