//! One value of a record batch, whatever Arrow type it has.

use std::borrow::Cow;
use std::fmt::Write as _;

use arrow::array::{Array, ArrayRef, AsArray, StructArray};
use arrow::datatypes::{DataType, Field, TimeUnit};
use arrow::datatypes::{
    Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, Float16Type, Float32Type,
    Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, Time32MillisecondType, Time32SecondType,
    Time64MicrosecondType, Time64NanosecondType, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Time};

/// A value, borrowed from its array where that is free.
#[derive(Debug)]
pub(crate) enum Cell<'a> {
    Null,
    Boolean(bool),
    Integer(i64),
    Unsigned(u64),
    Float32(f32),
    Float(f64),
    /// All digits, the scale's zeros included.
    Decimal(String),
    Text(&'a str),
    Bytes(&'a [u8]),
    /// Days since 1970-01-01.
    Date(i64),
    /// Nanoseconds since midnight.
    Time(i64),
    Instant(Instant),
    /// The values, as an array of their own.
    List(ArrayRef),
    Struct(&'a StructArray, usize),
    /// Keys and values.
    Map(ArrayRef, ArrayRef),
}

/// A point in time, as Arrow counts it from 1970-01-01 in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Instant {
    pub(crate) value: i64,
    pub(crate) unit: TimeUnit,
}

impl Instant {
    /// Microseconds, rounded down; `None` where they do not fit.
    pub(crate) fn micros(self) -> Option<i64> {
        match self.unit {
            TimeUnit::Second => self.value.checked_mul(1_000_000),
            TimeUnit::Millisecond => self.value.checked_mul(1000),
            TimeUnit::Microsecond => Some(self.value),
            TimeUnit::Nanosecond => Some(self.value.div_euclid(1000)),
        }
    }

    /// RFC 3339 in UTC, with as many digits of the second as it needs; outside the years -9999 to 9999 the bare count.
    fn text(self) -> String {
        let nanos = match self.unit {
            TimeUnit::Second => i128::from(self.value) * 1_000_000_000,
            TimeUnit::Millisecond => i128::from(self.value) * 1_000_000,
            TimeUnit::Microsecond => i128::from(self.value) * 1000,
            TimeUnit::Nanosecond => i128::from(self.value),
        };
        // Calendars hold a day more at both ends than instants, which leave room for time zones.
        let epoch = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
        let at = SignedDuration::try_from_nanos_i128(nanos).and_then(|since| epoch.checked_add(since).ok());
        at.map_or_else(|| self.value.to_string(), |at| format!("{at}Z"))
    }
}

/// What a type is to a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Null,
    Boolean,
    Integer,
    Float,
    Decimal,
    Text,
    Bytes,
    Date,
    Time,
    Instant,
    List,
    Struct,
    Map,
}

impl Kind {
    /// What a type is; `None` for those that nothing can be done with: durations, intervals, unions.
    pub(crate) fn of(ty: &DataType) -> Option<Self> {
        Some(match ty {
            DataType::Null => Self::Null,
            DataType::Boolean => Self::Boolean,
            _ if ty.is_integer() => Self::Integer,
            DataType::Float16 | DataType::Float32 | DataType::Float64 => Self::Float,
            _ if ty.is_decimal() => Self::Decimal,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self::Text,
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
                Self::Bytes
            }
            DataType::Date32 | DataType::Date64 => Self::Date,
            DataType::Time32(_) | DataType::Time64(_) => Self::Time,
            DataType::Timestamp(_, _) => Self::Instant,
            DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
                Self::of(item.data_type()).map(|_| Self::List)?
            }
            DataType::Struct(fields) => {
                fields.iter().all(|f| Self::of(f.data_type()).is_some()).then_some(Self::Struct)?
            }
            DataType::Map(entries, _) => Self::of(entries.data_type()).map(|_| Self::Map)?,
            DataType::Dictionary(_, values) => Self::of(values)?,
            _ => return None,
        })
    }
}

/// The first field whose values cannot be sent anywhere.
pub(crate) fn unsupported<'a>(fields: impl IntoIterator<Item = &'a Field>) -> Option<&'a Field> {
    fields.into_iter().find(|f| Kind::of(f.data_type()).is_none())
}

/// The value at `row`. Types that [`Kind::of`] does not know read as null: they are refused before rows are sent.
pub(crate) fn cell(array: &dyn Array, row: usize) -> Cell<'_> {
    macro_rules! primitive {
        ($ty:ty) => {
            array.as_primitive::<$ty>().value(row)
        };
    }
    if array.is_null(row) {
        return Cell::Null;
    }
    match array.data_type() {
        DataType::Boolean => Cell::Boolean(array.as_boolean().value(row)),
        DataType::Int8 => Cell::Integer(primitive!(Int8Type).into()),
        DataType::Int16 => Cell::Integer(primitive!(Int16Type).into()),
        DataType::Int32 => Cell::Integer(primitive!(Int32Type).into()),
        DataType::Int64 => Cell::Integer(primitive!(Int64Type)),
        DataType::UInt8 => Cell::Integer(primitive!(UInt8Type).into()),
        DataType::UInt16 => Cell::Integer(primitive!(UInt16Type).into()),
        DataType::UInt32 => Cell::Integer(primitive!(UInt32Type).into()),
        DataType::UInt64 => Cell::Unsigned(primitive!(UInt64Type)),
        DataType::Float16 => Cell::Float32(primitive!(Float16Type).to_f32()),
        DataType::Float32 => Cell::Float32(primitive!(Float32Type)),
        DataType::Float64 => Cell::Float(primitive!(Float64Type)),
        DataType::Decimal32(..) => Cell::Decimal(array.as_primitive::<Decimal32Type>().value_as_string(row)),
        DataType::Decimal64(..) => Cell::Decimal(array.as_primitive::<Decimal64Type>().value_as_string(row)),
        DataType::Decimal128(..) => Cell::Decimal(array.as_primitive::<Decimal128Type>().value_as_string(row)),
        DataType::Decimal256(..) => Cell::Decimal(array.as_primitive::<Decimal256Type>().value_as_string(row)),
        DataType::Utf8 => Cell::Text(array.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => Cell::Text(array.as_string::<i64>().value(row)),
        DataType::Utf8View => Cell::Text(array.as_string_view().value(row)),
        DataType::Binary => Cell::Bytes(array.as_binary::<i32>().value(row)),
        DataType::LargeBinary => Cell::Bytes(array.as_binary::<i64>().value(row)),
        DataType::BinaryView => Cell::Bytes(array.as_binary_view().value(row)),
        DataType::FixedSizeBinary(_) => Cell::Bytes(array.as_fixed_size_binary().value(row)),
        DataType::Date32 => Cell::Date(primitive!(Date32Type).into()),
        DataType::Date64 => Cell::Date(primitive!(Date64Type).div_euclid(86_400_000)),
        DataType::Time32(TimeUnit::Second) => Cell::Time(i64::from(primitive!(Time32SecondType)) * 1_000_000_000),
        DataType::Time32(_) => Cell::Time(i64::from(primitive!(Time32MillisecondType)) * 1_000_000),
        DataType::Time64(TimeUnit::Microsecond) => Cell::Time(primitive!(Time64MicrosecondType).saturating_mul(1000)),
        DataType::Time64(_) => Cell::Time(primitive!(Time64NanosecondType)),
        DataType::Timestamp(unit, _) => {
            let value = match unit {
                TimeUnit::Second => primitive!(TimestampSecondType),
                TimeUnit::Millisecond => primitive!(TimestampMillisecondType),
                TimeUnit::Microsecond => primitive!(TimestampMicrosecondType),
                TimeUnit::Nanosecond => primitive!(TimestampNanosecondType),
            };
            Cell::Instant(Instant { value, unit: *unit })
        }
        DataType::List(_) => Cell::List(array.as_list::<i32>().value(row)),
        DataType::LargeList(_) => Cell::List(array.as_list::<i64>().value(row)),
        DataType::FixedSizeList(..) => Cell::List(array.as_fixed_size_list().value(row)),
        DataType::Struct(_) => Cell::Struct(array.as_struct(), row),
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            Cell::Map(entries.column(0).clone(), entries.column(1).clone())
        }
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let key = match cell(dictionary.keys(), row) {
                Cell::Integer(key) => usize::try_from(key).ok(),
                Cell::Unsigned(key) => usize::try_from(key).ok(),
                _ => None,
            };
            key.map_or(Cell::Null, |key| cell(dictionary.values().as_ref(), key))
        }
        _ => Cell::Null,
    }
}

impl<'a> Cell<'a> {
    /// The value as plain text: numbers with all their digits, ISO 8601 for dates and times, base64 for bytes, JSON for
    /// what has parts. `None` is null.
    pub(crate) fn text(self) -> Option<Cow<'a, str>> {
        Some(match self {
            Cell::Null => return None,
            Cell::Text(text) => Cow::Borrowed(text),
            Cell::Boolean(value) => Cow::Borrowed(if value { "true" } else { "false" }),
            Cell::Integer(value) => value.to_string().into(),
            Cell::Unsigned(value) => value.to_string().into(),
            Cell::Float32(value) => value.to_string().into(),
            Cell::Float(value) => value.to_string().into(),
            Cell::Decimal(digits) => digits.into(),
            Cell::Bytes(bytes) => base64(bytes).into(),
            Cell::Date(days) => date_text(days).into(),
            Cell::Time(nanos) => time_text(nanos).into(),
            Cell::Instant(instant) => instant.text().into(),
            Cell::List(_) | Cell::Struct(..) | Cell::Map(..) => {
                let mut out = Vec::new();
                crate::json::write_cell(self, crate::json::Numbers::AsNumbers, &mut out);
                String::from_utf8_lossy(&out).into_owned().into()
            }
        })
    }
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// `2026-01-31`; outside the years -9999 to 9999 the bare count of days.
fn date_text(days: i64) -> String {
    let epoch = Date::constant(1970, 1, 1);
    let days_from_epoch = days.checked_mul(24).map(SignedDuration::from_hours);
    days_from_epoch.and_then(|d| epoch.checked_add(d).ok()).map_or_else(|| days.to_string(), |d| d.to_string())
}

/// `12:34:56.5`
fn time_text(nanos: i64) -> String {
    Time::midnight()
        .checked_add(SignedDuration::from_nanos(nanos))
        .map_or_else(|_| nanos.to_string(), |t| t.to_string())
}

/// A few names as a list in a sentence: `a`, `b`.
pub(crate) fn quoted_list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut out = String::new();
    for name in names {
        let separator = if out.is_empty() { "" } else { ", " };
        let _ = write!(out, "{separator}`{name}`");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_told_to_the_end_of_the_year_9999() {
        let text = |value, unit| Instant { value, unit }.text();
        assert_eq!(text(0, TimeUnit::Second), "1970-01-01T00:00:00Z");
        assert_eq!(text(-1, TimeUnit::Millisecond), "1969-12-31T23:59:59.999Z");
        assert_eq!(text(1_500_000, TimeUnit::Microsecond), "1970-01-01T00:00:01.5Z");
        assert_eq!(text(253_402_214_400, TimeUnit::Second), "9999-12-31T00:00:00Z");
        assert_eq!(text(253_402_300_800, TimeUnit::Second), "253402300800");
        assert_eq!(text(i64::MIN, TimeUnit::Second), i64::MIN.to_string());
    }
}
