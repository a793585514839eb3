//! `sweep`: one model after another over inverse temperatures, each from the weights of the one before.

use std::path::PathBuf;

use pushforward::domain::Kind;
use serde_json::{Map, Value as Json, json};

use super::train::Job;
use crate::config::TargetConfig;
use crate::data::write_file;
use crate::error::{Error, Result, note};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    job: Job,
    /// Inverse temperatures in the order in which they are trained: some, with commas between, or
    /// FIRST:LAST:STEP.
    #[arg(long, value_name = "LIST", value_parser = betas)]
    beta: Betas,
}

/// As text, so that a folder is called what the user wrote.
#[derive(Clone, Debug)]
struct Betas(Vec<String>);

/// The most temperatures of a sweep.
const MOST: f64 = 10_000.0;

fn betas(text: &str) -> std::result::Result<Betas, String> {
    let number = |text: &str| match text.trim().parse::<f64>() {
        Ok(x) if x > 0.0 && x.is_finite() => Ok(x),
        _ => Err(format!("found '{text}', expected numbers above 0: 0.1,0.2 or 0.1:1:0.1")),
    };
    let parts: Vec<&str> = text.split(':').collect();
    if let [first, last, step] = parts[..] {
        let [first, last, step] = [number(first)?, number(last)?, number(step)?];
        let n = ((last - first).abs() / step + 1e-9).floor();
        if n >= MOST {
            return Err(format!("found {n} temperatures, expected at most {MOST}"));
        }
        let step = step.copysign(last - first);
        // Of the digits that a person would write.
        let rounded = |x: f64| (x * 1e12).round() / 1e12;
        return Ok(Betas(
            (0..=n as u64).map(|i| rounded(first + i as f64 * step).to_string()).collect(),
        ));
    }
    let each = text.split(',').map(|part| number(part).map(|_| part.trim().to_owned()));
    each.collect::<std::result::Result<_, _>>().map(Betas)
}

/// The figures of the table, each with its error.
const FIGURES: [&str; 6] = [
    "free_energy_per_site_corrected",
    "energy_per_site",
    "entropy_per_site",
    "specific_heat",
    "magnetisation",
    "susceptibility",
];

pub(super) fn run(args: &Args) -> Result<()> {
    let job = &args.job;
    let (folder, device) = (job.folder(), job.device()?);
    let mut rows: Vec<Map<String, Json>> = Vec::new();
    let mut before: Option<PathBuf> = None;
    for (k, beta) in args.beta.0.iter().enumerate() {
        // Weights of the temperature before are no start for an annealing.
        let mut settings: Vec<String> = before.iter().map(|_| "train.anneal=0.0".into()).collect();
        settings.extend(job.settings.iter().cloned());
        settings.push(format!("target.beta={}", with_point(beta)));
        let config = job.load(&settings)?;
        if !matches!(&config.target, TargetConfig::Hamiltonian(h) if h.kind() != Kind::Real) {
            let message =
                "[target] expected a hamiltonian of spins or other states, which has a temperature";
            return Err(Error::input(&job.config, message));
        }
        note(format!("beta {beta}, {} of {}", k + 1, args.beta.0.len()));
        let own = folder.join(format!("beta-{beta}"));
        let resume = job.resume && crate::checkpoint::path(&own).exists();
        let title = format!("{}, beta {beta}", job.name());
        let outcome = job.train(&config, before.as_deref(), &device, &own, resume, &title)?;
        before = Some(outcome.file);
        let mut row = outcome.figures;
        row.insert("beta".into(), json!(beta.parse::<f64>().ok()));
        rows.push(row);
        write_file(&folder.join("sweep.csv"), csv(&rows).as_bytes())?;
    }
    if job.json {
        return super::print_json(&json!(rows));
    }
    super::print(&format!("{}saved {}\n", table(&rows), folder.join("sweep.csv").display()))
}

/// TOML tells an integer from a float.
fn with_point(number: &str) -> String {
    if number.contains(['.', 'e', 'E']) { number.into() } else { format!("{number}.0") }
}

/// All figures with their errors, a line for each temperature.
fn csv(rows: &[Map<String, Json>]) -> String {
    let mut columns = vec!["beta".to_owned()];
    columns.extend(FIGURES.iter().flat_map(|name| [(*name).into(), format!("{name}_error")]));
    columns.extend(["free_energy_per_site_exact", "ess", "k_hat"].map(String::from));
    let line = |row: &Map<String, Json>| {
        let cell = |name: &String| {
            row.get(name).and_then(Json::as_f64).map_or(String::new(), |x| x.to_string())
        };
        columns.iter().map(cell).collect::<Vec<_>>().join(",") + "\n"
    };
    columns.join(",") + "\n" + &rows.iter().map(line).collect::<String>()
}

/// For people: values with their errors, which hold as far as the last columns let them.
fn table(rows: &[Map<String, Json>]) -> String {
    const HEADS: [&str; 9] = ["beta", "F/N", "E/N", "S/N", "C/N", "|m|", "chi", "ESS", "k-hat"];
    let figure = |row: &Map<String, Json>, name: &str| row.get(name).and_then(Json::as_f64);
    let cells = |row: &Map<String, Json>| {
        let mut cells = vec![figure(row, "beta").map_or(String::new(), |x| x.to_string())];
        cells.extend(FIGURES.iter().map(|name| {
            match (figure(row, name), figure(row, &format!("{name}_error"))) {
                (Some(x), Some(error)) => format!("{x:.5} ± {error:.0e}"),
                _ => "–".into(),
            }
        }));
        cells.push(figure(row, "ess").map_or(String::new(), |x| format!("{x:.3}")));
        cells.push(figure(row, "k_hat").map_or("–".into(), |x| format!("{x:.2}")));
        cells
    };
    let mut lines = vec![HEADS.map(String::from).to_vec()];
    lines.extend(rows.iter().map(cells));
    let width = |i: usize| lines.iter().map(|line| line[i].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..HEADS.len()).map(width).collect();
    let line = |line: &Vec<String>| {
        let cells = line.iter().zip(&widths).map(|(cell, n)| format!("{cell:>n$}"));
        cells.collect::<Vec<_>>().join("  ") + "\n"
    };
    lines.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temperatures() {
        let read = |text| betas(text).map(|Betas(all)| all.join(" "));
        assert_eq!(read("0.1:0.5:0.1").unwrap(), "0.1 0.2 0.3 0.4 0.5");
        assert_eq!(read("1:0.5:0.25").unwrap(), "1 0.75 0.5");
        assert_eq!(read("0.44, 0.3,2").unwrap(), "0.44 0.3 2");
        for wrong in ["", "0.1,", "-1", "0", "0.1:1", "0.1:1:0", "0.1:inf:1", "1e-9:1:1e-9"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
