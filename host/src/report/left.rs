//! What a run left in its folder, as a report needs it.
//!
//! `metrics.csv` must be there. A run that goes on, or was interrupted, has no model yet: its report is
//! its curves. What a finished run leaves beside them, the model in the file's units and the
//! [`Notes`], says where its data were, and they are read again for the plots that need them.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value as Json};

use crate::config::Config;
use crate::data::on_disk;
use crate::error::{Error, Result};
use crate::loaded::Loaded;
use crate::problem::Problem;
use crate::run::Notes;

/// Steps, and a figure at each of them.
pub(super) type Curve = Vec<[f64; 2]>;

/// A column of `metrics.csv`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Metric {
    Loss,
    LossError,
    Ess,
    Validation,
    Beta,
    GradientNorm,
    Rate,
}

impl Metric {
    const ALL: [Metric; 7] = [
        Metric::Loss,
        Metric::LossError,
        Metric::Ess,
        Metric::Validation,
        Metric::Beta,
        Metric::GradientNorm,
        Metric::Rate,
    ];

    fn column(self) -> &'static str {
        match self {
            Metric::Loss => "loss",
            Metric::LossError => "loss_error",
            Metric::Ess => "ess",
            Metric::Validation => "validation_nll",
            Metric::Beta => "beta",
            Metric::GradientNorm => "grad_norm",
            Metric::Rate => "learning_rate",
        }
    }
}

/// `metrics.csv`.
#[derive(Clone, Debug, Default)]
pub(super) struct Metrics {
    steps: Vec<f64>,
    /// One for each of [`Metric::ALL`]; NaN where a row has none.
    columns: [Vec<f64>; Metric::ALL.len()],
}

impl Metrics {
    fn read(path: &Path) -> Result<Metrics> {
        let mut text = std::fs::read_to_string(path).map_err(|e| Error::read(path, &e))?;
        // A run that goes on may be in the middle of a row.
        text.truncate(text.rfind('\n').map_or(0, |end| end + 1));
        let wrong = |m: &dyn std::fmt::Display| Error::input(path, m);
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let header = reader.headers().map_err(|e| wrong(&e))?.clone();
        let place = |name: &str| {
            let found = header.iter().position(|column| column == name);
            found.ok_or_else(|| {
                wrong(&format!("has no column '{name}', which a run's metrics have"))
            })
        };
        let step = place("step")?;
        let mut places = [0; Metric::ALL.len()];
        for (at, metric) in places.iter_mut().zip(Metric::ALL) {
            *at = place(metric.column())?;
        }
        let mut metrics = Metrics::default();
        for (row, record) in reader.records().enumerate() {
            let record = record.map_err(|e| wrong(&e))?;
            let number = |at: usize| {
                let field = record.get(at).unwrap_or_default();
                match field.parse() {
                    Err(_) if field.is_empty() && at != step => Ok(f64::NAN),
                    Err(_) => Err(wrong(&format!(
                        "row {}, column {}: found '{field}', expected a number",
                        row + 1,
                        &header[at]
                    ))),
                    Ok(number) => Ok::<f64, Error>(number),
                }
            };
            metrics.steps.push(number(step)?);
            for (column, at) in metrics.columns.iter_mut().zip(places) {
                column.push(number(at)?);
            }
        }
        Ok(metrics)
    }

    /// A metric where it was measured.
    pub(super) fn of(&self, metric: Metric) -> Curve {
        let column = &self.columns[metric as usize];
        let points = self.steps.iter().zip(column).map(|(step, x)| [*step, *x]);
        points.filter(|[_, x]| x.is_finite()).collect()
    }

    /// The last step with a row.
    pub(super) fn last_step(&self) -> Option<f64> {
        self.steps.last().copied()
    }
}

/// A run's folder, read.
#[derive(Debug)]
pub(super) struct Left {
    /// The folder as it was asked for.
    pub(super) folder: PathBuf,
    /// What the report calls the run.
    pub(super) name: String,
    /// Its curves.
    pub(super) curve: Metrics,
    /// The model, once there is one.
    pub(super) model: Option<Loaded>,
    /// What the run wrote down at its end.
    pub(super) notes: Option<Notes>,
    /// The config in full, if it is known.
    pub(super) config: Option<String>,
}

impl Left {
    /// Reads a run's folder.
    ///
    /// # Errors
    /// There is no such folder or it holds no `metrics.csv`; a file in it is damaged.
    pub(super) fn read(folder: &Path) -> Result<Left> {
        if !folder.is_dir() {
            let found = if folder.exists() { "is no folder" } else { "no such folder" };
            return Err(Error::input(folder, format!("{found}: expected a run's")));
        }
        let curve = Metrics::read(&folder.join("metrics.csv"))?;
        let file = folder.join("model.safetensors");
        let model = file.exists().then(|| Loaded::open(&file, None)).transpose()?;
        let notes = if model.is_some() { Notes::read(folder)? } else { None };
        let config = model.as_ref().and_then(|m| m.model.provenance.get("config")?.as_str());
        let config = config.map(str::to_owned);
        let path = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        let own = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let name = notes.as_ref().map_or(own, |notes| notes.title.clone());
        Ok(Left { folder: folder.to_owned(), name, curve, model, notes, config })
    }

    /// What the run learnt, built again from its config and its data, or why it cannot be.
    pub(super) fn problem(&self) -> std::result::Result<Problem, String> {
        let (Some(config), Some(notes)) = (&self.config, &self.notes) else {
            return Err("The folder does not say what the run learnt.".into());
        };
        // Where the config's path to the data starts.
        let data = notes.data.as_deref();
        if let Some(data) = data.filter(|data| !on_disk(data).exists()) {
            return Err(format!("The run's data, {}, are no longer there.", data.display()));
        }
        let anchor =
            data.map_or(self.folder.clone(), |data| data.to_owned()).with_file_name("config");
        let again = Config::parse(config, &anchor, &[]).and_then(|c| Problem::new(&c, &anchor));
        let problem =
            again.map_err(|e| format!("What the run learnt cannot be read again: {e}"))?;
        if problem.identity != notes.identity {
            let of = data.map_or("".into(), |data| format!(", {},", data.display()));
            return Err(format!("The run's data{of} have changed since."));
        }
        Ok(problem)
    }

    /// What the coordinates are called: as the table's header has them, else x1, x2 …
    pub(super) fn coordinates(&self, dim: usize) -> Vec<String> {
        let names = self.model.as_ref().and_then(|model| model.model.names());
        let known = names.map_or(&[][..], |names| &names.row);
        (0..dim).map(|d| known.get(d).cloned().unwrap_or_else(|| format!("x{}", d + 1))).collect()
    }

    /// A figure of the model's provenance.
    fn figure(&self, name: &str) -> Option<&Json> {
        let figures: &Map<_, _> =
            self.model.as_ref()?.model.provenance.get("figures")?.as_object()?;
        figures.get(name)
    }

    /// A figure that is a number.
    pub(super) fn number(&self, name: &str) -> Option<f64> {
        self.figure(name)?.as_f64()
    }

    /// The step whose weights are the model, where held-out rows chose it.
    pub(super) fn best_step(&self) -> Option<u64> {
        self.figure("best_step")?.as_u64()
    }

    /// The seed of the samples that the model was evaluated with; any where it was not.
    pub(super) fn seed(&self) -> u64 {
        self.figure("evaluation_seed").and_then(Json::as_u64).unwrap_or(1)
    }

    /// The largest norm of the gradient.
    pub(super) fn clip(&self) -> Option<f64> {
        let config: toml::Table = self.config.as_ref()?.parse().ok()?;
        config.get("train")?.get("clip")?.as_float()
    }

    /// β at the end.
    pub(super) fn last_beta(&self) -> f64 {
        self.curve.of(Metric::Beta).last().map_or(0.0, |p| p[1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_read_and_faults_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metrics.csv");
        let head = "step,loss,loss_error,ess,validation_nll,energy,beta,grad_norm,learning_rate\n";
        let read = |text: String| {
            std::fs::write(&path, text).unwrap();
            Metrics::read(&path).map_err(|e| e.to_string())
        };
        let rows = "10,2.5,0.1,,,,,3,1e-3\n20,1.5,0.1,,1.75,,,inf,1e-3\n30,1.2,0.";
        let metrics = read(format!("{head}{rows}")).unwrap();
        assert_eq!(metrics.of(Metric::Loss), [[10.0, 2.5], [20.0, 1.5]]);
        assert_eq!(metrics.of(Metric::Validation), [[20.0, 1.75]]);
        assert_eq!(metrics.of(Metric::GradientNorm), [[10.0, 3.0]]);
        assert!(metrics.of(Metric::Ess).is_empty() && metrics.last_step() == Some(20.0));
        assert!(read(head.into()).unwrap().last_step().is_none());
        for (text, expected) in [
            (format!("{head}10,2.5,many,,,,,3,1e-3\n"), "row 1, column loss_error: found 'many'"),
            (format!("{head},2.5,1,,,,,3,1e-3\n"), "row 1, column step: found ''"),
            (format!("{head}10,2.5\n"), "found record with 2 fields"),
            ("a,b\n1,2\n".into(), "has no column 'step'"),
            (String::new(), "has no column 'step'"),
        ] {
            let message = read(text).unwrap_err();
            assert!(message.contains("metrics.csv: ") && message.contains(expected), "{message}");
        }
    }
}
