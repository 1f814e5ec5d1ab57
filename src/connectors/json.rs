//! Rows as JSON, written straight to bytes so that no digit of a number is lost on the way.

use std::io::Write as _;

use arrow::array::{Array, RecordBatch};

use crate::cell::{Cell, base64, cell};

/// How numbers are written that a reader with 64-bit floats would change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Numbers {
    /// With all their digits, as JSON numbers.
    AsNumbers,
    /// Decimals, and integers beyond 2^53, as text.
    ExactAsText,
}

/// The largest whole number up to which 64-bit floats count without gaps.
const EXACT: u64 = 1 << 53;

/// One row as an object, with the columns for which `keep` is true, in order.
pub(crate) fn write_row(
    rows: &RecordBatch,
    row: usize,
    numbers: Numbers,
    keep: impl Fn(usize, bool) -> bool,
    out: &mut Vec<u8>,
) {
    out.push(b'{');
    let mut first = true;
    for (i, (field, column)) in rows.schema_ref().fields().iter().zip(rows.columns()).enumerate() {
        let value = cell(column, row);
        if keep(i, matches!(value, Cell::Null)) {
            write_name(field.name(), &mut first, out);
            write_cell(value, numbers, out);
        }
    }
    out.push(b'}');
}

/// One value. What JSON has no number for (NaN, infinities) is null.
pub(crate) fn write_cell(value: Cell<'_>, numbers: Numbers, out: &mut Vec<u8>) {
    let exact = numbers == Numbers::ExactAsText;
    match value {
        Cell::Null => out.extend_from_slice(b"null"),
        Cell::Boolean(value) => write_plain(value, false, out),
        Cell::Integer(value) => write_plain(value, exact && value.unsigned_abs() > EXACT, out),
        Cell::Unsigned(value) => write_plain(value, exact && value > EXACT, out),
        Cell::Float(value) => write_serde(&value, out),
        Cell::Float32(value) => write_serde(&value, out),
        Cell::Decimal(digits) => write_plain(digits, exact, out),
        Cell::Text(text) => write_serde(text, out),
        Cell::Bytes(bytes) => write_plain(base64(bytes), true, out),
        value @ (Cell::Date(_) | Cell::Time(_) | Cell::Instant(_)) => {
            write_serde(value.text().as_deref().unwrap_or_default(), out);
        }
        Cell::List(values) => {
            out.push(b'[');
            for i in 0..values.len() {
                if i > 0 {
                    out.push(b',');
                }
                write_cell(cell(&values, i), numbers, out);
            }
            out.push(b']');
        }
        Cell::Struct(values, row) => {
            out.push(b'{');
            let mut first = true;
            for (field, column) in values.fields().iter().zip(values.columns()) {
                write_name(field.name(), &mut first, out);
                write_cell(cell(column, row), numbers, out);
            }
            out.push(b'}');
        }
        Cell::Map(keys, values) => {
            out.push(b'{');
            let mut first = true;
            for i in 0..keys.len() {
                write_name(&cell(&keys, i).text().unwrap_or_default(), &mut first, out);
                write_cell(cell(&values, i), numbers, out);
            }
            out.push(b'}');
        }
    }
}

/// Text as a JSON string.
pub(crate) fn write_text(text: &str, out: &mut Vec<u8>) {
    write_serde(text, out);
}

fn write_name(name: &str, first: &mut bool, out: &mut Vec<u8>) {
    if !std::mem::take(first) {
        out.push(b',');
    }
    write_serde(name, out);
    out.push(b':');
}

fn write_plain(value: impl std::fmt::Display, quoted: bool, out: &mut Vec<u8>) {
    let quote = if quoted { "\"" } else { "" };
    write!(out, "{quote}{value}{quote}").expect("a Vec takes all that is written to it");
}

fn write_serde<T: serde::Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    serde_json::to_writer(out, value).expect("a Vec takes all that is written to it");
}

#[cfg(test)]
mod tests;
