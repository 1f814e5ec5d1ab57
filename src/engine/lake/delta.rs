//! Delta tables: read as sources, and written as what Kinfold makes.
//!
//! A commit is one file, created only if it is absent, so that readers see a table before it or after it and nothing between.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::execution::SessionState;
use deltalake_core::kernel::engine::arrow_conversion::TryIntoKernel;
use deltalake_core::kernel::transaction::{CommitBuilder, CommitProperties, TableReference};
use deltalake_core::kernel::{Action, Add, EagerSnapshot, MetadataExt, Protocol, StructType, new_metadata};
use deltalake_core::logstore::{LogStoreRef, StorageConfig, default_logstore};
use deltalake_core::protocol::{DeltaOperation, SaveMode};
use deltalake_core::{DeltaTable, DeltaTableError};
use futures::{StreamExt, TryStreamExt};
use kinfold_base::{SignedDuration, Timestamp, new_writer_id};
use kinfold_lang::project::SourceTable;
use object_store::ObjectMeta;
use object_store::path::Path;
use object_store::prefix::PrefixStore;

use crate::error::EngineError;
use crate::failure::{self, bug, input};
use crate::lake::delta_source::DeltaSource;
use crate::stores::{Place, Stores, delta_url};

/// A checkpoint sums up the log every so many commits.
const CHECKPOINT_INTERVAL: &str = "20";
/// Older versions of a table can no longer be read: log entries go when a checkpoint is written, and with them the memory of
/// files that were taken out.
const LOG_RETENTION: &str = "interval 30 days";

/// Under this name a commit carries an id of its own.
const COMMIT_ID: &str = "kinfoldCommit";

/// A Delta table that somebody else writes.
pub(crate) async fn source_table(
    stores: &Stores,
    state: &SessionState,
    source: &SourceTable,
) -> Result<Arc<dyn TableProvider>, EngineError> {
    let name = source.name.to_string();
    let place = stores.place(&source.url)?;
    let Some(table) = load(&place, &name).await? else {
        return Err(
            input(format!("{name}: there is no Delta table at {}", source.url)).hint("check the path and the `format`")
        );
    };
    let rows = known_rows(&table);
    if rows == Some(0) {
        return Err(input(format!("{name} is empty: the Delta table at {} holds no rows", source.url))
            .hint("check the path; take the table out of the project if it is no longer used"));
    }
    table.update_datafusion_session(state).map_err(|e| failure::delta(e, &name))?;
    let table = DeltaSource::new(table).await.map_err(|e| failure::query(e, &name))?;
    Ok(Arc::new(table))
}

/// How many rows a table holds, if every file says so.
fn known_rows(table: &DeltaTable) -> Option<usize> {
    let snapshot = table.snapshot().ok()?;
    snapshot.log_data().iter().map(|f| f.num_records()).sum()
}

/// The newest version of a table; none if there is no table yet.
pub(crate) async fn load(place: &Place, name: &str) -> Result<Option<DeltaTable>, EngineError> {
    let failed = |e: DeltaTableError| failure::delta(e, &format!("the table `{name}` ({})", place.label));
    let log = log_store(place)?;
    if !log.is_delta_table_location().await.map_err(failed)? {
        return Ok(None);
    }
    let mut table = DeltaTable::new(log);
    table.load().await.map_err(failed)?;
    Ok(Some(table))
}

fn log_store(place: &Place) -> Result<LogStoreRef, EngineError> {
    let url = delta_url(&place.label)?;
    let table = Arc::new(PrefixStore::new(Arc::clone(&place.store), place.path.clone()));
    Ok(default_logstore(table, Arc::clone(&place.store), &url, &StorageConfig::default()))
}

/// The data files of a table's version, each with its number of rows where that is known; paths are within the store.
pub(crate) fn data_files(table: &DeltaTable, place: &Place) -> Result<Vec<(ObjectMeta, Option<usize>)>, EngineError> {
    let snapshot = table.snapshot().map_err(|e| failure::delta(e, &place.label))?;
    let one = |file: deltalake_core::kernel::LogicalFileView| {
        let meta = ObjectMeta {
            location: within_store(place, &file.object_store_path()),
            last_modified: file.modification_datetime().map_err(|e| failure::delta(e, &place.label))?,
            size: u64::try_from(file.size()).unwrap_or(0),
            e_tag: None,
            version: None,
        };
        Ok((meta, file.num_records()))
    };
    snapshot.log_data().iter().map(one).collect()
}

/// The columns of a table's version.
pub(crate) fn schema(table: &DeltaTable, name: &str) -> Result<SchemaRef, EngineError> {
    Ok(table.snapshot().map_err(|e| failure::delta(e, name))?.snapshot().arrow_schema())
}

/// A file that was written and is not in the log yet.
#[derive(Debug, Clone)]
pub(crate) struct NewFile {
    /// Within the store.
    pub(crate) meta: ObjectMeta,
    pub(crate) rows: u64,
}

/// What one commit does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change<'a> {
    /// The new files take the place of all that were.
    Replace,
    Append,
    /// The new files hold the rows of these, whose paths are within the store.
    Compact(&'a HashSet<Path>),
}

/// Shows new files to readers, in one commit.
///
/// # Errors
/// When another run committed to the table meanwhile, or the store fails: the table is then as it was.
pub(crate) async fn commit(
    place: &Place,
    name: &str,
    files: &[NewFile],
    columns: &SchemaRef,
    change: Change<'_>,
    now: Timestamp,
) -> Result<(), EngineError> {
    let failed = |e: DeltaTableError| failure::delta(e, &format!("the table `{name}` ({})", place.label));
    let log = log_store(place)?;
    let table = load(place, name).await?;
    let struct_type: StructType = columns
        .as_ref()
        .try_into_kernel()
        .map_err(|e| bug(format!("the table `{name}` has a column that Delta cannot hold: {e}")))?;
    let mut actions = Vec::new();
    let snapshot = match &table {
        None => {
            let configuration = [
                ("delta.checkpointInterval", CHECKPOINT_INTERVAL),
                ("delta.logRetentionDuration", LOG_RETENTION),
                ("delta.deletedFileRetentionDuration", LOG_RETENTION),
            ];
            let metadata =
                new_metadata(&struct_type, Vec::<String>::new(), configuration).map_err(|e| failed(e.into()))?;
            actions.push(Action::Protocol(protocol()?));
            actions.push(Action::Metadata(metadata.with_name(name.to_owned()).map_err(|e| failed(e.into()))?));
            None
        }
        Some(_) if change == Change::Append && files.is_empty() => return Ok(()),
        Some(table) => {
            let snapshot = table.snapshot().map_err(failed)?.snapshot();
            if snapshot.arrow_schema().fields() != columns.fields() {
                let metadata = TableReference::metadata(snapshot).clone();
                actions.push(Action::Metadata(metadata.with_schema(&struct_type).map_err(|e| failed(e.into()))?));
            }
            match change {
                Change::Replace => actions.extend(removals(place, snapshot, now, None)),
                Change::Compact(files) => actions.extend(removals(place, snapshot, now, Some(files))),
                Change::Append => {}
            }
            Some(snapshot)
        }
    };
    let is_new = !matches!(change, Change::Compact(_));
    actions.extend(files.iter().map(|f| Action::Add(Add { data_change: is_new, ..addition(place, f, now) })));
    let write = |mode| DeltaOperation::Write { mode, partition_by: None, predicate: None };
    let operation = match change {
        Change::Replace => write(SaveMode::Overwrite),
        Change::Append => write(SaveMode::Append),
        Change::Compact(_) => DeltaOperation::Optimize { predicate: None, target_size: i64::MAX },
    };
    // A replaced table was computed from what it was: if somebody else changed it meanwhile, it must not be replaced unseen.
    let retries = if change == Change::Append { 5 } else { 0 };
    let properties = CommitProperties::default().with_max_retries(retries).with_cleanup_expired_logs(Some(true));
    let id = new_writer_id();
    let properties = properties.with_metadata([(COMMIT_ID.to_owned(), id.clone().into())]);
    let reference = snapshot.map(|s| s as &dyn TableReference);
    match CommitBuilder::from(properties).with_actions(actions).build(reference, log, operation).await {
        Ok(_) => Ok(()),
        // An attempt whose answer was lost may have succeeded, and the one after it then finds the version taken: by itself.
        Err(_) if has_landed(place, name, &id).await => Ok(()),
        Err(e) => Err(failed(e)),
    }
}

/// Whether one of the newest commits is this one.
async fn has_landed(place: &Place, name: &str, id: &str) -> bool {
    let Ok(Some(table)) = load(place, name).await else { return false };
    let newest: Vec<_> = table.history(Some(8)).try_collect().await.unwrap_or_default();
    newest.iter().any(|commit| commit.info.get(COMMIT_ID).and_then(|v| v.as_str()) == Some(id))
}

/// What every reader of Delta understands.
fn protocol() -> Result<Protocol, EngineError> {
    serde_json::from_value(serde_json::json!({"minReaderVersion": 1, "minWriterVersion": 2}))
        .map_err(|e| bug(format!("Delta's protocol cannot be named: {e}")))
}

/// Takes files out of a table: all of them, or `only` some, whose rows then stay in other files.
fn removals(place: &Place, snapshot: &EagerSnapshot, now: Timestamp, only: Option<&HashSet<Path>>) -> Vec<Action> {
    let remove = |file: deltalake_core::kernel::LogicalFileView| {
        if only.is_some_and(|only| !only.contains(&within_store(place, &file.object_store_path()))) {
            return None;
        }
        let mut remove = file.remove_action(only.is_none());
        remove.deletion_timestamp = Some(now.as_millisecond());
        Some(Action::Remove(remove))
    };
    snapshot.log_data().iter().filter_map(remove).collect()
}

/// The path in the store of a table's file.
fn within_store(place: &Place, file: &Path) -> Path {
    place.path.parts().chain(file.parts()).collect()
}

fn addition(place: &Place, file: &NewFile, now: Timestamp) -> Add {
    let path = file
        .meta
        .location
        .prefix_match(&place.path)
        .map(|parts| parts.map(|p| p.as_ref().to_owned()).collect::<Vec<_>>().join("/"));
    Add {
        path: path.unwrap_or_else(|| file.meta.location.to_string()),
        partition_values: HashMap::new(),
        size: i64::try_from(file.meta.size).unwrap_or(i64::MAX),
        modification_time: now.as_millisecond(),
        data_change: true,
        stats: Some(format!("{{\"numRecords\":{}}}", file.rows)),
        tags: None,
        deletion_vector: None,
        base_row_id: None,
        default_row_commit_version: None,
        clustering_provider: None,
    }
}

/// Deletes files that no version of the last `keep` needs: those that commits took out of the table longer ago, and those older
/// that no commit ever put in, which runs that died have left.
pub(crate) async fn vacuum(
    place: &Place,
    name: &str,
    keep: SignedDuration,
    now: Timestamp,
) -> Result<u64, EngineError> {
    /// A run that writes now has not committed yet: its files are never older than this.
    const LONGEST_RUN: SignedDuration = SignedDuration::from_hours(48);
    let Some(table) = load(place, name).await? else { return Ok(0) };
    let failed = |e: DeltaTableError| failure::delta(e, &format!("the table `{name}` ({})", place.label));
    let snapshot = table.snapshot().map_err(failed)?;
    let live: HashSet<_> = data_files(&table, place)?.into_iter().map(|(m, _)| m.location).collect();
    let cutoff = (now - keep).as_millisecond();
    let orphan_cutoff = (now - keep.max(LONGEST_RUN)).as_millisecond();
    let mut removed_at = HashMap::new();
    let log = table.log_store();
    let mut tombstones = snapshot.all_tombstones(log.as_ref());
    while let Some(tombstone) = tombstones.next().await {
        let tombstone = tombstone.map_err(failed)?;
        let path = within_store(place, &Path::from(tombstone.path().as_ref()));
        removed_at.insert(path, tombstone.deletion_timestamp().unwrap_or(0));
    }
    let mut listed = place.store.list(Some(&place.path));
    let mut gone = Vec::new();
    while let Some(meta) = listed.next().await {
        let meta = meta.map_err(|e| failure::store(e, &place.label))?;
        let is_data = meta.location.extension() == Some("parquet") && !meta.location.as_ref().contains("/_delta_log/");
        if !is_data || live.contains(&meta.location) {
            continue;
        }
        let old = match removed_at.get(&meta.location) {
            Some(at) => *at < cutoff,
            None => meta.last_modified.timestamp_millis() < orphan_cutoff,
        };
        if old {
            gone.push(Ok(meta.location));
        }
    }
    let count = gone.len() as u64;
    let mut deleted = place.store.delete_stream(futures::stream::iter(gone).boxed());
    while let Some(result) = deleted.next().await {
        match result {
            Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
            Err(e) => return Err(failure::store(e, &place.label)),
        }
    }
    Ok(count)
}
