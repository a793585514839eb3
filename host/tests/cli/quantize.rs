//! Models of smaller weights.

use std::path::Path;

use serde_json::Value as Json;

use crate::{ok, refused};

const ISING: &str = "
[model]
kind = 'made'
hidden = [32]
symmetry = 'z2'
[target]
hamiltonian = 'ising2d'
size = 4
beta = 0.44068679350977
[train]
steps = 400
batch = 500
learning_rate = 1e-2
anneal = 0.98
evaluate = 2000
";

fn trained(path: &Path) -> &'static str {
    std::fs::write(path.join("ising.toml"), ISING).unwrap();
    ok(path, &["train", "ising.toml", "--out", "run"]);
    "run/model.safetensors"
}

fn quantized(path: &Path, model: &str, arguments: &[&str]) -> Json {
    let arguments = [&["quantize", model, "--json"], arguments].concat();
    serde_json::from_str(&ok(path, &arguments)).unwrap()
}

#[test]
fn a_model_of_integers_is_a_model() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let model = trained(path);
    // Divergences a site that 8 and 16 bits are to keep under.
    for (bits, direct, most) in [("i8", "i8", 1e-3), ("i8", "i16", 3e-4), ("i16", "i16", 1e-4)] {
        let file = format!("{bits}-{direct}.safetensors");
        let arguments =
            ["--weights", bits, "--direct", direct, "-o", &file, "--energy", "ising.toml"];
        let figures = quantized(path, model, &arguments);
        let kl = figures["kl_per_value"].as_f64().unwrap();
        assert!((0.0..most).contains(&kl), "{bits} {direct}: {kl}");
        let ess = |of: &str| figures[of]["ess"].as_f64().unwrap();
        assert!((ess("child") - ess("parent")).abs() < 0.05, "{figures}");
        assert!(figures["bytes"].as_u64() < figures["bytes_before"].as_u64(), "{figures}");

        // Normalised over all states, its golden rows, and both ways.
        let checked = ok(path, &["check", &file]);
        assert!(checked.contains("over 65536 states"), "{checked}");
        let inspected = ok(path, &["inspect", &file]);
        assert!(inspected.contains("integer"), "{inspected}");
        let all = ok(path, &["sample", &file, "-n", "300", "--seed", "5"]);
        let some = ok(path, &["sample", &file, "-n", "7", "--first", "200", "--seed", "5"]);
        assert_eq!(all.lines().skip(200).take(7).collect::<Vec<_>>().join("\n") + "\n", some);
        ok(path, &["codegen", &file, "-o", "model.rs"]);
        let module = std::fs::read_to_string(path.join("model.rs")).unwrap();
        assert!(module.contains("integer arithmetic"), "{}", &module[..2000]);
    }
    let message = refused(path, &["quantize", "i8-i8.safetensors", "--weights", "i8", "-o", "x"]);
    assert!(message.contains("found integers already"), "{message}");
    let message =
        refused(path, &["codegen", "i8-i8.safetensors", "--weights", "f16", "-o", "model.rs"]);
    assert!(message.contains("weights"), "{message}");
}

/// Of samples that the choice has not seen.
#[test]
fn roundings_that_are_chosen_together_are_nearer() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let model = trained(path);
    let kl = |steps: &str| {
        let arguments = ["--weights", "i8", "--tune", steps, "-o", "tuned.safetensors"];
        quantized(path, model, &arguments)["kl_per_value"].as_f64().unwrap()
    };
    let (nearest, once, often) = (kl("0"), kl("1"), kl("30"));
    assert!(once < nearest && often < 0.8 * nearest, "{nearest} {once} {often}");
    let checked = ok(path, &["check", "tuned.safetensors"]);
    assert!(checked.contains("over 65536 states"), "{checked}");
    let message = refused(path, &["quantize", model, "--weights", "f16", "--tune", "3", "-o", "x"]);
    assert!(message.contains("--tune: found with --weights f16"), "{message}");
}

const RING: &str = "
[model]
kind = 'nsf'
layers = 2
hidden = [16]
[target]
hamiltonian = 'ring2d'
[train]
steps = 200
batch = 200
learning_rate = 3e-3
evaluate = 1000
";

#[test]
fn half_floats_are_measured() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    std::fs::write(path.join("ring.toml"), RING).unwrap();
    ok(path, &["train", "ring.toml", "--out", "run"]);
    let model = "run/model.safetensors";
    let figures = quantized(path, model, &["--weights", "f16", "-o", "half.safetensors"]);
    let kl = figures["kl_per_value"].as_f64().unwrap();
    assert!((0.0..1e-4).contains(&kl), "{kl}");
    assert_eq!(2 * figures["bytes"].as_u64().unwrap(), figures["bytes_before"].as_u64().unwrap());
    ok(path, &["check", "half.safetensors"]);
}

#[test]
fn networks_of_layers_become_integers() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    for (kind, network) in [("nsf", "IntegerMlp"), ("maf", "network::Integer<")] {
        std::fs::write(path.join("ring.toml"), RING.replace("'nsf'", &format!("'{kind}'")))
            .unwrap();
        ok(path, &["train", "ring.toml", "--out", kind]);
        let model = &format!("{kind}/model.safetensors");
        // Divergences a coordinate that 8 and 16 bits are to keep under.
        for (bits, most) in [("i8", 3e-3), ("i16", 3e-5)] {
            let file = format!("{bits}.safetensors");
            let figures = quantized(path, model, &["--weights", bits, "-o", &file, "-n", "20000"]);
            let kl = figures["kl_per_value"].as_f64().unwrap();
            assert!((0.0..most).contains(&kl), "{kind} {bits}: {kl}");
            assert!(figures["bytes"].as_u64() < figures["bytes_before"].as_u64(), "{figures}");
            ok(path, &["check", &file]);
            let inspected = ok(path, &["inspect", &file]);
            assert!(inspected.contains("plain"), "of floats between networks: {inspected}");
            assert!(inspected.contains(&format!(" {}\n", bits.to_uppercase())), "{inspected}");
            ok(path, &["codegen", &file, "-o", "model.rs"]);
            let module = std::fs::read_to_string(path.join("model.rs")).unwrap();
            assert!(module.contains(network), "{}", &module[..2000]);
            let message = refused(path, &["codegen", &file, "--weights", "f16", "-o", "half.rs"]);
            assert!(message.contains("weights"), "{message}");
            for again in ["i8", "f16"] {
                let message = refused(path, &["quantize", &file, "--weights", again, "-o", "x"]);
                assert!(message.contains("found integers already"), "{message}");
            }
        }
        let arguments = ["quantize", model, "--weights", "i8", "--direct", "i16", "-o", "x"];
        let message = refused(path, &arguments);
        assert!(message.contains("--direct: found for a flow"), "{message}");
        assert!(!path.join("x").exists());
    }
    let residual = RING.replace("'nsf'", "'maf'").replace("[16]", "[16, 16, 16]");
    let residual = residual.replace("layers", "activation = 'relu'\nresidual = true\nlayers");
    std::fs::write(path.join("residual.toml"), residual).unwrap();
    ok(path, &["train", "residual.toml", "--out", "residual", "--set", "train.steps=5"]);
    let message =
        refused(path, &["quantize", "residual/model.safetensors", "--weights", "i8", "-o", "x"]);
    assert!(
        message.contains("found residual layers or listed units, expected neither"),
        "{message}"
    );
}

#[test]
fn spins_of_integers_are_given_a_context() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    // Two spins that are opposite, and whose sign a reading around 50 tells.
    let rows: String = (0..600)
        .map(|i| {
            let s = if i % 2 == 0 { 1 } else { -1 };
            format!("{s},{},{}\n", -s, 50 + 7 * s + i % 5)
        })
        .collect();
    let readings: String =
        rows.lines().map(|row| format!("{}\n", row.rsplit(',').next().unwrap())).collect();
    std::fs::write(path.join("readings.csv"), readings).unwrap();
    std::fs::write(path.join("spins.csv"), rows).unwrap();
    let config = "[model]\nkind = 'made'\nhidden = [8]\n\
                  [target]\ndata = 'spins.csv'\ncontext = [3]\n[train]\nsteps = 400\nbatch = 128\n";
    std::fs::write(path.join("x.toml"), config).unwrap();
    ok(path, &["train", "x.toml", "--device", "cpu", "--out", "run"]);
    let model = "run/model.safetensors";
    for (bits, most) in [("i8", 1e-3), ("i16", 1e-4)] {
        let file = format!("{bits}.safetensors");
        let arguments = ["--weights", bits, "-o", &file, "--context", "readings.csv"];
        let figures = quantized(path, model, &arguments);
        assert_eq!(figures["contexts"], 600, "{figures}");
        let kl = figures["kl_per_value"].as_f64().unwrap();
        assert!((0.0..most).contains(&kl), "{bits}: {kl}");
        for context in ["58", "44"] {
            let rows = |file| ok(path, &["sample", file, "-n", "100", "--context", context]);
            let (child, parent) = (rows(&file), rows(model));
            let equal = child.lines().zip(parent.lines()).filter(|(a, b)| a == b).count();
            assert!(equal > 95, "{bits} {context}: {equal} of 100 rows are the parent's");
        }
        let checked = ok(path, &["check", &file]);
        assert!(checked.contains("over 4 states"), "{checked}");
        ok(path, &["codegen", &file, "-o", "model.rs"]);
        let module = std::fs::read_to_string(path.join("model.rs")).unwrap();
        assert!(module.contains("integer arithmetic"), "{}", &module[..2000]);
    }
}
