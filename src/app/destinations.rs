//! Opens destinations: the connectors get object stores and credentials from the same place as the engine.

use std::path::PathBuf;
use std::sync::Arc;

use kinfold_connectors::ObjectStores;
use kinfold_engine::Stores;
use kinfold_lang::project::Destination;
use kinfold_sync::{ErrorKind, SharedConnector, SyncError};
use object_store::ObjectStore;
use object_store::path::Path;

use crate::load::Options;
use crate::sync::sync_error;
use crate::{AppError, Ready, secrets};

pub(crate) struct Destinations<'a> {
    options: &'a Options,
    stores: &'a Stores,
}

impl<'a> Destinations<'a> {
    pub(crate) fn new(ready: &'a Ready) -> Self {
        Self { options: &ready.options, stores: &ready.stores }
    }

    /// A connector for one destination. Nothing is connected to yet.
    pub(crate) async fn open(&self, destination: &Destination) -> Result<SharedConnector, AppError> {
        let secret = |reference: &_| {
            secrets::read(reference, &self.options.environment, &self.options.project_dir).map_err(|message| {
                SyncError {
                    kind: ErrorKind::Input,
                    message,
                    hint: Some("set it where Kinfold runs".into()),
                    source: None,
                }
            })
        };
        Ok(kinfold_connectors::open(&destination.connector, &destination.settings, &secret, self).await?)
    }
}

impl ObjectStores for Destinations<'_> {
    fn open(&self, url: &str) -> Result<(Arc<dyn ObjectStore>, Path), SyncError> {
        self.stores.store_for(url).map_err(sync_error)
    }

    fn local(&self, path: &str) -> PathBuf {
        self.options.project_dir.join(path)
    }
}
