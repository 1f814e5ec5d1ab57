//! Where bytes go until the file is complete.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use kinfold_sync::SyncError;
use object_store::buffered::BufWriter;
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;

use super::place::Base;
use crate::error::{input, io, outside};

/// A file that nobody sees before it is closed.
pub(super) enum Sink {
    Local { file: File, temporary: Temporary, path: PathBuf },
    Store { writer: BufWriter, url: String },
}

impl Sink {
    /// `mark` tells this writer's temporary file from others'; with `alone`, the others' are removed.
    pub(super) async fn open(base: &Base, name: &str, mark: &str, alone: bool) -> Result<Self, SyncError> {
        match base {
            Base::Local(base) => open_local(base.join(name), mark, alone).await,
            Base::Store { store, prefix, url } => {
                let wrong = |e| input(format!("`{name}` is no name for an object: {e}"), "choose another `object`");
                let path = object_store::path::Path::parse(format!("{prefix}/{name}").trim_start_matches('/'))
                    .map_err(wrong)?;
                let writer = BufWriter::with_capacity(Arc::clone(store), path, 8 << 20);
                Ok(Self::Store { writer, url: format!("{url}/{name}") })
            }
        }
    }

    pub(super) async fn write(&mut self, bytes: Bytes) -> Result<(), SyncError> {
        match self {
            Self::Local { file, path, .. } => {
                file.write_all(&bytes).await.map_err(|e| io("write", &path.display().to_string(), &e))
            }
            Self::Store { writer, url } => writer.put(bytes).await.map_err(|e| store_error("write", url, &e)),
        }
    }

    /// Shows the file to readers if all was written, and else leaves no trace of it.
    pub(super) async fn close<T>(self, written: Result<T, SyncError>) -> Result<T, SyncError> {
        match (self, written) {
            (Self::Local { file, temporary, path }, Ok(done)) => {
                let failed = |e: std::io::Error| io("write", &path.display().to_string(), &e);
                let mut file = file;
                file.flush().await.map_err(failed)?;
                file.sync_all().await.map_err(failed)?;
                tokio::fs::rename(&temporary.0, &path).await.map_err(failed)?;
                temporary.keep();
                sync_folder(&path).await.map_err(failed)?;
                Ok(done)
            }
            // Dropping the sink removes the temporary file.
            (Self::Local { .. }, Err(error)) => Err(error),
            (Self::Store { mut writer, url }, Ok(done)) => {
                writer.shutdown().await.map_err(|e| {
                    match e.get_ref().and_then(|inner| inner.downcast_ref::<object_store::Error>()) {
                        Some(inner) => store_error("write", &url, inner),
                        None => io("write", &url, &e),
                    }
                })?;
                Ok(done)
            }
            (Self::Store { mut writer, url }, Err(error)) => {
                if let Err(e) = writer.abort().await {
                    tracing::warn!(%url, error = %e, "an upload could not be given up; the store may keep its parts for a while");
                }
                Err(error)
            }
        }
    }
}

async fn open_local(path: PathBuf, mark: &str, alone: bool) -> Result<Sink, SyncError> {
    let shown = path.display().to_string();
    let folder = path.parent().unwrap_or(Path::new("/"));
    tokio::fs::create_dir_all(folder).await.map_err(|e| io("make the folder", &folder.display().to_string(), &e))?;
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    if alone {
        remove_leftovers(folder, &name).await;
    }
    let mark: String = mark.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let temporary = Temporary(folder.join(format!(".{mark}.{name}{SUFFIX}")));
    let file = File::create(&temporary.0).await.map_err(|e| io("write", &shown, &e))?;
    Ok(Sink::Local { file, temporary, path })
}

const SUFFIX: &str = ".kinfold-tmp";

/// What earlier attempts at the same file left behind when they were killed. A writer that is only slow then fails to rename its
/// file, as it should: another one has taken its place.
async fn remove_leftovers(folder: &Path, name: &str) {
    let Ok(mut entries) = tokio::fs::read_dir(folder).await else { return };
    let ending = format!(".{name}{SUFFIX}");
    // A mark holds no dot, so that the temporary file of `x.people.csv` is not taken for one of `people.csv`.
    let is_ours = |file: &str| {
        let mark = file.strip_prefix('.').and_then(|rest| rest.strip_suffix(&ending));
        mark.is_some_and(|mark| !mark.contains('.'))
    };
    while let Ok(Some(entry)) = entries.next_entry().await {
        let entry_name = entry.file_name();
        if entry_name.to_str().is_some_and(is_ours) {
            // Whatever stands in the way will be told by the write that follows.
            let _ = tokio::fs::remove_file(entry.path()).await;
        }
    }
}

/// A rename is only durable once its folder is.
async fn sync_folder(path: &Path) -> std::io::Result<()> {
    match path.parent() {
        Some(folder) => File::open(folder).await?.sync_all().await,
        None => Ok(()),
    }
}

/// Removed when dropped.
#[derive(Default)]
pub(super) struct Temporary(PathBuf);

impl Temporary {
    /// It has another name by now.
    fn keep(mut self) {
        self.0 = PathBuf::new();
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.0.as_os_str().is_empty() {
            // There is nobody left to tell if it fails; the next writer tries again.
            let _ = std::fs::remove_file(&self.0);
        }
    }
}

fn store_error(action: &str, url: &str, error: &object_store::Error) -> SyncError {
    use object_store::Error as Store;
    match error {
        Store::Unauthenticated { .. } | Store::PermissionDenied { .. } => outside(
            format!("cannot {action} {url}: the store refuses the credential"),
            "check the keys under `storage` in kinfold.yml, and what they may do",
        ),
        Store::NotFound { .. } => {
            outside(format!("cannot {action} {url}: there is no such bucket"), "check the destination's `location`")
        }
        other => outside(
            format!("cannot {action} {url}: {other}"),
            "check the endpoint and the network, then run the sync again",
        ),
    }
}
