//! The history of versions, and the one writer that may add to it.

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{Error as StoreError, ObjectStore, ObjectStoreExt, PutMode, PutOptions};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use crate::error::{StateError, StateErrorKind};

/// The format of version files that this release writes and reads.
const FORMAT: u32 = 1;

/// How often a lost race, or a listing that raced with a collection, is tried again.
const TRIES: usize = 20;

/// How often a create in doubt is tried again; the store's own client has tried several times by then.
const CREATE_TRIES: usize = 3;

/// One state, as it was committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version<T> {
    /// Counts up from 1.
    pub number: u64,
    /// Counts claims, up from 1.
    pub epoch: u64,
    /// The number of the version that it was made from; 0 for the first.
    pub parent: u64,
    /// Who wrote it.
    pub writer: String,
    pub body: T,
}

/// A version as it is written.
#[derive(Serialize, Deserialize)]
struct Envelope<T> {
    format: u32,
    number: u64,
    epoch: u64,
    parent: u64,
    writer: String,
    body: T,
}

/// A history of versions whose bodies are `T`s.
#[derive(Debug)]
pub struct Versions<T> {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    body: std::marker::PhantomData<fn() -> T>,
}

impl<T> Clone for Versions<T> {
    fn clone(&self) -> Self {
        Self { store: Arc::clone(&self.store), prefix: self.prefix.clone(), body: std::marker::PhantomData }
    }
}

/// What came of creating a file.
enum Created {
    Ours,
    /// The number is taken, or lies below the boundary.
    Lost,
}

impl<T: Serialize + DeserializeOwned + Clone> Versions<T> {
    /// The history under `prefix`, which need not exist yet.
    pub fn new(store: Arc<dyn ObjectStore>, prefix: Path) -> Self {
        Self { store, prefix, body: std::marker::PhantomData }
    }

    /// The newest version; `None` if there never was one.
    ///
    /// # Errors
    /// When storage fails, or holds a version that this release cannot read.
    pub async fn latest(&self) -> Result<Option<Version<T>>, StateError> {
        for _ in 0..TRIES {
            let boundary = self.boundary().await?;
            let Some(number) = self.newest_number(boundary).await? else {
                if boundary == 0 {
                    return Ok(None);
                }
                // A boundary never covers the newest version: either the listing raced with a collection, or files are gone.
                continue;
            };
            if let Some(bytes) = self.read(number).await? {
                return self.decode(number, &bytes).map(Some);
            }
        }
        Err(StateError::new(
            StateErrorKind::Bug,
            format!("the newest version under {}/versions cannot be found", self.prefix),
        ))
    }

    /// Takes the history over: adds a version with the newest one's body and a higher epoch, so that no older writer can
    /// commit any more. `initial` is the body if there is no version yet. `writer` must be no other writer's id.
    ///
    /// # Errors
    /// When storage fails, or other writers keep claiming at the same time.
    pub async fn claim(&self, writer: &str, initial: impl FnOnce() -> T) -> Result<Writer<T>, StateError> {
        let mut initial = Some(initial);
        let mut first = None;
        for _ in 0..TRIES {
            let latest = self.latest().await?;
            let (number, epoch, body) = if let Some(v) = latest {
                (v.number, v.epoch, v.body)
            } else {
                // Made once: another claim may be first, and be collected, between two tries.
                let body = match (first.take(), initial.take()) {
                    (Some(body), _) => body,
                    (None, Some(make)) => make(),
                    (None, None) => return Err(self.contended()),
                };
                first = Some(body.clone());
                (0, 0, body)
            };
            let version =
                Version { number: number + 1, epoch: epoch + 1, parent: number, writer: writer.to_owned(), body };
            match self.create(&version).await? {
                Created::Ours => {
                    tracing::debug!(number = version.number, epoch = version.epoch, "claimed the state");
                    return Ok(Writer { versions: self.clone(), current: version, in_doubt: false });
                }
                Created::Lost => tracing::debug!("another writer claimed first"),
            }
        }
        Err(self.contended())
    }

    fn contended(&self) -> StateError {
        StateError::new(
            StateErrorKind::Retry,
            format!("other processes keep taking over the state under {}", self.prefix),
        )
    }

    fn fenced(&self) -> StateError {
        StateError::new(
            StateErrorKind::Fenced,
            format!("another process has taken over the state under {}", self.prefix),
        )
    }

    /// Every version that still exists above the boundary, oldest first.
    ///
    /// # Errors
    /// As for [`Versions::latest`].
    pub async fn history(&self) -> Result<Vec<Version<T>>, StateError> {
        let boundary = self.boundary().await?;
        let mut numbers = self.numbers(boundary).await?;
        numbers.sort_unstable();
        let mut versions = Vec::with_capacity(numbers.len());
        for number in numbers {
            // One that a collection took meanwhile is no longer part of the history.
            if let Some(bytes) = self.read(number).await? {
                versions.push(self.decode(number, &bytes)?);
            }
        }
        Ok(versions)
    }

    /// Creates the file of a version, and finds out whether it is really part of the history.
    async fn create(&self, version: &Version<T>) -> Result<Created, StateError> {
        let number = version.number;
        let envelope = Envelope {
            format: FORMAT,
            number,
            epoch: version.epoch,
            parent: version.parent,
            writer: version.writer.clone(),
            body: &version.body,
        };
        let bytes = Bytes::from(serde_json::to_vec(&envelope).map_err(|e| StateError {
            kind: StateErrorKind::Bug,
            message: format!("version {number} cannot be written as JSON"),
            source: Some(Box::new(e)),
        })?);
        let path = self.version_path(number);
        let doing = format!("create the state file {path}");
        let mut last_error = None;
        for _ in 0..CREATE_TRIES {
            let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
            let taken = match self.store.put_opts(&path, bytes.clone().into(), options).await {
                Ok(_) => return self.above_boundary(number).await,
                Err(StoreError::AlreadyExists { .. } | StoreError::Precondition { .. }) => true,
                Err(e) => {
                    let e = StateError::store(&doing, e);
                    if e.kind == StateErrorKind::Configuration {
                        return Err(e);
                    }
                    last_error = Some(e);
                    false
                }
            };
            // The answer is in doubt: an error may hide a success, and "exists" may speak of our own, retried create.
            match self.read(number).await {
                Ok(Some(found)) if found == bytes => return self.above_boundary(number).await,
                Ok(Some(_)) => return Ok(Created::Lost),
                // It existed and is gone: a collection has passed it.
                Ok(None) if taken && self.boundary().await? >= number => return Ok(Created::Lost),
                Ok(None) => {}
                Err(e) => last_error = Some(e),
            }
        }
        Err(last_error.unwrap_or_else(|| StateError::new(StateErrorKind::Retry, format!("cannot {doing}"))))
    }

    /// A file that was just created counts only if no boundary covers its number: if one does, the number was deleted before.
    async fn above_boundary(&self, number: u64) -> Result<Created, StateError> {
        Ok(if self.boundary().await? >= number { Created::Lost } else { Created::Ours })
    }

    /// The highest number that is no longer part of the history; 0 if nothing was ever collected.
    async fn boundary(&self) -> Result<u64, StateError> {
        let listed: Vec<_> = self
            .store
            .list(Some(&self.prefix.clone().join("boundaries")))
            .try_collect()
            .await
            .map_err(|e| StateError::store(&format!("list {}/boundaries", self.prefix), e))?;
        Ok(listed.iter().filter_map(|meta| number_of(&meta.location)).max().unwrap_or(0))
    }

    async fn newest_number(&self, after: u64) -> Result<Option<u64>, StateError> {
        Ok(self.numbers(after).await?.into_iter().max())
    }

    async fn numbers(&self, after: u64) -> Result<Vec<u64>, StateError> {
        let folder = self.prefix.clone().join("versions");
        let listed: Vec<_> = self
            .store
            .list_with_offset(Some(&folder), &self.version_path(after))
            .try_collect()
            .await
            .map_err(|e| StateError::store(&format!("list {folder}"), e))?;
        Ok(listed.iter().filter_map(|meta| number_of(&meta.location)).filter(|n| *n > after).collect())
    }

    async fn read(&self, number: u64) -> Result<Option<Bytes>, StateError> {
        let path = self.version_path(number);
        let found = match self.store.get(&path).await {
            Ok(found) => found.bytes().await,
            Err(e) => Err(e),
        };
        match found {
            Ok(bytes) => Ok(Some(bytes)),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(e) => Err(StateError::store(&format!("read the state file {path}"), e)),
        }
    }

    fn decode(&self, number: u64, bytes: &[u8]) -> Result<Version<T>, StateError> {
        let path = self.version_path(number);
        let wrong = |what: &str, source| StateError {
            kind: StateErrorKind::Configuration,
            message: format!("the state file {path} {what}"),
            source,
        };
        let envelope: Envelope<serde_json::Value> = serde_json::from_slice(bytes)
            .map_err(|e| wrong("is damaged: it is not a version that Kinfold wrote", Some(Box::new(e) as _)))?;
        if envelope.format != FORMAT {
            return Err(wrong(
                "was written by another release of Kinfold, in a format that this one cannot read",
                None,
            ));
        }
        if envelope.number != number {
            return Err(wrong("holds a version of another number", None));
        }
        let body = serde_json::from_value(envelope.body)
            .map_err(|e| wrong("was written by another release of Kinfold", Some(Box::new(e) as _)))?;
        Ok(Version { number, epoch: envelope.epoch, parent: envelope.parent, writer: envelope.writer, body })
    }

    fn version_path(&self, number: u64) -> Path {
        self.prefix.clone().join("versions").join(file_name(number))
    }
}

/// The right to add to a history, until another writer claims it.
#[derive(Debug)]
pub struct Writer<T> {
    versions: Versions<T>,
    current: Version<T>,
    /// A commit's fate could not be found out: its file may yet appear, so this writer must not use the number again.
    in_doubt: bool,
}

impl<T: Serialize + DeserializeOwned + Clone> Writer<T> {
    /// The version that this writer last committed.
    #[must_use]
    pub fn current(&self) -> &Version<T> {
        &self.current
    }

    /// Adds a version.
    ///
    /// # Errors
    /// `Fenced` if another writer has claimed the history. `Retry` if storage failed: the version may be part of the history or
    /// not, and only a new claim can tell; this writer commits no more.
    pub async fn commit(&mut self, body: T) -> Result<(), StateError> {
        if self.in_doubt {
            return Err(StateError::new(
                StateErrorKind::Retry,
                format!("an earlier commit under {} is in doubt: claim the state anew", self.versions.prefix),
            ));
        }
        let version = Version {
            number: self.current.number + 1,
            epoch: self.current.epoch,
            parent: self.current.number,
            writer: self.current.writer.clone(),
            body,
        };
        // Until the create is settled: a caller may drop this future half-way.
        self.in_doubt = true;
        match self.versions.create(&version).await? {
            Created::Ours => {
                self.in_doubt = false;
                self.current = version;
                Ok(())
            }
            Created::Lost => Err(self.versions.fenced()),
        }
    }

    /// Finds out whether this writer could still commit.
    ///
    /// # Errors
    /// `Fenced` if another writer has claimed the history.
    pub async fn verify(&self) -> Result<(), StateError> {
        self.watch().verify().await
    }

    /// Something that can find this out elsewhere, until this writer's next commit.
    #[must_use]
    pub fn watch(&self) -> Watch<T> {
        Watch { versions: self.versions.clone(), number: self.current.number }
    }

    /// Deletes all but the newest `keep` versions, at least one, and returns those that remain, oldest first.
    ///
    /// The boundary is durable before anything is deleted.
    ///
    /// # Errors
    /// When storage fails; what was not deleted goes with a later collection.
    pub async fn collect(&self, keep: u64) -> Result<Vec<Version<T>>, StateError> {
        let versions = &self.versions;
        let wanted = self.current.number.saturating_sub(keep.max(1));
        let mut boundary = versions.boundary().await?;
        if wanted > boundary {
            let path = versions.prefix.clone().join("boundaries").join(file_name(wanted));
            let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
            match versions.store.put_opts(&path, Bytes::from_static(b"{}").into(), options).await {
                Ok(_) | Err(StoreError::AlreadyExists { .. } | StoreError::Precondition { .. }) => {}
                Err(e) => return Err(StateError::store(&format!("move the boundary to {path}"), e)),
            }
            boundary = wanted;
        }
        // Lower boundaries say nothing that the highest does not say.
        self.delete_below("versions", boundary + 1).await?;
        self.delete_below("boundaries", boundary).await?;
        versions.history().await
    }

    async fn delete_below(&self, folder: &str, end: u64) -> Result<(), StateError> {
        let versions = &self.versions;
        let folder = versions.prefix.clone().join(folder);
        let old: Vec<Path> = versions
            .store
            .list(Some(&folder))
            .map_ok(|meta| meta.location)
            .try_filter(|path| futures::future::ready(number_of(path).is_some_and(|n| n < end)))
            .try_collect()
            .await
            .map_err(|e| StateError::store(&format!("list {folder}"), e))?;
        let mut deleted = versions.store.delete_stream(futures::stream::iter(old).map(Ok).boxed());
        while let Some(result) = deleted.next().await {
            match result {
                Ok(_) | Err(StoreError::NotFound { .. }) => {}
                Err(e) => return Err(StateError::store(&format!("delete old files in {folder}"), e)),
            }
        }
        Ok(())
    }
}

/// Sees whether a writer was fenced, and cannot write itself.
#[derive(Debug)]
pub struct Watch<T> {
    versions: Versions<T>,
    number: u64,
}

impl<T: Serialize + DeserializeOwned + Clone> Watch<T> {
    /// As [`Writer::verify`], for a writer that has committed nothing since.
    ///
    /// # Errors
    /// `Fenced` if another writer has claimed the history.
    pub async fn verify(&self) -> Result<(), StateError> {
        match self.versions.newest_number(self.number).await? {
            None => Ok(()),
            Some(_) => Err(self.versions.fenced()),
        }
    }
}

fn file_name(number: u64) -> String {
    format!("{number:020}.json")
}

/// The number in a file's name; `None` for files that are not ours.
fn number_of(path: &Path) -> Option<u64> {
    let digits = path.filename()?.strip_suffix(".json")?;
    (digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.parse().ok())?
}
