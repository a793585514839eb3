//! Columns that lie between bounds, or on a circle.

use crate::{ok, refused};

fn normal(i: usize, d: usize) -> f64 {
    let word = pushforward::noise::block([12, 9], [i as u32, d as u32])[0];
    f64::from(pushforward::noise::normal(pushforward::simd::Scalar, word))
}

/// A price, a share and a balance: ln p = 5 + z₀, logit s = z₀ − 2 + 0.5 z₁, b = 2 − e^(z₂ + z₀/2).
fn table(rows: usize) -> String {
    let mut text = "price,share,balance\n".to_owned();
    for i in 0..rows {
        let z = [normal(i, 0), normal(i, 1), normal(i, 2)];
        let price = (5.0 + z[0]).exp() as f32;
        let share = (1.0 / (1.0 + (2.0 - z[0] - 0.5 * z[1]).exp())) as f32;
        let balance = (2.0 - (z[2] + 0.5 * z[0]).exp()) as f32;
        text += &format!("{price},{share},{balance}\n");
    }
    text
}

const CONFIG: &str = "
[model]
kind = 'maf'
layers = 1
hidden = [16]
[target]
data = 'table.csv'
bounds = { price = 'positive', share = [0, 1], balance = [-inf, 2] }
[train]
steps = 600
batch = 256
learning_rate = 4e-3
clip = 5.0
";

#[test]
fn bounds_become_a_layer_and_scores_are_those_of_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    std::fs::write(path.join("table.csv"), table(6000)).unwrap();
    std::fs::write(path.join("x.toml"), CONFIG).unwrap();
    let json = ok(path, &["train", "x.toml", "--device", "cpu", "--out", "run", "--json"]);
    let figures: serde_json::Value = serde_json::from_str(&json).unwrap();
    // Of lines: 3 · 1.4189 + ln 0.5. What the way from there adds, E ln dx/dz: 5 for the price, 0 for the
    // balance, and for the share the mean of ln s(1 − s).
    let jacobian = (0..6000)
        .map(|i| {
            let z = normal(i, 0) - 2.0 + 0.5 * normal(i, 1);
            -z.abs() - 2.0 * (-z.abs()).exp().ln_1p()
        })
        .sum::<f64>()
        / 6000.0;
    let entropy = 3.0 * 1.418_938_5 + 0.5f64.ln() + 5.0 + jacobian;
    let nll = figures["held_out_nll"].as_f64().unwrap();
    assert!((entropy - 0.15..entropy + 0.2).contains(&nll), "{nll}, entropy {entropy}");

    let model = "run/model.safetensors";
    let rows = ok(path, &["sample", model, "-n", "500", "--log-prob", "lp.csv"]);
    assert!(rows.starts_with("price,share,balance\n"), "{rows}");
    for row in rows.lines().skip(1) {
        let x: Vec<f64> = row.split(',').map(|x| x.parse().unwrap()).collect();
        assert!(x[0] > 0.0 && x[1] > 0.0 && x[1] < 1.0 && x[2] < 2.0, "{row}");
    }
    // What training said of all rows is what their scores say.
    let scores = ok(path, &["log-prob", model, "table.csv"]);
    let mean = scores.lines().map(|x| -x.parse::<f64>().unwrap()).sum::<f64>() / 6000.0;
    assert!((mean - nll).abs() < 0.12, "{mean} and {nll}");
    std::fs::write(
        path.join("outside.csv"),
        "price,share,balance\n0,0.5,1\n100,1,1\n100,0.5,2\n-3,0.5,1\n100,0.5,1\n",
    )
    .unwrap();
    let scores = ok(path, &["log-prob", model, "outside.csv"]);
    let scores: Vec<f64> = scores.lines().map(|x| x.parse().unwrap()).collect();
    assert!(scores[..4].iter().all(|score| *score == f64::NEG_INFINITY), "{scores:?}");
    assert!(scores[4].is_finite());
    ok(path, &["check", model]);

    for (from, to, words) in [
        ("price = 'positive'", "price = 'positve'", "price: found 'positve'"),
        ("price = 'positive'", "cost = 'positive'", "found column 'cost', expected one that is"),
        ("share = [0, 1]", "share = [1, 0]", "share: found [1, 0]"),
        ("share = [0, 1]", "share = [0, 0.5]", "column 2 (share): found 0."),
        ("data =", "standardize = false\ndata =", "standardize = true beside them"),
    ] {
        let text = CONFIG.replace(from, to);
        assert_ne!(text, CONFIG);
        std::fs::write(path.join("wrong.toml"), text).unwrap();
        let error = refused(path, &["train", "wrong.toml", "--device", "cpu", "--out", "other"]);
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn a_value_that_is_not_on_its_circle_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let config = "[model]
kind = 'flow'
base = { kind = 'uniform', bound = 3.0 }
[[model.layers]]
kind = 'coupling'
univariate = { kind = 'rational_quadratic', tails = 'circular' }
[target]
data = 'angles.csv'
";
    let mut text = "phi,psi\n".to_owned();
    (0..50).for_each(|i| text += &format!("{},{}\n", normal(i, 0).clamp(-3.0, 3.0), -3));
    for context in ["", "context = ['time']\n"] {
        let text = match context.is_empty() {
            true => text.clone() + "0.5,3.5\n1,1\n",
            false => {
                let lines = text.lines().enumerate();
                let with_time = |(i, line)| match i {
                    0 => format!("{line},time\n"),
                    _ => format!("{line},{i}\n"),
                };
                lines.map(with_time).collect::<String>() + "0.5,3.5,51\n1,1,52\n"
            }
        };
        std::fs::write(path.join("angles.csv"), text).unwrap();
        std::fs::write(path.join("x.toml"), format!("{config}{context}")).unwrap();
        let error = refused(path, &["train", "x.toml", "--device", "cpu", "--out", "run"]);
        assert!(error.contains("row 51, column 2 (psi): found 3.5"), "{error}");
        assert!(error.contains("expected a value of the interval from -3 to 3"), "{error}");
    }
}
