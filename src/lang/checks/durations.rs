//! Durations, instants and percentages.
//!
//! A duration is a whole number and a unit: `s` seconds, `m` minutes, `h` hours, `d` days of 24 hours, `w` weeks; several may
//! follow each other, as in `1d12h`. An instant is a date, meaning its first moment in UTC, or a date and time, in UTC unless
//! it names an offset. A percentage is a number from 0 to 100, perhaps with `%` after it.

use kinfold_base::{Diagnostic, SignedDuration, Timestamp, parse_instant};

use crate::ast::{Scalar, Text};
use crate::rule::Rule;

pub(crate) const RULES: &[&Rule] = &[&BAD_DURATION, &BAD_INSTANT, &BAD_PERCENT];

pub(crate) const BAD_DURATION: Rule = Rule::error("bad-duration", "a duration cannot be read, or is not positive");
pub(crate) const BAD_INSTANT: Rule = Rule::error("bad-instant", "a date or time cannot be read");
pub(crate) const BAD_PERCENT: Rule = Rule::error("bad-percent", "a percentage is not a number from 0 to 100");

/// Reads a duration such as `90d`.
pub(crate) fn duration(text: &Text, diagnostics: &mut Vec<Diagnostic>) -> Option<SignedDuration> {
    let parsed = parse_duration(text.as_str());
    if parsed.is_none() {
        let message = format!("`{}` is not a duration", text.as_str());
        let hint = "write a number above 0 and a unit: s, m, h, d or w, as in `90d` or `1d12h`";
        diagnostics.push(BAD_DURATION.at(text.span(), message).hint(hint));
    }
    parsed
}

fn parse_duration(text: &str) -> Option<SignedDuration> {
    let mut rest = text.trim();
    let mut seconds: i64 = 0;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let number: i64 = rest[..digits].parse().ok()?;
        let unit = rest[digits..].chars().next()?;
        let scale = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return None,
        };
        seconds = seconds.checked_add(number.checked_mul(scale)?)?;
        rest = rest[digits + 1..].trim_start();
    }
    // Longer than time itself, as the engine counts it, cannot be subtracted from any instant.
    (seconds > 0 && seconds < 250 * 366 * 86_400).then(|| SignedDuration::from_secs(seconds))
}

/// Reads an instant.
pub(crate) fn instant(text: &Text, diagnostics: &mut Vec<Diagnostic>) -> Option<Timestamp> {
    let parsed = parse_instant(text.as_str());
    if parsed.is_none() {
        let message = format!("`{}` is not a date or time", text.as_str());
        diagnostics.push(BAD_INSTANT.at(text.span(), message).hint("write `2026-01-31` or `2026-01-31T12:00:00Z`"));
    }
    parsed
}

/// Reads a percentage: its digits as written.
pub(crate) fn percent(scalar: &Scalar, diagnostics: &mut Vec<Diagnostic>) -> Option<String> {
    let text = scalar.as_str().trim();
    let digits = text.strip_suffix('%').unwrap_or(text).trim_end();
    let plain = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit() || c == '.');
    let number: Option<f64> = digits.parse().ok();
    if plain && number.is_some_and(|n| (0.0..=100.0).contains(&n)) {
        return Some(digits.to_owned());
    }
    let message = format!("`{text}` is not a percentage");
    diagnostics.push(BAD_PERCENT.at(scalar.span(), message).hint("write a number from 0 to 100, as in `20%`"));
    None
}
