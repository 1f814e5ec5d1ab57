//! The kernel's clustering by itself, from disk to disk, to be measured beside others that label the nodes of a graph.
//!
//! `components FOLDER [THREADS]` reads `nodes.parquet`, of which it takes the number of rows, and `edges.parquet` with the columns `a`
//! and `b`, numbers of nodes. It writes `kinfold.parquet` with `node` and `label`.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::{ArrayRef, AsArray, Int32Array, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, UInt32Type};
use kinfold_identity::Components;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

const BATCH_ROWS: usize = 8192;
const WRITTEN_ROWS: usize = 1 << 20;

fn main() -> Outcome<()> {
    let mut args = std::env::args().skip(1);
    let folder = PathBuf::from(args.next().ok_or("which folder?")?);
    let threads = args.next().map_or(Ok(1), |threads| threads.parse())?;
    let nodes = ParquetRecordBatchReaderBuilder::try_new(File::open(folder.join("nodes.parquet"))?)?;
    let components = Components::new(u32::try_from(nodes.metadata().file_metadata().num_rows())?);
    unite_all(&components, &folder.join("edges.parquet"), threads)?;
    let (labels, _) = components.into_labels();
    write(&folder.join("kinfold.parquet"), &labels)
}

/// Each thread takes the next row group until there is none.
fn unite_all(components: &Components, edges: &Path, threads: usize) -> Outcome<()> {
    let metadata = ArrowReaderMetadata::load(&File::open(edges)?, ArrowReaderOptions::default())?;
    let next = AtomicUsize::new(0);
    let work = || -> Outcome<()> {
        loop {
            let group = next.fetch_add(1, Ordering::Relaxed);
            if group >= metadata.metadata().num_row_groups() {
                return Ok(());
            }
            let file = File::open(edges)?;
            let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata.clone());
            for batch in reader.with_row_groups(vec![group]).with_batch_size(BATCH_ROWS).build()? {
                unite(components, &batch?)?;
            }
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| "a thread broke off")?)
    })
}

fn unite(components: &Components, batch: &RecordBatch) -> Outcome<()> {
    let ends = |name: &str| -> Outcome<ArrayRef> {
        let column = batch.column_by_name(name).ok_or_else(|| format!("edges have no column {name}"))?;
        Ok(cast(column, &DataType::UInt32)?)
    };
    let (a, b) = (ends("a")?, ends("b")?);
    let [a, b] = [&a, &b].map(|ends| ends.as_primitive::<UInt32Type>().values());
    components.fetch(a.iter().chain(b).copied());
    for (a, b) in a.iter().zip(b) {
        components.unite(*a, *b);
    }
    Ok(())
}

fn write(path: &Path, labels: &[u32]) -> Outcome<()> {
    let field = |name: &str| Field::new(name, DataType::Int32, false);
    let schema = Arc::new(Schema::new(vec![field("node"), field("label")]));
    let compression = Compression::ZSTD(ZstdLevel::try_new(1)?);
    let properties = WriterProperties::builder().set_compression(compression).set_dictionary_enabled(false).build();
    let mut writer = ArrowWriter::try_new(File::create(path)?, Arc::clone(&schema), Some(properties))?;
    for (number, labels) in labels.chunks(WRITTEN_ROWS).enumerate() {
        let first = i32::try_from(number * WRITTEN_ROWS)?;
        let nodes = Int32Array::from_iter_values((first..).take(labels.len()));
        let labels = labels.iter().map(|label| i32::try_from(*label)).collect::<Result<Vec<i32>, _>>()?;
        let columns: Vec<ArrayRef> = vec![Arc::new(nodes), Arc::new(Int32Array::from(labels))];
        writer.write(&RecordBatch::try_new(Arc::clone(&schema), columns)?)?;
    }
    writer.close()?;
    Ok(())
}
