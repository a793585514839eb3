//! What fraction of the fused-multiply-add peak does the dense kernel reach, by its shape? Limit:
//! the peak; short sums and few outputs leave accumulators idle.
//!
//! Every model's multiply-adds go through this rectangle, so that it bounds the other tables.

use std::hint::black_box;

use pushforward::kernel::{Batch, Fused, Lanes};
use pushforward::simd::{Kernel, Level, Simd, dispatch};
use pushforward_benches::{Settings, criterion, peak_multiply_adds};

/// Vectors of samples in a tile, as [`pushforward::distribution`] cuts them.
const WIDE: usize = 4;

struct Rectangle<'a> {
    inputs: usize,
    outputs: usize,
    repeats: usize,
    weights: &'a [f32],
    buffer: &'a mut [f32],
}

impl Kernel for Rectangle<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let lanes = Batch::<S, Fused, WIDE>::new(s);
        let values = Batch::<S, Fused, WIDE>::values(self.buffer);
        let (x, rest) = values.split_at_mut(self.inputs);
        for _ in 0..self.repeats {
            lanes.rectangle(self.weights, black_box(&*x), &mut rest[..self.outputs]);
        }
    }
}

fn main() {
    let settings = Settings::from_arguments();
    // Its lines are fractions, which Criterion does not take; it is here for its command line.
    let criterion = criterion();
    if !settings.wants("kernel") {
        return criterion.final_summary();
    }
    println!("\n{:22} {:>8} {:>10} {:>10}", "dense, tile of 4 vectors", "level", "G/s", "of peak");
    for level in Level::available().filter(|level| level.fuses()) {
        for (inputs, outputs) in
            [(4, 4), (16, 16), (64, 4), (64, 64), (64, 92), (128, 128), (256, 256), (1024, 64)]
        {
            let weights = vec![0.01f32; inputs * outputs];
            // One vector more, to start on a cache line.
            let tile = WIDE * level.lanes();
            let mut buffer = vec![0.5f32; (inputs + outputs) * tile + 16];
            let start = buffer.as_ptr().align_offset(64).min(16);
            let macs = inputs * outputs * tile;
            let repeats = 2_000_000 / macs + 1;
            let (mut best, mut peak) = (f64::INFINITY, 0.0f64);
            let begun = std::time::Instant::now();
            while best.is_infinite() || begun.elapsed().as_secs_f64() < settings.seconds / 2.0 {
                peak = peak.max(peak_multiply_adds(1));
                for _ in 0..20 {
                    let start_of_run = std::time::Instant::now();
                    let (weights, buffer) = (&weights[..], &mut buffer[start..]);
                    dispatch(level, Rectangle { inputs, outputs, repeats, weights, buffer });
                    best = best.min(start_of_run.elapsed().as_secs_f64() / repeats as f64);
                }
            }
            let rate = macs as f64 / best;
            println!(
                "{:22} {:>8} {:10.1} {:8.1} %",
                format!("{inputs} x {outputs}"),
                level.name(),
                rate / 1e9,
                100.0 * rate / peak
            );
        }
    }
    criterion.final_summary();
}
