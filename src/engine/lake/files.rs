//! A table made of files that are known beforehand: which files, how many rows, what each column spans.
//!
//! The list is fixed when the table is opened, so that every query of a run reads the same files.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::{FieldRef, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::config::{CsvOptions, TableParquetOptions};
use datafusion::common::{DFSchema, DataFusionError, Result, ScalarValue, project_schema};
use datafusion::datasource::TableType;
use datafusion::datasource::physical_plan::{
    CsvSource, FileGroup, FileScanConfigBuilder, FileSource, JsonSource, ParquetSource,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion_datasource::file_compression_type::FileCompressionType;
use datafusion_datasource::{PartitionedFile, TableSchema, compute_all_files_statistics};

use crate::lake::named::NamedSource;

/// How a table's files are read.
#[derive(Debug, Clone)]
pub(crate) enum FileFormat {
    Parquet,
    Csv { options: Box<CsvOptions>, compression: FileCompressionType },
    Ndjson { compression: FileCompressionType },
}

/// Files of one object store that stand as one table.
#[derive(Debug, Clone)]
pub(crate) struct FilesTable {
    /// The table's full name, for messages.
    pub(crate) name: String,
    /// Where the store begins, so that a file is called by its whole path or URL.
    pub(crate) root: String,
    pub(crate) store_url: ObjectStoreUrl,
    pub(crate) files: Vec<PartitionedFile>,
    /// The columns in the files, then those that directories give.
    pub(crate) schema: TableSchema,
    pub(crate) format: FileFormat,
}

impl FilesTable {
    /// A table of Parquet files without columns from directories.
    pub(crate) fn parquet(
        name: &str,
        store_url: ObjectStoreUrl,
        root: &str,
        schema: SchemaRef,
        files: Vec<PartitionedFile>,
    ) -> Self {
        Self {
            name: name.to_owned(),
            root: root.to_owned(),
            store_url,
            files,
            schema: schema.into(),
            format: FileFormat::Parquet,
        }
    }

    fn source(&self, state: &dyn Session) -> Arc<dyn FileSource> {
        let inner: Arc<dyn FileSource> = match &self.format {
            FileFormat::Parquet => {
                let parquet = state.config_options().execution.parquet.clone();
                let options = TableParquetOptions { global: parquet, ..TableParquetOptions::default() };
                Arc::new(ParquetSource::new(self.schema.clone()).with_table_parquet_options(options))
            }
            FileFormat::Csv { options, .. } => {
                Arc::new(CsvSource::new(self.schema.clone()).with_csv_options((**options).clone()))
            }
            FileFormat::Ndjson { .. } => Arc::new(JsonSource::new(self.schema.clone())),
        };
        Arc::new(NamedSource::new(inner, &self.name, &self.root))
    }

    fn compression(&self) -> FileCompressionType {
        match &self.format {
            FileFormat::Csv { compression, .. } | FileFormat::Ndjson { compression } => *compression,
            FileFormat::Parquet => FileCompressionType::UNCOMPRESSED,
        }
    }

    fn partition_columns(&self) -> &[FieldRef] {
        self.schema.table_partition_cols()
    }

    /// Whether a filter speaks of nothing but columns that directories give.
    fn is_about_directories(&self, filter: &Expr) -> bool {
        let names: Vec<&str> = self.partition_columns().iter().map(|f| f.name().as_str()).collect();
        !names.is_empty()
            && !filter.is_volatile()
            && filter.column_refs().iter().all(|c| names.contains(&c.name.as_str()))
            && !filter.column_refs().is_empty()
    }

    /// The files whose directories fit all filters.
    fn prune(&self, state: &dyn Session, filters: &[Expr]) -> Result<Vec<PartitionedFile>> {
        let mut files = self.files.clone();
        let columns = self.partition_columns();
        let schema = Arc::new(Schema::new(columns.to_vec()));
        let df_schema = DFSchema::try_from(Arc::clone(&schema))?;
        for filter in filters.iter().filter(|f| self.is_about_directories(f)) {
            if files.is_empty() {
                break;
            }
            let unqualified = unqualify(filter)?;
            let values = (0..columns.len())
                .map(|i| ScalarValue::iter_to_array(files.iter().map(|f| f.partition_values[i].clone())))
                .collect::<Result<Vec<ArrayRef>>>()?;
            let options = RecordBatchOptions::new().with_row_count(Some(files.len()));
            let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), values, &options)?;
            let predicate = state.create_physical_expr(unqualified, &df_schema)?;
            let kept = predicate.evaluate(&batch)?.into_array(files.len())?;
            let kept = kept
                .as_boolean_opt()
                .ok_or_else(|| DataFusionError::Plan("a filter over directories is not a condition".to_owned()))?;
            let mut keep = kept.iter().map(|k| k == Some(true));
            files.retain(|_| keep.next().unwrap_or(false));
        }
        Ok(files)
    }
}

/// The filter with bare column names.
fn unqualify(filter: &Expr) -> Result<Expr> {
    use datafusion::common::Column;
    use datafusion::common::tree_node::{Transformed, TreeNode};
    let bare = filter.clone().transform(|e| {
        Ok(match e {
            Expr::Column(c) => Transformed::yes(Expr::Column(Column::new_unqualified(c.name))),
            other => Transformed::no(other),
        })
    })?;
    Ok(bare.data)
}

#[async_trait]
impl TableProvider for FilesTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.schema.table_schema())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let support = |filter: &&Expr| {
            if self.is_about_directories(filter) {
                TableProviderFilterPushDown::Exact
            } else {
                TableProviderFilterPushDown::Inexact
            }
        };
        Ok(filters.iter().map(support).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let files = self.prune(state, filters)?;
        if files.is_empty() {
            return Ok(Arc::new(EmptyExec::new(project_schema(&self.schema(), projection)?)));
        }
        let groups = FileGroup::new(files).split_files(state.config().target_partitions());
        let (groups, statistics) = compute_all_files_statistics(groups, self.schema(), true, false)?;
        let config = FileScanConfigBuilder::new(self.store_url.clone(), self.source(state))
            .with_file_groups(groups)
            .with_statistics(statistics)
            .with_file_compression_type(self.compression())
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}
