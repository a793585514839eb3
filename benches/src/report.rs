//! The table after Criterion's lines.

use std::time::Duration;

use criterion::Criterion;

use crate::{Case, Work, cases, time};

/// What the command line asks of a benchmark's own tables; Criterion reads the same words.
#[derive(Clone, Debug)]
pub struct Settings {
    filter: Option<String>,
    /// Seconds a row.
    pub seconds: f64,
    /// Nothing is measured: Criterion only tests or lists.
    pub idle: bool,
}

impl Settings {
    /// `[FILTER]`, `--quick`, `--test`, `--list`.
    pub fn from_arguments() -> Settings {
        let words: Vec<String> = std::env::args().skip(1).collect();
        let has = |word: &str| words.iter().any(|w| w == word);
        Settings {
            filter: words.iter().find(|w| !w.starts_with('-')).cloned(),
            seconds: if has("--quick") { 0.06 } else { 0.25 },
            idle: has("--test") || has("--list"),
        }
    }

    /// Whether a row of this name is wanted.
    pub fn wants(&self, name: &str) -> bool {
        !self.idle && self.filter.as_ref().is_none_or(|f| name.contains(f.as_str()))
    }
}

/// Half a second a row, not minutes: the spread it prints says whether that was enough.
pub fn criterion() -> Criterion {
    Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(400))
        .without_plots()
        .configure_from_args()
}

/// Prints time per sample and the fraction of the peak measured next to it, for every case.
///
/// Criterion's own lines give a time and its spread; the fraction needs both figures from the same
/// moment, so each row here times the work and the peak in turn and keeps the best of each.
pub fn report(works: &[Work], batches: &[usize], wanted: impl Fn(&Case) -> bool) {
    let settings = Settings::from_arguments();
    if settings.idle {
        return;
    }
    println!(
        "\n{:26} {:16} {:>5} {:>12} {:>13} {:>8}",
        "model", "work", "batch", "µs/sample", "multiply-adds", "of peak"
    );
    for case in cases().filter(|case| wanted(case)) {
        for &work in works {
            for &batch in batches {
                if !settings.wants(&format!("{}/{}/{batch}", work.name(), case.name)) {
                    continue;
                }
                let mut job = case.job(work, batch, 1);
                let timing = time(&mut job, settings.seconds);
                println!(
                    "{:26} {:16} {batch:5} {:12.3} {:13} {:6.1} %",
                    case.title,
                    work.name(),
                    timing.seconds_per_sample(&job) * 1e6,
                    job.multiply_adds,
                    100.0 * timing.fraction(&job)
                );
            }
        }
    }
}
