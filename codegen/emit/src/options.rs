//! What a user may ask of the emitted module.

use crate::Error;

/// How weights are stored in flash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Storage {
    /// Four bytes, as trained.
    #[default]
    F32,
    /// Two bytes: each weight rounded to the nearest half-precision number. The rounded model is
    /// another model, sampled and scored as exactly as the first.
    F16,
}

/// Whether the module draws samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sampling {
    /// Exact ones; a model whose draws invert a part in steps is refused.
    #[default]
    Exact,
    /// It scores rows and draws none.
    None,
}

/// The options of an emitted module; [`Options::set`] reads them from text.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// `weights`: how they are stored.
    pub weights: Storage,
    /// `flash`: the most bytes of flash the model may take; see [`Flash`](crate::Flash).
    pub flash: Option<u64>,
    /// `scratch`: the most bytes of working memory one row may take.
    pub scratch: Option<u64>,
    /// `stack`: the most bytes of stack that a program with the row and its working memory on it may take.
    pub stack: Option<u64>,
    /// `instructions`: the most instructions that any one row may take.
    pub instructions: Option<u64>,
    /// `sampling`: whether the module draws samples.
    pub sampling: Sampling,
    /// `link_section`: where the linker puts the weights.
    pub link_section: Option<String>,
    /// `crate`: the path of the engine, where it is not `::pushforward`.
    pub engine: Option<String>,
}

impl Options {
    /// The names that [`Options::set`] knows.
    pub const NAMES: [&str; 8] = [
        "weights",
        "flash",
        "scratch",
        "stack",
        "instructions",
        "sampling",
        "link_section",
        "crate",
    ];

    /// Sets one option from its text.
    ///
    /// # Errors
    /// An unknown name, with the nearest known one, or a value that the option does not take.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), Error> {
        match name {
            "weights" => {
                self.weights = match value {
                    "f32" => Storage::F32,
                    "f16" => Storage::F16,
                    _ => return Err(bad("weights", value, "\"f32\" or \"f16\"")),
                }
            }
            "flash" => self.flash = Some(bytes("flash", value)?),
            "scratch" => self.scratch = Some(bytes("scratch", value)?),
            "stack" => self.stack = Some(bytes("stack", value)?),
            "instructions" => self.instructions = Some(count("instructions", value)?),
            "sampling" => {
                self.sampling = match value {
                    "exact" => Sampling::Exact,
                    "none" => Sampling::None,
                    _ => return Err(bad("sampling", value, "\"exact\" or \"none\"")),
                }
            }
            "link_section" => {
                if value.is_empty() || value.contains('\0') {
                    return Err(bad("link_section", value, "the name of a section"));
                }
                self.link_section = Some(value.to_owned());
            }
            "crate" => {
                let path = value.strip_prefix("::").unwrap_or(value);
                if !path.split("::").all(is_identifier) {
                    return Err(bad("crate", value, "the path of the engine, such as \"::pf\""));
                }
                self.engine = Some(value.to_owned());
            }
            _ => {
                return Err(Error::UnknownOption {
                    found: name.to_owned(),
                    nearest: nearest(name),
                });
            }
        }
        Ok(())
    }
}

fn is_identifier(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// A size: a whole number of bytes, or of K (1024) or M (1024²).
fn bytes(option: &'static str, text: &str) -> Result<u64, Error> {
    let (digits, unit) = match text.as_bytes().last() {
        Some(b'K' | b'k') => (&text[..text.len() - 1], 1 << 10),
        Some(b'M' | b'm') => (&text[..text.len() - 1], 1 << 20),
        _ => (text, 1),
    };
    let size = digits.trim_end().parse::<u64>().ok().and_then(|n| n.checked_mul(unit));
    size.ok_or_else(|| bad(option, text, "bytes, such as 4096, \"64K\" or \"1M\""))
}

/// A whole number, with `_` between its digits or without: a suffix would leave open whether K is 1000.
fn count(option: &'static str, text: &str) -> Result<u64, Error> {
    let begins = text.starts_with(|c: char| c.is_ascii_digit());
    let number = begins.then(|| text.replace('_', "").parse().ok()).flatten();
    number.ok_or_else(|| bad(option, text, "a whole number, such as 500_000"))
}

fn bad(option: &'static str, found: &str, expected: &'static str) -> Error {
    Error::BadValue { option, found: found.to_owned(), expected }
}

/// The known option most like `name`, if any is close.
fn nearest(name: &str) -> Option<&'static str> {
    let score = |known: &str| strsim::damerau_levenshtein(name, known);
    Options::NAMES.into_iter().min_by_key(|k| score(k)).filter(|k| score(k) <= 1 + k.len() / 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let mut options = Options::default();
        for (text, size) in [("4096", 4096), ("64K", 65536), ("2 M", 2 << 20), ("0", 0)] {
            options.set("flash", text).unwrap();
            options.set("stack", text).unwrap();
            assert_eq!([options.flash, options.stack], [Some(size); 2], "{text}");
        }
        for text in ["", "K", "-1", "64KB", "1.5K", "18446744073709551615M", "é"] {
            let error = options.set("scratch", text).unwrap_err().to_string();
            assert!(error.starts_with("scratch: found"), "{error}");
        }
    }

    #[test]
    fn counts() {
        let mut options = Options::default();
        for (text, number) in [("500000", 500_000), ("500_000", 500_000), ("0", 0)] {
            options.set("instructions", text).unwrap();
            assert_eq!(options.instructions, Some(number), "{text}");
        }
        for text in ["", "_", "_1", "+1", "-1", "500k", "64K", "5e5", "18446744073709551616"] {
            let error = options.set("instructions", text).unwrap_err().to_string();
            assert!(error.starts_with("instructions: found"), "{error}");
        }
    }

    #[test]
    fn paths_of_the_engine() {
        let mut options = Options::default();
        for path in ["pf", "::pf", "crate::parts::pf", "_pf2"] {
            options.set("crate", path).unwrap();
            assert_eq!(options.engine.as_deref(), Some(path));
        }
        for path in ["", "::", "a b", "a:b", "::a::", "2a", "a;fn f(){}"] {
            let error = options.set("crate", path).unwrap_err().to_string();
            assert!(error.starts_with("crate: found"), "{error}");
        }
    }

    #[test]
    fn unknown_options_suggest_the_nearest() {
        let error = |name| Options::default().set(name, "1").unwrap_err().to_string();
        assert_eq!(
            error("falsh"),
            "unknown option `falsh`, did you mean `flash`? (known: weights, flash, scratch, stack, instructions, sampling, link_section, crate)"
        );
        assert_eq!(
            error("colour"),
            "unknown option `colour` (known: weights, flash, scratch, stack, instructions, sampling, link_section, crate)"
        );
    }
}
