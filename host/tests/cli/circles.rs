//! Circles among the columns of a table.

use std::f64::consts::PI;

use crate::{figures, ok, train_refuses};

const CONFIG: &str = "[model]
kind = 'table'
hidden = [32, 32]
[target]
data = 'table.csv'
circles = { hour = [0, 24] }
bounds = { speed = 'positive' }
validation = 'later.csv'
[train]
steps = 1500
batch = 256
learning_rate = 3e-3
";

/// The hour of a wind, most often about midnight, and its speed, which follows the hour.
fn row(i: u32) -> (f64, f64, f64) {
    let normal = |d| {
        let word = pushforward::noise::block([31, 7], [i, d])[0];
        f64::from(pushforward::noise::normal(pushforward::simd::Scalar, word))
    };
    let hour = (23.5 + 2.5 * normal(0)).rem_euclid(24.0);
    let mean = 0.8 * (2.0 * PI * (hour - 3.0) / 24.0).cos();
    (hour, (mean + 0.3 * normal(1)).exp(), mean)
}

fn write(path: &std::path::Path, rows: std::ops::Range<u32>) -> f64 {
    let n = f64::from(rows.end - rows.start);
    let (mut text, mut means) = ("hour,speed\n".to_owned(), 0.0);
    for (hour, speed, mean) in rows.map(row) {
        text += &format!("{},{}\n", hour as f32, speed as f32);
        means += mean;
    }
    std::fs::write(path, text).unwrap();
    2.0 * 1.418_938_5 + 2.5f64.ln() + 0.3f64.ln() + means / n
}

#[test]
fn a_circle_is_a_column_without_a_seam() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    write(&path.join("table.csv"), 0..20_000);
    let entropy = write(&path.join("later.csv"), 20_000..25_000);
    let figures = figures(path, CONFIG);
    assert_eq!(figures["validation_rows"], 5000);
    let nll = figures["held_out_nll"].as_f64().unwrap();
    assert!((entropy - 0.06..entropy + 0.08).contains(&nll), "{nll}, entropy {entropy}");

    let model = "run/model.safetensors";
    let rows = ok(path, &["sample", model, "-n", "4000"]);
    let hours: Vec<f64> =
        rows.lines().skip(1).map(|row| row.split(',').next().unwrap().parse().unwrap()).collect();
    assert!(hours.iter().all(|hour| (0.0..=24.0).contains(hour)));
    // Half of them within 1.69 hours of half past eleven at night, on either side of midnight.
    let near = |hour: &&f64| (*hour - 23.5).abs().min((*hour + 0.5).abs()) < 1.686;
    let share = hours.iter().filter(near).count() as f64 / 4000.0;
    assert!((share - 0.5).abs() < 0.04, "{share}");

    std::fs::write(path.join("seam.csv"), "hour,speed\n0,1.5\n24,1.5\n24.1,1.5\n-0.1,1\n").unwrap();
    let scores = ok(path, &["log-prob", model, "seam.csv"]);
    let scores: Vec<f64> = scores.lines().map(|x| x.parse().unwrap()).collect();
    assert!((scores[0] - scores[1]).abs() < 1e-3, "{scores:?}");
    assert_eq!(scores[2..], [f64::NEG_INFINITY; 2]);
    ok(path, &["check", model, "--data", "later.csv"]);
    let told = ok(path, &["inspect", model]);
    assert!(told.contains("circle from 0 to 24"), "{told}");

    for (from, to, words) in [
        ("[0, 24]", "[0, 23.9]", "(hour): found 23.9"),
        ("[0, 24]", "[24, 0]", "expected where the circle begins and where it ends"),
        (
            "hour = [0, 24]",
            "minute = [0, 60]",
            "found column 'minute', expected one that is modelled",
        ),
        ("hour = [0, 24]", "speed = [0, 24]", "circles: column 'speed' found as circle and"),
        ("kind = 'table'", "kind = 'maf'", "[target] circles: expected kind = 'table'"),
        ("'later.csv'", "'never.csv'", "never.csv: cannot be read"),
        (
            "'later.csv'",
            "'seam.csv'",
            "seam.csv: row 3, column 1 (hour): found 24.1, expected a point",
        ),
    ] {
        let hidden = if to.contains("maf") { "[32]" } else { "[32, 32]" };
        let config = CONFIG.replace("[32, 32]", hidden);
        train_refuses(path, &config, [from, to], words);
    }
}
