//! The model as a file in git.
//!
//! Written by hand and not by a YAML library, so that it reads well in a pull request: one line a level, numbers of few digits.

use std::fmt::Write;

use super::train::TrainReport;

/// Where the model of an entity lies, relative to the project.
pub(super) fn path(entity: &str) -> String {
    format!("models/{entity}.match.yml")
}

/// The file's text.
pub(super) fn text(report: &TrainReport) -> String {
    let mut out = format!(
        "# Written by `kinfold match train {}`; weights are in bits.\nmatch_models:\n  - entity: {}\n    probability: {}\n    comparisons:\n",
        report.entity,
        report.entity,
        number(report.probability),
    );
    let mut line = |text: String| {
        let _ = writeln!(out, "{text}");
    };
    for comparison in &report.comparisons {
        line(format!("      - name: {}", quoted(&comparison.name)));
        if let Some(column) = &comparison.column {
            line(format!("        column: {}", quoted(column)));
        }
        line("        levels:".to_owned());
        for level in &comparison.levels {
            let (m, u) = (number(level.m), number(level.u));
            line(format!("          - {{level: {}, m: {m}, u: {u}}} # {:+.2}", quoted(&level.level), level.weight));
        }
    }
    out
}

/// Six significant digits, never written as 0 or 1.
fn number(share: f64) -> String {
    // Of a share near 1 it is the distance to 1 that counts.
    let small = share.min(1.0 - share);
    let mut digits = 6;
    let mut scale = 0.1;
    while small < scale && digits < 20 {
        digits += 1;
        scale /= 10.0;
    }
    format!("{share:.digits$}").trim_end_matches('0').to_owned()
}

/// As YAML takes any text: in double quotes, which JSON has in common with it.
pub(super) fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if text.chars().all(is_plain) && text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return text.to_owned();
    }
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_few_digits_and_are_never_certain() {
        for (share, text) in [
            (0.25, "0.25"),
            (0.123_456_789, "0.123457"),
            (0.000_012_345_678, "0.0000123457"),
            (1.0 - 1.25e-9, "0.99999999875"),
            (1e-15, "0.000000000000001"),
        ] {
            assert_eq!(number(share), text);
        }
    }

    #[test]
    fn any_label_is_one_text() {
        assert_eq!(quoted("exact"), "exact");
        assert_eq!(quoted("jaro_winkler 0.92"), "\"jaro_winkler 0.92\"");
        assert_eq!(quoted("l.x = r.y or l.z = '\"'"), r#""l.x = r.y or l.z = '\"'""#);
    }
}
