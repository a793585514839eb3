//! Models that are conditioned on columns of their table.

use crate::{figures, ok, pipe, refused, run};

/// Rows of two readings and their condition: x₀ = c + z₀, x₁ = x₀ − c/2 + (1 + c²)/4 z₁.
fn table(rows: usize) -> String {
    let number = |i: usize, d: usize| {
        let word = pushforward::noise::block([9, 9], [i as u32, d as u32])[0];
        f64::from(pushforward::noise::normal(pushforward::simd::Scalar, word))
    };
    let mut text = "first,condition,second\n".to_owned();
    for i in 0..rows {
        let (c, z) = (number(i, 0), [number(i, 1), number(i, 2)]);
        let first = c + z[0];
        let second = first - 0.5 * c + 0.25 * (1.0 + c * c) * z[1];
        text += &format!("{first},{},{second}\n", 300.0 + 20.0 * c);
    }
    text
}

const CONFIG: &str = "
[model]
kind = 'flow'
[[model.layers]]
kind = 'coupling'
network = { hidden = [12] }
[[model.layers]]
kind = 'permute'
[[model.layers]]
kind = 'autoregressive'
network = { hidden = [24] }
[target]
data = 'table.csv'
context = ['condition']
[train]
steps = 900
batch = 256
learning_rate = 4e-3
clip = 5.0
";

#[test]
fn a_conditional_model_is_trained_drawn_scored_and_checked() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    std::fs::write(path.join("table.csv"), table(6000)).unwrap();
    let figures = figures(path, CONFIG);
    // The entropy is ln 2πe + E ln((1 + c²)/4) = 2.8379 − 1.3863 + 0.5339 nats.
    let nll = figures["held_out_nll"].as_f64().unwrap();
    assert!((1.9..2.15).contains(&nll), "{nll}");

    // The condition in the file's units; a draw is what its path says, one context for all or each.
    let model = "run/model.safetensors";
    let sample = |context: &str| {
        let out = ["sample", model, "-n", "400", "--context", context, "--log-prob", "lp.csv"];
        let rows = ok(path, &out);
        (rows, std::fs::read_to_string(path.join("lp.csv")).unwrap())
    };
    let (rows, path_scores) = sample("340");
    std::fs::write(path.join("one.csv"), "condition\n340\n").unwrap();
    std::fs::write(path.join("each.csv"), "340\n".repeat(400)).unwrap();
    assert_eq!(sample("one.csv"), (rows.clone(), path_scores.clone()));
    assert_eq!(sample("each.csv"), (rows.clone(), path_scores.clone()));
    let firsts =
        rows.lines().skip(1).map(|row| row.split(',').next().unwrap().parse::<f64>().unwrap());
    let mean = firsts.sum::<f64>() / 400.0;
    assert!((mean - 2.0).abs() < 0.4, "{mean}: c is 2");
    std::fs::write(path.join("rows.csv"), &rows).unwrap();
    let score = |context: &str| ok(path, &["log-prob", model, "rows.csv", "--context", context]);
    assert_eq!(score("340"), score("each.csv"));
    for (a, b) in score("340").lines().zip(path_scores.lines()) {
        let [a, b] = [a, b].map(|x| x.parse::<f64>().unwrap());
        assert!((a - b).abs() < 1e-3, "{a} {b}");
    }
    assert_ne!(score("340"), score("300"));
    let piped = pipe(path, &["log-prob", model, "-", "--context", "340"], &rows);
    assert_eq!(String::from_utf8(piped.stdout).unwrap(), score("340"));

    // Ranks of rows it was not trained with.
    let held_out = table(8000)
        .lines()
        .enumerate()
        .filter(|(i, _)| *i == 0 || *i > 6000)
        .fold(String::new(), |text, (_, line)| text + line + "\n");
    std::fs::write(path.join("held_out.csv"), &held_out).unwrap();
    let audited = run(path, &["check", model, "--data", "held_out.csv", "--context", "condition"]);
    let text = String::from_utf8_lossy(&audited.stdout).into_owned();
    let line = text.lines().find(|line| line.contains("calibration")).unwrap();
    assert!(line.contains("ranks of 2000 rows among 109 draws"), "{line}");
    let check =
        |context: &'static str| ["check", model, "--data", "held_out.csv", "--context", context];
    // A column that is there, and no context of this model.
    let wrong = run(path, &check("first"));
    assert_eq!(wrong.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&wrong.stdout).contains("FAILED  calibration"));
    assert!(refused(path, &check("condition,first")).contains("found 2 columns, expected 1"));
    assert!(refused(path, &check("angle")).contains("has no column 'angle'"));

    let checked = ok(path, &["check", model]);
    assert!(!checked.contains("FAILED") && checked.contains("ok      round trip"), "{checked}");
    ok(path, &["bench", model, "--json"]);
    ok(path, &["inspect", model]);

    for (arguments, expected) in [
        (vec!["sample", model, "-n", "3"], "takes a context of 1 values, expected --context FILE"),
        (vec!["sample", model, "-n", "3", "--context", "1,2"], "found 2 values, expected 1 finite"),
        (vec!["sample", model, "-n", "3", "--context", "nan"], "expected 1 finite numbers"),
        (vec!["sample", model, "-n", "401", "--context", "each.csv"], "each.csv: has 400 contexts"),
        (vec!["sample", model, "-n", "399", "--context", "each.csv"], "has more than 399 contexts"),
        (vec!["log-prob", model, "rows.csv", "--context", "rows.csv"], "has 2 values a row"),
        (vec!["log-prob", model, "-", "--context", "-"], "found - for both"),
    ] {
        let message = refused(path, &arguments);
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn spins_are_given_a_context_too() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    // s₀ is the sign of the condition, s₁ = −s₀.
    let rows: String = (0..2000)
        .map(|i| {
            let s = if pushforward::noise::block([3, 3], [i, 0])[0] & 1 == 1 { 1 } else { -1 };
            format!("{s},{},{}\n", -s, 50 + 7 * s)
        })
        .collect();
    std::fs::write(path.join("spins.csv"), rows).unwrap();
    let config = "[model]\nkind = 'made'\nhidden = [8]\nembedding = { outputs = 2, hidden = [4] }\n\
                  [target]\ndata = 'spins.csv'\ncontext = [3]\n[train]\nsteps = 400\nbatch = 128\n";
    std::fs::write(path.join("x.toml"), config).unwrap();
    ok(path, &["train", "x.toml", "--device", "cpu", "--out", "run"]);
    for (context, row) in [("57", "1,-1"), ("43", "-1,1")] {
        let rows =
            ok(path, &["sample", "run/model.safetensors", "-n", "100", "--context", context]);
        let equal = rows.lines().filter(|line| *line == row).count();
        assert!(equal > 90, "{context}: {equal} of 100");
    }
    ok(path, &["check", "run/model.safetensors"]);
}

#[test]
fn columns_and_layers_that_make_no_sense_are_named() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("table.csv"), table(50)).unwrap();
    std::fs::write(dir.path().join("bare.csv"), table(50).split_once('\n').unwrap().1).unwrap();
    for (from, to, expected) in [
        ("'condition'", "'pressure'", "has no column 'pressure', expected one of first, condition"),
        ("'condition'", "4", "has no column 4, expected one of first, condition, second"),
        ("'condition'", "'condition', 2", "found column 2 twice in 'context', expected it once"),
        ("'condition'", "1, 2, 3", "all columns are context"),
        ("'table.csv'", "'bare.csv'", "has no header, expected one with 'condition'"),
        ("'coupling'", "'cuppling'", "[[model.layers]] number 1: unknown variant `cuppling`"),
        ("hidden = [12]", "hiden = [12]", "number 1: unknown field `hiden`, expected one of"),
        ("'permute'", "'permute'\norder = [0, 0]", "`layers.1.order`: found [0, 0], expected a"),
        ("[target]", "[target]\nstandardise = true", "did you mean 'standardize'"),
    ] {
        assert!(CONFIG.contains(from));
        std::fs::write(dir.path().join("x.toml"), CONFIG.replacen(from, to, 1)).unwrap();
        let message = refused(dir.path(), &["train", "x.toml", "--device", "cpu", "--out", "run"]);
        assert!(message.contains(expected), "{message}");
    }
    let out = run(dir.path(), &["train", "x.toml", "--set", "hidden=3"]);
    assert_eq!(out.status.code(), Some(2));
}
