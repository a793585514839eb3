//! Boards: building the firmware around a model, running it, and talking to what runs it.
//!
//! The firmware is a workspace of its own (`firmware/`); its programs print lines of words, the
//! first of which names the line, and end with `done`. Here they are built with a model file,
//! run as the board's [`folder`] says, and read. One of them does not print and end: the instrument answers
//! a [`client`] on a [`port`].

pub mod client;
pub mod emulated;
mod folder;
pub mod port;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::{Error, Result};

pub use folder::Folder;

/// What a program on the board printed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Output {
    /// Rows in order: index, bits of the log-probability, the values as the kernels' `f32`.
    pub rows: Vec<(u64, u32, Vec<f32>)>,
    /// Named numbers: `instructions`, `flash`, `scratch`, ….
    pub figures: BTreeMap<String, u64>,
}

/// Whether a program can be started.
fn runs(program: &Path) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok()
}

/// Why nothing can be compiled here, and what would help; `None` if it can. There is no checkout
/// where the sources that built this program are gone.
pub fn missing_to_compile(checkout: Option<&Path>) -> Option<String> {
    let Some(checkout) = checkout else {
        return Some("it needs the sources: run it from a checkout".into());
    };
    let cargo = cargo();
    (!runs(&cargo)).then(|| {
        format!(
            "cargo is not installed ({} cannot be started): install it from https://rustup.rs, then run `rustup toolchain install` in {}",
            cargo.display(),
            checkout.display()
        )
    })
}

/// The sources that built this program, where they still are.
pub fn checkout() -> Option<PathBuf> {
    let checkout = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    checkout.canonicalize().ok().filter(|c| c.join("codegen/Cargo.toml").is_file())
}

/// Where cargo builds: beside this program if it lies in a target folder, else in the checkout.
pub fn target_folder(checkout: Option<&Path>) -> PathBuf {
    let program = std::env::current_exe().ok();
    let beside = program.as_deref().and_then(Path::parent).and_then(Path::parent);
    match beside.filter(|folder| folder.join(".rustc_info.json").is_file()) {
        Some(folder) => folder.to_owned(),
        None => checkout.unwrap_or(Path::new(".")).join("target"),
    }
}

/// Why the board of this name, or the default one, cannot be run here, all of it, and what would help;
/// `None` if it can.
pub fn missing(checkout: Option<&Path>, board: Option<&str>) -> Option<String> {
    let folder = match checkout.map(|checkout| folder(checkout, board)).transpose() {
        Ok(folder) => folder,
        Err(error) => return Some(error.to_string()),
    };
    let emulator = folder.as_ref().filter(|folder| !runs(Path::new(folder.emulator())));
    let emulator = emulator.map(|folder| {
        let package = folder.packages().map(|[debian, fedora]| {
            format!(
                ": install the package {debian} (Debian, Ubuntu), {fedora} (Fedora) or qemu (Homebrew)"
            )
        });
        format!("{} is not installed{}", folder.emulator(), package.unwrap_or_default())
    });
    let compiler = missing_to_compile(checkout).or_else(|| {
        let (checkout, target) = (checkout?, &folder.as_ref()?.target);
        // The rustc beside that cargo, in the folder whose toolchain file chooses it.
        let mut rustc = Command::new(cargo().with_file_name("rustc"));
        let sysroot = rustc.args(["--print", "sysroot"]).current_dir(checkout).output();
        let installed = sysroot.is_ok_and(|out| {
            let root = String::from_utf8_lossy(&out.stdout).trim().to_owned();
            Path::new(&root).join("lib/rustlib").join(target).is_dir()
        });
        (!installed).then(|| {
            format!(
                "the Rust target {target} is not installed: run `rustup toolchain install` in {} (rustup is at https://rustup.rs)",
                checkout.display()
            )
        })
    });
    let missing: Vec<_> = compiler.into_iter().chain(emulator).collect();
    (!missing.is_empty()).then(|| missing.join("\n   and "))
}

/// The board of this name, or the default one, of a checkout.
///
/// # Errors
/// There is none, or its files do not say what they should.
pub fn folder(checkout: &Path, name: Option<&str>) -> Result<Folder> {
    let firmware = checkout.join("firmware");
    let failed = |e| Error::Failed(format!("the board's configuration: {e}"));
    let Some(name) = name else { return Folder::of_default(&firmware).map_err(failed) };
    let all = Folder::all(&firmware).map_err(failed)?;
    all.iter().find(|folder| folder.name() == name).cloned().ok_or_else(|| {
        let known: Vec<_> = all.iter().map(Folder::name).collect();
        Error::Usage(format!("--board: found '{name}', expected one of {}", known.join(", ")))
    })
}

/// The cargo that built or runs this program, or the one on the path.
pub fn cargo() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from)
}

/// Builds a cargo package quietly; its errors become the message.
///
/// # Errors
/// Cargo is missing or the build fails.
pub fn build(
    folder: &Path,
    target_dir: &Path,
    arguments: &[&str],
    environment: &[(&str, &Path)],
) -> Result<()> {
    let mut command = Command::new(cargo());
    command.current_dir(folder).args(["build", "--release", "--quiet"]).args(arguments);
    command.arg("--target-dir").arg(target_dir).stdin(Stdio::null());
    // Settings of an outer cargo would leak into a build for another machine.
    for name in [
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_BUILD_TARGET",
        "CARGO_TARGET_DIR",
        "CARGO_MANIFEST_DIR",
    ] {
        command.env_remove(name);
    }
    command.envs(environment.iter().copied());
    let out = command.output().map_err(|e| Error::Failed(format!("cargo cannot be run: {e}")))?;
    if out.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&out.stderr);
    let lines: Vec<_> = text.lines().filter(|l| !l.trim().is_empty()).take(12).collect();
    Err(Error::Failed(format!("building {} failed:\n{}", folder.display(), lines.join("\n"))))
}

/// A built firmware.
#[derive(Clone, Debug)]
pub struct Board {
    folder: Folder,
    target_dir: PathBuf,
}

impl Board {
    /// Builds the programs `sample`, `log_prob` and `selftest` around a model.
    ///
    /// # Errors
    /// The build fails.
    pub fn build(checkout: &Path, model: &Path, target_dir: &Path) -> Result<Board> {
        let programs = ["sample", "log_prob", "selftest"];
        Board::with_programs(checkout, folder(checkout, None)?, model, target_dir, &programs, &[])
    }

    /// Builds programs of a board around a model, with features of the firmware's.
    ///
    /// # Errors
    /// The build fails.
    pub fn with_programs(
        checkout: &Path,
        folder: Folder,
        model: &Path,
        target_dir: &Path,
        programs: &[&str],
        features: &[&str],
    ) -> Result<Board> {
        let model = std::path::absolute(model).map_err(|e| Error::read(model, &e))?;
        let target_dir =
            std::path::absolute(target_dir).map_err(|e| Error::read(target_dir, &e))?;
        let config = folder.config.to_string_lossy();
        let features = features.join(",");
        let programs = programs.iter().flat_map(|program| ["--bin", program]);
        let arguments = ["--config", config.as_ref(), "--features", &features];
        let arguments: Vec<_> = arguments.into_iter().chain(programs).collect();
        let environment = [("PUSHFORWARD_MODEL", model.as_path())];
        build(&checkout.join("firmware"), &target_dir, &arguments, &environment)?;
        Ok(Board { folder, target_dir })
    }

    /// The name of the board.
    pub fn name(&self) -> &str {
        self.folder.name()
    }

    /// The command that runs a program.
    pub fn command(&self, program: &str) -> Command {
        self.folder.command(&self.target_dir, program)
    }

    /// Runs a program in the board's emulator and reads what it prints.
    ///
    /// # Errors
    /// The emulator fails, the program stops early or reports a failure.
    pub fn run(&self, program: &str, seed: u64, first: u64, n: u64) -> Result<Output> {
        let mut command = self.command(program);
        command.args(["-append", &format!("seed={seed} first={first} n={n}")]).stdin(Stdio::null());
        let emulator = self.folder.emulator();
        let out = command
            .output()
            .map_err(|e| Error::Failed(format!("{emulator} cannot be run: {e}")))?;
        let text = String::from_utf8_lossy(&out.stdout);
        if !out.status.success() {
            let told = |l: &&str| l.starts_with("fail ") || l.starts_with("error");
            let told: Vec<_> = text.lines().filter(told).collect();
            let told = if told.is_empty() { "nothing about why".into() } else { told.join(", ") };
            return Err(Error::Failed(format!("{program} on the board failed; it printed {told}")));
        }
        parse(&text)
            .map_err(|line| Error::Failed(format!("{program} on the board printed '{line}'")))
    }
}

/// Reads the lines of a program; the error is the line that cannot be.
///
/// # Errors
/// A row or figure is malformed, or the last line is not `done`.
pub fn parse(text: &str) -> std::result::Result<Output, String> {
    let mut output = Output::default();
    let mut done = false;
    for line in text.lines() {
        let wrong = || line.to_owned();
        let words: Vec<_> = line.split_whitespace().collect();
        match words[..] {
            ["done"] => done = true,
            ["selftest", "ok"] => done = true,
            ["row", index, log_prob, ref values @ ..] => {
                let index = index.parse().map_err(|_| wrong())?;
                let hex = |word: &str| u32::from_str_radix(word, 16).map_err(|_| wrong());
                let values = match values {
                    [spins] if spins.starts_with(['+', '-']) => {
                        spins.chars().map(|c| if c == '+' { 1.0 } else { -1.0 }).collect()
                    }
                    words => words
                        .iter()
                        .map(|w| hex(w).map(f32::from_bits))
                        .collect::<std::result::Result<_, _>>()?,
                };
                output.rows.push((index, hex(log_prob)?, values));
            }
            ref words => {
                for pair in words.chunks_exact(2) {
                    if let Ok(value) = pair[1].parse() {
                        output.figures.insert(pair[0].to_owned(), value);
                    }
                }
            }
        }
    }
    if done { Ok(output) } else { Err(text.lines().last().unwrap_or("nothing").to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_by_name() {
        let text = "board qemu-mps2-an386\nrow 3 c0a00000 +--\nrow 4 bf800000 3f800000 c0000000\n\
                    instructions 812\nstack 96 flash 4096 ram 8\nnews of later versions\ndone\n";
        let output = parse(text).unwrap();
        assert_eq!(output.rows[0], (3, 0xc0a0_0000, vec![1.0, -1.0, -1.0]));
        assert_eq!(output.rows[1].2, [1.0, -2.0]);
        assert_eq!((output.figures["instructions"], output.figures["ram"]), (812, 8));
        assert_eq!(parse("board x\nrow 0 zz +\n"), Err("row 0 zz +".into()));
        assert_eq!(parse("board x\ninstructions 3\n"), Err("instructions 3".into()));
    }
}
