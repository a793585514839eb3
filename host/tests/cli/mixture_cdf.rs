//! Flows of distribution functions of mixtures, whose draws invert them in steps.

use crate::{figures, ok, refused};

/// Two clusters in the first column, and a parabola: x₀ = ±2 + z₀/2, x₁ = x₀²/2 + z₁.
fn table(rows: usize) -> String {
    let word = |i: usize, d: usize| pushforward::noise::block([3, 9], [i as u32, d as u32])[0];
    let number =
        |i, d| f64::from(pushforward::noise::normal(pushforward::simd::Scalar, word(i, d)));
    let row = |i: usize| {
        let side = if word(i, 0) % 2 == 0 { 2.0 } else { -2.0 };
        let first = side + 0.5 * number(i, 1);
        format!("{first},{}\n", 0.5 * first * first + number(i, 2))
    };
    (0..rows).map(row).collect()
}

const CONFIG: &str = "
[model]
kind = 'flow'
[[model.layers]]
kind = 'coupling'
univariate = 'mixture_cdf'
network = { hidden = [24] }
[[model.layers]]
kind = 'coupling'
univariate = { kind = 'mixture_cdf', cdf = 'normal', components = 4 }
network = { hidden = [24] }
# Gaussianisation: of each coordinate alone, and a rotation.
[[model.layers]]
kind = 'rotation'
reflections = 2
[[model.layers]]
kind = 'coupling'
mask = '00'
univariate = { kind = 'mixture_cdf', cdf = 'normal' }
network = { hidden = [] }
[target]
data = 'table.csv'
[train]
steps = 600
batch = 256
learning_rate = 4e-3
clip = 5.0
";

#[test]
fn gaussianisation_is_trained_drawn_and_compiled_to_its_likelihood() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    std::fs::write(path.join("table.csv"), table(6000)).unwrap();
    let figures = figures(path, CONFIG);
    // The entropy is ln 2 + ln(2πe)/2 + ln ½ + ln(2πe)/2 = 2.838 nats, as the clusters hardly meet.
    let nll = figures["held_out_nll"].as_f64().unwrap();
    assert!((2.7..2.95).contains(&nll), "{nll}");

    let model = "run/model.safetensors";
    let rows = ok(path, &["sample", model, "-n", "500", "--log-prob", "lp.csv"]);
    std::fs::write(path.join("rows.csv"), &rows).unwrap();
    let along = std::fs::read_to_string(path.join("lp.csv")).unwrap();
    for (a, b) in along.lines().zip(ok(path, &["log-prob", model, "rows.csv"]).lines()) {
        let [a, b] = [a, b].map(|x| x.parse::<f64>().unwrap());
        assert!((a - b).abs() < 1e-3, "{a} {b}");
    }
    ok(path, &["check", model]);

    let how = "mixture_cdf has no inverse in closed form";
    assert!(ok(path, &["inspect", model]).contains(how));
    let codegen = ["codegen", model, "-o", "x.rs"];
    let message = refused(path, &codegen);
    for word in ["sampling: ", how, "1e-6 (1 + |z|)", "`sampling = \"none\"`"] {
        assert!(message.contains(word), "{message}");
    }
    ok(path, &[&codegen[..], &["--sampling", "none"]].concat());
    let text = std::fs::read_to_string(path.join("x.rs")).unwrap();
    assert!(text.contains("pub fn log_prob(") && !text.contains("pub fn sample"), "{text}");
}
