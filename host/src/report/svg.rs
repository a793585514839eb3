//! Inline SVG: curves with error bands, histograms, dots and lattices.

use std::fmt::Write;

const SIZE: (f64, f64) = (720.0, 260.0);
const MARGIN: (f64, f64) = (64.0, 34.0);

/// A curve, with a band of ± one error where errors are given.
#[derive(Clone, Debug)]
pub struct Curve {
    /// For the legend.
    pub name: &'static str,
    /// x and y.
    pub points: Vec<(f64, f64)>,
    /// One a point, or none.
    pub errors: Vec<f64>,
}

/// A histogram: its left edge, the width of a bar, the heights.
#[derive(Clone, Debug)]
pub struct Bars {
    /// For the legend.
    pub name: &'static str,
    /// Left edge of the first bar.
    pub start: f64,
    /// Width of a bar.
    pub width: f64,
    /// Heights.
    pub heights: Vec<f64>,
}

impl Bars {
    /// A normalised histogram of values with weights over `[low, high]`.
    pub fn histogram(
        name: &'static str,
        values: &[f64],
        weights: &[f64],
        [low, high]: [f64; 2],
        bars: usize,
    ) -> Bars {
        let width = ((high - low) / bars as f64).max(f64::MIN_POSITIVE);
        let mut heights = vec![0.0; bars];
        let total: f64 = weights.iter().sum();
        for (value, weight) in values.iter().zip(weights) {
            let bar = ((value - low) / width).clamp(0.0, (bars - 1) as f64) as usize;
            heights[bar] += weight / (total * width);
        }
        Bars { name, start: low, width, heights }
    }
}

/// An axis.
#[derive(Clone, Debug)]
pub struct Axis {
    name: String,
    range: Option<[f64; 2]>,
}

impl Axis {
    /// An axis that spans its data.
    pub fn new(name: impl Into<String>) -> Axis {
        Axis { name: name.into(), range: None }
    }

    /// An axis with fixed ends.
    pub fn over(name: impl Into<String>, low: f64, high: f64) -> Axis {
        Axis { name: name.into(), range: Some([low, high]) }
    }

    fn span(&self, values: impl Iterator<Item = f64>) -> [f64; 2] {
        if let Some(range) = self.range {
            return range;
        }
        let ends = |[a, b]: [f64; 2], v: f64| [a.min(v), b.max(v)];
        let [low, high] =
            values.filter(|v| v.is_finite()).fold([f64::INFINITY, f64::NEG_INFINITY], ends);
        match high - low {
            gap if gap > 0.0 => [low, high],
            _ if low.is_finite() => [low - 0.5, low + 0.5],
            _ => [0.0, 1.0],
        }
    }
}

/// Curves and histograms over common axes.
#[derive(Clone, Debug)]
pub struct Plot {
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical one.
    pub y: Axis,
    /// Lines.
    pub curves: Vec<Curve>,
    /// Histograms.
    pub bars: Vec<Bars>,
}

impl Plot {
    /// The plot as an inline `<svg>`.
    pub fn to_svg(&self) -> String {
        let points = || self.curves.iter().flat_map(|c| c.points.iter().copied());
        let edges = |b: &Bars| [b.start, b.start + b.width * b.heights.len() as f64];
        let heights = self.bars.iter().flat_map(|b| b.heights.iter().copied().chain([0.0]));
        let x = self.x.span(points().map(|p| p.0).chain(self.bars.iter().flat_map(edges)));
        let y = self.y.span(points().map(|p| p.1).chain(heights));
        let at = |value: f64, [low, high]: [f64; 2], from: f64, to: f64| {
            from + (to - from) * ((value - low) / (high - low)).clamp(0.0, 1.0)
        };
        let px = |v: f64| at(v, x, MARGIN.0, SIZE.0 - 10.0);
        let py = |v: f64| at(v, y, SIZE.1 - MARGIN.1, 10.0);
        let mut svg = open(SIZE);
        for tick in ticks(x) {
            let (p, bottom) = (px(tick), SIZE.1 - MARGIN.1);
            let _ = write!(
                svg,
                "<line class=\"grid\" x1=\"{p:.1}\" x2=\"{p:.1}\" y1=\"10\" y2=\"{bottom:.1}\"/>\
                 <text x=\"{p:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                bottom + 15.0,
                label(tick)
            );
        }
        for tick in ticks(y) {
            let (p, right) = (py(tick), SIZE.0 - 10.0);
            let _ = write!(
                svg,
                "<line class=\"grid\" y1=\"{p:.1}\" y2=\"{p:.1}\" x1=\"{}\" x2=\"{right}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                MARGIN.0,
                MARGIN.0 - 6.0,
                p + 4.0,
                label(tick)
            );
        }
        for (i, bars) in self.bars.iter().enumerate() {
            for (k, height) in bars.heights.iter().enumerate() {
                let left = px(bars.start + bars.width * k as f64);
                let right = px(bars.start + bars.width * (k + 1) as f64);
                let top = py(*height);
                let _ = write!(
                    svg,
                    "<rect class=\"bar {}\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>",
                    colour(i),
                    (right - left - 0.5).max(0.5),
                    (py(0.0) - top).max(0.0)
                );
            }
        }
        for (i, curve) in self.curves.iter().enumerate() {
            let finite = |p: &&(f64, f64)| p.0.is_finite() && p.1.is_finite();
            if curve.errors.len() == curve.points.len() {
                let band = curve
                    .points
                    .iter()
                    .zip(&curve.errors)
                    .filter(|(p, e)| finite(p) && e.is_finite());
                let up: Vec<_> = band.clone().map(|(p, e)| (p.0, p.1 + e)).collect();
                let down = band.map(|(p, e)| (p.0, p.1 - e)).rev();
                let outline: Vec<_> =
                    up.into_iter().chain(down).map(|p| pair(px(p.0), py(p.1))).collect();
                let _ = write!(svg, "<polygon class=\"band\" points=\"{}\"/>", outline.join(" "));
            }
            let line: Vec<_> =
                curve.points.iter().filter(finite).map(|p| pair(px(p.0), py(p.1))).collect();
            let _ = write!(
                svg,
                "<polyline class=\"line {}\" points=\"{}\"/>",
                colour(i),
                line.join(" ")
            );
        }
        let names = self.bars.iter().map(|b| b.name).chain(self.curves.iter().map(|c| c.name));
        for (i, name) in names.enumerate().filter(|(_, name)| !name.is_empty()) {
            let (left, top) = (SIZE.0 - 190.0, 20.0 + 16.0 * i as f64);
            let _ = write!(
                svg,
                "<rect class=\"bar {}\" x=\"{left}\" y=\"{}\" width=\"12\" height=\"8\"/><text x=\"{}\" y=\"{top}\">{name}</text>",
                colour(i),
                top - 8.0,
                left + 18.0
            );
        }
        let _ = write!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text><text x=\"4\" y=\"10\">{}</text></svg>",
            SIZE.0 - 10.0,
            SIZE.1 - 3.0,
            self.x.name,
            self.y.name
        );
        svg
    }
}

/// Two sets of points in the plane, the second on top; axes of equal scale.
pub fn scatter(below: &[[f32; 2]], above: &[[f32; 2]]) -> String {
    let all = || below.iter().chain(above).flatten().map(|v| f64::from(*v));
    let reach = all().fold(0.0, |a: f64, v| a.max(v.abs())).max(1e-9);
    let side = 340.0;
    let p = |v: f32| side / 2.0 + f64::from(v) / reach * (side / 2.0 - 8.0);
    let mut svg = open((2.0 * side + 20.0, side + 20.0));
    for (i, points) in [below, above].into_iter().filter(|points| !points.is_empty()).enumerate() {
        let shift = i as f64 * (side + 20.0);
        let _ = write!(
            svg,
            "<rect class=\"frame\" x=\"{shift}\" y=\"0\" width=\"{side}\" height=\"{side}\"/>"
        );
        for [x, y] in points {
            let (x, y) = (p(*x) + shift, side - p(*y));
            let _ = write!(
                svg,
                "<circle class=\"dot {}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"1.4\"/>",
                colour(i)
            );
        }
    }
    svg.push_str("</svg>");
    svg
}

/// Lattices of `height × width` as coloured cells, side by side; white is the largest value.
pub fn cells(rows: &[f32], height: usize, width: usize) -> String {
    let lattices = rows.len() / (height * width).max(1);
    let columns = lattices.clamp(1, 6);
    let (low, high) =
        rows.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(a, b), v| (a.min(*v), b.max(*v)));
    let span = (high - low).max(1e-9);
    let gap = 1.0 + width as f64 / 16.0;
    let lines = lattices.div_ceil(columns);
    let size = (columns as f64 * (width as f64 + gap), lines as f64 * (height as f64 + gap));
    let mut svg = open(size);
    for (k, lattice) in rows.chunks_exact((height * width).max(1)).enumerate() {
        let left = (k % columns) as f64 * (width as f64 + gap);
        let top = (k / columns) as f64 * (height as f64 + gap);
        for (i, value) in lattice.iter().enumerate() {
            let grey = 30.0 + 210.0 * f64::from((value - low) / span);
            let (x, y) = (left + (i % width) as f64, top + (i / width) as f64);
            let _ = write!(
                svg,
                "<rect x=\"{x}\" y=\"{y}\" width=\"1.02\" height=\"1.02\" fill=\"rgb({0:.0},{0:.0},{0:.0})\"/>",
                grey
            );
        }
    }
    svg.push_str("</svg>");
    svg
}

fn open((width, height): (f64, f64)) -> String {
    format!("<svg viewBox=\"0 0 {width:.1} {height:.1}\" role=\"img\">")
}

fn colour(i: usize) -> &'static str {
    ["a", "b"][i % 2]
}

fn pair(x: f64, y: f64) -> String {
    format!("{x:.1},{y:.1}")
}

/// Round values inside a range, about five.
fn ticks([low, high]: [f64; 2]) -> Vec<f64> {
    let raw = (high - low) / 5.0;
    let power = 10f64.powf(raw.log10().floor());
    let step =
        [1.0, 2.0, 5.0, 10.0].map(|m| m * power).into_iter().find(|s| *s >= raw).unwrap_or(raw);
    let first = (low / step).ceil();
    (0..12)
        .map(|i| (first + f64::from(i)) * step)
        .take_while(|t| *t <= high + 1e-9 * step)
        .collect()
}

fn label(tick: f64) -> String {
    let text = if tick.abs() >= 1e6 || (tick != 0.0 && tick.abs() < 1e-4) {
        format!("{tick:.1e}")
    } else {
        format!("{tick:.4}")
    };
    if text.contains('.') && !text.contains('e') {
        let text = text.trim_end_matches('0').trim_end_matches('.');
        return if text == "-0" { "0".into() } else { text.to_owned() };
    }
    text
}
