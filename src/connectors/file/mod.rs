//! Files on a disk or in object storage: CSV, NDJSON and Parquet.
//!
//! A file is there whole or not at all. On a disk rows go to a temporary file beside it, which is synced and renamed; an object
//! store shows an object only once its upload is complete.

mod csv;
mod encode;
mod place;
mod sink;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use kinfold_base::{ConnectorSpec, Setting, SettingKind, SyncMode};
use kinfold_sync::{Answer, Batch, Connector, Limits, Operation, Outcome, SharedConnector, SyncError, Target};

use crate::cell::unsupported;
use crate::error::{bug, input};
use crate::settings::{Settings, setting};
use crate::{ObjectStores, Secrets};
use encode::{Compression, CsvStyle, Encoder, Format, Shape};
use place::{Base, Name};
use sink::Sink;

/// The column that stands first in appended files.
const OPERATION: &str = "_operation";

pub(crate) fn specs() -> &'static [ConnectorSpec] {
    const SPECS: &[ConnectorSpec] = &[ConnectorSpec {
        name: "file",
        help: "CSV, NDJSON or Parquet files on a disk or in object storage",
        settings: &[
            setting(
                "location",
                SettingKind::Text,
                "the folder, or an s3://, gs:// or az:// URL; the project's folder if left out",
            ),
            setting(
                "format",
                SettingKind::Choice(&["csv", "ndjson", "parquet"]),
                "by the object's name if left out, else csv",
            ),
            setting(
                "write",
                SettingKind::Choice(&["replace", "append"]),
                "replace: one file with all rows, replaced as a whole; append: a new file for each batch of changes; replace if left out",
            ),
            setting(
                "compression",
                SettingKind::Choice(&["none", "gzip", "snappy", "zstd"]),
                "by the object's name if left out, else none; zstd for parquet",
            ),
            setting("delimiter", SettingKind::Text, "what separates fields in CSV; a comma if left out"),
            setting("header", SettingKind::Boolean, "whether CSV begins with a line of names; true if left out"),
            setting("batch_size", SettingKind::Integer, "rows in an appended file; 100000 if left out"),
        ],
        modes: &[SyncMode::Insert, SyncMode::Upsert, SyncMode::Mirror],
        object: "the file's name under the location, which may hold {run_id}, {date}, {sync} and, for append, {batch}",
        deletes: true,
    }];
    SPECS
}

pub(crate) fn open(
    settings: &[(String, Setting)],
    secrets: Secrets<'_>,
    stores: &dyn ObjectStores,
) -> Result<SharedConnector, SyncError> {
    let settings = Settings::new(settings, secrets);
    let delimiter = match settings.text("delimiter")?.as_deref().map(str::as_bytes) {
        None => b',',
        Some([delimiter]) if delimiter.is_ascii() && !matches!(delimiter, b'"' | b'\r' | b'\n') => *delimiter,
        Some(_) => {
            return Err(input(
                "`delimiter` must be one ASCII character",
                "write \",\", \";\", \"|\" or a tab as \"\\t\"",
            ));
        }
    };
    let location = settings.text("location")?.unwrap_or_default();
    let location = place::plain(&location);
    Ok(Arc::new(Files {
        base: Base::open(location, stores)?,
        location: location.to_owned(),
        format: settings.choice(
            "format",
            &[
                ("", None),
                ("csv", Some(Format::Csv)),
                ("ndjson", Some(Format::Ndjson)),
                ("parquet", Some(Format::Parquet)),
            ],
        )?,
        compression: settings.choice(
            "compression",
            &[
                ("", None),
                ("none", Some(Compression::None)),
                ("gzip", Some(Compression::Gzip)),
                ("snappy", Some(Compression::Snappy)),
                ("zstd", Some(Compression::Zstd)),
            ],
        )?,
        append: settings.choice("write", &[("replace", false), ("append", true)])?,
        csv: CsvStyle { delimiter, header: settings.boolean("header", true)? },
        batch_rows: settings.integer("batch_size", 1, 10_000_000)?.unwrap_or(100_000) as usize,
    }))
}

/// A folder, opened for one sync.
struct Files {
    base: Base,
    /// As it is written: a relative one moves with the project, and so does what lies there.
    location: String,
    format: Option<Format>,
    compression: Option<Compression>,
    append: bool,
    csv: CsvStyle,
    batch_rows: usize,
}

impl Files {
    /// How files of this target are written.
    fn shape(&self, target: &Target) -> Result<Shape, SyncError> {
        let (named_format, named_compression) = encode::by_name(&target.object);
        let format = self.format.or(named_format).unwrap_or(Format::Csv);
        let usual = if format == Format::Parquet { Compression::Zstd } else { Compression::None };
        let compression = self.compression.or(named_compression).unwrap_or(usual);
        let shape = Shape { format, compression, csv: self.csv, skip_nulls: target.skip_nulls };
        shape.check().map(|()| shape)
    }

    async fn sink(&self, target: &Target, shape: Shape, batch: Option<&str>) -> Result<Sink, SyncError> {
        let name = Name {
            object: &target.object,
            run_id: &target.run_id,
            sync: &target.sync,
            batch,
            extension: shape.extension(),
        };
        Sink::open(&self.base, &name.fill()?, batch.unwrap_or(&target.run_id), batch.is_none()).await
    }
}

#[async_trait]
impl Connector for Files {
    fn limits(&self) -> Limits {
        Limits {
            batch_rows: self.batch_rows,
            batch_bytes: 256 << 20,
            concurrency: 4,
            requests_per_second: None,
            whole: !self.append,
        }
    }

    fn place(&self, target: &Target) -> String {
        let parted = if self.location.is_empty() || self.location.ends_with('/') { "" } else { "/" };
        format!("{}{parted}{}", self.location, target.object)
    }

    async fn prepare(&self, target: &Target) -> Result<(), SyncError> {
        let shape = self.shape(target)?;
        match (self.append, target.mode) {
            (_, SyncMode::Update) => {
                return Err(input(
                    "a file cannot be told to update rows",
                    "use `mode: mirror`, or `mode: upsert` with `write: append`",
                ));
            }
            (false, SyncMode::Insert) => {
                return Err(input(
                    format!("`mode: insert` adds rows, but the file of sync `{}` is replaced as a whole", target.sync),
                    "use `mode: mirror`, or set `write: append` for the destination",
                ));
            }
            _ => {}
        }
        if let Some(field) = unsupported(target.schema.fields().iter().map(AsRef::as_ref)) {
            return Err(input(
                format!("the field `{}` of sync `{}` has a type that files cannot hold", field.name(), target.sync),
                "cast it to text, a number or a date in the field's SQL",
            ));
        }
        if self.append && target.schema.column_with_name(OPERATION).is_some() {
            return Err(input(
                format!("the field `{OPERATION}` is Kinfold's own in appended files"),
                "give the field another name",
            ));
        }
        let batch = self.append.then_some("batch");
        let name = Name {
            object: &target.object,
            run_id: &target.run_id,
            sync: &target.sync,
            batch,
            extension: shape.extension(),
        };
        self.base.check(&name.fill()?).await
    }

    async fn send(&self, target: &Target, batch: &Batch) -> Result<Answer, SyncError> {
        if !self.append {
            return Err(bug("a file that is replaced as a whole was handed a batch"));
        }
        let shape = self.shape(target)?;
        let rows = with_operation(&batch.rows, batch.operation)?;
        let mut sink = self.sink(target, shape, Some(&batch.idempotency_key)).await?;
        let written = write(&mut sink, shape, rows.schema(), futures::stream::iter([Ok(rows)]).boxed()).await;
        sink.close(written).await?;
        Ok(Answer::Rows(vec![Outcome::Ok; batch.rows.num_rows()]))
    }

    async fn replace(
        &self,
        target: &Target,
        rows: BoxStream<'static, Result<RecordBatch, SyncError>>,
    ) -> Result<u64, SyncError> {
        let shape = self.shape(target)?;
        let mut sink = self.sink(target, shape, None).await?;
        let written = write(&mut sink, shape, target.schema.clone(), rows).await;
        sink.close(written).await
    }
}

/// Encodes rows into the sink, piece by piece; gives the number of rows.
async fn write(
    sink: &mut Sink,
    shape: Shape,
    schema: SchemaRef,
    mut rows: BoxStream<'static, Result<RecordBatch, SyncError>>,
) -> Result<u64, SyncError> {
    let mut encoder = Encoder::new(shape, schema)?;
    let mut count = 0;
    while let Some(batch) = rows.next().await {
        let batch = batch?;
        count += batch.num_rows() as u64;
        encoder.write(&batch)?;
        if let Some(piece) = encoder.take() {
            sink.write(piece).await?;
        }
    }
    sink.write(encoder.finish()?).await?;
    Ok(count)
}

/// The rows with what is done to them in front.
fn with_operation(rows: &RecordBatch, operation: Operation) -> Result<RecordBatch, SyncError> {
    let word = match operation {
        Operation::Insert => "insert",
        Operation::Update => "update",
        Operation::Upsert => "upsert",
        Operation::Clear => "clear",
        Operation::Delete => "delete",
    };
    let mut fields = vec![Arc::new(Field::new(OPERATION, DataType::Utf8, false))];
    // Deletes and clears carry nothing but the key, whatever the sync's schema promises of the other columns.
    fields.extend(rows.schema_ref().fields().iter().map(|f| Arc::new(f.as_ref().clone().with_nullable(true))));
    let mut columns: Vec<ArrayRef> = vec![Arc::new(StringArray::from(vec![word; rows.num_rows()]))];
    columns.extend(rows.columns().iter().cloned());
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
        .map_err(|e| bug(format!("rows do not fit their schema: {e}")))
}
