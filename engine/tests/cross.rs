//! The tests of bits on other processors: built for 64-bit Arm and run under QEMU, built for
//! WebAssembly with `simd128` and run under Node.
//!
//! The programs are this folder's own `bits` (whole models at every level of that processor),
//! `targets` (the table that microcontrollers check too) and `levels` (each operation, and that the
//! processor's own level is there).

mod needs;

use std::env;
use std::path::Path;
use std::process::{Command, ExitCode, Output, Stdio};
use std::sync::OnceLock;

use libtest_mimic::Failed;
use needs::{Test, missing_program, missing_target};

const TESTS: [&str; 3] = ["bits", "targets", "levels"];

struct Processor {
    /// The Rust target, which links without a C compiler.
    target: &'static str,
    rustflags: &'static str,
    /// What runs its programs here, and the package that has it.
    runner: &'static str,
    runner_arguments: &'static [&'static str],
    package: &'static str,
}

const ARM: Processor = Processor {
    target: "aarch64-unknown-linux-musl",
    rustflags: "-Clinker=rust-lld",
    runner: "qemu-aarch64",
    runner_arguments: &[],
    package: "qemu-user",
};

const WASM: Processor = Processor {
    target: "wasm32-wasip1",
    rustflags: "-Ctarget-feature=+simd128",
    runner: "node",
    runner_arguments: &[
        "--no-warnings",
        "--experimental-wasi-unstable-preview1",
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cross/wasi.mjs"),
    ],
    package: "nodejs (18 or later)",
};

impl Processor {
    fn missing(&self) -> impl Iterator<Item = String> {
        let runner = missing_program(self.runner, self.package);
        missing_target(self.target).into_iter().chain(runner)
    }

    /// Builds the tests, without the settings of the cargo that runs this one, and returns what
    /// cargo says of each artifact.
    fn build(&self) -> Result<String, String> {
        let mut command = Command::new(env!("CARGO"));
        command.current_dir(env!("CARGO_MANIFEST_DIR"));
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            if text.ends_with("RUSTFLAGS") || text.starts_with("CARGO_BUILD_") {
                command.env_remove(&name);
            }
        }
        command.args(["test", "--no-run", "--release", "--message-format=json"]);
        command.args(["--target", self.target]).env("RUSTFLAGS", self.rustflags);
        // Dependencies do no arithmetic here; unoptimised they are built in half the time.
        command.args(["--config", "profile.release.package.'*'.opt-level=0"]);
        command.args(["--config", "profile.release.debug=false"]);
        command.args(TESTS.iter().flat_map(|test| ["--test", test]));
        command.arg("--target-dir").arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join("cross"));
        let Output { status, stdout, stderr } = command.output().map_err(|e| e.to_string())?;
        let text = String::from_utf8_lossy(if status.success() { &stdout } else { &stderr });
        if status.success() { Ok(text.into()) } else { Err(text.into()) }
    }

    /// Runs one of the programs, which the first to ask builds.
    fn run(&self, test: &str, built: &OnceLock<Result<String, String>>) -> Result<(), Failed> {
        let messages = built.get_or_init(|| self.build()).as_ref()?;
        let program = messages.lines().find_map(|line| {
            let message: serde_json::Value = serde_json::from_str(line).ok()?;
            let program = message["executable"].as_str()?;
            (message["target"]["name"] == test).then(|| program.to_owned())
        });
        let program = program.ok_or_else(|| format!("no program of {test} in {messages}"))?;
        let mut command = Command::new(self.runner);
        command.args(self.runner_arguments).arg(&program).arg("--nocapture");
        let output = command.stdin(Stdio::null()).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program}: {}\n{text}{errors}", output.status);
        assert!(text.contains("test result: ok"), "{program}: {text}{errors}");
        Ok(())
    }
}

fn main() -> ExitCode {
    static BUILT: [OnceLock<Result<String, String>>; 2] = [const { OnceLock::new() }; 2];
    let tests = [&ARM, &WASM].into_iter().zip(&BUILT).flat_map(|(processor, built)| {
        TESTS.map(|test| {
            let body = move || processor.run(test, built);
            Test::needing(processor.target, processor.missing(), test, body)
        })
    });
    needs::run(include_str!("cross.rs"), tests.collect())
}
