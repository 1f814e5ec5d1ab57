//! From settings to what is needed to connect.

use std::borrow::Cow;
use std::path::PathBuf;
use std::time::Duration;

use kinfold_base::Secret;
use kinfold_sync::{Limits, SyncError};
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

use super::tls::Verify;
use crate::ObjectStores;
use crate::error::input;
use crate::settings::Settings;

/// As PostgreSQL's own clients name them.
pub(super) const SSL_MODES: &[&str] = &["disable", "prefer", "require", "verify-ca", "verify-full"];

/// Everything that the settings say.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) connect: ConnectConfig,
    pub(super) schema: Option<String>,
    pub(super) create: bool,
    pub(super) limits: Limits,
}

/// How to connect. Its `Debug` form hides the password.
#[derive(Debug, Clone)]
pub(super) struct ConnectConfig {
    pub(super) postgres: tokio_postgres::Config,
    pub(super) verify: Verify,
    pub(super) ca_file: Option<PathBuf>,
    /// The server's own bound for one statement.
    pub(super) statement_timeout: Duration,
}

impl Config {
    pub(super) fn read(settings: &Settings<'_>, stores: &dyn ObjectStores) -> Result<Self, SyncError> {
        let url = settings.secret("url")?;
        let parts = ["host", "user", "database"];
        let (mut postgres, mut ssl_mode, mut ca_file) = match &url {
            Some(url) => {
                for name in parts {
                    if settings.text(name)?.is_some() {
                        return Err(input(
                            format!("`url` and `{name}` are both set"),
                            format!("the URL says it all: leave out `{name}`"),
                        ));
                    }
                }
                if settings.integer("port", 1, 65_535)?.is_some() {
                    return Err(input("`url` and `port` are both set", "the URL says it all: leave out `port`"));
                }
                parse_url(url)?
            }
            None => (from_parts(settings)?, None, None),
        };
        if let Some(password) = settings.secret("password")? {
            postgres.password(password.expose());
        }
        if let Some(mode) = settings.text("sslmode")? {
            ssl_mode = Some(mode.into_owned());
        }
        if let Some(file) = settings.text("ca_file")? {
            ca_file = Some(file.into_owned());
        }
        let nearby = is_nearby(&postgres);
        let unless_said = match &ca_file {
            // Whoever names a certificate to trust wants the server to be held against it.
            Some(_) => "verify-full",
            None if nearby => "prefer",
            None => "require",
        };
        let verify = protect(&mut postgres, ssl_mode.as_deref().unwrap_or(unless_said))?;
        let statement_timeout = Duration::from_secs(settings.integer("timeout_secs", 1, 86_400)?.unwrap_or(300).into());
        if postgres.get_application_name().is_none() {
            postgres.application_name("kinfold");
        }
        postgres.connect_timeout(Duration::from_secs(15));
        postgres.keepalives_idle(Duration::from_secs(30));
        if postgres.get_hosts().len() > 1 {
            postgres.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        Ok(Self {
            connect: ConnectConfig { postgres, verify, ca_file: ca_file.map(|f| stores.local(&f)), statement_timeout },
            schema: settings.text("schema")?.map(Cow::into_owned),
            create: settings.boolean("create", false)?,
            limits: Limits {
                batch_rows: settings.integer("batch_size", 1, 1_000_000)?.unwrap_or(10_000) as usize,
                batch_bytes: 16 << 20,
                concurrency: settings.integer("concurrency", 1, 64)?.unwrap_or(2) as usize,
                requests_per_second: None,
                whole: false,
            },
        })
    }
}

impl ConnectConfig {
    /// Where the database is: `host:5432/database`, without the user.
    pub(super) fn place(&self) -> String {
        let config = &self.postgres;
        let mut hosts: Vec<String> = config.get_hosts().iter().map(host_name).collect();
        if hosts.is_empty() {
            hosts = config.get_hostaddrs().iter().map(ToString::to_string).collect();
        }
        let port = |i: usize| config.get_ports().get(i).or(config.get_ports().first()).copied().unwrap_or(5432);
        let hosts: Vec<String> = hosts.iter().enumerate().map(|(i, host)| format!("{host}:{}", port(i))).collect();
        let database = config.get_dbname().or(config.get_user()).unwrap_or_default();
        format!("{}/{database}", hosts.join(","))
    }
}

fn host_name(host: &Host) -> String {
    match host {
        Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        Host::Unix(folder) => folder.display().to_string(),
    }
}

/// Takes the options out of a URL that the client library does not know, and has it read the rest.
fn parse_url(url: &Secret) -> Result<(tokio_postgres::Config, Option<String>, Option<String>), SyncError> {
    let wrong = || {
        input(
            "the secret `url` is not a PostgreSQL URL",
            "write postgresql://user:password@host:5432/database, with special characters in the password percent-encoded",
        )
    };
    let url = url.expose();
    if !(url.starts_with("postgres://") || url.starts_with("postgresql://")) {
        return Err(wrong());
    }
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let (mut ssl_mode, mut ca_file, mut rest) = (None, None, vec![]);
    for option in query.split('&').filter(|o| !o.is_empty()) {
        match option.split_once('=') {
            Some(("sslmode", mode)) => ssl_mode = Some(mode.to_owned()),
            Some(("sslrootcert", "system")) => ca_file = None,
            Some(("sslrootcert", file)) => ca_file = Some(file.to_owned()),
            _ => rest.push(option),
        }
    }
    let plain = if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
    let config: tokio_postgres::Config = plain.parse().map_err(|_| wrong())?;
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        return Err(wrong());
    }
    Ok((config, ssl_mode, ca_file))
}

fn from_parts(settings: &Settings<'_>) -> Result<tokio_postgres::Config, SyncError> {
    let missing = |name: &str| {
        input(format!("the setting `{name}` is missing"), "give either `url`, or `host`, `user` and `database`")
    };
    let mut config = tokio_postgres::Config::new();
    config.host(&*settings.text("host")?.ok_or_else(|| missing("host"))?);
    config.user(&*settings.text("user")?.ok_or_else(|| missing("user"))?);
    if let Some(database) = settings.text("database")? {
        config.dbname(&*database);
    }
    if let Some(port) = settings.integer("port", 1, 65_535)? {
        config.port(u16::try_from(port).unwrap_or(5432));
    }
    Ok(config)
}

/// Whether every host is this machine itself, where nobody listens on the wire.
fn is_nearby(config: &tokio_postgres::Config) -> bool {
    config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback()),
        #[cfg(unix)]
        Host::Unix(_) => true,
    }) && config.get_hostaddrs().iter().all(std::net::IpAddr::is_loopback)
}

fn protect(config: &mut tokio_postgres::Config, mode: &str) -> Result<Verify, SyncError> {
    let (mode, verify) = match mode {
        "disable" => (SslMode::Disable, Verify::Nothing),
        "prefer" => (SslMode::Prefer, Verify::Nothing),
        "require" => (SslMode::Require, Verify::Nothing),
        "verify-ca" => (SslMode::Require, Verify::Chain),
        "verify-full" => (SslMode::Require, Verify::ChainAndName),
        _ => return Err(input("`sslmode` is not known", format!("write one of {}", SSL_MODES.join(", ")))),
    };
    config.ssl_mode(mode);
    Ok(verify)
}
