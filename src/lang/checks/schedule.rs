//! Schedules of syncs.
//!
//! A schedule has five fields: minute, hour, day of the month, month, day of the week, in UTC, as in `*/15 * * * *`; or it is
//! one of `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`.

use std::str::FromStr;

use kinfold_base::Diagnostic;

use crate::ast::Text;
use crate::rule::Rule;

pub(crate) const RULES: &[&Rule] = &[&BAD_SCHEDULE];

pub(crate) const BAD_SCHEDULE: Rule = Rule::error("bad-schedule", "a schedule cannot be read, or never comes");

const WORDS: &[&str] = &["@hourly", "@daily", "@weekly", "@monthly", "@yearly"];

/// The schedule as written, if it is one.
pub(crate) fn schedule(text: &Text, diagnostics: &mut Vec<Diagnostic>) -> Option<String> {
    let written = text.as_str().trim();
    let why = if written.starts_with('@') {
        (!WORDS.contains(&written)).then(|| format!("`{written}` is not a schedule"))
    } else if written.split_whitespace().count() != 5 {
        Some(format!("a schedule has five fields, but here are {}", written.split_whitespace().count()))
    } else {
        let start = jiff::civil::date(2024, 1, 1).at(0, 0, 0, 0).to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        match croner::Cron::from_str(written) {
            Err(error) => {
                let why = error.to_string().to_lowercase();
                let why = why.trim_start_matches("component error: ").trim_end_matches('.');
                Some(format!("this is not a schedule: {why}"))
            }
            Ok(cron) => {
                cron.find_next_occurrence(&start, false).is_err().then(|| "this schedule never comes".to_owned())
            }
        }
    };
    if let Some(why) = why {
        let hint = "write minute, hour, day, month and weekday, as in `*/15 * * * *`, or @hourly, @daily, @weekly, @monthly, @yearly";
        diagnostics.push(BAD_SCHEDULE.at(text.span(), why).hint(hint));
        return None;
    }
    Some(written.to_owned())
}
