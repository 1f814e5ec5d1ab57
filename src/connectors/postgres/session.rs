//! Connections: made when needed, kept while they work, never reused after an error.

use std::sync::{Mutex, OnceLock, PoisonError};

use kinfold_sync::SyncError;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::config::ConnectConfig;
use super::failure::Failure;
use super::tls;

/// One connection. Dropping it closes it, and with it an open transaction is rolled back.
pub(super) struct Session {
    pub(super) client: Client,
    /// The columns that its temporary table for `COPY` was made for, if there is one.
    pub(super) stage: Option<Vec<usize>>,
}

/// For all of connecting: the network, TLS, and the login.
const CONNECT_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(30);

/// The connections of one destination that are not in use.
pub(super) struct Sessions {
    config: ConnectConfig,
    tls: OnceLock<MakeRustlsConnect>,
    idle: Mutex<Vec<Session>>,
}

impl Sessions {
    pub(super) fn new(config: ConnectConfig) -> Self {
        Self { config, tls: OnceLock::new(), idle: Mutex::new(vec![]) }
    }

    /// Longer than the server may take for one statement: after this the network is to blame.
    pub(super) fn patience(&self) -> std::time::Duration {
        self.config.statement_timeout + std::time::Duration::from_secs(30)
    }

    /// A connection that works, as far as one can know.
    pub(super) async fn take(&self) -> Result<Session, Failure> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        while let Some(session) = idle() {
            if !session.client.is_closed() {
                return Ok(session);
            }
        }
        self.connect().await
    }

    /// Only for sessions outside a transaction.
    pub(super) fn give_back(&self, session: Session) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(session);
    }

    /// A connection of its own.
    pub(super) async fn connect(&self) -> Result<Session, Failure> {
        let late = || Failure::Retry("PostgreSQL cannot be reached: it gave no answer in time".to_owned());
        tokio::time::timeout(CONNECT_TIMEOUT, self.connect_now()).await.map_err(|_| late())?
    }

    async fn connect_now(&self) -> Result<Session, Failure> {
        let config = &self.config.postgres;
        let client = if config.get_ssl_mode() == SslMode::Disable {
            let (client, connection) = config.connect(NoTls).await.map_err(|e| Failure::of_connect(&e))?;
            tokio::spawn(connection);
            client
        } else {
            let (client, connection) = config.connect(self.tls()?).await.map_err(|e| Failure::of_connect(&e))?;
            tokio::spawn(connection);
            client
        };
        // Dates are read the ISO way and in UTC, whatever the server's defaults are. Notices are not wanted: the client
        // library would log them, and a trigger may put values into them.
        let millis = self.config.statement_timeout.as_millis();
        let ready = format!(
            "SET TIME ZONE 'UTC'; SET datestyle = 'ISO, YMD'; SET statement_timeout = {millis}; SET client_min_messages = error"
        );
        client.batch_execute(&ready).await.map_err(|e| Failure::of_connect(&e))?;
        Ok(Session { client, stage: None })
    }

    fn tls(&self) -> Result<MakeRustlsConnect, SyncError> {
        if let Some(tls) = self.tls.get() {
            return Ok(tls.clone());
        }
        let tls = tls::connector(self.config.verify, self.config.ca_file.as_deref())?;
        Ok(self.tls.get_or_init(|| tls).clone())
    }
}
