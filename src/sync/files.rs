//! The Parquet files of a sync's state.
//!
//! Each claim writes into a folder of its own, `data/<epoch>/`, so that a collector never takes a file that a later claim has
//! written and not yet committed.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use futures::{StreamExt, TryStreamExt};
use object_store::buffered::BufWriter;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::async_reader::ParquetRecordBatchStreamBuilder;
use parquet::arrow::{AsyncArrowWriter, ProjectionMask};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use crate::api::BatchStream;
use crate::error::SyncError;
use crate::job::StateFolder;
use crate::reader::StoreReader;
use crate::state::SyncState;

/// Bounds what a writer holds in memory.
const ROW_GROUP_ROWS: usize = 64 * 1024;
/// Also the size of a large file's parts, of which S3 and GCS take none below 5 MiB but the last.
const UPLOAD_BYTES: usize = 8 * 1024 * 1024;

/// The folder that an epoch writes into.
pub(crate) fn epoch_folder(epoch: u64) -> String {
    format!("data/{epoch:012}")
}

#[derive(Debug, Clone)]
pub(crate) struct Files {
    folder: StateFolder,
}

impl Files {
    pub(crate) fn new(folder: StateFolder) -> Self {
        Self { folder }
    }

    /// The file as [`crate::Rows`] reads it.
    pub(crate) fn url(&self, name: &str) -> String {
        format!("{}/{name}", self.folder.url)
    }

    pub(crate) fn urls<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        names.into_iter().map(|n| self.url(n)).collect()
    }

    fn path(&self, name: &str) -> Path {
        name.split('/').fold(self.folder.prefix.clone(), Path::join)
    }

    /// A file that becomes visible, whole and durable, when [`TableWriter::finish`] returns. No name is used twice.
    pub(crate) fn create(&self, name: &str, schema: &SchemaRef) -> Result<TableWriter, SyncError> {
        let level = ZstdLevel::try_new(1).map_err(|e| SyncError::bug("a compression level").source(e))?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(level))
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
            .build();
        let target = BufWriter::with_capacity(Arc::clone(&self.folder.store), self.path(name), UPLOAD_BYTES);
        let writer = AsyncArrowWriter::try_new(target, Arc::clone(schema), Some(properties))
            .map_err(|e| SyncError::bug(format!("cannot begin {name}")).source(e))?;
        Ok(TableWriter { writer, name: name.to_owned(), rows: 0 })
    }

    /// A file's rows; of its columns the first `columns`, or all.
    pub(crate) async fn read(&self, name: &str, columns: Option<usize>) -> Result<BatchStream, SyncError> {
        let url = self.url(name);
        let failed = move |e: parquet::errors::ParquetError| {
            SyncError::outside(format!("cannot read the state file {url}")).hint("nothing is lost: run again").source(e)
        };
        let reader = StoreReader { store: Arc::clone(&self.folder.store), path: self.path(name) };
        let mut builder = ParquetRecordBatchStreamBuilder::new(reader).await.map_err(&failed)?;
        if let Some(columns) = columns {
            let mask = ProjectionMask::roots(builder.parquet_schema(), 0..columns);
            builder = builder.with_projection(mask);
        }
        Ok(builder.build().map_err(&failed)?.map_err(failed).boxed())
    }

    /// Names, relative to the state's folder, of the files in one of its folders, in order.
    pub(crate) async fn list(&self, folder: &str) -> Result<Vec<String>, SyncError> {
        let prefix = self.path(folder);
        let skip = self.folder.prefix.as_ref().len();
        let listed: Vec<_> =
            self.folder.store.list(Some(&prefix)).try_collect().await.map_err(|e| {
                SyncError::outside(format!("cannot list the state under {}", self.url(folder))).source(e)
            })?;
        let mut names: Vec<String> =
            listed.iter().map(|meta| meta.location.as_ref()[skip..].trim_start_matches('/').to_owned()).collect();
        names.sort_unstable();
        Ok(names)
    }

    /// Deletes the files of epochs before `epoch` that no version needs. Those of later ones belong to writers that have taken over,
    /// and a commit of this epoch's own may be in doubt: its files stay until the next run.
    pub(crate) async fn collect(&self, epoch: u64, versions: &[SyncState]) -> Result<(), SyncError> {
        let needed: HashSet<&str> = versions.iter().flat_map(SyncState::files).collect();
        let folders: Vec<String> = versions.iter().flat_map(SyncState::folders).map(|f| format!("{f}/")).collect();
        let end = format!("{}/", epoch_folder(epoch));
        let garbage: Vec<Path> = self
            .list("data")
            .await?
            .iter()
            .filter(|name| ***name < *end)
            .filter(|name| !needed.contains(name.as_str()) && !folders.iter().any(|f| name.starts_with(f)))
            .map(|name| self.path(name))
            .collect();
        let mut deleted = self.folder.store.delete_stream(futures::stream::iter(garbage).map(Ok).boxed());
        while let Some(result) = deleted.next().await {
            match result {
                Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                Err(e) => return Err(SyncError::outside("cannot delete old state files").source(e)),
            }
        }
        Ok(())
    }

    /// Makes sure that a file is there before anything relies on it.
    pub(crate) async fn verify(&self, name: &str) -> Result<(), SyncError> {
        let there = self.folder.store.head(&self.path(name)).await;
        there.map(|_| ()).map_err(|e| {
            SyncError::outside(format!("the state file {} is missing", self.url(name)))
                .hint("restore it from a copy, or remove the sync's state folder to begin anew; every row is then sent again")
                .source(e)
        })
    }
}

/// Writes one Parquet file, one row group at a time.
pub(crate) struct TableWriter {
    writer: AsyncArrowWriter<BufWriter>,
    name: String,
    rows: u64,
}

impl TableWriter {
    pub(crate) async fn write(&mut self, rows: &RecordBatch) -> Result<(), SyncError> {
        self.rows += rows.num_rows() as u64;
        self.writer.write(rows).await.map_err(|e| failed(&self.name, e))
    }

    /// Returns how many rows the file has.
    pub(crate) async fn finish(self) -> Result<u64, SyncError> {
        self.writer.close().await.map_err(|e| failed(&self.name, e))?;
        Ok(self.rows)
    }
}

fn failed(name: &str, e: parquet::errors::ParquetError) -> SyncError {
    SyncError::outside(format!("cannot write the state file {name}"))
        .hint("check the space and the permissions at the lake's location; nothing is lost: run again")
        .source(e)
}
