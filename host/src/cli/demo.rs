//! `demo`: the tour, from a Hamiltonian to the same bits on a server and a microcontroller.

mod native;

use std::path::{Path, PathBuf};
use std::time::Instant;

use pushforward::simd::Level;

use super::{bench, picture, print, table, train};
use crate::board::{Board, Output, checkout, missing, missing_to_compile, target_folder};
use crate::config::Config;
use crate::data::write_file;
use crate::error::{Error, Result};
use crate::loaded::Loaded;
use crate::problem::Problem;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A smaller lattice and fewer steps: under a minute.
    #[arg(long)]
    quick: bool,
    /// Folder for the results; target/demo if not given.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// The config of the tour, also in `host/configs/`.
const CONFIG: &str = include_str!("../../configs/demo.toml");
/// What `--quick` changes.
const QUICK: [&str; 3] = ["size=8", "steps=400", "evaluate=20000"];
/// Rows whose bits are compared, on this machine and on the emulated board.
const ROWS: usize = 64;
const BOARD_ROWS: usize = 4;
/// Their seed.
const SEED: u64 = 1;

pub(super) fn run(args: &Args) -> Result<()> {
    let checkout = checkout();
    let target = target_folder(checkout.as_deref());
    let folder = args.out.clone().unwrap_or_else(|| target.join("demo"));
    let quick: Vec<_> = if args.quick { QUICK.map(String::from).into() } else { Vec::new() };
    let name = Path::new("demo.toml");
    let config = Config::parse(CONFIG, name, &quick)?;

    let problem = Problem::new(&config, name)?;
    let description = problem.model.description();
    print(&format!(
        "1  train: the Ising model at its critical point, {:?} spins\n   {}, {} parameters, {} steps\n",
        description.shape(),
        super::inspect::describe(description),
        description.parameters(),
        config.train.steps
    ))?;
    let device = train::open(train::DeviceChoice::Cpu)?;
    let outcome = train::train(&problem, &config, &device, &folder, false, "demo")?;
    print(&format!("   {:.0} s; saved {}\n\n", outcome.seconds, outcome.file.display()))?;

    print("2  score against the exact answer (Kaufman 1949)\n")?;
    print(&indented(&table(&outcome.lines)))?;
    let loaded = &outcome.model;
    print(&format!("\n   four of its configurations\n{}\n", indented(&pictures(loaded, 4))))?;

    print("3  run it: loaded at run time\n")?;
    let rate = bench::samples_per_second(loaded);
    print(&format!(
        "   {rate:.0} samples/s with log-probability, one thread, {}\n\n",
        loaded.sampler().level().name()
    ))?;
    let reference = draw(loaded, Level::Scalar)?;
    let mut agreement = vec![("loaded, scalar".to_owned(), true, ROWS)];
    for level in Level::available().filter(|l| *l != Level::Scalar) {
        let output = draw(loaded, level)?;
        agreement.push((format!("loaded, {}", level.name()), same(&output, &reference), ROWS));
    }

    print("4  compile it: static Rust by the macro, built and run natively\n")?;
    match missing_to_compile(checkout.as_deref()) {
        Some(reason) => print(&format!("   skipped: {reason}\n\n"))?,
        None => {
            let checkout = checkout.as_deref().unwrap_or(Path::new("."));
            let start = Instant::now();
            let output = native::run(checkout, &target, &folder, &outcome.file, ROWS)?;
            let figure = |name: &str| output.figures.get(name).copied().unwrap_or(0);
            print(&format!(
                "   {} samples/s, weights {} bytes, scratch {} bytes a row ({:.0} s with the build)\n\n",
                figure("samples_per_second"),
                figure("weights"),
                figure("scratch"),
                start.elapsed().as_secs_f64()
            ))?;
            agreement.push(("compiled, native".into(), same(&output.rows, &reference), ROWS));
        }
    }

    print("5  emulate it: the firmware on a Cortex-M4F\n")?;
    match missing(checkout.as_deref(), None) {
        Some(reason) => print(&format!("   skipped: {reason}\n\n"))?,
        None => {
            let checkout = checkout.as_deref().unwrap_or(Path::new("."));
            let start = Instant::now();
            let board = Board::build(checkout, &outcome.file, &target.join("firmware"))?;
            board.run("selftest", SEED, 0, 1)?;
            print(&format!("   board {}\n", board.name()))?;
            for program in ["sample", "log_prob"] {
                let output = board.run(program, SEED, 0, BOARD_ROWS as u64)?;
                print(&board_line(program, &output))?;
                let agrees = same(&output.rows, &reference[..BOARD_ROWS]);
                agreement.push((format!("compiled, Cortex-M4F, {program}"), agrees, BOARD_ROWS));
            }
            print(&format!("   ({:.0} s with the build)\n\n", start.elapsed().as_secs_f64()))?;
        }
    }

    print("6  compare: rows and log-probabilities, bit for bit\n")?;
    let line = |(name, agrees, rows): &(String, bool, usize)| {
        (name.clone(), format!("{rows} rows  {}", if *agrees { "equal" } else { "DIFFERENT" }))
    };
    print(&indented(&table(&agreement.iter().map(line).collect::<Vec<_>>())))?;
    if agreement.iter().all(|(_, agrees, _)| *agrees) {
        print("\nbits agree\n")
    } else {
        Err(Error::Failed("bits differ".into()))
    }
}

type Rows = Vec<(u64, u32, Vec<f32>)>;

/// The first rows of the stream, in the form in which boards print them.
fn draw(model: &Loaded, level: Level) -> Result<Rows> {
    let model = Loaded::new(model.model.clone())?.at(level);
    let (mut rows, mut log_prob) = (vec![0f32; ROWS * model.dim()], vec![0.0; ROWS]);
    model.given(&[]).sample(SEED, 0, &mut rows, Some(&mut log_prob));
    let rows = rows.chunks_exact(model.dim()).zip(&log_prob).enumerate();
    Ok(rows.map(|(i, (row, l))| (i as u64, l.to_bits(), row.to_vec())).collect())
}

fn same(found: &[(u64, u32, Vec<f32>)], expected: &[(u64, u32, Vec<f32>)]) -> bool {
    let bits = |row: &[f32]| row.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    found.len() == expected.len()
        && found
            .iter()
            .zip(expected)
            .all(|(a, b)| a.0 == b.0 && a.1 == b.1 && bits(&a.2) == bits(&b.2))
}

fn board_line(program: &str, output: &Output) -> String {
    let figure = |name: &str| output.figures.get(name).map_or("?".into(), u64::to_string);
    let draw_only = output.figures.get("instructions_draw_only");
    let draw_only = draw_only.map_or(String::new(), |n| format!(" ({n} without log-probability)"));
    format!(
        "   {program:9} {} instructions a row{draw_only}\n   {:9} flash {} bytes (weights {}), \
         scratch {}, stack {}, static {}\n",
        figure("instructions"),
        "",
        figure("flash"),
        figure("weights"),
        figure("scratch"),
        figure("stack"),
        figure("ram")
    )
}

/// Lattices of spins, side by side.
fn pictures(model: &Loaded, n: usize) -> String {
    let &[height, width] = model.model.description().shape() else { return String::new() };
    let mut rows = vec![0i8; n * height * width];
    model.given(&[]).sample(SEED, 0, &mut rows, None);
    picture::spins(&rows, [height, width])
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("   {}\n", line.trim_end())).collect()
}

/// Writes the files of a small package.
fn write_package(folder: &Path, files: &[(&str, &[u8])]) -> Result<()> {
    for (name, bytes) in files {
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent).map_err(|e| Error::write(parent, &e))?;
        // Unchanged files keep their times, so that cargo has nothing to do.
        if std::fs::read(&path).ok().as_deref() != Some(bytes) {
            write_file(&path, bytes)?;
        }
    }
    Ok(())
}
