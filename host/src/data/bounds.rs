//! Columns that lie between bounds: learned on the line that the engine's layer carries them from.
//!
//! Numbers are moved to the line in f64 while they are read, before their offset goes; a number that is
//! not between its bounds, or would not be once it is an f32, is an error with its row and column.

use pushforward::layer::{Bound, BoundsSpec};

use super::{Column, Columns};

/// The bounds of a column as a config gives them: −∞ or ∞ where there is none.
pub type Given = (Column, [f32; 2]);

/// The bound of each column of a model's order; none has one if it is empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Bounds(Vec<Option<Bound>>);

impl Bounds {
    /// Those of these columns.
    ///
    /// # Errors
    /// There is no such coordinate, or it has bounds twice.
    pub(super) fn of(columns: &Columns, given: &[Given]) -> Result<Bounds, String> {
        if given.is_empty() {
            return Ok(Bounds::default());
        }
        let mut all = vec![None; columns.width()];
        for (column, [lower, upper]) in given {
            let bound = &mut all[columns.modelled("bounds", column)?];
            if bound.is_some() {
                return Err(format!("bounds: found column {column} twice, expected it once"));
            }
            *bound = Bound::of(*lower, *upper);
        }
        Ok(Bounds(all))
    }

    /// That of a column.
    pub(super) fn at(&self, column: usize) -> Option<Bound> {
        self.0.get(column).copied().flatten()
    }

    /// The lower and the upper one of a column, −∞ and ∞ for none.
    pub(super) fn ends(&self, column: usize) -> [f32; 2] {
        self.at(column).map_or([f32::NEG_INFINITY, f32::INFINITY], ends)
    }

    /// A number of a column on its line.
    ///
    /// # Errors
    /// It is not between the bounds.
    pub(super) fn line(&self, column: usize, x: f64) -> Result<f64, String> {
        let Some(bound) = self.at(column) else { return Ok(x) };
        check(bound, x).map(|()| line(bound, x))
    }

    /// A number of a column from its place on the line.
    pub(super) fn quantity(&self, column: usize, z: f64) -> f64 {
        self.at(column).map_or(z, |bound| quantity(bound, z))
    }

    /// What −ln q of a row has more for the quantities than for their places `z` on lines (nats).
    pub(super) fn ln_scale(&self, z: impl Iterator<Item = f64>) -> f64 {
        let one = |(z, bound): (f64, &Option<Bound>)| match *bound {
            None => 0.0,
            Some(Bound::Lower(_)) => z,
            Some(Bound::Upper(_)) => -z,
            Some(Bound::Both(lower, upper)) => {
                let width = f64::from(upper) - f64::from(lower);
                width.ln() - z.abs() - 2.0 * (-z.abs()).exp().ln_1p()
            }
        };
        z.zip(&self.0).map(one).sum()
    }

    /// The layer that carries lines to quantities, if there are any.
    pub(super) fn layer(&self, dim: usize) -> Option<BoundsSpec> {
        let bounds = self.0.get(..dim)?;
        let ends = |bound: &Option<Bound>| bound.map_or([f32::NEG_INFINITY, f32::INFINITY], ends);
        let ends: Vec<_> = bounds.iter().map(ends).collect();
        let [lower, upper] = [0, 1].map(|side| ends.iter().map(|ends| ends[side]).collect());
        Some(BoundsSpec { lower, upper })
    }
}

/// Whether a number is between bounds.
///
/// # Errors
/// It is not.
pub(super) fn check(bound: Bound, x: f64) -> Result<(), String> {
    let [lower, upper] = ends(bound);
    // What a model is asked for is an f32.
    let read = x as f32;
    if lower < read && read < upper {
        return Ok(());
    }
    let expected = match bound {
        Bound::Lower(lower) => format!("more than {lower}"),
        Bound::Upper(upper) => format!("less than {upper}"),
        Bound::Both(lower, upper) => format!("a number between {lower} and {upper}"),
    };
    let inside = f64::from(lower) < x && x < f64::from(upper);
    let rounded = if inside { ", as f32" } else { "" };
    Err(format!("found {x}, expected {expected}{rounded}"))
}

/// A number between bounds on their line.
pub(super) fn line(bound: Bound, x: f64) -> f64 {
    match bound {
        Bound::Lower(lower) => (x - f64::from(lower)).ln(),
        Bound::Upper(upper) => -(f64::from(upper) - x).ln(),
        Bound::Both(lower, upper) => (x - f64::from(lower)).ln() - (f64::from(upper) - x).ln(),
    }
}

/// A number between bounds from its place on their line.
pub(super) fn quantity(bound: Bound, z: f64) -> f64 {
    match bound {
        Bound::Lower(lower) => f64::from(lower) + z.exp(),
        Bound::Upper(upper) => f64::from(upper) - (-z).exp(),
        Bound::Both(lower, upper) => {
            let (lower, upper) = (f64::from(lower), f64::from(upper));
            lower + (upper - lower) / (1.0 + (-z).exp())
        }
    }
}

fn ends(bound: Bound) -> [f32; 2] {
    match bound {
        Bound::Lower(lower) => [lower, f32::INFINITY],
        Bound::Upper(upper) => [f32::NEG_INFINITY, upper],
        Bound::Both(lower, upper) => [lower, upper],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_those_of_the_layer() {
        let all = [Bound::Lower(-2.0), Bound::Upper(0.5), Bound::Both(0.25, 3.0)];
        let bounds = Bounds(all.map(Some).to_vec());
        for (column, bound) in all.into_iter().enumerate() {
            for x in [0.3f32, 0.49, 0.2501, 0.4] {
                let z = bounds.line(column, x.into()).unwrap();
                let scalar = pushforward::simd::Scalar;
                let (own, slope) = bound.density(scalar, x);
                assert!((z - f64::from(own)).abs() < 1e-5, "{bound:?} {x}: {z} {own}");
                let back = bounds.quantity(column, z);
                assert!((back - f64::from(x)).abs() < 1e-12, "{bound:?} {x}: {back}");
                let zs = (0..3).map(|c| if c == column { z } else { 0.0 });
                let alone = Bounds((0..3).map(|c| bounds.at(c).filter(|_| c == column)).collect());
                let scale = alone.ln_scale(zs);
                assert!((scale + f64::from(slope)).abs() < 1e-5, "{bound:?} {x}: {scale}");
            }
        }
        assert_eq!(
            bounds.line(2, 0.25).unwrap_err(),
            "found 0.25, expected a number between 0.25 and 3"
        );
        assert!(bounds.line(1, 0.499_999_999).unwrap_err().ends_with("less than 0.5, as f32"));
        assert_eq!(bounds.line(0, -3.0).unwrap_err(), "found -3, expected more than -2");
        assert!(bounds.line(0, f64::NAN).is_err());
    }
}
