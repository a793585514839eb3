//! A board's folder, `firmware/boards/NAME`: everything that is known of a board.
//!
//! | file | owns |
//! |---|---|
//! | `config.toml` | cargo's configuration: the Rust target and CPU, the runner (the emulator with its machine), and the board's name for the build |
//! | `memory.x` | where flash and RAM are |
//! | `board.rs` | how the programs print, get arguments and end, what a tick is, the serial line, and what is random |
//!
//! Cargo reads `config.toml` when it builds and runs; here the same file is read by those who have to
//! know where cargo puts a program and what starts it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use toml::{Table, Value};

/// What the `config.toml` of a board says.
#[derive(Clone, Debug, PartialEq)]
pub struct Folder {
    /// The file, for cargo's `--config`.
    pub config: PathBuf,
    /// The Rust target.
    pub target: String,
    /// The program that starts a program of the board, and its arguments; the program's path comes
    /// after them.
    pub runner: Vec<String>,
}

impl Folder {
    /// The board that cargo builds for in the folder `firmware` unless it is told another: the one
    /// that its configuration includes.
    ///
    /// # Errors
    /// A file cannot be read, or does not say what it should.
    pub fn of_default(firmware: &Path) -> io::Result<Folder> {
        let path = firmware.join(".cargo/config.toml");
        let table = read(&path)?;
        let include = table.get("include").and_then(|i| i.get(0)).and_then(Value::as_str);
        let include = include.ok_or_else(|| lacks(&path, "include"))?;
        // Relative to the folder of that file, as cargo has it.
        let config = firmware.join(".cargo").join(include);
        Folder::read(config.parent().unwrap_or(firmware))
    }

    /// All boards of the folder `firmware`, by name.
    ///
    /// # Errors
    /// A file cannot be read, or does not say what it should.
    pub fn all(firmware: &Path) -> io::Result<Vec<Folder>> {
        let entries = fs::read_dir(firmware.join("boards"))?;
        let mut folders = entries.map(|e| Ok(e?.path())).collect::<io::Result<Vec<_>>>()?;
        folders.sort();
        folders.iter().map(|folder| Folder::read(folder)).collect()
    }

    /// The board of one folder.
    ///
    /// # Errors
    /// The file cannot be read, or does not say what it should.
    pub fn read(folder: &Path) -> io::Result<Folder> {
        // Resolved, so that cargo may be started anywhere.
        let config = folder.join("config.toml").canonicalize()?;
        let table = read(&config)?;
        let target = table.get("build").and_then(|b| b.get("target")).and_then(Value::as_str);
        let target = target.ok_or_else(|| lacks(&config, "build.target"))?.to_owned();
        // As cargo has it, a dot in the target's name is a dot of the key.
        let of_target = table
            .get("target")
            .and_then(|targets| target.split('.').try_fold(targets, |table, key| table.get(key)));
        let runner = of_target.and_then(|t| t.get("runner"));
        // Cargo takes words in one string, or a list.
        let runner: Vec<String> = match runner {
            Some(Value::String(words)) => words.split_whitespace().map(str::to_owned).collect(),
            Some(Value::Array(list)) => {
                list.iter().filter_map(|word| word.as_str().map(str::to_owned)).collect()
            }
            _ => Vec::new(),
        };
        if runner.is_empty() {
            return Err(lacks(&config, &format!("target.{target}.runner")));
        }
        Ok(Folder { config, target, runner })
    }

    /// The board's name.
    pub fn name(&self) -> &str {
        let folder = self.config.parent().and_then(Path::file_name);
        folder.and_then(OsStr::to_str).unwrap_or_default()
    }

    /// What starts the board's programs: an emulator, or a tool that writes them to flash.
    pub fn emulator(&self) -> &str {
        self.runner.first().map_or("", String::as_str)
    }

    /// The packages of Debian and of Fedora that have the emulator, if it is one that is known.
    pub fn packages(&self) -> Option<[&'static str; 2]> {
        match self.emulator() {
            "qemu-system-arm" => Some(["qemu-system-arm", "qemu-system-arm-core"]),
            "qemu-system-riscv32" => Some(["qemu-system-misc", "qemu-system-riscv-core"]),
            _ => None,
        }
    }

    /// Whether the board's programs run on this machine, where its emulator is installed.
    pub fn is_emulated(&self) -> bool {
        self.emulator().starts_with("qemu-")
    }

    /// The command that runs `program` of a build in `target_dir`.
    pub fn command(&self, target_dir: &Path, program: &str) -> Command {
        let mut command = Command::new(self.emulator());
        command.args(self.runner.iter().skip(1));
        command.arg(target_dir.join(&self.target).join("release").join(program));
        command
    }
}

fn read(path: &Path) -> io::Result<Table> {
    let text = fs::read_to_string(path)
        .map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", path.display())))?;
    text.parse().map_err(|e| io::Error::other(format!("{}: {e}", path.display())))
}

fn lacks(path: &Path, key: &str) -> io::Error {
    io::Error::other(format!("{}: expected the key '{key}', found none", path.display()))
}
