//! A Delta table that somebody else writes, as a table whose files are known.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{ScanArgs, ScanResult, Session, TableProvider};
use datafusion::common::{DataFusionError, Result, Statistics};
use datafusion::datasource::TableType;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use deltalake_core::DeltaTable;
use deltalake_core::kernel::{Add, LogicalFileView};
use kinfold_base::Timestamp;

use crate::api::QueryPart;
use crate::lake::parts;

/// One version of a table.
pub(crate) struct DeltaSource {
    table: DeltaTable,
    scan: Arc<dyn TableProvider>,
    /// One for each of `files`.
    parts: Vec<QueryPart>,
    files: Vec<Add>,
}

impl std::fmt::Debug for DeltaSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeltaSource").field("table", &self.table).finish_non_exhaustive()
    }
}

impl DeltaSource {
    #[expect(
        deprecated,
        reason = "nothing else tells a file's path as the log has it, which a selection of files needs"
    )]
    pub(crate) async fn new(table: DeltaTable) -> Result<Self> {
        let scan = table.table_provider().await?;
        let snapshot = table.snapshot().map_err(|e| DataFusionError::External(Box::new(e)))?;
        let (mut parts, mut files) = (Vec::new(), Vec::new());
        for file in snapshot.log_data().iter() {
            parts.push(part(table.table_url().as_str(), &file));
            files.push(file.add_action());
        }
        Ok(Self { table, scan, parts, files })
    }

    pub(crate) fn parts(&self) -> &[QueryPart] {
        &self.parts
    }

    /// The table with some of its files alone.
    pub(crate) async fn only(&self, is_wanted: impl Fn(&str) -> bool) -> Result<Arc<dyn TableProvider>> {
        let files = self.parts.iter().zip(&self.files).filter(|(part, _)| is_wanted(&part.id));
        let files: Vec<Add> = files.map(|(_, file)| file.clone()).collect();
        Ok(Arc::new(self.table.table_provider().with_adds(files).build().await?))
    }
}

/// A file with what was deleted of it since: the two together never change.
fn part(table: &str, file: &LogicalFileView) -> QueryPart {
    let deleted = file.deletion_vector_descriptor().map(|deleted| {
        format!("{:?} {} {:?} {}", deleted.storage_type, deleted.path_or_inline_dv, deleted.offset, deleted.cardinality)
    });
    let modified = Timestamp::from_millisecond(file.modification_time()).unwrap_or(Timestamp::UNIX_EPOCH);
    let size = file.size().to_string();
    let id = parts::id(&[table, &file.path(), &size, &modified.to_string(), deleted.as_deref().unwrap_or_default()]);
    QueryPart { id, modified }
}

#[async_trait]
impl TableProvider for DeltaSource {
    fn schema(&self) -> SchemaRef {
        self.scan.schema()
    }

    fn table_type(&self) -> TableType {
        self.scan.table_type()
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        self.scan.supports_filters_pushdown(filters)
    }

    fn statistics(&self) -> Option<Statistics> {
        self.scan.statistics()
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.scan.scan(state, projection, filters, limit).await
    }

    async fn scan_with_args<'a>(&self, state: &dyn Session, args: ScanArgs<'a>) -> Result<ScanResult> {
        self.scan.scan_with_args(state, args).await
    }
}
