//! Which files of a table nobody needs any more.

use std::collections::{HashMap, HashSet};

use deltalake_core::DeltaTableError;
use deltalake_core::kernel::DeletionVectorDescriptor;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use kinfold_base::{SignedDuration, Timestamp};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt};
use serde_json::Value;

use crate::error::EngineError;
use crate::failure;
use crate::lake::delta::{self, within_store};
use crate::lake::vectors;
use crate::stores::Place;

/// A run that writes now has not committed yet: its files are never older than this.
const LONGEST_RUN: SignedDuration = SignedDuration::from_hours(48);
/// How many commits are read at once.
const CONCURRENT_COMMITS: usize = 16;

/// When commits took files out of a table, in milliseconds; the last time, where one file was taken out more than once.
type Removals = HashMap<Path, i64>;

/// Deletes files that no version of the last `keep` needs: those that commits took out of the table longer ago, and those older
/// that no commit ever put in, which runs that died have left.
pub(crate) async fn vacuum(
    place: &Place,
    name: &str,
    keep: SignedDuration,
    now: Timestamp,
) -> Result<u64, EngineError> {
    let Some(table) = delta::load(place, name).await? else { return Ok(0) };
    let failed = |e: DeltaTableError| failure::delta(e, &format!("the table `{name}` ({})", place.label));
    let mut live = HashSet::new();
    for file in delta::data_files(&table, place)? {
        if let Some(vector) = &file.vector {
            live.extend(vectors::file(place, vector)?);
        }
        live.insert(file.meta.location);
    }
    let (mut files, mut commits) = (Vec::new(), Vec::new());
    let mut listed = place.store.list(Some(&place.path));
    while let Some(meta) = listed.try_next().await.map_err(|e| failure::store(e, &place.label))? {
        if meta.location.as_ref().contains("/_delta_log/") {
            commits.extend(is_commit(&meta.location).then_some(meta.location));
        } else if is_ours(&meta.location) && !live.contains(&meta.location) {
            files.push(meta);
        }
    }
    let cutoff = (now - keep).as_millisecond();
    let orphan_cutoff = (now - keep.max(LONGEST_RUN)).as_millisecond();
    let mut removed_at = Removals::new();
    let snapshot = table.snapshot().map_err(failed)?;
    let log = table.log_store();
    let mut tombstones = snapshot.all_tombstones(log.as_ref());
    while let Some(tombstone) = tombstones.try_next().await.map_err(failed)? {
        let path = within_store(place, &Path::from(tombstone.path().as_ref()));
        put(&mut removed_at, path, tombstone.deletion_timestamp().unwrap_or(0));
    }
    if files.iter().any(|meta| vectors::is_file(&meta.location)) {
        removed_vectors(place, commits, orphan_cutoff, &mut removed_at).await?;
    }
    let is_old = |meta: &ObjectMeta| match removed_at.get(&meta.location) {
        Some(at) => *at < cutoff,
        None => meta.last_modified.timestamp_millis() < orphan_cutoff,
    };
    files.retain(is_old);
    let count = files.len() as u64;
    let gone = files.into_iter().map(|meta| Ok(meta.location));
    let mut deleted = place.store.delete_stream(stream::iter(gone).boxed());
    while let Some(result) = deleted.next().await {
        match result {
            Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
            Err(e) => return Err(failure::store(e, &place.label)),
        }
    }
    Ok(count)
}

/// When commits took files with deletion vectors out of use, as what is known of the log tells only of data files. Commits are read
/// from the newest on, for as long as they are newer than `since`: what earlier ones took out is itself as old as that.
async fn removed_vectors(
    place: &Place,
    mut commits: Vec<Path>,
    since: i64,
    removed_at: &mut Removals,
) -> Result<(), EngineError> {
    // Their names are their versions, all of one width.
    commits.sort_unstable_by(|a, b| b.cmp(a));
    let reads: Vec<_> = commits.into_iter().map(|commit| read(place, commit).boxed()).collect();
    let mut reads = stream::iter(reads).buffered(CONCURRENT_COMMITS);
    while let Some(commit) = reads.try_next().await? {
        let removals = commit
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok()?.get_mut("remove").map(Value::take));
        let mut newest = None;
        for removal in removals {
            // It may be missing, and tells nothing then.
            let told = removal.get("deletionTimestamp").and_then(Value::as_i64);
            newest = newest.max(told);
            let at = told.unwrap_or(0);
            let vector = removal.get("deletionVector").cloned();
            let vector = vector.and_then(|v| serde_json::from_value::<DeletionVectorDescriptor>(v).ok());
            if let Some(path) = vector.map(|vector| vectors::file(place, &vector)).transpose()?.flatten() {
                put(removed_at, path, at);
            }
        }
        if newest.is_some_and(|at| at < since) {
            break;
        }
    }
    Ok(())
}

/// A commit's actions, one a line; none if it was cleaned away meanwhile.
async fn read(place: &Place, commit: Path) -> Result<String, EngineError> {
    let failed = |e| failure::store(e, &place.label);
    let bytes = match place.store.get(&commit).await {
        Err(object_store::Error::NotFound { .. }) => return Ok(String::new()),
        found => found.map_err(failed)?.bytes().await.map_err(failed)?,
    };
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn put(removed_at: &mut Removals, path: Path, at: i64) {
    let known = removed_at.entry(path).or_insert(at);
    *known = at.max(*known);
}

fn is_ours(path: &Path) -> bool {
    path.extension() == Some("parquet") || vectors::is_file(path)
}

fn is_commit(path: &Path) -> bool {
    let version = path.filename().and_then(|name| name.strip_suffix(".json"));
    version.is_some_and(|version| version.bytes().all(|b| b.is_ascii_digit()))
}
