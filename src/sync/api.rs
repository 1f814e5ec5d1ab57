//! What a connector does, and what it is handed.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use futures::stream::BoxStream;
use kinfold_base::SyncMode;
use sha2::{Digest as _, Sha256};

use crate::error::SyncError;

/// What is done to one row at the destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    Insert,
    Update,
    /// Added or changed, whichever it needs.
    Upsert,
    /// Every field but the key is set to null.
    Clear,
    Delete,
}

/// The destination's end of a sync, as the project describes it.
#[derive(Debug, Clone)]
pub struct Target {
    pub sync: String,
    /// A table, a path, a kind of object.
    pub object: String,
    pub mode: SyncMode,
    /// Key columns first, then fields, as they are called at the destination.
    pub schema: SchemaRef,
    /// How many of the schema's columns, from the left, are the key.
    pub key_columns: usize,
    /// Leave out nulls instead of sending them.
    pub skip_nulls: bool,
    pub run_id: String,
}

/// Rows to send in one request, all with the same operation. `rows` has the columns of [`Target::schema`]; for deletes and clears
/// only the key columns hold values.
#[derive(Debug, Clone)]
pub struct Batch {
    pub operation: Operation,
    pub rows: RecordBatch,
    /// The same for every attempt at this batch, after a crash too; different for every other batch.
    pub idempotency_key: String,
}

/// How one row ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Ok,
    /// The tool will never take this row as it is; the reason holds no personal data.
    Rejected(String),
    /// Worth trying again later.
    Retry(String),
    /// Not worth trying again in this run: what stands in the way is another row, which the next run may have moved.
    NextRun(String),
    /// Nobody can say whether the tool took it.
    Unknown(String),
}

/// A destination, opened for one sync.
#[async_trait]
pub trait Connector: Send + Sync {
    /// How batches must be cut.
    fn limits(&self) -> Limits;

    /// Where rows of this target go, in words that hold no secret: what a ledger says is true of this place and of no other.
    fn place(&self, target: &Target) -> String;

    /// Readies the destination and checks that rows of this shape can go there. Sends nothing.
    ///
    /// # Errors
    /// When the destination cannot be reached, refuses the credential, or has no such object or field.
    async fn prepare(&self, target: &Target) -> Result<(), SyncError>;

    /// Sends one batch: one outcome for each row, in order. Waiting and trying again inside a call is the caller's
    /// work: a connector makes one attempt.
    ///
    /// # Errors
    /// When the whole sync must stop: a refused credential, a missing table, a full disk. Anything that concerns rows
    /// is an [`Outcome`].
    async fn send(&self, target: &Target, batch: &Batch) -> Result<Answer, SyncError>;

    /// Replaces everything at the destination, for one whose [`Limits::whole`] says that it takes only whole sets.
    ///
    /// # Errors
    /// As for `send`. If `rows` failed, or was not read to its end, the destination is then as it was; else nobody can say.
    async fn replace(
        &self,
        target: &Target,
        rows: BoxStream<'static, Result<RecordBatch, SyncError>>,
    ) -> Result<u64, SyncError>;
}

/// What came of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// One for each row, in the order of the rows.
    Rows(Vec<Outcome>),
    /// Nothing was taken; try the same batch again, not before so long.
    RetryAfter { seconds: Option<u64>, reason: String },
    /// Nobody can say what was taken of it, all or nothing or a part; try the same batch again, not before so long.
    InDoubt { seconds: Option<u64>, reason: String },
    /// The batch was refused as a whole for something in it: send it in halves.
    Bisect { reason: String },
}

/// How a destination wants its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub batch_rows: usize,
    pub batch_bytes: usize,
    /// Batches in flight at once.
    pub concurrency: usize,
    /// Attempts at a second, for the credential; `None` is no limit.
    pub requests_per_second: Option<u32>,
    /// Takes only whole sets: the sync hands over all wanted rows whenever one of them changed.
    pub whole: bool,
}

/// Runs the queries of a sync. The sync engine knows neither the engine nor its SQL: it is handed this.
#[async_trait]
pub trait Rows: Send + Sync {
    /// Names and types of the payload: key columns, then fields.
    fn payload_schema(&self) -> SchemaRef;

    /// The difference between wanted rows and a ledger: see [`crate::ledger`] for both schemas.
    async fn diff(&self, ledger_files: &[String], full: bool) -> Result<BatchStream, SyncError>;

    /// How many rows are wanted and valid. Asked only where a guard needs it.
    async fn wanted_count(&self) -> Result<u64, SyncError>;

    /// The ledger that follows from an older one, a plan, and the outcomes of its rows, ordered by key.
    async fn fold(
        &self,
        ledger_files: &[String],
        plan_files: &[String],
        outcome_files: &[String],
    ) -> Result<BatchStream, SyncError>;
}

/// Rows, one batch at a time.
pub type BatchStream = BoxStream<'static, Result<RecordBatch, SyncError>>;

/// Tells one secret from another in [`Connector::place`], and shows neither: a few digits of its SHA-256.
#[must_use]
pub fn fingerprint(secret: &str) -> String {
    Sha256::digest(secret).iter().take(6).fold(String::with_capacity(12), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Connectors by name, as the application wires them.
pub type SharedConnector = Arc<dyn Connector>;
