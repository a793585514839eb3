//! What `metrics.csv` says, over the steps: losses, β, effective sample size, gradient norm and rate.
//!
//! A loss starts high and ends where small differences matter. The axis shows what the second half of
//! the run does, and of the first what fits: the line comes in from above, and the caption says so.
//! Several runs have common axes, a colour each.

use super::left::{Curve, Left, Metric};
use super::plot::{self, COLOURS, Colour, MODEL, Mark, Panel, TRUTH};
use super::scale::{Scale, extremes};
use super::{Figure, Key};

/// Points of a curve that are drawn: of more, the least and the largest of each part.
const MOST: usize = 1500;
/// An axis of a loss shows all of a curve that reaches no further than so many times what it has to
/// show.
const WHOLE: f64 = 3.0;

/// The curves of runs, of one run or side by side.
pub(super) fn figures(runs: &[&Left]) -> Vec<Figure> {
    let mut figures = Vec::new();
    if let [run] = runs {
        figures.extend(losses(run));
    } else {
        figures.extend(metric(runs, "Loss of training batches", Metric::Loss));
        figures.extend(metric(runs, "Loss of held-out rows", Metric::Validation));
    }
    figures.extend(metric(runs, "Inverse temperature β", Metric::Beta));
    figures.extend(metric(runs, "Effective sample size of a batch", Metric::Ess));
    figures.extend(metric(runs, "Norm of the gradient", Metric::GradientNorm));
    figures.extend(metric(runs, "Learning rate", Metric::Rate));
    figures
}

/// Both losses of one run, and where held-out rows were scored best.
fn losses(run: &Left) -> Option<Figure> {
    let training = run.curve.of(Metric::Loss);
    let held_out = run.curve.of(Metric::Validation);
    let (y, above) = loss_axis(&[training.clone(), held_out.clone()])?;
    let errors = run.curve.of(Metric::LossError);
    let band = std::iter::zip(&training, &errors).map(|([x, y], [_, e])| [*x, y - e, y + e]);
    let mut marks = Vec::new();
    // A band of a curve that is thinned out would be another curve's.
    let has_band = training.len() <= MOST && errors.len() == training.len();
    if has_band {
        marks.push(Mark::Band(band.collect(), MODEL));
    }
    marks.push(Mark::Line(thinned(&training), MODEL));
    let within = if has_band { " ± standard error" } else { "" };
    let mut keys = vec![Key::new(MODEL, format!("training batches{within}"))];
    let mut caption = above;
    if !held_out.is_empty() {
        marks.push(Mark::Line(held_out, TRUTH));
        keys.push(Key::new(TRUTH, "held-out rows"));
        if let Some(best) = run.best_step() {
            marks.push(Mark::Upright(best as f64, Colour::Ink));
            caption += &format!(" The upright line: step {best}, whose weights are the model.");
        }
    }
    if run.curve.of(Metric::Beta).first().is_some_and(|first| first[1] < run.last_beta()) {
        caption += " β rises, and the loss ⟨ln q + βE⟩ changes with it.";
    }
    let title =
        if run.curve.of(Metric::Beta).is_empty() { "Negative log-likelihood" } else { "Loss" };
    let panel = Panel { x: steps(&[run]), y, marks };
    Some(Figure { keys, caption, ..Figure::new(title, plot::wide(title, panel)) })
}

/// One metric of all runs that have it.
fn metric(runs: &[&Left], title: &'static str, metric: Metric) -> Option<Figure> {
    let curves: Vec<_> = runs.iter().map(|run| run.curve.of(metric)).collect();
    let values = || curves.iter().flatten().map(|p| p[1]);
    let [low, high] = extremes(values())?;
    let mut caption = String::new();
    let y = match metric {
        Metric::Loss | Metric::LossError | Metric::Validation => {
            let (axis, above) = loss_axis(&curves)?;
            caption = above;
            axis
        }
        Metric::Ess => Scale::new("share of the batch", [0.0, 1.0]),
        Metric::GradientNorm => Scale::logarithmic("before it is clipped", values()),
        Metric::Beta if low < high => {
            Scale::new("β", [low - 0.05 * (high - low), high + 0.05 * (high - low)])
        }
        Metric::Beta => return None,
        Metric::Rate => Scale::new("learning rate", [0.0, 1.05 * high]),
    };
    let colour = |i: usize| if runs.len() == 1 { MODEL } else { Colour::Number(i) };
    let lines = curves.iter().enumerate().filter(|(_, points)| !points.is_empty());
    let keys = lines.clone().filter(|_| runs.len() > 1);
    let keys = keys.map(|(i, _)| Key::new(colour(i), runs[i].name.clone())).collect();
    let mut marks: Vec<_> = lines.map(|(i, c)| Mark::Line(thinned(c), colour(i))).collect();
    if let (Metric::GradientNorm, [run]) = (metric, runs)
        && let Some(clip) = run.clip().filter(|clip| y.holds(*clip))
    {
        marks.push(Mark::Level(clip, Colour::Ink));
        caption = format!("The line across: gradients are clipped to a norm of {clip}.");
    }
    if runs.len() > COLOURS {
        caption += &format!(" Colours come again after {COLOURS} runs.");
    }
    let panel = Panel { x: steps(runs), y, marks };
    Some(Figure { keys, caption, ..Figure::new(title, plot::wide(title, panel)) })
}

fn steps(runs: &[&Left]) -> Scale {
    let last = runs.iter().filter_map(|run| run.curve.last_step()).fold(0.0, f64::max);
    Scale::new("step", [0.0, last.max(1.0)])
}

/// An axis for losses, and a sentence on what lies above it.
fn loss_axis(curves: &[Curve]) -> Option<(Scale, String)> {
    let late = curves.iter().flat_map(|curve| {
        let half = curve.last().map_or(0.0, |p| p[0] / 2.0);
        curve.iter().filter(move |p| p[0] >= half).map(|p| p[1])
    });
    let mut late: Vec<f64> = late.filter(|x| x.is_finite()).collect();
    late.sort_by(f64::total_cmp);
    // A batch that went wrong is no reason to see nothing else.
    let high = *late.get((late.len() * 99).div_ceil(100).saturating_sub(1))?;
    let [low, highest] = extremes(curves.iter().flatten().map(|p| p[1]))?;
    // Some of the way down is worth seeing.
    let shown = WHOLE * (high - low);
    let top = if highest <= low + shown { highest } else { low + shown };
    let top = if top > low { top } else { highest };
    let room = 0.05 * (top - low);
    let above = if highest > top + room {
        format!("The first steps lie above the picture, up to {highest:.4}.")
    } else {
        String::new()
    };
    Some((Scale::new("nats a row", [low - room, top + room]), above))
}

/// A curve with the least and the largest value of each part.
fn thinned(curve: &[[f64; 2]]) -> Vec<[f64; 2]> {
    if curve.len() <= MOST {
        return curve.to_vec();
    }
    let part = curve.len().div_ceil(MOST / 2);
    let ends = curve.chunks(part).flat_map(|part| {
        let by = |a: &&[f64; 2], b: &&[f64; 2]| a[1].total_cmp(&b[1]);
        let mut ends: Vec<_> =
            part.iter().min_by(by).into_iter().chain(part.iter().max_by(by)).copied().collect();
        ends.sort_by(|a, b| a[0].total_cmp(&b[0]));
        ends
    });
    ends.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_of_a_loss_shows_its_end_and_not_its_start() {
        let falls = |x: f64| 2.0 + 1e6 * (-x / 10.0).exp() + 0.05 * (x * 1.7).sin();
        let curve: Curve = (0..1000).map(|i| [f64::from(i), falls(f64::from(i))]).collect();
        let (axis, above) = loss_axis(&[curve]).unwrap();
        let [low, high] = [axis.value(0.0), axis.value(1.0)];
        assert!((1.8..1.96).contains(&low) && (2.05..2.5).contains(&high), "{low} {high}");
        assert!(above.contains("above the picture, up to 1000002"), "{above}");
        // An overfit run's rise at the end is seen whole, and so is all of a flat curve.
        let rises: Curve = (0..100).map(|i| [f64::from(i), f64::from(i)]).collect();
        assert!(loss_axis(&[rises]).unwrap().0.holds(99.0));
        let (flat, above) = loss_axis(&[vec![[0.0, 3.0], [1.0, 3.0]]]).unwrap();
        assert!(flat.holds(3.0) && above.is_empty());
        assert!(loss_axis(&[vec![], vec![[0.0, f64::NAN]]]).is_none());
    }

    #[test]
    fn thinned_curves_keep_their_extremes() {
        let spike = |i: u32| if i == 77_777 { 1e3 } else { f64::from(i % 7) };
        let curve: Vec<_> = (0..100_000).map(|i| [f64::from(i), spike(i)]).collect();
        let thin = thinned(&curve);
        assert!(thin.len() <= MOST && thin.contains(&[77_777.0, 1e3]));
        assert!(thin.windows(2).all(|pair| pair[0][0] <= pair[1][0]));
    }
}
