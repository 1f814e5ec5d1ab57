//! Arrow's types and SQL's: what a column of data is called in checks, and how a declared or written column is held.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, IntervalUnit, Schema, SchemaRef, TimeUnit};
use kinfold_base::{Column, SqlType, TableSchema};

/// The zone of every instant that Kinfold writes.
pub(crate) const UTC: &str = "UTC";

/// Microseconds, UTC: how Kinfold holds an instant.
pub(crate) fn timestamp_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into()))
}

/// What a column of data is, in the words of checks and planning.
#[must_use]
pub fn sql_type(ty: &DataType) -> SqlType {
    match ty {
        DataType::Null => SqlType::Null,
        DataType::Boolean => SqlType::Boolean,
        t if t.is_integer() => SqlType::Integer,
        DataType::Float16 | DataType::Float32 | DataType::Float64 => SqlType::Float,
        DataType::Decimal32(p, s)
        | DataType::Decimal64(p, s)
        | DataType::Decimal128(p, s)
        | DataType::Decimal256(p, s) => SqlType::Decimal { precision: *p, scale: *s },
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => SqlType::Text,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            SqlType::Binary
        }
        DataType::Date32 | DataType::Date64 => SqlType::Date,
        DataType::Time32(_) | DataType::Time64(_) => SqlType::Time,
        DataType::Timestamp(_, _) => SqlType::Timestamp,
        DataType::Interval(_) | DataType::Duration(_) => SqlType::Interval,
        DataType::List(f)
        | DataType::LargeList(f)
        | DataType::ListView(f)
        | DataType::LargeListView(f)
        | DataType::FixedSizeList(f, _) => SqlType::List(Box::new(sql_type(f.data_type()))),
        DataType::Struct(fields) => SqlType::Struct(fields.iter().map(|f| column(f)).collect()),
        DataType::Dictionary(_, value) => sql_type(value),
        _ => SqlType::Unknown,
    }
}

/// How a value of a SQL type is held; none for a type that says nothing.
#[must_use]
pub fn arrow_type(ty: &SqlType) -> Option<DataType> {
    Some(match ty {
        SqlType::Boolean => DataType::Boolean,
        SqlType::Integer => DataType::Int64,
        SqlType::Float => DataType::Float64,
        SqlType::Decimal { precision, scale } if *precision <= 38 => DataType::Decimal128(*precision, *scale),
        SqlType::Decimal { precision, scale } => DataType::Decimal256(*precision, *scale),
        SqlType::Text => DataType::Utf8View,
        SqlType::Binary => DataType::BinaryView,
        SqlType::Date => DataType::Date32,
        SqlType::Time => DataType::Time64(TimeUnit::Microsecond),
        SqlType::Timestamp => timestamp_type(),
        SqlType::Interval => DataType::Interval(IntervalUnit::MonthDayNano),
        SqlType::List(item) => DataType::List(Arc::new(Field::new_list_field(arrow_type(item)?, true))),
        SqlType::Struct(columns) => DataType::Struct(
            columns.iter().map(|c| Some(Field::new(&c.name, arrow_type(&c.ty)?, true))).collect::<Option<Fields>>()?,
        ),
        SqlType::Null | SqlType::Unknown => return None,
    })
}

fn column(field: &Field) -> Column {
    Column { name: field.name().clone(), ty: sql_type(field.data_type()) }
}

/// The columns of data, in the words of checks and planning.
#[must_use]
pub fn table_schema(schema: &Schema) -> TableSchema {
    TableSchema { columns: schema.fields().iter().map(|f| column(f)).collect() }
}

/// How the columns of a table are held; a column of no known type as text.
pub(crate) fn arrow_schema(schema: &TableSchema) -> SchemaRef {
    let field = |c: &Column| Field::new(&c.name, arrow_type(&c.ty).unwrap_or(DataType::Utf8View), true);
    Arc::new(Schema::new(schema.columns.iter().map(field).collect::<Vec<_>>()))
}

/// How the columns of a table are held while its rows are made: text as plain strings, as it is written.
pub(crate) fn plain_schema(schema: &TableSchema) -> SchemaRef {
    let plain = |c: &Column| arrow_type(&c.ty).and_then(|ty| delta_type(&ty).ok()).unwrap_or(DataType::Utf8);
    Arc::new(Schema::new(schema.columns.iter().map(|c| Field::new(&c.name, plain(c), true)).collect::<Vec<_>>()))
}

/// How a column of a source is read: strings and bytes as views, which are cheap to copy; decimals wide enough for sums, which
/// would wrap around unseen in the narrow forms; the rest as it is.
pub(crate) fn reading_type(ty: &DataType) -> DataType {
    match ty {
        DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
        DataType::Binary | DataType::LargeBinary => DataType::BinaryView,
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => {
            DataType::Decimal128(*precision, *scale)
        }
        DataType::Dictionary(_, value) => reading_type(value),
        other => other.clone(),
    }
}

/// The type that holds the values of both: the same kind of value, in the wider of the two forms. None where the kinds differ.
#[expect(clippy::many_single_char_names, reason = "two types, and what they are made of")]
pub(crate) fn unify(a: &DataType, b: &DataType) -> Option<DataType> {
    use DataType as T;
    if a == b {
        return Some(a.clone());
    }
    Some(match (a, b) {
        (T::Null, x) | (x, T::Null) => x.clone(),
        (x, y) if x.is_integer() && y.is_integer() => match (x, y) {
            (T::UInt64, _) | (_, T::UInt64) if !(x.is_unsigned_integer() && y.is_unsigned_integer()) => {
                T::Decimal128(20, 0)
            }
            (T::UInt64, _) | (_, T::UInt64) => T::UInt64,
            _ => T::Int64,
        },
        (T::Float16 | T::Float32 | T::Float64, T::Float16 | T::Float32 | T::Float64) => T::Float64,
        (T::Decimal128(p, s), T::Decimal128(q, t)) => {
            let scale = *s.max(t);
            let whole = (i16::from(*p) - i16::from(*s)).max(i16::from(*q) - i16::from(*t));
            let precision = u8::try_from((whole + i16::from(scale)).min(38)).ok()?;
            T::Decimal128(precision, scale)
        }
        (T::Timestamp(u, z), T::Timestamp(v, w)) => {
            let unit = if finer(*u, *v) { *u } else { *v };
            let zone = match (z, w) {
                (None, None) => None,
                _ => Some(UTC.into()),
            };
            T::Timestamp(unit, zone)
        }
        (T::Date32 | T::Date64, T::Date32 | T::Date64) => T::Date32,
        (x, y) if sql_type(x) == sql_type(y) && matches!(sql_type(x), SqlType::Text) => T::Utf8View,
        (x, y) if sql_type(x) == sql_type(y) && matches!(sql_type(x), SqlType::Binary) => T::BinaryView,
        (T::List(x), T::List(y)) => T::List(Arc::new(Field::new(x.name(), unify(x.data_type(), y.data_type())?, true))),
        (T::Struct(x), T::Struct(y)) => T::Struct(unify_fields(x, y)?),
        _ => return None,
    })
}

/// Fields of both, those of `b` alone at the end. None where a field of both has values of two kinds.
fn unify_fields(a: &Fields, b: &Fields) -> Option<Fields> {
    let mut fields: Vec<FieldRef> = Vec::with_capacity(a.len());
    for x in a {
        let ty = match b.find(x.name()) {
            Some((_, y)) => unify(x.data_type(), y.data_type())?,
            None => x.data_type().clone(),
        };
        fields.push(Arc::new(Field::new(x.name(), ty, true)));
    }
    fields.extend(b.iter().filter(|y| a.find(y.name()).is_none()).cloned());
    Some(fields.into())
}

fn finer(a: TimeUnit, b: TimeUnit) -> bool {
    let rank = |unit| match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 1,
        TimeUnit::Microsecond => 2,
        TimeUnit::Nanosecond => 3,
    };
    rank(a) > rank(b)
}

/// How a column is written into a Delta table, so that every reader of Delta understands it; the reason where none would.
pub(crate) fn delta_type(ty: &DataType) -> Result<DataType, String> {
    use DataType as T;
    let item = |f: &Field| -> Result<FieldRef, String> {
        Ok(Arc::new(Field::new("element", delta_type(f.data_type())?, true)))
    };
    Ok(match ty {
        T::Boolean | T::Int8 | T::Int16 | T::Int32 | T::Int64 | T::Float32 | T::Float64 | T::Date32 => ty.clone(),
        T::UInt8 => T::Int16,
        T::UInt16 => T::Int32,
        T::UInt32 | T::UInt64 => T::Int64,
        T::Float16 => T::Float32,
        T::Decimal32(p, s) | T::Decimal64(p, s) | T::Decimal128(p, s) | T::Decimal256(p, s) => {
            if *s < 0 {
                T::Decimal128(38, 0)
            } else {
                T::Decimal128((*p).min(38), *s)
            }
        }
        T::Null | T::Utf8 | T::LargeUtf8 | T::Utf8View => T::Utf8,
        T::Binary | T::LargeBinary | T::BinaryView | T::FixedSizeBinary(_) => T::Binary,
        T::Date64 => T::Date32,
        T::Timestamp(_, _) => timestamp_type(),
        T::List(f) | T::LargeList(f) | T::ListView(f) | T::LargeListView(f) | T::FixedSizeList(f, _) => {
            T::List(item(f)?)
        }
        T::Struct(fields) => T::Struct(
            fields
                .iter()
                .map(|f| Ok(Field::new(f.name(), delta_type(f.data_type())?, true)))
                .collect::<Result<Fields, String>>()?,
        ),
        T::Dictionary(_, value) => delta_type(value)?,
        other => return Err(format!("{}, which a Delta table cannot hold", sql_type(other))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_agree_on_the_kind_of_value_and_take_the_wider_form() {
        assert_eq!(unify(&DataType::Int32, &DataType::Int64), Some(DataType::Int64));
        assert_eq!(unify(&DataType::Utf8, &DataType::LargeUtf8), Some(DataType::Utf8View));
        assert_eq!(
            unify(&DataType::Decimal128(10, 2), &DataType::Decimal128(12, 4)),
            Some(DataType::Decimal128(12, 4))
        );
        assert_eq!(unify(&DataType::Int64, &DataType::Utf8), None);
        assert_eq!(unify(&DataType::Int64, &DataType::Float64), None);
        assert_eq!(
            unify(
                &DataType::Timestamp(TimeUnit::Millisecond, None),
                &DataType::Timestamp(TimeUnit::Nanosecond, Some("Z".into()))
            ),
            Some(DataType::Timestamp(TimeUnit::Nanosecond, Some(UTC.into())))
        );
    }

    #[test]
    fn what_delta_cannot_hold_is_refused_and_the_rest_is_widened() {
        assert_eq!(delta_type(&DataType::Utf8View), Ok(DataType::Utf8));
        assert_eq!(delta_type(&DataType::UInt64), Ok(DataType::Int64));
        assert_eq!(delta_type(&DataType::Timestamp(TimeUnit::Nanosecond, None)), Ok(timestamp_type()));
        assert!(delta_type(&DataType::Interval(IntervalUnit::DayTime)).is_err());
    }
}
