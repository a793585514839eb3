//! Columns that lie between bounds, or are parts of a whole: learned on the line that the engine's layers
//! carry them from.
//!
//! Numbers are moved to the line in f64 while they are read, before their offset goes; a number that is
//! not where it has to be, or would not be once it is an f32, is an error with its row and column.

use pushforward::layer::{Bound, BoundsSpec, SimplexSpec};
use pushforward::model::LayerSpec;

use super::{Column, Columns};

/// The bounds of a column as a config gives them: −∞ or ∞ where there is none.
pub type Given = (Column, [f32; 2]);

/// Columns that are parts of a whole, as a config gives them, but for the last part, which they leave.
#[derive(Clone, Debug, PartialEq)]
pub struct GivenParts {
    /// The columns.
    pub parts: Vec<Column>,
    /// The whole.
    pub total: f32,
}

/// The bound of each column of a model's order, and the columns that are parts; no column has a bound if the
/// list is empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Bounds {
    each: Vec<Option<Bound>>,
    /// In ascending order.
    parts: Vec<usize>,
    total: f32,
}

impl Bounds {
    /// Those of these columns.
    ///
    /// # Errors
    /// There is no such coordinate, or it has bounds twice, or is a part and has bounds too.
    pub(super) fn of(
        columns: &Columns,
        given: &[Given],
        parts: Option<&GivenParts>,
    ) -> Result<Bounds, String> {
        let mut all = Bounds::default();
        if !given.is_empty() {
            all.each = vec![None; columns.width()];
        }
        for (column, [lower, upper]) in given {
            let bound = &mut all.each[columns.modelled("bounds", column)?];
            if bound.is_some() {
                return Err(format!("bounds: found column {column} twice, expected it once"));
            }
            *bound = Bound::of(*lower, *upper);
        }
        let Some(GivenParts { parts, total }) = parts else { return Ok(all) };
        for column in parts {
            let d = columns.modelled("simplex", column)?;
            if all.parts.contains(&d) || all.at(d).is_some() {
                let message = "twice or with bounds, expected it once and without";
                return Err(format!("simplex: found column {column} {message}"));
            }
            all.parts.push(d);
        }
        all.parts.sort_unstable();
        all.total = *total;
        Ok(all)
    }

    /// Whether all columns are lines.
    fn is_none(&self) -> bool {
        self.each.is_empty() && self.parts.is_empty()
    }

    /// That of a column.
    pub(super) fn at(&self, column: usize) -> Option<Bound> {
        self.each.get(column).copied().flatten()
    }

    /// The lower and the upper one of a column, −∞ and ∞ for none.
    pub(super) fn ends(&self, column: usize) -> [f32; 2] {
        self.at(column).map_or([f32::NEG_INFINITY, f32::INFINITY], ends)
    }

    /// Brings a row to its places on lines.
    ///
    /// # Errors
    /// A number is not where it has to be: the first such column, and what is wrong.
    pub(super) fn line(&self, row: &mut [f64]) -> Result<(), (usize, String)> {
        for (column, (x, bound)) in row.iter_mut().zip(&self.each).enumerate() {
            if let Some(bound) = bound {
                check(*bound, *x).map_err(|message| (column, message))?;
                *x = line(*bound, *x);
            }
        }
        let (mut rest, mut rounded) = (f64::from(self.total), self.total);
        for (before, column) in self.parts.iter().enumerate() {
            let x = row[*column];
            let after = rest - x;
            rounded -= x as f32;
            if !(x > 0.0 && after > 0.0 && x as f32 > 0.0 && rounded > 0.0) {
                let total = self.total;
                let last = match before + 1 == self.parts.len() {
                    true => {
                        ": the last part, which is what the others leave, is no column of the model"
                    }
                    false => "",
                };
                let message = format!(
                    "found {x} where {rest} of {total} are left, expected a part of it, more than 0 and not \
                     all{last}"
                );
                return Err((*column, message));
            }
            row[*column] = x.ln() - after.ln() + ((self.parts.len() - before) as f64).ln();
            rest = after;
        }
        Ok(())
    }

    /// Brings a row, or the first values of one, from its places on lines back.
    pub(super) fn quantities(&self, row: &mut [f64]) {
        for (z, bound) in row.iter_mut().zip(&self.each) {
            *z = bound.map_or(*z, |bound| quantity(bound, *z));
        }
        self.shares(row, |x, _, _| x);
    }

    /// Replaces each place of a part by what `of` makes of the part, what was left for it, and what it leaves.
    fn shares(&self, row: &mut [f64], of: impl Fn(f64, f64, f64) -> f64) {
        let mut rest = f64::from(self.total);
        for (before, column) in self.parts.iter().enumerate() {
            let Some(z) = row.get_mut(*column) else { continue };
            let odds = (*z - ((self.parts.len() - before) as f64).ln()).exp();
            let (x, after) = (rest / (1.0 + 1.0 / odds), rest / (1.0 + odds));
            *z = of(x, rest, after);
            rest = after;
        }
    }

    /// A number of a column from its place on the line, if it has one of its own.
    pub(super) fn quantity(&self, column: usize, z: f64) -> f64 {
        self.at(column).map_or(z, |bound| quantity(bound, z))
    }

    /// What −ln q of a row has more for the quantities than for their places `z` on lines (nats).
    pub(super) fn ln_scale(&self, z: impl Iterator<Item = f64>) -> f64 {
        if self.is_none() {
            return 0.0;
        }
        let mut z: Vec<f64> = z.collect();
        let bounds: f64 = z.iter().copied().zip(&self.each).map(Self::ln_scale_of).sum();
        self.shares(&mut z, |x, rest, after| x.ln() + after.ln() - rest.ln());
        bounds + self.parts.iter().map(|column| z[*column]).sum::<f64>()
    }

    fn ln_scale_of((z, bound): (f64, &Option<Bound>)) -> f64 {
        match *bound {
            None => 0.0,
            Some(Bound::Lower(_)) => z,
            Some(Bound::Upper(_)) => -z,
            Some(Bound::Both(lower, upper)) => {
                let width = f64::from(upper) - f64::from(lower);
                width.ln() - z.abs() - 2.0 * (-z.abs()).exp().ln_1p()
            }
        }
    }

    /// The layers that carry lines to quantities.
    pub(super) fn layers(&self, dim: usize) -> Vec<LayerSpec> {
        let bounds = self.each.get(..dim).map(|bounds| {
            let ends =
                |bound: &Option<Bound>| bound.map_or([f32::NEG_INFINITY, f32::INFINITY], ends);
            let ends: Vec<_> = bounds.iter().map(ends).collect();
            let [lower, upper] = [0, 1].map(|side| ends.iter().map(|ends| ends[side]).collect());
            BoundsSpec { lower, upper }.into()
        });
        let parts = (0..dim).map(|d| self.parts.contains(&d)).collect();
        let simplex = SimplexSpec { parts, total: self.total };
        let simplex = (!self.parts.is_empty()).then(|| simplex.into());
        bounds.into_iter().chain(simplex).collect()
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
    use pushforward::bijection::Direction;
    use pushforward::layer::simplex;
    use pushforward::simd::Scalar;

    use super::*;

    #[test]
    fn lines_are_those_of_the_layer() {
        let all = [Bound::Lower(-2.0), Bound::Upper(0.5), Bound::Both(0.25, 3.0)];
        for bound in all {
            for x in [0.3f32, 0.49, 0.2501, 0.4] {
                let alone = Bounds { each: vec![None, Some(bound)], ..Bounds::default() };
                let mut row = [7.0, x.into()];
                alone.line(&mut row).unwrap();
                let (own, slope) = bound.density(Scalar, x);
                assert!((row[1] - f64::from(own)).abs() < 1e-5, "{bound:?} {x}: {row:?} {own}");
                let scale = alone.ln_scale(row.into_iter());
                assert!((scale + f64::from(slope)).abs() < 1e-5, "{bound:?} {x}: {scale}");
                alone.quantities(&mut row);
                assert!((row[1] - f64::from(x)).abs() < 1e-12 && row[0] == 7.0, "{row:?}");
            }
        }
        let bounds = Bounds { each: all.map(Some).to_vec(), ..Bounds::default() };
        let fault = |row: [f64; 3]| bounds.line(&mut { row }).unwrap_err();
        assert_eq!(
            fault([0.0, 0.0, 0.25]),
            (2, "found 0.25, expected a number between 0.25 and 3".into())
        );
        assert!(fault([0.0, 0.499_999_999, 1.0]).1.ends_with("less than 0.5, as f32"));
        assert_eq!(fault([-3.0, 0.0, 1.0]), (0, "found -3, expected more than -2".into()));
        assert_eq!(fault([f64::NAN, 0.0, 1.0]).0, 0);
    }

    #[test]
    fn parts_are_those_of_the_layer() {
        let parts = Bounds { parts: vec![0, 2, 3], total: 100.0, ..Bounds::default() };
        for row in [[20.0f32, -4.0, 30.0, 10.0], [0.5, 9.0, 99.0, 0.25]] {
            let mut z = row.map(f64::from);
            parts.line(&mut z).unwrap();
            let (mut rest, mut slopes) = (100.0, 0.0);
            for (left, d) in [(3.0, 0), (2.0, 2), (1.0, 3)] {
                let [after, own, slope] =
                    simplex::step(Scalar, Direction::Density, rest, left, row[d]);
                assert!((z[d] - f64::from(own)).abs() < 1e-4, "{row:?}: {z:?} {own}");
                rest = after;
                slopes += f64::from(slope);
            }
            let scale = parts.ln_scale(z.into_iter());
            assert!((scale + slopes).abs() < 1e-4, "{row:?}: {scale} {slopes}");
            parts.quantities(&mut z);
            assert!(z.iter().zip(row).all(|(z, x)| (z - f64::from(x)).abs() < 1e-9), "{z:?}");
        }
        let mut row = [20.0, 0.0, 30.0, 50.0];
        let (column, message) = parts.line(&mut row).unwrap_err();
        assert!(column == 3 && message.contains("found 50 where 50 of 100 are left"), "{message}");
        assert_eq!(parts.line(&mut [20.0, 0.0, 0.0, 50.0]).unwrap_err().0, 2);
    }
}
