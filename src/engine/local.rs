//! Files on a disk as an object store whose writes last: a file that was put, and its name, survive a power cut.
//!
//! The plain local store renames a file into place without flushing it first, so that after a crash a commit could be there with
//! nothing in it.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::ops::Range;
use std::path::{Path as FsPath, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result, UploadPart,
};

const STORE: &str = "LocalFileSystem";

/// The local file system from its root, flushed to disk on every write.
#[derive(Debug)]
pub(crate) struct DurableLocal {
    inner: LocalFileSystem,
}

impl DurableLocal {
    pub(crate) fn new() -> Self {
        Self { inner: LocalFileSystem::new() }
    }
}

impl std::fmt::Display for DurableLocal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(STORE)
    }
}

#[async_trait]
impl ObjectStore for DurableLocal {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        let create = match opts.mode {
            PutMode::Overwrite => false,
            PutMode::Create => true,
            // Says that it is not implemented.
            PutMode::Update(_) => return self.inner.put_opts(location, payload, opts).await,
        };
        let path = file_path(location);
        blocking(move || put(&path, &payload, create)).await?;
        let meta = self.inner.head(location).await?;
        Ok(PutResult { e_tag: meta.e_tag, version: None })
    }

    async fn put_multipart_opts(&self, location: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        let path = file_path(location);
        let dir = path.parent().map(FsPath::to_owned).unwrap_or_default();
        blocking(move || create_dirs(&dir).map_err(|e| failed(&dir, e))).await?;
        let inner = self.inner.put_multipart_opts(location, opts).await?;
        Ok(Box::new(DurableUpload { inner, path }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await?;
        let to = file_path(to);
        blocking(move || sync_dir(&to).map_err(|e| failed(&to, e))).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.inner.rename_opts(from, to, options).await?;
        let to = file_path(to);
        blocking(move || sync_dir(&to).map_err(|e| failed(&to, e))).await
    }
}

#[derive(Debug)]
struct DurableUpload {
    inner: Box<dyn MultipartUpload>,
    path: PathBuf,
}

#[async_trait]
impl MultipartUpload for DurableUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.inner.put_part(data)
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let result = self.inner.complete().await?;
        let path = self.path.clone();
        blocking(move || {
            File::open(&path)
                .and_then(|file| file.sync_all())
                .and_then(|()| sync_dir(&path))
                .map_err(|e| failed(&path, e))
        })
        .await?;
        Ok(result)
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}

fn file_path(location: &Path) -> PathBuf {
    PathBuf::from(format!("/{location}"))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await?
}

/// Writes beside the place, flushes, then moves into place: whole or not at all.
fn put(path: &FsPath, payload: &PutPayload, create: bool) -> Result<()> {
    let staged = staged_path(path);
    let result = write_flushed(&staged, payload)
        .and_then(|()| if create { fs::hard_link(&staged, path) } else { fs::rename(&staged, path) });
    if create || result.is_err() {
        // Nothing reads it; left behind it only takes space.
        let _ = fs::remove_file(&staged);
    }
    result.map_err(|e| {
        if e.kind() == ErrorKind::AlreadyExists {
            return Error::AlreadyExists { path: path.display().to_string(), source: Box::new(e) };
        }
        failed(path, e)
    })?;
    sync_dir(path).map_err(|e| failed(path, e))
}

fn write_flushed(staged: &FsPath, payload: &PutPayload) -> io::Result<()> {
    let open = || File::options().write(true).create_new(true).open(staged);
    let mut file = match open() {
        Err(e) if e.kind() == ErrorKind::NotFound => {
            create_dirs(staged.parent().unwrap_or(FsPath::new("/")))?;
            open()?
        }
        other => other?,
    };
    for part in payload {
        file.write_all(part)?;
    }
    file.sync_all()
}

/// Creates a folder and those around it, and makes their names last.
fn create_dirs(dir: &FsPath) -> io::Result<()> {
    match fs::create_dir(dir) {
        Err(e) if e.kind() == ErrorKind::NotFound => {
            create_dirs(dir.parent().unwrap_or(FsPath::new("/")))?;
            create_dirs(dir)
        }
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(()),
        other => other.and_then(|()| sync_dir(dir)),
    }
}

/// A name that listings leave out: object_store hides names that end in `#` and digits.
fn staged_path(path: &FsPath) -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut name = path.as_os_str().to_owned();
    name.push(format!("#{}{:09}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
    PathBuf::from(name)
}

/// Makes a file's name last.
fn sync_dir(path: &FsPath) -> io::Result<()> {
    match path.parent() {
        Some(dir) => File::open(dir)?.sync_all(),
        None => Ok(()),
    }
}

fn failed(path: &FsPath, e: io::Error) -> Error {
    if e.kind() == ErrorKind::PermissionDenied {
        return Error::PermissionDenied { path: path.display().to_string(), source: Box::new(e) };
    }
    Error::Generic { store: STORE, source: Box::new(e) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_is_created_once_and_leaves_nothing_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let store = DurableLocal::new();
        let place = Path::parse(format!("{}/deep/a.json", dir.path().display()).trim_start_matches('/')).unwrap();
        let create = || PutOptions::from(PutMode::Create);
        store.put_opts(&place, "one".into(), create()).await.unwrap();
        let second = store.put_opts(&place, "two".into(), create()).await;
        assert!(matches!(second, Err(Error::AlreadyExists { .. })), "{second:?}");
        assert_eq!(store.get(&place).await.unwrap().bytes().await.unwrap(), "one");
        store.put_opts(&place, "three".into(), PutOptions::default()).await.unwrap();
        assert_eq!(store.get(&place).await.unwrap().bytes().await.unwrap(), "three");
        assert_eq!(fs::read_dir(dir.path().join("deep")).unwrap().count(), 1);
    }
}
