//! The one clock: the shortest time of a call.
//!
//! Other programs and a falling clock rate only ever make a call longer, so that the shortest of
//! many blocks of calls is nearest to what the work takes. A block is long against the reading of a
//! clock, and its length is found by running the work, so that the first calls, which find cold
//! caches and untouched memory, are in no measurement.
//!
//! Clocks are functions that return seconds since some moment; several can be read together, and
//! the first decides how long a measurement goes on. This file needs `std` only: the program that
//! `demo` compiles contains it.

use std::time::Instant;

/// Seconds that a block of calls takes at least: long against the reading of a clock (30 ns), short
/// against the slices in which a system hands out a core (milliseconds).
pub const BLOCK: f64 = 2e-4;

/// The clock on the wall.
pub fn wall() -> impl FnMut() -> [f64; 1] {
    let start = Instant::now();
    move || [start.elapsed().as_secs_f64()]
}

/// How many calls make a block of `seconds` or more: `work(calls)` makes that many.
pub fn calls_in<const N: usize>(
    seconds: f64,
    now: &mut impl FnMut() -> [f64; N],
    work: &mut (impl FnMut(u32) + ?Sized),
) -> u32 {
    let mut calls = 1;
    loop {
        let start = now();
        work(calls);
        if now()[0] - start[0] >= seconds || calls >= 1 << 30 {
            return calls;
        }
        calls *= 2;
    }
}

/// Seconds of one call by each clock: the shortest of the blocks of `calls` calls that fit in
/// `seconds`, of which there is one at least.
pub fn shortest<const N: usize>(
    calls: u32,
    seconds: f64,
    now: &mut impl FnMut() -> [f64; N],
    work: &mut (impl FnMut(u32) + ?Sized),
) -> [f64; N] {
    let mut best = [f64::INFINITY; N];
    let first = now();
    loop {
        let start = now();
        work(calls);
        let end = now();
        for ((best, start), end) in best.iter_mut().zip(start).zip(end) {
            *best = best.min((end - start) / f64::from(calls));
        }
        if end[0] - first[0] >= seconds {
            return best;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// A clock that only moves when it is read, by 30 ns, and when work is done.
    fn measured(call: f64, first_call: f64) -> f64 {
        let time = Cell::new(5.0);
        let after = |seconds: f64| {
            time.set(time.get() + seconds);
            time.get()
        };
        let mut now = || [after(30e-9)];
        let mut made = 0u64;
        let mut work = |calls: u32| {
            for _ in 0..calls {
                after(if made == 0 { first_call } else { call });
                made += 1;
            }
        };
        let calls = calls_in(BLOCK, &mut now, &mut work);
        let [seconds] = shortest(calls, 0.05, &mut now, &mut work);
        seconds
    }

    #[test]
    fn a_job_of_known_length_takes_that_long() {
        for call in [40e-9, 1e-6, 33e-6, 5e-4, 0.03, 2.0] {
            for first_call in [call, 20.0 * call] {
                let found = measured(call, first_call);
                assert!((found / call - 1.0).abs() < 1e-3, "{found} for {call}");
            }
        }
    }

    #[test]
    fn a_job_of_known_length_takes_that_long_by_the_clock_on_the_wall() {
        const CALL: f64 = 1e-3;
        let mut work = |calls: u32| {
            for _ in 0..calls {
                let start = Instant::now();
                while start.elapsed().as_secs_f64() < CALL {}
            }
        };
        let calls = calls_in(BLOCK, &mut wall(), &mut work);
        let [seconds] = shortest(calls, 0.1, &mut wall(), &mut work);
        // The shortest of a hundred: what else runs here does not show.
        assert!((CALL..1.2 * CALL).contains(&seconds), "{seconds}");
    }
}
