//! Cortex-M: start-up by `cortex-m-rt`, which paints the stack, and ticks of SysTick.

use core::arch::asm;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use cortex_m::peripheral::{Peripherals, SYST, syst::SystClkSource};
use cortex_m_rt::exception;

pub use cortex_m_rt::{STACK_PAINT_VALUE, entry};

/// SysTick counts 24 bits down; its interrupt counts the wraps.
const RELOAD: u32 = 0x00ff_ffff;
static WRAPS: AtomicU32 = AtomicU32::new(0);

#[exception]
fn SysTick() {
    // Not a fetch_add, which a Cortex-M0 has not; nothing else writes it.
    WRAPS.store(WRAPS.load(Relaxed).wrapping_add(1), Relaxed);
}

/// Starts the clock.
pub(crate) fn start_clock() {
    // SAFETY: no other code of these programs touches SysTick.
    let mut timer = unsafe { Peripherals::steal() }.SYST;
    timer.set_clock_source(SystClkSource::Core);
    timer.set_reload(RELOAD);
    timer.clear_current();
    timer.enable_interrupt();
    timer.enable_counter();
}

/// Ticks since the clock was started. A function of its own, whose entries a trace shows (`benches/cycles.awk`).
#[inline(never)]
pub(crate) fn ticks() -> u64 {
    loop {
        let wraps = WRAPS.load(Relaxed);
        let now = SYST::get_current();
        if WRAPS.load(Relaxed) == wraps {
            return u64::from(wraps) << 24 | u64::from(!now & RELOAD);
        }
    }
}

/// Asks the emulator or the debug probe for `operation` and returns its answer.
///
/// # Safety
/// `argument` is what the operation takes: a number, or the address of a block of words, which it may
/// write as it may what these point to.
pub(crate) unsafe fn semihosting_call(operation: usize, argument: usize) -> usize {
    let answer;
    // SAFETY: the caller's; the host changes no other register.
    unsafe {
        asm!("bkpt 0xab", inout("r0") operation => answer, inout("r1") argument => _, options(nostack));
    }
    answer
}

/// Addresses that the linker script defines.
pub(crate) mod linker {
    use core::cell::UnsafeCell;

    unsafe extern "C" {
        #[link_name = "_stack_end"]
        pub(crate) static STACK_BOTTOM: UnsafeCell<u32>;
        #[link_name = "_stack_start"]
        pub(crate) static STACK_TOP: UnsafeCell<u32>;
        #[link_name = "__vector_table"]
        pub(crate) static IMAGE: UnsafeCell<u32>;
    }
}
