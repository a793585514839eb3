//! The value that a draw returns against the density at its row, over many draws.
//!
//! For spins the two have the same bits. A flow's row is rounded to `f32`, and how much that changes
//! ln q is the flow's conditioning ([`pushforward::coupling`] has the bound): a figure that belongs
//! to every trained flow, with a warning where it would show in a result.

use serde_json::{Map, Value as Json, json};

use crate::loaded::Loaded;

/// Draws that are looked at.
pub const DRAWS: usize = 10_000;
/// The difference (nats) from which there is a warning.
pub const WARNING: f64 = 1e-3;

/// Differences between ln q along the path of a draw and ln q at its row.
#[derive(Clone, Copy, Debug)]
pub struct PathDifference {
    /// The largest (nats); ∞ where the row has no density in `f32`.
    pub max: f64,
    /// Root of the mean square (nats).
    pub rms: f64,
    /// Draws that overflowed, left out of the other figures.
    pub overflowed: usize,
}

impl PathDifference {
    /// Over the first [`DRAWS`] samples of the stream `seed`, given [`Loaded::contexts`].
    pub fn measure(model: &Loaded, seed: u64) -> PathDifference {
        let dim = model.dim();
        let chunk = model.chunk_rows().min(DRAWS);
        let (mut rows, mut path) = (vec![0f32; chunk * dim], vec![0.0; chunk]);
        let mut at_row = vec![0.0; chunk];
        let (mut max, mut squares, mut overflowed) = (0f64, 0.0, 0);
        for first in (0..DRAWS).step_by(chunk) {
            let n = chunk.min(DRAWS - first);
            let (rows, path, at_row) = (&mut rows[..n * dim], &mut path[..n], &mut at_row[..n]);
            let contexts = model.contexts(first as u64, n);
            model.given(&contexts).sample(seed, first as u64, rows, Some(&mut *path));
            model.given(&contexts).log_prob(rows, at_row);
            for (path, at_row) in path.iter().zip(&*at_row) {
                if path.is_nan() {
                    overflowed += 1;
                } else {
                    let difference = (f64::from(*path) - f64::from(*at_row)).abs();
                    max = max.max(difference);
                    squares += difference * difference;
                }
            }
        }
        PathDifference {
            max,
            rms: (squares / (DRAWS - overflowed).max(1) as f64).sqrt(),
            overflowed,
        }
    }

    /// The figures in words.
    pub fn text(&self) -> String {
        format!(
            "at most {:.1e}, root mean square {:.1e} nats over {DRAWS} draws",
            self.max, self.rms
        )
    }

    /// What a user should know, if anything.
    pub fn warning(&self) -> Option<String> {
        if self.overflowed > 0 {
            return Some(format!(
                "{} of {DRAWS} draws overflowed: their rows are not finite and have no \
                 log-probability; the weights are too large",
                self.overflowed
            ));
        }
        (self.max > WARNING).then(|| {
            format!(
                "ln q of a draw and ln q of its row differ by more than {WARNING:.0e} nats ({}): the \
                 flow is ill-conditioned in 32 bits. `sample --log-prob-at row` gives the second; \
                 fewer layers or a smaller log_scale_bound bring the two together",
                self.text()
            )
        })
    }

    /// Adds the figures, and the warning if there is one, to what a training reports.
    pub fn report(&self, figures: &mut Map<String, Json>, lines: &mut Vec<(String, String)>) {
        figures.insert("path_difference_max".into(), json!(self.max));
        figures.insert("path_difference_rms".into(), json!(self.rms));
        lines.push(("ln q of a draw against its row".into(), self.text()));
        if let Some(warning) = self.warning() {
            lines.push(("warning".into(), warning.clone()));
            let warnings = figures.entry("warnings").or_insert_with(|| json!([]));
            if let Some(warnings) = warnings.as_array_mut() {
                warnings.push(json!(warning));
            }
        }
    }
}
