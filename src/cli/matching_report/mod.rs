//! The page of `kinfold match report`: one HTML file that holds its data, its charts and what draws them, and loads nothing.
//!
//! | place | what it does |
//! |---|---|
//! | `page.html`, `page.css` | the sections and what is said of them; how they look |
//! | `base.js` | numbers as text, elements, charts: what the sections share |
//! | `model.js`, `threshold.js`, `pairs.js`, `profiles.js` | the sections, from top to bottom |
//! | `page.js` | draws them, and again when the width or the colours change |
//!
//! A report's values are in one place alone, the element `report`, as JSON that cannot end it; no script makes HTML of them. The page's
//! policy forbids it to load or send anything, whatever is in it.

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use kinfold_app::{AppError, Options};
use plotly::Plot;
use serde_json::Value;

use crate::cli::args::MatchReportArgs;
use crate::cli::output::Printer;
use crate::cli::{Ended, load};

/// In the order in which they stand on each other; together they are one scope.
const SCRIPTS: [&str; 6] = [
    include_str!("base.js"),
    include_str!("model.js"),
    include_str!("threshold.js"),
    include_str!("pairs.js"),
    include_str!("profiles.js"),
    include_str!("page.js"),
];

pub(super) async fn report(args: &MatchReportArgs, options: &Options, printer: &Printer) -> Result<Ended, AppError> {
    let ready = match load(options, printer).await? {
        Ok(ready) => ready,
        Err(ended) => return Ok(ended),
    };
    let report = kinfold_app::match_report(&ready, args.entity.as_deref()).await?;
    if printer.is_json() && args.html.is_none() {
        printer.json(&report);
        return Ok(Ended::Done);
    }
    let default = || {
        let name = format!("{}.match.html", report.entity);
        options.project_dir.components().collect::<PathBuf>().join("target").join(name)
    };
    let path = args.html.clone().unwrap_or_else(default);
    let outside = |e: &dyn std::fmt::Display| AppError::outside(format!("{} cannot be written: {e}", path.display()));
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|e| outside(&e))?;
    }
    let data = serde_json::to_value(&report).map_err(|e| outside(&e))?;
    std::fs::write(&path, render(&data)).map_err(|e| outside(&e))?;
    if printer.is_json() {
        printer.json(&serde_json::json!({"entity": report.entity, "written": path.display().to_string()}));
    } else {
        printer.text(&format!("wrote {}; it shows personal data of some records\n", path.display()));
    }
    Ok(Ended::Done)
}

/// A report as an HTML page.
fn render(report: &Value) -> String {
    format!(
        include_str!("page.html"),
        style = include_str!("page.css"),
        report = within_script(report),
        plotly = plotly(),
        script = format!("\"use strict\";\n{{\n{}}}", SCRIPTS.join("\n")),
    )
}

/// JSON that a script element can hold, whatever is in its texts. Outside of texts JSON has none of these letters.
fn within_script(report: &Value) -> String {
    let mut safe = String::new();
    for letter in report.to_string().chars() {
        match letter {
            '<' => safe.push_str("\\u003c"),
            '>' => safe.push_str("\\u003e"),
            '&' => safe.push_str("\\u0026"),
            '\u{2028}' => safe.push_str("\\u2028"),
            '\u{2029}' => safe.push_str("\\u2029"),
            letter => safe.push(letter),
        }
    }
    safe
}

/// Plotly alone, of the script elements that the crate gives: with it comes `MathJax`, which no chart needs.
fn plotly() -> String {
    let sources = Plot::offline_js_sources();
    sources
        .split("</script>")
        .filter_map(|element| element.split_once('>'))
        .map(|(_, script)| script)
        .find(|script| script.contains("plotly.js v"))
        .expect("the crate holds plotly.js under its name")
        .to_owned()
}
