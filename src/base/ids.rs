//! Names for runs and writers.

#![expect(clippy::disallowed_methods, reason = "this is the one place that draws random ids")]

use crate::Clock;

/// Names one execution of a plan. Sorts by the time at which the run began.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct RunId(String);

impl RunId {
    /// A new id: the instant to the microsecond, then eight random hexadecimal digits, as in `20260131T120000123456Z-1f2e3d4c`.
    #[must_use]
    pub fn new(clock: &dyn Clock) -> Self {
        let at = clock.now().strftime("%Y%m%dT%H%M%S%6fZ").to_string();
        let random = uuid::Uuid::new_v4().simple().to_string();
        Self(format!("{at}-{}", &random[..8]))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for RunId {
    fn from(id: String) -> Self {
        Self(id)
    }
}

impl std::fmt::Display for RunId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A random id that tells one writing process from every other: 32 hexadecimal digits.
#[must_use]
pub fn new_writer_id() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FixedClock;

    #[test]
    fn run_ids_sort_by_time_within_a_second() {
        let ids = ["12:00:00Z", "12:00:00.0001Z", "12:00:00.02Z", "12:00:01Z"].map(|time| {
            let at = format!("2026-01-31T{time}").parse().expect("a time");
            RunId::new(&FixedClock(at))
        });
        assert!(ids.is_sorted(), "{ids:?}");
        assert!(ids[1].as_str().starts_with("20260131T120000000100Z-"), "{}", ids[1]);
    }
}
