//! A thin layer over the plotting library: panels of marks become inline SVG.
//!
//! The library knows fixed colours, and the reader's page is light or dark. So plots are drawn in
//! [`Colour`]s that stand for roles, and in the SVG's text each is replaced by the page's CSS variable
//! of that role (`var(--ink)`, `var(--c0)` …); fonts are left to the page too. Coordinates are whole
//! numbers: pictures are drawn at twice the size at which they are seen.
//!
//! What lies outside an axis is not drawn: a line leaves the picture where it does, and does not run
//! along its edge.

use std::fmt::Write;

use plotters::backend::SVGBackend;
use plotters::chart::ChartBuilder;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::element::{Circle, PathElement, Polygon, Rectangle};
use plotters::style::{Color, IntoFont, RGBColor, ShapeStyle, TextStyle};

use super::bins::Bins;
use super::scale::{Scale, extremes};

/// Font size, in the units of pictures.
const FONT: f64 = 22.0;
/// The library's fonts are smaller than they are called.
const LIBRARY_FONT: f64 = 1.24;
/// Width of a character, generously: fonts are the reader's.
const CHARACTER: f64 = 0.6 * FONT;
/// Height of a line of text.
const LINE: f64 = 1.3 * FONT;
/// Between an axis and its ticks' labels: twice the ticks' length.
const TICK: i32 = 6;
const GAP: f64 = 14.0;
/// Radius of a point.
const POINT: i32 = 3;
/// Points that are drawn as one path: where several lie on each other it is darker.
const TOGETHER: usize = 40;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// The roles of colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colour {
    /// Text and axes.
    Ink,
    /// Lines of the grid.
    Grid,
    /// What is to be told apart: model and data, runs.
    Number(usize),
}

/// Colours that are told apart.
pub(super) const COLOURS: usize = 8;
/// What is of the model.
pub(super) const MODEL: Colour = Colour::Number(0);
/// What it is held against.
pub(super) const TRUTH: Colour = Colour::Number(1);

impl Colour {
    fn all() -> impl Iterator<Item = Colour> {
        [Colour::Ink, Colour::Grid].into_iter().chain((0..COLOURS).map(Colour::Number))
    }

    fn number(self) -> u8 {
        match self {
            Colour::Ink => 0,
            Colour::Grid => 1,
            Colour::Number(i) => 2 + (i % COLOURS) as u8,
        }
    }

    /// What stands for it while it is drawn: no grey, as lattices are.
    fn sentinel(self) -> RGBColor {
        RGBColor(1, 254, self.number())
    }

    fn written(self) -> String {
        format!("\"#01FE{:02X}\"", self.number())
    }

    /// As CSS has it.
    pub(super) fn css(self) -> String {
        match self {
            Colour::Ink => "var(--ink)".into(),
            Colour::Grid => "var(--grid)".into(),
            Colour::Number(i) => format!("var(--c{})", i % COLOURS),
        }
    }
}

/// What is drawn into a panel.
#[derive(Clone, Debug)]
pub(super) enum Mark {
    /// A line through points; those that are not finite interrupt it.
    Line(Vec<[f64; 2]>, Colour),
    /// What lies between two values, at each x.
    Band(Vec<[f64; 3]>, Colour),
    /// Bars of these heights, filled.
    Bars(Bins, Vec<f64>, Colour),
    /// The outline of such bars.
    Outline(Bins, Vec<f64>, Colour),
    /// Dots.
    Points(Vec<[f64; 2]>, Colour),
    /// A line across, at this height.
    Level(f64, Colour),
    /// An upright line.
    Upright(f64, Colour),
}

/// Marks between two axes.
#[derive(Clone, Debug)]
pub(super) struct Panel {
    /// The horizontal axis.
    pub(super) x: Scale,
    /// The vertical one.
    pub(super) y: Scale,
    /// In the order of drawing.
    pub(super) marks: Vec<Mark>,
}

/// A panel of a picture of several.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    /// The panel.
    pub(super) panel: Panel,
    /// Column and row.
    pub(super) at: [usize; 2],
    /// Whether its axes are labelled, the horizontal and the vertical one: those of a picture may be
    /// shared.
    pub(super) labelled: [bool; 2],
}

/// One panel, wide.
pub(super) fn wide(label: &str, panel: Panel) -> String {
    let placed = Placed { panel, at: [0, 0], labelled: [true, true] };
    grid(label, WIDE, vec![placed])
}

/// The size of a picture's only panel, in the units of pictures.
pub(super) const WIDE: [f64; 2] = [780.0, 340.0];
/// The largest size of a unit on a page, in its pixels.
const SEEN: f64 = 0.65;
/// Right of panels and above them, in the units of pictures: room for half of their last tick's label.
const GUTTERS: [f64; 2] = [40.0, 32.0];
/// Right of a picture's only panel.
const GUTTER: f64 = 90.0;
/// Left of a picture, as its first letters may be higher than the library thinks.
const EDGE: u32 = 8;

/// Panels of one `size` in columns and rows, `label` for those who do not see them. Room for labels is
/// where there are any.
pub(super) fn grid(label: &str, size: [f64; 2], mut panels: Vec<Placed>) -> String {
    let tail = |text: &str| text.chars().count() as f64 * CHARACTER;
    let gutters = [if panels.len() > 1 { GUTTERS[0] } else { GUTTER }, GUTTERS[1]];
    for Placed { panel, .. } in &mut panels {
        // Half a label may reach into the gap to the next panel.
        panel.x.fit(size[0], 0.5 * gutters[0], tail);
        panel.y.fit(size[1], 0.5 * gutters[1], |_| LINE);
        shorten(&mut panel.x.name, size[0]);
        shorten(&mut panel.y.name, size[1]);
    }
    let columns = 1 + panels.iter().map(|p| p.at[0]).max().unwrap_or(0);
    let rows = 1 + panels.iter().map(|p| p.at[1]).max().unwrap_or(0);
    // The room that labels take left of each column and below each row.
    let (mut left, mut below) = (vec![0.0f64; columns], vec![0.0f64; rows]);
    for Placed { panel, at: [column, row], labelled } in &panels {
        let widest = panel.y.labels().map(|label| tail(&label)).fold(0.0, f64::max);
        let name = |scale: &Scale| if scale.name.is_empty() { 0.0 } else { LINE };
        if labelled[1] {
            left[*column] = left[*column].max(GAP + widest + name(&panel.y));
        }
        if labelled[0] {
            below[*row] = below[*row].max(GAP + LINE + name(&panel.x));
        }
    }
    let along = |room: &[f64], axis: usize| {
        room.iter().map(|room| room + size[axis] + gutters[axis]).sum::<f64>()
    };
    let whole = [along(&left, 0), along(&below, 1)].map(|x| x.ceil() as u32);
    let mut text = String::new();
    let drawn = draw(&mut text, whole, |area| {
        for Placed { panel, at: [column, row], labelled } in &panels {
            let x = along(&left[..*column], 0);
            let y = along(&below[..*row], 1) + 0.5 * gutters[1];
            let room = [
                if labelled[1] { left[*column] } else { 0.0 },
                if labelled[0] { below[*row] } else { 0.0 },
            ];
            let corner = (x + left[*column] - room[0], y);
            let part = area.clone().shrink(
                (corner.0 as i32, corner.1 as i32),
                ((room[0] + size[0]) as i32, (room[1] + size[1]) as i32),
            );
            draw_panel(&part, panel, room)?;
        }
        Ok(())
    });
    finished(&text, label, whole, drawn)
}

/// Lattices of `height × width` as grey cells side by side; white is the largest value. Neighbours in a
/// row that look alike are one rectangle.
pub(super) fn cells(
    label: &str,
    rows: &[f32],
    [height, width]: [usize; 2],
    columns: usize,
) -> String {
    const SHADES: f32 = 16.0;
    let lattices = rows.len() / (height * width).max(1);
    let cell = (160 / height.max(width)).max(4) as i32;
    let (tall, wide) = (cell * height as i32, cell * width as i32);
    let gap = 16;
    let lines = lattices.div_ceil(columns) as i32;
    let size = [columns as i32 * (wide + gap), lines * (tall + gap)].map(|x| x.max(1) as u32);
    let ends = extremes(rows.iter().map(|x| f64::from(*x))).unwrap_or_default();
    let [low, high] = ends.map(|end| end as f32);
    // What is not finite is as dark as the least.
    let shade = |x: f32| ((SHADES - 1.0) * (x - low) / (high - low).max(1e-9)).round() as u8;
    let mut text = String::new();
    let drawn = draw(&mut text, size, |area| {
        for (k, lattice) in rows.chunks_exact((height * width).max(1)).enumerate() {
            let left = (k % columns) as i32 * (wide + gap);
            for (r, row) in lattice.chunks_exact(width).enumerate() {
                let top = (k / columns) as i32 * (tall + gap) + r as i32 * cell;
                let mut from = 0;
                for run in row.chunk_by(|a, b| shade(*a) == shade(*b)) {
                    let to = from + run.len() as i32;
                    let grey = 30 + shade(run[0]) * (210 / (SHADES as u8 - 1));
                    // Upon its neighbours' edges, which would shine through between them.
                    let over = i32::from(r + 1 < height);
                    let corners =
                        [(left + from * cell, top), (left + to * cell, top + cell + over)];
                    area.draw(&Rectangle::new(corners, RGBColor(grey, grey, grey).filled()))?;
                    from = to;
                }
            }
        }
        Ok(())
    });
    finished(&text, label, size, drawn)
}

/// Draws into `text`.
fn draw(text: &mut String, size: [u32; 2], with: impl FnOnce(&Area<'_>) -> Drawn) -> Drawn {
    let area = SVGBackend::with_string(text, (size[0], size[1])).into_drawing_area();
    with(&area)?;
    area.present()
}

fn draw_panel(area: &Area<'_>, panel: &Panel, room: [f64; 2]) -> Drawn {
    let mut builder = ChartBuilder::on(area);
    builder.y_label_area_size(room[0] as i32).x_label_area_size(room[1] as i32);
    let mut chart = builder.build_cartesian_2d(panel.x.clone(), panel.y.clone())?;
    let font = || -> TextStyle<'_> {
        ("sans-serif", FONT * LIBRARY_FONT).into_font().color(&Colour::Ink.sentinel())
    };
    let mut mesh = chart.configure_mesh();
    mesh.bold_line_style(Colour::Grid.sentinel())
        .axis_style(Colour::Ink.sentinel())
        .label_style(font())
        .axis_desc_style(font())
        .set_all_tick_mark_size(TICK);
    // Names only where there is room for them.
    if room[1] > 0.0 && !panel.x.name.is_empty() {
        mesh.x_desc(&panel.x.name);
    }
    if room[0] > 0.0 && !panel.y.name.is_empty() {
        mesh.y_desc(&panel.y.name);
    }
    mesh.draw()?;
    let area = chart.plotting_area();
    let line = |points: Vec<(f64, f64)>, colour: Colour, width: u32| {
        area.draw(&PathElement::new(points, stroke(colour, width)))
    };
    let frame = [(0.0, 0.0), (0.0, 1.0), (1.0, 1.0), (1.0, 0.0), (0.0, 0.0)];
    let at = |(x, y): (f64, f64)| (panel.x.value(x), panel.y.value(y));
    line(frame.map(at).to_vec(), Colour::Grid, 1)?;
    for mark in &panel.marks {
        match mark {
            Mark::Line(points, colour) => {
                for part in clipped(panel, points) {
                    line(part.into_iter().map(at).collect(), *colour, 3)?;
                }
            }
            Mark::Band(points, colour) => {
                let finite = points.iter().filter(|p| p.iter().all(|x| x.is_finite()));
                let within = |y: f64| panel.y.value(panel.y.place(y).clamp(0.0, 1.0));
                let edge = |k: usize| finite.clone().map(move |p| (p[0], within(p[k])));
                let outline: Vec<_> = edge(1).chain(edge(2).rev()).collect();
                area.draw(&Polygon::new(outline, colour.sentinel().mix(0.22).filled()))?;
            }
            Mark::Bars(bins, heights, colour) => {
                let inset = if bins.spacing.is_some() { 0.08 * bins.width } else { 0.0 };
                for (i, height) in heights.iter().enumerate().filter(|(_, height)| **height > 0.0) {
                    let corners =
                        [(bins.edge(i) + inset, *height), (bins.edge(i + 1) - inset, 0.0)];
                    area.draw(&Rectangle::new(corners, colour.sentinel().mix(0.5).filled()))?;
                }
            }
            Mark::Outline(bins, heights, colour) => {
                let bars = heights.iter().enumerate();
                let sides = bars.flat_map(|(i, h)| [(bins.edge(i), *h), (bins.edge(i + 1), *h)]);
                let ends = bins.ends().map(|x| (x, 0.0));
                let points = std::iter::once(ends[0]).chain(sides).chain([ends[1]]).collect();
                line(points, *colour, 3)?;
            }
            Mark::Points(points, colour) => {
                let inside = points.iter().filter(|p| panel.x.holds(p[0]) && panel.y.holds(p[1]));
                for [x, y] in inside {
                    let style = colour.sentinel().mix(0.5).filled();
                    area.draw(&Circle::new((*x, *y), POINT, style))?;
                }
            }
            Mark::Level(y, colour) if panel.y.holds(*y) => {
                let ends = [0.0, 1.0].map(|x| (panel.x.value(x), *y));
                line(ends.to_vec(), *colour, 2)?;
            }
            Mark::Upright(x, colour) if panel.x.holds(*x) => {
                let ends = [0.0, 1.0].map(|y| (*x, panel.y.value(y)));
                line(ends.to_vec(), *colour, 2)?;
            }
            Mark::Level(..) | Mark::Upright(..) => {}
        }
    }
    Ok(())
}

fn stroke(colour: Colour, width: u32) -> ShapeStyle {
    colour.sentinel().stroke_width(width)
}

/// The parts of a line that lie between the axes' ends, as places on both axes.
fn clipped(panel: &Panel, points: &[[f64; 2]]) -> Vec<Vec<(f64, f64)>> {
    let place = |[x, y]: &[f64; 2]| (panel.x.place(*x), panel.y.place(*y));
    let places: Vec<_> = points.iter().map(place).collect();
    let mut parts: Vec<Vec<(f64, f64)>> = Vec::new();
    let mut open = false;
    for pair in places.windows(2) {
        let Some([a, b]) = inside(pair[0], pair[1]) else {
            open = false;
            continue;
        };
        match parts.last_mut() {
            Some(part) if open => part.push(b),
            _ => parts.push(vec![a, b]),
        }
        open = b == pair[1];
    }
    parts
}

/// What of a segment lies in the unit square (Liang and Barsky 1984).
fn inside(a: (f64, f64), b: (f64, f64)) -> Option<[(f64, f64); 2]> {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let (mut from, mut to) = (0.0f64, 1.0f64);
    for (toward, distance) in [(-dx, a.0), (dx, 1.0 - a.0), (-dy, a.1), (dy, 1.0 - a.1)] {
        let at = distance / toward;
        if !(toward.is_finite() && distance.is_finite()) || toward == 0.0 && distance < 0.0 {
            return None;
        } else if toward < 0.0 {
            from = from.max(at);
        } else if toward > 0.0 {
            to = to.min(at);
        }
    }
    let at = |t: f64| match t {
        0.0 => a,
        1.0 => b,
        t => (a.0 + t * dx, a.1 + t * dy),
    };
    (from <= to).then(|| [at(from), at(to)])
}

/// Cuts a name to what has room in `length`.
fn shorten(name: &mut String, length: f64) {
    let most = (length / CHARACTER) as usize;
    if name.chars().count() > most {
        *name = name.chars().take(most.saturating_sub(1)).chain(['…']).collect();
    }
}

/// The library's picture as part of a page.
fn finished(text: &str, label: &str, [width, height]: [u32; 2], drawn: Drawn) -> String {
    if let Err(e) = drawn {
        return format!("<p>{}: cannot be drawn: {e}</p>\n", super::escape(label));
    }
    let mut svg = format!(
        "<svg viewBox=\"-{EDGE} 0 {} {height}\" style=\"max-width:{:.0}px\" role=\"img\" aria-label=\"{}\">\n",
        width + EDGE,
        SEEN * f64::from(width),
        super::escape(label)
    );
    // The first line opens the picture, for a file of its own.
    let lines: Vec<&str> = text.lines().skip(1).collect();
    for alike in lines.chunk_by(|a, b| dot(a).is_some_and(|a| dot(b).is_some_and(|b| a.2 == b.2))) {
        if dot(alike[0]).is_none() {
            svg += alike[0];
            svg.push('\n');
            continue;
        }
        for dots in alike.chunks(TOGETHER) {
            svg += "<path d=\"";
            let mut of = "";
            for (x, y, colour) in dots.iter().filter_map(|line| dot(line)) {
                // Writing to a String cannot fail.
                let _ = write!(svg, "M{x} {y}h0");
                of = colour;
            }
            let width = 2 * POINT;
            let _ = writeln!(
                svg,
                "\" stroke={of} stroke-width=\"{width}\" stroke-linecap=\"round\" opacity=\"0.5\"/>"
            );
        }
    }
    for colour in Colour::all() {
        svg = svg.replace(&colour.written(), &format!("\"{}\"", colour.css()));
    }
    svg.replace(" font-family=\"sans-serif\"", "").replace(" opacity=\"1\"", "")
}

/// Centre and colour of a dot as the library writes it: dots alike become one path of lines without
/// length, a tenth of the text.
fn dot(line: &str) -> Option<(&str, &str, &str)> {
    let (x, rest) = line.strip_prefix("<circle cx=\"")?.split_once("\" cy=\"")?;
    let (y, rest) = rest.split_once("\" r=\"")?;
    let (_, rest) = rest.split_once(" fill=")?;
    let (colour, _) = rest.split_once(' ')?;
    Some((x, y, colour))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panel(marks: Vec<Mark>) -> Panel {
        Panel { x: Scale::new("p < q", [0.0, 4.0]), y: Scale::new("", [0.0, 1.0]), marks }
    }

    #[test]
    fn a_line_leaves_the_picture_and_does_not_run_along_its_edge() {
        let points = [[0.0, 3.0], [1.0, -1.0], [2.0, 0.5], [3.0, f64::NAN], [4.0, 0.5], [4.0, 1.0]];
        let parts = clipped(&panel(Vec::new()), &points);
        let expected = [
            [(0.125, 1.0), (0.1875, 0.0)],
            [(0.25 + 0.25 / 1.5, 0.0), (0.5, 0.5)],
            [(1.0, 0.5), (1.0, 1.0)],
        ];
        assert_eq!(parts.len(), expected.len(), "{parts:?}");
        for (found, expected) in parts.iter().flatten().zip(expected.iter().flatten()) {
            let off = (found.0 - expected.0).abs() + (found.1 - expected.1).abs();
            assert!(off < 1e-12, "{found:?} {expected:?}");
        }
        assert!(clipped(&panel(Vec::new()), &[[0.0, 2.0], [4.0, 2.0]]).is_empty());
    }

    #[test]
    fn a_picture_has_the_page_s_colours_and_short_dots() {
        let points: Vec<_> = (0..100).map(|i| [f64::from(i) / 25.0, 0.5]).collect();
        let outside = vec![[9.0, 0.5], [1.0, 9.0], [f64::NAN, 0.5]];
        let marks = vec![
            Mark::Points(points, MODEL),
            Mark::Points(outside, TRUTH),
            Mark::Band(vec![[0.0, -9.0, 9.0], [4.0, 0.1, f64::INFINITY]], TRUTH),
            Mark::Level(7.0, TRUTH),
        ];
        let svg = wide("a \"picture\"", panel(marks));
        assert!(svg.starts_with("<svg viewBox") && svg.trim_end().ends_with("</svg>"), "{svg}");
        assert!(svg.contains("aria-label=\"a &quot;picture&quot;\"") && svg.contains("p &lt; q"));
        assert!(svg.contains("var(--ink)") && svg.contains("var(--grid)"), "{svg}");
        assert_eq!(svg.matches("<path ").count(), 100usize.div_ceil(TOGETHER));
        assert_eq!(svg.matches("h0").count(), 100);
        assert!(!svg.contains("<circle") && !svg.contains("#01FE") && !svg.contains("http"));
    }

    #[test]
    fn cells_that_look_alike_are_one_rectangle() {
        let rows = [1.0, 1.0, 1.0, -1.0, 1.0, f32::NAN];
        let svg = cells("cells", &rows, [2, 3], 6);
        assert_eq!(svg.matches("<rect").count(), 1 + 3, "{svg}");
    }
}
