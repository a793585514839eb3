//! What a program costs: instructions, stack, flash and static memory.

use core::cell::UnsafeCell;
use core::hint::black_box;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use cortex_m::peripheral::{Peripherals, SYST, syst::SystClkSource};
use cortex_m_rt::{STACK_PAINT_VALUE, exception};

use crate::board::INSTRUCTIONS_PER_TICK;

/// SysTick counts 24 bits down; its interrupt counts the wraps.
const RELOAD: u32 = 0x00ff_ffff;
static WRAPS: AtomicU32 = AtomicU32::new(0);

#[exception]
fn SysTick() {
    WRAPS.store(WRAPS.load(Relaxed).wrapping_add(1), Relaxed);
}

/// Counts the instructions of pieces of code; start one per program.
pub struct Instructions {
    overhead: u64,
}

impl Instructions {
    /// Starts SysTick and measures what measuring nothing costs.
    pub fn start() -> Self {
        // SAFETY: no other code of these programs touches SysTick.
        let mut timer = unsafe { Peripherals::steal() }.SYST;
        timer.set_clock_source(SystClkSource::Core);
        timer.set_reload(RELOAD);
        timer.clear_current();
        timer.enable_interrupt();
        timer.enable_counter();
        let mut this = Self { overhead: 0 };
        this.overhead = this.count(|| ()).1;
        this
    }

    /// Runs `f` and counts its instructions.
    ///
    /// The figure is the number of executed instructions under an emulator with a fixed time per
    /// instruction, within one, plus about twenty for each 2^24 ticks; it is not a cycle count.
    pub fn count<R>(&self, f: impl FnOnce() -> R) -> (R, u64) {
        let start = ticks();
        let result = black_box(f());
        let end = ticks();
        let (n, d) = INSTRUCTIONS_PER_TICK;
        (result, (end.wrapping_sub(start).wrapping_mul(n) / d).saturating_sub(self.overhead))
    }
}

fn ticks() -> u64 {
    loop {
        let wraps = WRAPS.load(Relaxed);
        let now = SYST::get_current();
        if WRAPS.load(Relaxed) == wraps {
            return u64::from(wraps) << 24 | u64::from(!now & RELOAD);
        }
    }
}

/// Addresses that the linker script defines.
mod linker {
    use super::UnsafeCell;

    unsafe extern "C" {
        pub(super) static _stack_end: UnsafeCell<u32>;
        pub(super) static _stack_start: UnsafeCell<u32>;
        pub(super) static __vector_table: UnsafeCell<u32>;
        pub(super) static __sidata: UnsafeCell<u32>;
        pub(super) static __sdata: UnsafeCell<u32>;
        pub(super) static __edata: UnsafeCell<u32>;
        pub(super) static __sheap: UnsafeCell<u32>;
    }
}

/// The deepest the stack has been, in bytes: how much of the paint that start-up laid over it is
/// gone.
pub fn stack_high_water() -> usize {
    let end = &raw const linker::_stack_end;
    let start = &raw const linker::_stack_start;
    let words = between(end, start) / size_of::<u32>();
    let untouched = (0..words)
        .find(|&i| {
            // SAFETY: the linker script puts this many readable words between the two symbols,
            // and a volatile read of memory in use as stack has no effect on it.
            let word = unsafe { core::ptr::read_volatile(end.cast::<u32>().wrapping_add(i)) };
            word != STACK_PAINT_VALUE
        })
        .unwrap_or(words);
    words.saturating_sub(untouched).saturating_mul(size_of::<u32>())
}

/// Bytes of flash in use: vectors, code, constants, and the initial values of variables.
pub fn flash_bytes() -> usize {
    let data = between(&raw const linker::__sdata, &raw const linker::__edata);
    between(&raw const linker::__vector_table, &raw const linker::__sidata).saturating_add(data)
}

/// Bytes of static memory: variables, not the stack.
pub fn static_bytes() -> usize {
    between(&raw const linker::__sdata, &raw const linker::__sheap)
}

/// Bytes from one address to a later one.
fn between<T>(from: *const T, to: *const T) -> usize {
    (to as usize).saturating_sub(from as usize)
}
