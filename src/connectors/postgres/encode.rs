//! Rows as PostgreSQL's binary parameters and as the bytes of a binary `COPY`.

use std::borrow::Cow;
use std::error::Error;

use arrow::array::{Array, RecordBatch};
use bytes::{BufMut, Bytes, BytesMut};
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use super::sql::Shape;
use super::types::Wire;
use crate::cell::{Cell, cell};

/// Days from 1970-01-01 to 2000-01-01, from which PostgreSQL counts.
const EPOCH_DAYS: i64 = 10_957;
const EPOCH_MICROS: i64 = EPOCH_DAYS * 86_400_000_000;

/// Days since 2000-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PgDate(i32);

/// Microseconds since 2000-01-01 in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PgInstant(i64);

impl ToSql for PgDate {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.put_i32(self.0);
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::DATE
    }

    to_sql_checked!();
}

impl ToSql for PgInstant {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.put_i64(self.0);
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::TIMESTAMPTZ
    }

    to_sql_checked!();
}

/// One value, ready to travel.
#[derive(Debug, PartialEq)]
enum Value<'a> {
    Null,
    Boolean(bool),
    Integer(i64),
    Float(f64),
    Text(Cow<'a, str>),
    Date(PgDate),
    Instant(PgInstant),
    Bytes(&'a [u8]),
}

/// One array for each carried column.
pub(super) fn arrays<'a>(shape: Shape<'_>, rows: &'a RecordBatch) -> Vec<(Box<dyn ToSql + Sync + Send + 'a>, Type)> {
    let column = |i: usize, wire: Wire| -> Box<dyn ToSql + Sync + Send + 'a> {
        let values = rows.column(i);
        macro_rules! array {
            ($variant:ident, $ty:ty) => {
                Box::new(
                    (0..values.len())
                        .map(|row| match value(values, row, wire) {
                            Value::$variant(value) => Some(value),
                            _ => None,
                        })
                        .collect::<Vec<Option<$ty>>>(),
                )
            };
        }
        match wire {
            Wire::Boolean => array!(Boolean, bool),
            Wire::Integer => array!(Integer, i64),
            Wire::Float => array!(Float, f64),
            Wire::Text | Wire::ShortNumber | Wire::ArrayText => array!(Text, Cow<'a, str>),
            Wire::Date => array!(Date, PgDate),
            Wire::Instant => array!(Instant, PgInstant),
            Wire::Bytes => array!(Bytes, &'a [u8]),
        }
    };
    let carried = shape.carried.iter().zip(shape.columns());
    carried.map(|(i, (_, c))| (column(*i, c.conversion.wire), c.conversion.wire.array_type())).collect()
}

/// The bytes of a binary `COPY` with all rows, in pieces of about a quarter of a megabyte.
pub(super) fn copy<'a>(shape: Shape<'a>, rows: &'a RecordBatch) -> impl Iterator<Item = Bytes> + 'a {
    const PIECE: usize = 256 << 10;
    let columns: Vec<(usize, Wire)> =
        shape.carried.iter().zip(shape.columns()).map(|(i, (_, c))| (*i, c.conversion.wire)).collect();
    let count = i16::try_from(columns.len() + 1).expect("a table has at most 1600 columns");
    let mut row = 0;
    let mut done = false;
    std::iter::from_fn(move || {
        if done {
            return None;
        }
        let mut out = BytesMut::with_capacity(PIECE + (PIECE >> 2));
        if row == 0 {
            out.put_slice(b"PGCOPY\n\xff\r\n\0");
            out.put_i64(0);
        }
        while row < rows.num_rows() && out.len() < PIECE {
            out.put_i16(count);
            for (i, wire) in &columns {
                put(&value(rows.column(*i), row, *wire), &mut out);
            }
            row += 1;
            put(&Value::Integer(i64::try_from(row).unwrap_or(i64::MAX)), &mut out);
        }
        if row == rows.num_rows() {
            out.put_i16(-1);
            done = true;
        }
        Some(out.freeze())
    })
}

fn put(value: &Value<'_>, out: &mut BytesMut) {
    let mut sized = |bytes: &[u8]| {
        // The server takes no field beyond a gigabyte, and batches are far smaller.
        out.put_i32(i32::try_from(bytes.len()).unwrap_or(i32::MAX));
        out.put_slice(bytes);
    };
    match value {
        Value::Null => out.put_i32(-1),
        Value::Boolean(value) => sized(&[u8::from(*value)]),
        Value::Integer(value) => sized(&value.to_be_bytes()),
        Value::Float(value) => sized(&value.to_be_bytes()),
        Value::Text(text) => sized(text.as_bytes()),
        Value::Date(date) => sized(&date.0.to_be_bytes()),
        Value::Instant(instant) => sized(&instant.0.to_be_bytes()),
        Value::Bytes(bytes) => sized(bytes),
    }
}

fn value(array: &dyn Array, row: usize, wire: Wire) -> Value<'_> {
    let cell = cell(array, row);
    if matches!(cell, Cell::Null) {
        return Value::Null;
    }
    match (wire, cell) {
        (Wire::Boolean, Cell::Boolean(value)) => Value::Boolean(value),
        (Wire::Integer, Cell::Integer(value)) => Value::Integer(value),
        (Wire::Float, Cell::Float(value)) => Value::Float(value),
        (Wire::Float, Cell::Float32(value)) => Value::Float(value.into()),
        (Wire::Date, Cell::Date(days)) => {
            Value::Date(PgDate(i32::try_from(days - EPOCH_DAYS).unwrap_or(OUT_OF_RANGE_DATE)))
        }
        (Wire::Instant, Cell::Instant(instant)) => {
            let micros = instant.micros().and_then(|m| m.checked_sub(EPOCH_MICROS));
            Value::Instant(PgInstant(
                micros.filter(|m| *m != i64::MAX && *m != i64::MIN).unwrap_or(OUT_OF_RANGE_INSTANT),
            ))
        }
        (Wire::Bytes, Cell::Bytes(bytes)) => Value::Bytes(bytes),
        (Wire::ShortNumber, cell) => cell.text().map_or(Value::Null, |text| Value::Text(short(text))),
        (Wire::ArrayText, Cell::List(items)) => Value::Text(array_text(&items).into()),
        (Wire::Text, cell) => cell.text().map_or(Value::Null, Value::Text),
        // Types were settled when the table was read, so that this does not come about.
        _ => Value::Null,
    }
}

/// Not the values that mean infinity, and beyond what the server takes: it refuses the row.
const OUT_OF_RANGE_DATE: i32 = i32::MAX - 1;
const OUT_OF_RANGE_INSTANT: i64 = i64::MAX - 1;

/// `12.00` as `12`, `12.50` as `12.5`.
fn short(number: Cow<'_, str>) -> Cow<'_, str> {
    if !number.contains('.') {
        return number;
    }
    number.trim_end_matches('0').trim_end_matches('.').to_owned().into()
}

/// A list as PostgreSQL spells arrays: `{"a","b\"c",NULL}`.
fn array_text(items: &dyn Array) -> String {
    let mut out = String::from("{");
    for i in 0..items.len() {
        if i > 0 {
            out.push(',');
        }
        match cell(items, i).text() {
            None => out.push_str("NULL"),
            Some(text) => {
                out.push('"');
                for c in text.chars() {
                    if matches!(c, '"' | '\\') {
                        out.push('\\');
                    }
                    out.push(c);
                }
                out.push('"');
            }
        }
    }
    out.push('}');
    out
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        ArrayRef, Date32Array, Decimal128Array, Int32Array, ListBuilder, StringArray, StringBuilder,
        TimestampNanosecondArray,
    };

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "it reads better where it is called")]
    fn first(array: ArrayRef, wire: Wire) -> String {
        format!("{:?}", value(&array, 0, wire))
    }

    #[test]
    fn values_are_turned_into_what_travels() {
        assert_eq!(first(Arc::new(Int32Array::from(vec![7])), Wire::Integer), "Integer(7)");
        assert_eq!(first(Arc::new(Int32Array::from(vec![None])), Wire::Integer), "Null");
        assert_eq!(first(Arc::new(Date32Array::from(vec![10_957])), Wire::Date), "Date(PgDate(0))");
        assert_eq!(first(Arc::new(Date32Array::from(vec![i32::MIN])), Wire::Date), "Date(PgDate(2147483646))");
        let nanos = TimestampNanosecondArray::from(vec![946_684_800_000_001_999]);
        assert_eq!(first(Arc::new(nanos), Wire::Instant), "Instant(PgInstant(1))");
        let decimal = |v: i128| Arc::new(Decimal128Array::from(vec![v]).with_precision_and_scale(10, 2).unwrap());
        assert_eq!(first(decimal(120_000), Wire::Text), r#"Text("1200.00")"#);
        assert_eq!(first(decimal(120_000), Wire::ShortNumber), r#"Text("1200")"#);
        assert_eq!(first(decimal(-50), Wire::ShortNumber), r#"Text("-0.5")"#);
        assert_eq!(first(Arc::new(StringArray::from(vec!["ä"])), Wire::Text), r#"Text("ä")"#);
    }

    #[test]
    fn lists_are_spelt_as_arrays() {
        let mut list = ListBuilder::new(StringBuilder::new());
        list.append_value([Some("a,b"), None, Some(r#"c"\d"#), Some("")]);
        assert_eq!(array_text(&list.finish().value(0)), r#"{"a,b",NULL,"c\"\\d",""}"#);
    }
}
