//! CSV as RFC 4180 quotes it, lines ending in a line feed.

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;

use crate::cell::cell;

/// The line of names.
pub(super) fn write_header(schema: &Schema, delimiter: u8, out: &mut Vec<u8>) {
    for (i, field) in schema.fields().iter().enumerate() {
        if i > 0 {
            out.push(delimiter);
        }
        write_field(field.name(), delimiter, out);
    }
    out.push(b'\n');
}

/// One line for each row. Null is nothing at all between the delimiters, an empty text is `""`.
pub(super) fn write_rows(rows: &RecordBatch, delimiter: u8, out: &mut Vec<u8>) {
    for row in 0..rows.num_rows() {
        for (i, column) in rows.columns().iter().enumerate() {
            if i > 0 {
                out.push(delimiter);
            }
            if let Some(text) = cell(column, row).text() {
                write_field(&text, delimiter, out);
            }
        }
        out.push(b'\n');
    }
}

fn write_field(text: &str, delimiter: u8, out: &mut Vec<u8>) {
    let special = |b: u8| b == delimiter || matches!(b, b'"' | b'\n' | b'\r');
    if !text.is_empty() && !text.bytes().any(special) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    for (i, part) in text.split('"').enumerate() {
        if i > 0 {
            out.extend_from_slice(b"\"\"");
        }
        out.extend_from_slice(part.as_bytes());
    }
    out.push(b'"');
}
