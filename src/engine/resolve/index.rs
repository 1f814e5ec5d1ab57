//! An index of the values in `<entity>_identifiers`: for each data file what finds a value, or a profile, without its text.
//!
//! Data files are never changed, and neither is what is kept of them. It names rows that are deleted since, too.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use futures::future;
use kinfold_base::{SqlType, TableSchema};
use kinfold_identity::{IdentityError, Resolution};
use kinfold_plan::Resolve;
use serde_json::{Value, json};

use super::reuse::Key;
use super::tables;
use crate::api::{Engine, Kept, KeptTable, NewFile, RecordStream, RunContext, StoredFile};
use crate::error::EngineError;

/// Raised when what is kept is of no use to runs of this version any more.
const FORMAT: u8 = 1;

/// The shelf, which no entity has: no name has a point.
fn shelf(work: &Resolve) -> String {
    format!("{}.values", work.entity)
}

/// The place of each row in its file, the low half of its value's digest, and the number of its profile's id.
pub(super) fn columns() -> TableSchema {
    TableSchema::new(["place", "digest_low", "profile_number"].map(|name| (name.to_owned(), SqlType::Integer)))
}

/// What is kept of each of the files, in their order; none unless it is there for all of them.
pub(super) async fn find(
    engine: &dyn Engine,
    work: &Resolve,
    key: &Key,
    files: &[StoredFile],
) -> Result<Option<Vec<Kept>>, EngineError> {
    let kept = engine.kept(&shelf(work)).await?;
    let is_of = |kept: &Kept, file: &StoredFile| {
        kept.about == about(key, &file.name) && kept.tables.iter().map(KeptTable::rows).eq([file.rows])
    };
    Ok(files.iter().map(|file| kept.iter().find(|kept| is_of(kept, file)).cloned()).collect())
}

/// The rows of what was kept of a file: [`columns`].
pub(super) async fn rows(engine: &dyn Engine, work: &Resolve, kept: &Kept) -> Result<Vec<RecordStream>, EngineError> {
    engine.kept_rows(&shelf(work), kept, 0, &columns()).await
}

/// The columns of such rows.
pub(super) fn slices(batch: &RecordBatch) -> Result<[&[i64]; 3], IdentityError> {
    let slice = |column: usize| {
        let column = batch.columns().get(column)?.as_primitive_opt::<Int64Type>()?;
        (column.null_count() == 0).then(|| &column.values()[..])
    };
    match [slice(0), slice(1), slice(2)] {
        [Some(places), Some(lows), Some(profiles)] => Ok([places, lows, profiles]),
        _ => Err(IdentityError::BrokenKept),
    }
}

/// Keeps what the next run needs of the files that this one has written. `counts`: how many rows each stream had of which one is a file.
/// Of other files, it stays where they do.
pub(super) async fn keep(
    engine: &dyn Engine,
    run: &RunContext,
    work: &Resolve,
    key: &Key,
    resolution: &Arc<Resolution>,
    (counts, files): (&[AtomicU64], &[NewFile]),
    staying: &[StoredFile],
) -> Result<(), EngineError> {
    let parts = counts.len();
    // Streams without rows have no file.
    let counts = counts.iter().map(|count| count.load(Ordering::Relaxed)).enumerate();
    let filled: Vec<_> = counts.filter(|(_, rows)| *rows > 0).collect();
    // Otherwise rows do not lie where they are thought to, and the next run looks at all.
    if filled.iter().map(|(_, rows)| *rows).eq(files.iter().map(|file| file.rows)) {
        let keeps = filled.iter().zip(files).map(|((part, _), file)| {
            let rows = tables::index(resolution, key.key, *part, parts);
            let about = about(key, &file.name);
            async move { engine.keep(run, &shelf(work), &about, vec![vec![rows]]).await }
        });
        future::try_join_all(keeps).await?;
    } else {
        tracing::debug!(
            entity = work.entity,
            "the index of values is not kept, as its rows are not those of the files"
        );
    }
    let new = files.iter().map(|file| file.name.as_str());
    let stay: Vec<&str> = staying.iter().map(|file| file.name.as_str()).chain(new).collect();
    forget(engine, work, key, &stay).await
}

/// Forgets what was kept of files that are not among these.
pub(super) async fn forget(engine: &dyn Engine, work: &Resolve, key: &Key, files: &[&str]) -> Result<(), EngineError> {
    let shelf = shelf(work);
    for kept in engine.kept(&shelf).await? {
        if !files.iter().any(|file| kept.about == about(key, file)) {
            engine.forget(&shelf, &kept).await?;
        }
    }
    Ok(())
}

fn about(key: &Key, file: &str) -> String {
    let about: Value = json!({"format": FORMAT, "key": key.text.as_str(), "file": file});
    about.to_string()
}
