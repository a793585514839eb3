//! One call of one piece of work at one level, for `instructions.sh` to count its instructions:
//! `instructions MODEL WORK BATCH LEVEL`. The function [`measured`] is what is counted.

#![forbid(unsafe_code)]

use std::hint::black_box;

use pushforward::model::Sampler;
use pushforward::simd::Level;
use pushforward_benches::{Work, case};

/// The call that is counted, with all that it calls.
#[inline(never)]
fn measured(sampler: &Sampler, work: Work, rows: &mut [f32], log_prob: &mut [f32]) {
    match work {
        Work::LogProb => sampler.log_prob(rows, log_prob),
        Work::Sample => sampler.sample(1, 0, rows, None),
        Work::SampleWithLogProb => sampler.sample(1, 0, rows, Some(log_prob)),
    }
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [model, work, batch, level] = &words[..] else {
        panic!("usage: instructions MODEL WORK BATCH LEVEL");
    };
    let case = case(model).expect("a model that `timings --list` names");
    let work = Work::ALL.into_iter().find(|w| w.name() == work);
    let work = work.expect("sample, sample+log_prob or log_prob");
    let level = Level::available().find(|l| l.name() == level).expect("a level of this machine");
    let batch: usize = batch.parse().expect("a whole number");
    let loaded = case.loaded.at(level);
    let sampler = loaded.sampler();
    let mut rows = vec![0.5; batch * sampler.dim()];
    let mut log_prob = vec![0.0; batch];
    if ["van", "pixelcnn", "lattice"].iter().any(|spins| model.starts_with(spins)) {
        rows.fill(1.0);
    }
    measured(sampler, work, black_box(&mut rows), black_box(&mut log_prob));
    black_box((&rows, &log_prob));
}
