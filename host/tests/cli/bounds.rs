//! Columns that lie between bounds, or on a circle.

use crate::{figures, ok, refused, train_refuses};

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
    let figures = figures(path, CONFIG);
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
        train_refuses(path, CONFIG, [from, to], words);
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

/// Parts of a soil, in per cent, and a depth that the first depends on; a text that is no column of a model.
fn soils(rows: usize) -> (String, f64) {
    let mut text = "site,sand,silt,clay,depth\n".to_owned();
    let mut jacobian = 0.0;
    for i in 0..rows {
        let z = [normal(i, 3), normal(i, 4), normal(i, 5)];
        let odds = [(0.5 * z[2] + z[0]).exp(), (0.7 * z[1] - 1.0).exp(), 1.0];
        let sum: f64 = odds.iter().sum();
        let parts = odds.map(|x| 100.0 * x / sum);
        // dx/dz of the first two: 100² times all three shares.
        jacobian += parts.iter().map(|x| (x / 100.0).ln()).sum::<f64>() + 2.0 * 100f64.ln();
        let [sand, silt, clay] = parts.map(|x| x as f32);
        text += &format!("s{i},{sand},{silt},{clay},{}\n", 30.0 + 4.0 * z[2]);
    }
    (text, 3.0 * 1.418_938_5 + 0.7f64.ln() + 4f64.ln() + jacobian / rows as f64)
}

#[test]
fn parts_of_a_whole_become_a_layer() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let (text, entropy) = soils(6000);
    std::fs::write(path.join("table.csv"), text).unwrap();
    let config = CONFIG.replace(
        "bounds = { price = 'positive', share = [0, 1], balance = [-inf, 2] }",
        "columns = ['depth', 'sand', 'silt']\nsimplex = { parts = ['sand', 'silt'], total = 100 }\n\
         bounds = { depth = [0, 100] }",
    );
    let figures = figures(path, &config);
    let nll = figures["held_out_nll"].as_f64().unwrap();
    assert!((entropy - 0.15..entropy + 0.2).contains(&nll), "{nll}, entropy {entropy}");

    let model = "run/model.safetensors";
    let rows = ok(path, &["sample", model, "-n", "500"]);
    assert!(rows.starts_with("depth,sand,silt\n"), "{rows}");
    for row in rows.lines().skip(1) {
        let x: Vec<f64> = row.split(',').map(|x| x.parse().unwrap()).collect();
        assert!(x[1] > 0.0 && x[2] > 0.0 && x[1] + x[2] < 100.0, "{row}");
    }
    // Scores find the columns in the table, and what training said of all rows is what they say.
    let scores = ok(path, &["log-prob", model, "table.csv"]);
    let mean = scores.lines().map(|x| -x.parse::<f64>().unwrap()).sum::<f64>() / 6000.0;
    assert!((mean - nll).abs() < 0.12, "{mean} and {nll}");
    std::fs::write(
        path.join("outside.csv"),
        "depth,sand,silt\n30,60,40\n30,0,20\n30,-1,5\n30,50,51\n30,60,39\n",
    )
    .unwrap();
    let scores = ok(path, &["log-prob", model, "outside.csv"]);
    let scores: Vec<f64> = scores.lines().map(|x| x.parse().unwrap()).collect();
    assert!(scores[..4].iter().all(|score| *score == f64::NEG_INFINITY), "{scores:?}");
    assert!(scores[4].is_finite());
    ok(path, &["check", model]);
    // A model goes on from another of the same columns.
    let json = ok(
        path,
        &[
            "train", "x.toml", "--from", model, "--set", "steps=1", "--device", "cpu", "--out",
            "on", "--json",
        ],
    );
    let figures: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert!((figures["held_out_nll"].as_f64().unwrap() - nll).abs() < 0.05, "{json}");

    // One part is a whole of two.
    let one = config.replace("parts = ['sand', 'silt']", "parts = ['sand']");
    assert_ne!(one, config);
    std::fs::write(path.join("one.toml"), one).unwrap();
    ok(path, &["train", "one.toml", "--set", "steps=1", "--device", "cpu", "--out", "other"]);

    let all = "'sand', 'silt', 'clay'";
    for (from, to, words) in [
        (
            "['depth', 'sand', 'silt']",
            "['depth', 'sand', 'gravel']",
            "has no column 'gravel', expected one of site, sand",
        ),
        (
            "parts = ['sand', 'silt']",
            "parts = ['clay']",
            "simplex: found column 'clay', expected one",
        ),
        ("total = 100", "total = 90", "expected a part of it, more than 0 and not all"),
        ("total = 100", "total = 0", "found 2 parts of 0"),
        ("depth = [0, 100]", "sand = [0, 100]", "simplex: found column 'sand' twice or with"),
        ("kind = 'maf'", "kind = 'table'", "a flow has parts of a whole"),
        ("columns = [", "standardize = false\ncolumns = [", "standardize = true beside them"),
    ] {
        let own = if to.contains("'table'") { "" } else { "layers = 1\n" };
        let config = config.replace("layers = 1\n", own);
        train_refuses(path, &config, [from, to], words);
    }
    // All parts, of which the last is no column of its own.
    let text = config.replace("parts = ['sand', 'silt']", &format!("parts = [{all}]"));
    let text = text.replace("['depth', 'sand', 'silt']", &format!("['depth', {all}]"));
    std::fs::write(path.join("wrong.toml"), text).unwrap();
    let error = refused(path, &["train", "wrong.toml", "--device", "cpu", "--out", "other"]);
    assert!(
        error.contains("(clay): found ") && error.contains("is no column of the model"),
        "{error}"
    );
}

#[test]
fn flows_of_every_noise_are_learnt_and_audited() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let rows: String = (0..600)
        .map(|i| {
            // All within ±3, the middle likelier.
            let x = [0, 1, 2].map(|d| 2.9 * (normal(i, 6 + d) * 0.6).tanh());
            format!("{},{},{}\n", x[0], x[1], x[2])
        })
        .collect();
    std::fs::write(path.join("rows.csv"), rows).unwrap();
    let pi = "3.1415927";
    let product = |first: &str, rest: &str| {
        format!("{{ kind = 'product', coordinates = 2, first = {first}, rest = {rest} }}")
    };
    let uniform = "{ kind = 'uniform', bound = 3.0 }".to_owned();
    for (base, tails) in [
        ("'normal'".into(), "linear"),
        (uniform.clone(), "box"),
        (uniform.clone(), "circular"),
        ("{ kind = 'von_mises', concentration = 1.5 }".into(), "circular"),
        ("{ kind = 'truncated_normal', bound = 3.0 }".into(), "box"),
        ("{ kind = 'mixture', components = 2 }".into(), "linear"),
        (product(&uniform, "{ kind = 'normal' }"), "free"),
        (product("{ kind = 'normal' }", &uniform), "linear"),
    ] {
        let bound = if base.contains("von_mises") { pi } else { "3.0" };
        let config = format!(
            "[model]\nkind = 'flow'\nbase = {base}\n[[model.layers]]\nkind = 'coupling'\nunivariate = {{ \
             kind = 'rational_quadratic', tails = '{tails}', bound = {bound} }}\nnetwork = {{ hidden = [8] }}\n\
             [[model.layers]]\nkind = 'coupling'\nunivariate = {{ kind = 'rational_quadratic', tails = \
             '{tails}', bound = {bound} }}\nnetwork = {{ hidden = [8] }}\n[target]\ndata = 'rows.csv'\n\
             [train]\nsteps = 60\nbatch = 64\n"
        );
        std::fs::write(path.join("x.toml"), config).unwrap();
        std::fs::remove_dir_all(path.join("run")).ok();
        ok(path, &["train", "x.toml", "--device", "cpu", "--out", "run"]);
        let told = ok(path, &["check", "run/model.safetensors"]);
        assert!(told.contains("ok      round trip"), "{base} {tails}: {told}");
    }
    // The last noise is real in two coordinates, and on an interval in the third.
    let rows = std::fs::read_to_string(path.join("rows.csv")).unwrap() + "9,9,3.5\n";
    std::fs::write(path.join("rows.csv"), rows).unwrap();
    let error = refused(path, &["train", "x.toml", "--device", "cpu", "--out", "other"]);
    assert!(error.contains("rows.csv: coordinate 3 of a row: found 3.5, expected"), "{error}");
}
