//! Rows into Parquet files, one writer for each stream, all at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::execution::memory_pool::{MemoryLimit, MemoryPool};
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use kinfold_base::{Progress, ProgressEvent, new_writer_id};
use object_store::buffered::BufWriter;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt};
use parquet::arrow::AsyncArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use tokio::task::JoinSet;

use crate::error::EngineError;
use crate::failure::{self, bug, input};
use crate::lake::memory::Share;
use crate::lake::vectors::Deleted;
use crate::stores::Place;
use crate::types::{delta_type, sql_type};

/// Rows of one stream.
pub(crate) type Batches = BoxStream<'static, Result<RecordBatch, EngineError>>;

/// Row groups are what readers share out among threads and skip by statistics.
const ROW_GROUP_ROWS: usize = 256 * 1024;
/// A row group of fewer rows, where they are large.
const ROW_GROUP_BYTES: usize = 128 << 20;
const LEAST_ROW_GROUP_BYTES: usize = 1 << 20;
/// Columns of Kinfold's own tables in which nearly every value is another one: looking for equal ones would be in vain.
const UNIQUE: [&str; 5] = ["profile_id", "other_profile_id", "value", "first_seen_at", "last_seen_at"];
/// Columns of what is kept that no encoding makes smaller.
const RANDOM: [&str; 2] = ["digest_low", "profile_number"];
/// How much is gathered before it is sent to a store.
const UPLOAD_BYTES: usize = 8 << 20;
/// What all writers of a table may hold together, as a part of the memory limit.
const WRITERS_SHARE: usize = 8;

/// A file that was written.
#[derive(Debug, Clone)]
pub(crate) struct WrittenFile {
    pub(crate) meta: ObjectMeta,
    /// Deleted ones included.
    pub(crate) rows: u64,
    pub(crate) deleted: Option<Deleted>,
}

impl WrittenFile {
    /// How many rows a reader finds.
    pub(crate) fn rows_left(&self) -> u64 {
        self.rows.saturating_sub(self.deleted.as_ref().map_or(0, |deleted| deleted.rows.len()))
    }
}

/// How files are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// For readers, for years: small.
    Keep,
    /// For later runs alone: quick, and not too large.
    Cache,
    /// For the next step of the run: quick.
    Scratch,
}

/// Where files are written, and how.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) dir: Place,
    pub(crate) table: String,
    pub(crate) schema: SchemaRef,
    pub(crate) purpose: Purpose,
    /// Counts what the writers hold.
    pub(crate) memory: Arc<dyn MemoryPool>,
}

/// How columns are written; errors name the column that cannot be.
pub(crate) fn written_schema(schema: &Schema, table: &str) -> Result<SchemaRef, EngineError> {
    let field = |f: &Arc<Field>| {
        let ty = delta_type(f.data_type()).map_err(|reason| {
            input(format!("the table `{table}` has a column `{}` that is {reason}", f.name()))
                .hint(format!("cast it to another type, such as `cast(\"{}\" as text)`", f.name()))
        })?;
        Ok(Field::new(f.name(), ty, true))
    };
    let fields = schema.fields().iter().map(field).collect::<Result<Vec<_>, EngineError>>()?;
    if let Some((_, twice)) = fields.iter().enumerate().find(|(i, f)| fields[..*i].iter().any(|g| g.name() == f.name()))
    {
        return Err(input(format!("the table `{table}` has two columns called `{}`", twice.name()))
            .hint("give each column a name of its own with `as`"));
    }
    Ok(Arc::new(Schema::new(fields)))
}

/// Writes every stream to a file of its own; streams without rows make none.
///
/// # Errors
/// When a stream fails or the store does; the files written so far are then deleted.
pub(crate) async fn write(
    streams: Vec<Batches>,
    target: &Target,
    progress: Arc<dyn Progress>,
) -> Result<Vec<WrittenFile>, EngineError> {
    let rows = Arc::new(AtomicU64::new(0));
    let stem = new_writer_id();
    let mut tasks = JoinSet::new();
    let row_group_bytes = row_group_bytes(target.memory.as_ref(), streams.len());
    let Target { dir, table, .. } = target;
    for (i, stream) in streams.into_iter().enumerate() {
        let path = dir.path.clone().join(format!("part-{i:05}-{stem}.parquet"));
        let job = Job { target: target.clone(), path, row_group_bytes };
        let (rows, progress, table) = (Arc::clone(&rows), Arc::clone(&progress), table.to_owned());
        tasks.spawn(write_one(job, stream, move |more| {
            let rows = rows.fetch_add(more, Ordering::Relaxed) + more;
            progress.on(ProgressEvent::Advanced { task: &table, rows });
        }));
    }
    let mut written = Vec::new();
    let mut failed = None;
    while let Some(done) = tasks.join_next().await {
        match done {
            Ok(Ok(file)) => written.extend(file),
            Ok(Err(e)) => {
                failed.get_or_insert(e);
                tasks.abort_all();
            }
            Err(e) if e.is_cancelled() => {}
            Err(e) => {
                failed.get_or_insert(bug(format!("writing the table `{table}` broke off: {e}")));
                tasks.abort_all();
            }
        }
    }
    if let Some(e) = failed {
        delete(dir, paths(&written)).await;
        return Err(e);
    }
    written.sort_by(|a, b| a.meta.location.cmp(&b.meta.location));
    Ok(written)
}

/// One stream as several, each batch to whoever asks first: its rows are then encoded by several writers at once.
pub(crate) fn share(stream: Batches, takers: usize) -> Vec<Batches> {
    let shared = Arc::new(tokio::sync::Mutex::new(stream.fuse()));
    let take = |_| {
        let shared = Arc::clone(&shared);
        futures::stream::poll_fn({
            let mut next: Option<BoxFuture<'static, Option<Result<RecordBatch, EngineError>>>> = None;
            move |context| {
                let waiting = next.get_or_insert_with(|| {
                    let shared = Arc::clone(&shared);
                    async move { shared.lock().await.next().await }.boxed()
                });
                let taken = std::task::ready!(waiting.poll_unpin(context));
                next = None;
                std::task::Poll::Ready(taken)
            }
        })
        .boxed()
    };
    (0..takers.max(1)).map(take).collect()
}

pub(crate) fn paths(files: &[WrittenFile]) -> Vec<Path> {
    files.iter().map(|file| file.meta.location.clone()).collect()
}

/// Deletes files that nobody will read. What cannot be deleted now is left to the vacuum.
pub(crate) async fn delete(dir: &Place, files: Vec<Path>) {
    for file in files {
        if let Err(e) = dir.store.delete(&file).await {
            tracing::warn!(error = %e, "a file that is no longer needed could not be deleted");
        }
    }
}

struct Job {
    target: Target,
    path: Path,
    row_group_bytes: usize,
}

async fn write_one(job: Job, mut stream: Batches, on_rows: impl Fn(u64)) -> Result<Option<WrittenFile>, EngineError> {
    let Target { dir, table, schema, purpose, memory } = job.target;
    let what = format!("the table `{table}` ({})", dir.label);
    let mut memory = Share::new(&memory, &what);
    let mut writer = None;
    let mut rows = 0;
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        if batch.num_rows() == 0 {
            continue;
        }
        let batch = cast(&batch, &schema, &table)?;
        if writer.is_none() {
            let out = BufWriter::with_capacity(Arc::clone(&dir.store), job.path.clone(), UPLOAD_BYTES);
            let properties = properties(&schema, purpose, job.row_group_bytes);
            let new = AsyncArrowWriter::try_new(out, Arc::clone(&schema), Some(properties))
                .map_err(|e| failure::query(e.into(), &what))?;
            writer = Some(new);
        }
        let Some(writer) = writer.as_mut() else { continue };
        writer.write(&batch).await.map_err(|e| failure::query(e.into(), &what))?;
        memory.count(writer.memory_size() + UPLOAD_BYTES);
        let more = batch.num_rows() as u64;
        rows += more;
        on_rows(more);
    }
    let Some(mut writer) = writer else { return Ok(None) };
    writer.finish().await.map_err(|e| failure::query(e.into(), &what))?;
    let meta = dir.store.head(&job.path).await.map_err(|e| failure::store(e, &what))?;
    Ok(Some(WrittenFile { meta, rows, deleted: None }))
}

/// How large a row group gets in memory at most, so that all `writers` together take a small part of the limit.
fn row_group_bytes(memory: &dyn MemoryPool, writers: usize) -> usize {
    match memory.memory_limit() {
        MemoryLimit::Finite(limit) => {
            (limit / WRITERS_SHARE / writers.max(1)).clamp(LEAST_ROW_GROUP_BYTES, ROW_GROUP_BYTES)
        }
        MemoryLimit::Infinite | MemoryLimit::Unknown => ROW_GROUP_BYTES,
    }
}

fn properties(schema: &Schema, purpose: Purpose, row_group_bytes: usize) -> WriterProperties {
    let builder = WriterProperties::builder()
        .set_created_by(format!("kinfold {}", env!("CARGO_PKG_VERSION")))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_max_row_group_bytes(Some(row_group_bytes));
    let compression = match purpose {
        Purpose::Keep => Compression::ZSTD(ZstdLevel::try_new(1).unwrap_or_default()),
        Purpose::Cache => Compression::SNAPPY,
        Purpose::Scratch => Compression::UNCOMPRESSED,
    };
    let builder = builder.set_compression(compression).set_statistics_enabled(EnabledStatistics::Chunk);
    // Looking for repetitions takes more time than it saves where nobody but the next step or run reads.
    let is_plain = |field: &&Arc<Field>| UNIQUE.iter().any(|name| field.name() == name) || purpose != Purpose::Keep;
    let plain = schema.fields().iter().filter(|field| is_plain(field) && !field.data_type().is_nested());
    let properties = plain.fold(builder, |builder, field| {
        let column = ColumnPath::from(field.name().as_str());
        let builder = builder.set_column_dictionary_enabled(column.clone(), false);
        let is_packed =
            matches!(field.data_type(), DataType::Int64 | DataType::Timestamp(..)) && purpose == Purpose::Cache;
        if is_packed && RANDOM.iter().any(|name| field.name() == name) {
            return builder.set_column_compression(column, Compression::UNCOMPRESSED);
        }
        if is_packed { builder.set_column_encoding(column, Encoding::DELTA_BINARY_PACKED) } else { builder }
    });
    properties.build()
}

/// The batch in the types of the schema, by position.
pub(crate) fn cast(batch: &RecordBatch, schema: &SchemaRef, table: &str) -> Result<RecordBatch, EngineError> {
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let one = |(column, field): (&ArrayRef, &Arc<Field>)| {
        if column.data_type() == field.data_type() {
            return Ok(Arc::clone(column));
        }
        cast_with_options(column, field.data_type(), &options).map_err(|_| {
            input(format!(
                "the table `{table}`: a value of `{}` does not fit {}",
                field.name(),
                sql_type(field.data_type())
            ))
        })
    };
    let columns = batch.columns().iter().zip(schema.fields()).map(one).collect::<Result<Vec<_>, EngineError>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
        .map_err(|e| failure::arrow(e, &format!("the table `{table}`")))
}
