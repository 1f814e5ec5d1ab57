//! What the versions of a sync's state hold.

use serde::{Deserialize, Serialize};

use crate::job::{LedgerCounts, SyncReport};

/// The body of a version. Files are named relative to the state's folder.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct SyncState {
    /// The ledger; `None` is an empty one.
    pub(crate) ledger: Option<String>,
    pub(crate) counts: LedgerCounts,
    /// A plan that may have been sent in part, and whose outcomes are not in the ledger yet.
    pub(crate) plan: Option<OpenPlan>,
    /// Runs whose outcomes are in the ledger but perhaps not in the log.
    #[serde(default)]
    pub(crate) unlogged: Vec<ClosedPlan>,
    /// Where the ledger's rows were sent, as the connector calls it; `None` if an older release wrote the ledger.
    #[serde(default)]
    pub(crate) place: Option<String>,
    /// The sync is moving there from another place: until a run has sent all rows, the ledger may speak of either.
    #[serde(default)]
    pub(crate) moving: bool,
}

/// A plan that is being sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OpenPlan {
    pub(crate) run_id: String,
    pub(crate) file: String,
    pub(crate) rows: u64,
    /// Where its writer puts outcomes: files `outcomes-…` in this folder.
    pub(crate) folder: String,
    /// A row is sent only while it is less than so many rows beyond the first one whose outcome is not durable; what lies further
    /// on was certainly not sent.
    pub(crate) window_rows: u64,
    /// Counts of the plan; no outcomes yet.
    pub(crate) report: SyncReport,
}

/// A plan whose outcomes are all known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ClosedPlan {
    pub(crate) plan: String,
    pub(crate) outcomes: Vec<String>,
    pub(crate) report: SyncReport,
}

impl SyncState {
    /// Every file that this state needs.
    pub(crate) fn files(&self) -> impl Iterator<Item = &str> {
        let plan = self.plan.as_ref().map(|p| p.file.as_str());
        let closed = self.unlogged.iter().flat_map(|c| std::iter::once(&c.plan).chain(&c.outcomes).map(String::as_str));
        self.ledger.as_deref().into_iter().chain(plan).chain(closed)
    }

    /// Folders of which this state may need every file: outcomes are found by listing.
    pub(crate) fn folders(&self) -> impl Iterator<Item = &str> {
        self.plan.iter().map(|p| p.folder.as_str())
    }
}
