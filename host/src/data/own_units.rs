//! Columns that a model brings to units of its own: real numbers and integers, with their bounds.
//!
//! A mixture over the columns of a table holds each one's location and scale itself, as integers have to
//! stay what they are. Values are checked while they are read, and an error names the row and the column;
//! location and scale are the mean and the deviation of the training rows, of bounded real numbers on the
//! line that their bounds are carried from.

use std::path::Path;

use pushforward::conditional::logistics::Column as Own;

use super::bounds::{Bounds, Given};
use super::{Column, Columns};
use crate::error::{Error, Result};

/// What the columns that are no context are.
#[derive(Clone, Debug)]
pub(super) struct OwnUnits {
    columns: Vec<Own>,
    /// Of real columns.
    bounds: Bounds,
}

/// Sums of one column: rows, mean, and squares of differences from it.
type Moments = [f64; 3];

impl OwnUnits {
    /// Of these columns, of which some have bounds and some are integers.
    ///
    /// # Errors
    /// A column that is named is not there.
    pub(super) fn of(
        columns: &Columns,
        given: &[Given],
        integers: &[Column],
    ) -> std::result::Result<OwnUnits, String> {
        let dim = columns.dim;
        let mut is_integer = vec![false; dim];
        for column in integers {
            is_integer[columns.modelled("integers", column)?] = true;
        }
        let all = Bounds::of(columns, given)?;
        let bounds = all.clone().only(|column| !is_integer[column]);
        let column = |(d, integer): (usize, bool)| {
            let [lower, upper] = all.ends(d);
            Own { integer, location: 0.0, scale: 1.0, lower, upper }
        };
        let columns = is_integer.into_iter().enumerate().map(column).collect();
        Ok(OwnUnits { columns, bounds })
    }

    /// Whether a number is one of the column's.
    ///
    /// # Errors
    /// It is not.
    pub(super) fn check(&self, column: usize, x: f64) -> std::result::Result<(), String> {
        let Some(own) = self.columns.get(column) else { return Ok(()) };
        if !own.integer {
            return self.bounds.line(column, x).map(|_| ());
        }
        let [least, most] = own.ends().map(f64::from);
        if x != x.trunc() || !(least..=most).contains(&x) {
            return Err(format!("found {x}, expected an integer from {least} to {most}"));
        }
        Ok(())
    }

    /// Adds rows, of `width` numbers each, to the moments of columns.
    pub(super) fn add(&self, moments: &mut Vec<Moments>, rows: &[f32], width: usize) {
        moments.resize(self.columns.len(), [0.0; 3]);
        for row in rows.chunks_exact(width) {
            for (d, ([n, mean, squares], x)) in moments.iter_mut().zip(row).enumerate() {
                // A value that has no place was an error before.
                let x = self.bounds.line(d, f64::from(*x)).unwrap_or(*mean);
                *n += 1.0;
                let off = x - *mean;
                *mean += off / *n;
                *squares += off * (x - *mean);
            }
        }
    }

    /// The columns with their locations and scales.
    ///
    /// # Errors
    /// A column is constant, or out of f32's range.
    pub(super) fn measured(
        mut self,
        path: &Path,
        columns: &Columns,
        moments: &[Moments],
    ) -> Result<Vec<Own>> {
        for (d, (own, [n, mean, squares])) in self.columns.iter_mut().zip(moments).enumerate() {
            (own.location, own.scale) = (*mean as f32, (squares / n).sqrt() as f32);
            if *squares == 0.0 {
                let mean = self.bounds.quantity(d, *mean);
                return Err(Error::input(
                    path,
                    format!(
                        "{} is {mean} in all of {n} training rows, expected values that differ; leave \
                         the column out",
                        columns.name(d)
                    ),
                ));
            }
            if !own.location.is_finite() || !own.scale.is_normal() {
                return Err(Error::input(
                    path,
                    format!(
                        "{} is {mean:.3e} ± {:.3e}, expected both within f32's range: change its unit",
                        columns.name(d),
                        (squares / n).sqrt()
                    ),
                ));
            }
        }
        Ok(self.columns)
    }
}
