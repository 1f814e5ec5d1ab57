//! PostgreSQL: one transaction for each batch.
//!
//! Rows travel as typed arrays (`UNNEST`) or, for large batches, by binary `COPY` into a temporary table; either way one statement
//! merges them into the table. When the connection breaks during `COMMIT`, the server is asked afterwards what became of the
//! transaction, so that an outcome is unknown only where the server cannot be asked.

mod config;
mod encode;
mod failure;
mod send;
mod session;
mod sql;
mod table;
mod tls;
mod types;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use kinfold_base::{ConnectorSpec, Setting, SettingKind, SyncMode};
use kinfold_sync::{Answer, Batch, Connector, Limits, SharedConnector, SyncError, Target};
use tokio::sync::Mutex;

use crate::settings::{Settings, setting};
use crate::{ObjectStores, Secrets, error};
use config::Config;
use session::Sessions;
use table::Table;

pub(crate) fn specs() -> &'static [ConnectorSpec] {
    const SPECS: &[ConnectorSpec] = &[ConnectorSpec {
        name: "postgres",
        help: "A table in PostgreSQL, 12 or newer",
        settings: &[
            setting(
                "url",
                SettingKind::Secret,
                "where to connect: postgresql://user:password@host:5432/database?sslmode=verify-full",
            ),
            setting("host", SettingKind::Text, "the server's name, or the folder of its socket; instead of `url`"),
            setting("port", SettingKind::Integer, "the server's port; 5432 if left out"),
            setting("user", SettingKind::Text, "the role to connect as"),
            setting("database", SettingKind::Text, "the database's name; the user's if left out"),
            setting("password", SettingKind::Secret, "the role's password"),
            setting(
                "schema",
                SettingKind::Text,
                "where tables are that `object` names without a schema; the role's search path if left out",
            ),
            setting(
                "sslmode",
                SettingKind::Choice(config::SSL_MODES),
                "how the connection is protected; `prefer` on this machine and `require` elsewhere if left out",
            ),
            setting(
                "ca_file",
                SettingKind::Text,
                "certificates to trust instead of the system's, in PEM, for verify-ca and verify-full",
            ),
            setting("create", SettingKind::Boolean, "make the table when it does not exist; false if left out"),
            setting("batch_size", SettingKind::Integer, "rows in a transaction; 10000 if left out"),
            setting("concurrency", SettingKind::Integer, "transactions at once; 2 if left out"),
            setting("timeout_secs", SettingKind::Integer, "how long one statement may take; 300 if left out"),
        ],
        modes: &[SyncMode::Insert, SyncMode::Update, SyncMode::Upsert, SyncMode::Mirror],
        object: "a table, with its schema if need be: contacts, crm.contacts",
        deletes: true,
    }];
    SPECS
}

pub(crate) fn open(
    settings: &[(String, Setting)],
    secrets: Secrets<'_>,
    stores: &dyn ObjectStores,
) -> Result<SharedConnector, SyncError> {
    let config = Config::read(&Settings::new(settings, secrets), stores)?;
    Ok(Arc::new(Postgres {
        database: config.connect.place(),
        sessions: Sessions::new(config.connect),
        create: config.create,
        schema: config.schema,
        limits: config.limits,
        table: Mutex::new(None),
    }))
}

/// A database, opened for one sync.
struct Postgres {
    /// Where it is, without secrets.
    database: String,
    sessions: Sessions,
    create: bool,
    schema: Option<String>,
    limits: Limits,
    /// What the catalog said of the table, read once.
    table: Mutex<Option<Arc<Table>>>,
}

impl Postgres {
    /// Reads the catalog, and remembers what it said.
    async fn ready(&self, target: &Target) -> Result<Arc<Table>, SyncError> {
        let mut session = self.sessions.take().await.map_err(|f| f.stop(&target.object))?;
        let table = Arc::new(table::read(&mut session, target, self.schema.as_deref(), self.create).await?);
        self.sessions.give_back(session);
        *self.table.lock().await = Some(table.clone());
        Ok(table)
    }
}

#[async_trait]
impl Connector for Postgres {
    fn limits(&self) -> Limits {
        self.limits
    }

    fn place(&self, target: &Target) -> String {
        format!("{} at {}", table::shown(&target.object, self.schema.as_deref()), self.database)
    }

    async fn prepare(&self, target: &Target) -> Result<(), SyncError> {
        self.ready(target).await.map(|_| ())
    }

    async fn send(&self, target: &Target, batch: &Batch) -> Result<Answer, SyncError> {
        if batch.rows.num_rows() == 0 {
            return Ok(Answer::Rows(vec![]));
        }
        let known = self.table.lock().await.clone();
        let table = if let Some(table) = known { table } else { self.ready(target).await? };
        send::send(&self.sessions, &table, target, batch).await
    }

    async fn replace(
        &self,
        _: &Target,
        _: BoxStream<'static, Result<arrow::array::RecordBatch, SyncError>>,
    ) -> Result<u64, SyncError> {
        Err(error::bug("PostgreSQL takes changes, and was handed a whole set"))
    }
}
