//! Rows of queries and streams as tables of a run, which later queries of the same engine see.

use std::sync::{Arc, PoisonError};

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use kinfold_plan::{KeepTable, Output};

use crate::api::{RecordStream, RunContext, Written};
use crate::error::EngineError;
use crate::lake::catalog::{KINFOLD, WRITTEN};
use crate::lake::staged::{self, Staged};
use crate::lake::write::{self, Batches, Purpose, Target};
use crate::lake::{LakeEngine, stored};

impl LakeEngine {
    /// Writes a query's rows as a table.
    pub(super) async fn write_query(
        &self,
        state: &SessionState,
        run: &RunContext,
        output: &Output,
        plan: &LogicalPlan,
        what: &str,
    ) -> Result<Written, EngineError> {
        let plan = Self::physical(state, plan, what).await?;
        let schema = plan.schema();
        let streams = self.streams(state, plan, what)?;
        self.write(run, output, streams, schema).await
    }

    /// The rows for as many writers as there are threads, or streams.
    pub(super) fn spread(&self, mut rows: Vec<RecordStream>) -> Vec<Batches> {
        match rows.len() {
            1 => write::share(rows.remove(0).batches, self.threads),
            _ => rows.into_iter().map(|stream| stream.batches).collect(),
        }
    }

    pub(super) async fn write(
        &self,
        run: &RunContext,
        output: &Output,
        streams: Vec<Batches>,
        schema: SchemaRef,
    ) -> Result<Written, EngineError> {
        let table = output.name.as_str();
        let schema = write::written_schema(&schema, table)?;
        let (dir, purpose) = match output.keep {
            KeepTable::Scratch => (self.scratch_store.child(table), Purpose::Scratch),
            KeepTable::Replace | KeepTable::Append => (self.tables.child(table), Purpose::Keep),
        };
        let committed = match output.keep {
            KeepTable::Append => staged::committed(&dir, table, &schema).await?,
            KeepTable::Replace | KeepTable::Scratch => staged::Committed::nothing(&schema),
        };
        let target = Target {
            dir: dir.clone(),
            table: table.to_owned(),
            schema,
            purpose,
            memory: Arc::clone(&self.state.runtime_env().memory_pool),
        };
        let files = write::write(streams, &target, Arc::clone(&run.progress)).await?;
        let written = Written {
            table: table.to_owned(),
            rows: files.iter().map(|f| f.rows).sum(),
            bytes: files.iter().map(|f| f.meta.size).sum(),
            files: stored::new_files(&dir, &files),
        };
        let staged = Staged {
            table: table.to_owned(),
            keep: output.keep,
            dir,
            files,
            patch: None,
            columns: committed.columns.clone(),
            before: None,
            tried: false,
        };
        self.stage(run, staged, committed).await?;
        Ok(written)
    }

    /// Puts a written table in the place of what the name meant before.
    pub(super) async fn stage(
        &self,
        run: &RunContext,
        mut new: Staged,
        committed: staged::Committed,
    ) -> Result<(), EngineError> {
        let mut earlier = Vec::new();
        {
            let mut staged = self.staged.lock().unwrap_or_else(PoisonError::into_inner);
            let of_run = staged.entry(run.run_id.to_string()).or_default();
            if new.keep == KeepTable::Append {
                earlier = of_run.iter().filter(|s| s.table == new.table).flat_map(|s| s.files.clone()).collect();
            }
        }
        let files = committed.files.iter().chain(&earlier).chain(&new.files);
        let table = staged::table(&self.state, &new.dir, &new.table, &new.columns, files).await?;
        let own = match new.patch {
            Some(_) => staged::table(&self.state, &new.dir, &new.table, &new.columns, &new.files).await?,
            None => Arc::clone(&table),
        };
        let replaced;
        {
            let mut staged = self.staged.lock().unwrap_or_else(PoisonError::into_inner);
            let of_run = staged.entry(run.run_id.to_string()).or_default();
            let again =
                (new.keep != KeepTable::Append).then(|| of_run.iter().position(|s| s.table == new.table)).flatten();
            replaced = again.map(|i| of_run.remove(i));
            new.before = match &replaced {
                Some(old) => old.before.clone(),
                None => self.names.get(KINFOLD, &new.table),
            };
            let public = new.keep != KeepTable::Scratch;
            self.names.put(KINFOLD, &new.table, table, public);
            self.names.put(WRITTEN, &new.table, own, false);
            of_run.push(new);
        }
        if let Some(old) = replaced {
            old.delete().await;
        }
        Ok(())
    }
}
