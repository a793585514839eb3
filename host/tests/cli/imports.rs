//! The verb `import`, from an exporter's files to a model that is checked and compiled.

use std::path::Path;

use crate::{ok, refused};

#[test]
fn an_exported_flow_becomes_a_model() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import/zuko_nsf");
    let import = ["import", "zuko", "flow.safetensors", "-o", "model.safetensors"];
    assert!(refused(path, &import).contains("flow.safetensors: cannot be read"));
    let state = std::fs::read(from.with_extension("safetensors")).unwrap();
    std::fs::write(path.join("flow.safetensors"), &state).unwrap();
    let message = refused(path, &import);
    assert!(
        message.contains("flow.toml: no such file") && message.contains("--settings"),
        "{message}"
    );
    std::fs::copy(from.with_extension("toml"), path.join("flow.toml")).unwrap();
    for (length, expected) in [(4, "cut short"), (900, "cut short"), (state.len() - 1, "cut short")]
    {
        std::fs::write(path.join("flow.safetensors"), &state[..length]).unwrap();
        let message = refused(path, &import);
        assert!(message.contains(expected), "{length}: {message}");
        assert!(!path.join("model.safetensors").exists());
    }
    std::fs::write(path.join("flow.safetensors"), &state).unwrap();
    assert!(refused(path, &["import", "zuko", "flow.safetensors"]).contains("-o FILE.safetensors"));
    assert!(refused(path, &["import", "zuko"]).contains("the state dict"));
    let told = ok(path, &import);
    assert!(told.contains("zuko 1.6.0, flow.safetensors"), "{told}");
    assert!(ok(path, &["check", "model.safetensors"]).contains("ok      source"));
    assert!(ok(path, &["inspect", "model.safetensors"]).contains("soft_clipped (least 0.001)"));
    ok(path, &["codegen", "model.safetensors", "-o", "model.rs"]);
}

#[test]
fn an_exporter_is_one_script() {
    let dir = tempfile::tempdir().unwrap();
    for library in ["zuko", "nflows", "normflows", "van"] {
        let script = ok(dir.path(), &["import", "--exporter", library]);
        let own = if library == "van" { "log_probs" } else { "described" };
        for name in ["export", own, "write", "doubled"] {
            assert_eq!(script.matches(&format!("\ndef {name}(")).count(), 1, "{library}: {name}");
        }
        assert!(script.starts_with("\"\"\"Writes a"), "{library}");
    }
}
