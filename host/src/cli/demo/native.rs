//! The model compiled into a native program: a package of two files that depends on the checkout.

use std::path::Path;
use std::process::{Command, Stdio};

use super::{SEED, write_package};
use crate::board::{Output, build, parse};
use crate::error::{Error, Result};

/// The program: it prints the lines that a board prints.
const PROGRAM: &str = r#"//! A trained model as static Rust, drawn and timed.

/// The clock of the verb `bench`.
mod clock;

pushforward_codegen::model! {
    mod model = "model.safetensors";
}

const BATCH: usize = 1024;

fn main() -> Result<(), pushforward::distribution::Error> {
    let mut numbers = std::env::args().skip(1).filter_map(|a| a.parse::<u64>().ok());
    let (seed, rows) = (numbers.next().unwrap_or(1), numbers.next().unwrap_or(4));
    let mut scratch = model::Scratch::new();
    for index in 0..rows {
        let mut row = [Default::default(); model::DIM];
        let log_prob = model::sample_with_log_prob(seed, index, &mut row, &mut scratch);
        print!("row {index} {:08x} ", log_prob.to_bits());
        row.iter().for_each(|spin| print!("{}", if *spin > 0 { '+' } else { '-' }));
        println!();
    }
    let mut batch = vec![[Default::default(); model::DIM]; BATCH];
    let mut log_prob = vec![0.0; BATCH];
    let mut scratch = vec![0.0; model::scratch_len(BATCH)];
    let (mut drawn, mut outcome) = (0, Ok(()));
    let mut draw = |calls| {
        for _ in 0..calls {
            let (batch, log_prob, scratch) = (&mut batch, &mut log_prob, &mut scratch);
            let drawing = model::sample_rows_with_log_prob(seed, drawn, batch, log_prob, scratch);
            outcome = outcome.and(drawing);
            drawn += BATCH as u64;
        }
    };
    let calls = clock::calls_in(clock::BLOCK, &mut clock::wall(), &mut draw);
    let [call] = clock::shortest(calls, 0.3, &mut clock::wall(), &mut draw);
    outcome?;
    println!("samples_per_second {:.0}", BATCH as f64 / call);
    println!("weights {} scratch {}", model::WEIGHT_BYTES, model::SCRATCH_BYTES);
    println!("done");
    Ok(())
}
"#;

/// Writes, builds and runs the package, which prints `rows` rows and its speed.
pub(super) fn run(
    checkout: &Path,
    target: &Path,
    folder: &Path,
    model: &Path,
    rows: usize,
) -> Result<Output> {
    let package = folder.join("native");
    let path = |name: &str| checkout.join(name).display().to_string();
    // Debug quotes as TOML does.
    let manifest = format!(
        "[package]\nname = \"native\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\n\
         pushforward = {{ path = {:?} }}\npushforward-codegen = {{ path = {:?} }}\n\n[workspace]\n",
        path("engine"),
        path("codegen")
    );
    let read = |file: &Path| std::fs::read(file).map_err(|e| Error::read(file, &e));
    // The checkout's versions, so that what it has built is used again.
    let lock = read(&checkout.join("Cargo.lock"))?;
    write_package(
        &package,
        &[
            ("Cargo.toml", manifest.as_bytes()),
            ("src/main.rs", PROGRAM.as_bytes()),
            ("src/clock.rs", include_bytes!("../../timing/clock.rs")),
        ],
    )?;
    write_package(&package, &[("model.safetensors", &read(model)?)])?;
    if !package.join("Cargo.lock").exists() {
        write_package(&package, &[("Cargo.lock", &lock)])?;
    }
    let target = std::path::absolute(target).map_err(|e| Error::read(target, &e))?;
    build(&package, &target, &[], &[])?;
    let mut command = Command::new(target.join("release/native"));
    command.args([SEED.to_string(), rows.to_string()]).stdin(Stdio::null());
    let out = command
        .output()
        .map_err(|e| Error::Failed(format!("the compiled program cannot be run: {e}")))?;
    parse(&String::from_utf8_lossy(&out.stdout))
        .map_err(|line| Error::Failed(format!("the compiled program printed '{line}'")))
}
