//! What the columns of a model's table are called.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::{Description, ModelError};

/// The longest name (bytes).
const LONGEST: usize = 256;

/// Names of coordinates and of context values. They change no bits; they say which column of a table
/// is which.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Names {
    /// One for each value of a row.
    pub row: Vec<String>,
    /// One for each value that a row is given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub context: Vec<String>,
}

impl Names {
    /// All of them: the row's, then the context's.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        self.row.iter().chain(&self.context).map(String::as_str)
    }

    /// Whether a model of this description can have them: as many as it has values, that differ, each of
    /// 1 to 256 bytes on one line without space at its ends.
    pub(super) fn check(&self, description: &Description) -> Result<(), ModelError> {
        let lists = [
            ("row", &self.row, description.dim()),
            ("context", &self.context, description.context()),
        ];
        let mut seen = BTreeSet::new();
        for (list, names, expected) in lists {
            let found = names.len();
            if found != expected {
                return Err(ModelError::NameCount { list, found, expected });
            }
            for (index, name) in names.iter().enumerate() {
                let bad = |found, expected| Err(ModelError::Name { list, index, found, expected });
                if !(1..=LONGEST).contains(&name.len()) {
                    return bad(format!("{} bytes", name.len()), "1 to 256 of them");
                }
                if name.chars().any(char::is_control) || name.trim() != name {
                    let expected = "no control characters, and no space at its ends";
                    return bad(format!("{name:?}"), expected);
                }
                if !seen.insert(name) {
                    return bad(format!("{name:?} again"), "names that differ");
                }
            }
        }
        Ok(())
    }
}
