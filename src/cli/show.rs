//! `kinfold show`

use std::fmt::Write;

use comfy_table::{ContentArrangement, Table, presets};
use indicatif::HumanCount;
use kinfold_app::{AppError, Options, QueryResult, ShownProfile, ShownSegment};
use serde_json::Value;

use crate::cli::args::{ShowProfileArgs, ShowSegmentArgs};
use crate::cli::output::Printer;
use crate::cli::{Ended, load};

pub(super) async fn profile(args: &ShowProfileArgs, options: &Options, printer: &Printer) -> Result<Ended, AppError> {
    let ready = match load(options, printer).await? {
        Ok(ready) => ready,
        Err(ended) => return Ok(ended),
    };
    let shown = kinfold_app::show_profile(&ready, &args.identifier, args.entity.as_deref()).await?;
    if printer.is_json() {
        printer.json(&shown);
    } else {
        printer.text(&profile_text(&shown));
    }
    Ok(Ended::Done)
}

pub(super) async fn segment(args: &ShowSegmentArgs, options: &Options, printer: &Printer) -> Result<Ended, AppError> {
    let ready = match load(options, printer).await? {
        Ok(ready) => ready,
        Err(ended) => return Ok(ended),
    };
    let shown = kinfold_app::show_segment(&ready, &args.name, args.limit).await?;
    if printer.is_json() {
        printer.json(&shown);
    } else {
        printer.text(&segment_text(&shown));
    }
    Ok(Ended::Done)
}

fn profile_text(shown: &ShownProfile) -> String {
    let mut text = format!("{} {}\n", shown.entity, shown.profile_id);
    if let Some(former) = &shown.former_profile_id {
        let _ = writeln!(text, "  which was {former} before");
    }
    text.push_str("\ntraits\n");
    let width = shown.traits.keys().map(|name| name.chars().count()).max().unwrap_or(0);
    for ((name, value), scale) in shown.traits.iter().zip(&shown.scales) {
        let _ = writeln!(text, "  {name:width$}  {}", cell(value, *scale));
    }
    let _ = writeln!(text, "\nidentifiers");
    text.push_str(&indented(&table(&shown.identifiers)));
    let _ = writeln!(text, "\nsegments");
    if shown.segments.rows.is_empty() {
        text.push_str("  none\n");
    } else {
        text.push_str(&indented(&table(&shown.segments)));
    }
    text
}

fn segment_text(shown: &ShownSegment) -> String {
    let mut text = format!("{} of {}", shown.segment, shown.entity);
    if let Some(description) = &shown.description {
        let _ = write!(text, ": {description}");
    }
    let share = match shown.profiles {
        0 => String::new(),
        #[expect(clippy::cast_precision_loss, reason = "a percentage with one digit")]
        all => format!(" ({:.1} % of {})", shown.size as f64 * 100.0 / all as f64, HumanCount(all)),
    };
    let _ = writeln!(
        text,
        "\n\n  {} members{share}\n  {} entered and {} left in the last run",
        HumanCount(shown.size),
        HumanCount(shown.entered),
        HumanCount(shown.left)
    );
    if !shown.sample.rows.is_empty() {
        text.push_str("\nsome members\n");
        text.push_str(&indented(&table(&shown.sample)));
    }
    text
}

/// Rows as an aligned table, cut to the terminal's width.
pub(super) fn table(result: &QueryResult) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(&result.columns);
    for row in &result.rows {
        table.add_row(row.iter().enumerate().map(|(column, value)| cell(value, result.scale(column))));
    }
    format!("{table}\n{}\n", super::output::count(result.rows.len(), "row"))
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

/// `scale`: the digits after the point of a decimal.
fn cell(value: &Value, scale: Option<usize>) -> String {
    match (value, scale) {
        (Value::Null, _) => "\u{2013}".into(),
        (Value::String(text), _) => text.clone(),
        (Value::Number(number), Some(scale)) => match number.as_f64() {
            Some(number) => format!("{number:.scale$}"),
            None => number.to_string(),
        },
        (other, _) => other.to_string(),
    }
}
