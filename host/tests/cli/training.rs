//! `train`: what it writes, and that a run may be killed.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{ISING, command, figures, files, ok, refused, run, train_refuses, trained};

#[test]
fn a_run_writes_model_metrics_and_report() {
    let t = trained();
    let names: Vec<_> = files(&t.folder.path().join("ising"))
        .iter()
        .map(|f| f.file_name().unwrap().to_owned())
        .collect();
    assert_eq!(
        names,
        [
            "checkpoint.previous.safetensors",
            "checkpoint.safetensors",
            "metrics.csv",
            "model.safetensors",
            "report.html",
            "run.json"
        ]
    );
    let metrics = std::fs::read_to_string(t.folder.path().join("ising/metrics.csv")).unwrap();
    assert!(metrics.starts_with("step,loss,loss_error,ess,") && metrics.lines().count() == 7);
    let report = std::fs::read_to_string(t.folder.path().join("ising/report.html")).unwrap();
    assert!(report.matches("<svg").count() == 8 && !report.contains("http"));
}

#[test]
fn a_killed_run_resumes_to_the_same_bits() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    std::fs::write(path.join("x.toml"), ISING).unwrap();
    let arguments = |out: &'static str| {
        [
            "train",
            "x.toml",
            "--device",
            "cpu",
            "--set",
            "steps=4000",
            "--set",
            "evaluate=100",
            "--out",
            out,
        ]
    };
    ok(path, &arguments("whole"));
    let mut child =
        command(path, &arguments("killed")).stderr(std::process::Stdio::null()).spawn().unwrap();
    let checkpoint = path.join("killed/checkpoint.previous.safetensors");
    let start = Instant::now();
    while !checkpoint.exists() && start.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!path.join("killed/model.safetensors").exists(), "killed too late to test anything");
    ok(path, &[&arguments("killed")[..], &["--resume", "--threads", "2"]].concat());
    for name in ["model.safetensors", "metrics.csv"] {
        let read = |run: &str| std::fs::read(path.join(run).join(name)).unwrap();
        assert!(read("whole") == read("killed"), "{name}");
    }

    let message =
        refused(path, &[&arguments("killed")[..], &["--resume", "--set", "batch=32"]].concat());
    assert!(message.contains("[train] batch = 64, but the config now says 32"), "{message}");
    damage(&path.join("killed/checkpoint.safetensors"));
    ok(path, &[&arguments("killed")[..], &["--resume"]].concat());
    damage(&path.join("killed/checkpoint.safetensors"));
    damage(&path.join("killed/checkpoint.previous.safetensors"));
    let message = refused(path, &[&arguments("killed")[..], &["--resume"]].concat());
    assert!(message.contains("is no good checkpoint"), "{message}");
}

fn damage(file: &Path) {
    let mut bytes = std::fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    std::fs::write(file, bytes).unwrap();
}

#[test]
fn divergence_stops_with_step_quantity_and_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("x.toml"), crate::WELL).unwrap();
    let out = run(
        dir.path(),
        &[
            "train",
            "x.toml",
            "--device",
            "cpu",
            "--out",
            "run",
            "--set",
            "learning_rate=1000",
            "--set",
            "clip=1e30",
            "--set",
            "steps=500",
            "--set",
            "checkpoint_every=1",
            "--set",
            "anneal=0",
        ],
    );
    let message = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(1), "{message}");
    assert!(message.contains("diverged at step ") && message.contains("checkpoint"), "{message}");
    assert!(!dir.path().join("run/model.safetensors").exists());
}

#[test]
fn a_short_run_ends_at_its_beta_and_says_when() {
    let dir = tempfile::tempdir().unwrap();
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/configs/ising.toml");
    std::fs::copy(config, dir.path().join("ising.toml")).unwrap();
    let mut arguments = vec!["train", "ising.toml", "--device", "cpu", "--out", "run"];
    for setting in ["steps=300", "hidden=[8]", "batch=8", "evaluate=100"] {
        arguments.extend(["--set", setting]);
    }
    let out = run(dir.path(), &arguments);
    let progress = String::from_utf8(out.stderr).unwrap();
    assert!(
        progress.contains("beta rises to 0.44068679350977 and is there at step 150 of 300"),
        "{progress}"
    );
    assert!(progress.contains("  beta 0.4407"), "{progress}");
    let metrics = std::fs::read_to_string(dir.path().join("run/metrics.csv")).unwrap();
    let column = metrics.lines().next().unwrap().split(',').position(|name| name == "beta");
    let beta = |line: &str| line.split(',').nth(column.unwrap()).unwrap().to_owned();
    let betas: Vec<_> = metrics.lines().skip(1).map(beta).collect();
    assert_eq!(betas.len(), 30);
    assert!(betas[14..].iter().all(|beta| beta == "0.44068679350977"), "{betas:?}");
    assert!(betas[13] != betas[14], "{betas:?}");
}

#[test]
fn a_flow_of_two_scales_is_learnt_and_resumed() {
    let dir = tempfile::tempdir().unwrap();
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/configs/multiscale.toml");
    std::fs::copy(config, dir.path().join("multiscale.toml")).unwrap();
    let train = |steps: &str, extra: &[&str]| {
        let steps = format!("steps={steps}");
        let mut arguments = vec!["train", "multiscale.toml", "--device", "cpu", "--out", "run"];
        for setting in [&steps[..], "batch=64", "evaluate=500", "checkpoint_every=20", "anneal=0"] {
            arguments.extend(["--set", setting]);
        }
        arguments.extend(["--json"]);
        arguments.extend(extra);
        let figures: Value = serde_json::from_str(&ok(dir.path(), &arguments)).unwrap();
        figures["kl"].as_f64().unwrap()
    };
    let before = train("1", &[]);
    std::fs::remove_dir_all(dir.path().join("run")).unwrap();
    train("20", &[]);
    let after = train("40", &["--resume"]);
    assert!(after < 0.2 * before, "{before} {after}");
    let model = std::fs::read(dir.path().join("run/model.safetensors")).unwrap();
    let model = pushforward::model::Model::from_bytes(&model).unwrap();
    let tensors = model.description().tensors();
    // Half of the coordinates, of which a network reads half.
    let first = tensors.iter().find(|tensor| tensor.name == "layers.0.layer.hidden.0.weight");
    assert_eq!(first.unwrap().shape, [128, 16]);
    ok(dir.path(), &["check", "run/model.safetensors"]);
}

#[test]
fn data_is_split_standardised_and_scored() {
    let dir = tempfile::tempdir().unwrap();
    // A parabola with a jitter, off centre and badly scaled.
    let row = |i: i32| {
        let (u, v) = (f64::from(i * 37 % 101) / 50.0 - 1.0, f64::from(i * 53 % 97) / 48.0 - 1.0);
        format!("{},{}\n", 1000.0 + 30.0 * u, 0.01 * (u * u + 0.1 * v))
    };
    let rows: String = (0..2000).map(row).collect();
    std::fs::write(dir.path().join("rows.csv"), format!("x,y\n{rows}")).unwrap();
    let config = "[model]\nkind = 'realnvp'\nlayers = 4\nhidden = 16\n[target]\ndata = 'rows.csv'\n[train]\nsteps = 200\nbatch = 128\n";
    let figures = figures(dir.path(), config);
    assert_eq!(figures["validation_rows"], 200);
    // The affine layer alone gives the entropy of a Gaussian with these deviations, 1.7 nats or so.
    assert!(figures["validation_nll"].as_f64().unwrap() < 2.0, "{figures}");
}

/// Standard normal numbers, `[n][width]`.
fn normals(n: usize, width: usize) -> Vec<Vec<f64>> {
    let mut stream = pushforward::noise::Stream::new(3);
    let mut normal = |i: usize, j: usize| {
        let [u, v] =
            stream.block(i as u64, j as u32).map(|w| (f64::from(w) + 0.5) / 4_294_967_296.0);
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    };
    (0..n).map(|i| (0..width).map(|j| normal(i, j)).collect()).collect()
}

fn csv(rows: &[Vec<f64>]) -> String {
    let line = |row: &Vec<f64>| row.iter().map(f64::to_string).collect::<Vec<_>>().join(",") + "\n";
    rows.iter().map(line).collect()
}

/// Trains on `rows.csv`; the figures, and what was said on the way.
fn learn(dir: &Path, config: &str, more: &[&str]) -> (Value, String) {
    std::fs::write(dir.join("x.toml"), config).unwrap();
    let base = ["train", "x.toml", "--device", "cpu", "--out", "run", "--json"];
    let out = run(dir, &[&base[..], more].concat());
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(0), "{said}");
    (serde_json::from_slice(&out.stdout).unwrap(), said)
}

#[test]
fn units_do_not_change_what_is_learnt() {
    let dir = tempfile::tempdir().unwrap();
    let bent = |z: &Vec<f64>| vec![z[0] + 3.0, z[0] * z[0] + 0.3 * z[1], z[1] + 0.5 * z[2]];
    let rows: Vec<_> = normals(4000, 3).iter().map(bent).collect();
    let scales = [[1e-30; 3], [1e-6; 3], [1e-6, 1.0, 1e6], [1e6; 3], [1e30; 3], [1e-30, 1.0, 1e30]];
    for kind in ["realnvp", "nsf", "maf"] {
        let config = format!(
            "[model]\nkind = '{kind}'\nlayers = 4\nhidden = 16\n[target]\ndata = 'rows.csv'\n\
             [train]\nsteps = 800\nbatch = 256\nlearning_rate = 1e-3\nclip = 0.5\nweight_decay = 0.01\n"
        );
        let nll = |scales: [f64; 3], offset: f64| {
            let scaled = |row: &Vec<f64>| -> Vec<f64> {
                row.iter().zip(scales).map(|(x, s)| (x + offset) * s).collect()
            };
            let text = csv(&rows.iter().map(scaled).collect::<Vec<_>>());
            std::fs::write(dir.path().join("rows.csv"), text).unwrap();
            let (figures, _) = learn(dir.path(), &config, &[]);
            let jacobian: f64 = scales.iter().map(|s| s.ln()).sum();
            let figure = |name: &str| figures[name].as_f64().unwrap() - jacobian;
            let (training, held_out) = (figure("nll"), figure("held_out_nll"));
            assert_eq!(figures["held_out_nll"], figures["validation_nll"]);
            if offset == 0.0 {
                // The file itself, on the rows themselves, says the same.
                let scores = ok(dir.path(), &["log-prob", "run/model.safetensors", "rows.csv"]);
                let scores = scores.lines().map(|line| -line.parse::<f64>().unwrap() - jacobian);
                let mean = scores.sum::<f64>() / rows.len() as f64;
                assert!((0.9 * training + 0.1 * held_out - mean).abs() < 1e-3, "{training} {mean}");
            }
            held_out
        };
        let at_one = nll([1.0; 3], 0.0);
        assert!(at_one < 3.3, "{kind}: {at_one}");
        for scales in scales {
            let found = nll(scales, 0.0);
            assert!(
                (found - at_one).abs() < 0.05,
                "{kind}, {scales:?}: {found}, {at_one} at scale 1"
            );
        }
        let found = nll([1.0; 3], 1e8);
        assert!((found - at_one).abs() < 0.05, "{kind}, offset: {found}, {at_one} without");
    }
}

#[test]
fn what_f32_cannot_hold_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let config = "[model]\nkind = 'maf'\nlayers = 1\nhidden = 8\n[target]\ndata = 'rows.csv'\n[train]\nsteps = 20\n";
    let write = |second: &dyn Fn(f64) -> f64| {
        let rows: Vec<_> = normals(200, 1).iter().map(|z| vec![z[0], second(z[0])]).collect();
        std::fs::write(dir.path().join("rows.csv"), csv(&rows)).unwrap();
    };
    write(&|z| 1e8 + 2.0 * z);
    let (figures, said) = learn(dir.path(), config, &[]);
    let warning = figures["warnings"][0].as_str().unwrap();
    assert!(warning.contains("column 2 is 1.0") && warning.contains("steps of 8e0"), "{warning}");
    assert!(said.contains(warning), "{said}");
    let arguments = ["train", "x.toml", "--device", "cpu", "--out", "other"];
    for (second, expected) in [
        (
            &(|_| 1e-3) as &dyn Fn(f64) -> f64,
            "rows.csv: column 2 is 0.001 in all of 180 training rows",
        ),
        (&|z| 1e-40 * z, "rows.csv: column 2 is"),
        (&|z| 1e40 * z, "expected a difference within f32's range"),
    ] {
        write(second);
        let message = refused(dir.path(), &arguments);
        assert!(message.contains(expected), "{message}");
        assert!(!dir.path().join("other").exists());
    }
}

/// Six hundred rows of ten correlated numbers: far fewer than a default model can learn by heart.
fn few_rows(dir: &Path) {
    let mix = |z: &Vec<f64>| {
        (0..10)
            .map(|j| z[j] + if j > 0 { 0.8 * z[j - 1] + 0.2 * z[j - 1].powi(2) } else { 0.0 })
            .collect()
    };
    let rows: Vec<Vec<f64>> = normals(600, 10).iter().map(mix).collect();
    std::fs::write(dir.join("rows.csv"), csv(&rows)).unwrap();
}

#[test]
fn the_saved_weights_are_the_best_of_the_held_out_rows() {
    let dir = tempfile::tempdir().unwrap();
    few_rows(dir.path());
    let config = "[model]\nkind = 'maf'\n[target]\ndata = 'rows.csv'\n";
    let (figures, said) = learn(dir.path(), config, &[]);
    let text = std::fs::read_to_string(dir.path().join("run/metrics.csv")).unwrap();
    let column =
        text.lines().next().unwrap().split(',').position(|c| c == "validation_nll").unwrap();
    let seen = |line: &str| {
        let mut fields = line.split(',');
        let step: u64 = fields.next().unwrap().parse().unwrap();
        fields.nth(column - 1).unwrap().parse::<f64>().ok().map(|nll| (nll, step))
    };
    let seen: Vec<_> = text.lines().skip(1).filter_map(seen).collect();
    let (best, step) = seen.iter().copied().min_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
    assert!((figures["held_out_nll"].as_f64().unwrap() - best).abs() < 1e-9, "{best}: {figures}");
    assert_eq!(figures["best_step"], step, "{figures}");
    // Half of the 2000 steps without a better score, and no more.
    let (last, last_step) = *seen.last().unwrap();
    assert!(last > best + 1.0, "{seen:?}");
    assert_eq!(last_step, (step + 1000).next_multiple_of(40));
    assert!(said.contains(&format!("stopped at step {last_step} of 2000")), "{said}");
    let warning = figures["warnings"][0].as_str().unwrap();
    assert!(warning.contains(&format!("at step {step}")), "{warning}");

    let without = "[model]\nkind = 'maf'\nlayers = 1\n[target]\ndata = 'rows.csv'\nvalidation = 0\n[train]\nsteps = 50\n";
    let (figures, _) = learn(dir.path(), without, &[]);
    assert!(figures["warnings"][0].as_str().unwrap().contains("nothing watches"), "{figures}");
    assert!(figures["held_out_nll"].is_null() && figures["best_step"].is_null(), "{figures}");
}

#[test]
fn a_killed_run_keeps_its_best_weights() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    few_rows(path);
    let config = "[model]\nkind = 'maf'\nlayers = 2\nhidden = 32\n[target]\ndata = 'rows.csv'\n\
                  [train]\nsteps = 8000\npatience = 3000\ncheckpoint_every = 50\n";
    std::fs::write(path.join("x.toml"), config).unwrap();
    let arguments = |out: &'static str| ["train", "x.toml", "--device", "cpu", "--out", out];
    ok(path, &arguments("whole"));
    let mut child =
        command(path, &arguments("killed")).stderr(std::process::Stdio::null()).spawn().unwrap();
    let best = |out: &str| {
        let text = std::fs::read_to_string(path.join(out).join("metrics.csv")).unwrap_or_default();
        text.lines().count()
    };
    // Past the best step, so that the checkpoint has to bring it.
    let start = Instant::now();
    while best("killed") < best("whole") / 2 && start.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!path.join("killed/model.safetensors").exists(), "killed too late to test anything");
    ok(path, &[&arguments("killed")[..], &["--resume", "--threads", "1"]].concat());
    for name in ["model.safetensors", "metrics.csv"] {
        let read = |run: &str| std::fs::read(path.join(run).join(name)).unwrap();
        assert!(read("whole") == read("killed"), "{name}");
    }
    // A finished run has nothing left to do.
    ok(path, &[&arguments("killed")[..], &["--resume"]].concat());
    let read = |run: &str| std::fs::read(path.join(run).join("model.safetensors")).unwrap();
    assert!(read("whole") == read("killed"));
}

#[test]
fn every_flow_trains_and_passes_its_audit() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let row = |i: i32| {
        let (u, v) = (f64::from(i * 37 % 101) / 50.0 - 1.0, f64::from(i * 53 % 97) / 48.0 - 1.0);
        format!("{u},{},{v}\n", u * u + 0.2 * v)
    };
    std::fs::write(path.join("rows.csv"), (0..1000).map(row).collect::<String>()).unwrap();
    let data = "data = 'rows.csv'";
    let well = "hamiltonian = 'double_well'";
    for (name, model, target) in [
        ("splines", "kind = 'nsf'\nbins = 6", well),
        ("spline_density", "kind = 'nsf'\nbound = 4.0", data),
        ("spline_iaf", "kind = 'nsf'\nmode = 'autoregressive'", well),
        ("spline_maf", "kind = 'nsf'\nmode = 'autoregressive'\nbins = 4", data),
        ("iaf", "kind = 'maf'\nfast = 'sampling'", well),
        ("maf", "kind = 'maf'", data),
    ] {
        let train = "[train]\nsteps = 40\nbatch = 64\nevaluate = 1000";
        let config =
            format!("[model]\n{model}\nlayers = 2\nhidden = 16\n[target]\n{target}\n{train}\n");
        std::fs::write(path.join("x.toml"), config).unwrap();
        ok(path, &["train", "x.toml", "--device", "cpu", "--out", name]);
        let file = format!("{name}/model.safetensors");
        let report: Value = serde_json::from_str(&ok(path, &["check", &file, "--json"])).unwrap();
        assert_eq!(report["ok"], true, "{name}: {report}");
    }
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_leaves_a_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("x.toml"), ISING).unwrap();
    let arguments =
        ["train", "x.toml", "--device", "cpu", "--out", "run", "--set", "steps=10000000"];
    let child = command(dir.path(), &arguments).stderr(std::process::Stdio::piped()).spawn();
    let child = child.unwrap();
    while !dir.path().join("run/metrics.csv").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let kill = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.unwrap().success());
    let out = child.wait_with_output().unwrap();
    let message = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(130), "{message}");
    assert!(message.contains("interrupted at step ") && message.contains("--resume"), "{message}");
    assert!(dir.path().join("run/checkpoint.safetensors").exists());
}

/// `estimate`, and the evaluation after a training, of more samples than anyone waits for.
#[cfg(unix)]
#[test]
fn the_first_interrupt_ends_an_evaluation() {
    let t = trained();
    let wait = |seconds| std::thread::sleep(Duration::from_secs_f64(seconds));
    let interrupted = |child: std::process::Child| {
        let interrupt = ["-INT", &child.id().to_string()];
        assert!(std::process::Command::new("kill").args(interrupt).status().unwrap().success());
        let start = Instant::now();
        let out = child.wait_with_output().unwrap();
        let message = String::from_utf8(out.stderr).unwrap();
        assert!(start.elapsed() < Duration::from_secs(30), "{message}");
        assert_eq!(out.status.code(), Some(130), "{message}");
        assert!(message.contains("interrupted"), "{message}");
        assert!(out.stdout.is_empty());
        message
    };
    let path = t.folder.path();
    let start = |arguments: &[&str]| {
        let mut command = command(path, arguments);
        command.stderr(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        command.spawn().unwrap()
    };
    let child = start(&["estimate", &t.spins, "--energy", "ising.toml", "-n", "1e12"]);
    wait(1.0);
    interrupted(child);
    let sets = ["--set", "steps=3", "--set", "evaluate=1000000000000"];
    let child =
        start(&[&["train", "ising.toml", "--out", "long", "--device", "cpu"], &sets[..]].concat());
    let begin = Instant::now();
    while !path.join("long/checkpoint.safetensors").exists()
        && begin.elapsed() < Duration::from_secs(60)
    {
        wait(0.005);
    }
    wait(0.5);
    let message = interrupted(child);
    assert!(message.contains("--resume evaluates"), "{message}");
    assert!(!path.join("long/model.safetensors").exists());
}

/// Four Gaussians in the plane: weight, centre, deviations along axes turned by an angle.
const MIXTURE: [(f64, [f64; 2], [f64; 2], f64); 4] = [
    (0.4, [-2.0, 0.0], [0.5, 0.25], 0.5),
    (0.3, [1.5, 1.5], [0.6, 0.3], -0.8),
    (0.2, [1.0, -2.0], [0.3, 0.8], 0.2),
    (0.1, [3.0, 0.0], [0.25, 0.25], 0.0),
];

fn mixture_log_density([x, y]: [f64; 2]) -> f64 {
    let part = |(weight, [cx, cy], [a, b], angle): (f64, [f64; 2], [f64; 2], f64)| {
        let (s, c) = angle.sin_cos();
        let (u, v) = ((c * (x - cx) + s * (y - cy)) / a, (c * (y - cy) - s * (x - cx)) / b);
        weight * (-0.5 * (u * u + v * v)).exp() / (std::f64::consts::TAU * a * b)
    };
    MIXTURE.into_iter().map(part).sum::<f64>().ln()
}

#[test]
fn a_known_mixture_is_learnt_to_its_entropy() {
    let mut stream = pushforward::noise::Stream::new(11);
    let mut draw = |i: u64| {
        let mut uniforms = |k| stream.block(i, k).map(|w| (f64::from(w) + 0.5) / 4_294_967_296.0);
        let ([mut which, _], [r, t]) = (uniforms(0), uniforms(1));
        let found = MIXTURE.into_iter().find(|(weight, ..)| {
            which -= weight;
            which < 0.0
        });
        let (_, [cx, cy], [a, b], angle) = found.unwrap_or(MIXTURE[3]);
        let (radius, (sin, cos)) = ((-2.0 * r.ln()).sqrt(), (std::f64::consts::TAU * t).sin_cos());
        let (u, v, (s, c)) = (a * radius * cos, b * radius * sin, angle.sin_cos());
        [cx + c * u - s * v, cy + s * u + c * v]
    };
    let text =
        |rows: &[[f64; 2]]| rows.iter().map(|[x, y]| format!("{x},{y}\n")).collect::<String>();
    let known: Vec<_> = (0..20_000).map(&mut draw).collect();
    let fresh: Vec<_> = (20_000..40_000).map(&mut draw).collect();
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("mixture.csv"), text(&known)).unwrap();
    std::fs::write(dir.path().join("fresh.csv"), text(&fresh)).unwrap();
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/configs/mixture.toml");
    std::fs::copy(config, dir.path().join("mixture.toml")).unwrap();
    let arguments =
        ["train", "mixture.toml", "--device", "cpu", "--out", "run", "--set", "hidden=[32, 32]"];
    ok(dir.path(), &arguments);
    let scores = ok(dir.path(), &["log-prob", "run/model.safetensors", "fresh.csv"]);
    // ⟨ln p − ln q⟩ over the same rows: the divergence, without the noise of the entropy itself.
    let divergence = fresh
        .iter()
        .zip(scores.lines())
        .map(|(row, score)| mixture_log_density(*row) - score.parse::<f64>().unwrap())
        .sum::<f64>()
        / fresh.len() as f64;
    assert!((0.0..0.05).contains(&divergence), "{divergence}");
}

/// Rows that stay in their file are those that are held: the same weights come out, on both devices' CPU
/// path, whatever is standardised and given.
#[test]
fn a_table_left_in_its_file_trains_the_same_model() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    std::fs::write(
        path.join("make.toml"),
        "[model]\nkind = 'realnvp'\nlayers = 2\nhidden = [8]\n[target]\nhamiltonian = 'double_well'\n\
         [train]\nsteps = 5\nbatch = 16\nevaluate = 64\n",
    )
    .unwrap();
    ok(path, &["train", "make.toml", "--out", "made", "--device", "cpu"]);
    ok(path, &["sample", "made/model.safetensors", "-n", "3000", "-o", "rows.npy"]);
    for extra in ["context = [2]", "standardize = false", ""] {
        let [held, left] = [false, true].map(|stream| {
            std::fs::write(
                path.join("learn.toml"),
                format!(
                    "[model]\nkind = 'maf'\nlayers = 2\nhidden = [8]\n[target]\ndata = 'rows.npy'\n\
                     stream = {stream}\n{extra}\n[train]\nsteps = 70\nbatch = 40\n"
                ),
            )
            .unwrap();
            let folder = format!("run-{stream}");
            ok(path, &["train", "learn.toml", "--out", &folder, "--device", "cpu"]);
            let draws = path.join("draws.npy");
            let model = format!("{folder}/model.safetensors");
            ok(
                path,
                &["sample", &model, "-n", "100", "-o", "draws.npy", "--context", "0.5"]
                    [..if extra.contains("context") { 8 } else { 6 }],
            );
            let metrics = std::fs::read_to_string(path.join(folder).join("metrics.csv")).unwrap();
            (std::fs::read(draws).unwrap(), metrics)
        });
        assert!(held == left, "{extra}");
    }
}

/// The learning rate rises over `warm_up` steps, falls on a plateau, and a run with more steps goes on
/// from where it ended, schedule, mean and best weights included: to the bits of a run that was stopped.
#[test]
fn a_rate_rises_falls_on_a_plateau_and_goes_on_with_more_steps() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let rows: String = (0..2000).map(|i| format!("{}\n", f64::from(i * 37 % 101) / 50.0)).collect();
    std::fs::write(path.join("rows.csv"), rows).unwrap();
    std::fs::write(
        path.join("learn.toml"),
        "[model]\nkind = 'maf'\nlayers = 1\nhidden = [4]\n[target]\ndata = 'rows.csv'\n[train]\n\
         steps = 4000\nbatch = 32\nlearning_rate = 0.03\nwarm_up = 100\nschedule = 'plateau'\n\
         average = 0.99\npatience = 800\n",
    )
    .unwrap();
    let train = |out: &str, more: &[&str]| {
        let all = [&["train", "learn.toml", "--device", "cpu", "--out", out][..], more].concat();
        ok(path, &all);
        let text = std::fs::read_to_string(path.join(out).join("metrics.csv")).unwrap();
        let column = |line: &str, i: usize| line.split(',').nth(i).unwrap().parse::<f64>().unwrap();
        text.lines().skip(1).map(|line| (column(line, 0), column(line, 8))).collect::<Vec<_>>()
    };
    let rates = train("run", &[]);
    for (step, rate) in rates.iter().filter(|(step, _)| *step <= 100.0) {
        assert!((rate - 0.03 * step / 100.0).abs() < 1e-6, "{step} {rate}");
    }
    let (last, rate) = rates[rates.len() - 1];
    assert!(last < 4000.0, "patience ends it before: {last}");
    assert!((rate / 0.03).ln() / 3f64.ln() < -0.99, "{rate}");
    // With more patience it goes on, with the rate that it had.
    let further = train("run", &["--resume", "--set", "patience=8000"]);
    assert_eq!(further[..rates.len()], rates[..]);
    assert!(further.len() > rates.len() && further[rates.len()].1 <= rate * 1.0001);
    assert_eq!(further[further.len() - 1].0, 4000.0);

    let message = refused(path, &["train", "learn.toml", "--set", "validation=0"]);
    assert!(message.contains("[train] schedule: found 'plateau', which needs data"), "{message}");
}

#[test]
fn several_seeds_say_how_far_apart_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    std::fs::write(path.join("x.toml"), ISING).unwrap();
    let run = ["train", "x.toml", "--device", "cpu", "--set", "steps=20", "--set", "evaluate=100"];
    let text = ok(path, &[&run[..], &["--out", "all", "--seeds", "3", "--json"]].concat());
    let figures: serde_json::Value = serde_json::from_str(&text).unwrap();
    let ess = |i: usize| figures["runs"][i]["ess"].as_f64().unwrap();
    let mean = (ess(0) + ess(1) + ess(2)) / 3.0;
    let squares: f64 = (0..3).map(|i| (ess(i) - mean).powi(2)).sum();
    assert!((figures["mean"]["ess"].as_f64().unwrap() - mean).abs() < 1e-12);
    let deviation = figures["deviation"]["ess"].as_f64().unwrap();
    assert!(deviation > 0.0 && (deviation - (squares / 2.0).sqrt()).abs() < 1e-12);
    // Each is the run that its seed alone gives.
    ok(path, &[&run[..], &["--out", "alone", "--seed", "2"]].concat());
    let read = |run: &str| std::fs::read(path.join(run).join("model.safetensors")).unwrap();
    assert!(read("all/seed-2") == read("alone"));
    assert!(refused(path, &[&run[..], &["--seeds", "1"]].concat()).contains("--seeds"));
}

/// A model goes on from another one: of the same table it starts where that ended, with its bounds and its
/// context; one of other sizes is refused by the place where they differ.
#[test]
fn a_training_starts_from_another_model() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let normal = |i: u32, d: u32| {
        let word = pushforward::noise::block([31, 9], [i, d])[0];
        f64::from(pushforward::noise::normal(pushforward::simd::Scalar, word))
    };
    let table: String = {
        let row = |i: u32| {
            let [c, a, b] = [normal(i, 0), normal(i, 1), normal(i, 2)];
            let (x, y) = (5.0 + c + a, (0.5 * c * c + 0.3 * b).exp());
            format!("{x},{y},{}\n", 300.0 + 20.0 * c)
        };
        std::iter::once("x,y,c\n".to_owned()).chain((0..3000).map(row)).collect()
    };
    std::fs::write(path.join("one.csv"), table).unwrap();
    let config = |steps: u32, hidden: u32| {
        format!(
            "[model]\nkind = 'maf'\nlayers = 2\nhidden = [{hidden}]\n[target]\ndata = 'one.csv'\n\
             context = ['c']\nbounds = {{ y = 'positive' }}\n[train]\nsteps = {steps}\n\
             batch = 128\nlearning_rate = 4e-3\nclip = 5.0\n"
        )
    };
    let train = |name: &str, text: String, more: &[&str]| -> f64 {
        std::fs::write(path.join("x.toml"), text).unwrap();
        let arguments = ["train", "x.toml", "--device", "cpu", "--json", "--out", name];
        let json = ok(path, &[&arguments, more].concat());
        serde_json::from_str::<serde_json::Value>(&json).unwrap()["held_out_nll"].as_f64().unwrap()
    };
    let from = ["--from", "first"];
    let first = train("first", config(400, 12), &[]);
    let fresh = train("fresh", config(1, 12), &[]);
    let again = train("again", config(1, 12), &from);
    assert!(again < first + 0.01 && fresh > first + 0.1, "{first}, again {again}, fresh {fresh}");
    let inspected = ok(path, &["inspect", "again/model.safetensors", "--json"]);
    assert!(inspected.contains("\"from\""), "{inspected}");
    std::fs::write(path.join("x.toml"), config(1, 13)).unwrap();
    let message = refused(path, &["train", "x.toml", "--device", "cpu", "--from", "first"]);
    assert!(message.contains("`layers.0.network.hidden`: found [12], expected [13]"), "{message}");
}

/// Samples of a Hamiltonian are learnt beside it: a model that would have left a mode out has both.
#[test]
fn samples_keep_a_mode_that_an_energy_would_let_go() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    // Around the wells at ±√2, about as wide as they are; with more in one of them than belongs there.
    let row = |(i, z): (usize, &Vec<f64>)| {
        let well = if i % 3 == 0 { -1.0 } else { 1.0 };
        vec![well * 2f64.sqrt() + 0.25 * z[0], z[1]]
    };
    let rows: Vec<_> = normals(3000, 2).iter().enumerate().map(row).collect();
    std::fs::write(path.join("wells.csv"), csv(&rows)).unwrap();
    let config = "[model]\nkind = 'nsf'\nlayers = 4\nhidden = [24]\n[target]\nhamiltonian = \
                  'double_well'\n[train]\nsteps = 800\nbatch = 256\nsamples = 'wells.csv'\n\
                  samples_weight = 0.5\n";
    let figures = figures(path, config);
    assert!(figures["samples_nll"].as_f64().unwrap() < 2.6, "{figures}");
    let model = "run/model.safetensors";
    let rows = ok(path, &["sample", model, "-n", "4000"]);
    let right = rows.lines().filter(|row| row.contains(',') && !row.starts_with('-')).count();
    let share = right as f64 / 4000.0;
    assert!((0.3..0.75).contains(&share), "{share} in the right well");
    let told = ok(path, &["inspect", model]);
    assert!(told.contains("samples_weight"), "{told}");

    for (from, to, words) in [
        ("'wells.csv'", "'none.csv'", "none.csv: cannot be read"),
        ("samples = 'wells.csv'\n", "", "samples_weight: expected 'samples' beside it"),
        ("samples_weight = 0.5", "samples_weight = 0", "found 0, expected a number above 0"),
        ("samples_weight = 0.5", "alpha = 0.5", "samples: expected none, unless a flow"),
        ("'nsf'", "'maf'", "samples: found some, expected none, as the density"),
        (
            "hamiltonian = 'double_well'",
            "hamiltonian = 'phi4'\nsize = 2\nm2 = 1\nlambda = 1",
            "wells.csv: has 2 values a row, expected 4",
        ),
        ("hamiltonian = 'double_well'", "data = 'wells.csv'", "samples: expected none"),
    ] {
        train_refuses(path, config, [from, to], words);
    }
}
