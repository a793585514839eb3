//! How long does a log-probability take? Limit: as for sampling, which reads the same weights.

use criterion::{BenchmarkId, Throughput};
use pushforward_benches::{Work, cases, criterion, report};

fn main() {
    let batches = [1, 64, 1024];
    let mut criterion = criterion();
    for case in cases() {
        let mut group = criterion.benchmark_group(format!("log_prob/{}", case.name));
        for batch in batches {
            let mut job = case.job(Work::LogProb, batch, 1);
            group.throughput(Throughput::Elements(batch as u64));
            group.bench_function(BenchmarkId::from_parameter(batch), |b| b.iter(|| job.run()));
        }
    }
    report(&[Work::LogProb], &batches, |_| true);
    criterion.final_summary();
}
