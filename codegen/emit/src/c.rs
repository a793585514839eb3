//! The model for C: a crate around the compiled module that builds a static library, its header, an
//! example.
//!
//! Files are written from the templates of the folder `c`, in which a name in braces is replaced; pieces
//! are left out where the model takes no context or draws no samples. The functions for C check what
//! they are given and call the engine as the module's own do.

use std::path::PathBuf;

use pushforward::domain::Element;
use pushforward::model::{Model, Names};

use crate::{Error, Module, Options, Sampling};

/// What every file of [`Crate::files`] says of itself in its first lines.
pub const MARKER: &str = "Written by `pushforward codegen --c`";

/// Names that a header, a library or a crate of others has.
const TAKEN: [&str; 32] = [
    "alloc",
    "assert",
    "c",
    "compiler_builtins",
    "complex",
    "core",
    "ctype",
    "errno",
    "fenv",
    "float",
    "gcc",
    "inttypes",
    "iso646",
    "limits",
    "locale",
    "m",
    "math",
    "pushforward",
    "setjmp",
    "signal",
    "std",
    "stdarg",
    "stdbool",
    "stddef",
    "stdint",
    "stdio",
    "stdlib",
    "string",
    "tgmath",
    "time",
    "wchar",
    "wctype",
];

/// Where the crate finds the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Engine {
    /// In a folder.
    Folder(PathBuf),
    /// In the registry, at this version and no other.
    Version(String),
}

/// A crate for C.
#[derive(Clone, Debug)]
pub struct Crate<'a> {
    /// The name of the crate, its library and its header; in C all names begin with it.
    pub name: &'a str,
    /// The model file, as the text calls it.
    pub source: &'a str,
    /// The checksum of the model file.
    pub checksum: u32,
    /// Where the crate finds the engine.
    pub engine: Engine,
}

impl Crate<'_> {
    /// The files: their paths in the crate's folder, and their text.
    ///
    /// # Errors
    /// A model over its budget, or a name that C cannot have.
    pub fn files(&self, model: &Model, options: Options) -> Result<Vec<(PathBuf, String)>, Error> {
        let Crate { name, source, checksum, ref engine } = *self;
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !is_name || TAKEN.contains(&name.to_ascii_lowercase().as_str()) {
            return Err(Error::CName { found: name.to_owned() });
        }
        let exact = Choice(options.sampling == Sampling::Exact);
        let module = Module::new(model, options)?;
        let description = model.description();
        let conditional = Choice(description.context() > 0);

        let (element, element_doc) = match description.domain().element() {
            Element::F32 => ("float", "A value of a row."),
            Element::I8 => ("int8_t", "A value of a row: a spin, -1 or +1."),
            Element::U8 => ("uint8_t", "A value of a row: a category, counted from 0."),
            Element::U16 => ("uint16_t", "A value of a row: a category, counted from 0."),
        };
        let engine = match engine {
            // Debug quotes as TOML does.
            Engine::Folder(path) => format!("path = {:?}", path.display().to_string()),
            Engine::Version(version) => format!("version = \"={version}\""),
        };
        let [about, about_c] = ["", " *"].map(|begin| {
            let line = |line: String| format!("{begin}{}\n", printable(&line));
            module.docs(source).into_iter().map(line).collect::<String>().trim_end().to_owned()
        });
        let columns = model.names().map(|names| columns(name, names)).unwrap_or_default();
        let number = |n: usize| n.to_string();
        let values = [
            ("marker", format!("{MARKER}, which writes it again.")),
            ("name", name.to_owned()),
            ("NAME", name.to_ascii_uppercase()),
            ("about", about),
            ("about_c", about_c),
            ("engine", engine),
            ("dim", number(description.dim())),
            ("context", number(description.context())),
            ("scratch", number(module.scratch_bytes())),
            ("weights", number(module.flash().weights)),
            ("flash", number(module.flash().total())),
            ("checksum", format!("{checksum:08x}")),
            ("columns", columns),
            ("element", element.to_owned()),
            ("element_doc", element_doc.to_owned()),
        ];
        let pieces = [
            ("sample_rs", exact.of(include_str!("c/sample.rs"), "")),
            ("sample_h", exact.of(include_str!("c/sample.h"), "")),
            ("reproduce", exact.of(DRAW_AGAIN, SCORE_AGAIN)),
            ("what", exact.of("Draws four rows.", "Scores four rows of zeros.")),
            ("given", conditional.of(include_str!("c/given.c"), "")),
            ("work", exact.of(include_str!("c/draw.c"), include_str!("c/score.c"))),
        ];
        let arguments = [
            ("parameters_rs", conditional.of(PARAMETERS_RS, "")),
            ("arguments_rs", conditional.of("context, contexts", "core::ptr::null(), 0")),
            ("parameters_c", conditional.of("\n    const float *context, size_t contexts,", "")),
            ("arguments_c", conditional.of("context, 1, ", "")),
            ("context_doc", conditional.of(CONTEXT_DOC, "")),
        ];
        // Pieces have arguments in them, both have values.
        let file = |path: &str, template| {
            let text = filled(&filled(&filled(template, &pieces), &arguments), &values);
            (PathBuf::from(filled(path, &values)), text)
        };
        let (path, head) = file("src/model.rs", "// {marker}\n\n");
        let compiled = (path, head + &module.text(quote::format_ident!("model"), source)?);
        Ok(vec![
            file("Cargo.toml", include_str!("c/manifest.toml")),
            file("src/lib.rs", include_str!("c/library.rs")),
            file("src/memory.rs", include_str!("c/memory.rs")),
            compiled,
            file("include/{name}.h", include_str!("c/header.h")),
            file("example.c", include_str!("c/example.c")),
            file("README.md", include_str!("c/README.md")),
        ])
    }
}

/// One of two pieces.
#[derive(Clone, Copy)]
struct Choice(bool);

impl Choice {
    fn of(self, yes: &'static str, no: &'static str) -> &'static str {
        if self.0 { yes } else { no }
    }
}

const PARAMETERS_RS: &str = "context: *const f32,\n    contexts: usize,\n    ";

const CONTEXT_DOC: &str = "
 * context: {NAME}_CONTEXT floats for each context.
 * contexts: 1, which all rows are given, or n, one a row.";

/// How the library's selftest makes a golden row.
const DRAW_AGAIN: &str =
    "            let (seed, out) = (model::GOLDEN_SEED, Some(found.as_mut_slice()));
            let done = draw(seed, i as u64, context, row, out, scratch);";
const SCORE_AGAIN: &str = "            for (to, from) in row.iter_mut().flatten().zip(values) {
                *to = *from as Element;
            }
            let done = score(context, row, &mut found, scratch);";

/// A template with the names that stand in braces replaced by their values; other braces stay.
fn filled<V: AsRef<str>>(template: &str, values: &[(&str, V)]) -> String {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        text += before;
        let named = |(name, value): &&(&str, V)| {
            let later = after.strip_prefix(name)?.strip_prefix('}')?;
            Some((value.as_ref().to_owned(), later))
        };
        match values.iter().find_map(|value| named(&value)) {
            Some((value, later)) => {
                text += &value;
                rest = later;
            }
            None => {
                text.push('{');
                rest = after;
            }
        }
    }
    text + rest
}

/// A line of text that stays one line, and inside its comment.
fn printable(line: &str) -> String {
    let line: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    line.replace("*/", "* /").replace("/*", "/ *").replace("-->", "-- >")
}

/// Macros that list what the values of a row, and of a context, are called.
fn columns(name: &str, names: &Names) -> String {
    let name = name.to_ascii_uppercase();
    let list = |what: &str, of: &str, names: &[String]| {
        if names.is_empty() {
            return String::new();
        }
        let names: Vec<_> = names.iter().map(|name| string(name)).collect();
        format!(
            "/** What the values of {of} are called: an initialiser of an array of const char *. */\n\
             #define {name}_{what} {{ {} }}\n",
            names.join(", ")
        )
    };
    list("COLUMNS", "a row", &names.row) + &list("CONTEXT_COLUMNS", "a context", &names.context)
}

/// A string literal of C.
fn string(text: &str) -> String {
    let byte = |byte: u8| match byte {
        // Of two question marks C makes other characters.
        b'"' | b'\\' | b'?' => format!("\\{}", char::from(byte)),
        b' '..=b'~' => char::from(byte).to_string(),
        _ => format!("\\{byte:03o}"),
    };
    format!("\"{}\"", text.bytes().map(byte).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_braces_are_replaced_and_nothing_else_is() {
        let values = [("a", "{b}"), ("b", "2")];
        assert_eq!(filled("{a} { a } {{b}} {c}", &values), "{b} { a } {2} {c}");
    }

    #[test]
    fn text_of_a_model_file_stays_where_it_is_put() {
        assert_eq!(printable("a */ b\n# --> c /*"), "a * / b # -- > c / *");
        assert_eq!(string("µ \"x\"\\\n??="), r#""\302\265 \"x\"\\\012\?\?=""#);
    }
}
