//! Model files: what is said about good ones, and that damaged ones are refused.

use serde_json::Value;

use crate::{files, ok, refused, run, trained};

/// The verbs that read a model, with what else they need.
const VERBS: [&[&str]; 4] =
    [&["inspect"], &["sample", "-n", "2", "-o", "x.npy"], &["check"], &["codegen", "-o", "x.rs"]];

#[test]
fn two_hundred_damaged_files_are_refused() {
    let t = trained();
    let good = std::fs::read(&t.spins).unwrap();
    let header = 8 + u64::from_le_bytes(good[..8].try_into().unwrap()) as usize;
    let mut cases: Vec<(String, Vec<u8>)> = Vec::new();
    for i in 0..60 {
        let length = good.len() * i / 60;
        cases.push((format!("cut to {length} bytes"), good[..length].to_vec()));
    }
    for i in 0..100 {
        let mut bytes = good.clone();
        let at = i * good.len() / 100;
        bytes[at] ^= 1 << (i % 8);
        cases.push((format!("bit {} of byte {at} flipped", i % 8), bytes));
    }
    let replaced = |from: &str, to: &str| {
        let text = String::from_utf8_lossy(&good[8..header]).replacen(from, to, 1);
        let mut text = text.into_bytes();
        text.resize(text.len().next_multiple_of(8), b' ');
        let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
        bytes.extend(&text);
        bytes.extend(&good[header..]);
        assert_ne!(bytes, good, "{from} is not in the header");
        bytes
    };
    for (from, to) in [
        ("\\\"version\\\":2", "\\\"version\\\":3"),
        ("\\\"version\\\":2", "\\\"version\\\":0"),
        ("\\\"version\\\":2", "\\\"version\\\":\\\"one\\\""),
        ("\\\"version\\\":2", "\\\"version\\\":18446744073709551615"),
        ("\\\"fused\\\"", "\\\"exact\\\""),
        ("\\\"sites\\\"", "\\\"sights\\\""),
        ("\\\"shape\\\":[3,3]", "\\\"shape\\\":[10]"),
        ("\\\"shape\\\":[3,3]", "\\\"shape\\\":[3,0]"),
        ("\\\"shape\\\":[3,3]", "\\\"shape\\\":[3,18446744073709551615]"),
        ("\\\"hidden\\\":[36]", "\\\"hidden\\\":[37]"),
        ("\\\"hidden\\\":[36]", "\\\"hidden\\\":[]"),
        ("\\\"hidden\\\":[36]", "\\\"hidden\\\":[36,36]"),
        ("\\\"hidden\\\":[36]", "\\\"hidden\\\":[99999999999]"),
        ("\\\"shape\\\":[3,3]", "\\\"shape\\\":[3,4]"),
        ("\"shape\":[36,9]", "\"shape\":[9,36]"),
        ("\"F32\"", "\"F64\""),
        ("\"F32\"", "\"I32\""),
        ("hidden.0.weight", "hidden.0.wieght"),
        ("output.bias", "output.bais"),
        ("\"pushforward\"", "\"pushbackward\""),
    ] {
        cases.push((format!("{from} made {to}"), replaced(from, to)));
    }
    for length in [
        0,
        1,
        7,
        u64::MAX,
        u64::MAX / 2,
        1 << 40,
        good.len() as u64,
        100_000_001,
        header as u64 - 9,
        header as u64,
    ] {
        let mut bytes = good.clone();
        bytes[..8].copy_from_slice(&length.to_le_bytes());
        cases.push((format!("header of {length} bytes"), bytes));
    }
    for (i, value) in
        [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, 1e-45].into_iter().enumerate()
    {
        let mut bytes = good.clone();
        let at = header + 4 * (i * 40 + 3);
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        cases.push((format!("weight {value}"), bytes));
    }
    cases.push(("more at the end".into(), [&good[..], b"tail"].concat()));
    cases.push(("twice".into(), [&good[..], &good[..]].concat()));
    cases.push((
        "no model".into(),
        b"just a text file, long enough to have a header length".to_vec(),
    ));
    cases.push(("zeros".into(), vec![0; 4096]));
    cases.push(("ones".into(), vec![255; 4096]));
    assert_eq!(cases.len(), 200);

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bad.safetensors");
    for (i, (what, bytes)) in cases.iter().enumerate() {
        std::fs::write(&path, bytes).unwrap();
        let verb = VERBS[i % VERBS.len()];
        let message = refused(dir.path(), &[&[verb[0], "bad.safetensors"], &verb[1..]].concat());
        assert!(message.starts_with("error: bad.safetensors: "), "{what}: {message}");
        assert_eq!(files(dir.path()), [path.as_path()], "{what}");
    }
}

#[test]
fn good_models_pass_the_audit() {
    let t = trained();
    for model in [&t.spins, &t.flow] {
        let report: Value =
            serde_json::from_str(&ok(t.folder.path(), &["check", model, "--json"])).unwrap();
        assert_eq!(report["ok"], true, "{report}");
        let checks = report["checks"].as_array().unwrap();
        assert!(checks.len() >= 8 && checks.iter().all(|c| c["ok"] != false), "{report}");
    }
}

#[test]
fn inspect_names_sizes_and_origin() {
    let t = trained();
    let json: Value =
        serde_json::from_str(&ok(t.folder.path(), &["inspect", &t.spins, "--json"])).unwrap();
    assert_eq!((json["kind"].as_str(), json["dim"].as_u64()), (Some("sites"), Some(9)));
    for key in ["parameters", "multiply_adds_per_sample", "flash_bytes", "scratch_bytes"] {
        assert!(json[key].as_u64().is_some_and(|n| n > 0), "{key}");
    }
    let provenance = &json["provenance"];
    assert!(provenance["config"].as_str().unwrap().contains("ising2d"));
    assert!(provenance["figures"]["loss"].is_number());
    assert!(!provenance.to_string().contains(t.folder.path().to_str().unwrap()));
    let text = ok(t.folder.path(), &["inspect", &t.flow]);
    assert!(text.contains("flow, 2 values, normal, 4 × coupling (mlp (hidden ["), "{text}");
}

#[test]
fn estimates_have_the_promised_keys() {
    let t = trained();
    let estimate = |model: &str, energy: &str| -> Value {
        let arguments = ["estimate", model, "--energy", energy, "-n", "20000", "--json"];
        serde_json::from_str(&ok(t.folder.path(), &arguments)).unwrap()
    };
    let spins = estimate(&t.spins, "ising.toml");
    for key in [
        "n",
        "elbo",
        "elbo_error",
        "ln_z",
        "ln_z_error",
        "ess",
        "k_hat",
        "largest_weight",
        "acceptance",
        "free_energy_per_site",
        "free_energy_per_site_error",
        "free_energy_per_site_corrected",
        "free_energy_per_site_corrected_error",
    ] {
        assert!(spins[key].is_number(), "{key}");
    }
    let off = (spins["ln_z"].as_f64().unwrap() - spins["ln_z_exact"].as_f64().unwrap()).abs();
    assert!(off < 4.0 * spins["ln_z_error"].as_f64().unwrap(), "{spins}");
    assert!(spins["warnings"].as_array().unwrap().is_empty() && spins["ess_error"].is_null());
    let well = estimate(&t.flow, "well.toml");
    assert!(
        well["free_energy_per_site"].is_null() && well["elbo"].as_f64() < well["ln_z"].as_f64()
    );
    let message =
        refused(t.folder.path(), &["estimate", &t.flow, "--energy", "ising.toml", "-n", "10"]);
    assert!(message.contains("dimension 9, but the model has 2"), "{message}");
}

/// A flow that has learnt nothing draws standard normal numbers, the target is three times as wide:
/// the weights' tail has k = 1 − 1/10.
#[test]
fn a_heavy_tail_is_a_warning_wherever_the_figures_are() {
    let t = trained();
    let config = "
        [model]\nkind = 'realnvp'\nlayers = 2\nhidden = [4]
        [target]\nhamiltonian = 'phi4'\nsize = 2\nm2 = 0.05\nlambda = 1e-6
        [train]\nsteps = 1\nlearning_rate = 1e-9\nevaluate = 20000";
    std::fs::write(t.folder.path().join("wide.toml"), config).unwrap();
    ok(t.folder.path(), &["train", "wide.toml", "--device", "cpu", "--out", "wide"]);
    let model = "wide/model.safetensors";
    let arguments = ["estimate", model, "--energy", "wide.toml", "-n", "20000"];
    let json = t.json(&[&arguments[..], &["--json"]].concat());
    assert!((json["k_hat"].as_f64().unwrap() - 0.9).abs() < 0.2, "{json}");
    let warning = json["warnings"][0].as_str().unwrap();
    assert!(warning.contains("Pareto k̂") && warning.contains("train longer"), "{warning}");
    let table = ok(t.folder.path(), &arguments);
    for figure in ["free energy per site, corrected", "ln Z, importance-corrected"] {
        let line = table.lines().find(|line| line.starts_with(figure)).unwrap();
        assert!(line.contains("(error bar not to be trusted)"), "{table}");
    }
    assert!(table.contains(warning) && table.contains("at most 0."), "{table}");
    let report = std::fs::read_to_string(t.folder.path().join("wide/report.html")).unwrap();
    assert!(report.contains("The weights have a heavy tail"), "{report}");
    let provenance = &t.json(&["inspect", model, "--json"])["provenance"];
    assert!(provenance["figures"]["warnings"][0].is_string(), "{provenance}");
    // And too few samples are too few, whatever their weights.
    let few = t.json(&["estimate", &t.spins, "--energy", "ising.toml", "-n", "20", "--json"]);
    assert!(few["k_hat"].is_null(), "{few}");
    assert!(few["warnings"][0].as_str().unwrap().contains("too few"), "{few}");
}

#[test]
fn a_runs_evaluation_has_noise_of_its_own() {
    let t = trained();
    let evaluate = |seed: &str, out: &str| {
        let set = ["--set", "steps=5", "--seed", seed, "--out", out, "--device", "cpu", "--json"];
        t.json(&[&["train", "ising.toml"][..], &set].concat())
    };
    let [one, again, two] = [("1", "e1"), ("1", "e1b"), ("2", "e2")].map(|(s, o)| evaluate(s, o));
    assert_eq!(one["evaluation_seed"], again["evaluation_seed"]);
    assert_ne!(one["evaluation_seed"], two["evaluation_seed"]);
    // Those are the samples that the figures come from: `estimate` finds the same ones again.
    for (run, out) in [(one, "e1"), (two, "e2")] {
        let (model, seed) =
            (format!("{out}/model.safetensors"), run["evaluation_seed"].to_string());
        let arguments =
            ["estimate", &model, "--energy", "ising.toml", "-n", "4000", "--seed", &seed, "--json"];
        let found = t.json(&arguments);
        for key in ["elbo", "elbo_error", "ln_z", "ln_z_error", "ess", "k_hat", "acceptance"] {
            assert_eq!(found[key], run[key], "{out} {key}");
        }
    }
}

#[test]
fn the_rest_speaks_json_and_rust() {
    let t = trained();
    let devices: Value =
        serde_json::from_str(&ok(t.folder.path(), &["devices", "--json"])).unwrap();
    assert_eq!(devices["devices"][0]["kind"], "cpu");
    let rust = ok(t.folder.path(), &["codegen", &t.spins, "-o", "-", "--name", "ising"]);
    assert!(rust.contains("pub mod ising") && rust.contains("pub fn sample_with_log_prob"));
    let within = ["codegen", &t.spins, "-o", "-", "--stack", "64K", "--instructions", "500_000"];
    let rust = ok(t.folder.path(), &within);
    let rust = rust.split_whitespace().collect::<String>();
    for (name, value) in [("STACK_BUDGET", "65536"), ("INSTRUCTIONS_BUDGET", "500000")] {
        let constant = "::core::option::Option";
        let text = format!("{name}:{constant}<u64>={constant}::Some({value},);");
        assert!(rust.contains(&text), "{text}");
    }
    for budget in ["--flash", "--stack"] {
        let out = run(t.folder.path(), &["codegen", &t.spins, "-o", "x.rs", budget, "10"]);
        assert_eq!(out.status.code(), Some(1));
    }
    assert!(!t.folder.path().join("x.rs").exists());
}

#[test]
fn a_crate_for_c_is_written_again_but_not_over_files_of_others() {
    let (t, dir) = (trained(), tempfile::tempdir().unwrap());
    let path = dir.path();
    let crate_for_c = ["codegen", &t.spins, "--c", "new/ising", "--name", "ising"];
    let command = |more: &[&'static str]| [&crate_for_c[..], more].concat();
    for (more, words) in [
        (["--name", "math"], "--name: found \"math\", expected"),
        (["--name", "a-b"], "--name: found \"a-b\", expected"),
        (["-o", "x.rs"], "cannot be used with"),
        (["--crate", "pf"], "cannot be used with"),
        (["--stack", "4K"], "cannot be used with"),
        (["--instructions", "1"], "cannot be used with"),
        (["--engine", "new"], "new: cannot be read: no such file or folder"),
        (["--engine", "."], "found no Cargo.toml in it"),
    ] {
        let arguments = match more[0] {
            "--name" => [&crate_for_c[..4], &more].concat(),
            _ => command(&more),
        };
        let message = refused(path, &arguments);
        assert!(message.contains(words), "{more:?}: {message}");
    }
    assert!(refused(path, &["codegen", &t.spins]).contains("--output"));
    let of_a_file = ["codegen", &t.spins, "-o", "x.rs", "--engine", "."];
    assert!(refused(path, &of_a_file).contains("cannot be used with"));
    let out = run(path, &command(&["--scratch", "10"]));
    assert_eq!(out.status.code(), Some(1));
    assert!(files(path).is_empty());

    ok(path, &command(&[]));
    let at = path.join("new/ising");
    let all = [
        "Cargo.toml",
        "README.md",
        "example.c",
        "include/ising.h",
        "src/lib.rs",
        "src/memory.rs",
        "src/model.rs",
    ];
    assert_eq!(files(path), all.map(|name| at.join(name)));
    let checksum = pushforward_wire::checksum(&std::fs::read(&t.spins).unwrap());
    let header = std::fs::read_to_string(at.join("include/ising.h")).unwrap();
    assert!(header.contains(&format!("ISING_MODEL_CHECKSUM UINT32_C(0x{checksum:08x})")));
    let manifest = std::fs::read_to_string(at.join("Cargo.toml")).unwrap();
    let engine =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine").canonicalize().unwrap();
    assert!(manifest.contains(&format!("pushforward = {{ path = {:?}", engine.to_str().unwrap())));

    std::fs::write(at.join("include/ising.h"), "/* mine */\n").unwrap();
    std::fs::remove_file(at.join("Cargo.toml")).unwrap();
    let message = refused(path, &command(&[]));
    assert!(message.contains("include/ising.h: found a file that"), "{message}");
    assert!(!at.join("Cargo.toml").exists());
    std::fs::remove_file(at.join("include/ising.h")).unwrap();
    std::fs::write(at.join("keep.c"), "").unwrap();
    ok(path, &command(&[]));
    assert_eq!(std::fs::read_to_string(at.join("include/ising.h")).unwrap(), header);
    assert!(at.join("keep.c").exists());
}

#[test]
fn bench_measures_every_case() {
    let t = trained();
    let bench: Value = serde_json::from_str(&ok(
        t.folder.path(),
        &["bench", &t.spins, "--json", "--threads", "2"],
    ))
    .unwrap();
    let rows = bench["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 12);
    for row in rows {
        for key in ["batch", "threads", "ns_per_sample", "macs_per_sample", "gmacs_per_second"] {
            assert!(row[key].as_f64().is_some_and(|x| x > 0.0), "{row}");
        }
    }
    assert!(bench["peak_gmacs_per_second"].as_f64().unwrap() > 0.1);
}

#[test]
fn the_demo_skips_what_it_cannot_compile() {
    let dir = tempfile::tempdir().unwrap();
    let mut bare = crate::command(dir.path(), &["demo", "--quick", "--out", "demo"]);
    let out = bare.env("PATH", "").env_remove("CARGO").output().unwrap();
    let text = String::from_utf8_lossy(&out.stdout);
    assert_eq!(out.status.code(), Some(0), "{text}{}", String::from_utf8_lossy(&out.stderr));
    assert_eq!(text.matches("skipped: cargo is not installed").count(), 2, "{text}");
    for what in ["`rustup toolchain install`", "qemu-system-arm is not installed", "bits agree"] {
        assert!(text.contains(what), "{what}: {text}");
    }
}
