//! How much faster do two threads draw than one? Limit: twice. Threads share nothing but the
//! weights; what is lost is the wait for the last piece and the clock that falls when more cores
//! work.

use pushforward_benches::{Settings, Work, cases, criterion, time};

fn main() {
    let settings = Settings::from_arguments();
    // Its lines are ratios, which Criterion does not take; it is here for its command line.
    let criterion = criterion();
    if settings.idle {
        return criterion.final_summary();
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!(
        "\n{:26} {:>6} {:>12} {:>12} {:>8}",
        "sample", "rows", "1 thread, µs", "2, µs", "ratio"
    );
    if cores < 2 {
        println!("skipped: this machine has one core");
    }
    for case in cases() {
        let batch = 4096;
        if cores < 2 || !settings.wants(&format!("threads/{}", case.name)) {
            continue;
        }
        let mut jobs = [1, 2].map(|n| case.job(Work::Sample, batch, n));
        let mut best = [f64::INFINITY; 2];
        // In turn, so that a clock that drifts drifts for both.
        for _ in 0..4 {
            for (job, best) in jobs.iter_mut().zip(&mut best) {
                let timing = time(job, settings.seconds / 2.0);
                *best = best.min(timing.seconds_per_sample(job) * 1e6);
            }
        }
        let [one, two] = best;
        println!("{:26} {batch:6} {one:12.3} {two:12.3} {:8.2}", case.title, one / two);
    }
    criterion.final_summary();
}
