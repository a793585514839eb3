//! Models as static libraries for C: written by the verb, built by cargo, linked by C compilers, and run here
//! and on emulated boards, with the bits of the engine.

#[path = "../../engine/tests/needs/mod.rs"]
mod needs;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Mutex, PoisonError};

use pushforward::distribution;
use pushforward::domain::Element;
use pushforward::model::Model;
use pushforward_host::board::{self, Folder};

use needs::{Test, missing_program, missing_target};

/// Held while a test builds: all libraries are built in one folder, which compiles the engine once.
static ALONE: Mutex<()> = Mutex::new(());

type Outcome = Result<(), Box<dyn Error>>;

/// A model of the tests, the verb's arguments for it, and whether its library draws.
struct Case {
    model: &'static str,
    arguments: &'static [&'static str],
    draws: bool,
}

/// Integers, of spins and in flows, one given a context; floats on every core, with a context, and stored in 16 bits; a likelihood
/// alone.
const CASES: [Case; 7] = [
    Case { model: "spins_8", arguments: &[], draws: true },
    Case { model: "nsf_8", arguments: &[], draws: true },
    Case { model: "maf_given_8", arguments: &[], draws: true },
    Case { model: "spins_plain", arguments: &[], draws: true },
    Case { model: "nsf_plain", arguments: &[], draws: true },
    Case { model: "given_plain", arguments: &["--weights", "f16"], draws: true },
    Case { model: "gaussianisation_plain", arguments: &["--sampling", "none"], draws: false },
];

/// Emulated boards, the flags of their cores, and how many of the cases they run.
const BOARDS: [(&str, &[&str], usize); 2] = [
    ("qemu-mps2-an386", &["-mcpu=cortex-m4", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"], CASES.len()),
    ("qemu-microbit", &["-mcpu=cortex-m0"], 5),
];

const ARM_COMPILER: &str = "arm-none-eabi-gcc";
const WARNINGS: [&str; 4] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"];
/// As the library's panic handler calls it.
const PROOF: &str = "pushforward_panic_is_reachable";

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("a checkout")
}

/// Where everything here is written.
fn scratch() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("c")
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c")
}

/// Runs a command that is expected to succeed, and returns what it prints.
fn ran(command: &mut Command) -> Result<String, Box<dyn Error>> {
    let output = command.stdin(Stdio::null()).output()?;
    let [text, errors] =
        [output.stdout, output.stderr].map(|t| String::from_utf8_lossy(&t).into_owned());
    if output.status.success() {
        return Ok(text);
    }
    Err(format!("{command:?}: {}: {text}{errors}", output.status).into())
}

/// A crate that the verb wrote.
struct Library {
    case: &'static Case,
    name: &'static str,
    folder: PathBuf,
}

impl Library {
    fn write(case: &'static Case, name: &'static str) -> Result<Library, Box<dyn Error>> {
        let folder = scratch().join(name);
        let model = repository().join("codegen/tests/models").join(case.model);
        let mut verb = Command::new(env!("CARGO_BIN_EXE_pushforward"));
        verb.arg("codegen").arg(model.with_extension("safetensors")).arg("--c").arg(&folder);
        ran(verb.args(["--name", name]).args(case.arguments))?;
        // The checkout's versions.
        fs::copy(repository().join("Cargo.lock"), folder.join("Cargo.lock"))?;
        Ok(Library { case, name, folder })
    }

    /// Builds the static library, on this machine or with the configuration of a board.
    fn build(&self, board: Option<&Folder>) -> Result<PathBuf, Box<dyn Error>> {
        let target = scratch().join("target");
        let config = board.map(|board| board.config.display().to_string());
        let config = config.iter().flat_map(|config| ["--config", config]).collect::<Vec<_>>();
        board::build(&self.folder, &target, &config, &[])?;
        let target = board.map_or(target.clone(), |board| target.join(&board.target));
        Ok(target.join("release").join(format!("lib{}.a", self.name)))
    }

    /// The C programs around the library: its own example, and where it draws the test's.
    fn programs(&self) -> Vec<PathBuf> {
        let calls = self.case.draws.then(|| sources().join("calls.c"));
        [self.folder.join("example.c")].into_iter().chain(calls).collect()
    }

    /// A compiler's command that makes `program` of this library.
    fn compiler(&self, compiler: &str, source: &Path, library: &Path, program: &Path) -> Command {
        let name = self.name;
        let mut command = Command::new(compiler);
        command.args(WARNINGS).arg("-O2").arg("-I").arg(self.folder.join("include"));
        command.args([format!("-DLOWER={name}"), format!("-DUPPER={}", name.to_ascii_uppercase())]);
        // Not as the name of the file has it, where the compiler is one for C++.
        let language = if compiler == "c++" { "c++" } else { "c" };
        command.arg(format!("-DHEADER=\"{name}.h\"")).args(["-x", language]).arg(source);
        command.args(["-x", "none"]).arg(library).arg("-o").arg(program);
        command
    }

    /// What a program should print.
    fn expected(&self, source: &Path) -> Result<String, Box<dyn Error>> {
        if source.ends_with("calls.c") {
            return Ok("calls ok\n".into());
        }
        let name = repository().join("codegen/tests/models").join(self.case.model);
        let mut model = Model::from_bytes(&fs::read(name.with_extension("safetensors"))?)?;
        if self.case.arguments.contains(&"f16") {
            model = model.rounded_to_f16()?;
        }
        let (dim, element) = (model.description().dim(), model.description().domain().element());
        let context = vec![0.0; model.description().context()];
        let (mut rows, mut log_prob) = (vec![0.0; 4 * dim], [0.0; 4]);
        let sampler = model.sampler()?;
        let given = sampler.given(&context);
        let done: Result<(), distribution::Error> = match self.case.draws {
            true => given.try_sample(7, 0, &mut rows, Some(&mut log_prob)),
            false => given.try_log_prob(&rows, &mut log_prob),
        };
        done?;
        let mut text = String::new();
        for (row, log_prob) in rows.chunks(dim).zip(log_prob) {
            text += &format!("row {:08x}", log_prob.to_bits());
            for value in row {
                text += &match element {
                    Element::F32 => format!(" {:08x}", value.to_bits()),
                    Element::I8 => format!(" {:02x}", *value as i8),
                    Element::U8 => format!(" {:02x}", *value as u8),
                    Element::U16 => format!(" {:04x}", *value as u16),
                };
            }
            text += "\n";
        }
        Ok(text + "done\n")
    }
}

/// Libraries keep nothing between calls, and refer to nothing but what a C compiler expects of a system.
fn keeps_nothing(name: &str, library: &Path) -> Outcome {
    let symbols = ran(Command::new("nm").args(["-A", "-f", "sysv"]).arg(library))?;
    assert!(!symbols.contains(PROOF), "{symbols}");
    let mut of_model =
        symbols.lines().filter(|line| line.contains(&format!(":{name}-"))).peekable();
    assert!(of_model.peek().is_some(), "{symbols}");
    for line in of_model {
        let words: Vec<_> = line.split('|').map(str::trim).collect();
        let [symbol, _, class, .., section] = words[..] else { return Err(line.into()) };
        let symbol = symbol.rsplit(':').next().unwrap_or_default();
        let known = match class {
            "U" => ["memcpy", "memset", "memmove", "memcmp", "bcmp"].contains(&symbol),
            // Constants with addresses in them are in the last; it is read-only once a program is loaded.
            _ => {
                [".text", ".rodata", ".data.rel.ro", "*ABS*"].iter().any(|s| section.starts_with(s))
            }
        };
        assert!(known, "{line}");
    }
    Ok(())
}

fn libraries_have_the_engines_bits_on_this_machine() -> Outcome {
    for case in &CASES {
        let library = Library::write(case, case.model)?;
        let archive = library.build(None)?;
        keeps_nothing(library.name, &archive)?;
        for (compiler, standard) in [("cc", "-std=c99"), ("c++", "-std=c++11")] {
            for source in library.programs() {
                let program = library.folder.join("program");
                let mut command = library.compiler(compiler, &source, &archive, &program);
                ran(command.arg(standard))?;
                assert_eq!(
                    ran(&mut Command::new(&program))?,
                    library.expected(&source)?,
                    "{program:?}"
                );
            }
        }
    }
    Ok(())
}

fn libraries_have_the_engines_bits_on_emulated_boards() -> Outcome {
    for (name, flags, cases) in BOARDS {
        let board = board::folder(&repository(), Some(name))?;
        for case in &CASES[..cases] {
            let library = Library::write(case, case.model)?;
            let archive = library.build(Some(&board))?;
            // Where the board's command looks for its programs.
            let folder = library.folder.join(&board.target).join("release");
            fs::create_dir_all(&folder)?;
            for source in library.programs() {
                let mut command =
                    library.compiler(ARM_COMPILER, &source, &archive, &folder.join("program"));
                command.arg(sources().join("board.c")).args(flags);
                command.args(["-std=c99", "-mthumb", "-ffreestanding", "-nostdlib", "-static"]);
                command
                    .args(["-Wl,--gc-sections,-z,noexecstack", "-T"])
                    .arg(sources().join("board.ld"));
                command.arg("-L").arg(board.config.with_file_name(""));
                ran(&mut command)?;
                let mut program = board.command(&library.folder, "program");
                assert_eq!(
                    ran(&mut program)?,
                    library.expected(&source)?,
                    "{name}: {}",
                    case.model
                );
            }
        }
    }
    Ok(())
}

fn a_library_that_can_panic_does_not_link() -> Outcome {
    let library = Library::write(&CASES[0], "panics")?;
    let path = library.folder.join("src/lib.rs");
    let panics =
        "\n#[unsafe(no_mangle)]\npub extern \"C\" fn nth(i: usize) -> u8 {\n    [1, 2, 3][i]\n}\n";
    fs::write(&path, fs::read_to_string(&path)? + panics)?;
    let archive = library.build(None)?;
    let program = library.folder.join("program");
    let source = library.folder.join("example.c");
    let error =
        ran(&mut library.compiler("cc", &source, &archive, &program)).unwrap_err().to_string();
    assert!(error.contains(PROOF), "{error}");
    Ok(())
}

fn main() -> ExitCode {
    let checkout = repository();
    let boards = BOARDS.iter().map(|(name, ..)| board::folder(&checkout, Some(name)));
    let boards: Vec<_> = boards.collect::<Result<_, _>>().expect("boards of the firmware");
    let compiler = || missing_program("cc", "gcc");
    let cross = missing_program(ARM_COMPILER, "gcc-arm-none-eabi").into_iter().chain(
        boards.iter().flat_map(|board| {
            let [debian, _] = board.packages().unwrap_or([""; 2]);
            missing_target(&board.target)
                .into_iter()
                .chain(missing_program(board.emulator(), debian))
        }),
    );
    let here = compiler().into_iter().chain(missing_program("c++", "g++"));
    let here = here.chain(missing_program("nm", "binutils"));
    type Row = (&'static str, &'static str, fn() -> Outcome, Vec<String>);
    let rows: [Row; 3] = [
        (
            "libraries_have_the_engines_bits_on_this_machine",
            "C compiler",
            libraries_have_the_engines_bits_on_this_machine,
            here.collect(),
        ),
        (
            "libraries_have_the_engines_bits_on_emulated_boards",
            "emulated board",
            libraries_have_the_engines_bits_on_emulated_boards,
            cross.collect(),
        ),
        (
            "a_library_that_can_panic_does_not_link",
            "C compiler",
            a_library_that_can_panic_does_not_link,
            compiler().into_iter().collect(),
        ),
    ];
    let tests = rows.map(|(name, kind, body, missing)| {
        Test::needing(kind, missing, name, move || {
            let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(body()?)
        })
    });
    needs::run(include_str!("c.rs"), tests.into())
}
