//! How long does an independent configuration of the critical 16 × 16 Ising model take: drawn by a
//! network, or by Wolff's cluster algorithm?
//!
//! A configuration of the Markov chain is worth an independent one after `2 τ_int` updates, for
//! the slowest of the observables measured here, the energy or the squared magnetization. The
//! network with pairwise terms only (one weight a pair of sites) is the smallest there is, and
//! trained it is within 2e-3 of the exact free energy: 2.2e-4 after 3000 steps with the Z2 wrapper
//! (`benches/pairwise.toml`), 4.7e-4 without.

use cpu_time::ProcessTime;
use pushforward_benches::wolff::{Wolff, autocorrelation_time};
use pushforward_benches::{Settings, Work, case, criterion, time};

fn main() {
    let beta = 0.5 * (1.0 + 2f64.sqrt()).ln();
    let mut wolff = Wolff::new(16, beta, 1);
    (0..10_000).for_each(|_| {
        wolff.update();
    });
    let settings = Settings::from_arguments();
    let mut criterion = criterion();
    criterion.bench_function("wolff/update", |b| b.iter(|| wolff.update()));
    if !settings.wants("wolff") {
        return criterion.final_summary();
    }

    let (mut sites, updates) = (0, 200_000);
    let (mut energy, mut square) = (Vec::new(), Vec::new());
    for _ in 0..updates {
        sites += wolff.update();
        energy.push(wolff.energy() as f64);
        square.push((wolff.magnetization() as f64).powi(2));
    }
    let [energy, square] = [&energy, &square].map(|series| autocorrelation_time(series));
    let tau = energy.max(square);
    // CPU time, here and below: clusters differ too much for the shortest of a few to mean anything.
    let start = ProcessTime::now();
    (0..updates).for_each(|_| {
        wolff.update();
    });
    let update = start.elapsed().as_secs_f64() / f64::from(updates);
    let chain = 2.0 * tau * update * 1e6;
    println!(
        "\nWolff, L=16, β_c: {:.0} sites a cluster, {:.2} µs an update, τ_int {energy:.2} (energy), \
         {square:.2} (m²) updates\n\n{:42} {:>14} {:>8}\n{:42} {chain:14.2} {:>8}",
        sites as f64 / f64::from(updates),
        update * 1e6,
        "one independent configuration",
        "µs",
        "ratio",
        "Wolff, 2 τ_int updates",
        "1"
    );
    for name in ["van-1", "van-2", "van-3"] {
        let case = case(name).expect("a case");
        for batch in [1, 64, 1024] {
            let mut job = case.job(Work::Sample, batch, 1);
            let [_, cpu] = time(&mut job, settings.seconds).seconds;
            let each = cpu / batch as f64 * 1e6;
            let row = format!("{}, batch {batch}", case.title);
            println!("{row:42} {each:14.2} {:8.2}", chain / each);
        }
    }
    criterion.final_summary();
}
