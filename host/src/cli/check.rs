//! `check`: an audit of a model file.
//!
//! The engine's figures are held against `f64` to one part in a thousand. A flow may be
//! ill-conditioned, so that 32 bits cannot do it: where a row misses that, the bound on what
//! roundings do ([`Oracle::roundings`]) decides, and the difference between the value of a draw
//! and the density at its row is reported, with a warning where it would show.
//!
//! A conditional model is given the contexts of its golden rows, which are such as it was trained with.

use std::path::{Path, PathBuf};

use pushforward::conditional::logistics::Values;
use pushforward::domain::Kind;
use pushforward::model::{ConditionalSpec, Description, FlowSpec, Model, Support, TensorSpec};
use pushforward::simd::Level;
use pushforward_oracle::{Oracle, Roundings};
use serde_json::json;

use crate::calibration::{BINS, Calibration, DRAWS, LEVELS};
use crate::data::{Column, Columns, Reader};
use crate::error::{Error, Result};
use crate::fit::apart;
use crate::import::SourceRows;
use crate::loaded::Loaded;
use crate::paths::PathDifference;

/// Rows that each comparison looks at.
const ROWS: usize = 256;
/// Rows for the slow comparisons.
const FEW: usize = 8;
/// Largest space that is enumerated.
const MOST_STATES: usize = 1 << 20;
/// Largest dense Jacobian.
const MOST_DIM: usize = 256;
/// Largest flow whose roundings are bounded: one Jacobian for each of its layers.
const MOST_BOUNDED: usize = 64;
/// Of what networks of integers read, how near the edge between two integers roundings decide (integers).
const LEAST_EDGE: f64 = 1e-3;
/// Most rows whose ranks are audited, and the least number: ten for each bin.
const CALIBRATED: usize = 2000;
const LEAST_CALIBRATED: usize = 10 * BINS;
/// The least p-value of calibration, all ranks taken together.
const LEAST_P: f64 = 1e-3;
/// The seed of the audit's rows.
const SEED: u64 = 0x5eed;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The model file.
    model: PathBuf,
    /// Rows that the model was not trained with, in any format that is read: their ranks among draws are
    /// audited.
    #[arg(long, value_name = "DATA")]
    data: Option<PathBuf>,
    /// The columns of DATA that a conditional model is given, by header or number: speed,angle. Not
    /// needed where DATA has them by the model's names.
    #[arg(long, value_name = "COLUMNS", requires = "data", value_delimiter = ',')]
    context: Vec<String>,
    /// One JSON object on standard output.
    #[arg(long)]
    json: bool,
}

/// What a check found: `None` where it does not apply.
struct Finding {
    name: &'static str,
    holds: Option<bool>,
    detail: String,
    /// What a user should know though it holds.
    warning: Option<String>,
}

impl Finding {
    fn new(name: &'static str, holds: Option<bool>, detail: impl Into<String>) -> Finding {
        Finding { name, holds, detail: detail.into(), warning: None }
    }
}

pub(super) fn run(args: &Args) -> Result<()> {
    let model = Loaded::open(&args.model, None)?;
    let mut findings = audit(&model)?;
    if let Some(data) = &args.data {
        findings.push(calibration(&model, data, &args.context)?);
    }
    let failed: Vec<_> =
        findings.iter().filter(|f| f.holds == Some(false)).map(|f| f.name).collect();
    let warnings: Vec<_> = findings.iter().filter_map(|f| f.warning.as_ref()).collect();
    if args.json {
        let row = |f: &Finding| json!({ "name": f.name, "ok": f.holds, "detail": f.detail });
        let rows: Vec<_> = findings.iter().map(row).collect();
        super::print_json(
            &json!({ "ok": failed.is_empty(), "checks": rows, "warnings": warnings }),
        )?;
    } else {
        let word = |f: &Finding| match f.holds {
            Some(true) if f.warning.is_some() => "warning ",
            Some(true) => "ok      ",
            Some(false) => "FAILED  ",
            None => "skipped ",
        };
        let lines = findings.iter().map(|f| (format!("{}{}", word(f), f.name), f.detail.clone()));
        let mut text = super::table(&lines.collect::<Vec<_>>());
        for warning in warnings {
            text += &format!("warning: {warning}\n");
        }
        super::print(&text)?;
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(Error::Failed(format!("check failed: {}", failed.join(", "))))
    }
}

fn audit(model: &Loaded) -> Result<Vec<Finding>> {
    let mut findings = vec![integrity(model)?, stored_rows(model)?];
    findings.extend(source_rows(model)?);
    let Some((rows, log_prob)) = drawn(model) else {
        let detail = "a sample or its log-probability is not finite";
        findings.push(Finding::new("samples", Some(false), detail));
        return Ok(findings);
    };
    let oracle = Oracle::new(&model.model);
    findings.extend([
        levels_and_batches(model, &rows, &log_prob)?,
        both_paths(model),
        in_f64(model, &oracle, &rows, &log_prob),
        round_trip(model, &oracle, &rows),
        log_det(model, &oracle, &rows, &log_prob),
        normalisation(model),
    ]);
    Ok(findings)
}

/// Ranks of data among draws.
fn calibration(model: &Loaded, data: &Path, context: &[String]) -> Result<Finding> {
    let name = "calibration";
    if model.is_discrete() {
        return Ok(Finding::new(name, None, "discrete values tie, ranks are of real ones"));
    }
    let column = |name: &String| name.parse().map_or(Column::Name(name.clone()), Column::Number);
    let given: Vec<Column> = context.iter().map(column).collect();
    let mut reader = Reader::open(data, None, model.domain())?;
    let one = model.model.description().context();
    let named = match model.model.names().filter(|_| given.is_empty() || given.len() == one) {
        Some(names) => Columns::named(data, &mut reader, names, &given)?,
        None => None,
    };
    if named.is_none() && given.len() != one {
        let found = context.len();
        return Err(Error::Usage(format!(
            "--context: found {found} columns, expected {one}, the model's context"
        )));
    }
    let columns = match named {
        Some(columns) => columns,
        None => Columns::of(data, &mut reader, &[], &given, Some(model.dim()))?,
    };
    let mut values = Vec::new();
    reader.next_rows(CALIBRATED, &mut values)?;
    columns.order(&mut values);
    let (rows, contexts) = apart(&values, columns.dim, columns.width());
    let found = Calibration::measure(model, &rows, &contexts, SEED);
    if found.rows < LEAST_CALIBRATED {
        let n = found.rows;
        return Err(Error::input(
            data,
            format!("has {n} rows, expected {LEAST_CALIBRATED} for the bins of their ranks"),
        ));
    }
    let (p, worst) = found.p_value();
    let (ranks, what) = match worst {
        Some(d) => (&found.coordinates[d], columns.name(d)),
        None => (&found.density, "ln q".into()),
    };
    let error = |share: f64| (share * (1.0 - share) / found.rows as f64).sqrt();
    let covered: Vec<String> = std::iter::zip(LEVELS, found.coverage)
        .map(|(level, share)| format!("{share:.3} ± {:.3} in {level}", error(level)))
        .collect();
    let detail = format!(
        "ranks of {} rows among {DRAWS} draws: p = {p:.2} (at least {LEAST_P}), least of {what}: {:?}; \
         regions of highest density hold {}",
        found.rows,
        ranks.bins,
        covered.join(", ")
    );
    Ok(Finding::new(name, Some(p >= LEAST_P), detail))
}

fn drawn(model: &Loaded) -> Option<(Vec<f32>, Vec<f32>)> {
    let (mut rows, mut log_prob) = (vec![0f32; ROWS * model.dim()], vec![0.0; ROWS]);
    let contexts = model.contexts(0, ROWS);
    model.given(&contexts).sample(SEED, 0, &mut rows, Some(&mut log_prob));
    rows.iter().chain(&log_prob).all(|x| x.is_finite()).then_some((rows, log_prob))
}

fn integrity(model: &Loaded) -> Result<Finding> {
    let fault = |e: &dyn std::fmt::Display| Error::Failed(e.to_string());
    let again = Model::from_bytes(&model.model.to_bytes().map_err(|e| fault(&e))?)
        .map_err(|e| fault(&e))?;
    let bits = |m: &Model| m.parameters().iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    let holds = bits(&again) == bits(&model.model)
        && again.description() == model.model.description()
        && again.names() == model.model.names()
        && again.provenance == model.model.provenance;
    let detail =
        "hash, shapes, masks and finiteness hold; written and read again it is the same model"
            .to_owned();
    Ok(Finding::new("file", Some(holds), detail))
}

fn stored_rows(model: &Loaded) -> Result<Finding> {
    let name = "golden rows";
    let Some(golden) = model.model.golden() else {
        return Ok(Finding::new(name, None, "the file stores none"));
    };
    let mut holds = true;
    for level in Level::available() {
        let sampler = Loaded::new(model.model.clone())?.at(level);
        let (mut rows, mut log_prob) =
            (vec![0f32; golden.rows.len()], vec![0.0; golden.log_prob.len()]);
        let given = sampler.sampler().given(&golden.context);
        given.sample(golden.seed, 0, &mut rows, Some(&mut log_prob));
        holds &= same_bits(&rows, &golden.rows) && same_bits(&log_prob, &golden.log_prob);
    }
    let detail = format!("{} rows drawn again, at {}", golden.log_prob.len(), level_names());
    Ok(Finding::new(name, Some(holds), detail))
}

/// Of an imported model: the log-densities that its source gave.
fn source_rows(model: &Loaded) -> Result<Option<Finding>> {
    let Some((source, rows)) = SourceRows::of(&model.model) else { return Ok(None) };
    let found = rows.difference_of(&model.model).map_err(|e| Error::Failed(e.to_string()))?;
    let detail = format!(
        "ln q of {} rows is that of {source} to {found:.1e} of 1 + its size (at most {:.1e})",
        rows.len(),
        rows.allowed()
    );
    Ok(Some(Finding::new("source", Some(found <= rows.allowed()), detail)))
}

fn level_names() -> String {
    Level::available().map(Level::name).collect::<Vec<_>>().join(", ")
}

fn same_bits(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}

fn levels_and_batches(model: &Loaded, rows: &[f32], log_prob: &[f32]) -> Result<Finding> {
    let dim = model.dim();
    let mut holds = true;
    for level in Level::available() {
        let sampler = Loaded::new(model.model.clone())?.at(level);
        for batch in [1, 7, 64] {
            let (mut r, mut l) = (vec![0f32; rows.len()], vec![0.0; log_prob.len()]);
            let parts = r.chunks_mut(batch * dim).zip(l.chunks_mut(batch)).enumerate();
            for (i, (r, l)) in parts {
                let contexts = model.contexts((i * batch) as u64, l.len());
                let given = sampler.sampler().given(&contexts);
                given.sample(SEED, (i * batch) as u64, r, Some(l));
            }
            holds &= same_bits(&r, rows) && same_bits(&l, log_prob);
        }
    }
    let detail = format!(
        "{ROWS} rows are bit-equal at {} and in batches of 1, 7, 64, {ROWS}",
        level_names()
    );
    Ok(Finding::new("one stream", Some(holds), detail))
}

fn both_paths(model: &Loaded) -> Finding {
    let found = PathDifference::measure(model, SEED);
    let holds = found.overflowed == 0 && (model.has_map() || found.max == 0.0);
    let mut finding = Finding::new("sample path = density path", Some(holds), found.text());
    match found.warning() {
        Some(fault) if !holds => finding.detail = fault,
        warning => finding.warning = warning,
    }
    finding
}

/// A comparison with `f64`, row by row: each may be off a little, or by what roundings do to it.
struct Comparison<'a> {
    loaded: &'a Loaded,
    oracle: &'a Oracle<'a>,
    allowed: f64,
    worst: f64,
    holds: bool,
    /// Rows that were off by more than is allowed.
    bounded: usize,
    /// The noise of a flow's first samples.
    noise: Vec<Vec<f64>>,
}

impl<'a> Comparison<'a> {
    fn new(loaded: &'a Loaded, oracle: &'a Oracle<'a>, allowed: f64) -> Self {
        let noise = noise(loaded);
        Comparison { loaded, oracle, allowed, worst: 0.0, holds: true, bounded: 0, noise }
    }

    /// Sample number `i` is `off`, in units of what is compared; in nats or of the noise that is a
    /// `difference`, for which there is a `bound`.
    fn row(&mut self, i: usize, off: f64, difference: f64, bound: fn(Roundings) -> f64) {
        self.worst = self.worst.max(off);
        if off > self.allowed {
            self.bounded += 1;
            self.holds &= self.excuses(i, difference, bound);
        }
    }

    fn excuses(&self, i: usize, difference: f64, bound: fn(Roundings) -> f64) -> bool {
        let dim = self.loaded.dim();
        let context = wide(&self.loaded.contexts(i as u64, 1));
        if !self.loaded.has_map() {
            // All that is rounded over sites is a context.
            return self.oracle.edge(&context, &[]) < LEAST_EDGE;
        }
        let Some(noise) = self.noise.get(i).filter(|_| dim <= MOST_BOUNDED) else { return false };
        let row = self.oracle.to_data(&context, noise).0;
        if self.oracle.edge(&context, &row) < LEAST_EDGE {
            return true;
        }
        let bound = bound(self.oracle.roundings(&context, noise));
        // Beyond 1 nothing is bounded: 32 bits have no digits left.
        bound.is_nan() || bound > 1.0 || difference <= bound
    }

    /// `what` was compared, relative to `of`.
    fn finding(self, name: &'static str, what: &str, of: &str) -> Finding {
        let Comparison { worst, allowed, bounded, .. } = self;
        let mut detail = format!("{what} {worst:.1e} of max(1, |{of}|), allowed {allowed:.0e}");
        if bounded > 0 {
            detail +=
                &format!(" or what roundings may do to an ill-conditioned flow ({bounded} rows)");
        }
        Finding::new(name, Some(self.holds), detail)
    }
}

/// A comparison of ln q with what `f64` says and how far off that may be.
fn against(
    model: &Loaded,
    oracle: &Oracle<'_>,
    name: &'static str,
    what: &str,
    log_prob: &[f32],
    exact: impl Fn(usize) -> [f64; 2],
) -> Finding {
    let mut comparison = Comparison::new(model, oracle, 1e-3);
    for (i, log_prob) in log_prob.iter().enumerate() {
        let ([exact, error], found) = (exact(i), f64::from(*log_prob));
        let off = largest([relative(exact, found)].into_iter());
        comparison.row(i, off, (exact - found).abs() - 10.0 * error, |r| r.log_prob);
    }
    comparison.finding(name, what, "ln q")
}

fn in_f64(model: &Loaded, oracle: &Oracle<'_>, rows: &[f32], log_prob: &[f32]) -> Finding {
    let rows: Vec<_> = rows.chunks_exact(model.dim()).take(FEW).map(wide).collect();
    let what = "largest difference from f64";
    against(model, oracle, "log-probability in f64", what, &log_prob[..rows.len()], |i| {
        [oracle.log_prob(&wide(&model.contexts(i as u64, 1)), &rows[i]), 0.0]
    })
}

fn round_trip(model: &Loaded, oracle: &Oracle<'_>, rows: &[f32]) -> Finding {
    let name = "round trip";
    if !model.has_map() {
        return Finding::new(name, None, "distributions over sites have no inverse map");
    }
    let mut comparison = Comparison::new(model, oracle, 1e-2);
    let supports = base(model).map_or_else(Vec::new, |flow| flow.supports());
    for (i, row) in rows.chunks_exact(model.dim()).take(FEW).enumerate() {
        let Some(z) = comparison.noise.get(i) else { continue };
        let context = wide(&model.contexts(i as u64, 1));
        let mut back = oracle.to_noise(&context, &wide(row)).0;
        for ((back, z), support) in back.iter_mut().zip(z).zip(&supports) {
            // The ends of a circle are one point, and those of an interval may stand for it.
            if let Support::Interval { bound } | Support::Circle { bound } = support {
                let turn = 2.0 * f64::from(*bound);
                *back -= turn * ((*back - z) / turn).round();
            }
        }
        let off = largest(back.iter().zip(z).map(|(a, b)| relative(*a, *b)));
        let away = largest(back.iter().zip(z).map(|(a, b)| (a - b).abs()));
        comparison.row(i, off, away, |roundings| roundings.noise);
    }
    comparison.finding(name, "row back to its noise in f64: largest difference", "z")
}

fn log_det(model: &Loaded, oracle: &Oracle<'_>, rows: &[f32], log_prob: &[f32]) -> Finding {
    let name = "log-det of the Jacobian";
    let dim = model.dim();
    if !model.has_map() {
        return Finding::new(name, None, "distributions over sites have none");
    }
    if dim > MOST_DIM {
        return Finding::new(name, None, format!("dimension {dim}, dense up to {MOST_DIM}"));
    }
    let few = if dim > 64 { 2 } else { FEW };
    let rows: Vec<_> = rows.chunks_exact(dim).take(few).map(wide).collect();
    let what = "dense, by differences in f64: largest difference";
    against(model, oracle, name, what, &log_prob[..rows.len()], |i| {
        let context = wide(&model.contexts(i as u64, 1));
        let [log_det, error] = oracle.log_det_by_differences(&context, &rows[i]);
        [oracle.base_log_prob(&oracle.to_noise(&context, &rows[i]).0) + log_det, error]
    })
}

/// A flow without its layers: its base.
fn base(model: &Loaded) -> Option<FlowSpec> {
    let Description::Flow(flow) = model.model.description() else { return None };
    let (shape, base) = (flow.shape.clone(), flow.base.clone());
    Some(FlowSpec { shape, context: 0, embedding: None, base, layers: Vec::new() })
}

/// The noise of a flow's first samples: those of its base alone.
fn noise(model: &Loaded) -> Vec<Vec<f64>> {
    let drawn = || -> Option<Vec<f32>> {
        let flow = Description::Flow(base(model)?);
        let of = |spec: TensorSpec| model.model.tensor(&spec.name).map(|tensor| &tensor.data[..]);
        let weights: Option<Vec<&[f32]>> = flow.tensors().into_iter().map(of).collect();
        let mut alone = Model::new(flow, model.model.arithmetic()).ok()?;
        alone.set_parameters(&weights?.concat()).ok()?;
        let mut rows = vec![0.0; FEW * model.dim()];
        alone.sampler().ok()?.sample(SEED, 0, &mut rows, None);
        Some(rows)
    };
    drawn().unwrap_or_default().chunks_exact(model.dim()).map(wide).collect()
}

fn normalisation(model: &Loaded) -> Finding {
    let name = "normalisation";
    let dim = model.dim();
    let columns = match model.model.description() {
        Description::Sites(sites) => match &sites.conditional {
            ConditionalSpec::Logistics(spec) => &spec.columns[..],
            _ => &[],
        },
        Description::Flow(_) => &[],
    };
    // How many values a site has, the first of them, and the step from one to the next.
    let sizes = (0..dim).map(|d| match model.domain().kind(d) {
        Kind::Real => {
            columns.get(d).filter(|column| column.values == Values::Integer).map(|column| {
                let [least, most] = column.ends();
                ((most - least) as usize + 1, least, 1.0)
            })
        }
        Kind::Spin => Some((2, -1.0, 2.0)),
        Kind::Category(n) => Some((n as usize, 0.0, 1.0)),
    });
    let sizes: Option<Vec<_>> = sizes.collect();
    let states = sizes.as_ref().and_then(|sizes| {
        sizes.iter().try_fold(1usize, |states, (n, ..)| {
            states.checked_mul(*n).filter(|states| *states <= MOST_STATES)
        })
    });
    let (Some(sizes), Some(states)) = (sizes, states) else {
        let detail = format!(
            "enumerated for discrete values and bounded integers, up to {MOST_STATES} states"
        );
        return Finding::new(name, None, detail);
    };
    let (mut rows, mut log_prob) = (Vec::new(), vec![0.0; states.min(1 << 14)]);
    let context = model.contexts(0, 1);
    let mut total = 0f64;
    for first in (0..states).step_by(log_prob.len()) {
        rows.clear();
        for mut state in first..states.min(first + log_prob.len()) {
            rows.extend(sizes.iter().map(|(n, least, step)| {
                let value = state % n;
                state /= n;
                least + step * value as f32
            }));
        }
        let log_prob = &mut log_prob[..rows.len() / dim];
        model.given(&context).log_prob(&rows, log_prob);
        total += log_prob.iter().map(|l| f64::from(*l).exp()).sum::<f64>();
    }
    let error = total.ln();
    let detail = format!("ln Σ q = {error:.1e} over {states} states, allowed 1e-5");
    Finding::new(name, Some(error.abs() <= 1e-5), detail)
}

fn wide(row: &[f32]) -> Vec<f64> {
    row.iter().map(|x| f64::from(*x)).collect()
}

fn relative(a: f64, b: f64) -> f64 {
    (a - b).abs() / b.abs().max(1.0)
}

/// The largest, a NaN counting as infinite.
fn largest(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0, |a, b| if b.is_nan() { f64::INFINITY } else { a.max(b) })
}
