//! Signals, kills, and two runs in one folder.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::{ISING, WELL, command, files, ok, refused, run, trained};

/// Starts the binary, and waits until `started` exists.
fn start(folder: &Path, arguments: &[&str], started: &str) -> Child {
    let mut command = command(folder, arguments);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let patience = Instant::now();
    while !folder.join(started).exists() {
        assert!(patience.elapsed() < Duration::from_secs(60), "{arguments:?} does not start");
        std::thread::sleep(Duration::from_millis(2));
    }
    child
}

/// Sends a signal, and returns exit code and messages.
fn stop(child: Child, signal: &str) -> (Option<i32>, String) {
    assert!(
        Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success()
    );
    let out = child.wait_with_output().unwrap();
    (out.status.code(), String::from_utf8(out.stderr).unwrap())
}

fn names(folder: &Path) -> Vec<String> {
    let name = |f: &std::path::PathBuf| f.strip_prefix(folder).unwrap().display().to_string();
    files(folder).iter().map(name).collect()
}

/// A config and the arguments of a run too long to end.
fn endless(folder: &Path) -> [&'static str; 9] {
    fs::write(folder.join("x.toml"), ISING).unwrap();
    ["train", "x.toml", "--device", "cpu", "--set", "steps=1e9", "--out", "run", "--seed=1"]
}

#[test]
fn every_signal_leaves_a_checkpoint_and_says_so() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143), ("-HUP", 129)] {
        if signal == "-HUP" && hangup_is_ignored() {
            continue;
        }
        let dir = tempfile::tempdir().unwrap();
        let arguments = endless(dir.path());
        let child = start(dir.path(), &arguments, "run/metrics.csv");
        let (found, message) = stop(child, signal);
        assert_eq!(found, Some(code), "{signal}: {message}");
        assert!(message.contains("interrupted at step "), "{signal}: {message}");
        let left = names(&dir.path().join("run"));
        assert!(left.contains(&"checkpoint.safetensors".to_owned()), "{left:?}");
        assert!(!left.iter().any(|f| f.ends_with(".part") || f == ".lock"), "{left:?}");
    }
}

/// The tests may run under `nohup`, and what is ignored is inherited.
fn hangup_is_ignored() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.is_some_and(|m| u64::from_str_radix(m.trim(), 16).is_ok_and(|m| m & 1 == 1))
}

#[test]
fn a_stopped_sample_leaves_nothing_and_a_killed_one_is_swept() {
    let (t, dir) = (trained(), tempfile::tempdir().unwrap());
    let path = dir.path();
    let forever = ["sample", &t.spins, "-n", "1e15", "-o", "x.npy"];
    let begin = || {
        let mut child = command(path, &forever);
        let child = child.stderr(Stdio::piped()).spawn().unwrap();
        let part = format!(".x.npy.{}.part", child.id());
        while !path.join(&part).exists() {
            std::thread::sleep(Duration::from_millis(2));
        }
        (child, part)
    };
    let (child, _) = begin();
    let (code, message) = stop(child, "-TERM");
    assert_eq!((code, &message[..]), (Some(143), "error: interrupted\n"));
    assert_eq!(names(path), [""; 0]);

    let (child, killed) = begin();
    stop(child, "-KILL");
    assert_eq!(names(path), [&killed[..]]);
    // One that is at work is none of the next one's business.
    let (child, alive) = begin();
    assert_eq!(names(path), [&alive[..]]);
    ok(path, &["sample", &t.spins, "-n", "3", "-o", "x.npy"]);
    assert_eq!(names(path), [&alive[..], "x.npy"]);
    stop(child, "-INT");
    assert_eq!(names(path), ["x.npy"]);
}

#[cfg(target_os = "linux")]
#[test]
fn nohup_is_heeded() {
    let (t, dir) = (trained(), tempfile::tempdir().unwrap());
    let script = "trap '' HUP; exec \"$@\"";
    let mut nohup = Command::new("sh");
    nohup.args(["-c", script, "sh", env!("CARGO_BIN_EXE_pushforward"), "sample", &t.spins]);
    nohup.args(["-n", "1e15", "-o", "x.npy"]).current_dir(dir.path()).stderr(Stdio::piped());
    let child = nohup.spawn().unwrap();
    while files(dir.path()).is_empty() {
        std::thread::sleep(Duration::from_millis(2));
    }
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-HUP", &id]).status().unwrap().success());
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(stop(child, "-TERM").0, Some(143));
}

#[test]
fn a_folder_has_one_run_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let arguments = endless(path);
    let child = start(path, &arguments, "run/metrics.csv");
    for again in [&arguments[..], &[&arguments[..], &["--resume"]].concat()] {
        let message = refused(path, again);
        let expected = format!("error: run: a run of process {} is writing here", child.id());
        assert!(message.starts_with(&expected) && message.contains("--out"), "{message}");
    }
    // The lock dies with its owner, however that ends.
    stop(child, "-KILL");
    let some = &[&arguments[..], &["--set", "steps=30", "--set", "evaluate=100"]].concat();
    ok(path, some);
    assert!(!path.join("run/.lock").exists());
}

#[test]
fn a_new_run_does_not_mix_with_the_one_before() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    fs::write(path.join("x.toml"), WELL).unwrap();
    let train = |extra: &[&str]| {
        let arguments = ["train", "x.toml", "--device", "cpu", "--out", "run"];
        run(path, &[&arguments[..], extra].concat())
    };
    assert!(train(&[]).status.success());
    let first = names(&path.join("run"));
    let model = fs::read(path.join("run/model.safetensors")).unwrap();

    // A run that fails before its first checkpoint has none to point to, and no model.
    let diverging = ["--set", "learning_rate=1000", "--set", "clip=1e30", "--set", "anneal=0"];
    let message = String::from_utf8(train(&diverging).stderr).unwrap();
    assert!(message.contains("diverged at step "), "{message}");
    assert!(message.contains("there is no checkpoint yet"), "{message}");
    let kept = |name: &String| format!("previous/{name}");
    let expected: Vec<_> =
        std::iter::once("metrics.csv".into()).chain(first.iter().map(kept)).collect();
    assert_eq!(names(&path.join("run")), expected);
    assert_eq!(fs::read(path.join("run/previous/model.safetensors")).unwrap(), model);

    // Nor does it cost the model that is kept; a whole run in its place does.
    assert!(train(&["--set", "seed=2"]).status.success());
    assert_eq!(fs::read(path.join("run/previous/model.safetensors")).unwrap(), model);
    let second = fs::read(path.join("run/model.safetensors")).unwrap();
    let out = train(&["--set", "seed=3"]);
    assert!(out.status.success());
    assert!(String::from_utf8(out.stderr).unwrap().contains("are now in run/previous"));
    assert_eq!(fs::read(path.join("run/previous/model.safetensors")).unwrap(), second);
    assert_eq!(names(&path.join("run")).len(), 2 * first.len());
    // Going on with a run is no new run.
    assert!(train(&["--set", "seed=3", "--resume"]).status.success());
    assert_eq!(fs::read(path.join("run/previous/model.safetensors")).unwrap(), second);
}
