//! `couplings`: the graph that rows of spins come from, and a model of it.

use std::path::PathBuf;

use pushforward::domain::{Domain, Kind};
use pushforward::model::{Description, SitesSpec, Symmetry};
use serde_json::{Map, Value as Json, json};

use super::train::Job;
use crate::config::{Hamiltonian, TargetConfig};
use crate::data::{Reader, write_file};
use crate::energy::Edge;
use crate::error::{Error, Result, note};
use crate::inverse::{Action, Found, MOST, Round, Search, seek};
use crate::problem::Problem;
use crate::run::RunFolder;
use crate::signals;
use crate::train::{Objective, Schedule, TrainOptions};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    job: Job,
    /// Rows of spins, as for `train`.
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// Rounds.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(2..=10_000))]
    rounds: u16,
    /// Training steps of the inner model in a round; before the first there are those of the config.
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    steps: u32,
    /// Draws a round.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(100..=10_000_000))]
    draws: u32,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let job = &args.job;
    if job.resume {
        return Err(Error::Usage("--resume: couplings are sought anew".into()));
    }
    let mut config = job.load(&job.settings)?;
    let TargetConfig::Hamiltonian(Hamiltonian::Graph { shape, beta, edges, fields }) =
        &config.target
    else {
        let message = "[target] hamiltonian: expected 'graph', whose couplings are sought";
        return Err(Error::input(&job.config, message));
    };
    let problem = Problem::new(&config, &job.config)?;
    let is_even = matches!(
        problem.model.description(),
        Description::Sites(SitesSpec { symmetry: Symmetry::Z2, .. })
    );
    let action = Action {
        shape: shape.clone(),
        beta: *beta,
        edges: edges.clone(),
        fields: fields.clone(),
        with_fields: !is_even,
    };
    let sought = edges.len() + if is_even { 0 } else { fields.len() };
    if !(1..=MOST).contains(&sought) {
        let message =
            format!("[target] edges: found {sought} couplings and fields, expected 1 to {MOST}");
        return Err(Error::input(&job.config, message));
    }
    let mut reader = Reader::open(&args.data, Some(fields.len()), Domain::Uniform(Kind::Spin))?;
    let rows = reader.all()?;
    if rows.is_empty() {
        return Err(Error::input(&args.data, "has no rows"));
    }
    let train = &config.train;
    let search = Search {
        rounds: args.rounds.into(),
        first: train.steps,
        steps: args.steps.into(),
        draws: args.draws as usize,
        options: TrainOptions {
            schedule: Schedule::Constant,
            objective: Objective::default(),
            warm_up: 0,
            average: 0.0,
            ..train.options()
        },
    };
    let (device, folder) = (job.device()?, job.folder());
    // What cannot be written is said before anything is sought.
    drop(RunFolder::open(&folder)?);
    let mut last = None;
    let found = seek(
        action,
        problem.model.clone(),
        &rows,
        &search,
        &device,
        &mut |round: &Round| {
            if signals::received() {
                return Err(Error::Interrupted("couplings were sought; nothing is written".into()));
            }
            let Round { round: k, log_likelihood, distance, ess } = *round;
            note(format!(
                "round {k}/{}  ln-likelihood {log_likelihood:.4}  distance {distance:.4}  ESS {ess:.3}",
                search.rounds
            ));
            last = Some(*round);
            Ok(())
        },
    )?;
    // A model of what was found, trained from the inner one.
    let Found { action, errors, model } = found;
    config.target = TargetConfig::Hamiltonian(Hamiltonian::Graph {
        shape: action.shape.clone(),
        beta: action.beta,
        edges: action.edges.clone(),
        fields: action.fields.clone(),
    });
    config.train.anneal = None;
    let mut problem = Problem::new(&config, &job.config)?;
    problem.start_from(&model).map_err(Error::Failed)?;
    let outcome = super::train::train(&problem, &config, &device, &folder, false, &job.name())?;
    let [of_edges, of_fields] = &errors;
    let edge =
        |((i, j, coupling), error): (&Edge, &f64)| format!("{i},{j},{coupling},{error:.3e}\n");
    let edges: String = action.edges.iter().zip(of_edges).map(edge).collect();
    write_file(&folder.join("edges.csv"), edges.as_bytes())?;
    let field = |(i, (h, error)): (usize, (&f32, &f64))| format!("{i},{h},{error:.3e}\n");
    let fields: String = action.fields.iter().zip(of_fields).enumerate().map(field).collect();
    write_file(&folder.join("fields.csv"), fields.as_bytes())?;
    let n = rows.len() / action.fields.len();
    let mut figures: Map<String, Json> = outcome.figures;
    let mut lines = Vec::new();
    if let Some(Round { log_likelihood, distance, .. }) = last {
        figures.insert("log_likelihood".into(), json!(log_likelihood));
        figures.insert("distance".into(), json!(distance));
        figures.insert("rows".into(), json!(n));
        lines.push((
            "ln-likelihood of the rows".into(),
            format!("{log_likelihood:.4} nats a row, {n} rows"),
        ));
        // Of this round's draws, and of the last one's in what they led to.
        let noise = (2.0 * sought as f64 / f64::from(args.draws)).sqrt();
        lines.push((
            "averages, from those of the rows".into(),
            format!("{distance:.4}, where noise alone is some {noise:.4}"),
        ));
    }
    let mean = |errors: &[f64]| errors.iter().sum::<f64>() / errors.len().max(1) as f64;
    lines.push(("error of a coupling, mean".into(), format!("{:.4}", mean(of_edges))));
    figures.insert("coupling_error".into(), json!(mean(of_edges)));
    if job.json {
        return super::print_json(&Json::Object(figures));
    }
    lines.extend(outcome.lines);
    super::print(&format!(
        "{}saved {} (beside it edges.csv, fields.csv, report.html)\n",
        super::table(&lines),
        outcome.file.display()
    ))
}
