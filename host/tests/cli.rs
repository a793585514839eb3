//! The command line as a user or a script meets it: the binary is run, its files and exit codes are
//! looked at.

#[path = "cli/arrays.rs"]
mod arrays;
#[path = "cli/bounds.rs"]
mod bounds;
#[path = "cli/categories.rs"]
mod categories;
#[path = "cli/circles.rs"]
mod circles;
#[path = "cli/conditional.rs"]
mod conditional;
#[path = "cli/configs.rs"]
mod configs;
#[path = "cli/constraints.rs"]
mod constraints;
#[path = "cli/graphs.rs"]
mod graphs;
#[path = "cli/groups.rs"]
mod groups;
#[path = "cli/imports.rs"]
mod imports;
#[path = "cli/integers.rs"]
mod integers;
#[path = "cli/lattices.rs"]
mod lattices;
#[path = "cli/mixture_cdf.rs"]
mod mixture_cdf;
#[path = "cli/models.rs"]
mod models;
#[cfg(unix)]
#[path = "cli/outputs.rs"]
mod outputs;
#[path = "cli/paths.rs"]
mod paths;
#[path = "cli/pixelcnn.rs"]
mod pixelcnn;
#[path = "cli/quantize.rs"]
mod quantize;
#[path = "cli/reports.rs"]
mod reports;
#[cfg(unix)]
#[path = "cli/stopping.rs"]
mod stopping;
#[path = "cli/tables.rs"]
mod tables;
#[path = "cli/training.rs"]
mod training;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

/// Runs the binary in `folder`.
fn run(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pushforward"));
    command.current_dir(folder).args(arguments).stdin(Stdio::null());
    command
}

/// Runs the binary with text on standard input.
fn pipe(folder: &Path, arguments: &[&str], text: &str) -> Output {
    let mut command = command(folder, arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// Runs the binary, expects success, returns standard output.
fn ok(folder: &Path, arguments: &[&str]) -> String {
    let out = run(folder, arguments);
    let errors = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(0), "{arguments:?}: {errors}");
    String::from_utf8(out.stdout).unwrap()
}

/// Runs the binary, expects exit code 2 and one clear message, and returns the message.
fn refused(folder: &Path, arguments: &[&str]) -> String {
    let out = run(folder, arguments);
    let message = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(2), "{arguments:?}: {message}");
    assert_eq!(String::from_utf8_lossy(&out.stdout), "", "{arguments:?}");
    for word in ["panicked", "RUST_BACKTRACE", "unwrap", "src/"] {
        assert!(!message.contains(word), "{arguments:?}: {message}");
    }
    assert!(message.starts_with("error: "), "{arguments:?}: {message}");
    message
}

/// Trains a config on the CPU, into `run`, and gives what it says.
fn figures(folder: &Path, config: &str) -> serde_json::Value {
    std::fs::write(folder.join("x.toml"), config).unwrap();
    let run = ["train", "x.toml", "--device", "cpu", "--out", "run", "--json"];
    serde_json::from_str(&ok(folder, &run)).unwrap()
}

/// Expects that a lattice of `figures` was learnt so well, its free energy within five errors; that all of its states
/// are enumerated and rows drawn at every level; and the same bits again after an end in between.
fn lattice_is_learnt(folder: &Path, found: &serde_json::Value, ess: f64) {
    let of = |name: &str| found[name].as_f64().unwrap_or_else(|| panic!("{name}: {found}"));
    assert!(of("ess") > ess, "{found}");
    assert!((of("ln_z") - of("ln_z_exact")).abs() < 5.0 * of("ln_z_error"), "{found}");
    let model = "run/model.safetensors";
    let check = ok(folder, &["check", model]);
    assert!(check.contains("ok      normalisation"), "{check}");
    let bytes = std::fs::read(folder.join(model)).unwrap();
    ok(folder, &["train", "x.toml", "--device", "cpu", "--out", "run", "--resume"]);
    assert_eq!(std::fs::read(folder.join(model)).unwrap(), bytes);
}

/// Expects that `train` refuses a config in which `from` became `to`, with these words.
fn train_refuses(folder: &Path, config: &str, [from, to]: [&str; 2], words: &str) {
    let text = config.replace(from, to);
    assert_ne!(text, config);
    std::fs::write(folder.join("wrong.toml"), text).unwrap();
    let error = refused(folder, &["train", "wrong.toml", "--device", "cpu", "--out", "other"]);
    assert!(error.contains(words), "{to}: {error}");
}

/// What lies in a folder and below.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    let below = |path: PathBuf| if path.is_dir() { files(&path) } else { vec![path] };
    let mut all: Vec<_> = entries.flat_map(below).collect();
    all.sort();
    all
}

/// A small spin model and a small flow, trained once for all tests.
fn trained() -> &'static Trained {
    static TRAINED: OnceLock<Trained> = OnceLock::new();
    TRAINED.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("ising.toml"), ISING).unwrap();
        std::fs::write(at("well.toml"), WELL).unwrap();
        for name in ["ising", "well"] {
            ok(
                folder.path(),
                &["train", &format!("{name}.toml"), "--device", "cpu", "--out", name],
            );
        }
        let spins = at("ising/model.safetensors");
        let flow = at("well/model.safetensors");
        Trained { spins: spins.display().to_string(), flow: flow.display().to_string(), folder }
    })
}

struct Trained {
    spins: String,
    flow: String,
    folder: TempDir,
}

impl Trained {
    /// What a command in the folder answers in JSON.
    fn json(&self, arguments: &[&str]) -> serde_json::Value {
        serde_json::from_str(&ok(self.folder.path(), arguments)).unwrap()
    }
}

const ISING: &str = "
[model]
kind = 'made'
hidden = [36]

[target]
hamiltonian = 'ising2d'
size = 3
beta = 0.3

[train]
steps = 60
batch = 64
checkpoint_every = 20
evaluate = 4000
";

const WELL: &str = "
[model]
kind = 'realnvp'
layers = 4
hidden = [16]

[target]
hamiltonian = 'double_well'

[train]
steps = 60
batch = 64
evaluate = 4000
";
