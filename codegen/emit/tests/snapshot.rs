//! The emitted text, for people to read. After a change that is meant: `INSTA_UPDATE=always`.

#![cfg(feature = "text")]

use std::path::Path;

use pushforward::model::Names;
use pushforward_emit::c::{Crate, Engine, MARKER};
use pushforward_emit::{Error, Options, Sampling, Storage, read, text};

fn source(file: &str, options: Options) -> Result<String, Error> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/models").join(file);
    text(&read(&path)?, options, "model", file)
}

/// The text with what is between the quotes of each byte string left out.
fn without_bytes(text: &str) -> String {
    let mut parts = text.split("*b\"");
    let mut short = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        // Bytes of a literal are escaped, a quote among them as `\"`.
        let unescaped = part.replace("\\\\", "__").replace("\\\"", "__");
        let end = unescaped.find('"').unwrap_or(part.len());
        short.push_str("*b\"…");
        short.push_str(&part[end..]);
    }
    short
}

#[test]
fn spins() -> Result<(), Error> {
    let text = source("tiny.safetensors", Options::default())?;
    insta::assert_snapshot!(without_bytes(&text));
    Ok(())
}

#[test]
fn flow_with_half_weights_in_a_section() -> Result<(), Error> {
    let link_section = Some(".qspi".into());
    let options = Options { weights: Storage::F16, link_section, ..Options::default() };
    let text = source("flow_plain.safetensors", options)?;
    let head = text.split("pub struct Scratch").next().unwrap_or_default();
    insta::assert_snapshot!(without_bytes(head));
    Ok(())
}

#[test]
fn autoregressive_splines() -> Result<(), Error> {
    let text = source("iaf_fused.safetensors", Options::default())?;
    let head = text.split("pub struct Scratch").next().unwrap_or_default();
    insta::assert_snapshot!(without_bytes(head));
    Ok(())
}

#[test]
fn columns_are_named_where_the_model_names_them() -> Result<(), Error> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/models/given_fused.safetensors");
    let model = read(&path)?;
    let bare = text(&model, Options::default(), "model", "given")?;
    assert!(!bare.contains("COLUMNS"));
    let names = |list: &str, n| (0..n).map(|i| format!("{list} \"{i}\"")).collect();
    let (dim, given) = (model.description().dim(), model.description().context());
    let named = Names { row: names("µ", dim), context: names("at", given) };
    let named =
        text(&model.with_names(Some(named)).expect("names"), Options::default(), "model", "given")?;
    for expected in
        ["COLUMNS: [&str; DIM] = [\"µ \\\"0\\\"\"", "CONTEXT_COLUMNS: [&str; CONTEXT] = ["]
    {
        assert!(named.contains(expected), "{named}");
    }
    // Nothing else differs.
    let ends = ["/// What the values of a row are called", "/// Bytes of flash that the weights"];
    let [from, to] = ends.map(|end| named.find(end).expect("constants"));
    assert_eq!([&named[..from], &named[to..]].concat(), bare);
    Ok(())
}

/// The files for C of a model that takes a context, and of one that draws nothing.
#[test]
fn libraries_for_c() -> Result<(), Error> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/models");
    for (file, sampling, shown) in [
        (
            "given_plain.safetensors",
            Sampling::Exact,
            &["include/flow.h", "Cargo.toml", "src/lib.rs"][..],
        ),
        ("gaussianisation_plain.safetensors", Sampling::None, &["include/flow.h", "example.c"]),
    ] {
        let engine = Engine::Version("0.1.0".into());
        let library = Crate { name: "flow", source: file, checksum: 0x1234, engine };
        let options = Options { sampling, ..Options::default() };
        let files = library.files(&read(&folder.join(file))?, options)?;
        assert_eq!(files.len(), 7);
        for (path, text) in files {
            let path = path.display().to_string();
            assert!(text.lines().take(2).any(|line| line.contains(MARKER)), "{path}");
            let left = ["{name}", "{NAME}", "{marker}", "_rs}", "_h}", "_c}"];
            assert!(!left.iter().any(|name| text.contains(name)), "{path}: {text}");
            if shown.contains(&path.as_str()) {
                let name = format!("{}_{path}", file.replace(".safetensors", ""));
                insta::assert_snapshot!(name.replace(['.', '/'], "_"), text);
            }
        }
    }
    Ok(())
}

#[test]
fn a_bad_name_is_an_error() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/models/tiny.safetensors");
    let error = read(&path).and_then(|m| text(&m, Options::default(), "a b", "x")).unwrap_err();
    assert_eq!(error.to_string(), "module name: found \"a b\", expected a Rust identifier");
}
