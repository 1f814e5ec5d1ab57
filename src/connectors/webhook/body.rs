//! The body of a request.

use kinfold_sync::{Batch, Operation, Target};

use crate::json::{self, Numbers};

/// `{"object": …, "operation": …, "key": […], "rows": […]}`.
///
/// A row has all columns; without nulls where those are to be skipped; for a delete only the key's. A clear spells out the
/// nulls, so that a receiver may treat it as an upsert.
pub(super) fn write(target: &Target, batch: &Batch, numbers: Numbers) -> Vec<u8> {
    let rows = &batch.rows;
    let mut out = Vec::with_capacity(64 + rows.num_rows() * rows.num_columns() * 24);
    out.extend_from_slice(b"{\"object\":");
    json::write_text(&target.object, &mut out);
    out.extend_from_slice(b",\"operation\":");
    json::write_text(operation(batch.operation), &mut out);
    out.extend_from_slice(b",\"key\":[");
    for (i, field) in rows.schema_ref().fields().iter().take(target.key_columns).enumerate() {
        if i > 0 {
            out.push(b',');
        }
        json::write_text(field.name(), &mut out);
    }
    out.extend_from_slice(b"],\"rows\":[");
    let keep = |column: usize, null: bool| {
        column < target.key_columns
            || match batch.operation {
                Operation::Delete => false,
                Operation::Clear => true,
                Operation::Insert | Operation::Update | Operation::Upsert => !(null && target.skip_nulls),
            }
    };
    for row in 0..rows.num_rows() {
        if row > 0 {
            out.push(b',');
        }
        json::write_row(rows, row, numbers, keep, &mut out);
    }
    out.extend_from_slice(b"]}");
    out
}

fn operation(operation: Operation) -> &'static str {
    match operation {
        Operation::Insert => "insert",
        Operation::Update => "update",
        Operation::Upsert => "upsert",
        Operation::Clear => "clear",
        Operation::Delete => "delete",
    }
}
