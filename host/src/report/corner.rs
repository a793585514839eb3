//! The corner plot: every coordinate's marginal, and every pair of them.
//!
//! The diagonal holds histograms, below it lie draws and data in the plane of two coordinates. Ranges
//! are those of the histograms. Pairs of discrete coordinates are spread over the cell of their values,
//! so that cells are as dense as they are likely.

use super::bins::{Bins, Sample};
use super::plot::{self, MODEL, Mark, Panel, Placed, TRUTH};
use super::scale::Scale;
use super::{Figure, Key, outside};

/// Coordinates that are shown: of more, the first.
pub(super) const MOST: usize = 8;
/// Dots of all panels together, of each of model and data, and of one panel.
const DOTS: usize = 24_000;
const DOTS_OF_PANEL: usize = 2000;
/// Dots of one colour that lie above those of the other: both are to be seen.
const LAYER: usize = 200;

/// Rows that are drawn, and whose they are.
pub(super) struct Source<'a> {
    /// `[n][dim]`.
    pub(super) rows: &'a [f32],
    /// One a row.
    pub(super) weights: Option<&'a [f64]>,
    /// For the legend and the caption.
    pub(super) name: &'static str,
}

/// The model's rows and, if there is anything to hold them against, that. Rows with weights have
/// marginals alone.
pub(super) fn figure(dim: usize, names: &[String], sources: &[Source<'_>]) -> Figure {
    let shown = dim.min(MOST);
    let column = |rows: &[f32], d: usize| -> Vec<f64> {
        rows.iter().skip(d).step_by(dim).map(|x| f64::from(*x)).collect()
    };
    let columns: Vec<Vec<Vec<f64>>> =
        sources.iter().map(|source| (0..shown).map(|d| column(source.rows, d)).collect()).collect();
    let sample =
        |s: usize, d: usize| Sample { values: &columns[s][d], weights: sources[s].weights };
    let all = |d: usize| (0..sources.len()).map(move |s| (s, d));
    let bins: Vec<Bins> = (0..shown)
        .map(|d| Bins::of(&all(d).map(|(s, d)| sample(s, d)).collect::<Vec<_>>()))
        .collect();
    let colour = |s: usize| [MODEL, TRUTH][s % 2];
    let mut panels = Vec::new();
    for d in 0..shown {
        let counts: Vec<_> = all(d).map(|(s, d)| bins[d].count(sample(s, d)).heights).collect();
        let mut marks = Vec::new();
        for (s, heights) in counts.iter().enumerate() {
            let (bins, heights) = (bins[d].clone(), heights.clone());
            marks.push(match s {
                0 => Mark::Bars(bins, heights, colour(s)),
                _ => Mark::Outline(bins, heights, colour(s)),
            });
        }
        let most = counts.iter().flatten().copied().fold(0.0, f64::max);
        let name = if shown == 1 { bins[d].measure() } else { "" };
        let panel = Panel {
            x: Scale::of(&names[d], &bins[d]),
            y: Scale::new(name, [0.0, 1.06 * most]),
            marks,
        };
        panels.push(Placed { panel, at: [d, d], labelled: [d + 1 == shown, shown == 1] });
    }
    let dots = (DOTS / (shown * shown.saturating_sub(1) / 2).max(1)).min(DOTS_OF_PANEL);
    for (row, column) in (0..shown).flat_map(|row| (0..row).map(move |column| (row, column))) {
        let points = |s: usize| -> Vec<[f64; 2]> {
            let pairs = std::iter::zip(&columns[s][column], &columns[s][row]).take(dots);
            let spread = |(i, (x, y)): (usize, (&f64, &f64))| {
                [x + offset(&bins[column], i, 0), y + offset(&bins[row], i, 1)]
            };
            pairs.enumerate().map(spread).collect()
        };
        let of: Vec<_> = (0..sources.len()).filter(|s| sources[*s].weights.is_none()).collect();
        let of: Vec<_> = of.into_iter().map(|s| (points(s), colour(s))).collect();
        let layer = |l: usize| {
            of.iter().filter_map(move |(points, colour)| {
                Some(Mark::Points(points.chunks(LAYER).nth(l)?.to_vec(), *colour))
            })
        };
        let panel = Panel {
            x: Scale::of(&names[column], &bins[column]),
            y: Scale::of(&names[row], &bins[row]),
            marks: (0..dots.div_ceil(LAYER)).flat_map(layer).collect(),
        };
        let labelled = [row + 1 == shown, column == 0];
        panels.push(Placed { panel, at: [column, row], labelled });
    }
    let size = match shown {
        1 => plot::WIDE,
        2 => [520.0, 520.0],
        3 => [420.0, 420.0],
        _ => [(1560.0 / shown as f64).floor(), (1560.0 / shown as f64).floor()],
    };
    let counts = sources.iter().filter(|source| source.weights.is_none()).map(|source| {
        let n = source.rows.len() / dim;
        let beyond = |row: &&[f32]| {
            let inside = |(x, bins): (&f32, &Bins)| {
                let [low, high] = bins.ends();
                (low..=high).contains(&f64::from(*x))
            };
            !row.iter().zip(&bins).all(inside)
        };
        (source.name, source.rows.chunks_exact(dim).filter(beyond).count(), n)
    });
    let mut caption = outside(&counts.collect::<Vec<_>>());
    if dim > shown {
        caption = format!("The first {shown} of {dim} coordinates. {caption}");
    }
    let keys = sources.iter().enumerate();
    let keys = keys.map(|(s, source)| Key::new(colour(s), source.name)).collect();
    let title = if sources.len() > 1 { "Model and data" } else { "Model" };
    let title =
        if sources.iter().any(|s| s.weights.is_some()) { "Model and target" } else { title };
    let svg = plot::grid(title, size, panels);
    Figure { keys, caption, broad: shown > 2, ..Figure::new(title, svg) }
}

/// Where in its cell a discrete value's dot lies.
fn offset(bins: &Bins, i: usize, axis: usize) -> f64 {
    // Multiples of two irrational numbers fill the square evenly (Roberts 2018).
    const STEPS: [f64; 2] = [0.754_877_666_246_692_7, 0.569_840_290_998_053_2];
    let place = (STEPS[axis] * (i + 1) as f64).fract() - 0.5;
    bins.spacing.map_or(0.0, |spacing| 0.7 * spacing * place)
}
