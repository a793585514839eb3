//! How long does a training step take on a GPU, against all cores of its machine? Limits: launches
//! where a batch is small, the multiply-adds of three passes (forward, and backward for weights and
//! for inputs) where it is large.
//!
//! Steps are taken in blocks of 16, as a run takes them: the processor waits for the last one's
//! readings only. A figure is the median of blocks. Software adapters are no GPUs here.

use std::time::Instant;

use pushforward_benches::case;
use pushforward_host::device::Device;

const BLOCK: usize = 16;
const BLOCKS: usize = 15;

fn main() {
    let gpu = match Device::gpu(false) {
        Ok(gpu) => gpu,
        Err(error) => return println!("NOT RUN: {error}"),
    };
    let cpu = Device::cpu(None).expect("threads start");
    println!("{} against {}\n", gpu.description(), cpu.description());
    println!(
        "{:26} {:>6} {:>11} {:>11} {:>6} {:>20}",
        "training step", "batch", "GPU, ms", "CPU, ms", "ratio", "GPU, 1e9 mul-adds/s"
    );
    for (name, batches) in [
        ("realnvp-64", [1024, 16384]),
        ("nsf-8", [1024, 16384]),
        ("maf-16", [1024, 16384]),
        ("van-3", [1000, 4000]),
    ] {
        let case = case(name).expect("a case");
        for batch in batches {
            let [on_gpu, on_cpu] = [(&gpu, BLOCKS), (&cpu, 3)].map(|(device, blocks)| {
                let mut job = case.training(batch, device, BLOCK);
                // A processor that has idled takes a while to reach its clock rate.
                let start = Instant::now();
                while start.elapsed().as_secs_f64() < 0.5 {
                    job.run();
                }
                let mut seconds: Vec<f64> = (0..blocks)
                    .map(|_| {
                        let start = Instant::now();
                        job.run();
                        start.elapsed().as_secs_f64() / BLOCK as f64
                    })
                    .collect();
                seconds.sort_by(f64::total_cmp);
                (seconds[blocks / 2], job.multiply_adds * batch)
            });
            let ((gpu, multiply_adds), (cpu, _)) = (on_gpu, on_cpu);
            println!(
                "{:26} {batch:6} {:11.3} {:11.2} {:6.1} {:20.1}",
                case.title,
                gpu * 1e3,
                cpu * 1e3,
                cpu / gpu,
                multiply_adds as f64 / gpu * 1e-9
            );
        }
    }
}
