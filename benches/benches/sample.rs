//! How long does a sample take? Limit: the fused-multiply-add peak (batch) or one pass over the
//! weights (batch 1).

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput};
use pushforward_benches::{cases, report};

/// Seconds a row, not minutes: the spread it prints says whether that was enough.
fn criterion_settings() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
}

fn main() {
    let mut criterion = criterion_settings().configure_from_args();
    for case in cases().expect("the cases are valid") {
        let sampler = case.model.sampler().expect("a built model has a sampler");
        for (name, scored) in [("sample", false), ("sample+log_prob", true)] {
            let mut group = criterion.benchmark_group(format!("{name}/{}", case.name));
            for batch in [1, 64, 1024] {
                let mut rows = vec![0.0f32; batch * sampler.dim()];
                let mut log_prob = vec![0.0; batch];
                group.throughput(Throughput::Elements(batch as u64));
                group.bench_function(BenchmarkId::from_parameter(batch), |b| {
                    b.iter(|| {
                        let log_prob = scored.then_some(&mut log_prob[..]);
                        sampler.sample(1, 0, &mut rows, log_prob);
                    });
                });
            }
        }
    }
    report("sample", |sampler, rows, _| sampler.sample(1, 0, rows, None));
    report("sample+log_prob", |sampler, rows, out| sampler.sample(1, 0, rows, Some(out)));
    criterion.final_summary();
}
