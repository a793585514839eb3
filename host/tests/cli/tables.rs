//! Tables of other programs, and the names of their columns.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int32Array, RecordBatch, StringArray};
use arrow_ipc::writer::{FileWriter, StreamWriter};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use crate::{ok, pipe, refused};

/// Spins and their condition, and a column of text: s₀ is the sign of `field`, s₁ = −s₀.
fn columns(rows: u32) -> (Vec<i32>, Vec<f64>, Vec<String>) {
    let sign = |i| if pushforward::noise::block([3, 3], [i, 0])[0] & 1 == 1 { 1 } else { -1 };
    let s: Vec<i32> = (0..rows).map(sign).collect();
    let field = s.iter().map(|s| 50.0 + 7.0 * f64::from(*s)).collect();
    (s, field, (0..rows).map(|i| format!("run {i}")).collect())
}

/// The table with or without its text, in an order of its own.
fn batch(rows: u32, text: bool) -> RecordBatch {
    let (s, field, run) = columns(rows);
    let negated = s.iter().map(|s| -s).collect::<Vec<_>>();
    let mut columns: Vec<(&str, ArrayRef)> = vec![
        ("right", Arc::new(Int32Array::from(negated))),
        ("field", Arc::new(Float64Array::from(field))),
        ("left", Arc::new(Int32Array::from(s))),
    ];
    if text {
        columns.insert(1, ("run", Arc::new(StringArray::from(run))));
    }
    RecordBatch::try_from_iter(columns).unwrap()
}

fn write(path: &Path, batch: &RecordBatch) {
    let file = File::create(path).unwrap();
    match path.extension().and_then(|e| e.to_str()).unwrap() {
        "parquet" => {
            let properties = WriterProperties::builder().set_compression(Compression::SNAPPY);
            let properties = Some(properties.set_max_row_group_row_count(Some(700)).build());
            let mut writer = ArrowWriter::try_new(file, batch.schema(), properties).unwrap();
            writer.write(batch).unwrap();
            writer.close().unwrap();
        }
        "arrow" => {
            let mut writer = FileWriter::try_new(file, &batch.schema()).unwrap();
            writer.write(batch).unwrap();
            writer.finish().unwrap();
        }
        _ => {
            let mut writer = StreamWriter::try_new(file, &batch.schema()).unwrap();
            writer.write(batch).unwrap();
            writer.finish().unwrap();
        }
    }
}

const CONFIG: &str = "[model]\nkind = 'made'\nhidden = [8]\n[target]\ndata = 'table.csv'\n\
                      context = ['field']\n[train]\nsteps = 400\nbatch = 128\n";

/// One table in all formats trains one model, to the bit.
#[test]
fn every_format_is_the_same_table() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let table = batch(2000, false);
    let (s, field, _) = columns(2000);
    let rows: String =
        s.iter().zip(&field).map(|(s, field)| format!("{},{field},{s}\n", -s)).collect();
    std::fs::write(path.join("table.csv"), format!("right,field,left\n{rows}")).unwrap();
    std::fs::write(path.join("x.toml"), CONFIG).unwrap();
    let mut models = Vec::new();
    for name in ["table.csv", "table.parquet", "table.arrow", "table.arrows"] {
        if name != "table.csv" {
            write(&path.join(name), &table);
        }
        let data = format!("target.data='{name}'");
        let run = ["train", "x.toml", "--device", "cpu", "--out", "run", "--set", &data];
        ok(path, &run);
        let sample = ["sample", "run/model.safetensors", "-n", "200", "--context", "57"];
        models.push(ok(path, &sample));
    }
    assert!(models.iter().all(|rows| *rows == models[0]), "{models:?}");
    assert!(models[0].starts_with("right,left\n"), "{}", models[0]);
}

#[test]
fn names_go_with_the_model() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let model = "run/model.safetensors";
    write(&path.join("table.parquet"), &batch(2000, false));
    std::fs::write(path.join("x.toml"), CONFIG.replace("table.csv", "table.parquet")).unwrap();
    let told = ok(path, &["train", "x.toml", "--device", "cpu", "--out", "run"]);
    assert!(told.contains("right, left; given field"), "{told}");
    let report = std::fs::read_to_string(path.join("run/report.html")).unwrap();
    assert!(report.contains("right, left; given field"));

    assert!(ok(path, &["inspect", model]).contains("right, left; given field"));
    let json: serde_json::Value =
        serde_json::from_str(&ok(path, &["inspect", model, "--json"])).unwrap();
    let expected = serde_json::json!({ "row": ["right", "left"], "context": ["field"] });
    assert_eq!(json["columns"], expected);
    ok(path, &["codegen", model, "-o", "model.rs"]);
    let source = std::fs::read_to_string(path.join("model.rs")).unwrap();
    for constant in [
        "pub const COLUMNS: [&str; DIM] = [\"right\", \"left\"];",
        "pub const CONTEXT_COLUMNS: [&str; CONTEXT] = [\"field\"];",
    ] {
        assert!(source.contains(constant), "{source}");
    }

    // A draw has a header, and is read back by it or without it.
    let rows = ok(path, &["sample", model, "-n", "50", "--context", "57"]);
    let (header, bare) = rows.split_once('\n').unwrap();
    assert_eq!(header, "right,left");
    let score = |rows: &str, context: &[&str]| {
        let out = pipe(path, &[&["log-prob", model, "-"], context].concat(), rows);
        let message = String::from_utf8(out.stderr).unwrap();
        assert_eq!(out.status.code(), Some(0), "{message}");
        String::from_utf8(out.stdout).unwrap()
    };
    let expected = score(&rows, &["--context", "57"]);
    assert_eq!(expected.lines().count(), 50);
    assert_eq!(score(bare, &["--context", "57"]), expected);
    // By position, for the names are all others.
    assert_eq!(score(&format!("a,b\n{bare}"), &["--context", "57"]), expected);
    // By name, whatever the order and whatever else there is, and with the context beside them.
    let moved: String = bare
        .lines()
        .map(|row| {
            let (right, left) = row.split_once(',').unwrap();
            format!("a word,{left},57,{right}\n")
        })
        .collect();
    let moved = format!("note,left,field,right\n{moved}");
    assert_eq!(score(&moved, &[]), expected);
    assert_eq!(score(&moved, &["--context", "57"]), expected);
    assert_ne!(score(&moved, &["--context", "43"]), expected);
    std::fs::write(path.join("moved.csv"), &moved).unwrap();
    assert_eq!(score(&rows, &["--context", "moved.csv"]), expected);
    let drawn = ["sample", model, "-n", "50", "--context", "moved.csv"];
    assert_eq!(ok(path, &drawn), rows);

    // So it is with the columns of a Parquet file that has text among them.
    write(&path.join("text.parquet"), &batch(100, true));
    write(&path.join("plain.arrow"), &batch(100, false));
    let [text, plain] =
        ["text.parquet", "plain.arrow"].map(|data| ok(path, &["log-prob", model, data]));
    assert!(text.lines().count() == 100 && text == plain);

    for (rows, expected) in [
        ("left,field\n1,57\n", "has no column 'right', expected it among left, field"),
        ("left,right,left\n1,1,1\n", "columns 1 and 3 are both named 'left'"),
        ("a,b,c\n1,1,1\n", "has 3 values a row, expected 2, or columns right, left"),
        ("x,left,right\n1,1,\n", "row 1, column 3 (right): the value is missing"),
        ("right,left\n1,0\n", "row 1, column 2 (left): found 0, expected a spin"),
    ] {
        std::fs::write(path.join("bad.csv"), rows).unwrap();
        let message = refused(path, &["log-prob", model, "bad.csv", "--context", "57"]);
        assert!(message.contains(expected), "{message}");
    }
    std::fs::write(path.join("bad.csv"), "left,right\n1,1\n").unwrap();
    let message = refused(path, &["log-prob", model, "bad.csv"]);
    assert!(message.contains("takes a context of 1 values"), "{message}");
}

#[test]
fn what_cannot_be_trained_from_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    write(&path.join("text.parquet"), &batch(100, true));
    std::fs::write(path.join("twice.csv"), "x,field,x\n1,2,1\n-1,3,1\n").unwrap();
    std::fs::write(path.join("constant.csv"), "x,field\n1.5,2\n1.5,3\n1.5,2\n").unwrap();
    for (data, kind, expected) in [
        ("text.parquet", "made", "column 2 (run) has the type Utf8, expected integers, floats or"),
        ("twice.csv", "made", "`columns.row`, number 2: found \"x\" again, expected names that"),
        ("constant.csv", "maf", "column 1 (x) is 1.5 in all of 3 training rows, expected values"),
    ] {
        let config = CONFIG.replace("table.csv", data).replace("'made'", &format!("'{kind}'"));
        let config = config.replace("[train]", "validation = 0.0\n[train]");
        let config = if kind == "maf" { config.replace("[8]", "[8, 8]") } else { config };
        std::fs::write(path.join("x.toml"), config).unwrap();
        let message = refused(path, &["train", "x.toml", "--device", "cpu", "--out", "run"]);
        assert!(message.contains(data) && message.contains(expected), "{message}");
    }
}

/// Names that a header could not have without quotes, or at all.
#[test]
fn a_header_is_read_back_or_not_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    for (names, header) in [
        (["a, b", "#\"c\""], Some("\"a, b\",\"#\"\"c\"\"\"")),
        (["#left", "right"], Some("\"#left\",right")),
        (["0", "1"], None),
        (["x", "nan"], None),
    ] {
        let ones =
            || Arc::new(Int32Array::from_iter_values((0..64).map(|i| 1 - 2 * (i & 1)))) as ArrayRef;
        let table = RecordBatch::try_from_iter(names.map(|name| (name, ones()))).unwrap();
        write(&path.join("table.parquet"), &table);
        let config = "[model]\nkind = 'made'\nhidden = [4]\n[target]\ndata = 'table.parquet'\n\
                      [train]\nsteps = 2\nbatch = 8\n";
        std::fs::write(path.join("x.toml"), config).unwrap();
        ok(path, &["train", "x.toml", "--device", "cpu", "--out", "run"]);
        let rows = ok(path, &["sample", "run/model.safetensors", "-n", "5"]);
        let first = rows.lines().next().unwrap();
        assert_eq!(rows.lines().count(), 5 + usize::from(header.is_some()), "{rows}");
        assert!(header.is_none_or(|header| header == first), "{first}");
        std::fs::write(path.join("rows.csv"), &rows).unwrap();
        ok(path, &["sample", "run/model.safetensors", "-n", "5", "-o", "rows.npy"]);
        let [a, b] = ["rows.csv", "rows.npy"]
            .map(|rows| ok(path, &["log-prob", "run/model.safetensors", rows]));
        assert_eq!(a, b);
    }
}

#[test]
fn an_array_of_an_archive_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let npy = |rows: &[i8]| {
        let shape = format!("({}, 2)", rows.len() / 2);
        let text = format!("{{'descr': '|i1', 'fortran_order': False, 'shape': {shape}, }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((text.len() as u16).to_le_bytes());
        bytes.extend(text.bytes().chain(rows.iter().map(|x| *x as u8)));
        bytes
    };
    let rows: Vec<i8> = (0..100).flat_map(|i| [1 - 2 * (i & 1), 1 - (i & 2)]).collect();
    let file = File::create(path.join("runs.npz")).unwrap();
    let mut archive = zip::ZipWriter::new(file);
    let options = zip::write::SimpleFileOptions::default();
    for (name, rows) in [("train.npy", &rows[..]), ("test.npy", &rows[..20])] {
        use std::io::Write;
        archive.start_file(name, options).unwrap();
        archive.write_all(&npy(rows)).unwrap();
    }
    archive.finish().unwrap();
    let config = "[model]\nkind = 'made'\nhidden = [4]\n[target]\ndata = 'runs.npz:train'\n\
                  [train]\nsteps = 20\nbatch = 8\n";
    std::fs::write(path.join("x.toml"), config).unwrap();
    ok(path, &["train", "x.toml", "--device", "cpu", "--out", "run"]);
    let model = "run/model.safetensors";
    std::fs::write(path.join("test.npy"), npy(&rows[..20])).unwrap();
    let expected = ok(path, &["log-prob", model, "test.npy"]);
    assert_eq!(ok(path, &["log-prob", model, "runs.npz:test"]), expected);
    std::fs::copy(path.join("test.npy"), path.join("a.npz:b.npy")).unwrap();
    assert_eq!(ok(path, &["log-prob", model, "a.npz:b.npy"]), expected);
    for (data, message) in [
        ("runs.npz", "has several arrays, expected a name, FILE.npz:NAME: train, test"),
        ("runs.npz:x", "runs.npz:x: has no array 'x', expected one of train, test"),
        ("none.npz:x", "none.npz:x: cannot be read: no such file"),
    ] {
        let found = refused(path, &["log-prob", model, data]);
        assert!(found.contains(message), "{found}");
    }
}
