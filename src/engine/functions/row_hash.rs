//! A hash of a row's values that outlives versions of every library: ledgers hold it for years.
//!
//! Each value is written as a tag for its kind and its content in one form, then all of it is hashed with xxh3 at 128 bits. The
//! form is the same for every width of a number, every layout of a string and every unit of time, so that a changed physical
//! type is not a changed row.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array, StringViewBuilder};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Decimal256Type, Float64Type, Int64Type, IntervalUnit, Time64NanosecondType,
    TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
    UInt64Type, i256,
};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use xxhash_rust::xxh3::xxh3_128;

/// `kinfold_row_hash(any, …)` and `kinfold_key(any, …)`.
pub(super) fn functions() -> [ScalarUDF; 2] {
    [Form::Text, Form::Number]
        .map(|form| ScalarUDF::from(RowHash { form, signature: Signature::variadic_any(Volatility::Immutable) }))
}

/// What is made of a row's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Form {
    /// 32 hexadecimal digits.
    Text,
    /// 64 bits, for joins; nothing where a value is missing.
    Number,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct RowHash {
    form: Form,
    signature: Signature,
}

impl ScalarUDFImpl for RowHash {
    fn name(&self) -> &'static str {
        match self.form {
            Form::Text => "kinfold_row_hash",
            Form::Number => "kinfold_key",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(match self.form {
            Form::Text => DataType::Utf8View,
            Form::Number => DataType::Int64,
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let columns = args.args.iter().map(|a| a.to_array(rows)).collect::<Result<Vec<_>>>()?;
        let encoders = columns.iter().map(encoder).collect::<Result<Vec<_>>>()?;
        let mut bytes = Vec::new();
        let mut encoded = |row: usize| {
            bytes.clear();
            for encode in &encoders {
                encode(row, &mut bytes);
            }
            xxh3_128(&bytes)
        };
        Ok(ColumnarValue::Array(match self.form {
            Form::Text => {
                let mut out = StringViewBuilder::with_capacity(rows);
                let mut hex = String::new();
                for row in 0..rows {
                    hex.clear();
                    write_hex(encoded(row), &mut hex);
                    out.append_value(&hex);
                }
                Arc::new(out.finish())
            }
            Form::Number => {
                let nulls = columns
                    .iter()
                    .fold(None, |all, column| NullBuffer::union(all.as_ref(), column.logical_nulls().as_ref()));
                let is_null = |row| nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
                let number = |row| (!is_null(row)).then(|| low_bits(encoded(row)));
                Arc::new((0..rows).map(number).collect::<Int64Array>())
            }
        }))
    }
}

fn low_bits(hash: u128) -> i64 {
    let bytes = hash.to_le_bytes();
    i64::from_le_bytes(std::array::from_fn(|i| bytes[i]))
}

fn write_hex(hash: u128, out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for i in (0..32).rev() {
        out.push(char::from(DIGITS[(hash >> (4 * i)) as usize & 15]));
    }
}

/// Kinds of values. Never renumber: hashes are kept.
mod tag {
    pub(super) const NULL: u8 = 0;
    pub(super) const BOOLEAN: u8 = 1;
    pub(super) const INTEGER: u8 = 2;
    pub(super) const FLOAT: u8 = 3;
    pub(super) const DECIMAL: u8 = 4;
    pub(super) const TEXT: u8 = 5;
    pub(super) const BINARY: u8 = 6;
    pub(super) const DATE: u8 = 7;
    pub(super) const TIME: u8 = 8;
    pub(super) const TIMESTAMP: u8 = 9;
    pub(super) const INTERVAL: u8 = 10;
    pub(super) const LIST: u8 = 11;
    pub(super) const STRUCT: u8 = 12;
    pub(super) const OTHER: u8 = 13;
}

/// Appends the value of one row.
type Encode = Box<dyn Fn(usize, &mut Vec<u8>)>;

fn encoder(array: &ArrayRef) -> Result<Encode> {
    let write = values(array)?;
    let Some(nulls) = array.logical_nulls() else { return Ok(write) };
    Ok(Box::new(move |row, out| if nulls.is_null(row) { out.push(tag::NULL) } else { write(row, out) }))
}

/// Appends the value of a row that is not null.
fn values(array: &ArrayRef) -> Result<Encode> {
    use DataType as T;
    Ok(match array.data_type() {
        T::Null => Box::new(|_, out| out.push(tag::NULL)),
        T::Boolean => {
            let a = array.as_boolean().clone();
            Box::new(move |row, out| out.extend([tag::BOOLEAN, u8::from(a.value(row))]))
        }
        T::UInt64 => {
            let a = array.as_primitive::<UInt64Type>().clone();
            Box::new(move |row, out| put(out, tag::INTEGER, &i128::from(a.value(row)).to_le_bytes()))
        }
        t if t.is_integer() => {
            let a = cast(array, &T::Int64)?.as_primitive::<Int64Type>().clone();
            Box::new(move |row, out| put(out, tag::INTEGER, &i128::from(a.value(row)).to_le_bytes()))
        }
        T::Float16 | T::Float32 | T::Float64 => {
            let a = cast(array, &T::Float64)?.as_primitive::<Float64Type>().clone();
            Box::new(move |row, out| put(out, tag::FLOAT, &one_form(a.value(row)).to_le_bytes()))
        }
        T::Decimal32(_, s) | T::Decimal64(_, s) | T::Decimal128(_, s) => {
            let scale = *s;
            let a = cast(array, &T::Decimal128(38, scale))?.as_primitive::<Decimal128Type>().clone();
            Box::new(move |row, out| decimal(i256::from_i128(a.value(row)), scale, out))
        }
        T::Decimal256(_, s) => {
            let (scale, a) = (*s, array.as_primitive::<Decimal256Type>().clone());
            Box::new(move |row, out| decimal(a.value(row), scale, out))
        }
        T::Utf8View => {
            let a = array.as_string_view().clone();
            Box::new(move |row, out| sized(out, tag::TEXT, a.value(row).as_bytes()))
        }
        T::Utf8 | T::LargeUtf8 => {
            let a = cast(array, &T::LargeUtf8)?.as_string::<i64>().clone();
            Box::new(move |row, out| sized(out, tag::TEXT, a.value(row).as_bytes()))
        }
        T::Binary | T::LargeBinary | T::BinaryView | T::FixedSizeBinary(_) => {
            let a = cast(array, &T::LargeBinary)?.as_binary::<i64>().clone();
            Box::new(move |row, out| sized(out, tag::BINARY, a.value(row)))
        }
        T::Date32 | T::Date64 => {
            let a = cast(array, &T::Date32)?.as_primitive::<Date32Type>().clone();
            Box::new(move |row, out| put(out, tag::DATE, &a.value(row).to_le_bytes()))
        }
        T::Time32(_) | T::Time64(_) => {
            let a = cast(array, &T::Time64(TimeUnit::Nanosecond))?.as_primitive::<Time64NanosecondType>().clone();
            Box::new(move |row, out| put(out, tag::TIME, &a.value(row).to_le_bytes()))
        }
        T::Timestamp(unit, _) => timestamp(array, *unit),
        T::Interval(_) | T::Duration(_) => {
            let a = cast(array, &T::Interval(IntervalUnit::MonthDayNano))?;
            let a = a.as_primitive::<datafusion::arrow::datatypes::IntervalMonthDayNanoType>().clone();
            Box::new(move |row, out| {
                let v = a.value(row);
                out.push(tag::INTERVAL);
                out.extend(v.months.to_le_bytes());
                out.extend(v.days.to_le_bytes());
                out.extend(v.nanoseconds.to_le_bytes());
            })
        }
        T::List(item) | T::LargeList(item) | T::ListView(item) | T::LargeListView(item) | T::FixedSizeList(item, _) => {
            let a = cast(array, &T::LargeList(Arc::clone(item)))?.as_list::<i64>().clone();
            let item = encoder(a.values())?;
            Box::new(move |row, out| {
                let (start, end) = (a.value_offsets()[row], a.value_offsets()[row + 1]);
                put(out, tag::LIST, &(end - start).to_le_bytes());
                (start..end).for_each(|i| item(usize::try_from(i).unwrap_or_default(), out));
            })
        }
        T::Struct(_) => {
            let fields = array.as_struct().columns().iter().map(encoder).collect::<Result<Vec<_>>>()?;
            Box::new(move |row, out| {
                put(out, tag::STRUCT, &(fields.len() as u64).to_le_bytes());
                for encode in &fields {
                    encode(row, out);
                }
            })
        }
        T::Dictionary(_, value) => values(&cast(array, value)?)?,
        _ => {
            let formatter = ArrayFormatter::try_new(array.as_ref(), &FormatOptions::default())?;
            let texts: Vec<String> = (0..array.len()).map(|row| formatter.value(row).to_string()).collect();
            Box::new(move |row, out| sized(out, tag::OTHER, texts[row].as_bytes()))
        }
    })
}

fn timestamp(array: &ArrayRef, unit: TimeUnit) -> Encode {
    fn nanos(out: &mut Vec<u8>, value: i64, factor: i128) {
        put(out, tag::TIMESTAMP, &(i128::from(value) * factor).to_le_bytes());
    }
    match unit {
        TimeUnit::Second => {
            let a = array.as_primitive::<TimestampSecondType>().clone();
            Box::new(move |row, out| nanos(out, a.value(row), 1_000_000_000))
        }
        TimeUnit::Millisecond => {
            let a = array.as_primitive::<TimestampMillisecondType>().clone();
            Box::new(move |row, out| nanos(out, a.value(row), 1_000_000))
        }
        TimeUnit::Microsecond => {
            let a = array.as_primitive::<TimestampMicrosecondType>().clone();
            Box::new(move |row, out| nanos(out, a.value(row), 1_000))
        }
        TimeUnit::Nanosecond => {
            let a = array.as_primitive::<TimestampNanosecondType>().clone();
            Box::new(move |row, out| nanos(out, a.value(row), 1))
        }
    }
}

/// Equal numbers have equal bits: one zero, one NaN.
fn one_form(value: f64) -> u64 {
    if value == 0.0 {
        0
    } else if value.is_nan() {
        f64::NAN.to_bits()
    } else {
        value.to_bits()
    }
}

/// 1.50 and 1.5 are the same number.
fn decimal(mut value: i256, mut scale: i8, out: &mut Vec<u8>) {
    let ten = i256::from_i128(10);
    if value == i256::ZERO {
        scale = 0;
    }
    while value != i256::ZERO && value % ten == i256::ZERO {
        value /= ten;
        scale = scale.saturating_sub(1);
    }
    put(out, tag::DECIMAL, &value.to_le_bytes());
    out.push(scale.to_le_bytes()[0]);
}

fn put(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    out.extend_from_slice(bytes);
}

fn sized(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    put(out, tag, &(bytes.len() as u64).to_le_bytes());
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;

    #[tokio::test]
    async fn keys_are_the_same_for_the_same_values() {
        check("kinfold_key(v) = kinfold_key(arrow_cast(v, 'LargeUtf8'))", "true|null|true|true").await;
        check("kinfold_key(n) = kinfold_key(arrow_cast(n, 'Int8'))", "true|null|null|null").await;
        check("kinfold_key(v, n) is null", "false|true|true|true").await;
        check("kinfold_key('ab', 'c') = kinfold_key('a', 'bc')", "false").await;
        check("arrow_typeof(kinfold_key(d))", "Int64|Int64|Int64|Int64").await;
    }
}
