//! The value of a draw, the value at its row, and draws that overflow.

use std::path::Path;

use pushforward::distribution;
use pushforward::model::{Arithmetic, Model, preset};
use pushforward::noise::{block, normal};
use pushforward::simd::Scalar;
use pushforward::univariate::AffineSpec;
use serde_json::Value;

use crate::{ok, run, trained};

fn realnvp(dim: usize, masks: &[&[bool]], hidden: &[usize], log_scale_bound: f32) -> Model {
    let map = AffineSpec { log_scale_bound };
    let layer = |mask: &&[bool]| preset::coupling(mask.to_vec(), hidden, map);
    let description = preset::flow(&[dim], masks.iter().map(layer), false);
    Model::new(description, Arithmetic::Fused).unwrap()
}

/// Scales the second coordinate by e⁸⁰ twice where the first is above 2.5, and else by e⁻⁸⁰.
fn overflowing() -> Model {
    let mut model = realnvp(2, &[&[true, false], &[true, false]], &[], 80.0);
    // Weights of log-scale and shift, then their biases.
    model.set_parameters(&[1e4, 0.0, -2.5e4, 0.0, 1e4, 0.0, -2.5e4, 0.0]).unwrap();
    model
}

/// Eight couplings with weights of standard deviation 1 over the root of the fan-in.
fn ill_conditioned() -> Model {
    let (even, odd) =
        ([0, 1, 0, 1, 0, 1, 0, 1].map(|k| k == 0), [0, 1, 0, 1, 0, 1, 0, 1].map(|k| k == 1));
    let masks: Vec<&[bool]> = (0..8).map(|l| if l % 2 == 0 { &even[..] } else { &odd }).collect();
    let mut model = realnvp(8, &masks, &[32, 32], 2.0);
    let mut parameters = Vec::new();
    for spec in model.description().tensors() {
        for _ in 0..spec.size() {
            let noise = normal(Scalar, block([1, 4], [parameters.len() as u32, 0])[0]);
            parameters.push(match spec.name.rsplit('.').next() {
                Some("weight") => noise / (spec.shape[1] as f32).sqrt(),
                Some("slope") => 0.1,
                _ => 0.3 * noise,
            });
        }
    }
    model.set_parameters(&parameters).unwrap();
    model
}

/// The floats of an array file, whose header takes 128 bytes here.
fn floats(file: &Path) -> Vec<f32> {
    let bytes = std::fs::read(file).unwrap();
    bytes[128..].as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

#[test]
fn log_prob_at_the_row_is_what_log_prob_says() {
    let t = trained();
    let dir = tempfile::tempdir().unwrap();
    let read = |name: &str| std::fs::read(dir.path().join(name)).unwrap();
    for model in [&t.spins, &t.flow] {
        let sample = |at: &str, lp: &str| {
            let out = ["-o", "x.npy", "--log-prob", lp, "--log-prob-at", at];
            ok(dir.path(), &[&["sample", model, "-n", "5000", "--seed", "3"], &out[..]].concat())
        };
        sample("row", "row.npy");
        sample("path", "path.npy");
        ok(dir.path(), &["log-prob", model, "x.npy", "-o", "scored.npy"]);
        assert_eq!(read("row.npy"), read("scored.npy"));
        assert_eq!(read("row.npy") == read("path.npy"), model == &t.spins);
    }
    let out = run(dir.path(), &["sample", &t.flow, "-n", "2", "--log-prob-at", "row"]);
    assert_eq!(out.status.code(), Some(2));
}

#[test]
fn a_draw_that_overflows_fails_the_command_once_all_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let model = overflowing();
    std::fs::write(dir.path().join("m.safetensors"), model.to_bytes().unwrap()).unwrap();
    const N: usize = 30_000;
    let mut rows = vec![0f32; 2 * N];
    let expected = model.sampler().unwrap().try_sample(5, 40, &mut rows, None).unwrap_err();
    let distribution::Error::NotFinite { sample: first } = expected else { panic!("{expected}") };
    for at in ["path", "row"] {
        let arguments =
            ["-n", "30000", "--seed", "5", "--first", "40", "-o", "x.npy", "--log-prob", "lp.npy"];
        let more = ["--batch", "1000", "--log-prob-at", at];
        let out = run(dir.path(), &[&["sample", "m.safetensors"], &arguments[..], &more].concat());
        let message = String::from_utf8(out.stderr).unwrap();
        assert_eq!(out.status.code(), Some(1), "{message}");
        assert!(
            message.starts_with(&format!("error: m.safetensors: sample {first}: ")),
            "{message}"
        );
        assert_eq!(message.trim_end().lines().count(), 1, "{message}");
        let (x, lp) = (floats(&dir.path().join("x.npy")), floats(&dir.path().join("lp.npy")));
        assert_eq!((x.len(), lp.len()), (2 * N, N));
        for (row, lp) in x.chunks(2).zip(&lp) {
            assert_eq!(row.iter().all(|x| x.is_finite()), !lp.is_nan(), "{row:?} {lp}");
        }
        let nan = lp.iter().position(|lp| lp.is_nan()).unwrap();
        assert_eq!(nan as u64 + 40, first);
    }
    let out = run(dir.path(), &["check", "m.safetensors"]);
    assert_eq!(out.status.code(), Some(1));
}

#[test]
fn an_ill_conditioned_flow_passes_its_audit_with_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = ill_conditioned().to_bytes().unwrap();
    std::fs::write(dir.path().join("m.safetensors"), bytes).unwrap();
    let report: Value =
        serde_json::from_str(&ok(dir.path(), &["check", "m.safetensors", "--json"])).unwrap();
    assert_eq!(report["ok"], true, "{report}");
    let warnings = report["warnings"].as_array().unwrap();
    assert_eq!(warnings.len(), 1, "{report}");
    assert!(warnings[0].as_str().unwrap().contains("--log-prob-at row"), "{report}");
    let text = ok(dir.path(), &["check", "m.safetensors"]);
    assert!(text.contains("warning sample path = density path"), "{text}");
    assert!(text.contains("\nwarning: ln q of a draw"), "{text}");
}

#[test]
fn a_training_reports_the_difference() {
    let t = trained();
    let figures = |model: &str| {
        let json: Value =
            serde_json::from_str(&ok(t.folder.path(), &["inspect", model, "--json"])).unwrap();
        json["provenance"]["figures"].clone()
    };
    let flow = figures(&t.flow);
    let (max, rms) = (&flow["path_difference_max"], &flow["path_difference_rms"]);
    assert!(max.as_f64().unwrap() < 1e-3 && rms.as_f64() < max.as_f64(), "{flow}");
    assert!(figures(&t.spins)["path_difference_max"].is_null(), "bit-equal for spins");
    let report = std::fs::read_to_string(t.folder.path().join("well/report.html")).unwrap();
    assert!(report.contains("ln q of a draw against its row"));
    let checked: Value =
        serde_json::from_str(&ok(t.folder.path(), &["check", &t.flow, "--json"])).unwrap();
    assert_eq!(checked["warnings"], Value::Array(vec![]), "{checked}");
}
