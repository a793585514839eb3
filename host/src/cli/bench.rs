//! `bench`: how fast a model is here, against the fused-multiply-add peak of the same run.

use std::hint::black_box;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use pushforward::simd::{Kernel, Level, Simd, dispatch};
use rayon::prelude::*;
use serde_json::{Value as Json, json};

use crate::error::Result;
use crate::loaded::{Loaded, Value};

/// Measured for at least this long, three times; the fastest counts.
const TIME: Duration = Duration::from_millis(60);
const REPEATS: usize = 3;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The model file.
    model: PathBuf,
    /// One JSON object on standard output.
    #[arg(long)]
    json: bool,
}

/// One measurement.
struct Row {
    work: Work,
    batch: usize,
    threads: usize,
    ns_per_sample: f64,
    macs_per_sample: u64,
}

#[derive(Clone, Copy, PartialEq)]
enum Work {
    Sample,
    SampleWithLogProb,
    LogProb,
}

impl Work {
    const ALL: [Work; 3] = [Work::Sample, Work::SampleWithLogProb, Work::LogProb];

    fn name(self) -> &'static str {
        match self {
            Work::Sample => "sample",
            Work::SampleWithLogProb => "sample+log_prob",
            Work::LogProb => "log_prob",
        }
    }
}

pub(super) fn run(args: &Args) -> Result<()> {
    let model = Loaded::open(&args.model, None)?;
    let threads = rayon::current_num_threads();
    let mut rows = Vec::new();
    for work in Work::ALL {
        for batch in [1, 1024] {
            for threads in if threads > 1 { vec![1, threads] } else { vec![1] } {
                super::stop_if_interrupted()?;
                rows.push(measure(&model, work, batch, threads));
            }
        }
    }
    let (peak, peak_all) = (peak(1), peak(threads));
    if args.json {
        let row = |r: &Row| {
            json!({ "work": r.work.name(), "batch": r.batch, "threads": r.threads, "ns_per_sample": r.ns_per_sample,
                    "macs_per_sample": r.macs_per_sample, "gmacs_per_second": r.gmacs_per_second() })
        };
        return super::print_json(&json!({
            "rows": rows.iter().map(row).collect::<Vec<Json>>(),
            "peak_gmacs_per_second": peak,
            "peak_gmacs_per_second_all_threads": peak_all,
            "simd": model.sampler().level().name(),
            "threads": threads,
        }));
    }
    let mut text = format!(
        "simd {}, multiply-add peak {peak:.1} G/s on one thread, {peak_all:.1} G/s on {threads}\n\
         {:16} {:>6} {:>8} {:>14} {:>14} {:>10} {:>8}\n",
        model.sampler().level().name(),
        "work",
        "batch",
        "threads",
        "ns/sample",
        "samples/s",
        "G macs/s",
        "of peak"
    );
    for r in &rows {
        let peak = if r.threads == 1 { peak } else { peak_all };
        text += &format!(
            "{:16} {:>6} {:>8} {:>14.1} {:>14.0} {:>10.2} {:>7.1}%\n",
            r.work.name(),
            r.batch,
            r.threads,
            r.ns_per_sample,
            1e9 / r.ns_per_sample,
            r.gmacs_per_second(),
            100.0 * r.gmacs_per_second() / peak
        );
    }
    super::print(&text)
}

impl Row {
    fn gmacs_per_second(&self) -> f64 {
        self.macs_per_sample as f64 / self.ns_per_sample
    }
}

fn measure(model: &Loaded, work: Work, batch: usize, threads: usize) -> Row {
    let ns_per_sample = if model.spins() {
        time::<i8>(model, work, batch, threads)
    } else {
        time::<f32>(model, work, batch, threads)
    };
    let architecture = model.model.architecture();
    let passes = if work == Work::Sample { 1 } else { architecture.passes() };
    let macs_per_sample = (architecture.multiply_adds() * passes) as u64;
    Row { work, batch, threads, ns_per_sample, macs_per_sample }
}

/// Samples a second that a model draws on one thread, with log-probabilities, in batches of 1024.
pub(super) fn samples_per_second(model: &Loaded) -> f64 {
    1e9 / measure(model, Work::SampleWithLogProb, 1024, 1).ns_per_sample
}

fn time<V: Value>(model: &Loaded, work: Work, batch: usize, threads: usize) -> f64 {
    let sampler = model.sampler();
    let job = |thread: usize, calls: u64| {
        let (mut rows, mut log_prob) = (vec![V::default(); batch * model.dim()], vec![0.0; batch]);
        sampler.sample(thread as u64, 0, &mut rows, None);
        for call in 0..calls {
            let first = call * batch as u64;
            match work {
                Work::Sample => sampler.sample(1, first, &mut rows, None),
                Work::SampleWithLogProb => sampler.sample(1, first, &mut rows, Some(&mut log_prob)),
                Work::LogProb => sampler.log_prob(&rows, &mut log_prob),
            }
            black_box((&rows, &log_prob));
        }
    };
    let samples = (batch * threads) as f64;
    fastest(threads, &job) / samples
}

/// Nanoseconds of one call of `job(thread, calls)` on each of `threads` threads at once.
fn fastest(threads: usize, job: &(impl Fn(usize, u64) + Sync)) -> f64 {
    let round = |calls: u64| {
        let start = Instant::now();
        match threads {
            1 => job(0, calls),
            _ => (0..threads).into_par_iter().with_max_len(1).for_each(|t| job(t, calls)),
        }
        start.elapsed()
    };
    let mut calls = 1;
    while round(calls) < TIME && calls < 1 << 40 {
        calls *= 2;
    }
    let times = (0..REPEATS).map(|_| round(calls).as_secs_f64());
    times.fold(f64::INFINITY, f64::min) * 1e9 / calls as f64
}

/// Multiply-adds of one peak call and lane.
const PEAK_STEPS: usize = 1 << 14;
/// Independent accumulators: enough to fill two pipes of latency four or five, and they fit in the
/// sixteen registers of AVX2.
const ACCUMULATORS: usize = 12;

/// Multiply-adds in registers only, nothing loaded or stored.
struct Peak {
    calls: u64,
}

impl Kernel for Peak {
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f32 {
        let (a, b) = (s.splat(black_box(0.999)), s.splat(black_box(0.001)));
        let mut x = [s.splat(black_box(1.0)); ACCUMULATORS];
        for _ in 0..self.calls {
            for _ in 0..PEAK_STEPS {
                x = x.map(|x| s.mul_add(x, a, b));
            }
        }
        let sum = x.into_iter().fold(s.splat(0.0), |sum, x| s.add(sum, x));
        let mut out = [0.0; 64];
        if let Some(first) = S::chunks_mut(&mut out).0.first_mut() {
            s.store(sum, first);
        }
        out.iter().sum()
    }
}

/// Multiply-adds a second, in units of 10⁹, of `threads` threads at the widest level.
fn peak(threads: usize) -> f64 {
    let job = |_, calls| {
        black_box(dispatch(Level::best(), Peak { calls }));
    };
    (PEAK_STEPS * ACCUMULATORS * Level::best().lanes() * threads) as f64 / fastest(threads, &job)
}
