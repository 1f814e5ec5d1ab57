//! Tables that a run has written and that readers do not see yet.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::common::stats::Precision;
use datafusion::common::{DataFusionError, Statistics};
use datafusion::datasource::empty::EmptyTable;
use datafusion::datasource::physical_plan::parquet::ParquetRowSelection;
use datafusion::datasource::physical_plan::parquet::metadata::DFParquetMetadata;
use datafusion::execution::SessionState;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion_datasource::PartitionedFile;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use kinfold_base::Timestamp;
use kinfold_plan::KeepTable;
use object_store::local::LocalFileSystem;
use object_store::{ObjectMeta, ObjectStoreExt};

use crate::api::FileTable;
use crate::error::EngineError;
use crate::failure::{self, bug, input};
use crate::lake::delta::{self, Change, NewFile};
use crate::lake::discover::root_of;
use crate::lake::files::FilesTable;
use crate::lake::patch::Patch;
use crate::lake::vectors::{self, Deleted};
use crate::lake::write::{self, WrittenFile};
use crate::stores::{Place, Stores};
use crate::types::{reading_type, sql_type};

/// How many files' footers are read at once.
const CONCURRENT_FILES: usize = 16;

/// A table that waits for its run's commit.
#[derive(Debug, Clone)]
pub(crate) struct Staged {
    pub(crate) table: String,
    pub(crate) keep: KeepTable,
    pub(crate) dir: Place,
    /// Those that are new.
    pub(crate) files: Vec<WrittenFile>,
    /// What becomes of the committed rows, where they do not just stay or go.
    pub(crate) patch: Option<Arc<Patch>>,
    /// The columns that the table has after the commit.
    pub(crate) columns: SchemaRef,
    /// What the name meant before the run.
    pub(crate) before: Option<Arc<dyn TableProvider>>,
    /// Its commit was begun.
    pub(crate) tried: bool,
}

impl Staged {
    /// Shows the table to readers.
    pub(crate) async fn commit(&self, now: Timestamp) -> Result<(), EngineError> {
        let change = match (self.keep, &self.patch) {
            (KeepTable::Replace, Some(patch)) => Change::Patch(patch),
            (KeepTable::Replace, None) => Change::Replace,
            (KeepTable::Append, _) => Change::Append,
            (KeepTable::Scratch, _) => return Ok(()),
        };
        let files: Vec<_> = self.files.iter().map(|f| NewFile { meta: f.meta.clone(), rows: f.rows }).collect();
        delta::commit(&self.dir, &self.table, &files, &self.columns, change, now).await
    }

    /// Whether this is the very same piece of writing.
    pub(crate) fn files_are(&self, other: &Self) -> bool {
        let paths = |s: &Self| s.files.iter().map(|f| f.meta.location.clone()).collect::<Vec<_>>();
        let patch = |s: &Self| s.patch.as_ref().map(|patch| patch.id.clone());
        self.table == other.table && paths(self) == paths(other) && patch(self) == patch(other)
    }

    /// Deletes what was written.
    pub(crate) async fn delete(&self) {
        let mut paths = write::paths(&self.files);
        paths.extend(self.patch.as_ref().and_then(|patch| patch.vectors.clone()));
        write::delete(&self.dir, paths).await;
    }
}

/// What a table that is appended to holds already.
pub(crate) struct Committed {
    pub(crate) files: Vec<WrittenFile>,
    /// The columns of both, those that are new at the end.
    pub(crate) columns: SchemaRef,
}

impl Committed {
    pub(crate) fn nothing(columns: &SchemaRef) -> Self {
        Self { files: Vec::new(), columns: Arc::clone(columns) }
    }
}

pub(crate) async fn committed(dir: &Place, name: &str, new: &SchemaRef) -> Result<Committed, EngineError> {
    let Some(table) = delta::load(dir, name).await? else { return Ok(Committed::nothing(new)) };
    let old = delta::schema(&table, name)?;
    let mut columns: Vec<Field> = Vec::new();
    for field in old.fields() {
        if let Some((_, now)) = new.fields().find(field.name())
            && now.data_type() != field.data_type()
        {
            return Err(input(format!(
                "the table `{name}` holds {} in `{}`, and cannot take {}",
                sql_type(field.data_type()),
                field.name(),
                sql_type(now.data_type())
            ))
            .hint("move the table's folder away to begin a new one"));
        }
        columns.push(field.as_ref().clone().with_nullable(true));
    }
    columns.extend(new.fields().iter().filter(|f| old.fields().find(f.name()).is_none()).map(|f| f.as_ref().clone()));
    let files = vectors::open(dir, delta::data_files(&table, dir)?).await?;
    Ok(Committed { files, columns: Arc::new(Schema::new(columns)) })
}

/// Kinfold's own Parquet files as a table.
pub(crate) async fn table(
    state: &SessionState,
    dir: &Place,
    name: &str,
    columns: &SchemaRef,
    files: impl IntoIterator<Item = &WrittenFile>,
) -> Result<Arc<dyn TableProvider>, EngineError> {
    let fields: Vec<_> =
        columns.fields().iter().map(|f| Field::new(f.name(), reading_type(f.data_type()), true)).collect();
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    let files = files.into_iter().map(|f| (f.meta.clone(), f.deleted.clone())).collect();
    let files = with_statistics(state, dir, name, &schema, files).await?;
    if files.is_empty() {
        return Ok(Arc::new(EmptyTable::new(schema)));
    }
    Ok(Arc::new(FilesTable::parquet(name, dir.store_url.clone(), &root_of(&dir.label), schema, files)))
}

/// Files with what their footers say of their rows.
async fn with_statistics(
    state: &SessionState,
    dir: &Place,
    name: &str,
    schema: &SchemaRef,
    files: Vec<(ObjectMeta, Option<Deleted>)>,
) -> Result<Vec<PartitionedFile>, EngineError> {
    let cache = state.runtime_env().cache_manager.get_file_metadata_cache();
    let one = |(meta, deleted): (ObjectMeta, Option<Deleted>)| {
        let cache = Arc::clone(&cache);
        async move {
            let reader = DFParquetMetadata::new(dir.store.as_ref(), &meta).with_file_metadata_cache(Some(cache));
            let failed =
                |e: DataFusionError| failure::query(e, &format!("{name} ({}{})", root_of(&dir.label), meta.location));
            let metadata = reader.fetch_metadata().await.map_err(failed)?;
            let mut statistics = match DFParquetMetadata::statistics_from_parquet_metadata(&metadata, schema) {
                Ok(statistics) => statistics,
                // Columns whose type differs from the file's: only the number of rows is known.
                Err(_) => Statistics::new_unknown(schema),
            };
            let rows = usize::try_from(metadata.file_metadata().num_rows()).unwrap_or(0);
            let file = PartitionedFile::new_from_meta(meta.clone());
            let Some(deleted) = deleted else {
                statistics.num_rows = Precision::Exact(rows);
                return Ok(file.with_statistics(Arc::new(statistics)));
            };
            // Of what is left, the footer knows no more than bounds.
            let mut statistics = statistics.to_inexact();
            let left = rows.saturating_sub(usize::try_from(deleted.rows.len()).unwrap_or(usize::MAX));
            statistics.num_rows = Precision::Exact(left);
            Ok(file
                .with_statistics(Arc::new(statistics))
                .with_extension(ParquetRowSelection::new(vectors::selection(&deleted.rows, rows)))
                .with_extension(vectors::id(&deleted.vector)))
        }
        .boxed()
    };
    let reads: Vec<_> = files.into_iter().map(one).collect();
    stream::iter(reads).buffered(CONCURRENT_FILES).try_collect().await
}

/// The tables that a single query was given.
pub(crate) async fn given_tables(
    stores: &Stores,
    state: &SessionState,
    tables: &[FileTable],
) -> Result<HashMap<String, Arc<dyn TableProvider>>, EngineError> {
    let mut given: HashMap<String, Arc<dyn TableProvider>> = HashMap::new();
    for table in tables {
        let fields = table.schema.fields().iter().map(|f| Field::new(f.name(), reading_type(f.data_type()), true));
        let schema: SchemaRef = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let places = table.files.iter().map(|f| stores.place(f)).collect::<Result<Vec<_>, _>>()?;
        let Some(first) = places.first().cloned() else {
            given.insert(table.name.clone(), Arc::new(EmptyTable::new(schema)));
            continue;
        };
        if places.iter().any(|p| p.store_url != first.store_url) {
            return Err(bug(format!("the files of `{}` are not in one store", table.name)));
        }
        state.runtime_env().register_object_store(first.store_url.as_ref(), Arc::clone(&first.store));
        let heads =
            places.iter().map(|p| async move { p.store.head(&p.path).await.map_err(|e| failure::store(e, &p.label)) });
        let metas: Vec<ObjectMeta> = stream::iter(heads.map(FutureExt::boxed).collect::<Vec<_>>())
            .buffered(CONCURRENT_FILES)
            .try_collect()
            .await?;
        let files = metas.into_iter().map(|meta| (meta, None)).collect();
        let files = with_statistics(state, &first, &table.name, &schema, files).await?;
        let files = FilesTable::parquet(&table.name, first.store_url.clone(), &root_of(&first.label), schema, files);
        given.insert(table.name.clone(), Arc::new(files));
    }
    Ok(given)
}

/// Where tables go that end with the engine: on the local disk, and not flushed, as nobody reads them after a crash.
pub(crate) fn scratch_place(dir: &Path) -> Result<Place, EngineError> {
    let failed = |e: object_store::Error| failure::store(e, "the folder for temporary files");
    let store = LocalFileSystem::new_with_prefix(dir).map_err(failed)?;
    let store_url =
        ObjectStoreUrl::parse("scratch://local/").map_err(|e| failure::query(e, "the folder for temporary files"))?;
    Ok(Place {
        store: Arc::new(store),
        path: object_store::path::Path::default(),
        store_url,
        label: dir.display().to_string(),
    })
}
