//! `train`: a config becomes a model file, metrics, checkpoints and a report.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use pushforward::model::Model;
use pushforward::noise::block;
use serde_json::{Map, Value as Json, json};

use crate::config::{Config, TargetConfig};
use crate::data::{Units, write_file};
use crate::device::Device;
use crate::error::{Error, Result, note};
use crate::estimate::{Estimate, estimate, spread};
use crate::fit::{Fit, fit, mean_nll};
use crate::loaded::Loaded;
use crate::paths::PathDifference;
use crate::problem::Problem;
use crate::report;
use crate::run::{Notes, RunFolder};
use crate::signals;
use crate::train::{Target, row_width};

/// Where a run trains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum DeviceChoice {
    /// A GPU where there is one, else the CPU.
    #[default]
    Auto,
    /// All cores.
    Cpu,
    /// A GPU, or an error.
    Gpu,
}

/// What a verb that trains is told.
#[derive(Debug, clap::Args)]
pub(super) struct Job {
    /// The training config.
    pub(super) config: PathBuf,
    /// Folder for the results; runs/<name of the config> if not given.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Where to train.
    #[arg(long, value_enum, default_value_t)]
    device: DeviceChoice,
    /// Go on from the last checkpoint in the folder.
    #[arg(long)]
    pub(super) resume: bool,
    /// Overrides a key of the config; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(super) settings: Vec<String>,
    /// One JSON object on standard output.
    #[arg(long)]
    pub(super) json: bool,
}

impl Job {
    /// The config's name.
    pub(super) fn name(&self) -> Cow<'_, str> {
        self.config.file_stem().unwrap_or_default().to_string_lossy()
    }

    /// Where results go.
    pub(super) fn folder(&self) -> PathBuf {
        let stem = self.config.file_stem().unwrap_or_default();
        self.out.clone().unwrap_or_else(|| Path::new("runs").join(stem))
    }

    /// The config with these settings.
    pub(super) fn load(&self, settings: &[String]) -> Result<Config> {
        Config::load(&self.config, settings)
    }

    /// What trains.
    pub(super) fn device(&self) -> Result<Device> {
        open(self.device)
    }

    /// Trains what a config says: after smaller lattices, if it says so, or from the weights of a model, or of one
    /// in a folder, if there is one.
    pub(super) fn train(
        &self,
        config: &Config,
        from: Option<&Path>,
        device: &Device,
        folder: &Path,
        resume: bool,
        title: &str,
    ) -> Result<Outcome> {
        let mut problem = Problem::new(config, &self.config)?;
        let mut file = from.map(Path::to_owned);
        // Who starts from a model has no need of smaller ones.
        let smaller = if from.is_some() { Vec::new() } else { config.smaller() };
        for (side, smaller) in smaller {
            note(format!("a lattice of side {side} first"));
            let own = folder.join(format!("side-{side}"));
            let go_on = resume && crate::checkpoint::path(&own).exists();
            let title = format!("{title}, side {side}");
            file = Some(self.train(&smaller, file.as_deref(), device, &own, go_on, &title)?.file);
        }
        if let Some(from) = file {
            let file = if from.is_dir() { from.join("model.safetensors") } else { from.to_owned() };
            let other = crate::loaded::read(&file)?;
            problem.start_from(&other).map_err(|message| Error::input(file, message))?;
        }
        train(&problem, config, device, folder, resume, title)
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    job: Job,
    /// Overrides the config's seed (up to 2^63, as TOML has it).
    #[arg(long, value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    seed: Option<u64>,
    /// Trains with so many seeds, one after another from the config's on, each in a folder seed-… of its
    /// own, and says the mean of each figure and its standard deviation over the seeds.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(2..=10_000))]
    seeds: Option<u64>,
    /// Starts from the weights of this model, or of the one in this folder: of the same parts and sizes,
    /// trained on other data or for another target.
    #[arg(long, value_name = "MODEL")]
    from: Option<PathBuf>,
}

/// The seed of the final evaluation's samples: runs of different seeds share no noise, and neither
/// do a run's evaluation and its training, whose keys are those of the counters `step < 2⁴⁰`.
fn evaluation_seed(seed: u64) -> u64 {
    let [low, high] = block([seed as u32, (seed >> 32) as u32], [EVALUATION, EVALUATION]);
    u64::from(low) | u64::from(high) << 32
}

/// Sets the evaluation's noise apart from all other of the same seed.
const EVALUATION: u32 = 0x6576_616c;

pub(super) fn run(args: &Args) -> Result<()> {
    let job = &args.job;
    let load = |seed: Option<u64>| {
        let mut settings = job.settings.clone();
        settings.extend(seed.map(|seed| format!("train.seed={seed}")));
        job.load(&settings)
    };
    let config = load(args.seed)?;
    let (device, folder, from) = (job.device()?, job.folder(), args.from.as_deref());
    let one = |config: &Config, folder: &Path| {
        job.train(config, from, &device, folder, job.resume, &job.name())
    };
    let Some(seeds) = args.seeds else {
        let outcome = one(&config, &folder)?;
        if job.json {
            return super::print_json(&Json::Object(outcome.figures));
        }
        return super::print(&format!("{}{}\n", super::table(&outcome.lines), outcome.saved()));
    };
    let mut runs = Vec::new();
    for seed in config.train.seed..config.train.seed.saturating_add(seeds) {
        note(format!("seed {seed}, {} of {seeds}", runs.len() + 1));
        let outcome = one(&load(Some(seed))?, &folder.join(format!("seed-{seed}")))?;
        runs.push(outcome.figures);
    }
    let over_seeds = over_seeds(&runs);
    if job.json {
        let part = |i: usize| {
            let figures = over_seeds.iter().map(|(name, figures)| ((*name).into(), figures[i]));
            Json::Object(figures.map(|(name, figure)| (name, json!(figure))).collect())
        };
        return super::print_json(&json!({ "mean": part(0), "deviation": part(1), "runs": runs }));
    }
    let line = |(name, [mean, deviation]): &(&str, [f64; 2])| {
        (name.replace('_', " "), format!("{mean:.6} ± {deviation:.6}"))
    };
    let lines: Vec<_> = over_seeds.iter().map(line).collect();
    let folders = folder.join("seed-*");
    let told = format!(
        "mean ± standard deviation over {seeds} seeds, each in a folder of its own; `report {}` puts \
         them side by side",
        folders.display()
    );
    super::print(&format!("{}{told}\n", super::table(&lines)))
}

/// Figures that differ from seed to seed.
const OVER_SEEDS: [&str; 12] = [
    "loss",
    "nll",
    "held_out_nll",
    "elbo",
    "ln_z",
    "free_energy_per_site",
    "free_energy_per_site_corrected",
    "ess",
    "acceptance",
    "k_hat",
    "best_step",
    "seconds",
];

/// Mean and standard deviation of what all runs measured.
fn over_seeds(runs: &[Map<String, Json>]) -> Vec<(&'static str, [f64; 2])> {
    let of = |name: &'static str| {
        let values = runs.iter().map(|figures| figures.get(name)?.as_f64());
        let values: Vec<f64> = values.collect::<Option<_>>()?;
        let [n, mean, squares] = spread(values.into_iter());
        Some((name, [mean, (squares / (n - 1.0)).sqrt()]))
    };
    OVER_SEEDS.into_iter().filter_map(of).collect()
}

pub(super) fn open(choice: DeviceChoice) -> Result<Device> {
    // As many threads as everything else, so that --threads holds for training too.
    let cpu = || Device::cpu(Some(rayon::current_num_threads()));
    let device = match choice {
        DeviceChoice::Auto => Device::gpu(false).or_else(|_| cpu()),
        DeviceChoice::Cpu => cpu(),
        DeviceChoice::Gpu => Device::gpu(false),
    };
    device.map_err(|e| Error::Usage(format!("--device: {e}")))
}

/// A finished training with its evaluation.
#[derive(Debug)]
pub(super) struct Outcome {
    /// The model, ready to run.
    pub(super) model: Loaded,
    /// The model's file.
    pub(super) file: PathBuf,
    /// For `--json` and the model's provenance.
    pub(super) figures: Map<String, Json>,
    /// For people.
    pub(super) lines: Vec<(String, String)>,
    /// Seconds of training.
    pub(super) seconds: f64,
}

impl Outcome {
    fn saved(&self) -> String {
        let folder = self.file.parent().unwrap_or(Path::new("")).display();
        format!("saved {} (beside it report.html and metrics.csv in {folder})", self.file.display())
    }
}

/// Trains, evaluates and writes everything into `folder`.
pub(super) fn train(
    problem: &Problem,
    config: &Config,
    device: &Device,
    folder: &Path,
    resume: bool,
    title: &str,
) -> Result<Outcome> {
    // Until the report is written.
    let _owned = RunFolder::open(folder)?;
    let fit = fit(problem, config, device, folder, resume, &signals::received)?;
    let mut model = Loaded::new(fit.model.clone())?;
    let evaluation =
        Evaluation::new(&model, &fit.standard, problem, config, &super::stop_if_interrupted)
            .inspect_err(|_| {
                let file = crate::checkpoint::path(folder);
                note(format!("trained, not evaluated: --resume evaluates {}", file.display()));
            })?;
    let mut figures = evaluation.figures(problem);
    let mut lines = evaluation.lines();
    if matches!(problem.target, Target::Data { .. }) {
        let warnings = evaluation.doubts(problem, &fit);
        figures.insert("best_step".into(), json!(fit.held_out.map(|held_out| held_out.best_step)));
        figures.insert("warnings".into(), json!(warnings));
        lines.extend(fit.held_out.map(|h| ("weights of step".into(), h.best_step.to_string())));
        lines.extend(warnings.into_iter().map(|warning| ("warning".into(), warning)));
    }
    if !model.is_discrete() {
        PathDifference::measure(&model, evaluation.seed).report(&mut figures, &mut lines);
    }
    figures.insert("steps".into(), json!(config.train.steps));
    figures.insert("seed".into(), json!(config.train.seed));
    figures.insert("parameters".into(), json!(model.model.description().parameters()));
    let mut provenance = Map::new();
    provenance.insert("tool".into(), json!(crate::run::tool()));
    provenance.insert("config".into(), json!(problem.record));
    provenance.insert("seed".into(), json!(config.train.seed));
    provenance.extend(problem.from.as_ref().map(|from| ("from".into(), json!(from))));
    provenance.insert("steps".into(), json!(config.train.steps));
    provenance.insert("figures".into(), Json::Object(figures.clone()));
    model.model.provenance = provenance;
    let file = folder.join("model.safetensors");
    let bytes = model.model.to_bytes().map_err(|e| Error::Failed(e.to_string()))?;
    write_file(&file, &bytes)?;
    if fit.steps > 0 {
        let rate = fit.seconds / fit.steps as f64;
        lines.push((
            "training".into(),
            format!("{} steps in {:.1} s, {:.1} ms each", fit.steps, fit.seconds, 1e3 * rate),
        ));
    }
    let names = model.model.names();
    lines.extend(names.map(|names| ("columns".into(), super::inspect::called(names))));
    let data = match &config.target {
        // As the command line means it, whatever folder a report is asked for in.
        TargetConfig::Data { path, .. } => std::path::absolute(path).ok(),
        TargetConfig::Hamiltonian(_) => None,
    };
    let notes = Notes {
        title: title.to_owned(),
        model: super::inspect::describe(model.model.description()),
        device: device.description(),
        data,
        identity: problem.identity.clone(),
        figures: lines.clone(),
    };
    notes.write(folder)?;
    let page = folder.join("report.html");
    report::write(&[folder], &page, Some(problem), &super::stop_if_interrupted)?;
    figures.insert("model".into(), json!(file.display().to_string()));
    figures.insert("device".into(), json!(device.kind()));
    figures.insert("seconds".into(), json!(fit.seconds));
    Ok(Outcome { model, file, figures, lines, seconds: fit.seconds })
}

/// What the final model is worth.
struct Evaluation {
    /// Of the samples.
    seed: u64,
    estimate: Option<Estimate>,
    /// Mean −ln q of training and of held-out rows, with errors.
    nll: Option<([f64; 2], Option<[f64; 2]>)>,
    /// The same of samples that a Hamiltonian comes with.
    samples: Option<[f64; 2]>,
}

impl Evaluation {
    /// `standard` is the model in the units of the problem's rows.
    fn new(
        model: &Loaded,
        standard: &Model,
        problem: &Problem,
        config: &Config,
        go_on: &dyn Fn() -> Result<()>,
    ) -> Result<Evaluation> {
        let seed = evaluation_seed(config.train.seed);
        let estimate = match &problem.energy {
            Some((energy, hamiltonian)) => {
                let (beta, n) = (hamiltonian.beta(), config.train.evaluate);
                Some(estimate(model, &**energy, beta, n, seed, go_on)?)
            }
            None => None,
        };
        let nll = match &problem.target {
            Target::Data { rows } => {
                let rows = rows.in_memory(row_width(problem.model.description()))?;
                let standard = Loaded::new(standard.clone())?;
                let more = |row: &[f32]| problem.ln_scale_of(row);
                let nll = |rows: &[f32]| mean_nll(&standard, rows, &more, go_on);
                let held_out = &problem.validation;
                let held_out = match held_out.is_empty() {
                    true => None,
                    false => Some(nll(held_out)?),
                };
                Some((nll(&rows)?, held_out))
            }
            Target::Energy { .. } => None,
        };
        let samples = match &problem.target {
            Target::Energy { samples: Some(samples), .. } => {
                let rows = samples.rows.in_memory(problem.model.description().dim())?;
                let standard = Loaded::new(standard.clone())?;
                Some(mean_nll(&standard, &rows, &|_| 0.0, go_on)?)
            }
            _ => None,
        };
        Ok(Evaluation { seed, estimate, nll, samples })
    }

    fn figures(&self, problem: &Problem) -> Map<String, Json> {
        let mut figures = self.estimate.as_ref().map_or_else(Map::new, Estimate::to_json);
        if let Some(estimate) = &self.estimate {
            figures.insert("evaluation_seed".into(), json!(self.seed));
            figures.insert("loss".into(), json!(-estimate.elbo[0]));
            figures.insert("loss_error".into(), json!(estimate.elbo[1]));
        }
        if let Some([nll, error]) = self.samples {
            figures.insert("samples_nll".into(), json!(nll));
            figures.insert("samples_nll_error".into(), json!(error));
        }
        if let Some((training, held_out)) = self.nll {
            figures.insert("loss".into(), json!(training[0]));
            figures.insert("loss_error".into(), json!(training[1]));
            figures.insert("nll".into(), json!(training[0]));
            figures.insert("held_out_nll".into(), json!(held_out.map(|[nll, _]| nll)));
            if let Some([nll, error]) = held_out {
                figures.insert("validation_nll".into(), json!(nll));
                figures.insert("validation_nll_error".into(), json!(error));
                let width = row_width(problem.model.description());
                figures.insert("validation_rows".into(), json!(problem.validation.len() / width));
            }
        }
        figures
    }

    fn lines(&self) -> Vec<(String, String)> {
        let mut lines = self.estimate.as_ref().map_or_else(Vec::new, Estimate::lines);
        let pm = |[value, error]: [f64; 2]| format!("{value:.4} ± {error:.4} nats a row");
        if let Some(nll) = self.samples {
            lines.push(("negative log-likelihood, samples".into(), pm(nll)));
        }
        if let Some((training, held_out)) = self.nll {
            lines.push(("negative log-likelihood, training rows".into(), pm(training)));
            if let Some(held_out) = held_out {
                lines.push(("negative log-likelihood, held-out rows".into(), pm(held_out)));
            }
        }
        lines
    }

    /// What speaks against a model of data: a sentence or two each.
    fn doubts(&self, problem: &Problem, fit: &Fit) -> Vec<String> {
        let mut doubts: Vec<_> = problem.units.iter().filter_map(Units::warning).collect();
        let Some((training, Some(held_out))) = self.nll else {
            doubts.push(
                "no rows are held out: nothing watches whether the model learns the density or the \
                 rows. validation = 0.1 holds out a tenth."
                    .into(),
            );
            return doubts;
        };
        let cure = "More rows, fewer units or some weight_decay help.";
        if let Some(h) = fit.held_out.filter(|h| h.last > h.best + held_out[1]) {
            doubts.push(format!(
                "the held-out NLL was best, {:.4}, at step {} and {:.4} at step {}: training went on \
                 to learn its rows. The weights of step {} are saved. {cure}",
                h.best, h.best_step, h.last, h.last_step, h.best_step
            ));
        }
        let gap = held_out[0] - training[0];
        if gap > 3.0 * held_out[1].hypot(training[1]) {
            doubts.push(format!(
                "held-out rows score {gap:.4} nats worse than training rows: what the model knows of \
                 the latter is not all density. {cure}"
            ));
        }
        doubts
    }
}
