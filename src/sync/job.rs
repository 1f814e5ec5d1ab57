//! What a sync is asked to do, and what it says of itself afterwards.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kinfold_base::{Clock, Faults, Progress};
use object_store::ObjectStore;
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::api::{Rows, SharedConnector, Target};
use crate::error::SyncError;
use crate::quota::Quota;

/// One run of one sync.
pub struct SyncJob<'a> {
    /// The destination's end. The sync's name and the run's id are in it.
    pub target: Target,
    pub connector: SharedConnector,
    pub rows: &'a dyn Rows,
    pub state: StateFolder,
    pub guard: Guard,
    /// Shared by all syncs that use the same credential: see [`crate::Quotas`].
    pub quota: Arc<Quota>,
    /// Send every wanted row again.
    pub full: bool,
    /// Count, and show the first rows; send nothing, write no state.
    pub dry_run: bool,
    pub tuning: Tuning,
    /// Once cancelled, nothing more is sent; what was sent is made durable and the sync ends cleanly.
    pub cancel: CancellationToken,
    pub clock: Arc<dyn Clock>,
    pub faults: Arc<dyn Faults>,
    pub progress: Arc<dyn Progress>,
    /// Told of every run that sent something, at least once.
    pub log: Option<&'a dyn SyncLog>,
}

/// Where the state of one sync lies.
#[derive(Debug, Clone)]
pub struct StateFolder {
    /// Its writes must survive a power cut, which those of `object_store`'s own local store do not.
    pub store: Arc<dyn ObjectStore>,
    /// Such as `kinfold/_state/syncs/<name>`, in that store.
    pub prefix: Path,
    /// The same folder as [`Rows`] can read it: an absolute path or a URL, without a slash at its end.
    pub url: String,
}

/// Bounds that stop a sync before it sends anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Guard {
    /// How many of the acknowledged rows may leave in one run: 2000 is 20 %.
    pub max_leave_basis_points: Option<u32>,
    /// How many rows must be wanted and valid.
    pub min_rows: Option<u64>,
}

/// How patient a sync is. The defaults suit HTTP interfaces.
#[derive(Debug, Clone, Copy)]
pub struct Tuning {
    /// Attempts at one batch in one run.
    pub attempts: u32,
    /// The first wait between two attempts; each further one doubles, with jitter.
    pub backoff: Duration,
    pub max_backoff: Duration,
    /// A longer `Retry-After` ends the run; the rows are sent by the next one.
    pub max_retry_after: Duration,
    /// After so many batches in a row that got no answer for any of their rows, the run ends.
    pub failures_to_stop: u32,
    /// Outcomes are made durable at least this often.
    pub flush_every: Duration,
    /// Rows that may be sent while the outcomes of earlier ones are not durable, if the mode is not insert.
    pub window_rows: usize,
    /// Versions of the state that are kept.
    pub keep_versions: u64,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            attempts: 5,
            backoff: Duration::from_millis(500),
            max_backoff: Duration::from_secs(30),
            max_retry_after: Duration::from_mins(5),
            failures_to_stop: 3,
            flush_every: Duration::from_secs(2),
            window_rows: 50_000,
            keep_versions: 10,
        }
    }
}

/// How a sync ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SyncStatus {
    /// Every planned row was sent, and has an outcome.
    #[default]
    Done,
    /// Some planned rows were not sent: the tool asked for a long wait, or gave no answer. The next run sends them.
    Stopped,
    /// Some planned rows were not sent: the user cancelled.
    Cancelled,
    /// The connector reported an error that concerns all rows; outcomes up to it are kept.
    Failed,
    /// An earlier run ended without a word, and this one has put its outcomes in order.
    Recovered,
    /// A dry run: nothing was sent, no state was written.
    Planned,
}

/// Counts of rows. `added + updated + removed` are the rows that were to be sent, and each of these is in exactly one of
/// `acknowledged`, `rejected`, `retry`, `unknown` and `pending`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SyncReport {
    pub sync: String,
    pub run_id: String,
    pub status: SyncStatus,
    /// To be sent; not acknowledged before.
    pub added: u64,
    /// To be sent; acknowledged before, with other values (or the same, if all rows are sent again).
    pub updated: u64,
    /// To be deleted or cleared.
    pub removed: u64,
    pub acknowledged: u64,
    /// The tool will not take them as they are.
    pub rejected: u64,
    /// Not taken; the next run tries again.
    pub retry: u64,
    /// Nobody can say; the next run sends them again.
    pub unknown: u64,
    /// Never sent.
    pub pending: u64,
    /// Set aside before anything was sent: the key is null or not unique.
    pub invalid: u64,
    /// Acknowledged by earlier runs, and in no need of anything.
    pub unchanged: u64,
    /// Why rows are invalid, rejected, to be tried again, or unknown, with counts; the most frequent first, at most 20.
    pub reasons: Vec<(String, u64)>,
    /// Why the run ended early.
    pub stopped: Option<String>,
    /// What the user should know beside: a guard that a real run would hit.
    pub warnings: Vec<String>,
    /// The first rows of a dry run, as objects: `_operation`, then the payload.
    pub sample: Vec<serde_json::Value>,
    /// All rows of the ledger after this run.
    pub ledger: LedgerCounts,
}

/// The rows of a ledger, by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LedgerCounts {
    pub rows: u64,
    /// Rows of which some payload was acknowledged, whatever came after.
    pub delivered: u64,
    pub acknowledged: u64,
    pub cleared: u64,
    pub rejected: u64,
    pub retry: u64,
    pub unknown: u64,
}

/// Keeps a record of runs, such as the tables `sync_runs` and `sync_log`.
#[async_trait]
pub trait SyncLog: Send + Sync {
    /// Records a run that sent something. After a crash it may be told of the same `report.run_id` again: the files are then the
    /// same, or nothing of that run had been recorded.
    ///
    /// # Errors
    /// The sync goes on; the next run tells it again.
    async fn record(&self, entry: &LogEntry) -> Result<(), SyncError>;
}

/// What [`SyncLog`] is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    pub report: SyncReport,
    /// Absolute paths or URLs; see [`crate::ledger`] for the columns.
    pub plan_files: Vec<String>,
    pub outcome_files: Vec<String>,
}
