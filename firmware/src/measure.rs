//! What a program costs: instructions, stack, flash and static memory.

use core::cell::UnsafeCell;
use core::hint::black_box;

use crate::arch::{self, STACK_PAINT_VALUE};
use crate::board::CLOCK;

/// What a board's clock counts.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// The name: `instructions` in an emulator, `cycles` on a chip.
    pub counts: &'static str,
    /// How many of them are in a tick, as numerator and denominator.
    pub per_tick: (u64, u64),
}

/// Counts the instructions, or on a chip the cycles, of pieces of code; start one per program.
pub struct Instructions {
    overhead: u64,
}

impl Instructions {
    /// Starts the clock and measures what measuring nothing costs.
    pub fn start() -> Self {
        arch::start_clock();
        let mut this = Self { overhead: 0 };
        this.overhead = this.count(|| ()).1;
        this
    }

    /// Runs `f` and counts its instructions, or cycles.
    ///
    /// Under an emulator with a fixed time per instruction the figure is the number of instructions
    /// executed, within those of a tick, plus about twenty for each 2^24 ticks of SysTick; it is not a
    /// cycle count.
    pub fn count<R>(&self, f: impl FnOnce() -> R) -> (R, u64) {
        let start = arch::ticks();
        let result = black_box(f());
        let end = arch::ticks();
        let (n, d) = CLOCK.per_tick;
        (result, (end.wrapping_sub(start).wrapping_mul(n) / d).saturating_sub(self.overhead))
    }
}

/// What the rows of a program took: the one that took least, and the one that took most.
#[derive(Clone, Copy, Debug)]
pub struct Counted {
    /// Of the one that took least.
    pub least: u64,
    /// Of the one that took most.
    pub most: u64,
}

impl Counted {
    /// Of no rows.
    pub const NONE: Self = Self { least: u64::MAX, most: 0 };

    /// Adds what a row took.
    pub fn add(&mut self, count: u64) {
        self.least = self.least.min(count);
        self.most = self.most.max(count);
    }
}

/// Addresses that the linker scripts of all cores define.
mod linker {
    use super::UnsafeCell;

    unsafe extern "C" {
        pub(super) static __etext: UnsafeCell<u32>;
        pub(super) static __srodata: UnsafeCell<u32>;
        pub(super) static __sidata: UnsafeCell<u32>;
        pub(super) static __sdata: UnsafeCell<u32>;
        pub(super) static __edata: UnsafeCell<u32>;
        pub(super) static __sheap: UnsafeCell<u32>;
    }
}

/// The deepest the stack has been, in bytes: how much of the paint that start-up laid over it is
/// gone.
pub fn stack_high_water() -> usize {
    let bottom = &raw const arch::linker::STACK_BOTTOM;
    let words = between(bottom, &raw const arch::linker::STACK_TOP) / size_of::<u32>();
    let untouched = (0..words)
        .find(|&i| {
            // SAFETY: the linker script puts this many readable words between the two symbols,
            // and a volatile read of memory in use as stack has no effect on it.
            let word = unsafe { core::ptr::read_volatile(bottom.cast::<u32>().wrapping_add(i)) };
            word != STACK_PAINT_VALUE
        })
        .unwrap_or(words);
    words.saturating_sub(untouched).saturating_mul(size_of::<u32>())
}

/// Bytes of flash in use: start-up, code, constants, and the initial values of variables.
pub fn flash_bytes() -> usize {
    let data = between(&raw const linker::__sdata, &raw const linker::__edata);
    // An ESP32-C3 sees code and constants at addresses far from each other, others one after the other.
    let image = if cfg!(pushforward_chip = "esp32c3") {
        let code = between(&raw const arch::linker::IMAGE, &raw const linker::__etext);
        code.saturating_add(between(&raw const linker::__srodata, &raw const linker::__sidata))
    } else {
        between(&raw const arch::linker::IMAGE, &raw const linker::__sidata)
    };
    image.saturating_add(data)
}

/// Bytes of static memory: variables, not the stack.
pub fn static_bytes() -> usize {
    between(&raw const linker::__sdata, &raw const linker::__sheap)
}

/// Bytes from one address to a later one.
fn between<T>(from: *const T, to: *const T) -> usize {
    (to as usize).saturating_sub(from as usize)
}
