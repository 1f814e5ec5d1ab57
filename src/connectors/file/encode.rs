//! Rows as the bytes of a file.

use std::io::Write as _;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use flate2::write::GzEncoder;
use kinfold_sync::SyncError;
use parquet::arrow::ArrowWriter;
use parquet::basic::ZstdLevel;
use parquet::file::properties::WriterProperties;
use zstd::stream::write::Encoder as ZstdEncoder;

use super::csv;
use crate::error::{bug, input};
use crate::json::{self, Numbers};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Csv,
    Ndjson,
    Parquet,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Gzip,
    Snappy,
    Zstd,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CsvStyle {
    pub(super) delimiter: u8,
    pub(super) header: bool,
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) format: Format,
    pub(super) compression: Compression,
    pub(super) csv: CsvStyle,
    /// Leave null members out of NDJSON; the other formats have a place for each column.
    pub(super) skip_nulls: bool,
}

/// What a name says of format and compression by its endings, as in `vips.csv.gz`.
pub(super) fn by_name(object: &str) -> (Option<Format>, Option<Compression>) {
    let object = object.to_ascii_lowercase();
    let (stem, compression) = match object.rsplit_once('.') {
        Some((stem, "gz")) => (stem, Some(Compression::Gzip)),
        Some((stem, "zst")) => (stem, Some(Compression::Zstd)),
        _ => (object.as_str(), None),
    };
    let format = match stem.rsplit_once('.') {
        Some((_, "csv")) => Some(Format::Csv),
        Some((_, "ndjson" | "jsonl")) => Some(Format::Ndjson),
        Some((_, "parquet")) => Some(Format::Parquet),
        _ => None,
    };
    (format, compression)
}

impl Shape {
    /// # Errors
    /// When the format has no such compression.
    pub(super) fn check(self) -> Result<(), SyncError> {
        let wrong = |message: &str, hint: &str| Err(input(message, hint));
        match (self.format, self.compression) {
            (Format::Parquet, Compression::Gzip) => {
                wrong("Parquet files are not written with gzip", "use `compression: zstd`, snappy or none")
            }
            (Format::Csv | Format::Ndjson, Compression::Snappy) => {
                wrong("`compression: snappy` is for Parquet", "use gzip, zstd or none")
            }
            _ => Ok(()),
        }
    }

    /// Without a dot in front.
    pub(super) fn extension(self) -> String {
        let format = match self.format {
            Format::Csv => "csv",
            Format::Ndjson => "ndjson",
            Format::Parquet => return "parquet".to_owned(),
        };
        match self.compression {
            Compression::Gzip => format!("{format}.gz"),
            Compression::Zstd => format!("{format}.zst"),
            Compression::None | Compression::Snappy => format.to_owned(),
        }
    }
}

/// Turns rows into bytes, which are taken out as they come about.
pub(super) struct Encoder {
    shape: Shape,
    /// Text that is not compressed yet.
    text: Vec<u8>,
    out: Output,
}

enum Output {
    Plain(Vec<u8>),
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(ZstdEncoder<'static, Vec<u8>>),
    Parquet(Box<ArrowWriter<Vec<u8>>>),
}

impl Encoder {
    pub(super) fn new(shape: Shape, schema: SchemaRef) -> Result<Self, SyncError> {
        let mut text = Vec::new();
        if shape.format == Format::Csv && shape.csv.header {
            csv::write_header(&schema, shape.csv.delimiter, &mut text);
        }
        let out = match (shape.format, shape.compression) {
            (Format::Parquet, compression) => Output::Parquet(Box::new(parquet_writer(schema, compression)?)),
            (_, Compression::Gzip) => Output::Gzip(GzEncoder::new(Vec::new(), flate2::Compression::default())),
            (_, Compression::Zstd) => {
                Output::Zstd(ZstdEncoder::new(Vec::new(), 0).map_err(|e| bug(format!("zstd cannot be set up: {e}")))?)
            }
            (_, Compression::None | Compression::Snappy) => Output::Plain(Vec::new()),
        };
        Ok(Self { shape, text, out })
    }

    pub(super) fn write(&mut self, rows: &RecordBatch) -> Result<(), SyncError> {
        match self.shape.format {
            Format::Csv => csv::write_rows(rows, self.shape.csv.delimiter, &mut self.text),
            Format::Ndjson => {
                let keep_nulls = !self.shape.skip_nulls;
                for row in 0..rows.num_rows() {
                    json::write_row(rows, row, Numbers::AsNumbers, |_, null| keep_nulls || !null, &mut self.text);
                    self.text.push(b'\n');
                }
            }
            Format::Parquet => {}
        }
        let text = std::mem::take(&mut self.text);
        let in_memory = |e: std::io::Error| bug(format!("compressing failed: {e}"));
        match &mut self.out {
            Output::Plain(out) => out.extend_from_slice(&text),
            Output::Gzip(out) => out.write_all(&text).map_err(in_memory)?,
            Output::Zstd(out) => out.write_all(&text).map_err(in_memory)?,
            Output::Parquet(out) => {
                out.write(rows).map_err(|e| bug(format!("rows cannot be written as Parquet: {e}")))?;
            }
        }
        Ok(())
    }

    /// What has come about, once it is worth writing.
    pub(super) fn take(&mut self) -> Option<Bytes> {
        const WORTH_WRITING: usize = 256 << 10;
        let out = match &mut self.out {
            Output::Plain(out) => out,
            Output::Gzip(out) => out.get_mut(),
            Output::Zstd(out) => out.get_mut(),
            Output::Parquet(out) => out.inner_mut(),
        };
        (out.len() >= WORTH_WRITING).then(|| std::mem::take(out).into())
    }

    /// The rest.
    pub(super) fn finish(mut self) -> Result<Bytes, SyncError> {
        let in_memory = |e: std::io::Error| bug(format!("compressing failed: {e}"));
        // A set without rows still has its line of names.
        let text = std::mem::take(&mut self.text);
        let rest = match self.out {
            Output::Plain(mut out) => {
                out.extend_from_slice(&text);
                out
            }
            Output::Gzip(mut out) => {
                out.write_all(&text).map_err(in_memory)?;
                out.finish().map_err(in_memory)?
            }
            Output::Zstd(mut out) => {
                out.write_all(&text).map_err(in_memory)?;
                out.finish().map_err(in_memory)?
            }
            Output::Parquet(out) => {
                out.into_inner().map_err(|e| bug(format!("a Parquet file cannot be ended: {e}")))?
            }
        };
        Ok(rest.into())
    }
}

fn parquet_writer(schema: SchemaRef, compression: Compression) -> Result<ArrowWriter<Vec<u8>>, SyncError> {
    use parquet::basic::Compression as Parquet;
    let compression = match compression {
        Compression::Snappy => Parquet::SNAPPY,
        Compression::Zstd => Parquet::ZSTD(ZstdLevel::default()),
        Compression::None | Compression::Gzip => Parquet::UNCOMPRESSED,
    };
    let properties = WriterProperties::builder()
        .set_compression(compression)
        .set_max_row_group_row_count(Some(128 << 10))
        .set_created_by("kinfold".to_owned())
        .build();
    ArrowWriter::try_new(Vec::new(), schema, Some(properties)).map_err(|e| {
        input(
            format!("the rows cannot be written as Parquet: {e}"),
            "cast the field it names to a plain type in its SQL",
        )
    })
}
