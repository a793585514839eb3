//! `report.html`: one self-contained page of a run, or of several side by side.
//!
//! A page is made from what runs left in their folders and from nothing else, by `train` at its end
//! and by `report` later, so that the two are the same page. What a run learnt is read again for the
//! plots that need it; where it is no longer there, the page says so.
//!
//! The page loads nothing. Its plots are inline SVG whose colours and fonts are the page's: light,
//! dark or on paper (see `report/plot.rs`). Legends and captions are text of the page.

mod bins;
mod corner;
mod curves;
mod left;
mod pictures;
mod plot;
mod scale;

use std::path::Path;

use crate::data::write_file;
use crate::error::Result;
use crate::problem::Problem;
use left::Left;
use plot::Colour;

/// Asked between chunks of the work: an error ends it.
pub type GoOn<'a> = &'a dyn Fn() -> Result<()>;

/// Writes the report of the runs in `folders` to `target`. Whoever has what the one run learnt passes
/// it; else it is read again.
///
/// # Errors
/// A folder is not there or is no run's; the page cannot be written; those of `go_on`.
pub fn write(
    folders: &[&Path],
    target: &Path,
    problem: Option<&Problem>,
    go_on: GoOn<'_>,
) -> Result<()> {
    let mut runs = folders.iter().map(|folder| Left::read(folder)).collect::<Result<Vec<_>>>()?;
    if runs.len() > 1 {
        // Runs of one config have one title, and folders of two places may have one name.
        runs.iter_mut().for_each(|run| run.name = run.folder.display().to_string());
    }
    let page = page(&runs, problem, go_on)?;
    write_file(target, page.as_bytes())
}

/// A plot with its legend and what is to be said about it.
#[derive(Clone, Debug, Default)]
struct Figure {
    title: String,
    /// Inline.
    svg: String,
    keys: Vec<Key>,
    caption: String,
    /// Whether it takes the page's whole width.
    broad: bool,
}

impl Figure {
    fn new(title: impl Into<String>, svg: String) -> Figure {
        Figure { title: title.into(), svg, ..Figure::default() }
    }

    fn write(&self, page: &mut String) {
        let class = if self.broad { " class=\"broad\"" } else { "" };
        *page += &format!("<figure{class}><figcaption><h3>{}</h3>", escape(&self.title));
        for Key { colour, name } in &self.keys {
            let colour = colour.css();
            *page +=
                &format!("<span class=\"key\" style=\"--key:{colour}\">{}</span>", escape(name));
        }
        *page += &format!("</figcaption>\n{}", self.svg);
        if !self.caption.trim().is_empty() {
            *page += &format!("<p>{}</p>", escape(self.caption.trim()));
        }
        *page += "</figure>\n";
    }
}

/// A line of a legend.
#[derive(Clone, Debug)]
struct Key {
    colour: Colour,
    name: String,
}

impl Key {
    fn new(colour: Colour, name: impl Into<String>) -> Key {
        Key { colour, name: name.into() }
    }
}

/// A sentence on values outside the axes: of whom, how many, of how many. Nothing if there are none.
fn outside(counts: &[(&str, usize, usize)]) -> String {
    let some = counts.iter().filter(|(_, n, _)| *n > 0);
    let some: Vec<_> = some.map(|(of, n, all)| format!("{n} of {all} ({of})")).collect();
    if some.is_empty() { String::new() } else { format!("Outside the axes: {}.", some.join(", ")) }
}

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #222; --paper: #fff; --grid: #ddd; --shade: #f3f3f3;
  --c0: #2563eb; --c1: #d97706; --c2: #059669; --c3: #c026d3; --c4: #dc2626; --c5: #0891b2; --c6: #65a30d; --c7: #6b7280 }
@media screen and (prefers-color-scheme: dark) { :root { --ink: #ddd; --paper: #16181c; --grid: #3a3d42; --shade: #202329;
  --c0: #60a5fa; --c1: #fbbf24; --c2: #34d399; --c3: #e879f9; --c4: #f87171; --c5: #22d3ee; --c6: #a3e635; --c7: #9ca3af } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 76rem; margin: 2rem auto; padding: 0 1rem } .several { max-width: 110rem }
h1 { margin-bottom: 0 } h2 { margin: 2.2rem 0 .4rem } h3 { font-size: 1.05em; margin: 0; display: inline-block; margin-right: 1rem }
table { border-collapse: collapse } td, th { padding: .15rem 1.2rem .15rem 0; border-bottom: 1px solid var(--grid); text-align: left; vertical-align: top; overflow-wrap: anywhere }
td { font-variant-numeric: tabular-nums } td:first-child { white-space: nowrap; overflow-wrap: normal }
pre { overflow: auto; padding: .8rem; background: var(--shade); white-space: pre-wrap }
.figures { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); grid-auto-flow: dense; gap: 1.4rem 2rem; margin-top: 1.4rem }
.runs { display: grid; gap: 0 2.5rem } .runs > section { min-width: 0 } .runs .figures { grid-template-columns: minmax(0, 1fr) }
figure { margin: 0; min-width: 0 } .figures + h3 { margin-top: 1.4rem } .broad { grid-column: 1 / -1 } figure p { margin: .1rem 0 0; font-size: .9em }
svg { display: block; width: 100%; height: auto } svg text { font-family: system-ui, sans-serif }
.key { font-size: .9em; margin-right: 1rem; white-space: nowrap } .key::before { content: ''; display: inline-block; width: .9em; height: .6em; margin-right: .4em; background: var(--key); print-color-adjust: exact; -webkit-print-color-adjust: exact }
@media screen and (min-width: 60rem) { .runs { grid-template-columns: repeat(var(--columns), minmax(0, 1fr)) } }
@media (max-width: 50rem) { .figures { grid-template-columns: minmax(0, 1fr) } }
@media print { :root { color-scheme: light } body { margin: 0; max-width: none; font-size: 11px } .runs, .figures { display: block }
  figure { display: inline-block; width: 48%; margin: 0 1.5% 1.2em 0; vertical-align: top } figure.broad { width: 100%; margin-right: 0 } figure, tr { break-inside: avoid } h2, h3 { break-after: avoid } }
";

fn page(runs: &[Left], problem: Option<&Problem>, go_on: GoOn<'_>) -> Result<String> {
    let title = runs.iter().map(|run| &run.name[..]).collect::<Vec<_>>().join(", ");
    let title = escape(&title);
    let class = if runs.len() > 1 { " class=\"several\"" } else { "" };
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head><body{class}>\n\
         <h1>{title}</h1>\n"
    );
    table(runs, &mut page);
    let all: Vec<&Left> = runs.iter().collect();
    let common = curves::figures(&all);
    if let [run] = runs {
        section(run, common, problem, go_on, &mut page)?;
    } else {
        grid(&common, &mut page);
        page += &format!("<div class=\"runs\" style=\"--columns:{}\">\n", runs.len().min(3));
        for run in runs {
            page += &format!("<section>\n<h2>{}</h2>\n", escape(&run.name));
            section(run, Vec::new(), problem, go_on, &mut page)?;
            page += "</section>\n";
        }
        page += "</div>\n";
    }
    page += "</body></html>\n";
    Ok(page)
}

/// Figures of all runs, a column each.
fn table(runs: &[Left], page: &mut String) {
    let lines = |run: &Left| -> Vec<(String, String)> {
        let notes = run.notes.iter();
        notes.flat_map(|notes| notes.about().into_iter().chain(notes.figures.clone())).collect()
    };
    let columns: Vec<Vec<(String, String)>> = runs.iter().map(lines).collect();
    let mut names: Vec<&String> = Vec::new();
    for (name, _) in columns.iter().flatten() {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    *page += "<table>\n";
    if runs.len() > 1 {
        let heads = runs.iter().map(|run| format!("<th>{}</th>", escape(&run.name)));
        *page += &format!("<tr><th></th>{}</tr>\n", heads.collect::<String>());
    }
    for name in names {
        *page += &format!("<tr><td>{}</td>", escape(name));
        for column in &columns {
            // Warnings have one name.
            let of = column.iter().filter(|(of, _)| of == name).map(|(_, value)| escape(value));
            *page += &format!("<td>{}</td>", of.collect::<Vec<_>>().join("<br>"));
        }
        *page += "</tr>\n";
    }
    *page += "</table>\n";
}

/// What is of one run alone, after `figures`.
fn section(
    run: &Left,
    mut figures: Vec<Figure>,
    given: Option<&Problem>,
    go_on: GoOn<'_>,
    page: &mut String,
) -> Result<()> {
    let read = given.is_none().then(|| run.problem());
    let (problem, missing) = match &read {
        None => (given, None),
        Some(Ok(problem)) => (Some(problem), None),
        Some(Err(why)) => (None, Some(why)),
    };
    match (&run.model, missing) {
        (None, _) => *page += "<p>The run has no model yet: its curves are all there is.</p>\n",
        (_, None) => {}
        (_, Some(why)) => {
            let left_out = "What is held against the data or the energy is left out.";
            *page += &format!("<p>{} {left_out}</p>\n", escape(why));
        }
    }
    if let Some(model) = &run.model {
        figures.extend(pictures::figures(run, model, problem, go_on)?);
    }
    grid(&figures, page);
    if let Some(config) = &run.config {
        *page += &format!("<h3>Config</h3>\n<pre>{}</pre>\n", escape(config));
    }
    Ok(())
}

fn grid(figures: &[Figure], page: &mut String) {
    *page += "<div class=\"figures\">\n";
    figures.iter().for_each(|figure| figure.write(page));
    *page += "</div>\n";
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_whole_and_loads_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let head = "step,loss,loss_error,ess,validation_nll,energy,beta,grad_norm,learning_rate\n";
        let row = |i: i32| format!("{i},{},0.1,0.5,,,0.{i:03},{i},1e-3\n", 1e5 / f64::from(i));
        let all: String = (1..300).map(row).collect();
        // One point, and none.
        let rows = [all, "1,1,NaN,,2,,,0,0\n".to_owned(), String::new()];
        let runs = ["a & <b>", "\"c\"", "d"].iter().zip(&rows).map(|(name, rows)| {
            let folder = dir.path().join(name);
            std::fs::create_dir(&folder).unwrap();
            std::fs::write(folder.join("metrics.csv"), format!("{head}{rows}")).unwrap();
            Left::read(&folder).unwrap()
        });
        let runs: Vec<Left> = runs.collect();
        let one = |i: usize| page(&runs[i..=i], None, &|| Ok(())).unwrap();
        for page in [page(&runs, None, &|| Ok(())).unwrap(), one(0), one(1), one(2)] {
            assert!(page.starts_with("<!doctype html>") && page.ends_with("</body></html>\n"));
            for word in ["http", "<script", "url(", "NaN", "inf", "<b>", "cannot be drawn"] {
                assert!(!page.contains(word), "{word}: {page}");
            }
            for tag in ["svg", "text", "figure", "section", "table", "span", "p"] {
                let opened = page.matches(&format!("<{tag}>")).count();
                let opened = opened + page.matches(&format!("<{tag} ")).count();
                assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
            }
        }
        assert!(one(0).contains("<h1>a &amp; &lt;b&gt;</h1>"));
        assert!(one(0).contains("Inverse temperature β") && one(1).contains("held-out rows"));
    }
}
