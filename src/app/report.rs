//! What a run says of itself: the shapes that `--output json` prints.

use kinfold_plan::StepKind;
use serde::Serialize;

/// One execution of a plan.
#[derive(Debug, Clone, Serialize)]
pub struct RunReport {
    pub run_id: String,
    pub status: RunStatus,
    pub seconds: f64,
    pub steps: Vec<StepReport>,
    pub syncs: Vec<SyncSummary>,
    /// What did not stop the run and wants to be known: stale sources, tests that only warn.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorReport>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    Done,
    /// Done, but some rows were refused, are to be tried again, or nobody knows what became of them.
    DoneWithRefusals,
    Failed,
    /// Nothing was written: a dry run.
    Planned,
}

/// One step of the plan.
#[derive(Debug, Clone, Serialize)]
pub struct StepReport {
    pub name: String,
    pub kind: StepKind,
    pub rows: u64,
    pub seconds: f64,
    pub status: StepStatus,
    /// How it was done, if that is of interest: of how many values identity was resolved again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    Done,
    Warned,
    Failed,
    Skipped,
    Planned,
}

/// One sync of a run.
#[derive(Debug, Clone, Default, Serialize)]
pub struct SyncSummary {
    pub name: String,
    pub destination: String,
    pub status: String,
    pub seconds: f64,
    pub added: u64,
    pub updated: u64,
    pub removed: u64,
    pub acknowledged: u64,
    pub rejected: u64,
    pub retry: u64,
    pub unknown: u64,
    /// Never sent: the sync ended before their turn.
    pub pending: u64,
    /// Rows that were set aside before anything was sent: their key is missing or occurs twice.
    pub invalid: u64,
    pub unchanged: u64,
    /// Reasons that the destination gave, each with its count, the most frequent first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<(String, u64)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// The first rows of a dry run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sample: Vec<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorReport>,
}

/// An error, as JSON shows it.
#[derive(Debug, Clone, Serialize)]
pub struct ErrorReport {
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// 1: the user's input is wrong; 2: something outside failed.
    pub exit_code: u8,
}

impl ErrorReport {
    #[must_use]
    pub fn new(error: &crate::AppError) -> Self {
        let exit_code = if error.kind == crate::AppErrorKind::Input { 1 } else { 2 };
        Self { message: error.message.clone(), hint: error.hint.clone(), exit_code }
    }
}

/// The word that JSON has for a value of an enumeration.
pub(crate) fn word(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}
