//! RISC-V: start-up by `riscv-rt`, and ticks of the register `time`.

use core::arch::asm;
use core::ptr;

pub use riscv_rt::entry;

/// What the unused stack is filled with before `main`.
pub const STACK_PAINT_VALUE: u32 = 0xcccc_cccc;

/// Paints the stack below the caller's.
#[riscv_rt::post_init]
fn paint(_hart: usize) {
    let top: *mut u32;
    // SAFETY: copies a register.
    unsafe { asm!("mv {}, sp", out(reg) top, options(nomem, nostack, preserves_flags)) };
    let mut word = (&raw const linker::STACK_BOTTOM).cast::<u32>().cast_mut();
    while word < top {
        // SAFETY: from the end of all variables to the stack pointer nothing is in use, and no
        // interrupt, which would use it, is enabled yet. Volatile, so that no `memset` with a frame
        // of its own takes the loop's place.
        unsafe { ptr::write_volatile(word, STACK_PAINT_VALUE) };
        word = word.wrapping_add(1);
    }
}

#[cfg(not(pushforward_chip = "esp32c3"))]
mod clock {
    /// Starts the clock, which runs since reset.
    pub(crate) fn start_clock() {}

    /// Ticks of the clock. A function of its own, whose entries a trace shows (`benches/cycles.awk`).
    #[inline(never)]
    pub(crate) fn ticks() -> u64 {
        riscv::register::time::read64()
    }
}

/// An ESP32-C3 has no `time`, and a counter of its own: of cycles, of 32 bits.
#[cfg(pushforward_chip = "esp32c3")]
mod clock {
    use core::arch::asm;
    use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

    /// The last count, and how often it has begun anew.
    static LAST: AtomicU32 = AtomicU32::new(0);
    static WRAPS: AtomicU32 = AtomicU32::new(0);

    /// Starts the clock.
    pub(crate) fn start_clock() {
        // SAFETY: says what is counted, and that it is.
        unsafe { asm!("csrwi 0x7e0, 1", "csrwi 0x7e1, 1", options(nomem, nostack)) };
    }

    /// Cycles since the clock was started, if it is read before they are 2^32 more.
    pub(crate) fn ticks() -> u64 {
        let now: u32;
        // SAFETY: reads the counter.
        unsafe { asm!("csrr {}, 0x7e2", out(reg) now, options(nomem, nostack)) };
        let wraps = WRAPS.load(Relaxed).wrapping_add(u32::from(now < LAST.load(Relaxed)));
        WRAPS.store(wraps, Relaxed);
        LAST.store(now, Relaxed);
        u64::from(wraps) << 32 | u64::from(now)
    }
}

pub(crate) use clock::{start_clock, ticks};

/// Asks the emulator or the debug probe for `operation` and returns its answer.
///
/// # Safety
/// `argument` is what the operation takes: a number, or the address of a block of words, which it may
/// write as it may what these point to.
pub(crate) unsafe fn semihosting_call(operation: usize, argument: usize) -> usize {
    let answer;
    // SAFETY: the caller's; the host changes no other register. The three instructions, uncompressed
    // and on one page, are how it tells this `ebreak` from another.
    unsafe {
        asm!(
            ".balign 16",
            ".option push",
            ".option norvc",
            "slli zero, zero, 0x1f",
            "ebreak",
            "srai zero, zero, 7",
            ".option pop",
            inout("a0") operation => answer,
            inout("a1") argument => _,
            options(nostack),
        );
    }
    answer
}

/// Addresses that the linker script defines.
pub(crate) mod linker {
    use core::cell::UnsafeCell;

    unsafe extern "C" {
        #[link_name = "__estack"]
        pub(crate) static STACK_BOTTOM: UnsafeCell<u32>;
        #[link_name = "_stack_start"]
        pub(crate) static STACK_TOP: UnsafeCell<u32>;
        #[link_name = "__stext"]
        pub(crate) static IMAGE: UnsafeCell<u32>;
    }
}
