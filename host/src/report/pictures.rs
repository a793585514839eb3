//! What a run's model is like: its draws beside what it learnt, the weights of a Hamiltonian's draws,
//! the ranks of rows it was not trained with.
//!
//! All is drawn again from the model file, so a report made later shows what the one that `train`
//! wrote showed.

use super::bins::{Bins, Sample};
use super::corner::{self, Source};
use super::left::Left;
use super::plot::{self, Colour, MODEL, Mark, Panel, Placed, TRUTH};
use super::scale::Scale;
use super::{Figure, GoOn, Key, outside};
use crate::calibration::{BINS, Calibration, DRAWS, LEVELS, Ranks};
use crate::error::Result;
use crate::fit::apart;
use crate::loaded::Loaded;
use crate::problem::Problem;
use crate::train::{Target, row_width};

/// Draws that are looked at, and rows of the data.
const DRAWN: usize = 20_000;
/// Values of draws that are kept at most, and of rows of the data.
const KEPT: usize = 1 << 23;
/// Multiply-adds that draws may take, and those that rows are ranked among: some seconds. Of larger
/// models there are fewer draws.
const WORK: u64 = 1 << 37;
/// Lattices that are shown.
const LATTICES: usize = 12;
/// In rows of so many.
const LATTICES_WIDE: usize = 6;
/// Held-out rows whose ranks are shown.
const RANKED: usize = 1000;
/// The least number that is: a few for each bin.
const LEAST_RANKED: usize = 4 * BINS;
/// The seed of the draws they are ranked among.
const RANK_SEED: u64 = 0x72_616e_6b73;
/// Standard errors that hold 99 of 100 bins of a calibrated model.
const BAND: f64 = 2.576;

/// The pictures of a run that has a model; of `problem` as much as there is.
pub(super) fn figures(
    left: &Left,
    model: &Loaded,
    problem: Option<&Problem>,
    go_on: GoOn<'_>,
) -> Result<Vec<Figure>> {
    let draws = Draws::new(model, problem, left.seed(), go_on)?;
    let weights = draws.weights();
    let mut figures = Vec::new();
    if let [height, width] = *model.model.description().shape() {
        let lattices = |title: &str, rows: &[f32]| {
            let rows = &rows[..rows.len().min(LATTICES * height * width)];
            let svg = plot::cells(title, rows, [height, width], LATTICES_WIDE);
            Figure { caption: "White is the largest value.".into(), ..Figure::new(title, svg) }
        };
        figures.push(lattices("Draws of the model", &draws.rows));
        if !draws.data.is_empty() {
            figures.push(lattices("Rows of the data", &draws.data));
        }
    } else {
        let mut sources = vec![Source { rows: &draws.rows, weights: None, name: "model" }];
        if !draws.data.is_empty() {
            sources.push(Source { rows: &draws.data, weights: None, name: "data" });
        } else if !weights.is_empty() {
            let (rows, weights) = (&draws.rows, Some(&weights[..]));
            sources.push(Source { rows, weights, name: "target, by weights" });
        }
        figures.push(corner::figure(model.dim(), &left.coordinates(model.dim()), &sources));
    }
    if let Some((energy, _)) = problem.and_then(|problem| problem.energy.as_ref()) {
        figures.push(energies(energy.name(), &draws, &weights));
        figures.push(importance(left, &draws));
    }
    if let Some(problem) = problem
        && !model.is_discrete()
        && !problem.validation.is_empty()
    {
        go_on()?;
        figures.extend(ranks(left, model, problem));
    }
    Ok(figures)
}

/// Draws, and what they are held against.
struct Draws {
    /// As many as are shown.
    rows: Vec<f32>,
    /// Rows of the data, each given the context that the draw of its place was given.
    data: Vec<f32>,
    energies: Vec<f64>,
    ln_w: Vec<f64>,
}

impl Draws {
    fn new(model: &Loaded, problem: Option<&Problem>, seed: u64, go_on: GoOn<'_>) -> Result<Draws> {
        let (dim, one) = (model.dim(), model.model.description().context());
        let lattice = model.model.description().shape().len() == 2;
        let drawn = affordable(model).clamp(LATTICES, DRAWN);
        let kept = if lattice { LATTICES } else { drawn.min(KEPT / dim).max(1) };
        let width = dim + one;
        let data: Vec<f32> = match problem.map(|problem| (&problem.target, &problem.units)) {
            Some((Target::Data { rows }, units)) => {
                let raw = |row: &[f32]| units.as_ref().map_or(row.to_vec(), |u| u.raw(row));
                let rows = rows.first(kept, width)?;
                rows.chunks_exact(width).flat_map(raw).collect()
            }
            _ => Vec::new(),
        };
        let (data, contexts) = apart(&data, dim, width);
        let energy = problem.and_then(|problem| problem.energy.as_ref());
        let mut draws =
            Draws { rows: Vec::new(), data: data.into(), energies: Vec::new(), ln_w: Vec::new() };
        let n = match energy {
            Some(_) => drawn,
            None if one > 0 && !contexts.is_empty() => contexts.len() / one,
            None => kept,
        };
        let contexts = if contexts.is_empty() { model.contexts(0, n) } else { contexts };
        let chunk = model.chunk_rows().min(n);
        let (mut rows, mut log_q) = (vec![0f32; chunk * dim], vec![0f32; chunk]);
        for first in (0..n).step_by(chunk) {
            go_on()?;
            let m = chunk.min(n - first);
            let (rows, log_q) = (&mut rows[..m * dim], &mut log_q[..m]);
            let given = &contexts[first * one..(first + m) * one];
            model.given(given).sample(seed, first as u64, rows, Some(log_q));
            let room = (kept * dim).saturating_sub(draws.rows.len());
            draws.rows.extend_from_slice(&rows[..rows.len().min(room)]);
            if let Some((energy, hamiltonian)) = energy {
                let energies = energy.energies_of_rows(rows);
                let ln_w = |(e, ln_q): (&f64, &f32)| -hamiltonian.beta() * e - f64::from(*ln_q);
                draws.ln_w.extend(energies.iter().zip(log_q.iter()).map(ln_w));
                draws.energies.extend(energies);
            }
        }
        Ok(draws)
    }

    /// The importance weights, the largest being 1; 0 for a draw that has none.
    fn weights(&self) -> Vec<f64> {
        let finite = self.ln_w.iter().copied().filter(|x| x.is_finite());
        let most = finite.fold(f64::NEG_INFINITY, f64::max);
        let weight = |x: &f64| if x.is_finite() { (x - most).exp() } else { 0.0 };
        self.ln_w.iter().map(weight).collect()
    }
}

fn energies(name: &str, draws: &Draws, weights: &[f64]) -> Figure {
    let model = Sample::from(&draws.energies[..]);
    let target = Sample { weights: Some(weights), ..model };
    let bins = Bins::of(&[model, target]);
    let [model, target] = [model, target].map(|sample| bins.count(sample));
    let most = model.heights.iter().chain(&target.heights).copied().fold(0.0, f64::max);
    let title = "Energy of model and target";
    let panel = Panel {
        x: Scale::of(format!("energy of {name}"), &bins),
        y: Scale::new(bins.measure(), [0.0, 1.06 * most]),
        marks: vec![
            Mark::Bars(bins.clone(), model.heights, MODEL),
            Mark::Outline(bins, target.heights, TRUTH),
        ],
    };
    let keys = vec![Key::new(MODEL, "model"), Key::new(TRUTH, "target, by weights")];
    let caption = outside(&[("draws", model.outside, draws.energies.len())]);
    Figure { keys, caption, ..Figure::new(title, plot::wide(title, panel)) }
}

fn importance(left: &Left, draws: &Draws) -> Figure {
    let sample = Sample::from(&draws.ln_w[..]);
    let bins = Bins::of(&[sample]);
    let counts = bins.count(sample);
    let most = counts.heights.iter().copied().fold(0.0, f64::max);
    let title = "Importance weights";
    let mut marks = vec![Mark::Bars(bins.clone(), counts.heights, MODEL)];
    let mut caption = String::new();
    if let Some(n) = left.number("n") {
        let k_hat = left.number("k_hat").map_or("not fitted".into(), |k| format!("{k:.2}"));
        caption = format!("Of n = {n} draws: Pareto k̂ {k_hat}");
        if let (Some(ess), Some(share)) = (left.number("ess"), left.number("largest_weight")) {
            let share = 100.0 * share;
            caption += &format!(
                ", effective sample size {ess:.3} of n, largest weight {share:.2} % of the sum"
            );
        }
        caption += ".";
    }
    if let Some(ln_z) = left.number("ln_z") {
        marks.push(Mark::Upright(ln_z, Colour::Ink));
        caption += " The upright line: ln Z, the logarithm of their mean.";
    }
    caption = format!("{caption} {}", outside(&[("draws", counts.outside, draws.ln_w.len())]));
    let panel = Panel {
        x: Scale::of("ln w (nats)", &bins),
        y: Scale::new(bins.measure(), [0.0, 1.06 * most]),
        marks,
    };
    Figure { caption, ..Figure::new(title, plot::wide(title, panel)) }
}

/// How many draws are worth their time.
fn affordable(model: &Loaded) -> usize {
    let one = model.model.description().multiply_adds().max(1) as u64;
    usize::try_from(WORK / one).unwrap_or(usize::MAX)
}

/// The ranks of held-out rows among the model's draws; none where there are too few rows to fill bins.
fn ranks(left: &Left, model: &Loaded, problem: &Problem) -> Option<Figure> {
    // A row costs its draws and their scores.
    let one = DRAWS * (1 + model.model.description().passes());
    let most = RANKED.min(affordable(model) / one);
    let (dim, width) = (model.dim(), row_width(problem.model.description()));
    let rows = problem.validation.chunks_exact(width).take(most);
    let raw = |row: &[f32]| problem.units.as_ref().map_or(row.to_vec(), |u| u.raw(row));
    let rows: Vec<f32> = rows.flat_map(raw).collect();
    let (rows, contexts) = apart(&rows, dim, width);
    if rows.len() < LEAST_RANKED * dim {
        return None;
    }
    let found = Calibration::measure(model, &rows, &contexts, RANK_SEED);
    let expected = found.rows as f64 / BINS as f64;
    let error = (expected * (1.0 - 1.0 / BINS as f64)).sqrt();
    let band = [(expected - BAND * error).max(0.0), expected + BAND * error];
    let names = left.coordinates(dim);
    let shown = dim.min(corner::MOST);
    let all = found.coordinates[..shown].iter().zip(names.iter().map(String::as_str));
    let all: Vec<(&Ranks, &str)> = all.chain([(&found.density, "ln q")]).collect();
    let counts = all.iter().flat_map(|(ranks, _)| ranks.bins).map(|n| n as f64);
    let most = 1.08 * counts.fold(band[1], f64::max);
    let bins = Bins { start: 0.0, width: 10.0, number: BINS, spacing: None };
    let columns = all.len().min(5);
    let panels = all.iter().enumerate().map(|(i, (ranks, name))| {
        let heights = ranks.bins.iter().map(|n| *n as f64).collect();
        let band = [0.0, DRAWS as f64 + 1.0].map(|x| [x, band[0], band[1]]);
        let marks = vec![
            Mark::Band(band.to_vec(), TRUTH),
            Mark::Bars(bins.clone(), heights, MODEL),
            Mark::Level(expected, TRUTH),
        ];
        let panel = Panel {
            x: Scale::new(format!("rank of {name}"), bins.ends()),
            y: Scale::new(if i % columns == 0 { "rows" } else { "" }, [0.0, most]),
            marks,
        };
        Placed { panel, at: [i % columns, i / columns], labelled: [true, i % columns == 0] }
    });
    let title = "Calibration";
    let svg = plot::grid(title, [340.0, 260.0], panels.collect());
    let (p, of) = found.p_value();
    let p = if p < 1e-9 { "p < 1e-9".into() } else { format!("p = {p:.2}") };
    let of = of.map_or("ln q".into(), |d| names[d].clone());
    let covered = LEVELS.iter().zip(found.coverage);
    let covered: Vec<_> = covered.map(|(level, share)| format!("{level}: {share:.3}")).collect();
    let mut caption = format!(
        "Ranks of {} held-out rows among {DRAWS} draws; those of a calibrated model are even, 99 of 100 \
         bins within the band. Of all ranks together {p}, the least of {of}. Rows in the regions of highest density of a share of {}.",
        found.rows,
        covered.join(", ")
    );
    if dim > shown {
        caption += &format!(" The first {shown} of {dim} coordinates.");
    }
    let keys = vec![Key::new(MODEL, "held-out rows"), Key::new(TRUTH, "a calibrated model")];
    Some(Figure { keys, caption, broad: all.len() > 3, ..Figure::new(title, svg) })
}
