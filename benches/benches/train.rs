//! How long does a training step take on the CPU? Limit: the fused-multiply-add peak, for three
//! times the multiply-adds of one pass (forward, and backward for weights and for inputs).
//!
//! Flows learn from data on one thread; the network of spins learns the critical Ising model on
//! two, and draws its batch in the step.

use pushforward_benches::{Settings, case, criterion, time};
use pushforward_host::device::Device;

fn main() {
    let rows =
        [("realnvp-64", 1024, 1), ("nsf-8", 1024, 1), ("maf-16", 1024, 1), ("van-3", 1000, 2)];
    let settings = Settings::from_arguments();
    let mut criterion = criterion();
    let mut table = String::new();
    for (name, batch, threads) in rows {
        let case = case(name).expect("a case");
        let device = Device::cpu(Some(threads)).expect("threads start");
        let mut job = case.training(batch, &device, 1);
        let id = format!("train/{name}/{batch}/{threads} threads");
        criterion.bench_function(&id, |b| b.iter(|| job.run()));
        if settings.wants(&id) {
            let timing = time(&mut job, 4.0 * settings.seconds);
            table += &format!(
                "{:26} {batch:5} {threads:7} {:10.2} {:13} {:6.1} %\n",
                case.title,
                timing.seconds[0] * 1e3,
                job.multiply_adds,
                100.0 * timing.fraction(&job)
            );
        }
    }
    println!(
        "\n{:26} {:>5} {:>7} {:>10} {:>13} {:>8}\n{table}",
        "training step", "batch", "threads", "ms/step", "multiply-adds", "of peak"
    );
    criterion.final_summary();
}
