//! One of Kinfold's own tables changed in place: rows are marked as deleted where they lie, and new ones come in files of their own.
//!
//! What is written waits for the run's commit as a whole table does. No data file is ever changed.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use datafusion::arrow::datatypes::{Schema, SchemaRef};
use deltalake_core::kernel::DeletionVectorDescriptor;
use kinfold_base::new_writer_id;
use kinfold_plan::{KeepTable, Output};
use object_store::path::Path;
use roaring::RoaringTreemap;

use crate::api::{RecordStream, RunContext, Written};
use crate::error::EngineError;
use crate::failure::{self, bug};
use crate::lake::staged::{Committed, Staged};
use crate::lake::vectors::Deleted;
use crate::lake::write::{Purpose, Target, WrittenFile};
use crate::lake::{LakeEngine, delta, parts, stored, vectors, write};
use crate::stores::Place;

/// What becomes of the committed rows of a table.
#[derive(Debug, Clone)]
pub(crate) struct Patch {
    /// Which version it changes, and no other.
    pub(crate) version: u64,
    /// Names its commit.
    pub(crate) id: String,
    /// All that is deleted then of each file that loses rows, by its path in the store; none if nothing of it is left.
    pub(crate) changed: HashMap<Path, Option<DeletionVectorDescriptor>>,
    /// The file of those vectors.
    pub(crate) vectors: Option<Path>,
    /// The committed files that stay, as they are then.
    pub(crate) files: Vec<WrittenFile>,
}

impl LakeEngine {
    pub(super) async fn patch(
        &self,
        run: &RunContext,
        output: &Output,
        deleted: HashMap<String, RoaringTreemap>,
        rows: Vec<RecordStream>,
    ) -> Result<Written, EngineError> {
        let name = output.name.as_str();
        if output.keep != KeepTable::Replace {
            return Err(bug(format!("the table `{name}` is not one that can be changed in place")));
        }
        let dir = self.tables.child(name);
        let Some(table) = delta::load(&dir, name).await? else {
            return Err(bug(format!("the table `{name}` is to be changed in place, and is not there")));
        };
        let version = delta::version(&table, name)?;
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner).get(name).copied();
        if told.is_some_and(|told| told != version) {
            return Err(failure::conflict(&format!("the table `{name}` ({})", dir.label)));
        }
        let columns = delta::schema(&table, name)?;
        for stream in &rows {
            same_columns(&stream.schema, &columns, name)?;
        }
        let files = stored::stored(&dir, &table, name).await?;
        let losses = losses(&dir, &files, deleted, name)?;
        let target = Target {
            dir: dir.clone(),
            table: name.to_owned(),
            schema: write::written_schema(&columns, name)?,
            purpose: Purpose::Keep,
            memory: Arc::clone(&self.state.runtime_env().memory_pool),
        };
        let new = write::write(self.spread(rows), &target, Arc::clone(&run.progress)).await?;
        let patch = match patch(&dir, version, files, losses).await {
            Ok(patch) => patch,
            Err(e) => {
                write::delete(&dir, write::paths(&new)).await;
                return Err(e);
            }
        };
        let written = Written {
            table: name.to_owned(),
            rows: patch.files.iter().chain(&new).map(WrittenFile::rows_left).sum(),
            bytes: new.iter().map(|f| f.meta.size).sum(),
            files: stored::new_files(&dir, &new),
        };
        let stays = Committed { files: patch.files.clone(), columns: Arc::clone(&columns) };
        let staged = Staged {
            table: name.to_owned(),
            keep: output.keep,
            dir,
            files: new,
            patch: Some(Arc::new(patch)),
            columns,
            before: None,
            tried: false,
        };
        self.stage(run, staged, stays).await?;
        Ok(written)
    }

    pub(super) async fn version_of(&self, run: &RunContext, table: &str) -> Result<Option<String>, EngineError> {
        let staged: Vec<Staged> = {
            let staged = self.staged.lock().unwrap_or_else(PoisonError::into_inner);
            let of_run = staged.get(run.run_id.as_str()).into_iter().flatten();
            of_run.filter(|s| s.table == table).cloned().collect()
        };
        let is_whole = staged.first().is_some_and(|first| first.keep != KeepTable::Append);
        let mut files = None;
        if !is_whole {
            let dir = self.tables.child(table);
            if let Some(committed) = delta::load(&dir, table).await? {
                let all = delta::data_files(&committed, &dir)?;
                files = Some(file_ids(&all));
            }
        }
        for staged in &staged {
            let stay = staged.patch.iter().flat_map(|patch| &patch.files);
            let ids = stay.chain(&staged.files).map(|file| {
                let vector = file.deleted.as_ref().map(|deleted| &deleted.vector);
                file_id(&file.meta.location, vector)
            });
            match &mut files {
                Some(files) if staged.keep == KeepTable::Append => files.extend(ids),
                files => *files = Some(ids.collect()),
            }
        }
        Ok(files.map(version))
    }
}

/// The version of a table that is made of files with these ids.
pub(crate) fn version(mut files: Vec<String>) -> String {
    files.sort_unstable();
    parts::id(&files.iter().map(String::as_str).collect::<Vec<_>>())
}

pub(crate) fn file_ids(files: &[delta::DataFile]) -> Vec<String> {
    files.iter().map(|file| file_id(&file.meta.location, file.vector.as_ref())).collect()
}

fn file_id(path: &Path, vector: Option<&DeletionVectorDescriptor>) -> String {
    parts::id(&[path.as_ref(), vector.map(|vector| vectors::id(vector).0).as_deref().unwrap_or_default()])
}

fn same_columns(new: &Schema, has: &SchemaRef, table: &str) -> Result<(), EngineError> {
    let new = write::written_schema(new, table)?;
    let told =
        |schema: &Schema| schema.fields().iter().map(|f| (f.name().clone(), f.data_type().clone())).collect::<Vec<_>>();
    if told(&new) == told(has) {
        return Ok(());
    }
    Err(bug(format!("the table `{table}` is to be changed in place by rows with other columns")))
}

/// All that is deleted of each file that loses rows, by its path.
fn losses(
    dir: &Place,
    files: &[WrittenFile],
    mut deleted: HashMap<String, RoaringTreemap>,
    table: &str,
) -> Result<HashMap<Path, Arc<RoaringTreemap>>, EngineError> {
    let mut losses = HashMap::new();
    for file in files {
        let Some(mut rows) = deleted.remove(&stored::name(dir, file)) else { continue };
        if rows.max().is_some_and(|last| last >= file.rows) {
            return Err(bug(format!("a row is to be deleted that a file of the table `{table}` does not have")));
        }
        let before = file.deleted.as_ref().map_or(0, |deleted| deleted.rows.len());
        if let Some(deleted) = &file.deleted {
            rows |= deleted.rows.as_ref();
        }
        if rows.len() > before {
            losses.insert(file.meta.location.clone(), Arc::new(rows));
        }
    }
    if deleted.is_empty() {
        return Ok(losses);
    }
    Err(bug(format!("rows are to be deleted of files that the table `{table}` does not have")))
}

/// Writes what is deleted, and tells what is left.
async fn patch(
    dir: &Place,
    version: u64,
    files: Vec<WrittenFile>,
    mut losses: HashMap<Path, Arc<RoaringTreemap>>,
) -> Result<Patch, EngineError> {
    let mut changed = HashMap::new();
    let (mut stay, mut smaller) = (Vec::new(), Vec::new());
    for file in files {
        match losses.remove(&file.meta.location) {
            None => stay.push(file),
            Some(rows) if rows.len() == file.rows => {
                changed.insert(file.meta.location, None);
            }
            Some(rows) => smaller.push((file, rows)),
        }
    }
    let mut path = None;
    if !smaller.is_empty() {
        let rows: Vec<_> = smaller.iter().map(|(_, rows)| Arc::clone(rows)).collect();
        let (written, vectors) = vectors::write(dir, &rows).await?;
        path = Some(written);
        for ((file, rows), vector) in smaller.into_iter().zip(vectors) {
            changed.insert(file.meta.location.clone(), Some(vector.clone()));
            stay.push(WrittenFile { deleted: Some(Deleted { vector, rows }), ..file });
        }
    }
    Ok(Patch { version, id: new_writer_id(), changed, vectors: path, files: stay })
}
