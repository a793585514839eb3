//! Units: rows whose columns have mean 0 and variance 1, whatever the file's units are.
//!
//! Training sees u = (x − m) / s, so that metres and nanometres train alike: a step of the optimiser,
//! the clipped norm and weight decay know these units only. What is learnt goes back into the file's
//! units at the end, through the model's affine layer ([`Units::fold`]), and −ln q with it: the
//! model of x has Σ ln s nats more than that of u.
//!
//! Rows are kept as f32, but not before their offset is gone: the file's first row is subtracted in f64
//! while they are read ([`Centring`](super::centring::Centring)); no row is further from it than 2√n
//! standard deviations (Samuelson, J. Am. Stat. Assoc. 63, 1522), so 10⁸ ± 1 keeps its digits.

use std::num::NonZeroUsize;

use pushforward::model::{Arithmetic, Description, EmbeddingSpec, Model, ModelError, NetworkSpec};
use pushforward::network::MlpSpec;

use super::Columns;
use super::bounds::Bounds;
use super::centring::Centring;
use crate::error::{Error, Result};

/// Least and largest standard deviation of a column that a model in f32 can go back to.
const DEVIATIONS: [f64; 2] = [1e-36, 1e36];
/// A column is coarse where neighbours in f32 are further apart than this part of its deviation.
const COARSE: f64 = 0.01;

/// Mean and standard deviation of each column; 0 and 1 where it is not standardised.
#[derive(Clone, Debug, PartialEq)]
pub struct Units {
    columns: Columns,
    /// Means of rows less the file's first, and as the file has them.
    centre: Vec<f64>,
    mean: Vec<f64>,
    deviation: Vec<f64>,
    /// Σ ln s over the coordinates.
    ln_deviations: f64,
    /// Columns whose units are those of a line.
    bounds: Bounds,
    /// What bounds make of −ln q of a training row, in the mean (nats).
    bounds_ln_scale: f64,
}

/// Mean and deviation of columns in two passes over the same rows: sums first, then squares.
#[derive(Clone, Debug)]
pub(super) struct Moments {
    n: u64,
    centre: Vec<f64>,
    squares: Option<Vec<f64>>,
    /// The first row, its bounds, and the sum of what these make of −ln q.
    first: Vec<f64>,
    bounds: Bounds,
    ln_scale: f64,
}

impl Moments {
    /// Of rows of `width` numbers.
    pub(super) fn new(width: usize) -> Moments {
        let (first, bounds) = (Vec::new(), Bounds::default());
        Moments { n: 0, centre: vec![0.0; width], squares: None, first, bounds, ln_scale: 0.0 }
    }

    /// Takes rows in, `[n][width]`.
    pub(super) fn add(&mut self, rows: &[f32]) {
        let width = self.centre.len();
        let Some(squares) = &mut self.squares else {
            for row in rows.chunks_exact(width) {
                self.centre.iter_mut().zip(row).for_each(|(sum, x)| *sum += f64::from(*x));
            }
            self.n += (rows.len() / width) as u64;
            return;
        };
        for row in rows.chunks_exact(width) {
            for ((sum, x), centre) in squares.iter_mut().zip(row).zip(&self.centre) {
                *sum += (f64::from(*x) - centre).powi(2);
            }
            let line = row.iter().zip(&self.first).map(|(x, first)| first + f64::from(*x));
            self.ln_scale += self.bounds.ln_scale(line);
        }
    }

    /// Ends the first pass over rows of `centring`.
    pub(super) fn centred(&mut self, centring: &Centring) {
        self.first.clone_from(&centring.first);
        self.bounds = centring.bounds.clone();
        let n = self.n as f64;
        self.centre.iter_mut().for_each(|sum| *sum /= n);
        self.squares = Some(vec![0.0; self.centre.len()]);
    }
}

/// Why a column may not be constant that is modelled, and why one that is context or of integers.
pub(super) const HAS_NO_BOUND: &str = "the density of a constant has no bound";
pub(super) const TELLS_NOTHING: &str = "a constant tells nothing";

/// What is wrong with a constant column.
pub(super) fn constant(value: f64, n: u64, why: &str) -> String {
    format!(
        "is {value} in all of {n} training rows, expected values that differ: {why}; leave the column out"
    )
}

impl Units {
    /// Those of rows whose `moments` both passes have measured, in the file's units less its first row.
    ///
    /// # Errors
    /// A column is constant, or its deviation or mean is out of the range of a model in f32.
    pub(super) fn new(centring: &Centring, moments: Moments) -> Result<Units> {
        let Moments { n, mut centre, squares, bounds, ln_scale, .. } = moments;
        let Centring { path, columns, first, kept, .. } = centring;
        let root = |sum: f64| (sum / n as f64).sqrt();
        let mut deviation: Vec<f64> = squares.unwrap_or_default().into_iter().map(root).collect();
        centre[..*kept].fill(0.0);
        deviation[..*kept].fill(1.0);
        let mean: Vec<f64> =
            first.iter().zip(&centre).map(|(first, centre)| first + centre).collect();
        for (column, (mean, deviation)) in mean.iter().zip(&deviation).enumerate() {
            let name = columns.name(column);
            let wrong = |message: String| Error::input(path, format!("{name} {message}"));
            if *deviation == 0.0 {
                let why = if column < columns.dim { HAS_NO_BOUND } else { TELLS_NOTHING };
                return Err(wrong(constant(bounds.quantity(column, *mean), n, why)));
            }
            let [least, largest] = DEVIATIONS;
            if !(least..=largest).contains(deviation) || mean.abs() > f64::from(f32::MAX) {
                return Err(wrong(format!(
                    "is {mean:.3e} ± {deviation:.3e}, expected a deviation of {least:e} to {largest:e} \
                     and a mean within f32's range: change its unit"
                )));
            }
        }
        let (columns, bounds_ln_scale) = (columns.clone(), ln_scale / n as f64);
        let ln_deviations = deviation[..columns.dim].iter().map(|s| s.ln()).sum();
        Ok(Units { columns, centre, mean, deviation, ln_deviations, bounds, bounds_ln_scale })
    }

    /// Brings rows in the file's units less its first row to these.
    pub(super) fn apply(&self, rows: &mut [f32]) {
        for row in rows.chunks_exact_mut(self.columns.width()) {
            for ((x, centre), deviation) in row.iter_mut().zip(&self.centre).zip(&self.deviation) {
                *x = ((f64::from(*x) - centre) / deviation) as f32;
            }
        }
    }

    /// What −ln q of a training row has more in the file's units than in these, in the mean: Σ ln s over
    /// the coordinates, and what [bounds](super::bounds) add (nats).
    pub fn ln_scale(&self) -> f64 {
        self.ln_deviations + self.bounds_ln_scale
    }

    /// The same of this row.
    pub fn ln_scale_of(&self, row: &[f32]) -> f64 {
        self.ln_deviations + self.bounds.ln_scale(self.line(row))
    }

    /// A row, or the first values of one, less its standardisation.
    fn line(&self, row: &[f32]) -> impl Iterator<Item = f64> {
        let columns = row.iter().zip(&self.mean).zip(&self.deviation);
        columns.map(|((u, mean), deviation)| mean + deviation * f64::from(*u))
    }

    /// A row, or the first values of one, in the file's units, rounded to f32.
    pub fn raw(&self, row: &[f32]) -> Vec<f32> {
        let mut values: Vec<f64> = self.line(row).collect();
        self.bounds.quantities(&mut values);
        let each = |(column, x): (usize, f64)| match self.bounds.at(column) {
            None => x as f32,
            // A rounding does not leave the bounds.
            Some(bound) => bound.within(x as f32),
        };
        values.into_iter().enumerate().map(each).collect()
    }

    /// The model of rows in the file's units, from one of the same rows in these. The affine layer that
    /// a flow ends in, u = z eᵃ + b, becomes x = z e^(a + ln s) + (m + s b); the context is brought to
    /// these units by the first layer of its embedding, which is made for it where there is none. Bounds
    /// are a layer after all that.
    ///
    /// # Errors
    /// [`ModelError`] if the result is not finite.
    pub fn fold(&self, model: &Model) -> std::result::Result<Model, ModelError> {
        let (dim, mut parameters) = (self.columns.dim, model.parameters());
        let mut description = model.description().clone();
        if let Description::Flow(flow) = &mut description {
            flow.layers.extend(self.bounds.layers(dim));
        }
        if let Some(given) = NonZeroUsize::new(self.mean.len() - dim) {
            let embedding = match &mut description {
                Description::Flow(spec) => &mut spec.embedding,
                Description::Sites(spec) => &mut spec.embedding,
            };
            if embedding.is_none() {
                let network =
                    NetworkSpec::Mlp(MlpSpec { hidden: Vec::new(), ..Default::default() });
                let given = given.get();
                *embedding = Some(EmbeddingSpec { outputs: given, network });
                let identity = (0..given * given).map(|i| u8::from(i % (given + 1) == 0).into());
                let bias = std::iter::repeat_n(0.0, given);
                parameters.splice(0..0, identity.chain(bias));
            }
        }
        self.with_units(
            description,
            model.arithmetic(),
            parameters,
            |[a, b], [m, s]| [a + s.ln(), m + s * b],
            |weight, [m, s]| [weight / s, -(weight / s) * m],
        )
    }

    /// The other way: a model of rows in these units from one of rows in the file's, which may have been
    /// trained on other rows. An embedding that [`Units::fold`] made stays.
    ///
    /// # Errors
    /// [`ModelError`] if the result is not finite.
    pub fn unfold(&self, model: &Model) -> std::result::Result<Model, ModelError> {
        let mut description = model.description().clone();
        if let Description::Flow(flow) = &mut description {
            let own = self.bounds.layers(self.columns.dim).len();
            flow.layers.truncate(flow.layers.len().saturating_sub(own));
        }
        self.with_units(
            description,
            model.arithmetic(),
            model.parameters(),
            |[a, b], [m, s]| [a - s.ln(), (b - m) / s],
            |weight, [m, s]| [weight * s, weight * m],
        )
    }

    /// A model of this description whose parameters are these but in other units. Of each coordinate,
    /// `affine` takes the log-scale and the shift of the last layer with tensors, and the mean and the
    /// deviation; of each value of the context, `reading` says what becomes of a weight that reads it, and
    /// what its unit's bias has more.
    fn with_units(
        &self,
        description: Description,
        arithmetic: Arithmetic,
        mut parameters: Vec<f32>,
        affine: impl Fn([f64; 2], [f64; 2]) -> [f64; 2],
        reading: impl Fn(f64, [f64; 2]) -> [f64; 2],
    ) -> std::result::Result<Model, ModelError> {
        let units = || self.mean.iter().zip(&self.deviation).map(|(m, s)| [*m, *s]);
        let dim = self.columns.dim;
        if let Description::Flow(_) = description {
            let last = parameters.len().saturating_sub(2 * dim);
            let (log_scale, shift) = parameters[last..].split_at_mut(dim);
            for ((a, b), units) in log_scale.iter_mut().zip(shift).zip(units()) {
                [*a, *b] = affine([*a, *b].map(f64::from), units).map(|x| x as f32);
            }
        }
        if let Some(given) = NonZeroUsize::new(self.mean.len() - dim) {
            // An embedding's tensors come first, and of these the matrix that reads the context and
            // its biases.
            let outputs = description.tensors()[0].shape[0];
            let (weight, rest) = parameters.split_at_mut(outputs * given.get());
            for (row, bias) in weight.chunks_exact_mut(given.get()).zip(rest) {
                let mut moved = f64::from(*bias);
                for (w, units) in row.iter_mut().zip(units().skip(dim)) {
                    let [weight, more] = reading(f64::from(*w), units);
                    moved += more;
                    *w = weight as f32;
                }
                *bias = moved as f32;
            }
        }
        let mut other = Model::new(description, arithmetic)?;
        other.set_parameters(&parameters)?;
        Ok(other)
    }

    /// Says so where f32 cannot tell a column's values apart: the model of the standardised rows is
    /// sound, but neither its file nor any row in the file's units can be.
    pub fn warning(&self) -> Option<String> {
        let step = |mean: f64| {
            let near = mean.abs() as f32;
            f64::from(near.next_up()) - f64::from(near)
        };
        let columns = self.mean.iter().zip(&self.deviation).enumerate();
        let coarse = columns.filter(|(_, (mean, s))| step(**mean) > COARSE * **s);
        let coarse: Vec<_> = coarse.collect();
        let worst = coarse
            .iter()
            .max_by(|(_, a), (_, b)| (step(*a.0) / a.1).total_cmp(&(step(*b.0) / b.1)));
        let (column, (mean, deviation)) = worst?;
        let others = match coarse.len() {
            1 => String::new(),
            n => format!(" ({} others are like it)", n - 1),
        };
        Some(format!(
            "{} is {mean:.6e} ± {deviation:.2e}, where single precision goes in steps of \
             {:.0e}{others}: training is not hurt, but the saved model draws and scores rows that \
             are rounded to these steps. Subtract an offset from the data.",
            self.columns.name(*column),
            step(**mean)
        ))
    }
}

#[cfg(test)]
mod tests {
    use pushforward::domain::{Domain, Kind};
    use pushforward::model::Support;

    use super::super::{Order, Table, Validation, Wanted};

    #[test]
    fn an_offset_of_a_hundred_million_keeps_its_digits() {
        let path =
            std::env::temp_dir().join(format!("pushforward-units-{}.csv", std::process::id()));
        let value = |i: i32| 1e8 + f64::from(i % 101) / 50.0;
        let text: String =
            (0..1010).map(|i| format!("{},{}\n", value(i), 1e-30 * value(i))).collect();
        std::fs::write(&path, text).unwrap();
        let wanted = Wanted {
            path: &path,
            columns: &[],
            context: &[],
            dim: Some(2),
            domain: Domain::Uniform(Kind::Real),
            standardize: true,
            kept: false,
            support: Support::Line,
            bounds: &[],
            parts: None,
            own: None,
            stream: None,
            validation: &Validation::Part(0.0),
            seed: 1,
        };
        let table = Table::read(&wanted).unwrap();
        std::fs::remove_file(&path).unwrap();
        let (rows, units) = (table.rows.first(1010, 2).unwrap(), table.units.unwrap());
        let deviation = (0..101).map(|i| (f64::from(i) / 50.0 - 1.0).powi(2)).sum::<f64>() / 101.0;
        let order = Order::new(1010, 1);
        for (place, row) in (0..).zip(rows.chunks_exact(2)) {
            let i = order.at(place) as i32;
            let expected = (value(i) - 1e8 - 1.0) / deviation.sqrt();
            assert!((f64::from(row[0]) - expected).abs() < 1e-6, "{row:?} {expected}");
            // The other column's digits end at 2⁻⁵³ of the offset.
            assert!((f64::from(row[1]) - expected).abs() < 1e-6, "{row:?} {expected}");
        }
        assert!((units.ln_scale() - (deviation.ln() + 1e-30f64.ln())).abs() < 1e-6);
        let warning = units.warning().unwrap();
        assert!(warning.contains("1.000000e8 ± ") && warning.contains("steps of 8e0"), "{warning}");
        assert!(warning.contains("(1 others are like it)"), "{warning}");
        assert_eq!(units.raw(&rows[..2])[0], value(order.at(0) as i32) as f32);
    }
}
