//! Models of which some rows are taken out.

use crate::{figures, ok, refused, train_refuses};

const FERMIONS: &str = "
[model]
kind = 'made'
hidden = [24]
[target]
hamiltonian = 'fermions'
particles = 3
cutoff = 4
twist = [0.25, 0.1]
beta = 0.8
[train]
steps = 600
batch = 500
learning_rate = 5e-3
anneal = 0.98
evaluate = 20000
";

/// Rows of spins that are drawn, and how many of them are up.
fn ups(path: &std::path::Path, model: &str) -> Vec<usize> {
    let rows = ok(path, &["sample", model, "-n", "500", "--seed", "3"]);
    rows.lines().map(|row| row.split(',').filter(|x| *x == "1").count()).collect()
}

#[test]
fn fermions_are_as_many_as_there_are() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let found = figures(path, FERMIONS);
    assert!(found["ess"].as_f64().unwrap() > 0.95, "{found}");
    let at = |name: &str| found[name].as_f64().unwrap();
    let off = (at("ln_z") - at("ln_z_exact")).abs();
    assert!(off < 5.0 * at("ln_z_error") + 1e-5, "{found}");
    let model = "run/model.safetensors";
    assert_eq!(ups(path, model), vec![3; 500]);
    let checked = ok(path, &["check", model]);
    assert!(checked.contains("over 8192 states"), "{checked}");
    assert!(ok(path, &["inspect", model]).contains("counts [10,3]"));
    // The model says which states there are, and the Hamiltonian has to agree.
    let estimate = |energy: &str| {
        std::fs::write(path.join("energy.toml"), energy).unwrap();
        ["estimate", model, "--energy", "energy.toml", "-n", "2000"].map(str::to_owned)
    };
    let run = estimate(FERMIONS);
    ok(path, &run.each_ref().map(String::as_str));
    let run = estimate(&FERMIONS.replace("particles = 3", "particles = 4"));
    let message = refused(path, &run.each_ref().map(String::as_str));
    assert!(message.contains("counts of fermions"), "{message}");
    // In integers too.
    ok(path, &["quantize", model, "--weights", "i8", "-o", "small.safetensors"]);
    assert_eq!(ups(path, "small.safetensors"), vec![3; 500]);
    let checked = ok(path, &["check", "small.safetensors"]);
    assert!(checked.contains("over 8192 states"), "{checked}");

    train_refuses(
        path,
        FERMIONS,
        ["particles = 3", "particles = 14"],
        "[target] particles: found 14",
    );
    train_refuses(path, FERMIONS, ["cutoff = 4", ""], "[target] cutoff: is missing");
    train_refuses(path, FERMIONS, ["'made'", "'multilevel'"], "[model]");
    let other = "hidden = [24]\nconstraint = { kind = 'counts', counts = [9, 4] }";
    train_refuses(path, FERMIONS, ["hidden = [24]", other], "[model] constraint: found");
}

const PERMUTATIONS: &str = "
[model]
kind = 'made'
domain = 'category'
categories = 3
hidden = [12]
constraint = { kind = 'counts', counts = [1, 1, 1] }
[target]
data = 'table.csv'
[train]
steps = 400
batch = 256
learning_rate = 1e-2
";

/// Each permutation of 0, 1, 2, from one to six times as often as the first.
fn permutations() -> String {
    let all = ["0,1,2", "0,2,1", "1,0,2", "1,2,0", "2,0,1", "2,1,0"];
    let row = |i: u32| {
        let word = pushforward::noise::block([8, 9], [i, 0])[0] % 21;
        let which = (0..6).find(|k| word < (k + 1) * (k + 2) / 2).unwrap();
        format!("{}\n", all[which as usize])
    };
    (0..4000).map(row).collect()
}

#[test]
fn permutations_are_learnt_and_nothing_else_is_drawn() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    std::fs::write(path.join("table.csv"), permutations()).unwrap();
    let found = figures(path, PERMUTATIONS);
    // The entropy of (1, 2, 3, 4, 5, 6) / 21 is 1.6621 nats.
    let nll = found["held_out_nll"].as_f64().unwrap();
    assert!((1.58..1.75).contains(&nll), "{nll}");
    let model = "run/model.safetensors";
    for row in ok(path, &["sample", model, "-n", "500"]).lines() {
        let mut values: Vec<&str> = row.split(',').collect();
        values.sort_unstable();
        assert_eq!(values, ["0", "1", "2"], "{row}");
    }
    std::fs::write(path.join("rows.csv"), "2,1,0\n2,1,1\n").unwrap();
    let scores = ok(path, &["log-prob", model, "rows.csv"]);
    assert_eq!(scores.lines().last(), Some("-inf"), "{scores}");
    ok(path, &["check", model]);

    let table = permutations() + "2,2,0\n";
    std::fs::write(path.join("table.csv"), table).unwrap();
    let increasing = "{ kind = 'increasing' }";
    let counts = "{ kind = 'counts', counts = [1, 1, 1] }";
    std::fs::write(path.join("x.toml"), PERMUTATIONS).unwrap();
    let message = refused(path, &["train", "x.toml", "--device", "cpu", "--out", "run"]);
    assert!(
        message.contains("table.csv: a row: found 2, 2, 0, expected one that keeps"),
        "{message}"
    );
    assert!(message.contains("constraint"), "{message}");
    train_refuses(path, PERMUTATIONS, [counts, increasing], "constraint");
    train_refuses(path, PERMUTATIONS, ["[1, 1, 1]", "[1, 1, 2]"], "add up to 3");
    train_refuses(path, PERMUTATIONS, ["[1, 1, 1]", "[1, 2]"], "3 counts");
    let dead = "{ kind = 'successors', next = [[1], [2], []], first = [1] }";
    train_refuses(path, PERMUTATIONS, [counts, dead], "no row that keeps to them");
    train_refuses(
        path,
        PERMUTATIONS,
        ["categories = 3", "categories = [3, 3, 3]"],
        "as many categories",
    );
}
