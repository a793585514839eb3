//! `check`: an audit of a model file.

use std::path::PathBuf;

use pushforward::model::Model;
use pushforward::noise::{Stream, normal};
use pushforward::simd::{Level, Scalar};
use serde_json::json;

use crate::error::{Error, Result};
use crate::loaded::Loaded;
use crate::reference::{self, Reference};

/// Rows that each comparison looks at.
const ROWS: usize = 256;
/// Rows for the slow comparisons.
const FEW: usize = 8;
/// Largest space that is enumerated.
const MOST_SPINS: usize = 20;
/// Largest dense Jacobian.
const MOST_DIM: usize = 256;
/// The seed of the audit's rows.
const SEED: u64 = 0x5eed;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The model file.
    model: PathBuf,
    /// One JSON object on standard output.
    #[arg(long)]
    json: bool,
}

/// What a check found: `None` where it does not apply.
struct Finding {
    name: &'static str,
    holds: Option<bool>,
    detail: String,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let model = Loaded::open(&args.model, None)?;
    let findings = audit(&model)?;
    let failed: Vec<_> =
        findings.iter().filter(|f| f.holds == Some(false)).map(|f| f.name).collect();
    if args.json {
        let row = |f: &Finding| json!({ "name": f.name, "ok": f.holds, "detail": f.detail });
        let rows: Vec<_> = findings.iter().map(row).collect();
        super::print_json(&json!({ "ok": failed.is_empty(), "checks": rows }))?;
    } else {
        let word = |f: &Finding| match f.holds {
            Some(true) => "ok      ",
            Some(false) => "FAILED  ",
            None => "skipped ",
        };
        let lines = findings.iter().map(|f| (format!("{}{}", word(f), f.name), f.detail.clone()));
        super::print(&super::table(&lines.collect::<Vec<_>>()))?;
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(Error::Failed(format!("check failed: {}", failed.join(", "))))
    }
}

fn audit(model: &Loaded) -> Result<Vec<Finding>> {
    let mut findings = vec![integrity(model)?, stored_rows(model)?];
    let Some((rows, log_prob)) = drawn(model) else {
        let detail = "a sample or its log-probability is not finite".into();
        findings.push(Finding { name: "samples", holds: Some(false), detail });
        return Ok(findings);
    };
    findings.extend([
        levels_and_batches(model, &rows, &log_prob)?,
        both_paths(model, &rows, &log_prob),
        against_reference(model, &rows, &log_prob),
        round_trip(model, &rows),
        log_det(model, &rows, &log_prob),
        normalisation(model),
    ]);
    Ok(findings)
}

fn drawn(model: &Loaded) -> Option<(Vec<f32>, Vec<f32>)> {
    let (mut rows, mut log_prob) = (vec![0f32; ROWS * model.dim()], vec![0.0; ROWS]);
    model.sample(SEED, 0, &mut rows, Some(&mut log_prob));
    rows.iter().chain(&log_prob).all(|x| x.is_finite()).then_some((rows, log_prob))
}

fn integrity(model: &Loaded) -> Result<Finding> {
    let fault = |e: &dyn std::fmt::Display| Error::Failed(e.to_string());
    let again = Model::from_bytes(&model.model.to_bytes().map_err(|e| fault(&e))?)
        .map_err(|e| fault(&e))?;
    let bits = |m: &Model| m.parameters().iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    let holds = bits(&again) == bits(&model.model)
        && again.architecture() == model.model.architecture()
        && again.provenance == model.model.provenance;
    let detail =
        "hash, shapes, masks and finiteness hold; written and read again it is the same model"
            .to_owned();
    Ok(Finding { name: "file", holds: Some(holds), detail })
}

fn stored_rows(model: &Loaded) -> Result<Finding> {
    let name = "golden rows";
    let Some(golden) = model.model.golden() else {
        return Ok(Finding { name, holds: None, detail: "the file stores none".into() });
    };
    let mut holds = true;
    for level in Level::available() {
        let sampler = Loaded::new(model.model.clone())?.at(level);
        let (mut rows, mut log_prob) =
            (vec![0f32; golden.rows.len()], vec![0.0; golden.log_prob.len()]);
        sampler.sampler().sample(golden.seed, 0, &mut rows, Some(&mut log_prob));
        holds &= same_bits(&rows, &golden.rows) && same_bits(&log_prob, &golden.log_prob);
    }
    let detail = format!("{} rows drawn again, at {}", golden.log_prob.len(), level_names());
    Ok(Finding { name, holds: Some(holds), detail })
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
                sampler.sampler().sample(SEED, (i * batch) as u64, r, Some(l));
            }
            holds &= same_bits(&r, rows) && same_bits(&l, log_prob);
        }
    }
    let detail = format!(
        "{ROWS} rows are bit-equal at {} and in batches of 1, 7, 64, {ROWS}",
        level_names()
    );
    Ok(Finding { name: "one stream", holds: Some(holds), detail })
}

fn both_paths(model: &Loaded, rows: &[f32], log_prob: &[f32]) -> Finding {
    let mut scored = vec![0.0; log_prob.len()];
    model.log_prob(rows, &mut scored);
    let worst =
        largest(scored.iter().zip(log_prob).map(|(a, b)| relative((*a).into(), (*b).into())));
    // Spins score to the same bits; a flow is inverted in f32, a rounding per layer and coordinate.
    let bound = if model.spins() { 0.0 } else { 1e-3 };
    let detail = format!("largest difference {worst:.1e} of max(1, |ln q|), allowed {bound:.0e}");
    Finding { name: "sample path = density path", holds: Some(worst <= bound), detail }
}

fn against_reference(model: &Loaded, rows: &[f32], log_prob: &[f32]) -> Finding {
    let reference = Reference(&model.model);
    let pairs = rows.chunks_exact(model.dim()).zip(log_prob).take(FEW);
    let worst =
        largest(pairs.map(|(row, l)| relative(reference.log_prob(&wide(row)), (*l).into())));
    let detail = format!("largest difference from f64 {worst:.1e} of max(1, |ln q|), allowed 1e-3");
    Finding { name: "log-probability in f64", holds: Some(worst <= 1e-3), detail }
}

fn round_trip(model: &Loaded, rows: &[f32]) -> Finding {
    let name = "round trip";
    if model.spins() {
        return Finding { name, holds: None, detail: "spins have no inverse map".into() };
    }
    let reference = Reference(&model.model);
    let mut worst = 0f64;
    for (i, row) in rows.chunks_exact(model.dim()).take(FEW).enumerate() {
        let z = noise(i as u64, model.dim());
        let pushed = reference.push(&z);
        let back = reference.pull(&wide(row));
        worst = worst.max(largest(pushed.iter().zip(row).map(|(a, b)| relative(*a, (*b).into()))));
        worst = worst.max(largest(back.iter().zip(&z).map(|(a, b)| relative(*a, *b))));
    }
    let detail = format!(
        "noise to row and row to noise in f64: largest difference {worst:.1e} of max(1, |x|), allowed 1e-2"
    );
    Finding { name, holds: Some(worst <= 1e-2), detail }
}

fn log_det(model: &Loaded, rows: &[f32], log_prob: &[f32]) -> Finding {
    let name = "log-det of the Jacobian";
    let dim = model.dim();
    let skipped = |detail: String| Finding { name, holds: None, detail };
    if model.spins() {
        return skipped("spins have none".into());
    }
    if dim > MOST_DIM {
        return skipped(format!("dimension {dim}, dense up to {MOST_DIM}"));
    }
    let reference = Reference(&model.model);
    let few = if dim > 64 { 2 } else { FEW };
    let rows = rows.chunks_exact(dim).zip(log_prob).take(few).enumerate();
    let worst = largest(rows.map(|(i, (_, l))| {
        let z = noise(i as u64, dim);
        let log_det = reference::log_det_by_differences(|z| reference.push(z), &z);
        relative(reference::normal(&z) - log_det, (*l).into())
    }));
    let detail = format!(
        "dense, by differences in f64: largest difference {worst:.1e} of max(1, |ln q|), allowed 1e-3"
    );
    Finding { name, holds: Some(worst <= 1e-3), detail }
}

/// The base noise of a sample: word d gives coordinate d.
fn noise(index: u64, dim: usize) -> Vec<f64> {
    let mut stream = Stream::new(SEED);
    (0..dim).map(|d| normal(Scalar, stream.block(index, (d / 2) as u32)[d % 2]).into()).collect()
}

fn normalisation(model: &Loaded) -> Finding {
    let name = "normalisation";
    let dim = model.dim();
    if !model.spins() || dim > MOST_SPINS {
        let detail = format!("enumerated for spins, up to {MOST_SPINS} of them");
        return Finding { name, holds: None, detail };
    }
    let states = 1usize << dim;
    let chunk = states.min(1 << 14);
    let (mut rows, mut log_prob) = (vec![0i8; chunk * dim], vec![0.0; chunk]);
    let mut total = 0f64;
    for first in (0..states).step_by(chunk) {
        for (k, row) in rows.chunks_exact_mut(dim).enumerate() {
            for (d, spin) in row.iter_mut().enumerate() {
                *spin = if (first + k) >> d & 1 == 1 { 1 } else { -1 };
            }
        }
        model.log_prob(&rows, &mut log_prob);
        total += log_prob.iter().map(|l| f64::from(*l).exp()).sum::<f64>();
    }
    let error = total.ln();
    let detail = format!("ln Σ q = {error:.1e} over {states} states, allowed 1e-5");
    Finding { name, holds: Some(error.abs() <= 1e-5), detail }
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
