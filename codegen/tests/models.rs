//! The model files of the tests are what `examples/models.rs` writes.

use std::{error, fs};

#[allow(dead_code)]
#[path = "../examples/models.rs"]
mod models;

#[test]
fn files_are_what_the_example_writes() -> Result<(), Box<dyn error::Error>> {
    for (path, bytes) in models::files()? {
        let stored = fs::read(format!("{}/../{path}", env!("CARGO_MANIFEST_DIR")))?;
        assert!(stored == bytes, "{path}: run `cargo run -p pushforward-codegen --example models`");
    }
    Ok(())
}
