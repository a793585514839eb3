//! Columns of integers: exact probabilities, held against distributions that are known.

use pushforward::noise::{block, normal};
use pushforward::simd::Scalar;

use crate::{figures, ok, train_refuses};

const CONFIG: &str = "[model]
kind = 'table'
hidden = [32, 32]
components = 12
[target]
data = 'table.csv'
integers = ['kind', 'errors']
bounds = { kind = [0, 2], errors = [0, inf] }
[train]
steps = 2500
batch = 256
learning_rate = 3e-3
";

/// ln of the probabilities of 0, 1, … that these weights are.
fn log_probabilities(weights: Vec<f64>) -> Vec<f64> {
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|weight| (weight / sum).ln()).collect()
}

fn kinds() -> Vec<f64> {
    log_probabilities(vec![5.0, 3.0, 2.0])
}

/// Errors of a kind: Poisson, but for the last of its kind, which has no odd ones.
fn errors(kind: usize) -> Vec<f64> {
    let mean: f64 = [0.8, 4.0, 7.0][kind];
    let poisson = |k: usize| mean.powi(k as i32) / (1..=k).map(|i| i as f64).product::<f64>();
    let weight = |k: usize| if kind == 2 && k % 2 == 1 { 0.0 } else { poisson(k) };
    log_probabilities((0..25).map(weight).collect())
}

/// The value in whose interval a word lies.
fn drawn(log_probabilities: &[f64], word: u32) -> usize {
    let mut rest = (f64::from(word) + 0.5) / 2f64.powi(32);
    let mut each = log_probabilities.iter().map(|ln_p| ln_p.exp());
    each.position(|p| {
        rest -= p;
        rest < 0.0
    })
    .unwrap_or(0)
}

/// A row, without the last column and with it.
fn row(i: u32) -> (usize, usize, f64) {
    let [a, b] = block([21, 4], [i, 0]);
    let kind = drawn(&kinds(), a);
    let errors = drawn(&errors(kind), b);
    let z = f64::from(normal(Scalar, block([21, 5], [i, 0])[0]));
    // A time that is positive: a logarithm's mean follows the errors.
    (kind, errors, (0.2 * errors as f64 + 0.3 * z).exp())
}

fn write(path: &std::path::Path, rows: u32, with_time: bool) {
    let mut text = String::from(if with_time { "kind,errors,time\n" } else { "kind,errors\n" });
    for i in 0..rows {
        let (kind, errors, time) = row(i);
        text += &match with_time {
            true => format!("{kind},{errors},{time}\n"),
            false => format!("{kind},{errors}\n"),
        };
    }
    std::fs::write(path.join("table.csv"), text).unwrap();
}

#[test]
fn integers_have_the_probabilities_of_a_known_distribution() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    write(path, 40_000, false);
    let figures = figures(path, CONFIG);
    let model = "run/model.safetensors";

    // Every state: the probabilities sum to one, and so does what the data lack of them.
    let states: Vec<(usize, usize)> = (0..3).flat_map(|k| (0..60).map(move |e| (k, e))).collect();
    let text: String = states.iter().map(|(k, e)| format!("{k},{e}\n")).collect();
    std::fs::write(path.join("states.csv"), format!("kind,errors\n{text}")).unwrap();
    let scores = ok(path, &["log-prob", model, "states.csv"]);
    let scores: Vec<f64> = scores.lines().map(|x| x.parse().unwrap()).collect();
    let total: f64 = scores.iter().map(|ln_q| ln_q.exp()).sum();
    assert!((total - 1.0).abs() < 1e-3, "{total}: hardly anything is beyond 60 errors");
    let (mut entropy, mut divergence) = (0.0, 0.0);
    for ((kind, of), ln_q) in states.iter().zip(&scores) {
        let ln_p = kinds()[*kind] + errors(*kind).get(*of).copied().unwrap_or(f64::NEG_INFINITY);
        if ln_p > -700.0 {
            entropy -= ln_p.exp() * ln_p;
            divergence += ln_p.exp() * (ln_p - ln_q);
        }
    }
    let nll = figures["held_out_nll"].as_f64().unwrap();
    assert!((0.0..0.02).contains(&divergence), "KL {divergence}");
    assert!((nll - entropy).abs() < 0.05, "{nll}, entropy {entropy}");

    let rows = ok(path, &["sample", model, "-n", "2000"]);
    for row in rows.lines().skip(1) {
        let x: Vec<u32> = row.split(',').map(|x| x.parse().unwrap()).collect();
        assert!(x[0] <= 2, "{row}");
    }
    std::fs::write(path.join("outside.csv"), "kind,errors\n0,-1\n3,1\n0.5,1\n1,1.5\n1,1\n")
        .unwrap();
    let scores = ok(path, &["log-prob", model, "outside.csv"]);
    let scores: Vec<f64> = scores.lines().map(|x| x.parse().unwrap()).collect();
    assert!(scores[..4].iter().all(|score| *score == f64::NEG_INFINITY), "{scores:?}");
    assert!(scores[4].is_finite());
    let told = ok(path, &["check", model]);
    assert!(told.contains("distributions over sites have no inverse map"), "{told}");
    let told = ok(path, &["inspect", model]);
    assert!(told.contains("integer from 0 to 2") && told.contains("integer from 0\n"), "{told}");
}

#[test]
fn integers_and_real_numbers_are_columns_of_one_model() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    write(path, 30_000, true);
    let config = CONFIG.replace("errors = [0, inf] }", "errors = [0, inf], time = 'positive' }");
    let figures = figures(path, &config);
    let entropy = {
        let of = |ln_p: &[f64]| -> f64 { ln_p.iter().map(|l| -l.exp() * l.max(-700.0)).sum() };
        let kinds = kinds();
        let given = |k: usize| kinds[k].exp() * of(&errors(k));
        // Of a log-normal number with the logarithm's mean 0.2 e.
        let mean = |k: usize| -> f64 {
            errors(k).iter().enumerate().map(|(e, l)| l.exp() * 0.2 * e as f64).sum()
        };
        let time = |k: usize| kinds[k].exp() * (mean(k) + 1.418_938_5 + 0.3f64.ln());
        of(&kinds) + (0..3).map(|k| given(k) + time(k)).sum::<f64>()
    };
    let nll = figures["held_out_nll"].as_f64().unwrap();
    assert!((entropy - 0.08..entropy + 0.1).contains(&nll), "{nll}, entropy {entropy}");
    let model = "run/model.safetensors";
    let rows = ok(path, &["sample", model, "-n", "2000", "--log-prob", "lp.npy"]);
    assert!(rows.starts_with("kind,errors,time\n"), "{rows}");
    for row in rows.lines().skip(1) {
        let x: Vec<&str> = row.split(',').collect();
        assert!(x[0].parse::<u32>().is_ok_and(|kind| kind <= 2), "{row}");
        assert!(x[1].parse::<u32>().is_ok() && x[2].parse::<f64>().unwrap() > 0.0, "{row}");
    }
    ok(path, &["check", model]);

    // Errors name what is wrong.
    for (from, to, words) in [
        ("'kind', 'errors'", "'kind', 'faults'", "found column 'faults', expected one that is"),
        (
            "kind = [0, 2]",
            "kind = [0, 1]",
            "column 1 (kind): found 2, expected an integer from 0 to 1",
        ),
        ("['kind', 'errors']", "['kind', 'time']", "column 3 (time): found "),
        ("kind = 'table'", "kind = 'maf'", "[target] integers: expected kind = 'table'"),
        ("components = 12", "components = 1", "found 1"),
        ("data =", "standardize = true\ndata =", "units of its own"),
    ] {
        let own = if to.contains("maf") { "" } else { "components = 12\n" };
        let config = config.replace("components = 12\n", own);
        train_refuses(path, &config, [from, to], words);
    }
}
