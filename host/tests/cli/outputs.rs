//! Where results go: full disks, closed pipes, devices, one file by two names, too little memory.

use std::fs::{self, File};
use std::process::{Command, Stdio};

use crate::{command, files, ok, refused, run, trained};

/// Every verb that prints, with what it needs.
fn printing(t: &crate::Trained) -> Vec<Vec<&str>> {
    vec![
        vec!["estimate", &t.spins, "--energy", "ising.toml", "-n", "100", "--json"],
        vec!["estimate", &t.spins, "--energy", "ising.toml", "-n", "100"],
        vec!["sample", &t.spins, "-n", "3"],
        vec!["sample", &t.spins, "-n", "3", "-o", "/dev/stdout"],
        vec!["log-prob", &t.spins, "rows.csv"],
        vec!["inspect", &t.flow],
        vec!["inspect", &t.flow, "--json"],
        vec!["check", &t.flow],
        vec!["codegen", &t.flow, "-o", "-"],
        vec!["codegen", &t.flow, "-o", "/dev/stdout"],
        vec!["devices"],
        vec!["--help"],
        vec!["sample", "--help"],
        vec!["--version"],
    ]
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_a_failure_and_a_closed_pipe_is_none() {
    let t = trained();
    fs::write(t.folder.path().join("rows.csv"), "1,1,1,1,1,1,1,1,1\n").unwrap();
    for arguments in printing(t) {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let out = command(t.folder.path(), &arguments).stdout(full).output().unwrap();
        let message = String::from_utf8(out.stderr).unwrap();
        assert_eq!(out.status.code(), Some(1), "{arguments:?}: {message}");
        // Graphics libraries have a word of their own to say.
        let message: String = message.lines().filter(|l| !l.contains("XDG_RUNTIME_DIR")).collect();
        let expected = "error: standard output: cannot be written: No space left";
        assert!(message.starts_with(expected), "{arguments:?}: {message}");
        assert_eq!(message.matches("error").count(), 2, "{arguments:?}: {message}");

        let mut command = command(t.folder.path(), &arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let out = child.wait_with_output().unwrap();
        let message = String::from_utf8(out.stderr).unwrap();
        assert_eq!(out.status.code(), Some(0), "{arguments:?}: {message}");
        assert!(arguments[0] == "devices" || message.is_empty(), "{arguments:?}: {message}");
    }
    // Nor does it matter that nobody can read the message.
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut nowhere = command(t.folder.path(), &["sample", "missing", "-n", "1"]);
    assert_eq!(nowhere.stderr(full).status().unwrap().code(), Some(2));
    let dir = tempfile::tempdir().unwrap();
    let out = run(dir.path(), &["sample", &t.spins, "-n", "9", "-o", "/dev/full"]);
    assert_eq!(out.status.code(), Some(1));
}

#[test]
fn devices_and_pipes_take_results() {
    let (t, dir) = (trained(), tempfile::tempdir().unwrap());
    let path = dir.path();
    let rows = ok(path, &["sample", &t.spins, "-n", "20"]);
    ok(path, &["sample", &t.spins, "-n", "20", "-o", "x.npy"]);
    let to_null = ["sample", &t.spins, "-n", "20", "-o", "/dev/null", "--log-prob", "/dev/null"];
    assert_eq!(ok(path, &to_null), "");
    ok(path, &["log-prob", &t.spins, "x.npy", "-o", "/dev/null"]);
    assert!(!fs::metadata("/dev/null").unwrap().is_file());
    assert_eq!(ok(path, &["sample", &t.spins, "-n", "20", "-o", "/dev/stdout"]), rows);

    let through = |name: &str, arguments: &[&str]| {
        assert!(Command::new("mkfifo").arg(path.join(name)).status().unwrap().success());
        let fifo = path.join(name);
        let reader = std::thread::spawn(move || fs::read(fifo).unwrap());
        ok(path, arguments);
        reader.join().unwrap()
    };
    let sample = |name| ["sample", &t.spins, "-n", "20", "-o", name];
    assert_eq!(through("pipe", &sample("pipe")), rows.as_bytes());
    assert_eq!(through("pipe.npy", &sample("pipe.npy")), fs::read(path.join("x.npy")).unwrap());
    // The scores of an .npy file are as many as its rows, those of a .csv file are not known.
    let scored = through("lp.npy", &["log-prob", &t.spins, "x.npy", "-o", "lp.npy"]);
    ok(path, &["log-prob", &t.spins, "x.npy", "-o", "scored.npy"]);
    assert_eq!(scored, fs::read(path.join("scored.npy")).unwrap());
    fs::write(path.join("x.csv"), &rows).unwrap();
    let opened = File::options().read(true).write(true).open(path.join("lp.npy")).unwrap();
    let message = refused(path, &["log-prob", &t.spins, "x.csv", "-o", "lp.npy"]);
    assert!(message.contains("is a stream"), "{message}");
    drop(opened);
}

#[test]
fn one_file_is_not_written_twice_nor_over_what_is_read() {
    let (t, dir) = (trained(), tempfile::tempdir().unwrap());
    let path = dir.path();
    ok(path, &["sample", &t.flow, "-n", "20", "-o", "x.npy"]);
    std::os::unix::fs::symlink("x.npy", path.join("link.npy")).unwrap();
    fs::copy(&t.flow, path.join("model.csv")).unwrap();
    let before = (files(path), fs::read(path.join("x.npy")).unwrap());
    for (one, other) in
        [("x.npy", "./x.npy"), ("new.npy", "./new.npy"), ("link.npy", "x.npy"), ("-", "-")]
    {
        let arguments = ["sample", &t.flow, "-n", "3", "-o", one, "--log-prob", other];
        let message = refused(path, &arguments);
        assert!(message.contains("found the same file twice"), "{message}");
        let scores = ["log-prob", &t.flow, "x.npy", "-o", other];
        if other.contains("x.npy") {
            assert!(refused(path, &scores).contains("found the same file twice"));
        }
    }
    for arguments in [
        ["sample", "model.csv", "-n1", "-o", "./model.csv"],
        ["log-prob", "model.csv", "x.npy", "-o", "./model.csv"],
        ["codegen", "model.csv", "--name=x", "-o", "./model.csv"],
    ] {
        assert!(refused(path, &arguments).contains("found the same file twice"));
    }
    assert_eq!(before, (files(path), fs::read(path.join("x.npy")).unwrap()));
}

/// Runs the binary where the system gives it so many kilobytes of address space.
fn confined(folder: &std::path::Path, kilobytes: u64, arguments: &[&str]) -> std::process::Output {
    let script = format!("ulimit -v {kilobytes}; exec \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, "sh", env!("CARGO_BIN_EXE_pushforward")]).args(arguments);
    command.current_dir(folder).output().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn a_refused_allocation_is_an_error() {
    let (t, dir) = (trained(), tempfile::tempdir().unwrap());
    let path = dir.path();
    for (name, text) in [("ising.toml", crate::ISING), ("well.toml", crate::WELL)] {
        fs::write(path.join(name), text).unwrap();
    }
    // A hole that its header says is full of rows.
    let header =
        b"\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False, 'shape': (1073741824, 2), }";
    let mut bytes = header.to_vec();
    bytes.resize(127, b' ');
    bytes.push(b'\n');
    fs::write(path.join("hole.npy"), bytes).unwrap();
    File::options()
        .write(true)
        .open(path.join("hole.npy"))
        .unwrap()
        .set_len(128 + (8 << 30))
        .unwrap();
    let data = "[model]\nkind = 'realnvp'\n[target]\ndata = 'hole.npy'\nstream = false\n";
    fs::write(path.join("hole.toml"), data).unwrap();

    let train = |config, set| {
        let more = ["--set", set, "--set", "evaluate=2"];
        [&["train", config, "--device", "cpu", "--out", "run"][..], &more].concat()
    };
    for arguments in [
        vec!["sample", &t.flow, "-n", "1e15", "--batch", "4294967295", "-o", "x.npy"],
        vec!["sample", &t.spins, "-n", "1e15", "--batch", "4294967295", "-o", "x.npy"],
        train("hole.toml", "seed=1"),
        train("ising.toml", "hidden=[16384, 16384]"),
        train("ising.toml", "hidden=1048576"),
        [&train("ising.toml", "batch=1e6")[..], &["--set", "hidden=512"]].concat(),
        train("well.toml", "hidden=[8192, 8192]"),
    ] {
        let out = confined(path, 1_000_000, &[&["--threads", "2"][..], &arguments].concat());
        let message = String::from_utf8(out.stderr).unwrap();
        let last = message.lines().last().unwrap_or_default();
        assert!(matches!(out.status.code(), Some(1 | 2)), "{arguments:?}: {message}");
        assert!(last.starts_with("error: ") && last.contains("memory"), "{arguments:?}: {message}");
    }
    assert_eq!(files(path).len(), 4, "{:?}", files(path));
}

/// The most memory that a run takes, in kB.
#[cfg(target_os = "linux")]
fn peak_of_training(rows: usize) -> u64 {
    let dir = tempfile::tempdir().unwrap();
    let mut bytes = format!(
        "\x7fNUMPY\x01_v_{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, 10), }}"
    )
    .into_bytes();
    bytes[0] = 0x93;
    (bytes[7], bytes[9]) = (0, 0);
    bytes.resize(127, b' ');
    bytes.push(b'\n');
    let mut noise = pushforward::noise::Stream::new(3);
    let mut value = |i: usize| noise.block(i as u64, 0)[0] as f32 * 1e-9;
    bytes.extend((0..10 * rows).flat_map(|i| value(i).to_le_bytes()));
    fs::write(dir.path().join("x.npy"), bytes).unwrap();
    let config = "[model]\nkind = 'realnvp'\nlayers = 2\nhidden = 8\n[target]\ndata = 'x.npy'\n\
                  [train]\nsteps = 2\nbatch = 8\n";
    fs::write(dir.path().join("x.toml"), config).unwrap();
    let mut child = command(dir.path(), &["train", "x.toml", "--device", "cpu", "--out", "run"]);
    let mut child = child.stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let found = line.and_then(|l| l.trim().trim_end_matches(" kB").parse().ok());
        peak = found.unwrap_or(peak);
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    assert!(child.wait().unwrap().success());
    peak
}

#[cfg(target_os = "linux")]
#[test]
fn training_holds_its_rows_once() {
    let (few, many) = (peak_of_training(1_000), peak_of_training(1_000_000));
    // Forty megabytes of rows, a tenth of them moved to a part of their own, and eight bytes a row.
    assert!(many < few + 65_000, "{few} kB for 1000 rows, {many} kB for a million");
}
