//! Which columns of a table are modelled, and which are given.

use std::path::Path;

use pushforward::model::Names;

use super::Reader;
use crate::error::{Error, Result};

/// A column as a config names it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(untagged)]
pub enum Column {
    /// By its number, counted from 1.
    Number(usize),
    /// By the name that the header gives it.
    Name(String),
}

impl std::fmt::Display for Column {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Column::Number(number) => write!(f, "{number}"),
            Column::Name(name) => write!(f, "'{name}'"),
        }
    }
}

/// The columns of a table in the order of a model: the coordinates, as the table has them, then the
/// context, as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    /// The coordinates.
    pub dim: usize,
    /// Where each column comes from, counted from 0.
    pub from: Vec<usize>,
    names: Option<Vec<String>>,
    /// Whether the reader itself brings them into this order.
    selected: bool,
}

impl Columns {
    /// Those of `reader` that are `modelled`, or all others where there is none, with this `context`; with
    /// `dim`, so many coordinates must be there. The reader is set to read these, if they are not all.
    ///
    /// # Errors
    /// A column is not there or asked for twice; there is another number of coordinates.
    pub fn of(
        path: &Path,
        reader: &mut Reader,
        modelled: &[Column],
        context: &[Column],
        dim: Option<usize>,
    ) -> Result<Columns> {
        let given = Columns::places(path, reader, "context", context)?;
        let wrong = |m: String| Error::input(path, m);
        let mut from = match modelled {
            [] => (0..reader.width()).filter(|index| !given.contains(index)).collect(),
            modelled => Columns::places(path, reader, "columns", modelled)?,
        };
        if let Some(twice) = from.iter().find(|index| given.contains(index)) {
            let message = format!(
                "column {} is found in 'columns' and in 'context', expected it in one of them",
                twice + 1
            );
            return Err(wrong(message));
        }
        let found = from.len();
        if found == 0 {
            return Err(wrong("all columns are context, expected at least one to model".into()));
        }
        if let Some(expected) = dim.filter(|expected| *expected != found) {
            let besides = if given.is_empty() { "" } else { " besides the context" };
            return Err(wrong(format!("has {found} values a row{besides}, expected {expected}")));
        }
        from.extend(given);
        let selected = !modelled.is_empty();
        if selected {
            reader.select(from.clone());
        }
        let names = reader.names().map(<[String]>::to_vec);
        Ok(Columns { dim: found, from, names, selected })
    }

    /// Where the columns are that a `key` of a config names.
    fn places(path: &Path, reader: &Reader, key: &str, named: &[Column]) -> Result<Vec<usize>> {
        let (width, names) = (reader.width(), reader.names());
        let wrong = |m: String| Error::input(path, m);
        let mut places = Vec::with_capacity(named.len());
        for column in named {
            let index = match (column, names) {
                (Column::Number(number), _) => number.checked_sub(1).filter(|i| *i < width),
                (Column::Name(name), Some(_)) => reader.place(name)?,
                (Column::Name(_), None) => {
                    let message =
                        format!("has no header, expected one with {column}, or a column's number");
                    return Err(wrong(message));
                }
            };
            let Some(index) = index else {
                let there = names.map_or(format!("1 to {width}"), |names| names.join(", "));
                return Err(wrong(format!("has no column {column}, expected one of {there}")));
            };
            if places.contains(&index) {
                let message = format!("found column {column} twice in '{key}', expected it once");
                return Err(wrong(message));
            }
            places.push(index);
        }
        Ok(places)
    }

    /// Those of `reader` that a model has `names` for: its coordinates, then `context`, or the columns
    /// that it calls so itself where that is empty. The reader is set to read these and no others, in
    /// this order. `None` if `reader` has none of the coordinates' names.
    ///
    /// # Errors
    /// A column is not there, or there twice.
    pub fn named(
        path: &Path,
        reader: &mut Reader,
        names: &Names,
        context: &[Column],
    ) -> Result<Option<Columns>> {
        let Some(mut from) = reader.places(&names.row)? else { return Ok(None) };
        let dim = from.len();
        from.extend(match context {
            [] => reader.all_places(&names.context)?,
            context => Columns::places(path, reader, "context", context)?,
        });
        reader.select(from.clone());
        let names = reader.names().map(<[String]>::to_vec);
        Ok(Some(Columns { dim, from, names, selected: true }))
    }

    /// Where the model's order has a column of the table.
    pub(super) fn place(&self, column: &Column) -> Option<usize> {
        let from = match column {
            Column::Number(number) => number.checked_sub(1)?,
            Column::Name(name) => self.names.as_ref()?.iter().position(|own| own == name)?,
        };
        self.from.iter().position(|own| *own == from)
    }

    /// Where the model's order has a column that is modelled, and which `key` of a config names.
    ///
    /// # Errors
    /// There is no such column, or it is context.
    pub(super) fn modelled(
        &self,
        key: &str,
        column: &Column,
    ) -> std::result::Result<usize, String> {
        self.place(column).filter(|place| *place < self.dim).ok_or_else(|| {
            let there: Vec<_> = (0..self.dim).map(|d| self.name(d)).collect();
            let there = there.join(", ");
            format!("{key}: found column {column}, expected one that is modelled: {there}")
        })
    }

    /// What a model of these columns calls them, if the file does.
    pub fn names(&self) -> Option<Names> {
        let names = self.names.as_ref()?;
        let mut row: Vec<_> = self.from.iter().map(|from| names[*from].clone()).collect();
        let context = row.split_off(self.dim);
        Some(Names { row, context })
    }

    /// The table's columns that the reader was set to, if they are not all as they come.
    pub(super) fn selected(&self) -> Option<&[usize]> {
        self.selected.then_some(&self.from)
    }

    /// Columns in all.
    pub fn width(&self) -> usize {
        self.from.len()
    }

    /// What errors call column `index` of the model's order.
    pub fn name(&self, index: usize) -> String {
        let from = self.from[index];
        match &self.names {
            Some(names) => format!("column {} ({})", from + 1, names[from]),
            None => format!("column {}", from + 1),
        }
    }

    /// Brings whole rows, as the reader gave them, into the model's order.
    pub fn order<T: Copy>(&self, rows: &mut [T]) {
        if self.selected || self.from.iter().enumerate().all(|(to, from)| to == *from) {
            return;
        }
        let mut was = Vec::with_capacity(self.width());
        for row in rows.chunks_exact_mut(self.width()) {
            was.clear();
            was.extend_from_slice(row);
            row.iter_mut().zip(&self.from).for_each(|(x, from)| *x = was[*from]);
        }
    }
}
