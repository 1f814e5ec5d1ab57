//! When a sync is to be delivered.

use std::str::FromStr;

use croner::Cron;
use jiff::Timestamp;
use jiff::tz::TimeZone;

const WORDS: &[&str] = &["@hourly", "@daily", "@weekly", "@monthly", "@yearly"];

/// Five fields, minute, hour, day of the month, month and day of the week, or a word such as `@daily`; in UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    cron: Cron,
}

impl Schedule {
    /// Whether a moment of the schedule has come, up to `now`, since something began that was last done at `last`: what was missed
    /// is made up for, once. What was never done is due.
    #[must_use]
    pub fn is_due(&self, last: Option<Timestamp>, now: Timestamp) -> bool {
        let Some(last) = last else { return true };
        let moment = self.cron.find_previous_occurrence(&now.to_zoned(TimeZone::UTC), true);
        moment.is_ok_and(|moment| moment.timestamp() > last)
    }
}

impl FromStr for Schedule {
    type Err = String;

    /// # Errors
    /// What is wrong with it, for its author; also if it never comes, as the 30th of February.
    fn from_str(written: &str) -> Result<Self, String> {
        if written.starts_with('@') {
            if !WORDS.contains(&written) {
                return Err(format!("`{written}` is not a schedule"));
            }
        } else if written.split_whitespace().count() != 5 {
            return Err(format!("a schedule has five fields, but here are {}", written.split_whitespace().count()));
        }
        let cron = Cron::from_str(written).map_err(|error| {
            let why = error.to_string().to_lowercase();
            let why = why.trim_start_matches("component error: ").trim_end_matches('.');
            format!("this is not a schedule: {why}")
        })?;
        let start = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
        if cron.find_next_occurrence(&start, false).is_err() {
            return Err("this schedule never comes".to_owned());
        }
        Ok(Self { cron })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(schedule: &str, last: &str, now: &str) -> bool {
        schedule.parse::<Schedule>().unwrap().is_due(Some(last.parse().unwrap()), now.parse().unwrap())
    }

    #[test]
    fn something_is_due_once_for_each_moment_of_its_schedule() {
        assert!(due("*/15 * * * *", "2026-03-01T11:59:59Z", "2026-03-01T12:00:00Z"));
        assert!(!due("*/15 * * * *", "2026-03-01T12:00:00Z", "2026-03-01T12:14:59.9Z"));
        assert!(!due("*/15 * * * *", "2026-03-01T12:00:00.2Z", "2026-03-01T12:00:01Z"));
        assert!(due("*/15 * * * *", "2026-03-01T12:00:00.2Z", "2026-03-01T12:15:00Z"));
    }

    #[test]
    fn what_was_missed_is_made_up_for() {
        assert!(due("@daily", "2026-02-20T00:00:03Z", "2026-03-01T17:20:00Z"));
        assert!(due("0 6 * * 1", "2026-03-01T07:00:00Z", "2026-03-02T09:00:00Z"), "a Monday");
        assert!(!due("0 6 * * 1", "2026-03-02T07:00:00Z", "2026-03-08T09:00:00Z"));
    }

    #[test]
    fn what_was_never_done_is_due() {
        assert!("@yearly".parse::<Schedule>().unwrap().is_due(None, "2026-03-01T12:00:00Z".parse().unwrap()));
    }

    #[test]
    fn words_and_rare_days_are_understood() {
        assert!(due("@weekly", "2026-03-07T23:00:00Z", "2026-03-08T00:00:00Z"), "a Sunday");
        assert!(due("@monthly", "2026-02-28T23:59:59Z", "2026-03-01T00:00:00Z"));
        assert!(due("@hourly", "2026-02-28T23:59:59Z", "2026-03-01T00:59:00Z"));
        assert!(!due("0 0 29 2 *", "2024-02-29T00:00:00Z", "2026-11-01T00:00:00Z"));
    }
}
