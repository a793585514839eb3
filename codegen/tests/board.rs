//! The firmware, compiled around models of all families and both arithmetics and run on emulated
//! boards, gives the bits of a loaded model on this machine; a Cortex-M3 is refused what it cannot
//! do.

#[allow(dead_code, unreachable_pub, reason = "the host's own module")]
#[path = "../../host/src/board/folder.rs"]
mod folder;
#[path = "../../engine/tests/needs/mod.rs"]
mod needs;
#[path = "../../engine/tests/bits/thousand.rs"]
mod thousand;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output, Stdio};
use std::sync::{Mutex, PoisonError};
use std::{env, fs};

use folder::Folder;
use needs::{Test, missing_program, missing_target};

use pushforward::domain::Element;
use pushforward::model::Model;

const CORTEX_M3: &str = "thumbv7m-none-eabi";

/// Held while a test builds and runs: all builds of a program have one path.
static ALONE: Mutex<()> = Mutex::new(());

/// Lines of words.
type Lines = Vec<Vec<String>>;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn firmware() -> PathBuf {
    repository().join("firmware")
}

/// Builds the firmware.
fn cargo(arguments: &[&str], model: Option<&Path>) -> Result<Output, Box<dyn Error>> {
    cargo_in(&firmware(), &[&["build"], arguments].concat(), model)
}

/// Runs cargo in a folder, without the settings of the cargo that runs this test.
fn cargo_in(
    folder: &Path,
    arguments: &[&str],
    model: Option<&Path>,
) -> Result<Output, Box<dyn Error>> {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(folder).args(arguments).arg("--release").stdin(Stdio::null());
    command.arg("--target-dir").arg(target_dir());
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.ends_with("RUSTFLAGS") || text.starts_with("CARGO_BUILD_") {
            command.env_remove(&name);
        }
    }
    for name in ["PUSHFORWARD_MODEL", "PUSHFORWARD_STACK", "PUSHFORWARD_INSTRUCTIONS"] {
        command.env_remove(name);
    }
    command.envs(model.map(|model| ("PUSHFORWARD_MODEL", model)));
    Ok(command.output()?)
}

fn target_dir() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("firmware")
}

/// Runs a program of a board and returns its lines as words.
fn run(board: &Folder, program: &str, arguments: &str) -> Result<Lines, Box<dyn Error>> {
    let mut command = board.command(&target_dir(), program);
    let output = command.args(["-append", arguments]).stdin(Stdio::null()).output()?;
    let text = String::from_utf8(output.stdout)?;
    if !output.status.success() {
        let (name, status) = (board.name(), output.status);
        return Err(format!("{name}: {program} {arguments}: {status}: {text}").into());
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
    context: &[f32],
) -> Result<Lines, Box<dyn Error>> {
    let (sampler, dim) = (model.sampler()?, model.description().dim());
    let (mut rows, mut log_prob) = (vec![0.0; n as usize * dim], vec![0.0; n as usize]);
    sampler.given(context).sample(seed, first, &mut rows, Some(&mut log_prob));
    if program == "log_prob" {
        // A flow's score is at the row as it was rounded, its draw's log-probability is not.
        sampler.given(context).log_prob(&rows, &mut log_prob);
    }
    let hex = |x: &f32| format!("{:08x}", x.to_bits());
    let line = |(i, (row, log_prob)): (u64, (&[f32], &f32))| {
        let mut words = vec!["row".into(), (first.wrapping_add(i)).to_string(), hex(log_prob)];
        match model.description().domain().element() {
            Element::F32 => words.extend(row.iter().map(hex)),
            Element::I8 => {
                words.push(row.iter().map(|s| if *s > 0.0 { '+' } else { '-' }).collect());
            }
            Element::U8 | Element::U16 => words.extend(row.iter().map(|x| x.to_string())),
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

/// Builds programs around a model of the tests, or the firmware's own, and reads the model.
fn built(arguments: &[&str], name: &str) -> Result<Model, Box<dyn Error>> {
    let own = ["default", "small"].contains(&name);
    let folder = if own { "firmware/models" } else { "codegen/tests/models" };
    let stored = repository().join(folder).join(name);
    let bytes = fs::read(stored.with_extension("safetensors"))?;
    fs::create_dir_all(target_dir())?;
    // One path for all models: a change of the file has to rebuild.
    let path = target_dir().join("model.safetensors");
    fs::write(&path, &bytes)?;
    let built = cargo(arguments, Some(&path))?;
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    Ok(Model::from_bytes(&bytes)?)
}

fn passes_its_selftest(board: &Folder) -> Result<(), Box<dyn Error>> {
    let selftest = run(board, "selftest", "")?;
    assert!(selftest.iter().any(|line| line.join(" ") == "selftest ok"), "{selftest:?}");
    Ok(())
}

/// What rows of a conditional model are given.
fn context(model: &Model) -> Vec<f32> {
    thousand::context(model.description().context())
}

/// The argument that gives a program its context, none for none.
fn given(context: &[f32]) -> String {
    let words: Vec<_> = context.iter().map(|x| format!("{:08x}", x.to_bits())).collect();
    if words.is_empty() { String::new() } else { format!(" context={}", words.join(",")) }
}

/// The `row` lines among what a program printed.
fn rows(lines: &[Vec<String>]) -> Lines {
    lines.iter().filter(|line| line[0] == "row").cloned().collect()
}

/// The values that a word of a `row` line says.
fn values(model: &Model, word: &str) -> Result<Vec<f32>, Box<dyn Error>> {
    Ok(match model.description().domain().element() {
        Element::F32 => vec![f32::from_bits(u32::from_str_radix(word, 16)?)],
        Element::I8 => word.chars().map(|spin| if spin == '+' { 1.0 } else { -1.0 }).collect(),
        Element::U8 | Element::U16 => vec![word.parse()?],
    })
}

/// A board draws a thousand rows with ln q of a model that was built for it: those of this machine, and the pinned ones.
fn a_thousand_rows_have_their_pinned_hash(
    board: &Folder,
    model: &Model,
    name: &str,
    pinned: u64,
) -> Result<(), Box<dyn Error>> {
    let (seed, first, n) = (thousand::SEED, thousand::FIRST, thousand::N as u64);
    let context = context(model);
    let arguments = format!("seed={seed} first={first} n={n}{}", given(&context));
    let found = rows(&run(board, "sample", &arguments)?);
    let expected = expected_rows(model, "sample", seed, first, n, &context)?;
    assert_eq!(found, expected, "{}: {name}", board.name());
    let (mut drawn, mut log_prob) = (Vec::new(), Vec::new());
    for words in &found {
        log_prob.push(f32::from_bits(u32::from_str_radix(&words[2], 16)?));
        for word in &words[3..] {
            drawn.extend(values(model, word)?);
        }
    }
    let hash = thousand::hash_of_rows(&drawn, &log_prob);
    assert_eq!(hash, pinned, "{}: {name}: {hash:#018x}, pinned {pinned:#018x}", board.name());
    Ok(())
}

fn rows_and_scores_have_the_bits_of_a_loaded_model() -> Result<(), Box<dyn Error>> {
    let board = Folder::of_default(&firmware())?;
    let mut hashed = 0;
    for name in [
        "spins_fused",
        "v1/flow_plain",
        "spins_plain",
        "flow_fused",
        "nsf_fused",
        "nsf_plain",
        "v1/maf_plain",
        "iaf_fused",
        "categories_fused",
        "multilevel_fused",
        "multilevel_plain",
        "convolution_fused",
        "convolution_plain",
        "counts_fused",
        "counts_8",
        "increasing_plain",
        "successors_fused",
        "orbit_fused",
        "orbit_plain",
        "table_fused",
        "clock_plain",
        "mixed_fused",
        "multiscale_fused",
        "spins_8",
        "spins_16",
        "nsf_8",
        "flow_given_16",
        "spins_given_8",
        "maf_given_8",
        "given_fused",
        "given_plain",
        "linear_fused",
        "boxed_fused",
        "residual_fused",
        "spins_residual_plain",
        "mixture_fused",
        "circle_fused",
        "analytic_plain",
        "scales_fused",
        "torus_fused",
        "bounded_plain",
        "spins_given_plain",
        "zuko_nsf",
        "zuko_sbi",
        "nflows_sbi_maf",
        "nflows_sbi_nsf",
    ] {
        let model = built(&[], name)?;
        passes_its_selftest(&board)?;
        if let Some((_, _, pinned)) = thousand::PINNED.iter().find(|(of, ..)| *of == name) {
            a_thousand_rows_have_their_pinned_hash(&board, &model, name, *pinned)?;
            hashed += 1;
        }
        // Given at run time.
        let context = context(&model);
        let given = given(&context);
        // The second range ends on another page of 2^32 samples.
        for (seed, first, n) in [(9, 3, 5), (1 << 40, (1 << 32) - 2, 4)] {
            for program in ["sample", "log_prob"] {
                let arguments = format!("seed={seed} first={first} n={n}{given}");
                let lines = run(&board, program, &arguments)?;
                let expected = expected_rows(&model, program, seed, first, n, &context)?;
                assert_eq!(rows(&lines), expected, "{name}");
                for figure_name in ["instructions", "stack", "flash"] {
                    assert!(figure(&lines, figure_name)? > 0, "{figure_name}");
                }
                assert_eq!(figure(&lines, "scratch")?, 4 * model.description().scratch_len());
                let weights = 4 * model.description().packed_len();
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
    assert_eq!(hashed, thousand::PINNED.len());
    let error = run(&board, "sample", "n=4 sed=1").unwrap_err().to_string();
    assert!(error.contains("found sed=1"), "{error}");
    // Of two values, which the last model takes.
    for wrong in ["context=3f800000", "context=3f800000,3f800000,3f800000", "context=1,2"] {
        let error = run(&board, "sample", wrong).unwrap_err().to_string();
        assert!(error.contains(&format!("found {wrong}")), "{error}");
    }
    Ok(())
}

/// The dense kernels of the board's core compute what scalar code does.
fn kernels_are_scalar_code(board: &Folder) -> Result<(), Box<dyn Error>> {
    for program in ["bytes"].into_iter().chain(fuses(board).then_some("kernels")) {
        let lines = run(board, program, "")?;
        let ok = lines.iter().any(|line| line.join(" ") == "kernels ok");
        assert!(ok, "{}: {program}: {lines:?}", board.name());
    }
    Ok(())
}

/// Whether the board's FPU has the instruction that a `fused` model takes.
fn fuses(board: &Folder) -> bool {
    board.target.ends_with("hf")
}

/// A board is a folder and nothing else: each is found by its name, and whatever its core, it draws and
/// scores the bits of this machine.
fn every_emulated_board_has_the_bits_of_a_loaded_model() -> Result<(), Box<dyn Error>> {
    let default = Folder::of_default(&firmware())?;
    built(&["--bin", "bytes", "--bin", "kernels", "--features", "kernels"], "spins_8")?;
    kernels_are_scalar_code(&default)?;
    // The default board has these among the models above.
    for board in Folder::all(&firmware())?.iter().filter(|b| b.is_emulated() && **b != default) {
        let config = board.config.to_str().ok_or("a path that is not text")?;
        let pinned = thousand::PINNED.map(|(name, _, pinned)| (name, Some(pinned)));
        // The largest first; there is no room for the selftest beside it on the smallest board.
        for (name, pinned) in [("default", None)].into_iter().chain(pinned) {
            if name.ends_with("fused") && !fuses(board) {
                continue;
            }
            let mut arguments = vec!["--config", config, "--bin", "sample", "--bin", "log_prob"];
            let tested = name == "nsf_plain";
            if tested {
                arguments.extend(["--bin", "selftest", "--bin", "bytes", "--features", "kernels"]);
                arguments
                    .extend(fuses(board).then_some(["--bin", "kernels"]).into_iter().flatten());
            }
            let model = built(&arguments, name)?;
            if tested {
                passes_its_selftest(board)?;
                kernels_are_scalar_code(board)?;
            }
            if let Some(pinned) = pinned {
                a_thousand_rows_have_their_pinned_hash(board, &model, name, pinned)?;
            }
            let (seed, first) = (thousand::SEED, thousand::FIRST);
            let context = context(&model);
            let given = given(&context);
            for (program, n) in [("sample", 4), ("log_prob", 100)] {
                let n = if pinned.is_none() { 4 } else { n };
                let lines =
                    run(board, program, &format!("seed={seed} first={first} n={n}{given}"))?;
                assert_eq!(lines[0], ["board", board.name()]);
                let expected = expected_rows(&model, program, seed, first, n, &context)?;
                assert_eq!(rows(&lines), expected, "{}: {name}", board.name());
                for name in ["instructions", "stack", "flash"] {
                    assert!(figure(&lines, name)? > 0, "{}: {name}", board.name());
                }
            }
        }
    }
    Ok(())
}

/// A program that measures keeps to the budgets of its model, or ends in a failure and says which it exceeds.
fn budgets_are_kept_or_the_program_fails() -> Result<(), Box<dyn Error>> {
    let board = Folder::of_default(&firmware())?;
    let built_within = |arguments: &[&str], stack: usize, instructions: usize| {
        let budgets = [("STACK", stack), ("INSTRUCTIONS", instructions)];
        let budgets = budgets.map(|(name, n)| format!("env.PUSHFORWARD_{name}='{n}'"));
        let [stack, instructions] = &budgets;
        let budgets = ["--config", stack.as_str(), "--config", instructions.as_str()];
        built(&[arguments, &budgets].concat(), "spins_plain").map(|_| ())
    };
    let programs = ["--bin", "sample", "--bin", "log_prob"];
    let counted = [("sample", "the most of a draw with ln q"), ("log_prob", "the most of a score")];
    let plenty = 1 << 20;
    built_within(&programs, plenty, plenty)?;
    let mut figures = Vec::new();
    for (program, what) in counted {
        let lines = run(&board, program, "n=3")?;
        let [stack, most] = [figure(&lines, "stack")?, figure(&lines, "instructions")?];
        let text: Vec<_> = lines.iter().map(|words| words.join(" ")).collect();
        let within = |found| format!("found {found} expected at most {plenty}");
        let lines = [
            format!(
                "budget stack kept: bytes of the deepest stack of the program {}",
                within(stack)
            ),
            format!("budget instructions kept: {what} {}", within(most)),
        ];
        assert!(lines.iter().all(|line| text.contains(line)), "{text:?}");
        figures.push((stack, most));
    }
    for (few, name) in [(true, "stack"), (false, "instructions")] {
        // Less than any of the programs takes, and as much stack as the row and its scratch.
        let of = |all: fn(&(usize, usize)) -> usize| figures.iter().map(all).min();
        let (stack, most) = (of(|f| f.0), of(|f| f.1));
        let less = |found: Option<usize>| found.map(|n| n * 9 / 10).ok_or("no figures");
        let (stack, most) = (less(stack)?, less(most)?);
        let (stack, most) = if few { (stack, plenty) } else { (plenty, most) };
        built_within(&programs, stack, most)?;
        for (program, what) in counted {
            let error = run(&board, program, "n=3").unwrap_err().to_string();
            let (what, allowed) = match few {
                true => ("bytes of the deepest stack of the program", stack),
                false => (what, most),
            };
            let line = |what| format!("budget {name} exceeded: {what} found ");
            assert!(error.contains(&line(what)), "{error}");
            assert!(error.contains(&format!(" expected at most {allowed}\n")), "{error}");
            assert_eq!(error.matches("exceeded").count(), 1, "{error}");
            assert!(error.contains("exit status: 1") && error.contains("\ndone\n"), "{error}");
        }
    }
    // A chip's clock counts cycles.
    let boards = Folder::all(&firmware())?;
    let chip = boards.iter().find(|board| board.name() == "nucleo-f446re").ok_or("no nucleo")?;
    let config = chip.config.to_str().ok_or("a path that is not text")?;
    built_within(&["--config", config, "--bin", "sample"], plenty, 1)?;
    let image = fs::read(target_dir().join(&chip.target).join("release/sample"))?;
    let has = |text: &str| image.windows(text.len()).any(|bytes| bytes == text.as_bytes());
    assert!(has("instructions not compared: the clock counts") && has("the deepest stack"));
    assert!(!has("the most of a draw"));
    // What no program could keep.
    let refused = cargo(&["--config", "env.PUSHFORWARD_STACK='64'"], None)?;
    let text = String::from_utf8_lossy(&refused.stderr);
    assert!(
        !refused.status.success() && text.contains("stack: the model needs more than"),
        "{text}"
    );
    Ok(())
}

/// The boards that no emulator has are not run; that their programs link, also around the driver of a line and where
/// they print by defmt, is all that is known of them.
fn programs_link_for_boards_that_are_not_emulated() -> Result<(), Box<dyn Error>> {
    for board in Folder::all(&firmware())?.iter().filter(|board| !board.is_emulated()) {
        let config = board.config.to_str().ok_or("a path that is not text")?;
        for programs in [
            &["--bin", "sample", "--bin", "instrument", "--features", "instrument"][..],
            &["--bin", "sample", "--features", "defmt"],
        ] {
            let built = cargo(&[&["--config", config], programs].concat(), None)?;
            let text = String::from_utf8_lossy(&built.stderr);
            assert!(built.status.success(), "{}: {programs:?}: {text}", board.name());
        }
    }
    Ok(())
}

/// A Cortex-M0 with 64 KiB of flash and 16 KiB of memory draws 16×16 spins.
fn an_image_of_64_kib_draws_256_spins() -> Result<(), Box<dyn Error>> {
    let boards = Folder::all(&firmware())?;
    let board = boards.iter().find(|board| board.name() == "qemu-microbit").ok_or("no microbit")?;
    let config = board.config.to_str().ok_or("a path that is not text")?;
    let small = "profile.release.opt-level='s'";
    let model = built(&["--config", config, "--config", small, "--bin", "draw"], "small")?;
    assert_eq!(model.description().shape(), [16, 16]);
    let lines = run(board, "draw", "seed=3 first=5 n=200")?;
    let mut expected = expected_rows(&model, "draw", 3, 5, 200, &[])?;
    for words in &mut expected {
        // Without ln q.
        words.remove(2);
    }
    assert_eq!(rows(&lines), expected);
    let figures = ["flash", "stack", "ram"].map(|name| figure(&lines, name));
    let [flash, stack, ram] = figures;
    let (flash, memory) = (flash?, stack? + ram?);
    println!("{flash} bytes of flash, {memory} of memory");
    assert!(flash <= 64 << 10 && memory <= 16 << 10, "{flash} bytes of flash, {memory} of memory");
    Ok(())
}

/// A module that draws none scores what every other target does, and takes no more code than is counted.
fn a_likelihood_alone_has_the_bits_of_a_loaded_model() -> Result<(), Box<dyn Error>> {
    let built = cargo(&["--bin", "score", "--features", "likelihood"], None)?;
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let lines = run(&Folder::of_default(&firmware())?, "score", "")?;
    assert!(lines.iter().any(|line| line.join(" ") == "score ok"), "{lines:?}");
    let [flash, bound] = ["flash", "code_bound"].map(|name| figure(&lines, name));
    let (flash, bound) = (flash?, bound?);
    // Weights, tables and golden rows are a twentieth of the image.
    assert!(flash <= bound && bound <= 2 * flash, "{flash}, counted as {bound}");
    Ok(())
}

/// The sampler of the example for embassy draws the rows of the host, and lets others run after each.
fn a_sampler_is_a_task_among_others() -> Result<(), Box<dyn Error>> {
    let model = firmware().join("models/default.safetensors");
    let sampler = Model::from_bytes(&fs::read(model)?)?.sampler()?;
    let output = cargo_in(&firmware().join("embassy"), &["run"], None)?;
    let text = String::from_utf8(output.stdout)?;
    let errors = String::from_utf8_lossy(&output.stderr);
    // The program fails if somebody waited for longer than a row.
    assert!(output.status.success(), "{text}{errors}");
    let mut expected = String::new();
    for index in 0..20 {
        let (mut row, mut log_prob) = (vec![0f32; sampler.dim()], [0.0]);
        sampler.sample(1, index, &mut row, Some(&mut log_prob));
        let up = row.iter().filter(|spin| **spin > 0.0).count();
        expected += &format!("row {index} {:08x} {up} up\n", log_prob[0].to_bits());
    }
    let (rows, last) = text.split_once("heartbeat ").ok_or("no heartbeat")?;
    println!("heartbeat {last}");
    assert_eq!(rows, expected);
    Ok(())
}

/// Overflow checks in a user's profile do not cost the proof: the manifest exempts the engine.
fn overflow_checks_may_be_on() -> Result<(), Box<dyn Error>> {
    for name in ["spins_fused", "flow_plain", "nsf_fused", "maf_plain", "iaf_fused", "linear_fused"]
    {
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

/// A name, what the test is about, its body, and what is missing here to run it.
type Row = (&'static str, &'static str, fn() -> Result<(), Box<dyn Error>>, Vec<String>);

fn main() -> ExitCode {
    let boards = Folder::all(&firmware()).expect("every folder of firmware/boards is a board");
    let targets = || boards.iter().filter_map(|board| missing_target(&board.target));
    let emulators = boards.iter().filter(|board| board.is_emulated()).filter_map(|board| {
        let [debian, _] = board.packages().unwrap_or([""; 2]);
        missing_program(board.emulator(), debian)
    });
    let to_build: Vec<String> = targets().collect();
    let to_run: Vec<String> = targets().chain(emulators).collect();
    let rows: [Row; 10] = [
        (
            "rows_and_scores_have_the_bits_of_a_loaded_model",
            "emulated board",
            rows_and_scores_have_the_bits_of_a_loaded_model,
            to_run.clone(),
        ),
        (
            "every_emulated_board_has_the_bits_of_a_loaded_model",
            "emulated board",
            every_emulated_board_has_the_bits_of_a_loaded_model,
            to_run.clone(),
        ),
        (
            "an_image_of_64_kib_draws_256_spins",
            "emulated board",
            an_image_of_64_kib_draws_256_spins,
            to_run.clone(),
        ),
        (
            "a_likelihood_alone_has_the_bits_of_a_loaded_model",
            "emulated board",
            a_likelihood_alone_has_the_bits_of_a_loaded_model,
            to_run.clone(),
        ),
        (
            "a_sampler_is_a_task_among_others",
            "emulated board",
            a_sampler_is_a_task_among_others,
            to_run.clone(),
        ),
        (
            "budgets_are_kept_or_the_program_fails",
            "emulated board",
            budgets_are_kept_or_the_program_fails,
            to_run,
        ),
        (
            "programs_link_for_boards_that_are_not_emulated",
            "board",
            programs_link_for_boards_that_are_not_emulated,
            to_build.clone(),
        ),
        ("overflow_checks_may_be_on", "board", overflow_checks_may_be_on, to_build.clone()),
        (
            "a_program_that_can_panic_does_not_link",
            "board",
            a_program_that_can_panic_does_not_link,
            to_build,
        ),
        (
            "a_fused_model_is_refused_where_nothing_fuses",
            CORTEX_M3,
            a_fused_model_is_refused_where_nothing_fuses,
            missing_target(CORTEX_M3).into_iter().collect(),
        ),
    ];
    let tests = rows.map(|(name, kind, body, missing)| {
        Test::needing(kind, missing, name, move || {
            let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(body()?)
        })
    });
    needs::run(include_str!("board.rs"), tests.into())
}
