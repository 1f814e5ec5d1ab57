//! What an engine does for its users. Nothing outside this crate knows which engine it is.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use futures::stream::BoxStream;
use kinfold_base::{Progress, RunId, TableSchema, Timestamp};
use kinfold_lang::project::SourceTable;
use kinfold_plan::{Dialect, Output};

use crate::error::EngineError;

/// Rows as they come out of an engine, one batch at a time.
pub struct RecordStream {
    pub schema: SchemaRef,
    pub batches: BoxStream<'static, Result<RecordBatch, EngineError>>,
}

/// A table that a run has written but not yet shown to readers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    pub table: String,
    pub rows: u64,
    pub bytes: u64,
}

/// What every step of one run shares.
#[derive(Debug, Clone)]
pub struct RunContext {
    pub run_id: RunId,
    pub as_of: Timestamp,
    pub progress: Arc<dyn Progress>,
}

/// Parquet files that stand as one table in a query, such as a ledger. An empty list of files is an empty table.
#[derive(Debug, Clone)]
pub struct FileTable {
    /// The name, bare, under which SQL finds it in the schema `files`.
    pub name: String,
    /// Absolute paths or URLs.
    pub files: Vec<String>,
    pub schema: SchemaRef,
}

/// Something that the last committed version of a table was asked for and does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    pub table: String,
    /// Missing, or of another kind; none if there is no such table.
    pub column: Option<String>,
}

/// Runs compiled SQL where the data is.
///
/// Names in SQL: sources are `<source>.<table>`; models and Kinfold's own tables are in the schema `kinfold`, which is also the
/// default; the last committed version of Kinfold's tables is in `previous`; [`FileTable`]s are in `files`.
#[async_trait]
pub trait Engine: Send + Sync {
    fn dialect(&self) -> Dialect;

    /// The columns of a source's table as they are in the data.
    ///
    /// # Errors
    /// When the data is missing, unreadable, or its files disagree on a column's type.
    async fn source_schema(&self, source: &SourceTable) -> Result<TableSchema, EngineError>;

    /// Makes sources known, so that SQL can name them.
    async fn open_sources(&self, sources: &[SourceTable]) -> Result<(), EngineError>;

    /// Makes the last committed version of Kinfold's tables known: under `previous`, and under `kinfold` until a run
    /// writes them anew. Each table is shown with exactly the columns given; what it does not have, which is told, is shown
    /// as no rows or as nulls.
    async fn open_previous(&self, tables: &[(String, TableSchema)]) -> Result<Vec<Gap>, EngineError>;

    /// Names a query, in the schema `kinfold`.
    async fn create_view(&self, name: &str, sql: &str) -> Result<(), EngineError>;

    /// The columns a query would have; runs nothing.
    async fn describe(&self, sql: &str) -> Result<TableSchema, EngineError>;

    /// Runs a query of Kinfold's own.
    async fn query(&self, sql: &str, files: &[FileTable]) -> Result<RecordStream, EngineError>;

    /// Runs a query that a user wrote: it may read, and nothing else, and only declared tables.
    async fn user_query(&self, sql: &str) -> Result<RecordStream, EngineError>;

    /// Writes a query's rows as a table. Later queries of this engine see it at once, readers only after `commit`.
    async fn create_table(&self, run: &RunContext, output: &Output, sql: &str) -> Result<Written, EngineError>;

    /// Writes a stream's rows as a table, as `create_table` does.
    async fn create_table_from(
        &self,
        run: &RunContext,
        output: &Output,
        rows: RecordStream,
    ) -> Result<Written, EngineError>;

    /// Shows everything that `run` has written to readers, each table atomically, in the order of writing.
    async fn commit(&self, run: &RunContext) -> Result<(), EngineError>;

    /// Forgets what `run` has written and not committed.
    async fn discard(&self, run: &RunContext) -> Result<(), EngineError>;

    /// Puts the small files of tables that runs append to together, and removes files that no version of the last `keep` needs.
    async fn vacuum(&self, keep: kinfold_base::SignedDuration) -> Result<(), EngineError>;
}
