//! Local folders as object stores whose writes survive a power loss.
//!
//! `object_store` keeps local writes in the page cache. Here a file is written beside its place, flushed to the disk, then linked
//! (create-only) or renamed (overwrite) into place, and the folder is flushed too: a name that is seen after a crash has its
//! whole content.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path as FsPath, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};

use crate::error::{StateError, StateErrorKind};

/// A folder, made if absent, as an object store with durable writes.
///
/// # Errors
/// When the folder cannot be made.
pub fn local_store(root: &FsPath) -> std::result::Result<Arc<dyn ObjectStore>, StateError> {
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| StateError {
        kind: StateErrorKind::Configuration,
        message: format!("cannot use the folder {}", root.display()),
        source: Some(source),
    };
    std::fs::create_dir_all(root).map_err(|e| failed(Box::new(e)))?;
    let root = root.canonicalize().map_err(|e| failed(Box::new(e)))?;
    let inner = LocalFileSystem::new_with_prefix(&root).map_err(|e| failed(Box::new(e)))?;
    Ok(Arc::new(DurableLocal { inner: Arc::new(inner), root, staged: AtomicU64::new(0) }))
}

/// [`LocalFileSystem`], with its writes replaced by durable ones.
#[derive(Debug)]
struct DurableLocal {
    inner: Arc<LocalFileSystem>,
    root: PathBuf,
    staged: AtomicU64,
}

impl std::fmt::Display for DurableLocal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.root.display())
    }
}

#[async_trait]
impl ObjectStore for DurableLocal {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        let create_only = match opts.mode {
            PutMode::Overwrite => false,
            PutMode::Create => true,
            PutMode::Update(_) => {
                return Err(Error::NotImplemented {
                    operation: "a conditional update".to_owned(),
                    implementer: self.to_string(),
                });
            }
        };
        let path = self.inner.path_to_filesystem(location)?;
        // A name of the form `#digits` is what `LocalFileSystem` itself stages under, and leaves out of its listings.
        let number = u64::from(std::process::id()) << 32 | self.staged.fetch_add(1, Ordering::Relaxed);
        let root = self.root.clone();
        blocking(move || put(&root, &path, &payload, create_only, number)).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let path = self.inner.path_to_filesystem(location)?;
        let inner = self.inner.put_multipart_opts(location, opts).await?;
        Ok(Box::new(DurableUpload { inner, path, root: self.root.clone() }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await?;
        let (path, root) = (self.inner.path_to_filesystem(to)?, self.root.clone());
        blocking(move || flush(&root, &path)).await
    }
}

/// An upload in parts: flushed when it is complete.
#[derive(Debug)]
struct DurableUpload {
    inner: Box<dyn MultipartUpload>,
    path: PathBuf,
    root: PathBuf,
}

#[async_trait]
impl MultipartUpload for DurableUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.inner.put_part(data)
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let result = self.inner.complete().await?;
        let (path, root) = (self.path.clone(), self.root.clone());
        blocking(move || flush(&root, &path)).await?;
        Ok(result)
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}

fn put(root: &FsPath, path: &FsPath, payload: &PutPayload, create_only: bool, number: u64) -> Result<PutResult> {
    let folder = path.parent().unwrap_or(root);
    std::fs::create_dir_all(folder).map_err(|e| failed(folder, e))?;
    let mut staged = path.as_os_str().to_owned();
    staged.push(format!("#{number}"));
    let staged = PathBuf::from(staged);
    let placed = write_flushed(&staged, payload).and_then(|()| {
        if create_only { std::fs::hard_link(&staged, path) } else { std::fs::rename(&staged, path) }
    });
    if create_only || placed.is_err() {
        // Left behind at worst: no listing shows it.
        let _ = std::fs::remove_file(&staged);
    }
    match placed {
        Ok(()) => flush_folders(root, folder).map(|()| PutResult { e_tag: None, version: None }),
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(Error::AlreadyExists { path: path.display().to_string(), source: Box::new(e) })
        }
        Err(e) => Err(failed(path, e)),
    }
}

fn write_flushed(path: &FsPath, payload: &PutPayload) -> std::io::Result<()> {
    let mut file = File::options().write(true).create(true).truncate(true).open(path)?;
    for chunk in payload {
        file.write_all(chunk)?;
    }
    file.sync_all()
}

/// Flushes a file that is in its place already, and the way to it.
fn flush(root: &FsPath, path: &FsPath) -> Result<()> {
    File::open(path).and_then(|f| f.sync_all()).map_err(|e| failed(path, e))?;
    flush_folders(root, path.parent().unwrap_or(root))
}

/// Flushes the names in a folder, and the names of the folders above it up to the root: any of them may be new.
fn flush_folders(root: &FsPath, folder: &FsPath) -> Result<()> {
    for folder in folder.ancestors().take_while(|f| f.starts_with(root)) {
        File::open(folder).and_then(|f| f.sync_all()).map_err(|e| failed(folder, e))?;
    }
    Ok(())
}

fn failed(path: &FsPath, source: std::io::Error) -> Error {
    if source.kind() == std::io::ErrorKind::PermissionDenied {
        return Error::PermissionDenied { path: path.display().to_string(), source: Box::new(source) };
    }
    Error::Generic { store: "local folder", source: format!("{}: {source}", path.display()).into() }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await?
}
