//! The packages as a registry would get them, in the order in which they depend on each other.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

const VERSION: &str = env!("CARGO_PKG_VERSION");

fn cargo(arguments: &[&str]) -> Result<(String, String), Box<dyn Error>> {
    let cargo = env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let output = Command::new(cargo).current_dir(root).args(arguments).output()?;
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {errors}");
    Ok((String::from_utf8_lossy(&output.stdout).into_owned(), errors))
}

/// Without compiling them again; `cargo publish --workspace --dry-run` does that too.
#[test]
fn every_package_is_made_without_a_warning() -> Result<(), Box<dyn Error>> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("package");
    let folder = target.join("package");
    let (_, log) = cargo(&[
        "package",
        "--workspace",
        "--exclude",
        "pushforward-benches",
        "--no-verify",
        "--allow-dirty",
        "--offline",
        "--target-dir",
        target.to_str().ok_or("a path that is not text")?,
    ])?;
    assert!(!log.contains("warning"), "{log}");
    let mut rest = log.as_str();
    for name in [
        "pushforward",
        "pushforward-emit",
        "pushforward-codegen",
        "pushforward-oracle",
        "pushforward-wire",
        "pushforward-host",
    ] {
        let line = format!("Packaging {name} v{VERSION}");
        let at = rest.find(&line).ok_or_else(|| format!("no `{line}` in its place: {log}"))?;
        rest = &rest[at..];
        assert!(fs::metadata(folder.join(format!("{name}-{VERSION}.crate")))?.len() > 1000);
    }
    Ok(())
}

#[test]
fn documentation_shows_every_feature() -> Result<(), Box<dyn Error>> {
    let (metadata, _) = cargo(&["metadata", "--no-deps", "--offline", "--format-version", "1"])?;
    // The engine's module `model`, and the emitter's function `text`.
    assert_eq!(metadata.matches(r#""docs":{"rs":{"all-features":true}}"#).count(), 2);
    for field in ["description", "repository", "readme"] {
        // The benches are for this repository only.
        let missing = format!(r#""{field}":null"#);
        assert!(metadata.matches(&missing).count() <= 1, "{field}: {metadata}");
    }
    assert_eq!(metadata.matches(r#""publish":[]"#).count(), 1);
    Ok(())
}
