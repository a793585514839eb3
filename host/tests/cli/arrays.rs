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
            ["--threads", "1"],
            ["--threads", "2"],
            ["--simd", "scalar"],
        ] {
            let part = sample(model, "part.npy", &[&["-n", "1000"][..], &extra].concat());
            assert!(part == whole, "{extra:?}");
        }
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
