//! The files of one of Kinfold's own tables, row by row as they lie in them.

use std::ops::Range;
use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use datafusion::arrow::array::{RecordBatch, RecordBatchOptions, new_null_array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::datasource::physical_plan::parquet::metadata::DFParquetMetadata;
use futures::future::{BoxFuture, ready};
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, TryFutureExt, stream};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, RowSelection};
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::arrow::{ParquetRecordBatchStreamBuilder, ProjectionMask};
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use roaring::RoaringTreemap;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::api::{NewFile, RecordStream, StoredFile};
use crate::error::EngineError;
use crate::failure::{self, bug, input};
use crate::lake::discover::root_of;
use crate::lake::write::WrittenFile;
use crate::lake::{LakeEngine, delta, vectors};
use crate::stores::Place;
use crate::types::reading_type;

/// Rows of a batch.
const BATCH_ROWS: usize = 8192;

/// What is read of a file: one row group after the other, each by a reader of its own. One reader would be given the rows of all
/// groups, and would copy those of all later groups for each of them.
struct RowGroups {
    reader: Reader,
    metadata: ArrowReaderMetadata,
    mask: ProjectionMask,
    /// Those to come, with the rows of each that are wanted; all, where there is no selection.
    groups: std::vec::IntoIter<(usize, Option<RowSelection>)>,
}

impl RowGroups {
    async fn next(&mut self) -> Result<Option<ParquetRecordBatchReader>, ParquetError> {
        let Some((group, selection)) = self.groups.next() else { return Ok(None) };
        let builder = ParquetRecordBatchStreamBuilder::new_with_metadata(self.reader.clone(), self.metadata.clone());
        let builder =
            builder.with_projection(self.mask.clone()).with_batch_size(BATCH_ROWS).with_row_groups(vec![group]);
        let builder = match selection {
            Some(selection) => builder.with_row_selection(selection),
            None => builder,
        };
        builder.build()?.next_row_group().await
    }
}

/// A file whose footer is known.
#[derive(Clone)]
struct Reader {
    store: Arc<dyn ObjectStore>,
    path: Path,
    footer: Arc<ParquetMetaData>,
}

impl AsyncFileReader for Reader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ParquetError>> {
        self.store.get_range(&self.path, range).map_err(|e| ParquetError::External(Box::new(e))).boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, Result<Vec<Bytes>, ParquetError>> {
        let (store, path) = (Arc::clone(&self.store), self.path.clone());
        async move { store.get_ranges(&path, &ranges).await.map_err(|e| ParquetError::External(Box::new(e))) }.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>, ParquetError>> {
        ready(Ok(Arc::clone(&self.footer))).boxed()
    }
}

impl LakeEngine {
    pub(super) async fn files_of(&self, table: &str) -> Result<Vec<StoredFile>, EngineError> {
        let dir = self.tables.child(table);
        let Some(loaded) = delta::load(&dir, table).await? else { return Ok(Vec::new()) };
        let files = stored(&dir, &loaded, table).await?;
        let columns = delta::schema(&loaded, table)?;
        let version = delta::version(&loaded, table)?;
        self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(table.to_owned(), version);
        let one = |file: WrittenFile| StoredFile {
            name: name(&dir, &file),
            rows: file.rows,
            deleted: file.deleted.map(|deleted| deleted.rows).unwrap_or_default(),
            meta: file.meta,
            columns: Arc::clone(&columns),
        };
        let mut files: Vec<_> = files.into_iter().map(one).collect();
        files.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(files)
    }

    pub(super) async fn rows_of(
        &self,
        table: &str,
        file: &StoredFile,
        columns: &[&str],
        places: Option<&RoaringTreemap>,
    ) -> Result<RecordStream, EngineError> {
        let dir = self.tables.child(table);
        let what = format!("{table} ({}{})", root_of(&dir.label), file.meta.location);
        let schema = wanted(&file.columns, columns, table)?;
        let failed = |e: ParquetError| failure::query(e.into(), &what);
        let cache = self.state.runtime_env().cache_manager.get_file_metadata_cache();
        let footer = DFParquetMetadata::new(dir.store.as_ref(), &file.meta).with_file_metadata_cache(Some(cache));
        let footer = footer.fetch_metadata().await.map_err(|e| failure::query(e, &what))?;
        let options = ArrowReaderOptions::new();
        let plain = ArrowReaderMetadata::try_new(Arc::clone(&footer), options.clone()).map_err(failed)?;
        let shown = Arc::new(Schema::new(plain.schema().fields().iter().map(|f| reading(f)).collect::<Vec<_>>()));
        let metadata = ArrowReaderMetadata::try_new(Arc::clone(&footer), options.with_schema(Arc::clone(&shown)))
            .map_err(failed)?;
        let reader = Reader { store: Arc::clone(&dir.store), path: file.meta.location.clone(), footer };
        let mask = columns.iter().filter_map(|column| shown.index_of(column).ok());
        let mask = ProjectionMask::roots(metadata.parquet_schema(), mask);
        let groups = groups(&reader.footer, places, file, table)?.into_iter();
        let groups = RowGroups { reader, metadata, mask, groups };
        let to = Arc::clone(&schema);
        let batches = fetched_ahead(groups, what.clone()).map(move |batch| {
            let batch = batch?;
            shaped(&batch, &to).map_err(|e| failure::arrow(e, &what))
        });
        Ok(RecordStream { schema, batches: batches.boxed() })
    }
}

/// The data files of a table's version, each with its number of rows.
pub(crate) async fn stored(
    dir: &Place,
    table: &deltalake_core::DeltaTable,
    name: &str,
) -> Result<Vec<WrittenFile>, EngineError> {
    let files = delta::data_files(table, dir)?;
    if files.iter().any(|file| file.rows.is_none()) {
        return Err(input(format!(
            "the table `{name}` was changed by another program, and cannot be changed in place"
        )));
    }
    vectors::open(dir, files).await
}

/// The row groups of a file, by number, that have rows at these places, and which; all of them where no places are told.
fn groups(
    footer: &ParquetMetaData,
    places: Option<&RoaringTreemap>,
    file: &StoredFile,
    table: &str,
) -> Result<Vec<(usize, Option<RowSelection>)>, EngineError> {
    let Some(places) = places else { return Ok((0..footer.num_row_groups()).map(|group| (group, None)).collect()) };
    if places.max().is_some_and(|last| last >= file.rows) {
        return Err(bug(format!("a row is asked for that a file of the table `{table}` does not have")));
    }
    let too_large = || bug(format!("a file of the table `{table}` is too large"));
    let (mut groups, mut places, mut start) = (vec![], places.iter().peekable(), 0);
    for (number, group) in footer.row_groups().iter().enumerate() {
        let rows = u64::try_from(group.num_rows()).map_err(|_| too_large())?;
        let here = std::iter::from_fn(|| places.next_if(|place| *place < start + rows));
        let here: Vec<usize> = here.filter_map(|place| usize::try_from(place - start).ok()).collect();
        start += rows;
        if !here.is_empty() {
            let rows = usize::try_from(rows).map_err(|_| too_large())?;
            let ranges = here.into_iter().map(|place| place..place + 1);
            groups.push((number, Some(RowSelection::from_consecutive_ranges(ranges, rows))));
        }
    }
    Ok(groups)
}

/// Files that were written, as the caller is told of them.
pub(crate) fn new_files(dir: &Place, files: &[WrittenFile]) -> Vec<NewFile> {
    files.iter().map(|file| NewFile { name: name(dir, file), rows: file.rows }).collect()
}

/// A file's path within its table's folder.
pub(crate) fn name(dir: &Place, file: &WrittenFile) -> String {
    let location = &file.meta.location;
    let parts = location.prefix_match(&dir.path).map(|parts| parts.map(|p| p.as_ref().to_owned()).collect::<Vec<_>>());
    parts.map_or_else(|| location.to_string(), |parts| parts.join("/"))
}

fn wanted(has: &SchemaRef, columns: &[&str], table: &str) -> Result<SchemaRef, EngineError> {
    let one = |column: &&str| match has.fields().find(column) {
        Some((_, field)) => Ok(reading(field)),
        None => Err(bug(format!("the table `{table}` has no column `{column}`"))),
    };
    Ok(Arc::new(Schema::new(columns.iter().map(one).collect::<Result<Vec<_>, _>>()?)))
}

fn reading(field: &Field) -> Field {
    Field::new(field.name(), reading_type(field.data_type()), true)
}

/// The columns of the schema; nulls for one that came to the table after the file.
fn shaped(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let one = |field: &Arc<Field>| match batch.column_by_name(field.name()) {
        Some(column) if column.data_type() == field.data_type() => Ok(Arc::clone(column)),
        Some(column) => cast(column, field.data_type()),
        None => Ok(new_null_array(field.data_type(), batch.num_rows())),
    };
    let columns = schema.fields().iter().map(one).collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
}

/// The rows of one row group after the other. While one is decoded by whoever takes the rows, the next is fetched.
fn fetched_ahead(mut groups: RowGroups, what: String) -> BoxStream<'static, Result<RecordBatch, EngineError>> {
    let (sender, receiver) = mpsc::channel::<Result<ParquetRecordBatchReader, ParquetError>>(1);
    // Dropped together with the stream, which ends it.
    let mut fetching = JoinSet::new();
    fetching.spawn(async move {
        // No more than one waits: row groups are large.
        while let Ok(place) = sender.reserve().await {
            match groups.next().await {
                Ok(None) => break,
                Ok(Some(group)) => place.send(Ok(group)),
                Err(e) => {
                    place.send(Err(e));
                    break;
                }
            }
        }
    });
    let groups = stream::unfold((receiver, fetching, what), |(mut receiver, mut fetching, what)| async move {
        let group = match receiver.recv().await {
            Some(Ok(group)) => {
                let what = what.clone();
                stream::iter(group).map(move |batch| batch.map_err(|e| failure::arrow(e, &what))).boxed()
            }
            Some(Err(e)) => stream::iter([Err(failure::query(e.into(), &what))]).boxed(),
            None => match fetching.join_next().await {
                Some(Err(e)) => stream::iter([Err(bug(format!("reading {what} broke off: {e}")))]).boxed(),
                Some(Ok(())) | None => return None,
            },
        };
        Some((group, (receiver, fetching, what)))
    });
    groups.flatten().boxed()
}
