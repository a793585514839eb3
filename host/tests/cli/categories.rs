//! Models over categories.

use crate::{figures, ok, refused};

/// Three sites: a throw of 0 to 3 with weights 4, 3, 2, 1; the next value, 0 after 3; their parity.
fn table(rows: u32) -> String {
    let row = |i| {
        let word = pushforward::noise::block([8, 8], [i, 0])[0] % 10;
        let throw = [0, 0, 0, 0, 1, 1, 1, 2, 2, 3][word as usize];
        format!("{throw},{},{}\n", (throw + 1) % 4, throw % 2)
    };
    (0..rows).map(row).collect()
}

const CONFIG: &str = "
[model]
kind = 'made'
domain = 'category'
categories = [4, 4, 2]
hidden = [24]
[target]
data = 'table.csv'
[train]
steps = 800
batch = 256
learning_rate = 1e-2
";

#[test]
fn categories_are_learnt_drawn_and_scored() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    std::fs::write(path.join("table.csv"), table(4000)).unwrap();
    let figures = figures(path, CONFIG);
    // The entropy of 0.4, 0.3, 0.2 and 0.1 is 1.2799 nats.
    let nll = figures["held_out_nll"].as_f64().unwrap();
    assert!((1.2..1.36).contains(&nll), "{nll}");

    let model = "run/model.safetensors";
    ok(path, &["sample", model, "-n", "1000", "-o", "x.npy", "--log-prob", "lp.csv"]);
    let header = std::fs::read(path.join("x.npy")).unwrap();
    assert!(String::from_utf8_lossy(&header[..128]).contains("'|u1'"));
    assert_eq!(header.len(), 128 + 3000);
    let rows = ok(path, &["sample", model, "-n", "1000"]);
    std::fs::write(path.join("x.csv"), &rows).unwrap();
    let obeys = |row: &&str| {
        let x: Vec<u32> = row.split(',').map(|x| x.parse().unwrap()).collect();
        x[1] == (x[0] + 1) % 4 && x[2] == x[0] % 2
    };
    let found = rows.lines().filter(obeys).count();
    assert!(found > 950, "{found} of 1000");
    let scores = ok(path, &["log-prob", model, "x.csv"]);
    assert_eq!(scores, ok(path, &["log-prob", model, "x.npy"]));
    assert_eq!(scores, std::fs::read_to_string(path.join("lp.csv")).unwrap());
    let checked = ok(path, &["check", model]);
    assert!(checked.contains("over 32 states"), "{checked}");
    ok(path, &["bench", model, "--json"]);

    std::fs::write(path.join("bad.csv"), "0,4,0\n").unwrap();
    let message = refused(path, &["log-prob", model, "bad.csv"]);
    let expected = "row 1, column 2: found 4, expected a whole number from 0 to 3";
    assert!(message.contains(expected), "{message}");
}

#[test]
fn wrong_categories_are_named() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("table.csv"), table(100)).unwrap();
    for (from, to, expected) in [
        ("categories = [4, 4, 2]", "", "[model] categories: is missing"),
        ("domain = 'category'", "", "expected domain = 'category'"),
        ("[4, 4, 2]", "[4, 4]", "has 3 values a row, expected 2"),
        ("[4, 4, 2]", "3", "expected a whole number from 0 to 2"),
        ("[4, 4, 2]", "1", "[model] categories: expected 2 to 65536 a site"),
        ("hidden = [24]", "symmetry = 'z2'", "expected 'none' for categories"),
        (
            "data = 'table.csv'",
            "hamiltonian = 'ring2d'",
            "found 'made', but the target is over real numbers",
        ),
    ] {
        assert!(CONFIG.contains(from));
        std::fs::write(dir.path().join("x.toml"), CONFIG.replacen(from, to, 1)).unwrap();
        let message = refused(dir.path(), &["train", "x.toml", "--device", "cpu", "--out", "run"]);
        assert!(message.contains(expected), "{from}: {message}");
    }
}
