//! `train`: a config becomes a model file, metrics, checkpoints and a report.

use std::path::{Path, PathBuf};

use pushforward::model::Model;
use pushforward::noise::block;
use serde_json::{Map, Value as Json, json};

use crate::config::Config;
use crate::data::{Units, write_file};
use crate::device::Device;
use crate::error::{Error, Result, note};
use crate::estimate::{Estimate, estimate};
use crate::fit::{Fit, Problem, apart, fit, mean_nll};
use crate::loaded::Loaded;
use crate::paths::PathDifference;
use crate::report::{Axis, Bars, Curve, Plot, Report, cells, scatter};
use crate::run::RunFolder;
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

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The training config.
    config: PathBuf,
    /// Folder for the results; runs/<name of the config> if not given.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Where to train.
    #[arg(long, value_enum, default_value_t)]
    device: DeviceChoice,
    /// Overrides the config's seed (up to 2^63, as TOML has it).
    #[arg(long, value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    seed: Option<u64>,
    /// Go on from the last checkpoint in the folder.
    #[arg(long)]
    resume: bool,
    /// Overrides a key of the config; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// One JSON object on standard output.
    #[arg(long)]
    json: bool,
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
    let mut settings = args.settings.clone();
    settings.extend(args.seed.map(|seed| format!("train.seed={seed}")));
    let config = Config::load(&args.config, &settings)?;
    let device = open(args.device)?;
    let problem = Problem::new(&config, &args.config)?;
    let stem = args.config.file_stem().unwrap_or_default();
    let folder = args.out.clone().unwrap_or_else(|| Path::new("runs").join(stem));
    let outcome = train(&problem, &config, &device, &folder, args.resume, &stem.to_string_lossy())?;
    if args.json {
        return super::print_json(&Json::Object(outcome.figures));
    }
    super::print(&format!("{}{}\n", super::table(&outcome.lines), outcome.saved()))
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
    let report = Report {
        title: title.to_owned(),
        subtitle: format!(
            "{}; trained on {}",
            super::inspect::describe(model.model.description()),
            device.description()
        ),
        figures: lines.clone(),
        plots: evaluation.plots(&model, problem, &fit),
        config: problem.record.clone(),
    };
    write_file(&folder.join("report.html"), report.to_html().as_bytes())?;
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
    /// Energies and ln w of the first samples.
    weighted: (Vec<f64>, Vec<f64>),
    /// Mean −ln q of training and of held-out rows, with errors.
    nll: Option<([f64; 2], Option<[f64; 2]>)>,
}

/// Samples that the energy histogram shows.
const HISTOGRAM: usize = 50_000;

impl Evaluation {
    /// `standard` is the model in the units of the problem's rows.
    fn new(
        model: &Loaded,
        standard: &Model,
        problem: &Problem,
        config: &Config,
        go_on: &dyn Fn() -> Result<()>,
    ) -> Result<Evaluation> {
        let mut weighted = (Vec::new(), Vec::new());
        let seed = evaluation_seed(config.train.seed);
        let watch = |e, ln_w| {
            if weighted.0.len() < HISTOGRAM {
                weighted.0.push(e);
                weighted.1.push(ln_w);
            }
        };
        let estimate = match &problem.energy {
            Some((energy, hamiltonian)) => {
                let (beta, n) = (hamiltonian.beta(), config.train.evaluate);
                Some(estimate(model, &**energy, beta, n, seed, go_on, watch)?)
            }
            None => None,
        };
        let nll = match &problem.target {
            Target::Data { rows } => {
                let standard = Loaded::new(standard.clone())?;
                let nll = |rows: &[f32]| {
                    let [mean, error] = mean_nll(&standard, rows, go_on)?;
                    Ok::<_, Error>([mean + problem.ln_scale(), error])
                };
                let held_out = &problem.validation;
                let held_out = match held_out.is_empty() {
                    true => None,
                    false => Some(nll(held_out)?),
                };
                Some((nll(rows)?, held_out))
            }
            Target::Energy { .. } => None,
        };
        Ok(Evaluation { seed, estimate, weighted, nll })
    }

    fn figures(&self, problem: &Problem) -> Map<String, Json> {
        let mut figures = self.estimate.as_ref().map_or_else(Map::new, Estimate::to_json);
        if let Some(estimate) = &self.estimate {
            figures.insert("evaluation_seed".into(), json!(self.seed));
            figures.insert("loss".into(), json!(-estimate.elbo[0]));
            figures.insert("loss_error".into(), json!(estimate.elbo[1]));
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
        if let Some((training, held_out)) = self.nll {
            let pm = |[value, error]: [f64; 2]| format!("{value:.4} ± {error:.4} nats a row");
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

    fn plots(&self, model: &Loaded, problem: &Problem, fit: &Fit) -> Vec<(String, String)> {
        let column = |i: usize| {
            let points =
                fit.curve.iter().map(move |row| (row[0], row[i])).filter(|p| p.1.is_finite());
            points.collect::<Vec<_>>()
        };
        let curve = |name, points: Vec<_>, errors| Curve { name, points, errors };
        let over_steps =
            |y: Axis, curves| Plot { x: Axis::new("step"), y, curves, bars: vec![] }.to_svg();
        let errors = fit.curve.iter().map(|row| row[2]).collect();
        let loss = curve("batch", column(1), errors);
        let mut plots = Vec::new();
        if self.estimate.is_some() {
            plots.push(("Loss".into(), over_steps(robust(&loss.points), vec![loss])));
            let ess = curve("", column(3), vec![]);
            plots.push((
                "Effective sample size of a batch".into(),
                over_steps(Axis::over("fraction", 0.0, 1.0), vec![ess]),
            ));
        } else {
            let held_out = curve("held out", column(4), vec![]);
            plots.push((
                "Negative log-likelihood".into(),
                over_steps(robust(&loss.points), vec![loss, held_out]),
            ));
        }
        plots.push(("Samples".into(), picture(model, problem, self.seed)));
        if let Some((energy, _)) = &problem.energy {
            let (energies, ln_w) = &self.weighted;
            let most = ln_w.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let weights: Vec<_> = ln_w.iter().map(|w| (w - most).exp()).collect();
            let range = quantiles(energies);
            let bars = |name, weights: &[f64]| Bars::histogram(name, energies, weights, range, 60);
            let bars = vec![
                bars("model", &vec![1.0; energies.len()]),
                bars("target, by weights", &weights),
            ];
            let plot = Plot {
                x: Axis::over(format!("energy of {}", energy.name()), range[0], range[1]),
                y: Axis::new("density"),
                curves: vec![],
                bars,
            };
            plots.push(("Energy of model and target".into(), plot.to_svg()));
        }
        plots
    }
}

/// An axis for a curve that starts high: from its least to its 90th percentile.
fn robust(points: &[(f64, f64)]) -> Axis {
    let mut values: Vec<_> = points.iter().map(|p| p.1).collect();
    values.sort_by(f64::total_cmp);
    match (values.first(), values.get(values.len() * 9 / 10)) {
        (Some(low), Some(high)) if high > low => {
            let pad = 0.05 * (high - low);
            Axis::over("nats a sample", low - pad, high + pad)
        }
        _ => Axis::new("nats a sample"),
    }
}

fn quantiles(values: &[f64]) -> [f64; 2] {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |q: f64| {
        sorted.get((q * sorted.len() as f64) as usize).or(sorted.last()).copied().unwrap_or(0.0)
    };
    let [low, high] = [at(0.001), at(0.999)];
    if high > low { [low, high] } else { [low - 1.0, high + 1.0] }
}

/// Lattices as cells, other rows as points in their first two coordinates, beside those of the data.
fn picture(model: &Loaded, problem: &Problem, seed: u64) -> String {
    let (dim, given) = (model.dim(), model.model.description().context());
    let lattice = matches!(model.model.description().shape(), [_, _]);
    let n = if lattice { 12 } else { 3000 };
    let data: Vec<f32> = match &problem.target {
        Target::Data { rows } => {
            let raw = |row: &[f32]| problem.units.as_ref().map_or(row.to_vec(), |u| u.raw(row));
            rows.chunks_exact(dim + given).take(n).flat_map(raw).collect()
        }
        Target::Energy { .. } => Vec::new(),
    };
    let (data, mut contexts) = apart(&data, dim, dim + given);
    // Each given what a row of the data is given, or as many as there are.
    let n = contexts.len().checked_div(given).unwrap_or(n);
    contexts.truncate(n * given);
    let mut rows = vec![0f32; n * dim];
    model.given(&contexts).sample(seed, 0, &mut rows, None);
    match *model.model.description().shape() {
        [height, width] => cells(&rows, height, width),
        _ => {
            let plane = |rows: &[f32]| {
                let point = |row: &[f32]| [row[0], row.get(1).copied().unwrap_or(0.0)];
                rows.chunks_exact(dim).map(point).collect::<Vec<_>>()
            };
            scatter(&plane(&rows), &plane(&data))
        }
    }
}
