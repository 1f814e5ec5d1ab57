//! Values, edges and their evidence in words.

use kinfold_app::{ExplainedEdge, ExplainedEvidence, ExplainedPart, ExplainedValue};
use serde_json::Value;

use crate::cli::output::count;

/// So many values of a part are named; of more only the number is told.
const NAMED: usize = 3;

/// `email ada@example.com`
pub(super) fn value(value: &ExplainedValue) -> String {
    format!("{} {}", value.identifier, printable(&value.value))
}

/// Text from the data without what would move a terminal's cursor, and without what XML may not hold.
pub(super) fn printable(text: &str) -> String {
    let is_bad = |c: char| {
        c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if is_bad(c) { '\u{fffd}' } else { c }).collect()
}

/// What one source says: `crm.contacts: 1 row, contact_id C-1, 2026-04-19T22:05:15Z`.
pub(super) fn evidence(evidence: &ExplainedEvidence) -> String {
    let mut parts = vec![];
    if evidence.rows > 0 {
        parts.push(rows(evidence.rows));
    }
    if let Some(key) = &evidence.row_key {
        let text = |value: &Value| value.as_str().map(printable).unwrap_or_default();
        let first = if evidence.rows > 1 { "first " } else { "" };
        parts.extend(key.iter().map(|(column, value)| format!("{first}{column} {}", text(value))));
    }
    match (evidence.first_seen_at, evidence.last_seen_at) {
        (Some(first), Some(last)) if first != last => parts.push(format!("{first} to {last}")),
        (Some(at), _) | (None, Some(at)) => parts.push(at.to_string()),
        (None, None) => {}
    }
    format!("{}: {}", evidence.source, parts.join(", "))
}

/// What an edge stands on, on one short line: `crm.contacts 1 row, web.events 12 rows`.
pub(super) fn support(edge: &ExplainedEdge) -> String {
    let of_rows = edge.evidence.iter().filter(|e| e.rows > 0);
    let mut parts: Vec<String> = of_rows.map(|e| format!("{} {}", e.source, rows(e.rows))).collect();
    if !edge.accepted || parts.is_empty() || is_pinned(edge) {
        parts.insert(0, printable(&edge.rule));
    }
    parts.join(", ")
}

/// Somebody said so, whatever rows there are.
pub(super) fn is_pinned(edge: &ExplainedEdge) -> bool {
    edge.accepted && edge.rule.starts_with("pinned")
}

/// What a profile falls into without an edge: `cookie c-1 alone, 7 others`.
pub(super) fn parts(parts: &[ExplainedPart]) -> String {
    let Some((rest, cut)) = parts.split_last() else { return String::new() };
    let named = |part: &ExplainedPart| match &part.values[..] {
        [alone] if part.size == 1 => format!("{} alone", value(alone)),
        values if part.size <= NAMED => values.iter().map(value).collect::<Vec<_>>().join(" with "),
        [first, ..] => format!("{} with {} others", value(first), part.size - 1),
        [] => String::new(),
    };
    let cut: Vec<String> = cut.iter().take(NAMED).map(named).collect();
    let more = parts.len() - 1 - cut.len();
    let more = if more > 0 { format!("; {more} more parts") } else { String::new() };
    format!("{}{more}; {}", cut.join("; "), named(rest))
}

fn rows(n: u64) -> String {
    count(usize::try_from(n).unwrap_or(usize::MAX), "row")
}
