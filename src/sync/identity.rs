//! A row's identity at its destination, as the ledger keeps it: a JSON object of the key fields.
//!
//! JSON rather than columns, so that rows that left stay removable though the key has since changed its type or its name.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, StringArray, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Schema, SchemaRef};
use arrow::json::writer::LineDelimited;
use arrow::json::{ReaderBuilder, WriterBuilder};

use crate::error::{SyncError, arrow_bug};

/// Instants with their zone as an offset: arrow reads and writes named zones only with a time zone database.
fn by_offset(schema: &SchemaRef) -> SchemaRef {
    let fields = schema.fields().iter().map(|f| match f.data_type() {
        DataType::Timestamp(unit, Some(_)) => {
            f.as_ref().clone().with_data_type(DataType::Timestamp(*unit, Some("+00:00".into())))
        }
        _ => f.as_ref().clone(),
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn cast_all(rows: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, SyncError> {
    let columns = rows.columns().iter().zip(schema.fields()).map(|(column, field)| cast(column, field.data_type()));
    let columns = columns.collect::<Result<Vec<_>, _>>().map_err(arrow_bug)?;
    RecordBatch::try_new(Arc::clone(schema), columns).map_err(arrow_bug)
}

/// One JSON object for each row of `keys`, which holds just the key columns under their names at the destination.
pub(crate) fn encode(keys: &RecordBatch) -> Result<Vec<String>, SyncError> {
    let keys = cast_all(keys, &by_offset(&keys.schema()))?;
    let mut writer = WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(Vec::new());
    writer.write(&keys).and_then(|()| writer.finish()).map_err(|e| {
        SyncError::input("the key has a type that cannot be kept in the ledger")
            .hint("cast the key to text, a number, a date or a time")
            .source(e)
    })?;
    let text =
        String::from_utf8(writer.into_inner()).map_err(|e| SyncError::bug("JSON that is not UTF-8").source(e))?;
    // JSON escapes line breaks, so that a line is a row.
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if lines.len() == keys.num_rows() { Ok(lines) } else { Err(SyncError::bug("identities do not match their rows")) }
}

/// Rows of `schema` whose key columns, the first `key_columns`, hold the identities and whose other columns are null. For each
/// identity that no longer fits the key, a reason instead; its row is left out.
pub(crate) fn decode(
    identities: &[&str],
    schema: &SchemaRef,
    key_columns: usize,
) -> Result<(RecordBatch, Vec<Option<String>>), SyncError> {
    let keys = Arc::new(Schema::new(schema.fields()[..key_columns].to_vec()));
    let mut reasons: Vec<Option<String>> = identities.iter().map(|i| misfit(i, &keys)).collect();
    let fit = |reasons: &[Option<String>]| -> Vec<&str> {
        identities.iter().zip(reasons).filter(|(_, r)| r.is_none()).map(|(i, _)| *i).collect()
    };
    let mut rows = parse(&fit(&reasons), &keys);
    if rows.is_err() {
        // Some value is no longer of the key's type: find out whose.
        for (identity, reason) in identities.iter().zip(&mut reasons).filter(|(_, r)| r.is_none()) {
            if parse(&[*identity], &keys).is_err() {
                *reason = Some("the key has changed its type since the row was sent".to_owned());
            }
        }
        rows = parse(&fit(&reasons), &keys);
    }
    let rows = cast_all(&rows?, &keys)?;
    let mut columns: Vec<ArrayRef> = rows.columns().to_vec();
    columns.extend(schema.fields()[key_columns..].iter().map(|f| new_null_array(f.data_type(), rows.num_rows())));
    let rows = RecordBatch::try_new(Arc::clone(schema), columns).map_err(arrow_bug)?;
    Ok((rows, reasons))
}

/// Why an identity does not name exactly the fields of the key, each with a value.
fn misfit(identity: &str, keys: &Schema) -> Option<String> {
    let Ok(object) = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(identity) else {
        return Some("the ledger does not know the row's key".to_owned());
    };
    let same = object.len() == keys.fields().len()
        && keys.fields().iter().all(|f| object.get(f.name()).is_some_and(|v| !v.is_null()));
    (!same).then(|| "the key has changed its fields since the row was sent".to_owned())
}

fn parse(identities: &[&str], keys: &SchemaRef) -> Result<RecordBatch, SyncError> {
    let keys = &by_offset(keys);
    let mut columns = vec![];
    if !identities.is_empty() {
        let text = identities.join("\n");
        // Numbers may have become text since.
        let reader = ReaderBuilder::new(Arc::clone(keys))
            .with_coerce_primitive(true)
            .with_batch_size(identities.len())
            .build(text.as_bytes())
            .map_err(arrow_bug)?;
        for batch in reader {
            columns.push(batch.map_err(|e| SyncError::outside("a key does not fit its type").source(e))?);
        }
    }
    let rows = arrow::compute::concat_batches(keys, &columns).map_err(arrow_bug)?;
    if rows.num_rows() == identities.len() {
        Ok(rows)
    } else {
        Err(SyncError::bug("identities do not match their rows"))
    }
}

/// As [`decode`], over a column.
pub(crate) fn decode_column(
    identities: &StringArray,
    schema: &SchemaRef,
    key_columns: usize,
) -> Result<(RecordBatch, Vec<Option<String>>), SyncError> {
    let texts: Vec<&str> =
        (0..identities.len()).map(|i| if identities.is_null(i) { "" } else { identities.value(i) }).collect();
    decode(&texts, schema, key_columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{
        BinaryArray, BooleanArray, Date32Array, Decimal128Array, Int64Array, TimestampMicrosecondArray,
    };
    use arrow::datatypes::Field;

    fn round_trip(column: impl Array + 'static) {
        let column: ArrayRef = Arc::new(column);
        let schema = Arc::new(Schema::new(vec![
            Field::new("k", column.data_type().clone(), true),
            Field::new("field", DataType::Utf8, true),
        ]));
        let keys = RecordBatch::try_from_iter([("k", Arc::clone(&column))]).unwrap();
        let identities = encode(&keys).unwrap();
        let identities: Vec<&str> = identities.iter().map(String::as_str).collect();
        let (rows, reasons) = decode(&identities, &schema, 1).unwrap();
        assert_eq!(reasons, vec![None; column.len()]);
        assert_eq!(rows.column(0).as_ref(), column.as_ref());
        assert_eq!(rows.column(1).null_count(), column.len());
    }

    #[test]
    fn every_type_that_keys_have_comes_back() {
        round_trip(StringArray::from(vec!["a", "line\nbreak \"quoted\" \\ ü \u{2028}", ""]));
        round_trip(Int64Array::from(vec![0, -1, i64::MAX, i64::MIN]));
        round_trip(BooleanArray::from(vec![true, false]));
        round_trip(Date32Array::from(vec![0, 20_000, -400]));
        round_trip(TimestampMicrosecondArray::from(vec![0, 1_700_000_000_123_456]).with_timezone("UTC"));
        round_trip(TimestampMicrosecondArray::from(vec![0, 1_700_000_000_123_456]));
        let money = Decimal128Array::from(vec![0, 12_345, -1, 99_999_999_999_999_999_999_999_i128]);
        round_trip(money.with_precision_and_scale(38, 2).unwrap());
        round_trip(BinaryArray::from(vec![&b"\x00\xff"[..], b""]));
    }

    fn check(identities: &[&str], ty: DataType, rows: usize, reasons: &[Option<&str>]) {
        let schema = Arc::new(Schema::new(vec![Field::new("k", ty, true)]));
        let (batch, found) = decode(identities, &schema, 1).unwrap();
        assert_eq!(found.iter().map(Option::as_deref).collect::<Vec<_>>(), reasons);
        assert_eq!(batch.num_rows(), rows);
        assert_eq!(batch.column(0).null_count(), 0, "a delete must never go to a null key");
    }

    #[test]
    fn identities_that_no_longer_fit_are_told_apart() {
        check(&[r#"{"k":5}"#], DataType::Utf8, 1, &[None]);
        check(&[r#"{"k":"5"}"#], DataType::Int64, 1, &[None]);
        let ty = Some("the key has changed its type since the row was sent");
        check(&[r#"{"k":"5"}"#, r#"{"k":"x"}"#], DataType::Int64, 1, &[None, ty]);
        let fields = Some("the key has changed its fields since the row was sent");
        check(&[r#"{"old":"5"}"#, r#"{"k":"5"}"#], DataType::Utf8, 1, &[fields, None]);
        check(&[r#"{"k":null}"#, r#"{"k":"5","l":1}"#], DataType::Utf8, 0, &[fields, fields]);
    }
}
