//! `kinfold identity report`, for people.

use std::fmt::Write;

use indicatif::HumanCount;
use kinfold_app::{Change, IdentityReport};

use crate::cli::show::table;

/// Characters of the longest bar.
const BAR: u64 = 30;

pub(super) fn text(report: &IdentityReport) -> String {
    let mut text = format!("{}: {} profiles", report.entity, HumanCount(report.profiles.now));
    text.push_str(&difference(&report.profiles));
    let _ = write!(text, "\n  run {} as of {}", report.run_id, report.at);
    match &report.before_run_id {
        Some(before) => {
            let _ = writeln!(text, ", compared with {before}");
        }
        None => text.push_str(", the first that counted\n"),
    }
    section(&mut text, "profiles by number of identifiers", &report.profiles_by_size);
    section(&mut text, "identifiers that have a profile", &report.identifiers);
    section(&mut text, "edges: pairs of values on one row", &report.edges);
    if let Some(matches) = &report.matches {
        section(&mut text, "pairs of values linked by likelihood", std::slice::from_ref(matches));
    }
    if !report.pins.is_empty() {
        section(&mut text, "pins in force", &report.pins);
    }
    section(&mut text, "edges refused", &report.refused);
    section(&mut text, "values shared by many, which link nothing", &report.shared);
    if !report.unusable.is_empty() {
        section(&mut text, "rows with a value that is of no use", &report.unusable);
    }
    if !report.shared_values.rows.is_empty() {
        text.push_str("\nthe most shared values\n");
        text.extend(table(&report.shared_values).lines().map(|line| format!("  {line}\n")));
    }
    largest(&mut text, report);
    text
}

fn largest(text: &mut String, report: &IdentityReport) {
    text.push_str("\nthe largest profiles\n");
    for profile in &report.largest {
        let before = match profile.before {
            Some(before) if before != profile.identifiers => format!(", {} before", HumanCount(before)),
            None if report.before_run_id.is_some() => ", not among the largest before".to_owned(),
            _ => String::new(),
        };
        let above = |limit: Option<u32>| limit.is_some_and(|limit| profile.identifiers > u64::from(limit));
        let mark = if above(report.warn_above) { "  above max_cluster" } else { "" };
        let identifiers = HumanCount(profile.identifiers);
        let noun = if profile.identifiers == 1 { "identifier" } else { "identifiers" };
        let _ = writeln!(text, "  {}  {identifiers} {noun}{before}{mark}", profile.profile_id);
    }
    text.push_str("  `kinfold explain PROFILE` tells what holds one together\n");
}

/// Counts with a bar each, as long as the count is large.
fn section(text: &mut String, title: &str, changes: &[Change]) {
    let _ = writeln!(text, "\n{title}");
    if changes.is_empty() {
        text.push_str("  none\n");
    }
    let labels: Vec<String> = changes.iter().map(label).collect();
    let counts: Vec<String> = changes.iter().map(|change| HumanCount(change.now).to_string()).collect();
    let widest = |texts: &[String]| texts.iter().map(|t| t.chars().count()).max().unwrap_or(0);
    let (label_width, count_width) = (widest(&labels), widest(&counts));
    let most = changes.iter().map(|change| change.now).max().unwrap_or(0);
    for ((label, count), change) in labels.iter().zip(&counts).zip(changes) {
        let bar = bar(change.now, most);
        let difference = difference(change);
        let _ = writeln!(text, "  {label:label_width$}  {count:>count_width$}  {bar}{difference}");
    }
}

fn label(change: &Change) -> String {
    match (&change.source, &change.name) {
        (Some(source), Some(name)) => format!("{source}: {name}"),
        (Some(one), None) | (None, Some(one)) => one.clone(),
        (None, None) => String::new(),
    }
}

/// In eighths of a character; what is there is at least one eighth.
fn bar(count: u64, most: u64) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (u128::from(count) * u128::from(BAR) * 8).div_ceil(u128::from(most.max(1)));
    let eighths = usize::try_from(eighths).unwrap_or(0);
    "█".repeat(eighths / 8) + EIGHTHS[eighths % 8]
}

fn difference(change: &Change) -> String {
    match change.before {
        Some(before) if before < change.now => format!("  +{}", HumanCount(change.now - before)),
        Some(before) if before > change.now => format!("  -{}", HumanCount(before - change.now)),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_counts_are_large_and_none_is_lost() {
        assert_eq!(bar(100, 100), "█".repeat(30));
        assert_eq!(bar(50, 100), "█".repeat(15));
        assert_eq!((bar(1, 1_000_000).as_str(), bar(0, 100).as_str(), bar(0, 0).as_str()), ("▏", "", ""));
    }

    #[test]
    fn what_changed_is_told_with_its_sign() {
        let change = |now, before| Change { now, before, ..Change::default() };
        assert_eq!(difference(&change(1500, Some(200))), "  +1,300");
        assert_eq!(difference(&change(3, Some(5))), "  -2");
        assert_eq!(difference(&change(3, Some(3))) + &difference(&change(3, None)), "");
    }
}
