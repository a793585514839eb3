//! `report.html`: one self-contained page, plots as inline SVG, nothing to load.
//!
//! Plots are drawn here and not by a plotting library: four kinds of marks are needed (lines with a
//! band, bars, dots, coloured cells), and their text and colours follow the reader's dark or light
//! mode through CSS, which generated bitmaps and fixed colours would not.

mod svg;

use std::fmt::Write;

pub use svg::{Axis, Bars, Curve, Plot, cells, scatter};

/// A page: figures and plots.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Heading.
    pub title: String,
    /// A line below it.
    pub subtitle: String,
    /// Name and value.
    pub figures: Vec<(String, String)>,
    /// Heading and inline SVG.
    pub plots: Vec<(String, String)>,
    /// The config.
    pub config: String,
}

const STYLE: &str = "
:root { color-scheme: light dark; --a: #2563eb; --b: #d97706; --line: #8886; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { margin-bottom: 0 } h2 { font-size: 1.05rem; margin: 1.6rem 0 .3rem }
table { border-collapse: collapse } td { padding: .15rem 1.2rem .15rem 0; border-bottom: 1px solid var(--line) }
td + td { font-variant-numeric: tabular-nums } pre { overflow: auto; padding: .8rem; background: #8881 }
svg { width: 100%; height: auto } svg text { fill: currentColor; font-size: 12px }
.grid { stroke: var(--line) } .a { stroke: var(--a) } .b { stroke: var(--b) } .line { fill: none; stroke-width: 1.5 }
.band { fill: var(--a); opacity: .2 } .bar { stroke: none; opacity: .5 } .bar.a { fill: var(--a) } .bar.b { fill: var(--b) }
.dot { fill: var(--a); opacity: .5 } .dot.b { fill: var(--b) } .frame { fill: none; stroke: var(--line) }
";

impl Report {
    /// The page's text.
    pub fn to_html(&self) -> String {
        let mut page = String::new();
        let title = escape(&self.title);
        // Writing to a String cannot fail.
        let _ = write!(
            page,
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
             <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head><body>\n\
             <h1>{title}</h1>\n<p>{}</p>\n<table>\n",
            escape(&self.subtitle)
        );
        for (name, value) in &self.figures {
            let _ = writeln!(page, "<tr><td>{}</td><td>{}</td></tr>", escape(name), escape(value));
        }
        page.push_str("</table>\n");
        for (heading, svg) in &self.plots {
            let _ = writeln!(page, "<h2>{}</h2>\n{svg}", escape(heading));
        }
        let _ =
            writeln!(page, "<h2>Config</h2>\n<pre>{}</pre>\n</body></html>", escape(&self.config));
        page
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_whole_and_loads_nothing() {
        let curve =
            Curve { name: "loss", points: vec![(0.0, 3.0), (1.0, 1.0)], errors: vec![0.1, 0.2] };
        let plot =
            Plot { x: Axis::new("step"), y: Axis::new("nats"), curves: vec![curve], bars: vec![] };
        let flat = Plot {
            curves: vec![Curve { name: "", points: vec![(0.0, 1.0)], errors: vec![] }],
            ..plot.clone()
        };
        let report = Report {
            title: "<a & b>".into(),
            plots: vec![("loss".into(), plot.to_svg()), ("one point".into(), flat.to_svg())],
            ..Report::default()
        };
        let page = report.to_html();
        assert!(page.contains("&lt;a &amp; b&gt;") && page.ends_with("</html>\n"));
        assert!(!page.contains("http") && !page.contains("NaN") && !page.contains("<script"));
        assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
    }
}
