//! Tests that need more than cargo: a device, an emulator, a Rust target.
//!
//! Where what they need is missing they are *ignored*, with the reason, and counted so in the
//! summary; where `CI` is set they fail. Rust's own harness can ignore only what is known when a
//! test is compiled, so these test programs have a `main`, which lists its tests for [`run`].

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use libtest_mimic::{Arguments, Completion, Failed, Trial};

/// What makes all Rust targets of `rust-toolchain.toml` available.
const TARGETS: &str = "`rustup toolchain install` in the checkout adds it";

/// A test and what it needs.
pub(crate) struct Test {
    name: String,
    /// The kind of machine that it needs, printed in brackets.
    kind: &'static str,
    missing: Vec<String>,
    body: Box<dyn FnOnce() -> Result<(), Failed> + Send>,
}

impl Test {
    /// A test that runs everywhere.
    #[allow(dead_code, reason = "not every program has one")]
    pub(crate) fn new(name: &str, body: impl FnOnce() + Send + 'static) -> Test {
        let body = Box::new(|| {
            body();
            Ok(())
        });
        Test { name: name.into(), kind: "", missing: Vec::new(), body }
    }

    /// A test of a kind of machine, and what is missing here to run it, of which each is named once.
    pub(crate) fn needing(
        kind: &'static str,
        missing: impl IntoIterator<Item = String>,
        name: &str,
        body: impl FnOnce() -> Result<(), Failed> + Send + 'static,
    ) -> Test {
        let missing = BTreeSet::from_iter(missing).into_iter().collect();
        Test { name: name.into(), kind, missing, body: Box::new(body) }
    }
}

/// A program that is not here.
#[allow(dead_code, reason = "not every program needs one")]
pub(crate) fn missing_program(program: &str, package: &str) -> Option<String> {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_err().then(|| format!("{program} (install the package {package})"))
}

/// A Rust target that is not here.
#[allow(dead_code, reason = "not every program needs one")]
pub(crate) fn missing_target(target: &str) -> Option<String> {
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output();
    let there = sysroot.is_ok_and(|out| {
        let root = String::from_utf8_lossy(&out.stdout).trim().to_owned();
        Path::new(&root).join("lib/rustlib").join(target).is_dir()
    });
    (!there).then(|| format!("the Rust target {target} ({TARGETS})"))
}

/// The last of the tests below; it starts this program, but not itself.
const COUNTED: &str = "what_cannot_run_is_counted";

/// Runs the tests and says how many did not run, and why. `source` is the file that lists them.
pub(crate) fn run(source: &str, tests: Vec<Test>) -> ExitCode {
    let attribute = ["#[", "test]"].concat();
    assert!(!source.contains(&attribute), "list it in `main`: {attribute} does nothing here");
    let arguments = Arguments::from_args();
    let strict = env::var_os("CI").is_some();
    let needing = tests.iter().filter(|test| !test.kind.is_empty()).count();
    let mut trials = vec![Trial::test(COUNTED, move || {
        what_cannot_run_is_counted(needing);
        Ok(())
    })];
    let mut not_run = BTreeMap::<String, usize>::new();
    for Test { name, kind, missing, body } in tests {
        if missing.is_empty() {
            trials.push(Trial::test(name, body).with_kind(kind));
            continue;
        }
        let reason = format!("missing {}", missing.join(" and "));
        let told = reason.clone();
        let trial = Trial::ignorable_test(name, move || {
            if strict { Err(told.into()) } else { Ok(Completion::ignored_with(told)) }
        });
        let trial = trial.with_kind(kind);
        if !arguments.is_filtered_out(&trial) {
            *not_run.entry(reason).or_default() += 1;
        }
        trials.push(trial);
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    if !arguments.list {
        for (reason, n) in not_run {
            eprintln!("NOT RUN: {n} test{}, {reason}\n", if n == 1 { "" } else { "s" });
        }
    }
    conclusion.exit_code()
}

/// On a bare machine the tests that need more are ignored and counted; under `CI` they fail.
fn what_cannot_run_is_counted(needing: usize) {
    let run = |ci: Option<&str>| {
        let mut command = Command::new(env::current_exe().expect("this program has a path"));
        // Only tests of a kind have a bracket in their names.
        command.arg("[").env("PATH", "").env_remove("CI").envs(ci.map(|ci| ("CI", ci)));
        command.env("VK_DRIVER_FILES", "/none").env("VK_ICD_FILENAMES", "/none");
        let output = command.stdin(Stdio::null()).output().expect("this program runs");
        let text = [output.stdout, output.stderr].map(|t| String::from_utf8_lossy(&t).into_owned());
        (output.status.success(), text.concat())
    };
    let (passed, text) = run(None);
    let summary = format!("test result: ok. 0 passed; 0 failed; {needing} ignored;");
    assert!(passed && text.contains(&summary), "expected '{summary}' in {text}");
    assert_eq!(text.matches("ignored (missing ").count(), needing, "{text}");
    assert!(text.contains("NOT RUN: "), "{text}");
    let (passed, text) = run(Some("true"));
    let summary = format!("0 passed; {needing} failed; 0 ignored;");
    assert!(!passed && text.contains(&summary), "expected '{summary}' in {text}");
}
