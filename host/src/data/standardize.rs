//! Units: rows whose columns have mean 0 and variance 1, whatever the file's units are.
//!
//! Training sees u = (x − m) / s, so that metres and nanometres train alike: a step of the optimiser,
//! the clipped norm and weight decay know these units only. What is learnt goes back into the file's
//! units at the end, through the model's affine layer ([`Units::fold`]), and −ln q with it: the
//! model of x has Σ ln s nats more than that of u.
//!
//! Rows are kept once, as f32, but not before their offset is gone. While reading, the file's first row
//! is subtracted in f64; no row is further from it than 2√n standard deviations (Samuelson, J. Am.
//! Stat. Assoc. 63, 1522), so 10⁸ ± 1 keeps its digits.

use std::path::Path;

use pushforward::model::{Model, ModelError};

use super::read::reserve;
use super::{Domain, Reader};
use crate::error::{Error, Result};

/// Rows that are read at a time.
const CHUNK: usize = 1 << 12;
/// Least and largest standard deviation of a column that a model in f32 can go back to.
const DEVIATIONS: [f64; 2] = [1e-36, 1e36];
/// A column is coarse where neighbours in f32 are further apart than this part of its deviation.
const COARSE: f64 = 0.01;

/// Mean and standard deviation of each column.
#[derive(Clone, Debug, PartialEq)]
pub struct Units {
    mean: Vec<f64>,
    deviation: Vec<f64>,
}

/// A whole array of real numbers less its first row, `[rows × width]`, and that row.
///
/// # Errors
/// As [`read_all`](super::read_all); a difference that f32 does not hold is one too.
pub fn read_centred(path: &Path, width: Option<usize>) -> Result<(Vec<f32>, Vec<f64>)> {
    let mut reader = Reader::open(path, width, Domain::Real)?;
    let width = reader.width();
    let (mut rows, mut first, mut chunk) = (reader.room()?, Vec::new(), Vec::<f64>::new());
    loop {
        let read = reader.next_rows(CHUNK, &mut chunk)?;
        if read == 0 {
            break;
        }
        reserve(path, &mut rows, read, width)?;
        if first.is_empty() {
            first.extend_from_slice(&chunk[..width]);
        }
        for (i, (x, first)) in chunk.drain(..).zip(first.iter().cycle()).enumerate() {
            let difference = (x - first) as f32;
            if !difference.is_finite() {
                let (row, column) = (rows.len() / width + 1, i % width + 1);
                let message = format!(
                    "row {row}, column {column}: found {x} where row 1 has {first}, expected a \
                     difference within f32's range"
                );
                return Err(Error::input(path, message));
            }
            rows.push(difference);
        }
    }
    if rows.is_empty() {
        return Err(Error::input(path, "has no rows"));
    }
    Ok((rows, first))
}

impl Units {
    /// Measures `training`, `[n][dim]`, which is in the file's units less its row `first`, and brings
    /// both it and `held_out` to these units. `path` names the file in errors.
    ///
    /// # Errors
    /// A column is constant, or its deviation or mean is out of the range of a model in f32.
    pub fn standardize(
        path: &Path,
        first: &[f64],
        training: &mut [f32],
        held_out: &mut [f32],
    ) -> Result<Units> {
        let dim = first.len();
        let n = (training.len() / dim) as f64;
        let mut centre = vec![0.0; dim];
        for row in training.chunks_exact(dim) {
            centre.iter_mut().zip(row).for_each(|(sum, x)| *sum += f64::from(*x));
        }
        centre.iter_mut().for_each(|sum| *sum /= n);
        let mut deviation = vec![0.0; dim];
        for row in training.chunks_exact(dim) {
            for ((sum, x), centre) in deviation.iter_mut().zip(row).zip(&centre) {
                *sum += (f64::from(*x) - centre).powi(2);
            }
        }
        deviation.iter_mut().for_each(|sum| *sum = (*sum / n).sqrt());
        let mean: Vec<f64> =
            first.iter().zip(&centre).map(|(first, centre)| first + centre).collect();
        for (column, (mean, deviation)) in (1..).zip(mean.iter().zip(&deviation)) {
            let wrong = |message: String| Error::input(path, format!("column {column} {message}"));
            if *deviation == 0.0 {
                return Err(wrong(format!(
                    "is {mean} in all of {n} training rows, expected values that differ: the density \
                     of a constant has no bound; leave the column out"
                )));
            }
            let [least, largest] = DEVIATIONS;
            if !(least..=largest).contains(deviation) || mean.abs() > f64::from(f32::MAX) {
                return Err(wrong(format!(
                    "is {mean:.3e} ± {deviation:.3e}, expected a deviation of {least:e} to {largest:e} \
                     and a mean within f32's range: change its unit"
                )));
            }
        }
        for row in training.chunks_exact_mut(dim).chain(held_out.chunks_exact_mut(dim)) {
            for ((x, centre), deviation) in row.iter_mut().zip(&centre).zip(&deviation) {
                *x = ((f64::from(*x) - centre) / deviation) as f32;
            }
        }
        Ok(Units { mean, deviation })
    }

    /// Σ ln s: what −ln q of a row has more in the file's units than in these (nats).
    pub fn ln_scale(&self) -> f64 {
        self.deviation.iter().map(|s| s.ln()).sum()
    }

    /// A row in the file's units, rounded to f32.
    pub fn raw(&self, row: &[f32]) -> Vec<f32> {
        let columns = row.iter().zip(&self.mean).zip(&self.deviation);
        columns.map(|((u, mean), deviation)| (mean + deviation * f64::from(*u)) as f32).collect()
    }

    /// Turns a model of rows in these units, which ends in an affine layer, into the model of the same
    /// rows in the file's units: u = z eᵃ + b becomes x = z e^(a + ln s) + (m + s b).
    ///
    /// # Errors
    /// [`ModelError`] if the result is not finite.
    pub fn fold(&self, model: &mut Model) -> std::result::Result<(), ModelError> {
        let mut parameters = model.parameters();
        let affine = parameters.len().saturating_sub(2 * self.mean.len());
        let (log_scale, shift) = parameters[affine..].split_at_mut(self.mean.len());
        for (a, s) in log_scale.iter_mut().zip(&self.deviation) {
            *a = (f64::from(*a) + s.ln()) as f32;
        }
        for ((b, s), m) in shift.iter_mut().zip(&self.deviation).zip(&self.mean) {
            *b = (m + s * f64::from(*b)) as f32;
        }
        model.set_parameters(&parameters)
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
            "column {} is {mean:.6e} ± {deviation:.2e}, where single precision goes in steps of \
             {:.0e}{others}: training is not hurt, but the saved model draws and scores rows that \
             are rounded to these steps. Subtract an offset from the data.",
            column + 1,
            step(**mean)
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_of_a_hundred_million_keeps_its_digits() {
        let path =
            std::env::temp_dir().join(format!("pushforward-units-{}.csv", std::process::id()));
        let value = |i: i32| 1e8 + f64::from(i % 101) / 50.0;
        let text: String =
            (0..1010).map(|i| format!("{},{}\n", value(i), 1e-30 * value(i))).collect();
        std::fs::write(&path, text).unwrap();
        let (mut rows, first) = read_centred(&path, Some(2)).unwrap();
        std::fs::remove_file(&path).unwrap();
        let units = Units::standardize(&path, &first, &mut rows, &mut []).unwrap();
        let deviation = (0..101).map(|i| (f64::from(i) / 50.0 - 1.0).powi(2)).sum::<f64>() / 101.0;
        for (i, row) in (0..).zip(rows.chunks_exact(2)) {
            let expected = (value(i) - 1e8 - 1.0) / deviation.sqrt();
            assert!((f64::from(row[0]) - expected).abs() < 1e-6, "{row:?} {expected}");
            // The other column's digits end at 2⁻⁵³ of the offset.
            assert!((f64::from(row[1]) - expected).abs() < 1e-6, "{row:?} {expected}");
        }
        assert!((units.ln_scale() - (deviation.ln() + 1e-30f64.ln())).abs() < 1e-6);
        let warning = units.warning().unwrap();
        assert!(warning.contains("1.000000e8 ± ") && warning.contains("steps of 8e0"), "{warning}");
        assert!(warning.contains("(1 others are like it)"), "{warning}");
        assert_eq!(units.raw(&rows[..2])[0], value(0) as f32);
    }
}
