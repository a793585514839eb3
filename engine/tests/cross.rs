//! The tests of bits on other processors: built for 64-bit Arm and run under QEMU, built for
//! WebAssembly with `simd128` and run under Node.
//!
//! The programs are this folder's own `bits` (whole models at every level of that processor),
//! `targets` (the table that microcontrollers check too) and `levels` (each operation, and that the
//! processor's own level is there). What is missing to run them is said loudly, and is a failure if
//! `CI` is set.

use std::env;
use std::error::Error;
use std::path::Path;
use std::process::{Command, Output, Stdio};

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
    /// Whether all is here; without says what is not, and panics under CI.
    fn is_ready(&self) -> bool {
        let rustc = Command::new("rustc").args(["--print", "sysroot"]).output();
        let root = rustc.map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned());
        let mut missing = Vec::new();
        if !root.is_ok_and(|r| Path::new(&r).join("lib/rustlib").join(self.target).is_dir()) {
            missing.push(format!("the Rust target (rustup target add {})", self.target));
        }
        let mut runner = Command::new(self.runner);
        if runner.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
            missing.push(format!("{} (install the package {})", self.runner, self.package));
        }
        if missing.is_empty() {
            return true;
        }
        let text = format!("NOT TESTED on {}: missing {}", self.target, missing.join(" and "));
        assert!(env::var_os("CI").is_none(), "{text}");
        eprintln!("\n{text}\n");
        false
    }

    /// Builds the tests, without the settings of the cargo that runs this one, and returns what
    /// cargo says of each artifact.
    fn build(&self) -> Result<String, Box<dyn Error>> {
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
        let Output { status, stdout, stderr } = command.output()?;
        if !status.success() {
            return Err(String::from_utf8_lossy(&stderr).into());
        }
        Ok(String::from_utf8(stdout)?)
    }

    fn test(&self) -> Result<(), Box<dyn Error>> {
        if !self.is_ready() {
            return Ok(());
        }
        let built = self.build()?;
        let mut programs = Vec::new();
        for line in built.lines() {
            let message: serde_json::Value = serde_json::from_str(line)?;
            programs.extend(message["executable"].as_str().map(str::to_owned));
        }
        assert_eq!(programs.len(), TESTS.len(), "{programs:?}");
        for program in programs {
            let mut command = Command::new(self.runner);
            command.args(self.runner_arguments).arg(&program).arg("--nocapture");
            let output = command.stdin(Stdio::null()).output()?;
            let text = String::from_utf8_lossy(&output.stdout);
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{program}: {}\n{text}{errors}", output.status);
            assert!(text.contains("test result: ok"), "{program}: {text}{errors}");
        }
        Ok(())
    }
}

#[test]
fn arm_has_the_same_bits() -> Result<(), Box<dyn Error>> {
    ARM.test()
}

#[test]
fn webassembly_has_the_same_bits() -> Result<(), Box<dyn Error>> {
    WASM.test()
}
