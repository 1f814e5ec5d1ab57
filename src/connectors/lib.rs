//! Destinations: PostgreSQL, files on a disk or in object storage, and webhooks.
//!
//! Invariants: one call makes one attempt, and never waits to try again; no value of a row and no secret stands in a reason,
//! an error or a log event; a row is only [`Ok`](kinfold_sync::Outcome::Ok) when the destination has said that it took it.
//!
//! Deliberately absent: retries, quotas, the ledger. They are the sync engine's.

mod cell;
mod error;
mod file;
mod json;
mod postgres;
mod settings;
#[cfg(test)]
mod testing;
mod webhook;

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use kinfold_base::{ConnectorSpec, Secret, SecretRef, Setting};
use kinfold_sync::{SharedConnector, SyncError};
use object_store::ObjectStore;
use object_store::path::Path;

/// Where files lie, as the application knows it.
pub trait ObjectStores: Send + Sync {
    /// The store behind an `s3://`, `gs://` or `az://` URL, and the place in it. Never asked for a path.
    ///
    /// # Errors
    /// When no store serves this URL, or its settings are wrong.
    fn open(&self, url: &str) -> Result<(Arc<dyn ObjectStore>, Path), SyncError>;

    /// A local path made absolute: a relative one counts from the project's folder.
    fn local(&self, path: &str) -> PathBuf;
}

/// Finds the credential that a reference names.
pub type Secrets<'a> = &'a (dyn Fn(&SecretRef) -> Result<Secret, SyncError> + Sync);

/// What every connector of this crate says of itself, for the checks.
#[must_use]
pub fn specs() -> &'static [ConnectorSpec] {
    static SPECS: LazyLock<Vec<ConnectorSpec>> =
        LazyLock::new(|| [file::specs(), postgres::specs(), webhook::specs()].concat());
    &SPECS
}

/// Opens a destination. Reads credentials, connects to nothing: [`prepare`](kinfold_sync::Connector::prepare) does.
///
/// # Errors
/// When there is no such connector, a setting is missing or wrong, or a credential cannot be found.
#[expect(clippy::unused_async, reason = "a connector may have to ask somebody before it can be opened")]
pub async fn open(
    connector: &str,
    settings: &[(String, Setting)],
    secrets: Secrets<'_>,
    stores: &dyn ObjectStores,
) -> Result<SharedConnector, SyncError> {
    match connector {
        "file" => file::open(settings, secrets, stores),
        "postgres" => postgres::open(settings, secrets, stores),
        "webhook" => webhook::open(settings, secrets),
        other => {
            let known = specs().iter().map(|s| s.name);
            let hint = kinfold_base::did_you_mean(other, known.clone()).map_or_else(
                || format!("there are {}", known.collect::<Vec<_>>().join(", ")),
                |n| format!("did you mean `{n}`?"),
            );
            Err(error::input(format!("there is no connector `{other}`"), hint))
        }
    }
}
