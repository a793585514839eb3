//! The firmware, compiled around models of all families and both arithmetics and run on an
//! emulated Cortex-M4F, gives the bits of a loaded model on this machine; a Cortex-M3 is refused what
//! it cannot do.

#[path = "../../engine/tests/needs/mod.rs"]
mod needs;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output, Stdio};
use std::{env, fs};

use needs::{Test, missing_program, missing_target};

use pushforward::model::Model;

const TARGET: &str = "thumbv7em-none-eabihf";
const CORTEX_M3: &str = "thumbv7m-none-eabi";
const QEMU: &str = "qemu-system-arm";
const MACHINE: &str = "-cpu cortex-m4 -machine mps2-an386 -nographic -icount shift=6 \
                       -semihosting-config enable=on,target=native -kernel";

/// Lines of words.
type Lines = Vec<Vec<String>>;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Runs cargo on the firmware, without the settings of the cargo that runs this test.
fn cargo(arguments: &[&str], model: Option<&Path>) -> Result<Output, Box<dyn Error>> {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(repository().join("firmware")).args(["build", "--release"]).args(arguments);
    command.arg("--target-dir").arg(target_dir());
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.ends_with("RUSTFLAGS") || text.starts_with("CARGO_BUILD_") {
            command.env_remove(&name);
        }
    }
    match model {
        Some(model) => command.env("PUSHFORWARD_MODEL", model),
        None => command.env_remove("PUSHFORWARD_MODEL"),
    };
    Ok(command.output()?)
}

fn target_dir() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("firmware")
}

/// Runs a program and returns its lines as words.
fn run(program: &str, arguments: &str) -> Result<Lines, Box<dyn Error>> {
    let elf = target_dir().join(TARGET).join("release").join(program);
    let mut command = Command::new(QEMU);
    command.args(MACHINE.split_whitespace()).arg(elf).args(["-append", arguments]);
    let output = command.stdin(Stdio::null()).output()?;
    let text = String::from_utf8(output.stdout)?;
    if !output.status.success() {
        return Err(format!("{program} {arguments}: {}: {text}", output.status).into());
    }
    Ok(text.lines().map(|l| l.split(' ').map(str::to_owned).collect()).collect())
}

/// The `row` lines that a program should print.
fn expected_rows(
    model: &Model,
    program: &str,
    seed: u64,
    first: u64,
    n: u64,
) -> Result<Lines, Box<dyn Error>> {
    let (sampler, dim) = (model.sampler()?, model.architecture().dim());
    let (mut rows, mut log_prob) = (vec![0.0; n as usize * dim], vec![0.0; n as usize]);
    sampler.sample(seed, first, &mut rows, Some(&mut log_prob));
    if program == "log_prob" {
        // A flow's score is at the row as it was rounded, its draw's log-probability is not.
        sampler.log_prob(&rows, &mut log_prob);
    }
    let hex = |x: &f32| format!("{:08x}", x.to_bits());
    let line = |(i, (row, log_prob)): (u64, (&[f32], &f32))| {
        let mut words = vec!["row".into(), (first.wrapping_add(i)).to_string(), hex(log_prob)];
        if model.architecture().is_discrete() {
            words.push(row.iter().map(|s| if *s > 0.0 { '+' } else { '-' }).collect());
        } else {
            words.extend(row.iter().map(hex));
        }
        words
    };
    Ok((0..).zip(rows.chunks(dim).zip(&log_prob)).map(line).collect())
}

/// The figure that a line names.
fn figure(lines: &[Vec<String>], name: &str) -> Result<usize, Box<dyn Error>> {
    let line = lines.iter().find(|words| words[0] == name).ok_or(format!("no line {name}"))?;
    Ok(line[1].parse()?)
}

fn rows_and_scores_have_the_bits_of_a_loaded_model() -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(target_dir())?;
    // One path for all models: a change of the file has to rebuild.
    let path = target_dir().join("model.safetensors");
    for name in [
        "spins_fused",
        "flow_plain",
        "spins_plain",
        "flow_fused",
        "nsf_fused",
        "maf_plain",
        "iaf_fused",
    ] {
        let bytes = fs::read(
            repository().join("codegen/tests/models").join(name).with_extension("safetensors"),
        )?;
        fs::write(&path, &bytes)?;
        let built = cargo(&[], Some(&path))?;
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));

        let model = Model::from_bytes(&bytes)?;
        let selftest = run("selftest", "")?;
        assert!(selftest.iter().any(|line| line.join(" ") == "selftest ok"), "{selftest:?}");
        // The second range ends on another page of 2^32 samples.
        for (seed, first, n) in [(9, 3, 5), (1 << 40, (1 << 32) - 2, 4)] {
            for program in ["sample", "log_prob"] {
                let lines = run(program, &format!("seed={seed} first={first} n={n}"))?;
                let rows: Vec<_> = lines.iter().filter(|l| l[0] == "row").cloned().collect();
                assert_eq!(rows, expected_rows(&model, program, seed, first, n)?, "{name}");
                for figure_name in ["instructions", "stack", "flash"] {
                    assert!(figure(&lines, figure_name)? > 0, "{figure_name}");
                }
                assert_eq!(figure(&lines, "scratch")?, 4 * model.architecture().scratch_len());
                let weights = 4 * model.architecture().packed_len();
                assert_eq!(figure(&lines, "weights")?, weights);
                // The budget counts an upper bound of the code; the image is the truth.
                let tables = figure(&lines, "tables")?;
                let code = figure(&lines, "flash")? - weights - tables;
                let bound = figure(&lines, "model_flash")? - weights - tables;
                println!("{name}, {program}: {code} bytes of code, counted as {bound}");
                assert!(code <= bound && bound <= 2 * code, "{name}: {code}, counted as {bound}");
            }
        }
    }
    let error = run("sample", "n=4 sed=1").unwrap_err().to_string();
    assert!(error.contains("found sed=1"), "{error}");
    Ok(())
}

/// Overflow checks in a user's profile do not cost the proof: the manifest exempts the engine.
fn overflow_checks_may_be_on() -> Result<(), Box<dyn Error>> {
    for name in ["spins_fused", "flow_plain", "nsf_fused", "maf_plain", "iaf_fused"] {
        let model = repository().join("codegen/tests/models").join(name);
        let model = model.with_extension("safetensors");
        let built = cargo(&["--config", "profile.release.overflow-checks=true"], Some(&model))?;
        assert!(built.status.success(), "{name}: {}", String::from_utf8_lossy(&built.stderr));
    }
    Ok(())
}

fn a_program_that_can_panic_does_not_link() -> Result<(), Box<dyn Error>> {
    let arguments = ["--bin", "reachable_panic", "--features", "deliberate-panic"];
    let built = cargo(&arguments, None)?;
    let text = String::from_utf8_lossy(&built.stderr);
    assert!(!built.status.success());
    assert!(text.contains("undefined symbol: pushforward_panic_is_reachable"), "{text}");
    Ok(())
}

fn a_fused_model_is_refused_where_nothing_fuses() -> Result<(), Box<dyn Error>> {
    for (name, accepted) in [("spins_plain", true), ("spins_fused", false)] {
        let model = repository().join("codegen/tests/models").join(name);
        let model = model.with_extension("safetensors");
        let built = cargo(&["--lib", "--target", CORTEX_M3], Some(&model))?;
        let text = String::from_utf8_lossy(&built.stderr);
        assert_eq!(built.status.success(), accepted, "{name}: {text}");
        assert_eq!(text.contains("this model's arithmetic is `fused`"), !accepted, "{text}");
    }
    Ok(())
}

/// The target, the program if any, the name and the body of a test.
type Row = (&'static str, Option<&'static str>, &'static str, fn() -> Result<(), Box<dyn Error>>);

fn main() -> ExitCode {
    let rows: [Row; 4] = [
        (
            TARGET,
            Some(QEMU),
            "rows_and_scores_have_the_bits_of_a_loaded_model",
            rows_and_scores_have_the_bits_of_a_loaded_model,
        ),
        (TARGET, None, "overflow_checks_may_be_on", overflow_checks_may_be_on),
        (
            TARGET,
            None,
            "a_program_that_can_panic_does_not_link",
            a_program_that_can_panic_does_not_link,
        ),
        (
            CORTEX_M3,
            None,
            "a_fused_model_is_refused_where_nothing_fuses",
            a_fused_model_is_refused_where_nothing_fuses,
        ),
    ];
    let tests = rows.map(|(target, program, name, body)| {
        let program = program.and_then(|program| missing_program(program, program));
        let missing = missing_target(target).into_iter().chain(program);
        Test::needing(target, missing, name, move || Ok(body()?))
    });
    needs::run(include_str!("board.rs"), tests.into())
}
