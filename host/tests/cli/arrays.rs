//! `sample` and `log-prob`: rows and the files they travel in.

use crate::{ok, pipe, refused, run, trained};

/// The rows of a `.npy` file as raw bytes, and its header.
fn npy(path: &std::path::Path) -> (String, Vec<u8>) {
    let bytes = std::fs::read(path).unwrap();
    assert_eq!(&bytes[..6], b"\x93NUMPY");
    (String::from_utf8_lossy(&bytes[10..128]).into_owned(), bytes[128..].to_vec())
}

#[test]
fn a_row_depends_on_its_index_alone() {
    let (t, dir) = (trained(), tempfile::tempdir().unwrap());
    let sample = |model: &str, name: &str, extra: &[&str]| {
        let log_prob = format!("lp-{name}");
        let mut arguments =
            vec!["sample", model, "--seed", "5", "-o", name, "--log-prob", &log_prob];
        arguments.extend(extra);
        ok(dir.path(), &arguments);
        (npy(&dir.path().join(name)).1, npy(&dir.path().join(log_prob)).1)
    };
    for (model, row_bytes) in [(&t.spins, 9), (&t.flow, 8)] {
        let whole = sample(model, "whole.npy", &["-n", "1000"]);
        assert_eq!(whole.0.len(), 1000 * row_bytes);
        for extra in [
            ["--batch", "1"],
            ["--batch", "7"],
            ["--batch", "64"],
            ["--batch", "333"],
            ["--threads", "1"],
            ["--threads", "2"],
            ["--threads", "3"],
            ["--simd", "scalar"],
        ] {
            let part = sample(model, "part.npy", &[&["-n", "1000"][..], &extra].concat());
            assert!(part == whole, "{extra:?}");
        }
        let scores = ["1", "2", "3"].map(|threads| {
            ok(dir.path(), &["log-prob", model, "whole.npy", "--threads", threads, "-o", "lp.npy"]);
            npy(&dir.path().join("lp.npy")).1
        });
        assert!(scores[0] == scores[1] && scores[0] == scores[2]);
        let slice = sample(model, "slice.npy", &["--first", "300", "-n", "77"]);
        assert_eq!(slice.0, whole.0[300 * row_bytes..377 * row_bytes]);
        assert_eq!(slice.1, whole.1[300 * 4..377 * 4]);
        let far = sample(model, "far.npy", &["--first", "4294967290", "-n", "12"]);
        assert_eq!(
            sample(model, "page.npy", &["--first", "4294967296", "-n", "6"]).0,
            far.0[6 * row_bytes..]
        );
    }
}

#[test]
fn formats_hold_the_same_rows() {
    let (t, dir) = (trained(), tempfile::tempdir().unwrap());
    let path = dir.path();
    for (model, element) in [(&t.spins, "|i1"), (&t.flow, "<f4")] {
        ok(path, &["sample", model, "-n", "50", "-o", "x.npy", "--log-prob", "lp.npy"]);
        ok(path, &["sample", model, "-n", "50", "-o", "x.csv"]);
        let text = ok(path, &["sample", model, "-n", "50"]);
        assert_eq!(text, std::fs::read_to_string(path.join("x.csv")).unwrap());
        assert!(
            npy(&path.join("x.npy"))
                .0
                .contains(&format!("'{element}', 'fortran_order': False, 'shape': (50, "))
        );

        let scores = ok(path, &["log-prob", model, "x.npy"]);
        assert_eq!(scores.lines().count(), 50);
        assert_eq!(scores, ok(path, &["log-prob", model, "x.csv"]));
        let piped =
            pipe(path, &["log-prob", model, "-"], &format!("a header, of any, length\n{text}"));
        // A header has as many fields as rows have.
        assert_eq!(piped.status.code(), Some(2));
        let piped = pipe(path, &["log-prob", model, "-"], &text);
        assert_eq!(String::from_utf8(piped.stdout).unwrap(), scores);

        ok(path, &["log-prob", model, "x.npy", "-o", "scored.npy"]);
        let (header, scored) = npy(&path.join("scored.npy"));
        assert!(header.contains("'shape': (50,)"), "{header}");
        let drawn = npy(&path.join("lp.npy")).1;
        if element == "|i1" {
            assert_eq!(scored, drawn);
        }
    }
    assert_eq!(ok(path, &["sample", &t.spins, "-n", "0"]), "");
    let thousand = ok(path, &["sample", &t.flow, "-n", "1e3"]);
    assert_eq!(
        (thousand.lines().count(), &thousand),
        (1000, &ok(path, &["sample", &t.flow, "-n", "1_000"]))
    );
}

/// Many chunks go the same way as one: `--batch` sets where they end.
#[test]
fn many_chunks_keep_their_order() {
    let (t, dir) = (trained(), tempfile::tempdir().unwrap());
    let path = dir.path();
    for model in [&t.spins, &t.flow] {
        let rows = ["sample", model, "-n", "90000", "--log-prob"];
        ok(path, &[&rows[..], &["lp.npy", "-o", "x.npy"]].concat());
        ok(path, &[&rows[..], &["lp1.npy", "-o", "x1.npy", "--batch", "100000"]].concat());
        ok(path, &["log-prob", model, "x.npy", "-o", "s.npy"]);
        let text = ok(path, &["sample", model, "-n", "90000"]);
        std::fs::write(path.join("x.csv"), &text).unwrap();
        ok(path, &["log-prob", model, "x.csv", "-o", "s1.npy"]);
        for (one, other) in [("x.npy", "x1.npy"), ("lp.npy", "lp1.npy"), ("s.npy", "s1.npy")] {
            assert!(npy(&path.join(one)) == npy(&path.join(other)), "{one} {other}");
        }
        let last = ok(path, &["sample", model, "--first", "89990", "-n", "10"]);
        assert!(text.ends_with(&last));
    }
}

/// The most memory that drawing `n` rows takes, in kB, asked when all but the last megabyte is
/// read: a pipe holds less, so the program is still there.
#[cfg(target_os = "linux")]
fn peak_memory(model: &str, n: u64) -> u64 {
    use std::io::Read;
    use std::process::Stdio;
    let folder = tempfile::tempdir().unwrap();
    let rows = n.to_string();
    let arguments = ["sample", model, "-n", &rows, "--threads", "2", "--log-prob", "lp.npy"];
    let mut child =
        crate::command(folder.path(), &arguments).stdout(Stdio::piped()).spawn().unwrap();
    let mut out = child.stdout.take().unwrap();
    // The shortest row is nine times "1" with a separator.
    let most = n * 18 - (1 << 20);
    assert_eq!(std::io::copy(&mut out.by_ref().take(most), &mut std::io::sink()).unwrap(), most);
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    assert!(std::io::copy(&mut out, &mut std::io::sink()).unwrap() > 0);
    assert!(child.wait().unwrap().success());
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn memory_does_not_depend_on_the_number_of_samples() {
    let t = trained();
    let (some, many) = (peak_memory(&t.spins, 200_000), peak_memory(&t.spins, 2_000_000));
    // Eighteen megabytes of spins more, or forty of text.
    assert!(many < some + 8_000, "{some} kB for 200 000, {many} kB for 2 000 000");
}

#[test]
fn wrong_arrays_are_refused() {
    let (t, dir) = (trained(), tempfile::tempdir().unwrap());
    let path = dir.path();
    std::fs::write(path.join("narrow.csv"), "1,-1\n").unwrap();
    std::fs::write(path.join("zero.csv"), "1,1,1,1,0,1,1,1,1\n").unwrap();
    std::fs::write(path.join("nan.csv"), "1.0,nan\n").unwrap();
    let before = crate::files(path);
    let out = ["-o", "out.npy"];
    for (arguments, expected) in [
        (vec!["log-prob", &t.spins, "narrow.csv"], "narrow.csv: has 2 values a row, expected 9"),
        (vec!["log-prob", &t.spins, "zero.csv"], "row 1, column 5: found 0, expected a spin"),
        (vec!["log-prob", &t.flow, "nan.csv"], "row 1, column 2: found NaN"),
        (vec!["log-prob", &t.flow, "missing.npy"], "missing.npy: cannot be read: no such file"),
        (vec!["log-prob", &t.flow, "nan.csv", "--context", "c.npy"], "takes no context"),
        (vec!["sample", &t.flow, "-n", "3", "--first", "18446744073709551615"], "2^64"),
        (vec!["sample", &t.flow, "-n", "3", "--simd", "mmx"], "--simd: found 'mmx'"),
    ] {
        let message = refused(path, &[&arguments[..], &out].concat());
        assert!(message.contains(expected), "{message}");
    }
    for arguments in [["-o", "no/where.npy"], ["-o", "x.parquet"], ["-o", "."]] {
        refused(path, &[&["sample", &t.flow, "-n", "3"][..], &arguments].concat());
    }
    refused(path, &["sample", &t.flow, "-n", "3", "-o", "x.npy", "--log-prob", "x.npy"]);
    refused(path, &["sample", &t.flow, "-n", "-3"]);
    refused(path, &["sample", &t.flow, "-n", "1e-3"]);
    refused(path, &["estimate", &t.flow, "--energy", "x.toml", "-n", "1"]);
    refused(path, &["sampel", &t.flow]);
    assert_eq!(crate::files(path), before, "nothing is left behind");
}

#[test]
fn a_closed_pipe_is_no_failure() {
    use std::process::Stdio;
    let t = trained();
    let mut command = crate::command(t.folder.path(), &["sample", &t.spins, "-n", "1000000"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let out = child.wait_with_output().unwrap();
    assert_eq!((out.status.code(), String::from_utf8_lossy(&out.stderr).as_ref()), (Some(0), ""));
    assert_eq!(run(t.folder.path(), &["--help"]).status.code(), Some(0));
}
