//! Writes the ledger that follows from outcomes.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::DataType;
use futures::TryStreamExt;

use crate::api::Rows;
use crate::error::{SyncError, arrow_bug};
use crate::files::Files;
use crate::job::LedgerCounts;
use crate::ledger::ledger_schema;
use crate::plan::cast_columns;

/// Writes the ledger `name` from the ledger `old`, a plan and its outcomes.
pub(crate) async fn write_ledger(
    files: &Files,
    rows: &dyn Rows,
    old: Option<&str>,
    plan: &str,
    outcomes: &[String],
    name: &str,
) -> Result<LedgerCounts, SyncError> {
    let outcomes = files.urls(outcomes.iter().map(String::as_str));
    let mut folded = rows.fold(&files.urls(old), &files.urls([plan]), &outcomes).await?;
    let schema = ledger_schema();
    let types: Vec<&DataType> = schema.fields().iter().map(|f| f.data_type()).collect();
    let mut file = files.create(name, &schema)?;
    let mut counts = LedgerCounts::default();
    let mut last_key: Option<String> = None;
    while let Some(batch) = folded.try_next().await? {
        if batch.num_rows() == 0 {
            continue;
        }
        let columns = cast_columns(&batch, &types, "a folded ledger")?;
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns).map_err(arrow_bug)?;
        count(&batch, &mut counts, &mut last_key)?;
        file.write(&batch).await?;
    }
    file.finish().await?;
    Ok(counts)
}

fn count(ledger: &RecordBatch, counts: &mut LedgerCounts, last_key: &mut Option<String>) -> Result<(), SyncError> {
    let text = |i: usize| ledger.column(i).as_string::<i32>();
    let (keys, hashes, states) = (text(0), text(2), text(3));
    for i in 0..ledger.num_rows() {
        // A ledger with a key twice would send, and count, one row as two for ever.
        if last_key.as_deref() == Some(keys.value(i)) {
            return Err(SyncError::bug("a folded ledger has a key twice"));
        }
        match last_key {
            Some(last) => {
                last.clear();
                last.push_str(keys.value(i));
            }
            None => *last_key = Some(keys.value(i).to_owned()),
        }
        counts.rows += 1;
        counts.delivered += u64::from(hashes.is_valid(i));
        let state = match states.value(i) {
            "acknowledged" => &mut counts.acknowledged,
            "cleared" => &mut counts.cleared,
            "rejected" => &mut counts.rejected,
            "retry" => &mut counts.retry,
            "unknown" => &mut counts.unknown,
            other => return Err(SyncError::bug(format!("a folded ledger has the unknown state `{other}`"))),
        };
        *state += 1;
    }
    Ok(())
}
