//! Delta tables: read as sources, and written as what Kinfold makes.
//!
//! A commit is one file, created only if it is absent, so that readers see a table before it or after it and nothing between.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::execution::SessionState;
use deltalake_core::kernel::engine::arrow_conversion::TryIntoKernel;
use deltalake_core::kernel::transaction::{CommitBuilder, CommitProperties, TableReference};
use deltalake_core::kernel::{
    Action, Add, DeletionVectorDescriptor, EagerSnapshot, LogicalFileView, MetadataExt, Protocol, StructType,
    new_metadata,
};
use deltalake_core::logstore::{LogStoreRef, StorageConfig, default_logstore};
use deltalake_core::protocol::{DeltaOperation, SaveMode};
use deltalake_core::{DeltaTable, DeltaTableError};
use futures::TryStreamExt;
use kinfold_base::{Timestamp, new_writer_id};
use kinfold_lang::project::SourceTable;
use object_store::ObjectMeta;
use object_store::path::Path;
use object_store::prefix::PrefixStore;

use crate::error::EngineError;
use crate::failure::{self, bug, input};
use crate::lake::delta_source::DeltaSource;
use crate::lake::patch::Patch;
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

/// A data file of a table's version.
#[derive(Debug, Clone)]
pub(crate) struct DataFile {
    /// Within the store.
    pub(crate) meta: ObjectMeta,
    /// Deleted ones included; none if that is not known.
    pub(crate) rows: Option<usize>,
    /// Which rows are deleted.
    pub(crate) vector: Option<DeletionVectorDescriptor>,
}

pub(crate) fn data_files(table: &DeltaTable, place: &Place) -> Result<Vec<DataFile>, EngineError> {
    let snapshot = table.snapshot().map_err(|e| failure::delta(e, &place.label))?;
    let one = |file: LogicalFileView| {
        let meta = ObjectMeta {
            location: within_store(place, &file.object_store_path()),
            last_modified: file.modification_datetime().map_err(|e| failure::delta(e, &place.label))?,
            size: u64::try_from(file.size()).unwrap_or(0),
            e_tag: None,
            version: None,
        };
        Ok(DataFile { meta, rows: file.num_records(), vector: file.deletion_vector_descriptor() })
    };
    snapshot.log_data().iter().map(one).collect()
}

pub(crate) fn version(table: &DeltaTable, name: &str) -> Result<u64, EngineError> {
    Ok(table.snapshot().map_err(|e| failure::delta(e, name))?.snapshot().version())
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
#[derive(Debug, Clone, Copy)]
pub(crate) enum Change<'a> {
    /// The new files take the place of all that were.
    Replace,
    Append,
    /// The new files hold the rows of these.
    Compact(&'a [DataFile]),
    /// The new files come to what a patch leaves.
    Patch(&'a Patch),
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
    let what = format!("the table `{name}` ({})", place.label);
    let failed = |e: DeltaTableError| failure::delta(e, &what);
    let log = log_store(place)?;
    let table = load(place, name).await?;
    let struct_type: StructType = columns
        .as_ref()
        .try_into_kernel()
        .map_err(|e| bug(format!("the table `{name}` has a column that Delta cannot hold: {e}")))?;
    let mut actions = Vec::new();
    let id = match change {
        Change::Patch(patch) => patch.id.clone(),
        _ => new_writer_id(),
    };
    let snapshot = match &table {
        None if matches!(change, Change::Patch(_) | Change::Compact(_)) => return Err(failure::conflict(&what)),
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
        Some(_) if matches!(change, Change::Append) && files.is_empty() => return Ok(()),
        Some(table) => {
            let snapshot = table.snapshot().map_err(failed)?.snapshot();
            let has_new_columns = snapshot.arrow_schema().fields() != columns.fields();
            match change {
                Change::Append => {}
                Change::Replace => actions.extend(removals(snapshot, now)),
                Change::Compact(old) => {
                    actions.extend(exchanges(place, snapshot, old, now).ok_or_else(|| failure::conflict(&what))?);
                }
                Change::Patch(patch) if snapshot.version() != patch.version => {
                    // An earlier attempt may have succeeded without an answer.
                    let is_done = has_landed(place, name, &id).await;
                    return if is_done { Ok(()) } else { Err(failure::conflict(&what)) };
                }
                Change::Patch(patch) if patch.changed.is_empty() && files.is_empty() => return Ok(()),
                Change::Patch(patch) => {
                    if patch.changed.values().any(Option::is_some) {
                        actions.extend(vectors_allowed(snapshot, &what)?);
                    }
                    actions.extend(patched(place, snapshot, patch, now));
                }
            }
            if has_new_columns {
                let metadata = TableReference::metadata(snapshot).clone();
                actions.push(Action::Metadata(metadata.with_schema(&struct_type).map_err(|e| failed(e.into()))?));
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
        Change::Patch(_) => DeltaOperation::Update { predicate: None },
        Change::Compact(_) => DeltaOperation::Optimize { predicate: None, target_size: i64::MAX },
    };
    // A replaced table was computed from what it was: if somebody else changed it meanwhile, it must not be replaced unseen.
    let retries = if matches!(change, Change::Append) { 5 } else { 0 };
    let properties = CommitProperties::default().with_max_retries(retries).with_cleanup_expired_logs(Some(true));
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

/// What a table with deletion vectors needs, if it is not there yet: features that its readers and writers must know, and a property.
fn vectors_allowed(snapshot: &EagerSnapshot, what: &str) -> Result<Vec<Action>, EngineError> {
    const FEATURE: &str = "deletionVectors";
    const PROPERTY: &str = "delta.enableDeletionVectors";
    let foreign = || input(format!("{what} was changed by another program, and cannot be changed in place"));
    let mut actions = Vec::new();
    let protocol = serde_json::to_value(TableReference::protocol(snapshot)).map_err(|_| foreign())?;
    let features = |of: &str| -> Vec<serde_json::Value> {
        protocol.get(of).and_then(|features| features.as_array()).cloned().unwrap_or_default()
    };
    let (mut readers, mut writers) = (features("readerFeatures"), features("writerFeatures"));
    if !(readers.contains(&FEATURE.into()) && writers.contains(&FEATURE.into())) {
        match protocol.get("minWriterVersion").and_then(serde_json::Value::as_i64) {
            // What this version stands for, by name.
            Some(2) => writers.extend(["appendOnly".into(), "invariants".into()]),
            Some(7) => {}
            _ => return Err(foreign()),
        }
        for features in [&mut readers, &mut writers] {
            features.retain(|feature| feature != FEATURE);
            features.push(FEATURE.into());
        }
        let raised = serde_json::json!({
            "minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": readers, "writerFeatures": writers,
        });
        actions.push(Action::Protocol(serde_json::from_value(raised).map_err(|_| foreign())?));
    }
    let metadata = TableReference::metadata(snapshot);
    if metadata.configuration().get(PROPERTY).map(String::as_str) != Some("true") {
        let metadata = metadata.clone().add_config_key(PROPERTY.to_owned(), "true".to_owned());
        actions.push(Action::Metadata(metadata.map_err(|e| failure::delta(e.into(), what))?));
    }
    Ok(actions)
}

/// Takes all files out of a table.
fn removals(snapshot: &EagerSnapshot, now: Timestamp) -> Vec<Action> {
    snapshot.log_data().iter().map(|file| removal(&file, true, now)).collect()
}

/// Takes some files out of a table, whose rows then lie in others; none if one of them is no longer there as it was.
fn exchanges(place: &Place, snapshot: &EagerSnapshot, old: &[DataFile], now: Timestamp) -> Option<Vec<Action>> {
    let mut old: HashMap<_, _> = old.iter().map(|file| (&file.meta.location, &file.vector)).collect();
    let mut actions = Vec::new();
    for file in snapshot.log_data().iter() {
        if let Some(vector) = old.remove(&within_store(place, &file.object_store_path())) {
            if *vector != file.deletion_vector_descriptor() {
                return None;
            }
            actions.push(removal(&file, false, now));
        }
    }
    old.is_empty().then_some(actions)
}

/// Takes out the files of which a patch deletes rows, and puts them in again with what is deleted now.
fn patched(place: &Place, snapshot: &EagerSnapshot, patch: &Patch, now: Timestamp) -> Vec<Action> {
    let mut actions = Vec::new();
    for file in snapshot.log_data().iter() {
        let location = within_store(place, &file.object_store_path());
        let Some(vector) = patch.changed.get(&location) else { continue };
        actions.push(removal(&file, true, now));
        if let Some(vector) = vector {
            let rows = file.num_records().unwrap_or(0);
            actions.push(Action::Add(Add {
                path: file.path().into_owned(),
                size: file.size(),
                modification_time: file.modification_time(),
                data_change: true,
                stats: Some(format!("{{\"numRecords\":{rows},\"tightBounds\":false}}")),
                deletion_vector: Some(vector.clone()),
                ..Add::default()
            }));
        }
    }
    actions
}

fn removal(file: &LogicalFileView, is_change: bool, now: Timestamp) -> Action {
    let mut remove = file.remove_action(is_change);
    remove.deletion_timestamp = Some(now.as_millisecond());
    Action::Remove(remove)
}

/// The path in the store of a table's file.
pub(crate) fn within_store(place: &Place, file: &Path) -> Path {
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
