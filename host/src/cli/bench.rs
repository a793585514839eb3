//! `bench`: how fast a model is here, against the fused-multiply-add peak of the same run.

use std::path::PathBuf;

use serde_json::{Value as Json, json};

use crate::error::Result;
use crate::loaded::Loaded;
use crate::timing::{Job, Work, clock, time};

/// Seconds of each measurement.
const SECONDS: f64 = 0.25;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The model file.
    model: PathBuf,
    /// One JSON object on standard output.
    #[arg(long)]
    json: bool,
}

/// One measurement; rates are in units of 10⁹ a second.
struct Row {
    work: Work,
    batch: usize,
    threads: usize,
    ns_per_sample: f64,
    macs_per_sample: usize,
    gmacs_per_second: f64,
    /// Measured beside it, on as many threads.
    peak: f64,
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
    let peak = |threads| {
        let peaks = rows.iter().filter(|r| r.threads == threads).map(|r| r.peak);
        peaks.fold(0.0, f64::max)
    };
    let (peak, peak_all) = (peak(1), peak(threads));
    if args.json {
        let row = |r: &Row| {
            json!({ "work": r.work.name(), "batch": r.batch, "threads": r.threads, "ns_per_sample": r.ns_per_sample,
                    "macs_per_sample": r.macs_per_sample, "gmacs_per_second": r.gmacs_per_second,
                    "of_peak": r.gmacs_per_second / r.peak })
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
        text += &format!(
            "{:16} {:>6} {:>8} {:>14.1} {:>14.0} {:>10.2} {:>7.1}%\n",
            r.work.name(),
            r.batch,
            r.threads,
            r.ns_per_sample,
            1e9 / r.ns_per_sample,
            r.gmacs_per_second,
            100.0 * r.gmacs_per_second / r.peak
        );
    }
    super::print(&text)
}

fn measure(model: &Loaded, work: Work, batch: usize, threads: usize) -> Row {
    let mut job = Job::with_model(model, work, batch, threads);
    let timing = time(&mut job, SECONDS, &mut clock::wall());
    Row {
        work,
        batch,
        threads,
        ns_per_sample: timing.seconds_per_sample(&job) * 1e9,
        macs_per_sample: job.multiply_adds,
        gmacs_per_second: timing.multiply_adds_per_second(&job) / 1e9,
        peak: timing.peak / 1e9,
    }
}

/// Samples a second that a model draws on one thread, with log-probabilities, in batches of 1024.
pub(super) fn samples_per_second(model: &Loaded) -> f64 {
    1e9 / measure(model, Work::SampleWithLogProb, 1024, 1).ns_per_sample
}
