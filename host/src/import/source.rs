//! Rows of the source and its log-densities of them, which a model's file keeps in its provenance.

use pushforward::model::Model;
use serde_json::{Value, json};

use super::State;
use crate::error::Result;

/// How far the engine may be from the source's log-density in `f32`, relative to 1 + its size.
pub const CLOSE: f64 = 1e-5;

/// See [`SourceRows::allowed`].
const AS_GOOD: f64 = 4.0;

/// Names of the arrays that an exporter puts beside the state dict.
const NAMES: [&str; 3] = ["pushforward.rows", "pushforward.context", "pushforward.log_prob"];
/// The source's log-densities in its own single precision, which may be missing.
const SINGLE: &str = "pushforward.log_prob_single";

/// Rows, contexts, and the source's log-densities (nats).
#[derive(Clone, Debug, PartialEq)]
pub struct SourceRows {
    rows: Vec<Vec<f64>>,
    context: Vec<Vec<f64>>,
    log_prob: Vec<f64>,
    /// How far off the source itself is in single precision, relative to 1 + the size.
    single: f64,
}

impl SourceRows {
    /// Reads those that an exporter wrote.
    ///
    /// # Errors
    /// They are missing or of the wrong shape, or there are none.
    pub(super) fn read(state: &State, features: usize, context: usize) -> Result<Self> {
        let [rows_name, context_name, log_prob_name] = NAMES;
        if !state.has(rows_name) {
            return Err(state.fault(format!(
                "no `{rows_name}` and `{log_prob_name}`: rows of the flow and its log-densities, by which \
                 the import is checked; the exporter writes them"
            )));
        }
        let ([n, _], _) = state.matrix(rows_name)?;
        if n == 0 {
            return Err(state.fault(format!("`{rows_name}`: found no rows, expected some")));
        }
        let read = |name: &str, one: usize| -> Result<Vec<Vec<f64>>> {
            if one == 0 {
                return Ok(vec![Vec::new(); n]);
            }
            let data = &state.shaped(name, &[n, one])?.data;
            // What the engine reads of them.
            Ok(data
                .chunks(one)
                .map(|row| row.iter().map(|x| f64::from(*x as f32)).collect())
                .collect())
        };
        let (rows, context) = (read(rows_name, features)?, read(context_name, context)?);
        let log_prob = state.vector(log_prob_name, n)?.to_vec();
        let mut single = 0.0;
        if state.has(SINGLE) {
            let own = &state.shaped(SINGLE, &[n])?.data;
            single = greatest(own.iter().copied(), &log_prob);
        }
        Ok(Self { rows, context, log_prob, single })
    }

    /// Gives the log-densities what they lack (nats).
    pub(super) fn raise(&mut self, lacks: f64) {
        self.log_prob.iter_mut().for_each(|log_prob| *log_prob += lacks);
    }

    /// The contexts of the first `n` rows, flattened.
    pub fn contexts(&self, n: usize) -> Vec<f32> {
        self.context.iter().take(n).flatten().map(|x| *x as f32).collect()
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The greatest difference of a log-density (of a context and a row) from the source's, relative to
    /// 1 + its size; infinite where one is no number.
    pub fn difference(&self, log_prob: impl Fn(&[f64], &[f64]) -> f64) -> f64 {
        let rows = self.rows.iter().zip(&self.context);
        greatest(rows.map(|(row, context)| log_prob(context, row)), &self.log_prob)
    }

    /// How far off the source itself is in single precision.
    pub fn single(&self) -> f64 {
        self.single
    }

    /// How far off the engine may be: [`CLOSE`], or [`AS_GOOD`] times what the source itself is in single
    /// precision, where a flow is so ill-conditioned that 32 bits cannot do it.
    pub fn allowed(&self) -> f64 {
        CLOSE.max(AS_GOOD * self.single)
    }

    /// The same of the engine's.
    ///
    /// # Errors
    /// A model that cannot be run.
    pub fn difference_of(
        &self,
        model: &Model,
    ) -> std::result::Result<f64, pushforward::model::ModelError> {
        let sampler = model.sampler()?;
        let narrow = |xs: &[f64]| xs.iter().map(|x| *x as f32).collect::<Vec<f32>>();
        Ok(self.difference(|context, row| {
            let mut out = [f32::NAN];
            // A row of another length scores NaN, which is no small difference.
            let _scored = sampler.given(&narrow(context)).try_log_prob(&narrow(row), &mut out);
            f64::from(out[0])
        }))
    }

    /// As a file keeps them.
    pub(super) fn to_json(&self) -> Value {
        json!({
            "rows": self.rows,
            "context": self.context,
            "log_prob": self.log_prob,
            "single": self.single,
        })
    }

    /// Those that a model's file keeps, with the library's name and version; `None` if it keeps none.
    pub fn of(model: &Model) -> Option<(String, Self)> {
        let source = model.provenance.get("source")?;
        let table = |name: &str| -> Option<Vec<Vec<f64>>> {
            serde_json::from_value(source.get(name)?.clone()).ok()
        };
        let log_prob: Vec<f64> = serde_json::from_value(source.get("log_prob")?.clone()).ok()?;
        let (rows, context) = (table("rows")?, table("context")?);
        let text = |name: &str| source.get(name).and_then(Value::as_str).unwrap_or("?").to_string();
        let name = format!("{} {}", text("library"), text("version"));
        let whole = rows.len() == log_prob.len() && context.len() == log_prob.len();
        let single = source.get("single").and_then(Value::as_f64).unwrap_or(0.0);
        (whole && !rows.is_empty()).then_some((name, Self { rows, context, log_prob, single }))
    }
}

/// The greatest difference, relative to 1 + the size of what was expected; infinite where one is no
/// number.
fn greatest(found: impl Iterator<Item = f64>, expected: &[f64]) -> f64 {
    let each = found.zip(expected).map(|(found, expected)| {
        let difference = (found - expected).abs() / (1.0 + expected.abs());
        if difference.is_nan() { f64::INFINITY } else { difference }
    });
    each.fold(0.0, f64::max)
}
