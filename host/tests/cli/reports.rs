//! `report`: the page that `train` wrote, again, and runs side by side.

use std::path::Path;

use crate::{command, ok, refused, trained};

/// A table of three columns, the last a whole number, in the names' order.
fn table(rows: u32) -> String {
    let number = |i: u32, d: u32| {
        let word = pushforward::noise::block([5, 5], [i, d])[0];
        f64::from(pushforward::noise::normal(pushforward::simd::Scalar, word))
    };
    let row = |i: u32| {
        let [a, b, c] = [number(i, 0), number(i, 1), number(i, 2)];
        format!("{},{},{}\n", 20.0 + 3.0 * a, 1013.0 + a + 0.5 * b, (4.0 * c).round())
    };
    "temperature,p < q,count\n".to_owned() + &(0..rows).map(row).collect::<String>()
}

const CONFIG: &str = "
[model]
kind = 'maf'
layers = 2
hidden = [16]
[target]
data = 'table.csv'
[train]
steps = 60
batch = 64
";

/// A folder with a run `a` of the table.
fn run_of_data() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("table.csv"), table(1500)).unwrap();
    std::fs::write(dir.path().join("x.toml"), CONFIG).unwrap();
    ok(dir.path(), &["train", "x.toml", "--device", "cpu", "--out", "a"]);
    dir
}

fn page(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// Whole, loading nothing, with numbers alone in its pictures.
fn is_sound(page: &str) {
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
    for word in ["http", "<script", "<link", "src=", "url(", "NaN", "#01FE", "cannot be drawn"] {
        assert!(!page.contains(word), "{word}");
    }
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
    for tag in ["svg", "figure", "table", "section", "text", "td", "p", "h3", "span"] {
        let opened = page.matches(&format!("<{tag}>")).count();
        let opened = opened + page.matches(&format!("<{tag} ")).count();
        assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
    }
}

#[test]
fn a_report_is_the_one_that_train_wrote() {
    let dir = run_of_data();
    let path = dir.path();
    let written = page(&path.join("a/report.html"));
    is_sound(&written);
    for words in [
        "temperature",
        "p &lt; q",
        "count",
        "held-out rows",
        "Model and data",
        "Calibration",
        "rank of temperature",
        "Norm of the gradient",
        "Learning rate",
    ] {
        assert!(written.contains(words), "{words}");
    }

    // From another folder, and by another way to it.
    let said = ok(&path.join("a"), &["report", "../a"]);
    assert_eq!(said, "saved ../a/report.html\n");
    assert!(page(&path.join("a/report.html")) == written);
    ok(path, &["report", "a", "-o", "b.html", "--threads", "1"]);
    assert!(page(&path.join("b.html")) == written);

    // What needs the data is left out where they are gone or others, names are kept.
    std::fs::write(path.join("table.csv"), table(1501)).unwrap();
    ok(path, &["report", "a", "-o", "b.html"]);
    let others = page(&path.join("b.html"));
    assert!(others.contains("table.csv, have changed since"));
    std::fs::remove_file(path.join("table.csv")).unwrap();
    ok(path, &["report", "a", "-o", "b.html"]);
    let gone = page(&path.join("b.html"));
    is_sound(&gone);
    assert!(gone.contains("table.csv, are no longer there") && gone.contains("temperature"));
    assert!(!gone.contains("Calibration") && gone.contains("Learning rate"));
}

#[test]
fn runs_of_hamiltonians_are_drawn_again_too() {
    let t = trained();
    for name in ["ising", "well"] {
        let written = page(&t.folder.path().join(name).join("report.html"));
        is_sound(&written);
        let again = t.folder.path().join(format!("{name}.html"));
        ok(t.folder.path(), &["report", name, "-o", &again.display().to_string()]);
        assert!(page(&again) == written, "{name}");
        for words in ["Importance weights", "Pareto k̂", "Energy of model and target", "β"] {
            assert!(written.contains(words), "{name}: {words}");
        }
    }
    ok(t.folder.path(), &["report", "ising", "well", "-o", "both.html"]);
    is_sound(&page(&t.folder.path().join("both.html")));
}

#[test]
fn runs_stand_side_by_side() {
    let dir = run_of_data();
    let path = dir.path();
    let longer = ["train", "x.toml", "--device", "cpu", "--out", "b", "--set", "steps=90"];
    ok(path, &longer);
    // One that was never finished has its curves, also the row that was being written.
    std::fs::create_dir(path.join("c")).unwrap();
    let metrics = page(&path.join("a/metrics.csv"));
    let metrics = metrics.trim_end();
    std::fs::write(path.join("c/metrics.csv"), &metrics[..metrics.len() - 7]).unwrap();

    assert_eq!(ok(path, &["report", "a", "b", "c"]), "saved report.html\n");
    let page = page(&path.join("report.html"));
    is_sound(&page);
    for name in ["a", "b", "c"] {
        assert!(page.contains(&format!("<h2>{name}</h2>")), "{name}");
        assert!(page.contains(&format!(">{name}</span>")), "{name}");
    }
    assert!(page.contains("<th></th><th>a</th><th>b</th><th>c</th>"));
    assert_eq!(page.matches("Loss of training batches</h3>").count(), 1);
    assert_eq!(page.matches("Loss of held-out rows</h3>").count(), 1);
    assert_eq!(page.matches("Model and data</h3>").count(), 2);
    assert!(page.contains("has no model yet"));
}

#[test]
fn what_is_no_run_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    std::fs::create_dir(path.join("empty")).unwrap();
    std::fs::write(path.join("file"), "").unwrap();
    std::fs::create_dir(path.join("odd")).unwrap();
    std::fs::write(path.join("odd/metrics.csv"), "step,loss\n1,x\n").unwrap();
    for (arguments, expected) in [
        (&["report", "gone"][..], "error: gone: no such folder"),
        (&["report", "file"], "error: file: is no folder"),
        (&["report", "empty"], "empty/metrics.csv: cannot be read: no such file"),
        (&["report", "odd"], "odd/metrics.csv: has no column 'loss_error'"),
    ] {
        let message = refused(path, arguments);
        assert!(message.contains(expected) && message.lines().count() == 1, "{message}");
    }
    assert_eq!(command(path, &["report"]).output().unwrap().status.code(), Some(2));
    assert!(!path.join("empty/report.html").exists());
}
