//! Columns that a model brings to units of its own: real numbers and integers with their bounds, circles.
//!
//! A mixture over the columns of a table holds each one's location and scale itself, as integers have to
//! stay what they are. Values are checked while they are read, and an error names the row and the column;
//! location and scale are the mean and the deviation of the training rows, of bounded real numbers on the
//! line that their bounds are carried from.

use std::path::Path;

use pushforward::conditional::logistics::{Column as Own, Values};

use super::bounds::{self, Bounds, Given};
use super::standardize::{HAS_NO_BOUND, TELLS_NOTHING, constant};
use super::{Column, Columns};
use crate::error::{Error, Result};

/// The columns that are no real numbers.
#[derive(Clone, Copy, Debug)]
pub struct Kinds<'a> {
    /// Integers.
    pub integers: &'a [Column],
    /// Circles, and where each begins and ends.
    pub circles: &'a [Given],
}

/// What the columns that are no context are.
#[derive(Clone, Debug)]
pub(super) struct OwnUnits(Vec<Own>);

/// Sums of one column: rows, mean, and squares of differences from it.
type Moments = [f64; 3];

impl OwnUnits {
    /// Of these columns, of which some have bounds, some are integers and some circles.
    ///
    /// # Errors
    /// A column that is named is not there, or is named as two kinds of these.
    pub(super) fn of(
        columns: &Columns,
        given: &[Given],
        Kinds { integers, circles }: Kinds<'_>,
    ) -> std::result::Result<OwnUnits, String> {
        let bounds = Bounds::of(columns, given, None)?;
        let real = |d| {
            let [lower, upper] = bounds.ends(d);
            Own::real(0.0, 1.0).between(lower, upper)
        };
        let mut own: Vec<Own> = (0..columns.dim).map(real).collect();
        for column in integers {
            let own = &mut own[columns.modelled("integers", column)?];
            *own = Own::integers(0.0, 1.0).between(own.lower, own.upper);
        }
        for (column, [lower, upper]) in circles {
            let d = columns.modelled("circles", column)?;
            if own[d] != Own::real(0.0, 1.0) {
                let message =
                    "found as circle and with bounds, as integer or twice, expected one of it";
                return Err(format!("circles: column {column} {message}"));
            }
            own[d] = Own::circle(*lower, *upper);
        }
        Ok(OwnUnits(own))
    }

    /// Whether a number is one of the column's.
    ///
    /// # Errors
    /// It is not.
    pub(super) fn check(&self, column: usize, x: f64) -> std::result::Result<(), String> {
        let Some(own) = self.0.get(column) else { return Ok(()) };
        let expected = match own.values {
            Values::Real => return own.bound().map_or(Ok(()), |bound| bounds::check(bound, x)),
            Values::Integer => {
                let [least, most] = own.ends().map(f64::from);
                if x == x.trunc() && (least..=most).contains(&x) {
                    return Ok(());
                }
                format!("an integer from {least} to {most}")
            }
            Values::Circle => {
                let Own { lower, upper, .. } = *own;
                if (lower..=upper).contains(&(x as f32)) {
                    return Ok(());
                }
                format!("a point of the circle from {lower} to {upper}")
            }
        };
        // As short as the number was that an f32 was read from.
        let narrow = x as f32;
        let found = if f64::from(narrow) == x { narrow.to_string() } else { x.to_string() };
        Err(format!("found {found}, expected {expected}"))
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
                let why = match own.values {
                    Values::Integer => TELLS_NOTHING,
                    Values::Real | Values::Circle => HAS_NO_BOUND,
                };
                return Err(wrong(constant(mean, *n as u64, why)));
            }
            if own.values == Values::Circle {
                continue;
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
