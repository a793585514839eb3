//! How long does a log-probability take? Limit: as for sampling, which reads the same weights.

use criterion::{BenchmarkId, Criterion, Throughput};
use pushforward_benches::{cases, report};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for case in cases().expect("the cases are valid") {
        let sampler = case.model.sampler().expect("a built model has a sampler");
        let mut group = criterion.benchmark_group(format!("log_prob/{}", case.name));
        for batch in [1, 64, 1024] {
            let mut rows = vec![0.0f32; batch * sampler.dim()];
            let mut log_prob = vec![0.0; batch];
            sampler.sample(1, 0, &mut rows, None);
            group.throughput(Throughput::Elements(batch as u64));
            group.bench_function(BenchmarkId::from_parameter(batch), |b| {
                b.iter(|| sampler.log_prob(&rows, &mut log_prob));
            });
        }
    }
    report("log_prob", |sampler, rows, out| sampler.log_prob(rows, out));
    criterion.final_summary();
}
