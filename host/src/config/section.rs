//! One table of a config: looked up key by key, each fault naming file, table, key, found, expected.

use std::ops::RangeInclusive;
use std::path::Path;

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::TABLES;
use crate::error::{Error, Result};

/// A table and where it stands.
pub(super) struct Section<'a> {
    file: &'a Path,
    name: &'static str,
    table: Option<&'a Table>,
}

impl<'a> Section<'a> {
    /// A table that must be there.
    pub(super) fn open(file: &'a Path, root: &'a Table, name: &'static str) -> Result<Self> {
        let section = Self::open_or_empty(file, root, name);
        if section.table.is_none() {
            return Err(Error::input(file, format!("has no [{name}] table")));
        }
        Ok(section)
    }

    /// A table whose keys all have defaults.
    pub(super) fn open_or_empty(file: &'a Path, root: &'a Table, name: &'static str) -> Self {
        Section { file, name, table: root.get(name).and_then(Value::as_table) }
    }

    pub(super) fn fault(&self, key: &str, message: impl std::fmt::Display) -> Error {
        Error::input(self.file, format!("[{}] {key}: {message}", self.name))
    }

    pub(super) fn value(&self, key: &str) -> Option<&'a Value> {
        debug_assert!(is_known(self.name, key), "{key} is missing in TABLES");
        self.table?.get(key)
    }

    /// The value of a key, if given.
    pub(super) fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        let Some(value) = self.value(key) else { return Ok(None) };
        let fault = |e: toml::de::Error| self.fault(key, e.message());
        let found = value.clone().try_into().map(Some);
        found.or_else(|e| match whole(value).map(|n| Value::Integer(n).try_into()) {
            Some(Ok(found)) => Ok(Some(found)),
            _ => Err(fault(e)),
        })
    }

    /// Turns an absent value into an error.
    pub(super) fn need<T>(&self, key: &str, value: Option<T>) -> Result<T> {
        value.ok_or_else(|| self.fault(key, "is missing"))
    }

    fn text(&self, key: &str) -> Result<Option<&'a str>> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => {
                Err(self.fault(key, format!("found {}, expected a string", describe(other))))
            }
        }
    }

    /// One of a few words.
    pub(super) fn choice(&self, key: &str, words: &[&str]) -> Result<Option<&'a str>> {
        let Some(word) = self.text(key)? else { return Ok(None) };
        if words.contains(&word) {
            return Ok(Some(word));
        }
        let hint = nearest(word, words.iter().copied())
            .map_or(String::new(), |n| format!(" (did you mean '{n}'?)"));
        Err(self.fault(key, format!("found '{word}', expected one of {}{hint}", words.join(", "))))
    }

    /// The key that says what the table is.
    pub(super) fn kind(&self, key: &str, words: &[&str]) -> Result<&'a str> {
        let kind = self.choice(key, words)?;
        if kind.is_none() {
            self.known("")?;
        }
        kind.ok_or_else(|| {
            self.fault(key, format!("is missing, expected one of {}", words.join(", ")))
        })
    }

    /// An integer in a range.
    pub(super) fn within(&self, key: &str, range: RangeInclusive<usize>) -> Result<Option<usize>> {
        let Some(n) = self.get::<i64>(key)? else { return Ok(None) };
        let inside = usize::try_from(n).ok().filter(|n| range.contains(n));
        let message = || format!("found {n}, expected {} to {}", range.start(), range.end());
        inside.map(Some).ok_or_else(|| self.fault(key, message()))
    }

    /// A finite number in a range.
    pub(super) fn number(&self, key: &str, range: RangeInclusive<f64>) -> Result<Option<f64>> {
        let Some(x) = self.get::<f64>(key)? else { return Ok(None) };
        if range.contains(&x) {
            return Ok(Some(x));
        }
        let expected = match (*range.start(), *range.end()) {
            (f64::MIN, f64::MAX) => "a finite number".into(),
            (f64::MIN_POSITIVE, f64::MAX) => "a number above 0".into(),
            (low, f64::MAX) => format!("a finite number of at least {low}"),
            (f64::MIN_POSITIVE, high) => format!("a number above 0, at most {high}"),
            (low, high) => format!("{low} to {high}"),
        };
        Err(self.fault(key, format!("found {x}, expected {expected}")))
    }

    /// A list of sizes, or one size for a list of one.
    pub(super) fn sizes(&self, key: &str, fewest: usize) -> Result<Option<Vec<usize>>> {
        let Some(value) = self.value(key) else { return Ok(None) };
        let single = [value.clone()];
        let items = match value {
            Value::Array(items) => &items[..],
            _ => &single,
        };
        if items.len() < fewest || items.len() > 64 {
            return Err(
                self.fault(key, format!("found {} sizes, expected {fewest} to 64", items.len()))
            );
        }
        let size = |item: &Value| {
            let inside = whole(item).filter(|n| (1..=1 << 20).contains(n)).map(|n| n as usize);
            inside.ok_or_else(|| {
                self.fault(
                    key,
                    format!("found {item}, expected whole numbers from 1 to {}", 1 << 20),
                )
            })
        };
        items.iter().map(size).collect::<Result<Vec<_>>>().map(Some)
    }

    /// Refuses keys that this kind of table does not have.
    pub(super) fn known(&self, kind: &str) -> Result<()> {
        for key in self.table.into_iter().flat_map(Table::keys) {
            let known = keys(self.name, Some(kind)).any(|k| k == key);
            if known {
                continue;
            }
            let elsewhere = |table: &str| keys(table, None).any(|k| k == key) && table != self.name;
            let hint = if let Some((table, _)) = TABLES.iter().find(|(table, _)| elsewhere(table)) {
                format!("it belongs in [{table}]")
            } else if is_known(self.name, key) {
                format!("'{kind}' does not take it")
            } else {
                let here = keys(self.name, Some(kind)).map(|k| (self.name, k));
                suggestion(key, &here.chain(all_keys()).collect::<Vec<_>>())
            };
            return Err(self.fault(key, format!("unknown key: {hint}")));
        }
        Ok(())
    }
}

/// Parses TOML, the error on one line.
pub(super) fn document(text: &str, file: &Path) -> Result<Table> {
    text.parse::<Table>().map_err(|e| {
        let at = e.span().map_or(0, |s| s.start.min(text.len()));
        let before = text.get(..at).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        let message = e.message().lines().collect::<Vec<_>>().join("; ");
        Error::input(file, format!("line {line}, column {column}: {message}"))
    })
}

/// Refuses tables and bare keys at the top that no config has.
pub(super) fn known_tables(root: &Table, file: &Path) -> Result<()> {
    for (name, value) in root {
        if TABLES.iter().any(|(table, _)| table == name) {
            if value.is_table() {
                continue;
            }
            let message = format!("{name}: found {}, expected a table [{name}]", describe(value));
            return Err(Error::input(file, message));
        }
        let hint = if let Some((table, _)) = all_keys().find(|(_, key)| key == name) {
            format!("it belongs in [{table}]")
        } else if meant(name).is_some() {
            suggestion(name, &all_keys().collect::<Vec<_>>())
        } else if let Some(table) = nearest(name, TABLES.iter().map(|t| t.0)) {
            format!("did you mean [{table}]?")
        } else {
            "expected the tables [model], [target] and [train]".into()
        };
        return Err(Error::input(file, format!("{name}: unknown at the top level: {hint}")));
    }
    Ok(())
}

/// Whether a key is given.
pub(super) fn has(root: &Table, table: &str, key: &str) -> bool {
    root.get(table).and_then(|t| t.get(key)).is_some()
}

/// Applies `key=value` or `table.key=value` to a document. A value that is no TOML is taken as a
/// string, so that quotes need no escaping in a shell.
///
/// # Errors
/// There is no `=`, or the key is unknown.
pub fn apply(root: &mut Table, setting: &str) -> Result<()> {
    let usage = |m: String| Error::Usage(format!("--set {setting}: {m}"));
    let (path, value) =
        setting.split_once('=').ok_or_else(|| usage("expected key=value".into()))?;
    let (path, value) = (path.trim(), value.trim());
    let found = match path.split_once('.') {
        Some((table, key)) => all_keys().find(|&(t, k)| t == table && k == key),
        None => all_keys().find(|&(_, k)| k == path),
    };
    let Some((table, key)) = found else {
        let bare = path.split_once('.').map_or(path, |(_, key)| key);
        return Err(usage(format!(
            "unknown key '{path}': {}",
            suggestion(bare, &all_keys().collect::<Vec<_>>())
        )));
    };
    let value = format!("x = {value}")
        .parse::<Table>()
        .ok()
        .and_then(|mut t| t.remove("x"))
        .unwrap_or_else(|| Value::String(value.into()));
    let slot = root.entry(table).or_insert_with(|| Value::Table(Table::new()));
    match slot {
        Value::Table(entries) => entries.insert(key.into(), value),
        other => return Err(usage(format!("[{table}] is {}, expected a table", describe(other)))),
    };
    Ok(())
}

pub(super) fn keys(table: &str, kind: Option<&str>) -> impl Iterator<Item = &'static str> {
    let rows = TABLES.iter().find(|(name, _)| *name == table).map_or(&[][..], |(_, rows)| rows);
    let wanted = move |row: &&(&str, _)| kind.is_none_or(|k| row.0.is_empty() || row.0 == k);
    let rows: Vec<_> = rows.iter().filter(wanted).collect();
    rows.into_iter().flat_map(|(_, keys)| keys.iter().copied())
}

fn all_keys() -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLES.iter().flat_map(|(table, _)| keys(table, None).map(move |key| (*table, key)))
}

fn is_known(table: &str, key: &str) -> bool {
    keys(table, None).any(|k| k == key)
}

fn suggestion(key: &str, known: &[(&str, &str)]) -> String {
    let listed = |near: &str| known.iter().find(|(_, k)| *k == near);
    let meant = meant(key).and_then(|(key, note)| Some((listed(key)?, note)));
    let near = || Some((listed(nearest(key, known.iter().map(|(_, k)| *k))?)?, ""));
    match meant.or_else(near) {
        Some(((table, near), note)) => format!("did you mean '{near}' in [{table}]?{note}"),
        None => {
            let mut names: Vec<_> = known.iter().map(|(_, k)| *k).collect();
            names.sort_unstable();
            names.dedup();
            format!("no known key is near it (known: {})", names.join(", "))
        }
    }
}

/// Other words for a key: by its meaning here, all of them, with what the value must then be.
pub(super) const MEANINGS: [(&str, &str, &[&str]); 24] = [
    ("kind", "", &["type", "family", "name", "flow", "architecture", "model_type"]),
    ("arithmetic", "", &["precision", "dtype", "fused", "fma"]),
    (
        "hidden",
        "",
        &["width", "units", "neurons", "features", "hidden_size", "hidden_dim", "hidden_units"],
    ),
    (
        "layers",
        "",
        &["depth", "n_layers", "num_layers", "blocks", "n_blocks", "couplings", "transforms"],
    ),
    ("categories", "", &["classes", "n_classes", "num_classes", "cardinality", "q", "colors"]),
    ("bins", "", &["knots", "n_bins", "num_bins", "k"]),
    ("bound", "", &["tail_bound", "tails", "box"]),
    ("log_scale_bound", "", &["scale_bound", "log_scale", "s_max"]),
    ("hamiltonian", "", &["energy", "system", "action", "potential"]),
    ("data", "", &["dataset", "file", "path", "csv", "npy", "input"]),
    ("size", "", &["l", "length", "lattice_size", "side", "n", "linear_size"]),
    ("beta", " (beta = 1 / temperature)", &["t", "temp", "temperature", "kt"]),
    ("coupling", "", &["j", "interaction"]),
    ("boundary", "", &["pbc", "periodic", "bc", "boundaries"]),
    ("m2", "", &["mass", "mass2", "mass_squared", "m_sq", "mu2"]),
    ("lambda", "", &["lam", "g", "lambd", "quartic"]),
    (
        "validation",
        "",
        &["val", "holdout", "held_out", "test", "test_size", "val_split", "split", "valid"],
    ),
    ("standardize", "", &["normalize", "normalise", "standardise", "whiten", "scale"]),
    (
        "steps",
        "",
        &["epochs", "epoch", "iterations", "iters", "n_iter", "niter", "updates", "n_steps"],
    ),
    ("batch", "", &["batch_size", "batchsize", "bs", "minibatch", "n_batch"]),
    ("learning_rate", "", &["lr", "rate", "eta", "step_size", "stepsize"]),
    ("weight_decay", "", &["wd", "l2", "decay", "regularization"]),
    ("clip", "", &["grad_clip", "clip_grad", "max_norm", "max_grad_norm", "gradient_clipping"]),
    ("seed", "", &["random_seed", "rng", "random_state"]),
];

/// The key that another word for it means, and a note on its value.
fn meant(word: &str) -> Option<(&'static str, &'static str)> {
    let word = word.to_ascii_lowercase();
    let row = MEANINGS.iter().find(|(_, _, words)| words.contains(&&word[..]));
    row.map(|(key, note, _)| (*key, *note))
}

/// A whole number, also as `1e3`.
fn whole(value: &Value) -> Option<i64> {
    // Beyond this not every whole number is a float, and so none is known to be meant.
    const MOST: f64 = 9_007_199_254_740_992.0;
    let exact = |x: &f64| x.fract() == 0.0 && x.abs() <= MOST;
    value.as_integer().or_else(|| value.as_float().filter(exact).map(|x| x as i64))
}

/// The most similar word, if any is similar.
fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let score = |k: &str| strsim::jaro_winkler(word, k);
    known.filter(|k| score(k) > 0.75).max_by(|a, b| score(a).total_cmp(&score(b)))
}

fn describe(value: &Value) -> String {
    match value {
        Value::Table(_) => "a table".into(),
        Value::Array(_) => "a list".into(),
        other => other.to_string(),
    }
}
