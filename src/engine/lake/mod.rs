//! The lake engine: DataFusion in this process, over files on a disk or in object storage.
//!
//! What holds:
//! - a table that readers see changes only in `commit`, and each in one step;
//! - what a run has written and not committed is seen by later queries of the same engine, and by nobody else;
//! - no query holds more rows in memory than the memory limit allows: what does not fit goes to the scratch folder;
//! - a query of a user reads declared tables and nothing else.
//!
//! Deliberately absent: file paths in SQL, statements that write, and statements that change settings.

mod catalog;
mod compact;
mod delta;
mod delta_source;
mod discover;
mod files;
mod infer;
mod kept;
mod memory;
mod named;
mod output;
mod parts;
mod patch;
mod previous;
mod scratch;
mod session;
mod sources;
mod staged;
mod stored;
mod user_sql;
mod vacuum;
mod vectors;
mod write;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::catalog::view::ViewTable;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, execute_stream};
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use kinfold_base::{Clock, SignedDuration, TableSchema};
use kinfold_lang::project::{SourceTable, StorageRule};
use kinfold_plan::{Dialect, KeepTable, Output};
use roaring::RoaringTreemap;

use crate::api::{
    Engine, FileTable, Gap, Kept, MemoryShare, QueryParts, RecordStream, RunContext, StoredFile, Written,
};
use crate::error::EngineError;
use crate::failure::{self, bug, input};
use crate::lake::catalog::{FILES, GivenTables, KINFOLD, Names, PREVIOUS, Visible, WRITTEN};
use crate::lake::scratch::ScratchDir;
use crate::lake::staged::Staged;
use crate::lake::write::Batches;
use crate::stores::{Place, SecretResolver, Stores};
use crate::types::table_schema;

/// How many sources or tables are opened at once.
const CONCURRENT_TABLES: usize = 8;

/// What a lake engine is made of.
#[derive(Clone)]
pub struct LakeOptions {
    /// Where tables are written: an absolute path or a URL. Kinfold's tables are under `<location>/kinfold/`.
    pub location: String,
    pub storage: Vec<StorageRule>,
    pub secrets: SecretResolver,
    /// How many threads a query may keep busy; the runtime that calls the engine must have as many.
    pub threads: usize,
    /// What queries may hold in memory; none is no limit.
    pub memory_limit_bytes: Option<u64>,
    /// Where temporary files go. The engine makes a folder of its own in it, and removes it in the end.
    pub scratch_dir: PathBuf,
    pub clock: Arc<dyn Clock>,
}

/// DataFusion in this process. It needs a Tokio runtime with more than one thread.
pub struct LakeEngine {
    // Declared first: dropped before the folder that it spills into.
    state: SessionState,
    names: Arc<Names>,
    stores: Arc<Stores>,
    /// `<location>/kinfold`.
    tables: Place,
    threads: usize,
    clock: Arc<dyn Clock>,
    /// What each run has written and not committed, in the order of writing.
    staged: Mutex<HashMap<String, Vec<Staged>>>,
    /// The version of each table whose files were told, as long as no commit of this engine has made another.
    told: Mutex<HashMap<String, u64>>,
    /// The version of each table that the schema `previous` shows.
    previous: Mutex<HashMap<String, String>>,
    /// Sources that `source_schema` has opened and `open_sources` will want.
    opened: Mutex<HashMap<String, Arc<dyn TableProvider>>>,
    scratch_store: Place,
    _scratch: ScratchDir,
}

impl std::fmt::Debug for LakeEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LakeEngine").field("tables", &self.tables.label).finish_non_exhaustive()
    }
}

impl LakeEngine {
    /// Opens an engine. Nothing is read or written yet, except the scratch folder, which is made.
    ///
    /// # Errors
    /// When the location is of no known kind, its storage rule cannot be used, or the scratch folder cannot be made.
    pub fn open(options: LakeOptions) -> Result<Self, EngineError> {
        let stores = Arc::new(Stores::new(options.storage, options.secrets));
        let scratch = ScratchDir::new(&options.scratch_dir)?;
        let names = Arc::new(Names::default());
        let everything = Visible { names: Arc::clone(&names), files: GivenTables::default(), public_only: false };
        let state = session::state(options.threads, options.memory_limit_bytes, &scratch, Arc::new(everything))?;
        let tables = stores.place(&options.location)?.child("kinfold");
        let scratch_store = staged::scratch_place(scratch.path())?;
        for place in [&tables, &scratch_store] {
            state.runtime_env().register_object_store(place.store_url.as_ref(), Arc::clone(&place.store));
        }
        Ok(Self {
            state,
            names,
            stores,
            tables,
            threads: options.threads.max(1),
            clock: options.clock,
            staged: Mutex::default(),
            told: Mutex::default(),
            previous: Mutex::default(),
            opened: Mutex::default(),
            scratch_store,
            _scratch: scratch,
        })
    }

    /// The object stores of this engine's project, for whoever keeps files beside its tables.
    #[must_use]
    pub fn stores(&self) -> Arc<Stores> {
        Arc::clone(&self.stores)
    }

    /// A session that sees some of the names.
    fn session(&self, files: GivenTables, public_only: bool) -> SessionState {
        let visible = Visible { names: Arc::clone(&self.names), files, public_only };
        SessionStateBuilder::new_from_existing(self.state.clone()).with_catalog_list(Arc::new(visible)).build()
    }

    async fn plan(&self, sql: &str, what: &str) -> Result<LogicalPlan, EngineError> {
        self.state.create_logical_plan(sql).await.map_err(|e| failure::query(e, what))
    }

    async fn physical(
        state: &SessionState,
        plan: &LogicalPlan,
        what: &str,
    ) -> Result<Arc<dyn ExecutionPlan>, EngineError> {
        state.create_physical_plan(plan).boxed().await.map_err(|e| failure::query(e, what))
    }

    async fn run(state: &SessionState, plan: &LogicalPlan, what: &str) -> Result<RecordStream, EngineError> {
        let plan = Self::physical(state, plan, what).await?;
        let stream = execute_stream(plan, state.task_ctx()).map_err(|e| failure::query(e, what))?;
        let schema = stream.schema();
        Ok(RecordStream { schema, batches: named_errors(stream, what) })
    }

    /// As [`Self::run`]. A query that runs out of memory before it gives its first row is run again, with joins that spill.
    async fn run_in_memory(
        &self,
        state: &SessionState,
        plan: &LogicalPlan,
        what: &str,
    ) -> Result<RecordStream, EngineError> {
        let RecordStream { schema, mut batches } = Self::run(state, plan, what).await?;
        match batches.next().await {
            Some(Err(e)) if e.is_out_of_memory() => {
                drop(batches);
                Self::run(&session::spilling(state), plan, what).await
            }
            first => Ok(RecordStream { schema, batches: stream::iter(first).chain(batches).boxed() }),
        }
    }

    /// The query's rows as one stream for each thread.
    fn streams(
        &self,
        state: &SessionState,
        plan: Arc<dyn ExecutionPlan>,
        what: &str,
    ) -> Result<Vec<Batches>, EngineError> {
        let failed = |e| failure::query(e, what);
        let context = state.task_ctx();
        let partitions = plan.output_partitioning().partition_count();
        if partitions != self.threads {
            let one = execute_stream(plan, context).map_err(failed)?;
            return Ok(write::share(named_errors(one, what), self.threads));
        }
        let streams = (0..partitions).map(|i| plan.execute(i, Arc::clone(&context)).map(|s| named_errors(s, what)));
        streams.collect::<Result<_, _>>().map_err(failed)
    }
}

fn of_schema(streams: Vec<Batches>, schema: &SchemaRef) -> Vec<RecordStream> {
    streams.into_iter().map(|batches| RecordStream { schema: Arc::clone(schema), batches }).collect()
}

/// The stream, its errors in plain words.
fn named_errors(stream: datafusion::execution::SendableRecordBatchStream, what: &str) -> Batches {
    let what = what.to_owned();
    stream.map_err(move |e| failure::query(e, &what)).boxed()
}

#[async_trait]
impl Engine for LakeEngine {
    fn dialect(&self) -> Dialect {
        Dialect::DataFusion
    }

    async fn source_schema(&self, source: &SourceTable) -> Result<TableSchema, EngineError> {
        let table = sources::open(&self.stores, &self.state, source).await?;
        let schema = table_schema(&table.schema());
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).insert(source_key(source), table);
        Ok(schema)
    }

    async fn open_sources(&self, sources: &[SourceTable]) -> Result<(), EngineError> {
        let open = |source: &SourceTable| {
            let source = source.clone();
            async move {
                let schema = source
                    .name
                    .schema
                    .clone()
                    .ok_or_else(|| bug(format!("the table `{}` has no source", source.name)))?;
                if [KINFOLD, PREVIOUS, WRITTEN, FILES].contains(&schema.as_str()) {
                    return Err(input(format!("a source cannot be called `{schema}`"))
                        .hint("that name is Kinfold's own: take another"));
                }
                let known = self.opened.lock().unwrap_or_else(PoisonError::into_inner).remove(&source_key(&source));
                let table = match known {
                    Some(table) => table,
                    None => sources::open(&self.stores, &self.state, &source).await?,
                };
                self.names.put(&schema, &source.name.name, table, true);
                Ok(())
            }
            .boxed()
        };
        let opens: Vec<_> = sources.iter().map(open).collect();
        stream::iter(opens).buffered(CONCURRENT_TABLES).try_collect().await
    }

    async fn open_previous(&self, tables: &[(String, TableSchema)]) -> Result<Vec<Gap>, EngineError> {
        let open = |(name, columns): &(String, TableSchema)| {
            let (name, columns) = (name.clone(), columns.clone());
            async move {
                let opened = previous::open(&self.state, &self.tables.child(&name), &name, &columns).await?;
                Ok::<_, EngineError>((name, opened))
            }
            .boxed()
        };
        let opens: Vec<_> = tables.iter().map(open).collect();
        let opened: Vec<_> = stream::iter(opens).buffered(CONCURRENT_TABLES).try_collect().await?;
        let mut staged = self.staged.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all_gaps = Vec::new();
        let mut versions = self.previous.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, previous::Opened { table, gaps, version }) in opened {
            all_gaps.extend(gaps);
            versions.remove(&name);
            versions.extend(version.map(|version| (name.clone(), version)));
            self.names.put(PREVIOUS, &name, Arc::clone(&table), true);
            let mut written = staged.values_mut().flatten().filter(|s| s.table == name).peekable();
            if written.peek().is_none() {
                self.names.put(KINFOLD, &name, table, true);
            }
        }
        Ok(all_gaps)
    }

    fn memory_share(&self, what: &str) -> Box<dyn MemoryShare> {
        Box::new(memory::Share::new(&self.state.runtime_env().memory_pool, what))
    }

    async fn create_view(&self, name: &str, sql: &str) -> Result<(), EngineError> {
        let plan = self.plan(sql, &format!("the model `{name}`")).await?;
        self.names.put(KINFOLD, name, Arc::new(ViewTable::new(plan, Some(sql.to_owned()))), true);
        Ok(())
    }

    async fn query(&self, sql: &str, files: &[FileTable]) -> Result<RecordStream, EngineError> {
        let given = staged::given_tables(&self.stores, &self.state, files).await?;
        let session = self.session(Arc::new(given), false);
        let what = "the query";
        let plan = session.create_logical_plan(sql).await.map_err(|e| failure::query(e, what))?;
        self.run_in_memory(&session, &plan, what).await
    }

    async fn parts(&self, sql: &str) -> Result<Option<QueryParts>, EngineError> {
        let what = "the query";
        let plan = self.plan(sql, what).await?;
        parts::of(sql, &plan).map_err(|e| failure::query(e, what))
    }

    async fn query_streams(&self, sql: &str, only: Option<&[String]>) -> Result<Vec<RecordStream>, EngineError> {
        let what = "the query";
        let failed = |e| failure::query(e, what);
        let mut plan = self.plan(sql, what).await?;
        if let Some(ids) = only {
            match parts::only(plan, ids).boxed().await.map_err(failed)? {
                Some(some) => plan = some,
                None => return Ok(Vec::new()),
            }
        }
        if parts::is_row_by_row(&plan).map_err(failed)? {
            let plan = Self::physical(&self.state, &plan, what).await?;
            let schema = plan.schema();
            let streams = self.streams(&self.state, plan, what)?;
            return Ok(of_schema(streams, &schema));
        }
        let RecordStream { schema, batches } = self.run_in_memory(&self.state, &plan, what).await?;
        Ok(of_schema(write::share(batches, self.threads), &schema))
    }

    async fn kept(&self, shelf: &str) -> Result<Vec<Kept>, EngineError> {
        kept::list(&kept::shelf(&self.tables, shelf)).await
    }

    async fn keep(
        &self,
        run: &RunContext,
        shelf: &str,
        about: &str,
        tables: Vec<Vec<RecordStream>>,
    ) -> Result<(), EngineError> {
        self.keep_tables(run, shelf, about, tables).await
    }

    async fn kept_rows(
        &self,
        shelf: &str,
        kept: &Kept,
        table: usize,
        columns: &TableSchema,
    ) -> Result<Vec<RecordStream>, EngineError> {
        self.rows_of_kept(shelf, kept, table, columns).await
    }

    async fn forget(&self, shelf: &str, kept: &Kept) -> Result<(), EngineError> {
        kept::forget(&kept::shelf(&self.tables, shelf), kept).await
    }

    async fn user_query(&self, sql: &str) -> Result<RecordStream, EngineError> {
        let session = self.session(GivenTables::default(), true);
        let plan = user_sql::plan(&session, sql, &self.names).await?;
        self.run_in_memory(&session, &plan, "the query").await
    }

    async fn create_table(&self, run: &RunContext, output: &Output, sql: &str) -> Result<Written, EngineError> {
        let what = format!("the table `{}`", output.name);
        let plan = self.plan(sql, &what).await?;
        match self.write_query(&self.state, run, output, &plan, &what).await {
            // What it wrote so far is deleted.
            Err(e) if e.is_out_of_memory() => {
                tracing::info!(table = output.name, "out of memory: once more, with joins that spill");
                self.write_query(&session::spilling(&self.state), run, output, &plan, &what).await
            }
            done => done,
        }
    }

    async fn create_table_from(
        &self,
        run: &RunContext,
        output: &Output,
        rows: Vec<RecordStream>,
    ) -> Result<Written, EngineError> {
        let Some(schema) = rows.first().map(|stream| Arc::clone(&stream.schema)) else {
            return Err(bug(format!("the table `{}` is to be made of nothing", output.name)));
        };
        self.write(run, output, self.spread(rows), schema).await
    }

    async fn stored_files(&self, table: &str) -> Result<Vec<StoredFile>, EngineError> {
        self.files_of(table).await
    }

    async fn stored_rows(
        &self,
        table: &str,
        file: &StoredFile,
        columns: &[&str],
        places: Option<&RoaringTreemap>,
    ) -> Result<RecordStream, EngineError> {
        self.rows_of(table, file, columns, places).await
    }

    async fn patch_table(
        &self,
        run: &RunContext,
        output: &Output,
        deleted: HashMap<String, RoaringTreemap>,
        rows: Vec<RecordStream>,
    ) -> Result<Written, EngineError> {
        self.patch(run, output, deleted, rows).await
    }

    async fn table_version(&self, run: &RunContext, table: &str) -> Result<Option<String>, EngineError> {
        self.version_of(run, table).await
    }

    async fn previous_version(&self, table: &str) -> Result<Option<String>, EngineError> {
        Ok(self.previous.lock().unwrap_or_else(PoisonError::into_inner).get(table).cloned())
    }

    async fn commit(&self, run: &RunContext) -> Result<(), EngineError> {
        loop {
            let next = {
                let mut staged = self.staged.lock().unwrap_or_else(PoisonError::into_inner);
                let of_run = staged.get_mut(run.run_id.as_str());
                let next = of_run.and_then(|s| s.iter_mut().find(|s| s.keep != KeepTable::Scratch));
                next.map(|next| {
                    next.tried = true;
                    next.clone()
                })
            };
            let Some(next) = next else { break };
            next.commit(self.clock.now()).await?;
            self.told.lock().unwrap_or_else(PoisonError::into_inner).remove(&next.table);
            let mut staged = self.staged.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(of_run) = staged.get_mut(run.run_id.as_str())
                && let Some(i) = of_run.iter().position(|s| s.files_are(&next))
            {
                of_run.remove(i);
            }
        }
        // Only scratch tables are left of the run.
        self.discard(run).await
    }

    async fn discard(&self, run: &RunContext) -> Result<(), EngineError> {
        let dropped = self.staged.lock().unwrap_or_else(PoisonError::into_inner).remove(run.run_id.as_str());
        // Last first, so that each name ends up with what it meant before the run.
        for staged in dropped.into_iter().flatten().rev() {
            drop(self.names.take(WRITTEN, &staged.table));
            match &staged.before {
                Some(before) => self.names.put(KINFOLD, &staged.table, Arc::clone(before), true),
                None => drop(self.names.take(KINFOLD, &staged.table)),
            }
            // A commit that failed may have succeeded without an answer: the vacuum knows better than we do.
            if !staged.tried {
                staged.delete().await;
            }
        }
        Ok(())
    }

    async fn vacuum(&self, keep: SignedDuration) -> Result<(), EngineError> {
        let now = self.clock.now();
        kept::sweep(&self.tables, now).await?;
        for name in previous::table_names(&self.tables).await? {
            self.compact(&name).await?;
            let removed = vacuum::vacuum(&self.tables.child(&name), &name, keep, now).await?;
            tracing::debug!(table = name, removed, "old files removed");
        }
        Ok(())
    }
}

/// What a source's table depends on.
fn source_key(source: &SourceTable) -> String {
    let columns: Vec<_> = source.columns.iter().map(|c| (&c.name, &c.ty)).collect();
    format!("{}\n{}\n{:?}\n{columns:?}", source.name, source.url, source.format)
}
