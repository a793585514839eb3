//! What the compiler says about a bad model, option or budget, compared as text. After a change
//! that is meant: `TRYBUILD=overwrite cargo test -p pushforward-codegen --test ui`.

use std::path::Path;
use std::{fs, io};

#[test]
fn errors_name_the_file_what_was_found_and_what_was_expected() -> io::Result<()> {
    // `trybuild` compiles in a package of its own, to which paths of models are relative.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("tests");
    let models = target.join("trybuild").join(env!("CARGO_PKG_NAME")).join("tests/models");
    fs::create_dir_all(&models)?;
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models"))? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            continue;
        }
        fs::copy(entry.path(), models.join(entry.file_name()))?;
    }
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
    Ok(())
}
