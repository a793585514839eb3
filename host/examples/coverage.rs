//! Whether the intervals that `estimate` prints cover: many seeds of one model against the truth.
//!
//! `coverage MODEL CONFIG.toml [SEEDS]` estimates with seeds 1 … SEEDS (100 if not given) at n = 10⁴
//! and 5·10⁴. A figure's χ²/df is the mean square of (estimate − truth)/error over the seeds: 1 where
//! the errors are right, more where they are too small. The truth is ln Z as known, and else, as for
//! the variational bound and the acceptance, the mean over all samples. The last columns leave out
//! the runs that came with a warning.

use std::error::Error;

use pushforward_host::config::TargetConfig;
use pushforward_host::estimate::{Estimate, estimate};
use pushforward_host::loaded::Loaded;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [model, config, seeds @ ..] = &arguments[..] else {
        return Err("usage: coverage MODEL CONFIG.toml [SEEDS]".into());
    };
    let model = Loaded::open(model.as_ref(), None)?;
    let TargetConfig::Hamiltonian(hamiltonian) = TargetConfig::load(config.as_ref())? else {
        return Err("[target] found data, expected a hamiltonian".into());
    };
    let (energy, beta) = (hamiltonian.energy()?, hamiltonian.beta());
    let seeds = seeds.first().map_or(Ok(100), |seeds| seeds.parse())?;
    let runs = |n| -> Result<Vec<Estimate>, pushforward_host::error::Error> {
        let run = |seed| estimate(&model, &*energy, beta, n, seed, &|| Ok(()));
        (1..=seeds).map(run).collect()
    };
    let (few, many) = (runs(10_000)?, runs(50_000)?);
    let known = energy.ln_z(beta).map(|exact| [exact.value, exact.error]);
    let figures: [(&str, Figure, Option<[f64; 2]>); 3] = [
        ("ln Z, corrected", |e| e.ln_z, known),
        ("variational bound", |e| e.elbo, None),
        ("acceptance", |e| e.acceptance, None),
    ];
    println!(
        "{:18} {:>6}  {:>10} ± spread     printed error: median, χ²/df  |z| > 3  without a warning: runs, χ²/df, |z| > 3",
        "", "n", "mean"
    );
    for (name, figure, known) in figures {
        let truth = known.unwrap_or_else(|| {
            let values: Vec<_> = many.iter().map(|e| figure(e)[0]).collect();
            let [mean, spread] = mean_and_spread(&values);
            [mean, spread / (values.len() as f64).sqrt()]
        });
        for runs in [&few, &many] {
            line(name, runs, figure, truth);
        }
    }
    for runs in [&few, &many] {
        let n = runs[0].n;
        println!();
        quantiles(n, "effective sample size", runs, |e| Some(e.ess));
        quantiles(n, "Pareto k̂", runs, |e| e.k_hat);
        quantiles(n, "largest weight", runs, |e| Some(e.largest_weight));
        quantiles(n, "KL divergence", runs, |e| Some(e.kl()[0]));
        quantiles(n, "free energy, relative", runs, Estimate::relative_error);
    }
    Ok(())
}

/// A value and its printed error.
type Figure = fn(&Estimate) -> [f64; 2];

fn line(name: &str, runs: &[Estimate], figure: Figure, [truth, uncertainty]: [f64; 2]) {
    let values: Vec<_> = runs.iter().map(|e| figure(e)[0]).collect();
    let [mean, spread] = mean_and_spread(&values);
    let mut errors: Vec<_> = runs.iter().map(|e| figure(e)[1]).collect();
    errors.sort_by(f64::total_cmp);
    let z = |e: &Estimate| (figure(e)[0] - truth) / figure(e)[1].hypot(uncertainty);
    let judged = |z: Vec<f64>| {
        let square = z.iter().map(|z| z * z).sum::<f64>() / z.len() as f64;
        (z.len(), square, z.iter().filter(|z| z.abs() > 3.0).count())
    };
    let (_, all, far) = judged(runs.iter().map(z).collect());
    let quiet = runs.iter().filter(|e| e.warnings().is_empty()).map(z).collect();
    let (quiet, quiet_square, quiet_far) = judged(quiet);
    println!(
        "{name:18} {:6}  {mean:10.5} ± {spread:.5}  {:19.5}  {all:10.2}  {far:7}  {quiet:15}  {quiet_square:10.2}  {quiet_far:5}",
        runs[0].n,
        errors[errors.len() / 2],
    );
}

fn mean_and_spread(values: &[f64]) -> [f64; 2] {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    [mean, (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt()]
}

fn quantiles(n: u64, name: &str, runs: &[Estimate], figure: impl Fn(&Estimate) -> Option<f64>) {
    let mut values: Vec<_> = runs.iter().filter_map(figure).collect();
    values.sort_by(f64::total_cmp);
    let at = |q: f64| values.get((q * (values.len() as f64 - 1.0)).round() as usize).copied();
    if let [Some(least), Some(tenth), Some(median), Some(ninth), Some(most)] =
        [0.0, 0.1, 0.5, 0.9, 1.0].map(at)
    {
        println!(
            "n = {n:5}  {name:22} median {median:.4}, 10 to 90 % {tenth:.4} … {ninth:.4}, all {least:.4} … {most:.4}"
        );
    }
}
