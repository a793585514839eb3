//! `--context`: what a conditional model is given, row by row or once for all.

use std::path::Path;

use pushforward::domain::{Domain, Kind};

use crate::data::Reader;
use crate::error::{Error, Result};
use crate::loaded::Loaded;

/// The contexts of rows, read front to back.
pub(super) struct Contexts {
    name: String,
    /// Values in a context.
    one: usize,
    source: Source,
    /// Rows that were read.
    read: u64,
}

enum Source {
    /// One for all rows; nothing for a model that takes none.
    Same(Vec<f32>),
    /// One a row; the first ones were read on opening.
    Each(Box<Reader>, Vec<f32>),
}

impl Contexts {
    /// Opens what `argument` says, a file or the values of one context, for the model in the file
    /// `path`.
    ///
    /// # Errors
    /// The model takes no context and one is given, or it takes one and none is given; it has
    /// another number of values; the file cannot be read.
    pub(super) fn open(path: &Path, model: &Loaded, argument: Option<&str>) -> Result<Contexts> {
        let one = model.model.description().context();
        let wrong = |m: String| Error::input(path, m);
        let Some(argument) = argument else {
            if one > 0 {
                let message = format!(
                    "the model takes a context of {one} values, expected --context FILE with one a \
                     row or one for all, or --context with the values: 0.3,1.2"
                );
                return Err(wrong(message));
            }
            return Ok(Contexts::same(Vec::new()));
        };
        if one == 0 {
            return Err(wrong(format!("--context {argument}: the model takes no context")));
        }
        if let Some(values) = values(argument) {
            let found = values.len();
            if found != one || !values.iter().all(|x| x.is_finite()) {
                let message = format!(
                    "--context {argument}: found {found} values, expected {one} finite numbers"
                );
                return Err(wrong(message));
            }
            return Ok(Contexts::same(values));
        }
        let names = model.model.names().map(|names| &names.context[..]);
        let real = Domain::Uniform(Kind::Real);
        let mut reader = Reader::open_named(argument.as_ref(), names, one, real)?;
        let mut ahead = Vec::new();
        let read = reader.next_rows(2, &mut ahead)?;
        let name = argument.to_owned();
        match read {
            0 => Err(Error::input(Path::new(argument), "has no rows")),
            1 => Ok(Contexts { name, ..Contexts::same(ahead) }),
            _ => Ok(Contexts { name, one, source: Source::Each(reader.into(), ahead), read: 0 }),
        }
    }

    /// The one context of `one` values that `argument` is.
    ///
    /// # Errors
    /// It is none, or several.
    pub(crate) fn of_width(argument: &str, one: usize) -> Result<Vec<f32>> {
        let expected = format!("expected one context of {one} finite numbers");
        let found = match values(argument) {
            Some(values) => values,
            None => {
                let real = Domain::Uniform(Kind::Real);
                let mut reader = Reader::open(argument.as_ref(), Some(one), real)?;
                let mut read = Vec::new();
                reader.next_rows(2, &mut read)?;
                read
            }
        };
        if found.len() != one || !found.iter().all(|x| x.is_finite()) {
            let n = found.len();
            return Err(Error::Usage(format!(
                "--context {argument}: found {n} values, {expected}"
            )));
        }
        Ok(found)
    }

    fn same(context: Vec<f32>) -> Contexts {
        Contexts { name: String::new(), one: context.len(), source: Source::Same(context), read: 0 }
    }

    /// Sets `out` to the contexts of the next `n` rows, as [`Loaded::given`] takes them.
    ///
    /// # Errors
    /// The file has fewer rows, or one that is no context.
    pub(super) fn next(&mut self, n: usize, out: &mut Vec<f32>) -> Result<()> {
        out.clear();
        match &mut self.source {
            Source::Same(context) => out.extend_from_slice(context),
            Source::Each(reader, ahead) => {
                let first = ahead.len().min(n * self.one);
                out.extend(ahead.drain(..first));
                let wanted = n - first / self.one;
                let found = if wanted > 0 { reader.next_rows(wanted, out)? } else { 0 };
                self.read += (n - wanted + found) as u64;
                if found < wanted {
                    let message = format!(
                        "has {} contexts, expected one for each row, or one for all",
                        self.read
                    );
                    return Err(Error::input(Path::new(&self.name), message));
                }
            }
        }
        Ok(())
    }

    /// The first of them, so many at most.
    ///
    /// # Errors
    /// The file has a row that is no context.
    pub(super) fn first(self, most: usize) -> Result<Vec<f32>> {
        match self.source {
            Source::Same(context) => Ok(context),
            Source::Each(mut reader, mut ahead) => {
                reader.next_rows(most.saturating_sub(ahead.len() / self.one), &mut ahead)?;
                Ok(ahead)
            }
        }
    }

    /// Says so if contexts are left.
    ///
    /// # Errors
    /// There are more of them than there were rows.
    pub(super) fn end(mut self) -> Result<()> {
        let Source::Each(reader, ahead) = &mut self.source else { return Ok(()) };
        let more = !ahead.is_empty() || reader.next_rows(1, ahead)? > 0;
        if more {
            let message =
                format!("has more than {} contexts, expected one for each row", self.read);
            return Err(Error::input(Path::new(&self.name), message));
        }
        Ok(())
    }
}

/// Numbers and commas, unless a file goes by that name.
fn values(text: &str) -> Option<Vec<f32>> {
    let values: Option<Vec<f32>> = text.split(',').map(|field| field.trim().parse().ok()).collect();
    values.filter(|_| !Path::new(text).exists())
}
