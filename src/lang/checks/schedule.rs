//! Schedules of syncs.
//!
//! A schedule has five fields: minute, hour, day of the month, month, day of the week, in UTC, as in `*/15 * * * *`; or it is
//! one of `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`.

use kinfold_base::Diagnostic;

use crate::ast::Text;
use crate::rule::Rule;
use crate::schedule::Schedule;

pub(crate) const RULES: &[&Rule] = &[&BAD_SCHEDULE];

pub(crate) const BAD_SCHEDULE: Rule = Rule::error("bad-schedule", "a schedule cannot be read, or never comes");

/// The schedule as written, if it is one.
pub(crate) fn schedule(text: &Text, diagnostics: &mut Vec<Diagnostic>) -> Option<Schedule> {
    let schedule = text.as_str().trim().parse();
    if let Err(why) = &schedule {
        let hint = "write minute, hour, day, month and weekday, as in `*/15 * * * *`, or @hourly, @daily, @weekly, @monthly, @yearly";
        diagnostics.push(BAD_SCHEDULE.at(text.span(), why).hint(hint));
    }
    schedule.ok()
}
