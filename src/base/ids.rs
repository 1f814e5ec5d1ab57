//! Names for runs and writers.

#![expect(clippy::disallowed_methods, reason = "this is the one place that draws random ids")]

use crate::Clock;

/// Names one execution of a plan. Sorts by the time at which the run began.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct RunId(String);

impl RunId {
    /// A new id: the instant to the second, then eight random hexadecimal digits, as in `20260131T120000Z-1f2e3d4c`.
    #[must_use]
    pub fn new(clock: &dyn Clock) -> Self {
        let at = clock.now().strftime("%Y%m%dT%H%M%SZ").to_string();
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
