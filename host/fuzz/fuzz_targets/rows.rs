//! Reads bytes as the command line does: as a file, by its path.

use std::path::PathBuf;
use std::sync::LazyLock;

use pushforward_host::data::{Domain, read_all};

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("pushforward-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    folder
});

pub fn read(ending: &str, bytes: &[u8]) {
    let path = FOLDER.join("x").with_extension(ending);
    std::fs::write(&path, bytes).expect("a temporary file");
    for domain in [Domain::Real, Domain::Spin] {
        if let Ok((rows, width)) = read_all(&path, None, domain) {
            assert!(!rows.is_empty() && rows.len() % width == 0);
            assert!(rows.iter().all(|x| x.is_finite()));
            assert!(domain == Domain::Real || rows.iter().all(|x| x.abs() == 1.0));
        }
    }
}
