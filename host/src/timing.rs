//! How long a piece of work takes, and how near it comes to the machine's multiply-add peak.
//!
//! `bench`, `demo` and the benchmarks share this clock and this meter. A time alone says little
//! about a machine whose clock drifts, so [`time`] measures the peak between the calls, on as many
//! threads, and keeps the best of each.

use std::hint::black_box;

use pushforward::domain::Element;
use pushforward::simd::{Kernel, Level, Simd, dispatch};
use rayon::prelude::*;

use crate::loaded::{Loaded, Value};

pub mod clock;

/// What is done with a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Draw.
    Sample,
    /// Draw, with log-probabilities.
    SampleWithLogProb,
    /// Score.
    LogProb,
}

impl Work {
    /// All of it.
    pub const ALL: [Work; 3] = [Work::Sample, Work::SampleWithLogProb, Work::LogProb];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Work::Sample => "sample",
            Work::SampleWithLogProb => "sample+log_prob",
            Work::LogProb => "log_prob",
        }
    }
}

/// Something to be timed.
pub struct Job<'a> {
    /// Samples, or rows, of one call, of all threads together.
    pub samples: usize,
    /// Multiply-adds of one of them.
    pub multiply_adds: usize,
    /// Threads that share the work.
    pub threads: usize,
    calls: Box<dyn FnMut(u32) + 'a>,
}

impl<'a> Job<'a> {
    /// A job whose `call` is made by one thread or shares itself out among `threads`.
    pub fn new(
        samples: usize,
        multiply_adds: usize,
        threads: usize,
        mut call: impl FnMut() + 'a,
    ) -> Job<'a> {
        let calls = Box::new(move |calls| (0..calls).for_each(|_| call()));
        Job { samples, multiply_adds, threads, calls }
    }

    /// A job of which each of `threads` threads makes every call on a state of its own, for
    /// `samples` samples. What `prepare` does to make the states is not timed.
    pub fn on_each_thread<T: Send + 'a>(
        samples: usize,
        multiply_adds: usize,
        threads: usize,
        prepare: impl FnMut(usize) -> T,
        call: impl Fn(&mut T) + Sync + 'a,
    ) -> Job<'a> {
        let mut states: Vec<T> = (0..threads).map(prepare).collect();
        let calls = Box::new(move |calls| {
            let all = |state: &mut T| (0..calls).for_each(|_| call(state));
            match &mut states[..] {
                [state] => all(state),
                states => states.par_iter_mut().with_max_len(1).for_each(all),
            }
        });
        Job { samples: samples * threads, multiply_adds, threads, calls }
    }

    /// A batch of rows drawn or scored by each of `threads` threads.
    pub fn with_model(model: &'a Loaded, work: Work, batch: usize, threads: usize) -> Job<'a> {
        match model.domain().element() {
            Element::F32 => Self::with_rows::<f32>(model, work, batch, threads),
            Element::I8 => Self::with_rows::<i8>(model, work, batch, threads),
            Element::U8 => Self::with_rows::<u8>(model, work, batch, threads),
            Element::U16 => Self::with_rows::<u16>(model, work, batch, threads),
        }
    }

    fn with_rows<V: Value>(model: &'a Loaded, work: Work, batch: usize, threads: usize) -> Job<'a> {
        let (sampler, description) = (model.sampler(), model.model.description());
        let contexts = model.contexts(0, batch);
        let first = contexts.clone();
        let passes = if work == Work::Sample { 1 } else { description.passes() };
        let prepare = |thread: usize| {
            let mut rows = vec![V::default(); batch * model.dim()];
            sampler.given(&first).sample(thread as u64, 0, &mut rows, None);
            (thread as u64, 0u64, rows, vec![0.0f32; batch])
        };
        let call = move |(seed, first, rows, log_prob): &mut (u64, u64, Vec<V>, Vec<f32>)| {
            let given = sampler.given(&contexts);
            match work {
                Work::Sample => given.sample(*seed, *first, rows, None),
                Work::SampleWithLogProb => given.sample(*seed, *first, rows, Some(log_prob)),
                Work::LogProb => given.log_prob(rows, log_prob),
            }
            *first += batch as u64;
            black_box((rows, log_prob));
        };
        let multiply_adds = description.multiply_adds() * passes;
        Self::on_each_thread(batch, multiply_adds, threads, prepare, call)
    }

    /// Does it once.
    pub fn run(&mut self) {
        (self.calls)(1);
    }
}

/// The best of many calls, by each of the clocks that were read.
#[derive(Clone, Copy, Debug)]
pub struct Timing<const N: usize> {
    /// Seconds of a call.
    pub seconds: [f64; N],
    /// Multiply-adds a second of as many threads as the job has, measured between the calls.
    pub peak: f64,
}

impl<const N: usize> Timing<N> {
    /// Seconds a sample, by the first clock.
    pub fn seconds_per_sample(&self, job: &Job) -> f64 {
        self.seconds[0] / job.samples as f64
    }

    /// Multiply-adds a second, by the first clock.
    pub fn multiply_adds_per_second(&self, job: &Job) -> f64 {
        job.multiply_adds as f64 / self.seconds_per_sample(job)
    }

    /// The fraction of the peak that the job's multiply-adds reach.
    pub fn fraction(&self, job: &Job) -> f64 {
        self.multiply_adds_per_second(job) / self.peak
    }
}

/// Runs a job over and over for about this many seconds, in eight parts with the peak before each.
pub fn time<const N: usize>(
    job: &mut Job,
    seconds: f64,
    now: &mut impl FnMut() -> [f64; N],
) -> Timing<N> {
    let calls = clock::calls_in(block(job.threads), now, &mut job.calls);
    let mut best = Timing { seconds: [f64::INFINITY; N], peak: 0.0 };
    let start = now();
    loop {
        best.peak = best.peak.max(peak_multiply_adds(job.threads));
        let found = clock::shortest(calls, seconds / 8.0, now, &mut job.calls);
        best.seconds.iter_mut().zip(found).for_each(|(best, found)| *best = best.min(found));
        if now()[0] - start[0] >= seconds {
            return best;
        }
    }
}

/// Seconds of a block: threads take some ten microseconds to start and to meet.
fn block(threads: usize) -> f64 {
    if threads == 1 { clock::BLOCK } else { 25.0 * clock::BLOCK }
}

/// Multiply-adds in registers only, nothing loaded or stored: twelve independent chains fill two
/// pipes of latency four or five, and fit in the sixteen registers of AVX2.
struct Chains;

/// Multiply-adds of a chain.
const ROUNDS: usize = 50_000;
const CHAINS: usize = 12;

impl Kernel for Chains {
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f32 {
        let (a, b) = (s.splat(black_box(0.999)), s.splat(black_box(0.001)));
        let mut chains = [s.splat(1.0); CHAINS];
        for _ in 0..ROUNDS {
            for x in &mut chains {
                *x = s.mul_add(*x, a, b);
            }
        }
        let mut out = S::array(0.0);
        s.store(chains.into_iter().fold(s.splat(0.0), |sum, x| s.add(sum, x)), &mut out);
        out.as_ref().iter().sum()
    }
}

/// Fused multiply-adds a second that `threads` threads together do from registers, at the widest
/// level.
pub fn peak_multiply_adds(threads: usize) -> f64 {
    let level = Level::best();
    let run = |_: &mut ()| {
        black_box(dispatch(level, Chains));
    };
    let mut job = Job::on_each_thread(ROUNDS * CHAINS * level.lanes(), 1, threads, |_| (), run);
    let calls = clock::calls_in(block(threads), &mut clock::wall(), &mut job.calls);
    let seconds = 4.0 * block(threads);
    let [call] = clock::shortest(calls, seconds, &mut clock::wall(), &mut job.calls);
    job.samples as f64 / call
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// A clock that only moves when work is done.
    #[test]
    fn what_prepares_a_job_is_not_timed() {
        let nanoseconds = AtomicU64::new(0);
        let pass = |n: u64| {
            nanoseconds.fetch_add(n, Ordering::Relaxed);
        };
        // Two calls fit in a measurement: a warm-up in it would take half as long again.
        let call = 30_000_000;
        let prepare = |_| pass(call);
        let mut job = Job::on_each_thread(1024, 10, 1, prepare, |()| pass(call));
        let mut now = || [nanoseconds.load(Ordering::Relaxed) as f64 * 1e-9];
        let timing = time(&mut job, 0.06, &mut now);
        assert!((timing.seconds[0] - 0.03).abs() < 1e-9, "{timing:?}");
        assert!((timing.seconds_per_sample(&job) * 1024.0 - 0.03).abs() < 1e-9);
        let rate = 10.0 * 1024.0 / 0.03;
        assert!((timing.multiply_adds_per_second(&job) / rate - 1.0).abs() < 1e-6);
        assert!((timing.fraction(&job) * timing.peak / rate - 1.0).abs() < 1e-6);
    }

    #[test]
    fn every_thread_makes_every_call() {
        let made = [const { AtomicU64::new(0) }; 3];
        let call = |thread: &mut usize| {
            made[*thread].fetch_add(1, Ordering::Relaxed);
        };
        let mut job = Job::on_each_thread(5, 1, 3, |thread| thread, call);
        assert_eq!(job.samples, 15);
        (job.calls)(7);
        drop(job);
        assert_eq!(made.map(AtomicU64::into_inner), [7; 3]);

        let (alone, mut job_calls) = (Cell::new(0), 0);
        let mut job = Job::new(5, 1, 3, || alone.set(alone.get() + 1));
        assert_eq!(job.samples, 5);
        for _ in 0..4 {
            job.run();
            job_calls += 1;
        }
        assert_eq!(alone.get(), job_calls);
    }
}
