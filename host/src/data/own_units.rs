//! Columns that a model brings to units of its own: real numbers and integers, with their bounds.
//!
//! A mixture over the columns of a table holds each one's location and scale itself, as integers have to
//! stay what they are. Values are checked while they are read, and an error names the row and the column;
//! location and scale are the mean and the deviation of the training rows, of bounded real numbers on the
//! line that their bounds are carried from.

use std::path::Path;

use pushforward::conditional::logistics::Column as Own;

use super::bounds::{self, Bounds, Given};
use super::standardize::{HAS_NO_BOUND, TELLS_NOTHING, constant};
use super::{Column, Columns};
use crate::error::{Error, Result};

/// What the columns that are no context are.
#[derive(Clone, Debug)]
pub(super) struct OwnUnits(Vec<Own>);

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
        let bounds = Bounds::of(columns, given)?;
        let column = |(d, integer): (usize, bool)| {
            let [lower, upper] = bounds.ends(d);
            let own = if integer { Own::integers } else { Own::real };
            own(0.0, 1.0).between(lower, upper)
        };
        Ok(OwnUnits(is_integer.into_iter().enumerate().map(column).collect()))
    }

    /// Whether a number is one of the column's.
    ///
    /// # Errors
    /// It is not.
    pub(super) fn check(&self, column: usize, x: f64) -> std::result::Result<(), String> {
        let Some(own) = self.0.get(column) else { return Ok(()) };
        if !own.integer {
            return own.bound().map_or(Ok(()), |bound| bounds::check(bound, x));
        }
        let [least, most] = own.ends().map(f64::from);
        if x != x.trunc() || !(least..=most).contains(&x) {
            return Err(format!("found {x}, expected an integer from {least} to {most}"));
        }
        Ok(())
    }

    /// Adds rows, of `width` numbers each, to the moments of columns.
    pub(super) fn add(&self, moments: &mut Vec<Moments>, rows: &[f32], width: usize) {
        moments.resize(self.0.len(), [0.0; 3]);
        for row in rows.chunks_exact(width) {
            for ((own, [n, mean, squares]), x) in self.0.iter().zip(&mut *moments).zip(row) {
                let x = f64::from(*x);
                let x = own.bound().map_or(x, |bound| bounds::line(bound, x));
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
        for (d, (own, [n, mean, squares])) in self.0.iter_mut().zip(moments).enumerate() {
            let deviation = (squares / n).sqrt();
            let wrong = |message| Error::input(path, format!("{} {message}", columns.name(d)));
            if deviation == 0.0 {
                let mean = own.bound().map_or(*mean, |bound| bounds::quantity(bound, *mean));
                let why = if own.integer { TELLS_NOTHING } else { HAS_NO_BOUND };
                return Err(wrong(constant(mean, *n as u64, why)));
            }
            (own.location, own.scale) = (*mean as f32, deviation as f32);
            if !own.location.is_finite() || !own.scale.is_normal() {
                return Err(wrong(format!(
                    "is {mean:.3e} ± {deviation:.3e}, expected both within f32's range: change its unit"
                )));
            }
        }
        Ok(self.0)
    }
}
