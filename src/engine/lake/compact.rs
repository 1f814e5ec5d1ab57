//! Many small files of a table as one.
//!
//! Each run appends a file to the tables that tell what runs did: 35,000 a year where one runs every quarter of an hour, and a
//! reader opens them all.

use std::sync::Arc;

use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::LogicalPlanBuilder;
use kinfold_base::Silent;

use crate::error::EngineError;
use crate::failure;
use crate::lake::delta::{self, Change, NewFile};
use crate::lake::write::{self, Purpose, Target};
use crate::lake::{LakeEngine, staged, vectors};

/// So many small files are worth the work.
const MANY: usize = 64;
/// What a small file is.
const SMALL_BYTES: u64 = 16 << 20;

impl LakeEngine {
    /// Puts the small files of a table together if there are many. Readers see the same rows before and after.
    pub(super) async fn compact(&self, name: &str) -> Result<(), EngineError> {
        let dir = self.tables.child(name);
        let Some(table) = delta::load(&dir, name).await? else { return Ok(()) };
        let mut small = delta::data_files(&table, &dir)?;
        small.retain(|file| file.meta.size < SMALL_BYTES);
        if small.len() < MANY {
            return Ok(());
        }
        let what = format!("the small files of the table `{name}`");
        let columns = delta::schema(&table, name)?;
        let files = vectors::open(&dir, small.clone()).await?;
        let rows = staged::table(&self.state, &dir, name, &columns, &files).await?;
        let plan = LogicalPlanBuilder::scan("small_files", provider_as_source(rows), None)
            .and_then(LogicalPlanBuilder::build)
            .map_err(|e| failure::query(e, &what))?;
        let rows = Self::run(&self.state, &plan, &what).await?.batches;
        let schema = write::written_schema(&columns, name)?;
        let memory = Arc::clone(&self.state.runtime_env().memory_pool);
        let target = Target { dir: dir.clone(), table: name.to_owned(), schema, purpose: Purpose::Keep, memory };
        let files = write::write(vec![rows], &target, Arc::new(Silent)).await?;
        let new: Vec<_> = files.iter().map(|f| NewFile { meta: f.meta.clone(), rows: f.rows }).collect();
        // Should it fail, the files stay: it may have succeeded without an answer. The vacuum knows what nobody needs.
        delta::commit(&dir, name, &new, &columns, Change::Compact(&small), self.clock.now()).await
    }
}
