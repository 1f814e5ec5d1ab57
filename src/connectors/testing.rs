//! What the tests of all connectors share.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use kinfold_base::{Secret, SecretRef, Setting, SyncMode};
use kinfold_sync::{Answer, Batch, Operation, Outcome, SharedConnector, SyncError, Target};
use object_store::ObjectStore;
use object_store::memory::InMemory;
use object_store::path::Path;

use crate::ObjectStores;

/// One store in memory for all URLs, and a folder for all paths.
#[derive(Debug, Default)]
pub(crate) struct Stores {
    pub(crate) store: Arc<InMemory>,
    pub(crate) folder: PathBuf,
}

impl ObjectStores for Stores {
    fn open(&self, url: &str) -> Result<(Arc<dyn ObjectStore>, Path), SyncError> {
        let path = url.splitn(4, '/').nth(3).unwrap_or_default();
        Ok((self.store.clone(), Path::from(path)))
    }

    fn local(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }
}

pub(crate) fn text(name: &str, value: &str) -> (String, Setting) {
    (name.to_owned(), Setting::Text(value.to_owned()))
}

/// The credential of such a reference is its own name.
pub(crate) fn secret(name: &str, value: &str) -> (String, Setting) {
    (name.to_owned(), Setting::Secret(SecretRef::Env(value.to_owned())))
}

pub(crate) fn flag(name: &str, value: bool) -> (String, Setting) {
    (name.to_owned(), Setting::Boolean(value))
}

pub(crate) fn number(name: &str, value: i64) -> (String, Setting) {
    (name.to_owned(), Setting::Integer(value))
}

pub(crate) async fn open(
    connector: &str,
    settings: &[(String, Setting)],
    stores: &Stores,
) -> Result<SharedConnector, SyncError> {
    let secrets = |reference: &SecretRef| match reference {
        SecretRef::Env(name) | SecretRef::File(name) => Ok(Secret::new(name.clone())),
    };
    crate::open(connector, settings, &secrets, stores).await
}

pub(crate) fn rows(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true))).unwrap()
}

/// A target whose first column is the key.
pub(crate) fn target(object: &str, mode: SyncMode, rows: &RecordBatch) -> Target {
    Target {
        sync: "test".to_owned(),
        object: object.to_owned(),
        mode,
        schema: rows.schema(),
        key_columns: 1,
        skip_nulls: false,
        run_id: "20261121T220000Z-1f2e3d4c".to_owned(),
    }
}

pub(crate) fn batch(operation: Operation, rows: &RecordBatch) -> Batch {
    Batch { operation, rows: rows.clone(), idempotency_key: format!("key-{operation:?}") }
}

/// An answer in a few words: `ok, rejected: why`, `retry 3: why`, `in doubt: why`, `bisect: why`, `stop: why`.
pub(crate) fn words(answer: Result<Answer, SyncError>) -> String {
    let outcome = |o: &Outcome| match o {
        Outcome::Ok => "ok".to_owned(),
        Outcome::Rejected(why) => format!("rejected: {why}"),
        Outcome::Retry(why) => format!("retry: {why}"),
        Outcome::NextRun(why) => format!("next run: {why}"),
        Outcome::Unknown(why) => format!("unknown: {why}"),
    };
    match answer {
        Ok(Answer::Rows(rows)) => rows.iter().map(outcome).collect::<Vec<_>>().join(", "),
        Ok(Answer::RetryAfter { seconds: Some(seconds), reason }) => format!("retry {seconds}: {reason}"),
        Ok(Answer::RetryAfter { seconds: None, reason }) => format!("retry: {reason}"),
        Ok(Answer::InDoubt { seconds: Some(seconds), reason }) => format!("in doubt {seconds}: {reason}"),
        Ok(Answer::InDoubt { seconds: None, reason }) => format!("in doubt: {reason}"),
        Ok(Answer::Bisect { reason }) => format!("bisect: {reason}"),
        Err(error) => format!("stop: {error}"),
    }
}

/// The target of the suite that every connector must pass.
pub(crate) fn contract_target(object: &str, mode: SyncMode) -> Target {
    let rows = RecordBatch::new_empty(kinfold_sync::contract::schema());
    target(object, mode, &rows)
}

/// Rows as JSON objects, as the suite reads them back.
pub(crate) fn contract_contents<'a>(
    rows: impl IntoIterator<Item = &'a serde_json::Value>,
) -> kinfold_sync::contract::Contents {
    let row = |row: &serde_json::Value| {
        // A receiver gets whole numbers beyond 2^53 as text.
        let score = row["score"].as_i64().or_else(|| row["score"].as_str()?.parse().ok());
        (row["id"].as_str().unwrap().to_owned(), (row["name"].as_str().map(str::to_owned), score))
    };
    rows.into_iter().map(row).collect()
}
