//! The columns of CSV and NDJSON, from the first part of each file.

use std::io::Cursor;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::csv::ReaderBuilder;
use datafusion::arrow::csv::reader::Format;
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::arrow::json::reader::infer_json_schema;
use datafusion::common::DataFusionError;
use datafusion_datasource::file_compression_type::FileCompressionType;
use futures::StreamExt;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};

use crate::error::EngineError;
use crate::failure::{self, FileError, input};
use crate::lake::sources::Seen;
use crate::types::timestamp_type;

/// How much of each file is looked at.
const SAMPLE_BYTES: usize = 4 << 20;
const SAMPLE_ROWS: usize = 50_000;

/// How a file is compressed, as its name says.
pub(crate) fn compression(meta: &ObjectMeta) -> FileCompressionType {
    match meta.location.extension().map(str::to_lowercase).as_deref() {
        Some("gz") => FileCompressionType::GZIP,
        Some("zst") => FileCompressionType::ZSTD,
        Some("bz2") => FileCompressionType::BZIP2,
        Some("xz") => FileCompressionType::XZ,
        _ => FileCompressionType::UNCOMPRESSED,
    }
}

/// The first part of a file, decompressed, cut after its last whole line; and whether that is all of it.
async fn sample(
    store: &dyn ObjectStore,
    meta: &ObjectMeta,
    compression: FileCompressionType,
) -> Result<(Bytes, bool), DataFusionError> {
    let get = store.get(&meta.location).await?;
    let stream = get.into_stream().map(|r| r.map_err(DataFusionError::from)).boxed();
    let mut stream = compression.convert_stream(stream)?;
    let mut bytes = BytesMut::new();
    while let Some(chunk) = stream.next().await {
        bytes.extend_from_slice(&chunk?);
        if bytes.len() >= SAMPLE_BYTES {
            let end = bytes.iter().rposition(|b| *b == b'\n').map_or(bytes.len(), |i| i + 1);
            bytes.truncate(end);
            return Ok((bytes.freeze(), false));
        }
    }
    Ok((bytes.freeze(), true))
}

fn in_file(table: &str, file: &str, source: DataFusionError) -> EngineError {
    let error = FileError { table: table.to_owned(), file: file.to_owned(), columns: vec![], source };
    failure::query(DataFusionError::External(Box::new(error)), table)
}

/// The columns of a CSV file. Numbers with leading zeros or signs are text: they are codes.
#[expect(clippy::too_many_arguments, reason = "a CSV file is described by this many things")]
pub(crate) async fn csv(
    store: &dyn ObjectStore,
    meta: &ObjectMeta,
    table: &str,
    file: &str,
    compression: FileCompressionType,
    delimiter: u8,
    quote: u8,
    header: bool,
) -> Result<Seen, EngineError> {
    let (bytes, whole) = sample(store, meta, compression).await.map_err(|e| in_file(table, file, e))?;
    if bytes.iter().all(u8::is_ascii_whitespace) {
        let what = if header { "not even a header" } else { "no rows" };
        return Err(input(format!("{table}: {file} is empty: it holds {what}"))
            .hint("check that its export ran; take the file away if it is not needed"));
    }
    let format = Format::default().with_delimiter(delimiter).with_quote(quote).with_header(header);
    let failed = |e| in_file(table, file, DataFusionError::from(e));
    let (header, _) = format.infer_schema(Cursor::new(&bytes), Some(1)).map_err(failed)?;
    let names: Vec<String> =
        header.fields().iter().map(|f| f.name().trim_start_matches('\u{feff}').to_owned()).collect();
    if let Some(twice) = names.iter().enumerate().find(|(i, n)| names[..*i].contains(n)) {
        return Err(input(format!("{table}: {file} has two columns called `{}`", twice.1))
            .hint("give each column a name of its own"));
    }
    let as_text: Vec<Field> = names.iter().map(|n| Field::new(n, DataType::Utf8, true)).collect();
    let reader = ReaderBuilder::new(Arc::new(Schema::new(as_text))).with_format(format).with_batch_size(8192);
    let mut guesses = vec![Guess::default(); names.len()];
    let mut rows = 0;
    let mut finished = true;
    for batch in reader.build(Cursor::new(&bytes)).map_err(failed)? {
        let batch: RecordBatch = match batch {
            Ok(batch) => batch,
            // The sample may end within a quoted value.
            Err(_) if !whole && rows > 0 => {
                finished = false;
                break;
            }
            Err(e) => return Err(failed(e)),
        };
        for (guess, column) in guesses.iter_mut().zip(batch.columns()) {
            let column = column.as_string::<i32>();
            (0..column.len()).filter(|i| column.is_valid(*i)).for_each(|i| guess.see(column.value(i)));
        }
        rows += batch.num_rows();
        if rows >= SAMPLE_ROWS {
            finished = false;
            break;
        }
    }
    let fields: Vec<Field> = names.iter().zip(&guesses).map(|(n, g)| Field::new(n, g.data_type(), true)).collect();
    Ok(Seen::new(Schema::new(fields), (whole && finished).then_some(rows)))
}

/// The columns of an NDJSON file; nested ones are records and lists.
pub(crate) async fn ndjson(
    store: &dyn ObjectStore,
    meta: &ObjectMeta,
    table: &str,
    file: &str,
    compression: FileCompressionType,
) -> Result<Seen, EngineError> {
    let (bytes, whole) = sample(store, meta, compression).await.map_err(|e| in_file(table, file, e))?;
    let lines = bytes.split(|b| *b == b'\n').filter(|l| !l.iter().all(u8::is_ascii_whitespace)).count();
    if lines == 0 {
        return Ok(Seen::new(Schema::empty(), Some(0)));
    }
    if let Some(line) = bytes.split(|b| *b == b'\n').position(|line| std::str::from_utf8(line).is_err()) {
        return Err(input(format!("{table}: {file} at line {} holds bytes that are not UTF-8", line + 1))
            .hint("write the file in UTF-8"));
    }
    let (schema, _) =
        infer_json_schema(Cursor::new(&bytes), Some(SAMPLE_ROWS)).map_err(|e| in_file(table, file, e.into()))?;
    Ok(Seen::new(schema, whole.then_some(lines)))
}

/// What the values of a column have in common so far.
#[derive(Debug, Clone, Default)]
struct Guess {
    kind: Option<Kind>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Boolean,
    Integer,
    Float,
    Date,
    Timestamp,
    Text,
}

impl Guess {
    fn see(&mut self, value: &str) {
        use Kind as K;
        if self.kind == Some(K::Text) {
            return;
        }
        let new = kind(value);
        self.kind = Some(match (self.kind, new) {
            (None, new) => new,
            (Some(old), new) if old == new => old,
            (Some(K::Integer | K::Float), K::Integer | K::Float) => K::Float,
            (Some(K::Date | K::Timestamp), K::Date | K::Timestamp) => K::Timestamp,
            _ => K::Text,
        });
    }

    fn data_type(&self) -> DataType {
        match self.kind {
            // A column without values fits every type that other files give it.
            None => DataType::Null,
            Some(Kind::Boolean) => DataType::Boolean,
            Some(Kind::Integer) => DataType::Int64,
            Some(Kind::Float) => DataType::Float64,
            Some(Kind::Date) => DataType::Date32,
            Some(Kind::Timestamp) => timestamp_type(),
            Some(Kind::Text) => DataType::Utf8View,
        }
    }
}

fn kind(value: &str) -> Kind {
    let digits = value.strip_prefix('-').unwrap_or(value);
    let is_code = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
    if matches!(value, "true" | "false" | "True" | "False" | "TRUE" | "FALSE") {
        Kind::Boolean
    } else if digits.is_empty() || is_code {
        Kind::Text
    } else if digits.bytes().all(|b| b.is_ascii_digit()) {
        if value.parse::<i64>().is_ok() { Kind::Integer } else { Kind::Text }
    } else if digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.bytes().all(|b| b.is_ascii_digit() || b".eE+-".contains(&b))
    {
        match value.parse::<f64>() {
            Ok(_) => Kind::Float,
            Err(_) => date_or_text(value),
        }
    } else {
        date_or_text(value)
    }
}

fn date_or_text(value: &str) -> Kind {
    let b = value.as_bytes();
    let looks = b.len() >= 10 && b[4] == b'-' && b[7] == b'-';
    if !looks {
        Kind::Text
    } else if b.len() == 10 {
        if value.parse::<jiff::civil::Date>().is_ok() { Kind::Date } else { Kind::Text }
    } else if datafusion::arrow::compute::kernels::cast_utils::string_to_timestamp_nanos(value).is_ok() {
        Kind::Timestamp
    } else {
        Kind::Text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[&str], expected: &DataType) {
        let mut guess = Guess::default();
        for value in values {
            guess.see(value);
        }
        assert_eq!(guess.data_type(), *expected, "{values:?}");
    }

    #[test]
    fn values_tell_the_type_and_codes_stay_text() {
        check(&["1", "-20"], &DataType::Int64);
        check(&["1", "2.5", "1e3"], &DataType::Float64);
        check(&["007", "12"], &DataType::Utf8View);
        check(&["+905321234567"], &DataType::Utf8View);
        check(&["0.5", "0"], &DataType::Float64);
        check(&["2024-01-31"], &DataType::Date32);
        check(&["2024-01-31", "2024-01-31 10:00:00"], &timestamp_type());
        check(&["2024-01-31T10:00:00Z"], &timestamp_type());
        check(&["2024-13-31"], &DataType::Utf8View);
        check(&["true", "false"], &DataType::Boolean);
        check(&["true", "1"], &DataType::Utf8View);
        check(&[], &DataType::Null);
        check(&["12345678901234567890123"], &DataType::Utf8View);
    }
}
