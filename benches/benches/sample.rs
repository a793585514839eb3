//! How long does a sample take? Limit: the fused-multiply-add peak (batch) or one pass over the
//! weights (batch 1).

use criterion::{BenchmarkId, Throughput};
use pushforward_benches::{Work, cases, criterion, report};

fn main() {
    let (works, batches) = ([Work::Sample, Work::SampleWithLogProb], [1, 64, 1024]);
    let mut criterion = criterion();
    for work in works {
        for case in cases() {
            let mut group = criterion.benchmark_group(format!("{}/{}", work.name(), case.name));
            for batch in batches {
                let mut job = case.job(work, batch, 1);
                group.throughput(Throughput::Elements(batch as u64));
                group.bench_function(BenchmarkId::from_parameter(batch), |b| b.iter(|| job.run()));
            }
        }
    }
    report(&works, &batches, |_| true);
    criterion.final_summary();
}
