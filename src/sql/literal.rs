//! Dates, times and durations written as text.

/// Whether the text is a date, or a date and a time of day with or without an offset.
pub(crate) fn is_timestamp(text: &str) -> bool {
    let text = text.trim();
    let (Some(date), Some(rest)) = (text.get(..10), text.get(10..)) else { return false };
    is_date(date)
        && match rest.chars().next() {
            None => true,
            Some('T' | 't' | ' ') => is_time_and_zone(&rest[1..]),
            Some(_) => false,
        }
}

/// Whether the text is a date such as `2026-01-31`.
pub(crate) fn is_date(text: &str) -> bool {
    let mut parts = text.trim().split('-');
    let (Some(year), Some(month), Some(day), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let (Some(year), Some(month), Some(day)) = (number(year, 4), number(month, 2), number(day, 2)) else {
        return false;
    };
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    (1..=days).contains(&day)
}

fn is_time_and_zone(text: &str) -> bool {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != ':' && c != '.').unwrap_or(text.len());
    // To the second: the engine does not read `10:00` here.
    text[..end].matches(':').count() == 2 && is_time(&text[..end]) && is_zone(text[end..].trim())
}

/// Whether the text is a time of day such as `12:30:00.5`.
pub(crate) fn is_time(text: &str) -> bool {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let parts: Vec<_> = clock.split(':').map(|p| number(p, 2)).collect();
    let fits = match parts.as_slice() {
        [Some(hour), Some(minute)] => *hour < 24 && *minute < 60,
        [Some(hour), Some(minute), Some(second)] => *hour < 24 && *minute < 60 && *second < 61,
        _ => false,
    };
    fits && !fraction.is_empty() && fraction.len() <= 9 && fraction.bytes().all(|b| b.is_ascii_digit())
}

fn is_zone(text: &str) -> bool {
    match text.chars().next() {
        None | Some('Z' | 'z') => text.len() <= 1,
        Some('+' | '-') => {
            let digits: String = text[1..].chars().filter(|c| *c != ':').collect();
            matches!(digits.len(), 2 | 4) && digits.bytes().all(|b| b.is_ascii_digit())
        }
        // The name of a zone, which only the engine knows.
        Some(c) => c.is_ascii_alphabetic(),
    }
}

fn number(text: &str, len: usize) -> Option<u32> {
    (text.len() == len && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

/// Parts of a date or a time that can be taken out of it; the first eleven it can also be cut to.
#[rustfmt::skip]
pub(crate) const DATE_PARTS: &[&str] = &[
    "year", "quarter", "month", "week", "day", "hour", "minute", "second", "millisecond", "microsecond", "nanosecond",
    "dow", "doy", "epoch", "isodow", "isoyear",
];

#[rustfmt::skip]
const UNITS: &[&str] = &[
    "century",
    "centuries",
    "decade",
    "decades",
    "year",
    "years",
    "y",
    "month",
    "months",
    "mon",
    "mons",
    "week",
    "weeks",
    "w",
    "day",
    "days",
    "d",
    "hour",
    "hours",
    "h",
    "minute",
    "minutes",
    "m",
    "min",
    "mins",
    "second",
    "seconds",
    "s",
    "sec",
    "secs",
    "millisecond",
    "milliseconds",
    "ms",
    "msec",
    "msecs",
    "microsecond",
    "microseconds",
    "us",
    "usec",
    "usecs",
    "nanosecond",
    "nanoseconds",
    "ns",
    "nsec",
    "nsecs",
];

/// The first word of a duration such as `1 month 3 days` that is neither a number nor a unit of time.
pub(crate) fn wrong_unit(text: &str) -> Option<&str> {
    text.split_whitespace().find(|word| {
        let letters = word.trim_start_matches(|c: char| c.is_ascii_digit() || "+-.:".contains(c));
        !letters.is_empty() && !UNITS.contains(&letters.to_ascii_lowercase().as_str())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_checked_to_the_day() {
        for good in
            ["2026-01-31", "2024-02-29", "2026-01-31T10:00:00Z", "2026-01-31 10:00:00", "2026-01-31 10:00:00.5+03:00"]
        {
            assert!(is_timestamp(good), "{good}");
        }
        for bad in [
            "2026-02-29",
            "31.01.2026",
            "2026-1-1",
            "2026-01-31T",
            "2026-01-31 25:00:00",
            "2026-01-31 10:00",
            "yesterday",
            "",
            "2026-01-31x",
        ] {
            assert!(!is_timestamp(bad), "{bad}");
        }
    }

    #[test]
    fn units_of_durations_are_known() {
        assert_eq!(wrong_unit("1 month 3 days"), None);
        assert_eq!(wrong_unit("90d"), None);
        assert_eq!(wrong_unit("7 dayz"), Some("dayz"));
    }
}
