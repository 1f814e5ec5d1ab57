//! What long work tells whoever watches it.

use std::time::Duration;

/// One thing that happened. `task` is a name that a person knows: a step's or a sync's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProgressEvent<'a> {
    /// So many tasks will begin, if nothing fails.
    Planned { tasks: &'a [PlannedTask] },
    /// A task began. `total_rows` where it is known beforehand.
    Started { task: &'a str, total_rows: Option<u64> },
    /// The task has come to `rows` rows so far, not since the last event.
    Advanced { task: &'a str, rows: u64 },
    /// The task is done.
    /// `note`: how it was done, if that is of interest.
    Finished { task: &'a str, rows: u64, note: Option<&'a str> },
    /// The task failed; the error itself goes to the caller.
    Failed { task: &'a str },
}

/// A task that has not begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedTask {
    pub name: String,
    /// How long it took the last time, where that is known.
    pub took: Option<Duration>,
}

/// Receives [`ProgressEvent`]s, from several threads at once. Must return quickly.
pub trait Progress: Send + Sync + std::fmt::Debug {
    fn on(&self, event: ProgressEvent<'_>);

    /// Whether anything is made of [`PlannedTask::took`], which costs a look at the log of runs.
    fn is_forecast_shown(&self) -> bool {
        false
    }
}

/// Says nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn on(&self, _: ProgressEvent<'_>) {}
}
