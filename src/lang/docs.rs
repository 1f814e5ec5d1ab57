//! The page of all diagnostics, made from the checks themselves.

use std::fmt::Write as _;

use crate::checks::{FAMILIES, sql_rules};
use crate::rule::Rule;

/// Every diagnostic that checking a project can give.
#[must_use]
pub fn rules() -> Vec<Rule> {
    FAMILIES.iter().flat_map(|family| family.rules.iter().map(|rule| **rule)).chain(sql_rules()).collect()
}

/// `docs/diagnostics.md`.
#[must_use]
pub fn diagnostics_page() -> String {
    let mut page = "# Diagnostics\n\nEverything that `kinfold check` can find, by family. Errors stop a run; warnings do not. This page is \
                    made from the checks themselves (`src/lang/checks/`); examples of each are in `tests/cases/`.\n"
        .to_owned();
    for family in FAMILIES {
        section(&mut page, family.title, &module_docs(family.source), family.rules.iter().map(|r| **r));
    }
    let sql = "Expressions and queries are parsed, their names resolved and their types found before anything runs. Functions and \
               types are those of DataFusion.";
    section(&mut page, "SQL", sql, sql_rules().into_iter());
    page
}

fn section(page: &mut String, title: &str, text: &str, rules: impl Iterator<Item = Rule>) {
    let _ = write!(page, "\n## {title}\n\n{text}\n\n| id | severity | what is wrong | since |\n|---|---|---|---|\n");
    for rule in rules {
        let severity = match rule.severity {
            kinfold_base::Severity::Error => "error",
            kinfold_base::Severity::Warning => "warning",
        };
        let summary = rule.summary.replace('|', "\\|");
        let _ = writeln!(page, "| `{}` | {severity} | {summary} | {} |", rule.id, rule.since);
    }
}

/// The `//!` lines at the top of a file.
fn module_docs(source: &str) -> String {
    let lines = source.lines().take_while(|line| line.starts_with("//!")).map(|line| line[3..].trim_start());
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}
