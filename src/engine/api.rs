//! What an engine does for its users. Nothing outside this crate knows which engine it is.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use futures::stream::BoxStream;
use kinfold_base::{Progress, RunId, TableSchema, Timestamp};
use kinfold_lang::project::SourceTable;
use kinfold_plan::{Dialect, Output};
use roaring::RoaringTreemap;

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
    /// The data files that were written, in the order of the streams that they hold; a stream without rows has none, and a single one may be
    /// spread over several.
    pub files: Vec<NewFile>,
}

/// What every step of one run shares.
#[derive(Debug, Clone)]
pub struct RunContext {
    pub run_id: RunId,
    pub as_of: Timestamp,
    /// Nothing that earlier runs have kept is to be relied on.
    pub full: bool,
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

/// What one piece of work outside the queries holds in memory, as far as the memory limit goes. Given back when it is dropped.
pub trait MemoryShare: Send {
    /// Tells how many bytes are held now. Queries make do with less from then on, and spill sooner.
    ///
    /// # Errors
    /// When so much leaves queries nothing to work with.
    fn hold(&mut self, bytes: usize) -> Result<(), EngineError>;
}

/// What the rows of a query come from, in parts whose rows are the query's, whichever of them are read together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryParts {
    /// Of the query and of the shape of what it reads. As long as it is the same, a part has the same rows.
    pub fingerprint: String,
    /// Each once; usually a file each.
    pub parts: Vec<QueryPart>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryPart {
    /// Of the part's content: what changed is another part.
    pub id: String,
    pub modified: Timestamp,
}

/// Tables that some work has kept for its next time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Unique on its shelf.
    pub name: String,
    /// What its keeper says of it.
    pub about: String,
    /// In the order in which they were kept.
    pub tables: Vec<KeptTable>,
}

/// One of the tables of something kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeptTable {
    pub(crate) files: Vec<KeptFile>,
}

impl KeptTable {
    pub fn rows(&self) -> u64 {
        self.files.iter().fold(0, |rows, file| rows.saturating_add(file.rows))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeptFile {
    pub(crate) name: String,
    pub(crate) bytes: u64,
    pub(crate) rows: u64,
}

/// A data file that a run has written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFile {
    /// As that of [`StoredFile`].
    pub name: String,
    pub rows: u64,
}

/// A file of the last committed version of one of Kinfold's own tables. Its rows keep their places for as long as it is there.
#[derive(Debug, Clone)]
pub struct StoredFile {
    /// Unique within the table, in any of its versions.
    pub name: String,
    /// How many rows it holds, deleted ones included.
    pub rows: u64,
    /// The places of rows that are deleted, from 0 up.
    pub deleted: Arc<RoaringTreemap>,
    pub(crate) meta: object_store::ObjectMeta,
    /// Those of the table.
    pub(crate) columns: SchemaRef,
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
/// default; the last committed version of Kinfold's tables is in `previous`; of a table that this engine has changed in place, the rows that
/// it added are in `_written`, and of any other that it has written, all; [`FileTable`]s are in `files`.
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

    /// Memory for work outside queries; `what` says whose, in errors.
    fn memory_share(&self, what: &str) -> Box<dyn MemoryShare>;

    /// Names a query, in the schema `kinfold`.
    async fn create_view(&self, name: &str, sql: &str) -> Result<(), EngineError>;

    /// Runs a query of Kinfold's own.
    async fn query(&self, sql: &str, files: &[FileTable]) -> Result<RecordStream, EngineError>;

    /// What a query's rows come from; none if the query may give other rows each time, or that cannot be told.
    async fn parts(&self, sql: &str) -> Result<Option<QueryParts>, EngineError>;

    /// Runs a query of Kinfold's own as one stream for each thread. `only`: over some of its parts, of which it has no others.
    async fn query_streams(&self, sql: &str, only: Option<&[String]>) -> Result<Vec<RecordStream>, EngineError>;

    /// What is kept on a shelf. It may be gone at any time: nothing but speed may depend on it.
    async fn kept(&self, shelf: &str) -> Result<Vec<Kept>, EngineError>;

    /// Keeps tables beside those of the lake, where no reader looks; at once, whatever becomes of the run. `about` is for the keeper to
    /// know them by. Each table comes in streams as that of [`Engine::create_table_from`] does.
    async fn keep(
        &self,
        run: &RunContext,
        shelf: &str,
        about: &str,
        tables: Vec<Vec<RecordStream>>,
    ) -> Result<(), EngineError>;

    /// The rows of one of the tables of something kept, as one stream for each thread.
    async fn kept_rows(
        &self,
        shelf: &str,
        kept: &Kept,
        table: usize,
        columns: &TableSchema,
    ) -> Result<Vec<RecordStream>, EngineError>;

    async fn forget(&self, shelf: &str, kept: &Kept) -> Result<(), EngineError>;

    /// Runs a query that a user wrote: it may read, and nothing else, and only declared tables.
    async fn user_query(&self, sql: &str) -> Result<RecordStream, EngineError>;

    /// Writes a query's rows as a table. Later queries of this engine see it at once, readers only after `commit`.
    async fn create_table(&self, run: &RunContext, output: &Output, sql: &str) -> Result<Written, EngineError>;

    /// Writes rows as a table, as `create_table` does. They come in one stream or, from whoever can make them on several threads, in
    /// several of the same columns.
    async fn create_table_from(
        &self,
        run: &RunContext,
        output: &Output,
        rows: Vec<RecordStream>,
    ) -> Result<Written, EngineError>;

    /// The files of the last committed version of one of Kinfold's own tables; none if there is no such table.
    async fn stored_files(&self, table: &str) -> Result<Vec<StoredFile>, EngineError>;

    /// The rows of such a file in the order in which they lie in it, deleted ones included: these columns, in this order; all rows, or those
    /// at some `places`. One stream is read on one thread, while what comes next is fetched.
    async fn stored_rows(
        &self,
        table: &str,
        file: &StoredFile,
        columns: &[&str],
        places: Option<&RoaringTreemap>,
    ) -> Result<RecordStream, EngineError>;

    /// As [`Engine::create_table_from`], but the rows of the last committed version stay, except those at the places in `deleted`, by the
    /// names of its files, which add to those that are deleted already. The columns must be those of that version, and `output` must be
    /// kept as one that is replaced. What is told as written is the table as it is then.
    ///
    /// # Errors
    /// Also when another run has committed to the table since [`Engine::stored_files`], or does so before `commit`, which then fails.
    async fn patch_table(
        &self,
        run: &RunContext,
        output: &Output,
        deleted: HashMap<String, RoaringTreemap>,
        rows: Vec<RecordStream>,
    ) -> Result<Written, EngineError>;

    /// What tells the content of one of Kinfold's own tables from any other that it had or will have: as `run` has written it, if it has
    /// and did not commit yet, else as last committed; none if there is no such table. A commit does not change it.
    async fn table_version(&self, run: &RunContext, table: &str) -> Result<Option<String>, EngineError>;

    /// As [`Engine::table_version`], of what the schema `previous` shows, which a commit by somebody else does not change; none if it shows
    /// no such table.
    async fn previous_version(&self, table: &str) -> Result<Option<String>, EngineError>;

    /// Shows everything that `run` has written to readers, each table atomically, in the order of writing.
    async fn commit(&self, run: &RunContext) -> Result<(), EngineError>;

    /// Forgets what `run` has written and not committed.
    async fn discard(&self, run: &RunContext) -> Result<(), EngineError>;

    /// Puts the small files of tables that runs append to together, and removes files that no version of the last `keep` needs.
    async fn vacuum(&self, keep: kinfold_base::SignedDuration) -> Result<(), EngineError>;
}
