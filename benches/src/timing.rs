//! The clock, and the peak that it is held against.

use std::hint::black_box;
use std::time::Instant;

use cpu_time::ProcessTime;
use pushforward::simd::{Kernel, Level, Simd, dispatch};

use crate::Job;

/// The best of many calls.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Seconds of a call.
    pub seconds: f64,
    /// CPU seconds of a call: less than `seconds` where other programs had the core.
    pub cpu_seconds: f64,
    /// Multiply-adds a second of one core, measured between the calls.
    pub peak: f64,
}

impl Timing {
    /// Microseconds a sample.
    pub fn microseconds(&self, job: &Job) -> f64 {
        self.seconds / job.batch as f64 * 1e6
    }

    /// The fraction of the peak that the job's multiply-adds reach.
    pub fn fraction(&self, job: &Job) -> f64 {
        let done = (job.multiply_adds * job.batch) as f64;
        done / (self.seconds * self.peak * job.threads as f64)
    }
}

/// Runs a job over and over for about this many seconds.
///
/// Short calls are timed in blocks of a fifth of a millisecond: long against the clock's own cost,
/// and short against the slices in which the system hands out a core.
pub fn time(job: &mut Job, seconds: f64) -> Timing {
    let start = Instant::now();
    job.run();
    let once = start.elapsed().as_secs_f64().max(1e-9);
    let block = (2e-4 / once).clamp(1.0, 1e5) as u32;
    let mut best = Timing { seconds: f64::INFINITY, cpu_seconds: f64::INFINITY, peak: 0.0 };
    let mut next_peak = 0.0;
    loop {
        let elapsed = start.elapsed().as_secs_f64();
        if elapsed >= next_peak {
            best.peak = best.peak.max(peak_multiply_adds());
            next_peak = elapsed + seconds / 8.0;
        }
        let (wall, cpu) = (Instant::now(), ProcessTime::now());
        for _ in 0..block {
            job.run();
        }
        let cpu = cpu.elapsed().as_secs_f64() / f64::from(block);
        best.cpu_seconds = best.cpu_seconds.min(cpu);
        best.seconds = best.seconds.min(wall.elapsed().as_secs_f64() / f64::from(block));
        if start.elapsed().as_secs_f64() > seconds {
            return best;
        }
    }
}

/// Multiply-adds in registers only, nothing loaded or stored: twelve independent chains fill two
/// pipes of latency four or five, and fit in the sixteen registers of AVX2.
struct Chains(u32);

impl Kernel for Chains {
    type Output = f32;
    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f32 {
        let mut c = [s.splat(1.0); 12];
        let (a, b) = (s.splat(black_box(0.999)), s.splat(black_box(0.001)));
        for _ in 0..self.0 {
            for c in &mut c {
                *c = s.mul_add(*c, a, b);
            }
        }
        let mut total = 0.0;
        for c in c {
            let mut out = S::array(0.0);
            s.store(c, &mut out);
            total += out.as_ref().iter().sum::<f32>();
        }
        total
    }
}

/// Fused multiply-adds a second that one core does from registers, at the widest level: the best
/// of several short runs.
pub fn peak_multiply_adds() -> f64 {
    let level = Level::best();
    let rounds = 50_000;
    let mut best = 0.0f64;
    for _ in 0..8 {
        let start = Instant::now();
        black_box(dispatch(level, Chains(rounds)));
        let seconds = start.elapsed().as_secs_f64();
        best = best.max(f64::from(rounds) * 12.0 * level.lanes() as f64 / seconds);
    }
    best
}
