//! Reads bytes as the command line does: as a file, by its path.

use std::path::PathBuf;
use std::sync::LazyLock;

use pushforward::domain::{Domain, Kind};
use pushforward::model::Support;
use pushforward_host::data::{Column, Table, Validation, Wanted};

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("pushforward-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    folder
});

pub fn read(ending: &str, bytes: &[u8]) {
    let path = FOLDER.join("x").with_extension(ending);
    std::fs::write(&path, bytes).expect("a temporary file");
    for kind in [Kind::Real, Kind::Spin, Kind::Category(3)] {
        // The first column as context too, where there is another.
        for context in [&[][..], &[Column::Number(1)]] {
            for standardize in [false, true] {
                let table = Table::read(&Wanted {
                    path: &path,
                    columns: &[],
                    context,
                    dim: None,
                    domain: Domain::Uniform(kind),
                    standardize,
                    kept: kind != Kind::Real,
                    support: Support::Line,
                    bounds: &[],
                    parts: None,
                    own: None,
                    stream: None,
                    validation: &Validation::Part(0.0),
                    seed: 0,
                });
                let Ok(Table { rows, columns, .. }) = table else { continue };
                let rows = rows.in_memory(columns.width()).expect("they were read");
                assert_eq!(columns.width(), columns.dim + context.len());
                assert!(!rows.is_empty() && rows.len() % columns.width() == 0);
                let kinds = (0..columns.width())
                    .map(|i| if standardize && i >= columns.dim { Kind::Real } else { kind });
                assert!(rows.iter().zip(kinds.cycle()).all(|(x, kind)| kind.contains(*x)));
            }
        }
    }
}
