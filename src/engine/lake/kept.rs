//! Tables that work keeps for its next time, on shelves beside those of the lake.
//!
//! Under `_kept/<shelf>/` lies for each thing kept a folder of Parquet files and, created last, a JSON file that names them: what
//! has no such file is as good as not there.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::datasource::provider_as_source;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlanBuilder;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use kinfold_base::{SignedDuration, TableSchema, Timestamp, new_writer_id};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt, PutMode, PutOptions};
use serde_json::{Value, json};

use crate::api::{Kept, KeptFile, KeptTable, RecordStream, RunContext};
use crate::error::EngineError;
use crate::failure;
use crate::lake::write::{self, Purpose, Target, WrittenFile};
use crate::lake::{LakeEngine, of_schema, staged};
use crate::stores::Place;
use crate::types::plain_schema;

/// What begins with `_` is no table.
const FOLDER: &str = "_kept";
/// How the names of JSON files end.
const MANIFEST: &str = ".json";
/// How many are looked at, or deleted, at once.
const CONCURRENT: usize = 8;

impl LakeEngine {
    pub(super) async fn keep_tables(
        &self,
        run: &RunContext,
        on: &str,
        about: &str,
        tables: Vec<Vec<RecordStream>>,
    ) -> Result<(), EngineError> {
        let shelf = shelf(&self.tables, on);
        let (name, dir) = new_place(&shelf);
        let mut written: Vec<Vec<WrittenFile>> = vec![];
        for rows in tables {
            match self.write_kept(run, &dir, rows).await {
                Ok(files) => written.push(files),
                Err(e) => {
                    write::delete(&dir, write::paths(&written.concat())).await;
                    return Err(e);
                }
            }
        }
        finish(&shelf, &name, about, &written).await
    }

    /// Writes one of the tables that are kept.
    async fn write_kept(
        &self,
        run: &RunContext,
        dir: &Place,
        rows: Vec<RecordStream>,
    ) -> Result<Vec<WrittenFile>, EngineError> {
        let Some(first) = rows.first() else { return Ok(vec![]) };
        let table = "what is kept".to_owned();
        let schema = write::written_schema(&first.schema, &table)?;
        let memory = Arc::clone(&self.state.runtime_env().memory_pool);
        let target = Target { dir: dir.clone(), table, schema, purpose: Purpose::Cache, memory };
        let streams = rows.into_iter().map(|stream| stream.batches).collect();
        write::write(streams, &target, Arc::clone(&run.progress)).await
    }

    pub(super) async fn rows_of_kept(
        &self,
        on: &str,
        kept: &Kept,
        number: usize,
        columns: &TableSchema,
    ) -> Result<Vec<RecordStream>, EngineError> {
        let what = "what an earlier run has kept";
        let failed = |e| failure::query(e, what);
        let shelf = shelf(&self.tables, on);
        let table = table(&self.state, &shelf, kept, number, &plain_schema(columns)).await?;
        let plan = LogicalPlanBuilder::scan("kept", provider_as_source(table), None).map_err(failed)?;
        let plan = Self::physical(&self.state, &plan.build().map_err(failed)?, what).await?;
        let schema = plan.schema();
        Ok(of_schema(self.streams(&self.state, plan, what)?, &schema))
    }
}

/// Where a shelf is, below the place of the tables.
pub(crate) fn shelf(tables: &Place, name: &str) -> Place {
    tables.child(FOLDER).child(name)
}

/// Everything on a shelf, by name.
pub(crate) async fn list(shelf: &Place) -> Result<Vec<Kept>, EngineError> {
    let failed = |e| failure::store(e, &shelf.label);
    let listed = match shelf.store.list_with_delimiter(Some(&shelf.path)).await {
        Err(object_store::Error::NotFound { .. }) => return Ok(Vec::new()),
        other => other.map_err(failed)?,
    };
    let reads: Vec<_> =
        listed.objects.into_iter().map(|meta| async move { read(shelf, &meta.location).await }.boxed()).collect();
    let found: Vec<Option<Kept>> = stream::iter(reads).buffered(CONCURRENT).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

/// What a JSON file names; none if it is none, is gone, or is not as this version writes it.
async fn read(shelf: &Place, manifest: &Path) -> Result<Option<Kept>, EngineError> {
    let failed = |e| failure::store(e, &shelf.label);
    let name = manifest.filename().and_then(|name| name.strip_suffix(MANIFEST)).map(str::to_owned);
    let Some(name) = name else { return Ok(None) };
    let content = match shelf.store.get(manifest).await {
        Ok(found) => found.bytes().await.map_err(failed)?,
        Err(object_store::Error::NotFound { .. }) => return Ok(None),
        Err(e) => return Err(failed(e)),
    };
    Ok(serde_json::from_slice(&content).ok().and_then(|value: Value| kept(name, &value)))
}

fn kept(name: String, value: &Value) -> Option<Kept> {
    let file = |value: &Value| {
        let name = value.get("name")?.as_str()?.to_owned();
        Some(KeptFile { name, bytes: value.get("bytes")?.as_u64()?, rows: value.get("rows")?.as_u64()? })
    };
    let table = |value: &Value| Some(KeptTable { files: value.as_array()?.iter().map(file).collect::<Option<_>>()? });
    let tables = value.get("tables")?.as_array()?.iter().map(table).collect::<Option<_>>()?;
    Some(Kept { name, about: value.get("about")?.as_str()?.to_owned(), tables })
}

/// A new place on a shelf.
pub(crate) fn new_place(shelf: &Place) -> (String, Place) {
    let name = new_writer_id();
    let place = shelf.child(&name);
    (name, place)
}

/// Makes files that were written to a place count.
pub(crate) async fn finish(
    shelf: &Place,
    name: &str,
    about: &str,
    tables: &[Vec<WrittenFile>],
) -> Result<(), EngineError> {
    let file = |file: &WrittenFile| json!({"name": file.meta.location.filename().unwrap_or_default(), "bytes": file.meta.size, "rows": file.rows});
    let table = |files: &Vec<WrittenFile>| files.iter().map(file).collect::<Vec<_>>();
    let content = json!({"about": about, "tables": tables.iter().map(table).collect::<Vec<_>>()}).to_string();
    let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
    let put = shelf.store.put_opts(&manifest(shelf, name), content.into(), options).await;
    put.map(drop).map_err(|e| failure::store(e, &shelf.label))
}

/// One of the tables that were kept; one without rows if there are not so many.
pub(crate) async fn table(
    state: &SessionState,
    shelf: &Place,
    kept: &Kept,
    table: usize,
    columns: &SchemaRef,
) -> Result<Arc<dyn TableProvider>, EngineError> {
    let place = shelf.child(&kept.name);
    let file = |file: &KeptFile| {
        let location = place.path.clone().join(file.name.as_str());
        let meta = ObjectMeta {
            location,
            // Never written again under one name.
            last_modified: std::time::SystemTime::UNIX_EPOCH.into(),
            size: file.bytes,
            e_tag: None,
            version: None,
        };
        WrittenFile { meta, rows: file.rows, deleted: None }
    };
    let files: Vec<WrittenFile> = kept.tables.get(table).into_iter().flat_map(|table| &table.files).map(file).collect();
    staged::table(state, &place, "what was kept", columns, &files).await
}

/// Deletes what was kept: first what makes it count.
pub(crate) async fn forget(shelf: &Place, kept: &Kept) -> Result<(), EngineError> {
    let place = shelf.child(&kept.name);
    let files =
        kept.tables.iter().flat_map(|table| &table.files).map(|file| place.path.clone().join(file.name.as_str()));
    for path in std::iter::once(manifest(shelf, &kept.name)).chain(files) {
        match shelf.store.delete(&path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
            Err(e) => return Err(failure::store(e, &shelf.label)),
        }
    }
    Ok(())
}

/// Removes files that runs which died have left, on any shelf, and what another version has kept, which is of no use to this one.
pub(crate) async fn sweep(tables: &Place, now: Timestamp) -> Result<(), EngineError> {
    /// A run that writes now has not finished yet: its files are never older than this.
    const LONGEST_RUN: SignedDuration = SignedDuration::from_hours(48);
    let place = tables.child(FOLDER);
    let failed = |e| failure::store(e, &place.label);
    let cutoff = (now - LONGEST_RUN).as_millisecond();
    let mut finished = HashSet::new();
    let mut old = Vec::new();
    let mut listed = place.store.list(Some(&place.path));
    while let Some(meta) = listed.try_next().await.map_err(failed)? {
        let is_old = meta.last_modified.timestamp_millis() < cutoff;
        match meta.location.as_ref().strip_suffix(MANIFEST) {
            Some(of) if !is_old || read(&place, &meta.location).await?.is_some() => {
                finished.insert(of.to_owned());
            }
            _ if is_old => old.push(meta.location),
            _ => {}
        }
    }
    old.retain(|file| file.as_ref().rsplit_once('/').is_some_and(|(folder, _)| !finished.contains(folder)));
    let mut deleted = place.store.delete_stream(stream::iter(old.into_iter().map(Ok)).boxed());
    while let Some(result) = deleted.next().await {
        match result {
            Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
            Err(e) => return Err(failed(e)),
        }
    }
    Ok(())
}

fn manifest(shelf: &Place, name: &str) -> Path {
    shelf.path.clone().join(format!("{name}{MANIFEST}"))
}
